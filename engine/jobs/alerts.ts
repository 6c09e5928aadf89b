/**
 * Alerts: events of a stream, gathered by number or time, are given to a function. A view without a name copies the
 * events into a stream of the alert's own, exactly once; how far these were given to the function is written down
 * before each call, so that no alert is raised twice.
 */
import type { CreateAlert, CreateMaterializedView, Select } from '../../dialect/ast.js'
import { parseStatement } from '../../dialect/index.js'
import { type AlertPolicy, admit, alertPolicy, batchSize, deadlineOf } from '../../dialect/jobs/index.js'
import type { StoredMap } from '../catalog/stored_map.js'
import type { MaterializedViewObject, StreamObject } from '../contracts.js'
import { translateQuery } from '../planner/index.js'
import type { StatementDeps } from '../statements/deps.js'
import { clientError } from '../statements/errors.js'
import { sleep } from '../streaming/index.js'

export interface AlertRecord {
  uuid: string
  database: string
  name: string
  /** The CREATE statement. */
  sql: string
  createdAt: number
  /** Id of the view that gathers the events. */
  viewId: number
  /** Of the query: what the function is given. */
  columns: string[]
  /** Events up to this one were dealt with. */
  processed: number
  /** When the function was called lately, for the limit. */
  calls: number[]
  fired: number
  suppressed: number
  failures: number
  lastError: string
  lastFiredAt: number
}

/** Attempts at a call that fails, and pauses between them. */
const RETRY_MS = [1_000, 5_000]
/** Events that are dealt with and may lie around. */
const SLACK = 1_000

export class AlertRunner {
  readonly #running = new Map<string, { stop: AbortController; loop: Promise<void> }>()

  constructor(
    readonly deps: Omit<StatementDeps, 'tasks' | 'alerts'>,
    readonly records: StoredMap<AlertRecord>,
  ) {}

  /** Their views; the runtime starts them together with all others. */
  views(): MaterializedViewObject[] {
    return this.records.list().map(([, record]) => alertView(record))
  }

  recover(): void {
    for (const [key] of this.records.list()) this.#start(key)
  }

  async create(key: string, record: AlertRecord): Promise<void> {
    await this.deps.runtime.createView(alertView(record))
    await this.records.put(key, record)
    this.#start(key)
  }

  async remove(key: string): Promise<void> {
    const record = this.records.get(key)!
    await this.#stop(key)
    await this.deps.runtime.dropView(alertView(record))
    await this.records.remove(key)
    await dropEvents(record, this.deps)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((key) => this.#stop(key)))
  }

  #start(key: string): void {
    const stop = new AbortController()
    this.#running.set(key, { stop, loop: this.#loop(key, stop.signal) })
  }

  async #stop(key: string): Promise<void> {
    const running = this.#running.get(key)
    this.#running.delete(key)
    running?.stop.abort()
    await running?.loop
  }

  async #loop(key: string, signal: AbortSignal): Promise<void> {
    const record = this.records.get(key)!
    const stream = eventsOf(record, this.deps)
    if (!stream) return
    const policy = alertPolicy(alertStatement(record))
    let trimmed = record.processed
    while (!signal.aborted) {
      const upTo = await this.#gather(stream, this.records.get(key)!.processed, policy, signal)
      if (upTo === undefined) return
      const from = this.records.get(key)!.processed
      await this.#deal(key, { from, upTo, stream, policy }, signal)
      if (upTo - trimmed >= SLACK) {
        trimmed = upTo
        await this.deps.store.trim(stream, upTo).catch(() => {})
      }
    }
  }

  /** Waits for a full batch, or for the time that an incomplete one may wait; undefined when stopped. */
  async #gather(
    stream: StreamObject,
    from: number,
    policy: AlertPolicy,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { store } = this.deps
    let since: number | undefined
    for (;;) {
      if (signal.aborted) return undefined
      const last = store.lastSn(stream)
      const now = Date.now()
      if (last > from) since ??= now
      const size = batchSize(policy, last - from, since ?? now, now)
      if (size > 0) return from + size
      const deadline = deadlineOf(policy, since)
      let unwatch = () => {}
      await sleep(signal, deadline === undefined ? undefined : deadline - now, {
        register(wake) {
          unwatch = store.watch(stream, wake)
          if (store.lastSn(stream) !== last) wake()
        },
      })
      unwatch()
    }
  }

  async #deal(
    key: string,
    batch: { from: number; upTo: number; stream: StreamObject; policy: AlertPolicy },
    signal: AbortSignal,
  ): Promise<void> {
    const { from, upTo, policy } = batch
    const now = Date.now()
    const before = this.records.get(key)!
    const { suppressed, calls } = admit(policy, before.calls, now)
    const record: AlertRecord = suppressed
      ? { ...before, processed: upTo, calls, suppressed: before.suppressed + 1 }
      : {
          ...before,
          processed: upTo,
          calls,
          fired: before.fired + 1,
          lastFiredAt: now,
        }
    await this.records.put(key, record)
    if (suppressed) return
    const error = await this.#call(from, upTo, batch.stream, record, signal)
    if (error === record.lastError || signal.aborted) return
    const failures = record.failures + (error === '' ? 0 : 1)
    await this.records.put(key, { ...record, failures, lastError: error })
  }

  /** `''`, or why it could not be called. */
  async #call(
    from: number,
    upTo: number,
    stream: StreamObject,
    record: AlertRecord,
    signal: AbortSignal,
  ): Promise<string> {
    const { sql } = alertCall(record, stream, this.deps, from, upTo)
    for (let attempt = 0; ; attempt++) {
      try {
        await this.deps.chdb.run(sql, { format: 'Null' })
        return ''
      } catch (cause) {
        const pause = RETRY_MS[attempt]
        if (pause === undefined || signal.aborted) return clientError(cause).text()
        await sleep(signal, pause)
      }
    }
  }
}

/** `SELECT f(a, b)` over the events `from < number <= upTo`. */
export function alertCall(
  record: Pick<AlertRecord, 'sql' | 'columns'>,
  stream: StreamObject,
  { store, udfs }: Pick<StatementDeps, 'store' | 'udfs'>,
  from: number,
  upTo: number,
): { sql: string } {
  const { columns } = record
  const { call } = alertStatement(record)
  const select: Select = {
    kind: 'select',
    with: [],
    columns: [{ kind: 'call', name: call, args: columns.map((name) => ({ kind: 'column', path: [name] })) }],
    from: { kind: 'raw_table', sql: store.slice(stream, from, upTo, { ordered: true }).sql, columns },
  }
  return translateQuery(select, { lookup: (name) => udfs.lookup(name) })
}

export function alertStatement(record: Pick<AlertRecord, 'sql'>): CreateAlert {
  return parseStatement(record.sql) as CreateAlert
}

/** The stream of an alert's events. */
export function eventsName(record: Pick<AlertRecord, 'database' | 'uuid'>) {
  return { database: record.database, name: `.alert.events-id.${record.uuid}` }
}

function eventsOf(
  record: AlertRecord,
  { catalog }: Pick<StatementDeps, 'catalog'>,
): StreamObject | undefined {
  const stream = catalog.find(eventsName(record))
  return stream?.kind === 'stream' ? stream : undefined
}

export async function dropEvents(
  record: Pick<AlertRecord, 'database' | 'uuid'>,
  { catalog, store }: Pick<StatementDeps, 'catalog' | 'store'>,
): Promise<void> {
  const stream = catalog.find(eventsName(record))
  if (stream?.kind !== 'stream') return
  await catalog.remove(stream)
  await store.drop(stream)
}

export function alertView(record: AlertRecord): MaterializedViewObject {
  const { query } = alertStatement(record)
  const target = eventsName(record)
  const name = { database: record.database, name: `.alert.${record.name}` }
  const statement: CreateMaterializedView = {
    kind: 'create_materialized_view',
    name,
    into: target,
    ifNotExists: false,
    orReplace: false,
    storageSettings: [],
    query,
  }
  return {
    kind: 'materialized_view',
    id: record.viewId,
    uuid: record.uuid,
    name,
    sql: '',
    createdAt: record.createdAt,
    columns: [],
    target,
    statement,
  }
}
