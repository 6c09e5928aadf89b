/** Scheduled tasks: a historical query each so often, its rows into a stream. Runs of one task never overlap. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { CreateTask } from '../../dialect/ast.js'
import { parseStatement } from '../../dialect/index.js'
import { nextRun, type Schedule } from '../../dialect/jobs/index.js'
import type { StoredMap } from '../catalog/stored_map.js'
import type { QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { type StatementDeps, settingsText } from '../statements/deps.js'
import { clientError } from '../statements/errors.js'
import { type InsertTarget, write } from '../statements/insert.js'
import { intervalMs } from '../streaming/index.js'

export interface TaskRecord {
  uuid: string
  database: string
  name: string
  /** The CREATE statement. */
  sql: string
  createdAt: number
  paused: boolean
  runs: number
  failures: number
  lastRun?: { startedAt: number; tookMs: number; rows: number; error: string }
}

interface Running {
  stop: AbortController
  loop: Promise<void>
  /** In ms of the wall clock; 0: it runs right now. */
  nextAt: number
}

export class TaskScheduler {
  readonly #running = new Map<string, Running>()

  constructor(
    readonly deps: Omit<StatementDeps, 'tasks' | 'alerts'>,
    readonly records: StoredMap<TaskRecord>,
  ) {}

  /** Brings up what is not paused; a run that is overdue is made up for at once. */
  recover(): void {
    for (const [key, record] of this.records.list()) if (!record.paused) this.#start(key)
  }

  async put(key: string, record: TaskRecord): Promise<void> {
    await this.#stop(key)
    await this.records.put(key, record)
    if (!record.paused) this.#start(key)
  }

  async remove(key: string): Promise<void> {
    await this.#stop(key)
    await this.records.remove(key)
  }

  async pause(key: string, paused: boolean): Promise<void> {
    const record = this.records.get(key)!
    if (record.paused === paused) return
    await this.put(key, { ...record, paused })
  }

  state(key: string): { state: 'running' | 'scheduled' | 'paused'; nextAt: number } {
    const running = this.#running.get(key)
    if (!running) return { state: 'paused', nextAt: 0 }
    return { state: running.nextAt === 0 ? 'running' : 'scheduled', nextAt: running.nextAt }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((key) => this.#stop(key)))
  }

  #start(key: string): void {
    const stop = new AbortController()
    const running: Running = { stop, nextAt: 0, loop: Promise.resolve() }
    this.#running.set(key, running)
    running.loop = this.#loop(key, running)
  }

  async #stop(key: string): Promise<void> {
    const running = this.#running.get(key)
    if (!running) return
    this.#running.delete(key)
    running.stop.abort(new EngineError('QUERY_WAS_CANCELLED', 'The task was stopped'))
    await running.loop
  }

  async #loop(key: string, running: Running): Promise<void> {
    const { signal } = running.stop
    const statement = taskStatement(this.records.get(key)!)
    const schedule = taskSchedule(statement)
    while (!signal.aborted) {
      const { lastRun } = this.records.get(key)!
      const due = lastRun ? nextRun(schedule, lastRun.startedAt) : Date.now()
      running.nextAt = Math.max(due, Date.now())
      await sleep(running.nextAt - Date.now(), undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      running.nextAt = 0
      const done = await this.#run(statement, this.records.get(key)!, signal)
      if (signal.aborted) return
      await this.records.put(key, done).catch(() => {})
    }
  }

  async #run(statement: CreateTask, record: TaskRecord, signal: AbortSignal): Promise<TaskRecord> {
    const startedAt = Date.now()
    let rows = 0
    let error = ''
    try {
      rows = await this.#insert(statement, record, signal)
    } catch (cause) {
      error = clientError(cause).text()
    }
    const lastRun = { startedAt, tookMs: Date.now() - startedAt, rows, error }
    return {
      ...record,
      runs: record.runs + 1,
      failures: record.failures + (error === '' ? 0 : 1),
      lastRun,
    }
  }

  /** Columns go to the target by name, as those of a view do. */
  async #insert(statement: CreateTask, record: TaskRecord, signal: AbortSignal): Promise<number> {
    const { deps } = this
    const queryId = `task-${record.uuid}-${record.runs + 1}`
    const timeoutMs = statement.timeout && intervalMs(statement.timeout)
    const timeout = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)
    const running = deps.queries.start({
      id: queryId,
      user: '',
      text: record.sql,
      database: record.database,
    })
    const stop = AbortSignal.any([signal, running.abort.signal, ...(timeout ? [timeout] : [])])
    const kill = () => void deps.chdb.kill(queryId).catch(() => {})
    stop.addEventListener('abort', kill, { once: true })
    let failed = true
    try {
      const context = taskContext(record.database, queryId, statement, stop)
      const target = taskTarget(statement, deps)
      const plan = await deps.planner.plan(statement.query, context)
      try {
        stop.throwIfAborted()
        const known = new Set(target.columns.map((column) => column.name))
        const names = plan.columns.map(({ name }) => name).filter((name) => known.has(name))
        const source = { kind: 'select' as const, select: plan.sql, columns: names, picked: names }
        const rows = await write(target, source, {}, deps, { queryId, signal: stop })
        failed = false
        return rows
      } finally {
        await plan.release()
      }
    } catch (cause) {
      if (!timeout?.aborted) throw cause
      throw new EngineError('TIMEOUT_EXCEEDED', `The task took longer than its timeout of ${timeoutMs} ms`)
    } finally {
      stop.removeEventListener('abort', kill)
      deps.queries.finish(running, failed)
    }
  }
}

export function taskStatement(record: Pick<TaskRecord, 'sql'>): CreateTask {
  return parseStatement(record.sql) as CreateTask
}

/** Throws 48 for anything but an interval, as Timeplus knows nothing else; 36 for one that is not positive. */
export function taskSchedule({ schedule }: CreateTask): Schedule {
  if (schedule.kind !== 'interval')
    throw new EngineError('NOT_IMPLEMENTED', 'SCHEDULE by anything but an interval is not supported')
  const every: Schedule = { kind: 'every', ms: intervalMs(schedule) }
  if (every.ms <= 0) throw new EngineError('BAD_ARGUMENTS', 'SCHEDULE of a task must be a positive interval')
  return every
}

export function taskContext(
  database: string,
  queryId: string,
  statement: CreateTask,
  signal: AbortSignal,
): QueryContext {
  const settings = settingsText(statement.query.settings)
  return { queryId, user: '', database, settings, params: {}, tableMode: true, signal }
}

/** Throws 60, 80. */
export function taskTarget(statement: CreateTask, { catalog }: Pick<StatementDeps, 'catalog'>): InsertTarget {
  const target = catalog.require(statement.into)
  if (target.kind === 'stream' || target.kind === 'external_stream') return target
  throw new EngineError(
    'INCORRECT_QUERY',
    `A task writes into a stream, not into a ${target.kind.replace('_', ' ')}`,
  )
}
