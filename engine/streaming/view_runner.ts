import type { Query } from '../../dialect/ast.js'
import { viewsOnTheWay } from '../catalog/dependencies.js'
import { atRank } from '../chdb/turns.js'
import type { MaterializedViewObject, QueryContext, ViewStatus } from '../contracts.js'
import { EngineError } from '../errors.js'
import { respell } from '../planner/index.js'
import { build } from './build.js'
import type { Delta } from './operator.js'
import { Pipe, type StreamingDeps } from './pipe.js'
import { Progress, rowsOf } from './progress.js'
import { Pump, piecesOf, sleep } from './pump.js'
import type { BatchRecord, BatchRecords } from './records.js'
import type { Scan } from './scan.js'
import { Sink } from './sink.js'
import { type Layout, succession } from './succession.js'
import { settingsOf } from './syntax.js'

/** Pauses between the attempts at a batch that fails, in ms; the last one repeats. */
const BACKOFF_MS = [100, 500, 1_000, 5_000, 10_000, 15_000, 20_000, 30_000]
/** Attempts at a batch before a `best_effort` view looks for the row that is to blame (`recovery_retry_for_sn_failure`). */
const BLAME_AFTER = 3
/** Errors that no row is to blame for: skipping rows would lose them for nothing. */
const CIRCUMSTANCES = new Set([60, 159, 241, 243, 394, 2526, 2531])

/** Batches of so many rows are worth no part of a table for their results. */
const FEW_ROWS = 500

type State = ViewStatus['state']

interface Parts {
  pipe: Pipe
  pump: Pump
  sink: Sink
}

/** One materialized view: each batch is recorded, run, and written with a token made of the view and the batch's number. */
export class ViewRunner {
  #state: State = 'starting'
  #lastError: string | undefined
  #batches = 0
  #lastBatchAt: number | undefined
  #stop = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #parts: Parts | undefined
  /** What runs, or ran last: plain views that are replaced meanwhile mean nothing to what it has kept. */
  #built: Query | undefined
  #lastSources: ViewStatus['sources'] = [{ name: '', processed: 0, available: 0 }]
  readonly #bestEffort: boolean
  readonly #progress: Progress

  constructor(
    readonly deps: StreamingDeps,
    readonly records: BatchRecords,
    readonly view: MaterializedViewObject,
    readonly context: QueryContext,
    /** The view's query with its views expanded. */
    readonly expand: () => MaterializedViewObject['statement']['query'],
  ) {
    const { statement } = view
    const settings = { ...settingsOf(statement.storageSettings), ...settingsOf(statement.query.settings) }
    this.#bestEffort = settings.recovery_policy === 'best_effort'
    this.#progress = new Progress(records, this.pipeline)
  }

  get pipeline(): number {
    return this.view.pipeline ?? this.view.id
  }

  /** Of its tables and tokens. */
  get id(): string {
    return `v${this.pipeline}`
  }

  /** Of its inboxes, whatever its query is. */
  get #owner(): string {
    return `v${this.view.id}`
  }

  /** Builds the pipeline, so that errors are the caller's, and starts it where the query says. */
  async create(): Promise<void> {
    await this.#open()
    await this.#progress.start()
    this.#start()
  }

  /** After a restart: from the last recorded batch on. Failures to build are retried like failing batches. */
  recover(paused = false): void {
    if (paused) {
      this.#state = 'paused'
      this.#loop = this.#peek()
    } else this.#start()
  }

  async pause(): Promise<void> {
    await this.#halt()
    this.#state = 'paused'
  }

  resume(): void {
    if (this.#state === 'paused') this.#start()
  }

  get paused(): boolean {
    return this.#state === 'paused'
  }

  /** Ends it; with `drop` nothing of it remains. */
  async close(drop: boolean): Promise<void> {
    await this.#halt()
    if (!drop) return
    await this.forget()
    await this.deps.external.discard(this.#owner)
  }

  /** Drops its state; its inboxes stay for a successor. */
  async forget(): Promise<void> {
    await this.#halt()
    this.records.remove(this.pipeline)
    await this.records.dropTables(this.id)
  }

  /** Makes this pipeline ready to go on where `old` stopped, which has been paused. It is left paused. */
  async takeOver(old: ViewRunner): Promise<void> {
    this.#state = 'paused'
    const record = this.records.read(old.pipeline)
    if (!record) throw new EngineError('LOGICAL_ERROR', `${this.view.name.name} has no record of its batches`)
    const plan = succession(await old.layout(), await this.layout())
    if (plan.stateful && record.phase === 'begun') {
      throw new EngineError(
        'INCORRECT_QUERY',
        `The view has a batch that is not through, and its state cannot be changed meanwhile. ${old.#lastError ?? 'Repeat the statement'}`,
      )
    }
    for (const copy of plan.copies) await this.records.copyTable(old.id, this.id, copy)
    this.records.write(this.pipeline, {
      ...record,
      batch: plan.batch(record.batch),
      states: plan.states(record.states),
      ...(record.phase === 'begun' ? { begunAs: record.begunAs ?? old.id } : {}),
    })
  }

  /** What the query is made of; nothing is read for it. */
  async layout(): Promise<Layout> {
    const pipe = new Pipe(`q${this.id}`, undefined, this.deps, this.context, this.id, true)
    try {
      const query = this.#built ?? this.expand()
      const built = await build(pipe, query)
      return { ...built, query, tables: [...pipe.tables] }
    } finally {
      await pipe.close(true)
    }
  }

  status(): ViewStatus {
    return {
      name: this.view.name,
      state: this.#state,
      lastError: this.#lastError ?? this.#sourceError(),
      sources: this.#sources(),
      rowsIn: this.#progress.rowsIn,
      rowsOut: this.#progress.rowsOut,
      batches: this.#batches,
      lastBatchAt: this.#lastBatchAt,
    }
  }

  /** As of a pump. A paused view has nothing to do; one that tries a batch again has. */
  get quiet(): boolean {
    if (this.#state === 'paused') return true
    return this.#state === 'running' && (this.#parts?.pump.quiet ?? false)
  }

  /** As last known. Before the pipeline was ever built nothing can be said to be processed. */
  #sources(): ViewStatus['sources'] {
    const scans = this.#parts?.pump.scans
    if (scans) {
      this.#lastSources = scans.map((scan) => ({
        name: scan.label,
        processed: scan.position,
        available: scan.available + scan.unread,
      }))
    }
    return this.#lastSources
  }

  /** What keeps a source from being read: its broker is away, its topic is gone. */
  #sourceError(): string | undefined {
    for (const { options, label } of this.#parts?.pump.scans ?? []) {
      const error = options.inbox?.lastError()
      if (error !== undefined) return `Reading ${label}: ${error}`
    }
    return undefined
  }

  async #open(): Promise<Parts> {
    const label = `${this.view.name.database}.${this.view.name.name}`
    const pipe = new Pipe(this.id, this.#owner, this.deps, this.context, label)
    try {
      const query = this.#built ?? this.expand()
      const { root, scans } = await build(pipe, query)
      this.#built = query
      const sink = Sink.open(pipe, this.view, root.columns)
      const parts = { pipe, sink, pump: new Pump(root, scans) }
      this.#parts = parts
      this.#progress.attach(parts.pump)
      return parts
    } catch (cause) {
      await pipe.close(false)
      throw cause
    }
  }

  /** Looks where a view that stays paused stands. Where its pipeline cannot be built, that stays unknown. */
  async #peek(): Promise<void> {
    try {
      await this.#open()
      await this.#progress.resume()
    } catch (cause) {
      this.#lastError = respell(cause).message
    }
    await this.#leave()
  }

  #start(): void {
    const before = this.#loop
    this.#stop = new AbortController()
    this.#state = 'starting'
    const run = () => this.#run(this.#stop.signal)
    this.#loop = before.then(() => atRank(viewsOnTheWay(this.view, this.deps.catalog.list()), run))
  }

  async #halt(): Promise<void> {
    this.#stop.abort()
    await this.#loop
    // Where it cannot be written, the batch is run again and its tokens tell that it was through.
    await this.#progress.settle().catch(() => undefined)
    await this.#leave()
  }

  /** Closes the pipeline, and remembers where it stood. */
  async #leave(): Promise<void> {
    const parts = this.#parts
    const sources = this.#sources()
    this.#parts = undefined
    this.#progress.detach()
    if (!parts) return
    const seeks = await Promise.all(parts.pump.scans.map((scan) => scan.seekTo().catch(() => undefined)))
    this.#lastSources = sources.map((source, i) => ({ ...source, seek: seeks[i] }))
    parts.pump.close()
    await parts.pipe.close(false)
  }

  async #run(signal: AbortSignal): Promise<void> {
    const parts = await this.#untilDone(signal, async () => {
      const built = this.#parts ?? (await this.#open())
      const again = await this.#progress.resume()
      if (again) await this.#attempt(built, again, signal, true)
      return built
    })
    if (!parts) return
    const { pump } = parts
    this.#state = 'running'
    while (!signal.aborted) {
      const batch = await this.#untilDone(signal, async () => (await pump.next(signal)) ?? null)
      if (!batch) return
      await this.#attempt(parts, this.#progress.plan(batch), signal)
    }
  }

  /** Runs a batch until it is through, given up by `best_effort`, or the view is stopped. */
  async #attempt(parts: Parts, record: BatchRecord, signal: AbortSignal, again = false): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#execute(parts, record, attempt === 0 && !again)
        this.#state = 'running'
        this.#lastError = undefined
        return
      } catch (cause) {
        await parts.pipe.endBatch()
        this.#failed(cause)
        if (this.#bestEffort && attempt + 1 >= BLAME_AFTER && (await this.#blame(parts, record, cause)))
          return
        await sleep(signal, BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)]!)
      }
    }
  }

  /** `first`: nobody has run this batch before. */
  async #execute(parts: Parts, record: BatchRecord, first: boolean): Promise<void> {
    const { pipe, pump, sink } = parts
    const { batch } = record
    const started = Date.now()
    pipe.committed = 0
    await this.#progress.begin(record)
    pipe.fault('recorded')
    const deltas: Delta[] = []
    const counts: (() => number | undefined)[] = []
    for (const piece of piecesOf(batch)) {
      const delta = await pump.step(piece)
      if (!delta) continue
      deltas.push(delta)
      counts.push(() => pump.count(piece))
    }
    pipe.fault('stepped')
    const token = `${record.begunAs ?? this.id}:${batch.seq}:out`
    const fresh = first ? { counts, few: rowsOf(batch) <= FEW_ROWS } : {}
    const written = deltas.length > 0 ? await sink.write(deltas, token, fresh) : 0
    pipe.fault('written')
    await pump.finish(batch, Date.now() - started)
    await pipe.endBatch()
    this.#batches++
    this.#lastBatchAt = Date.now()
    this.#progress.done(record, written)
  }

  /**
   * Narrows a failing batch down: smaller batches first, and when a single row fails it goes to the dead
   * letters. Only where nothing of the batch is committed: else it has to be finished as it is.
   */
  async #blame(parts: Parts, record: BatchRecord, cause: unknown): Promise<boolean> {
    const { pipe, pump } = parts
    if (
      record.begunAs !== undefined ||
      pipe.committed > 0 ||
      (cause instanceof EngineError && CIRCUMSTANCES.has(cause.code))
    )
      return false
    const ranges = Object.entries(record.batch.ranges)
    const rows = rowsOf(record.batch)
    if (rows === 0) return false
    pump.load(record.states)
    if (rows > 1) {
      pump.limit = Math.max(1, Math.floor(Math.max(...ranges.map(([, r]) => r.to - r.from)) / 2))
      // One row of each scan, and still too many: the first scan goes alone.
      if (pump.limit === 1 && ranges.length > 1) pump.only = Number(ranges[0]![0])
      await this.#progress.rest(record.batch)
      return true
    }
    const [id, range] = ranges[0]!
    const scan = pump.scans[Number(id)]!
    await this.#bury(scan, range.to, cause)
    scan.position = range.to
    pump.only = undefined
    await this.#progress.rest(record.batch)
    return true
  }

  async #bury(scan: Scan, sn: number, cause: unknown): Promise<void> {
    const error = cause instanceof Error ? cause.message : String(cause)
    await this.deps.deadLetter?.({
      view: `${this.view.name.database}.${this.view.name.name}`,
      source: scan.label,
      sn,
      error,
      rowJson: await scan.rowJson(sn),
    })
  }

  /** Tries until it works or the view is stopped (then undefined). */
  async #untilDone<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        return await body()
      } catch (cause) {
        this.#failed(cause)
        await sleep(signal, BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)]!)
      }
    }
    return undefined
  }

  #failed(cause: unknown): void {
    this.#state = 'retrying'
    const error = respell(cause)
    this.#lastError = error instanceof EngineError ? error.text() : String(error)
  }
}
