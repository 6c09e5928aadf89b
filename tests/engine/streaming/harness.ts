import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseQuery, parseStatement, parseType, toClickHouseType } from '../../../dialect/index.js'
import { StoredCatalog } from '../../../engine/catalog/catalog.js'
import { openChdb } from '../../../engine/chdb/pool.js'
import type {
  Chdb,
  Column,
  ExternalSources,
  MaterializedViewObject,
  QueryContext,
  StreamingRuntime,
  StreamMode,
  StreamObject,
  StreamStore,
  ViewStatus,
} from '../../../engine/contracts.js'
import { EngineError } from '../../../engine/errors.js'
import { openStreamStore } from '../../../engine/storage/store.js'
import { createRuntime, type DeadLetter, type StreamingDeps } from '../../../engine/streaming/index.js'

export interface StreamShape {
  mode?: StreamMode
  primaryKey?: string[]
  versionColumn?: string
  shards?: number
  /** The store's SQL that `_tp_shard` is taken of. */
  shardingExpr?: string
}

/** A store, a catalog and a runtime on one directory that can be stopped and opened again. */
export class Bench {
  catalog!: StoredCatalog
  store!: StreamStore
  runtime!: StreamingRuntime
  /** Set to throw at a step; see StreamingDeps.fault. */
  fault: ((point: string) => void) | undefined
  readonly letters: DeadLetter[] = []
  readonly #queries = new Set<AbortController>()

  private constructor(
    readonly dir: string,
    readonly chdb: Chdb,
    readonly options: Partial<StreamingDeps>,
    readonly outside: (bench: Bench) => Promise<ExternalSources>,
  ) {}

  static async open(
    options: Partial<StreamingDeps> = {},
    directory?: string,
    outside: (bench: Bench) => Promise<ExternalSources> = async () => NO_EXTERNAL,
  ): Promise<Bench> {
    const dir = directory ?? (await mkdtemp(join(tmpdir(), 'streaming-')))
    const bench = new Bench(dir, await openChdb({ dir }), options, outside)
    await bench.start()
    return bench
  }

  /** A new runtime over what the store has, as after a restart. */
  async start(): Promise<void> {
    this.catalog = await StoredCatalog.open(this.chdb)
    this.store = await openStreamStore(this.chdb, {
      shardSql: ({ shardingExpr }) => shardingExpr ?? '0',
      hotLog: join(this.dir, 'hot.log'),
    })
    await this.store.open(this.catalog.list().filter((o) => o.kind === 'stream'))
    this.runtime = await createRuntime({
      catalog: this.catalog,
      store: this.store,
      chdb: this.chdb,
      dir: this.dir,
      udfs: { lookup: () => undefined },
      external: await this.outside(this),
      fault: (point) => this.fault?.(point),
      deadLetter: async (letter) => void this.letters.push(letter),
      ...this.options,
    })
    await this.runtime.recover(this.catalog.list().filter((o) => o.kind === 'materialized_view'))
  }

  async restart(): Promise<void> {
    await this.runtime.close()
    this.store.close()
    await this.start()
  }

  async close(): Promise<void> {
    for (const controller of this.#queries) controller.abort()
    await this.runtime.close()
    this.store.close()
    await this.chdb.close()
    await rm(this.dir, { recursive: true, force: true })
  }

  async stream(
    name: string,
    columns: Record<string, string>,
    shape: StreamShape = {},
  ): Promise<StreamObject> {
    const typed: Column[] = Object.entries({ ...columns }).map(([column, type]) => ({
      name: column,
      type,
      chType: toClickHouseType(parseType(type)),
    }))
    if (!columns._tp_time) {
      const now = "now64(3, 'UTC')"
      const type = "datetime64(3, 'UTC')"
      typed.push({
        name: '_tp_time',
        type,
        chType: toClickHouseType(parseType(type)),
        default: { kind: 'default', sql: now, chSql: now },
      })
    }
    const object: StreamObject = {
      kind: 'stream',
      id: this.catalog.nextId(),
      uuid: randomUUID(),
      name: { database: 'default', name },
      sql: '',
      createdAt: 0,
      mode: shape.mode ?? 'append',
      columns: typed,
      primaryKey: shape.primaryKey ?? [],
      versionColumn: shape.versionColumn,
      shards: shape.shards ?? 1,
      shardingExpr: shape.shardingExpr,
      settings: {},
    }
    await this.store.create(object)
    await this.catalog.put(object)
    return object
  }

  /** Appends rows given as objects. */
  async insert(name: string, rows: Record<string, unknown>[]): Promise<void> {
    const columns = Object.keys(rows[0]!)
    const data = rows.map((row) => JSON.stringify(row)).join('\n')
    await this.store.append(this.streamNamed(name), {
      kind: 'data',
      format: 'JSONEachRow',
      data: new TextEncoder().encode(data),
      columns,
    })
  }

  async view(sql: string): Promise<void> {
    const statement = parseStatement(sql)
    if (statement.kind !== 'create_view') throw new Error('a CREATE VIEW was expected')
    await this.catalog.put({
      kind: 'view',
      id: this.catalog.nextId(),
      uuid: randomUUID(),
      name: { database: 'default', name: statement.name.name },
      sql,
      createdAt: 0,
      columns: [],
      statement,
    })
  }

  /** `CREATE MATERIALIZED VIEW … INTO …`. */
  async materialize(sql: string): Promise<MaterializedViewObject> {
    const statement = parseStatement(sql)
    if (statement.kind !== 'create_materialized_view' || !statement.into) throw new Error('INTO was expected')
    const object: MaterializedViewObject = {
      kind: 'materialized_view',
      id: this.catalog.nextId(),
      uuid: randomUUID(),
      name: { database: 'default', name: statement.name.name },
      sql,
      createdAt: 0,
      columns: [],
      target: { database: 'default', name: statement.into.name },
      statement,
    }
    await this.runtime.createView(object)
    await this.catalog.put(object)
    return object
  }

  streamNamed(name: string): StreamObject {
    const object = this.catalog.require({ name })
    if (object.kind !== 'stream') throw new Error(`${name} is no stream`)
    return object
  }

  /** Rows of a stream as `table()` shows them. */
  async rows(name: string, columns: string, tail = 'ORDER BY ALL'): Promise<unknown[][]> {
    return this.chdb.rows(`SELECT ${columns} FROM ${this.store.current(this.streamNamed(name)).sql} ${tail}`)
  }

  context(settings: Record<string, string> = {}): QueryContext {
    const controller = new AbortController()
    this.#queries.add(controller)
    return {
      queryId: randomUUID(),
      user: 'default',
      database: 'default',
      settings,
      params: {},
      tableMode: false,
      signal: controller.signal,
    }
  }

  /** Starts a streaming query; its rows are collected emission by emission, empty ones left out. */
  async query(sql: string): Promise<Tail> {
    const query = await this.runtime.start(parseQuery(sql), this.context())
    return new Tail(this.chdb, query)
  }

  /** `SUBSCRIBE TO` under a query id. */
  async subscribe(queryId: string, sql: string): Promise<Tail> {
    return new Tail(this.chdb, await this.runtime.subscribe(parseQuery(sql), { ...this.context(), queryId }))
  }

  /** `RECOVER FROM`. */
  async recover(queryId: string): Promise<Tail> {
    return new Tail(this.chdb, await this.runtime.recoverQuery(queryId, this.context()))
  }

  status(name: string): ViewStatus | undefined {
    const object = this.catalog.require({ name })
    return object.kind === 'materialized_view' ? this.runtime.status(object) : undefined
  }

  /** Waits until more rows are in a stream than now. */
  async grows(name: string): Promise<void> {
    const before = this.store.lastSn(this.streamNamed(name))
    await until(() => this.store.lastSn(this.streamNamed(name)) > before)
  }

  /** Waits until a view has taken all rows of its sources and is well. */
  async settled(name: string): Promise<void> {
    await until(() => {
      const status = this.status(name)
      return (
        status?.state === 'running' &&
        status.batches > 0 &&
        status.sources.every((source) => source.processed === source.available)
      )
    })
  }
}

export class Tail {
  readonly emissions: unknown[][][] = []
  readonly done: Promise<void>
  error: unknown
  /** Told of each emission's rows. */
  onRows: ((rows: unknown[][]) => void) | undefined

  constructor(
    readonly chdb: Chdb,
    readonly query: Awaited<ReturnType<StreamingRuntime['start']>>,
  ) {
    this.done = this.#read().catch((cause: unknown) => {
      this.error = cause
    })
  }

  get rows(): unknown[][] {
    return this.emissions.flat()
  }

  /** The rows once there are `count` of them. */
  async take(count: number): Promise<unknown[][]> {
    await until(() => this.rows.length >= count || this.error !== undefined)
    if (this.error) throw this.error
    return this.rows
  }

  async stop(): Promise<void> {
    await this.query.cancel()
    await this.done
  }

  async #read(): Promise<void> {
    for await (const { sql } of this.query.emissions) {
      const rows = await this.chdb.rows(sql)
      if (rows.length === 0) continue
      this.emissions.push(rows)
      this.onRows?.(rows)
    }
  }
}

export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('the condition was not met in time')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const refuse = async (): Promise<never> => {
  throw new EngineError('NOT_IMPLEMENTED', 'no external streams in these tests')
}

const NO_EXTERNAL: ExternalSources = {
  validate: refuse,
  attach: refuse,
  discard: async () => {},
  snapshot: refuse,
  write: refuse,
  rejected: () => 0,
  forgetRejected: async () => {},
  close: async () => {},
}
