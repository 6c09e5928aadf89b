import type { Output } from '../output.js'
import { drawPipes, type Pipe } from './graph.js'
import type { OutsideStatus } from './outside.js'
import type { StreamStatus, ViewState } from './read.js'

/** One look at a pipeline. */
export interface Look {
  target: string
  /** What earlier applies left half done or keep. */
  leftovers: string[]
  streams: StreamStatus[]
  views: ViewState[]
  /** Tasks and alerts that run outside of the target. */
  outside: OutsideStatus[]
  pipes: Pipe[]
}

/** `now`: for the age of checkpoints. */
export function showLook(output: Output, look: Look, now = Date.now()): void {
  const { streams, views, outside, pipes, leftovers } = look
  for (const line of leftovers) output.line(output.color('yellow', line))
  if (leftovers.length > 0) output.line()
  const right = (title: string) => ({ title, align: 'right' as const })
  const shown = streams.filter(({ kind }) => kind === 'stream' || kind === 'external_stream')
  output.table(
    [{ title: 'stream' }, right('rows'), right('rows/s'), right('KB'), right('rejected')],
    shown.map(({ name, kind, rows, rowsPerSecond, bytes, rejected }) => {
      const own =
        kind === 'external_stream' ? ['–', '–', '–'] : [rows, rowsPerSecond, bytes / 1024].map(number)
      return [name, ...own, number(rejected)]
    }),
  )
  if (views.length > 0) {
    output.line()
    output.table(
      [
        ...[{ title: 'view' }, { title: 'state' }, right('lag'), right('rows in'), right('rows out')],
        ...[right('state KB'), right('checkpoint'), { title: 'last error', maxWidth: 40 }],
      ],
      views.map((view) => [
        ...[view.name, view.state, number(view.lag), number(view.rowsIn), number(view.rowsOut)],
        ...[number(view.stateBytes / 1024), age(view.lastCheckpoint, now), view.lastError],
      ]),
    )
  }
  if (outside.length > 0) {
    output.line()
    output.table(
      [
        ...[{ title: 'outside' }, { title: 'run by' }, { title: 'state' }, right('done'), right('failed')],
        ...[right('last'), { title: 'last error', maxWidth: 40 }],
      ],
      outside.map((job) => [
        ...[
          job.name,
          job.command,
          job.running ? 'running' : 'no runner',
          number(job.done),
          number(job.failed),
        ],
        ...[age(job.last, now), job.lastError],
      ]),
    )
  }
  for (const { name, lastError } of views.filter((view) => view.lastError !== '')) {
    output.line()
    output.line(`${output.color('red', name)}: ${lastError}`)
  }
  const byName = new Map(views.map((view) => [view.name, view]))
  output.line()
  for (const line of drawPipes(pipes, (name) => noteOf(byName.get(name), output))) output.line(line)
}

function noteOf(view: ViewState | undefined, output: Output): string {
  if (!view) return ''
  if (view.state !== 'running') return output.color('red', view.state)
  return view.lag > 0 ? output.color('yellow', `lag ${view.lag}`) : ''
}

function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 })
}

/** `3 s ago`, `5 m ago`. */
export function age(iso: string, now: number): string {
  if (iso === '') return '–'
  const seconds = Math.max(0, Math.round((now - Date.parse(iso)) / 1000))
  for (const [unit, size] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ] as const) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`
  }
  return `${seconds} s ago`
}
