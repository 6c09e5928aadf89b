/** Runs tasks from outside of an engine that has none: see `runTasks`. */
import { join } from 'node:path'
import { UserError } from '../../dialect/index.js'
import { dueRun, neverRun, nextRun, type Schedule } from '../../dialect/jobs/index.js'
import { type ProtonClient, quoteStream } from '../../driver/index.js'
import { Checkpoint } from './checkpoint.js'
import { isAway, pause, pauseBefore, pauseWhileAway } from './patience.js'
import { Spool } from './spool.js'

export interface RunnableTask {
  name: string
  schedule: Schedule
  /** How long one run may take. */
  timeoutMs?: number
  /** The query, as the edition spells it. */
  sql: string
  into: string | { database: string; name: string }
}

/** What is remembered of a task. Instants are in ms since 1970. */
export interface TaskState {
  /** When the last run was due that was begun. */
  last: number
  /** The run that was begun and is not over. */
  running?: TaskRun
  runs: number
  failures: number
  lastRun?: { scheduledAt: number; startedAt: number; tookMs: number; rows: number; error: string }
}

interface TaskRun {
  /** The target takes what bears one id only once. */
  id: string
  scheduledAt: number
  startedAt: number
  /** The query was answered; these rows are to be inserted, and no others. */
  answer?: { into: RunnableTask['into']; columns: string[]; rows: number }
}

/** How long the target may take. */
interface Patience {
  signal: AbortSignal | undefined
  timeoutMs?: number
}

export type TaskEvent =
  | {
      event: 'run'
      task: string
      scheduledAt: string
      outcome: 'ok' | 'failed'
      rows: number
      tookMs: number
      attempts: number
      error?: string
    }
  | { event: 'retry'; task: string; error: string; inMs: number }
  | { event: 'away'; task: string; error: string; inMs: number }

export interface RunTasksOptions {
  client: ProtonClient
  /** Checkpoints and answers lie here; of one target, and of one runner at a time. */
  folder: string
  /** Tells the ids of one project from those of another. */
  project: string
  /** Run what is due, and leave. */
  once?: boolean
  /** How often a run that fails is tried again. */
  retries: number
  signal: AbortSignal
  onEvent: (event: TaskEvent) => void
}

/** Looks at a target that is away before `once` gives up. */
const LOOKS_ONCE = 3

/**
 * Runs each task when it is due, never one beside itself. That a run begins is written down before it does, and that
 * it is over after it is; its answer lies in a file before the first row is inserted. So a runner that is killed goes
 * on with the same run and the same rows under the same id: no run is left out, and none counts twice as long as the
 * target remembers the id. Runs that were due while no runner ran are made up for by one.
 */
export async function runTasks(tasks: readonly RunnableTask[], options: RunTasksOptions): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const loops = tasks.map((task) =>
    new TaskLoop(task, { ...options, signal }).run().catch((error: unknown) => {
      failed.abort()
      throw error
    }),
  )
  const settled = await Promise.allSettled(loops)
  const first = settled.find((one) => one.status === 'rejected')
  if (first) throw first.reason
}

class TaskLoop {
  readonly #checkpoint: Checkpoint<TaskState>
  readonly #spool: Spool
  #state!: TaskState

  constructor(
    readonly task: RunnableTask,
    readonly options: RunTasksOptions,
  ) {
    this.#checkpoint = Checkpoint.of(options.folder, task.name)
    this.#spool = new Spool(join(options.folder, `${encodeURIComponent(task.name)}.answer`))
  }

  async run(): Promise<void> {
    const { task, options } = this
    const known = await this.#checkpoint.read()
    if (known) this.#state = known
    else await this.#note({ last: neverRun(task.schedule, Date.now()), runs: 0, failures: 0 })
    let begun = false
    while (!options.signal.aborted) {
      if (!this.#state.running) {
        // A task that is due again by now was not when the runner came.
        if (options.once && begun) return
        const now = Date.now()
        const due = dueRun(task.schedule, this.#state.last, now)
        if (due === undefined) {
          if (options.once) return
          await pause(nextRun(task.schedule, this.#state.last) - now, options.signal)
          continue
        }
        const id = `tpctl-${options.project}-task-${task.name}-${due}`
        await this.#note({ ...this.#state, last: due, running: { id, scheduledAt: due, startedAt: now } })
        begun = true
      }
      await this.#runThrough()
    }
  }

  async #note(state: TaskState): Promise<void> {
    await this.#checkpoint.write(state)
    this.#state = state
  }

  /** Until the run that is noted is over, or the runner is to end: it then stays noted. */
  async #runThrough(): Promise<void> {
    const { task, options } = this
    const begun = performance.now()
    let misses = 0
    for (let attempt = 1; ; attempt++) {
      try {
        const rows = await this.#attempt()
        return await this.#over({ rows, attempts: attempt, error: '', tookMs: performance.now() - begun })
      } catch (cause) {
        const error = (cause as Error).message
        if (isAway(cause)) {
          misses++
          // The target did not say no: this was no attempt.
          attempt--
          if (options.once && misses >= LOOKS_ONCE) throw cause
          const inMs = pauseWhileAway(misses)
          options.onEvent({ event: 'away', task: task.name, error, inMs })
          await pause(inMs, options.signal)
        } else if (attempt > options.retries) {
          return await this.#over({ rows: 0, attempts: attempt, error, tookMs: performance.now() - begun })
        } else {
          misses = 0
          const inMs = pauseBefore(attempt)
          options.onEvent({ event: 'retry', task: task.name, error, inMs })
          await pause(inMs, options.signal)
        }
        if (options.signal.aborted) return
      }
    }
  }

  /** Asks, keeps the answer, and inserts it; an answer that is there already is inserted again. Returns its rows. */
  async #attempt(): Promise<number> {
    const { client } = this.options
    const { timeoutMs } = this.task
    const signal = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
    // The driver's own patience with a silent server must not be the shorter one.
    const patience = { signal, ...(timeoutMs === undefined ? {} : { timeoutMs: timeoutMs + 1_000 }) }
    try {
      const run = this.#state.running!
      const answer = run.answer ?? (await this.#ask(run, patience))
      if (answer.rows > 0)
        await client.insert(answer.into, this.#spool.rows(), {
          columns: answer.columns,
          idempotentId: run.id,
          ...patience,
          // Proton writes the times of UTC with a Z at their end, which its plain reader does not take.
          settings: { date_time_input_format: 'best_effort' },
        })
      return answer.rows
    } catch (cause) {
      if (!signal?.aborted) throw cause
      throw new UserError('TASK_TIMEOUT', `It took longer than its timeout of ${timeoutMs} ms.`, { cause })
    }
  }

  async #ask(run: TaskRun, patience: Patience): Promise<NonNullable<TaskRun['answer']>> {
    const { client } = this.options
    const { into, sql } = this.task
    const known = new Set(
      (await client.rows<{ name: string }>(`DESCRIBE ${quoteStream(into)}`, patience)).map(
        ({ name }) => name,
      ),
    )
    const result = await client.query(sql, {
      mode: 'table',
      ...patience,
      settings: { output_format_json_quote_denormals: true },
    })
    // Columns go to the target by name, as those of a view do.
    const columns = (await result.columns).map(({ name }) => name).filter((name) => known.has(name))
    if (columns.length === 0) {
      await result.abort()
      throw new UserError('TASK_COLUMNS', `No column of the query is a column of ${quoteStream(into)}.`)
    }
    const rows = await this.#spool.fill(valuesOf(result.rows, columns))
    const answer = { into, columns, rows }
    await this.#note({ ...this.#state, running: { ...run, answer } })
    return answer
  }

  async #over(end: { rows: number; attempts: number; error: string; tookMs: number }): Promise<void> {
    const { running, ...state } = this.#state
    const { scheduledAt, startedAt } = running!
    const { rows, attempts, error } = end
    const tookMs = Math.round(end.tookMs)
    await this.#note({
      ...state,
      runs: state.runs + 1,
      failures: state.failures + (error === '' ? 0 : 1),
      lastRun: { scheduledAt, startedAt, tookMs, rows, error },
    })
    await this.#spool.remove()
    this.options.onEvent({
      event: 'run',
      task: this.task.name,
      scheduledAt: new Date(scheduledAt).toISOString(),
      outcome: error === '' ? 'ok' : 'failed',
      rows,
      tookMs,
      attempts,
      ...(error === '' ? {} : { error }),
    })
  }
}

async function* valuesOf(
  rows: AsyncIterable<Record<string, unknown>>,
  columns: readonly string[],
): AsyncGenerator<unknown[]> {
  for await (const row of rows) yield columns.map((name) => row[name])
}
