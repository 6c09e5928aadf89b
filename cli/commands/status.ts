import type { Command } from 'commander'
import { compile } from '../../bootstrap/compile.js'
import { assertReachable } from '../../bootstrap/live.js'
import { action } from '../context.js'
import { drawPipes, pipesOf } from '../status/graph.js'
import { readStreams, readViews } from '../status/read.js'
import { openProject } from '../target.js'

/** Between the two looks that rows per second are taken from. */
const INTERVAL_MS = 1_000

export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('rows, rows/s, lag and last error of each object, and the pipeline as a graph')
    .action(
      action<object, []>(async (context) => {
        const { output } = context
        const { project, client } = await openProject(context)
        try {
          await assertReachable(client, context.signal)
          const deployment = compile(project)
          const embedded = deployment.edition === 'embedded'
          const stored = deployment.objects.filter(({ kind }) => kind === 'stream').map(({ name }) => name)
          const [streams, views] = [
            await readStreams(client, embedded, INTERVAL_MS, stored),
            await readViews(client, embedded),
          ]
          const number = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: 1 })
          const right = (title: string) => ({ title, align: 'right' as const })
          const shown = streams.filter(({ kind }) => kind === 'stream' || kind === 'external_stream')
          output.table(
            [{ title: 'stream' }, right('rows'), right('rows/s'), right('KB'), right('rejected')],
            shown.map((stream) => [
              stream.name,
              stream.kind === 'external_stream' ? '–' : number(stream.rows),
              stream.kind === 'external_stream' ? '–' : number(stream.rowsPerSecond),
              stream.kind === 'external_stream' ? '–' : number(stream.bytes / 1024),
              number(stream.rejected),
            ]),
          )
          if (views.length > 0) {
            output.line()
            output.table(
              [
                { title: 'view' },
                { title: 'state' },
                right('lag'),
                right('rows in'),
                right('rows out'),
                { title: 'last error', maxWidth: 40 },
              ],
              views.map((view) => [
                view.name,
                view.state,
                number(view.lag),
                number(view.rowsIn),
                number(view.rowsOut),
                view.lastError,
              ]),
            )
          }
          for (const { name, lastError } of views.filter((view) => view.lastError !== '')) {
            output.line()
            output.line(`${output.color('red', name)}: ${lastError}`)
          }
          const byName = new Map(views.map((view) => [view.name, view]))
          output.line()
          for (const line of drawPipes(pipesOf(deployment.objects), (name) => {
            const view = byName.get(name)
            if (!view || view.state === 'running')
              return view && view.lag > 0 ? output.color('yellow', `lag ${view.lag}`) : ''
            return output.color('red', view.state)
          })) {
            output.line(line)
          }
          output.result({ target: project.target.name, streams, views, pipes: pipesOf(deployment.objects) })
        } finally {
          await client.close()
        }
      }),
    )
}
