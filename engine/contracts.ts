/**
 * What the engine's rooms promise each other. Types only: every room implements its part and imports
 * the others' from here, so that none needs another's insides.
 *
 *   chdb/      sessions of the in-process store           (knows nothing above it)
 *   catalog/   objects, their persistence and dependencies
 *   storage/   tables of streams, sequence numbers, appends
 *   udf/       functions that run outside the store
 *   external/  Kafka and random streams as inboxes and sinks
 *   planner/   Proton AST → the store's SQL
 *   streaming/ continuous queries and materialized views
 *   statements/ one file per family of statements
 *   server/    HTTP and REST
 */
import type {
  CreateDictionary,
  CreateExternalStream,
  CreateFunction,
  CreateMaterializedView,
  CreateRandomStream,
  CreateStream,
  CreateView,
  QualifiedName,
  Query,
  Statement,
  TypeNode,
} from '../dialect/ast.js'
import type { Relation, RowSource } from './store_contract.js'

// ---------------------------------------------------------------- chdb

/** Result format names are ClickHouse's. SQL must come from the planner or be written by the engine itself. */
export interface RunOptions {
  format?: string
  /** Appended as a SETTINGS clause (or put after the target of an INSERT by `insertSelect`). */
  settings?: Record<string, string | number>
  /** Queries with the same tag can be killed together. */
  tag?: string
  signal?: AbortSignal
}

export interface Chdb {
  /** Runs any statement; the whole result as bytes. Errors are EngineErrors with Proton's spelling of names. */
  run(sql: string, options?: RunOptions): Promise<Uint8Array>
  /** Rows as arrays of JSON values (64-bit integers as strings). */
  rows<T extends unknown[] = unknown[]>(sql: string, options?: RunOptions): Promise<T[]>
  /** `INSERT INTO table (columns) SETTINGS … select`; with a token a repeated run is a no-op. The result is one part: all or nothing. */
  insertSelect(insert: {
    table: string
    columns: string[]
    select: string
    /** A column of `select` that grows from row to row and is no key of anything; none: one is made where it is needed. */
    rising?: string
    token?: string
    tag?: string
    signal?: AbortSignal
    settings?: Record<string, string | number>
  }): Promise<void>
  /** Chunks of a result as they come; holds a session of its own, memory stays flat. */
  stream(sql: string, options?: RunOptions): AsyncIterable<Uint8Array>
  /** Names and ClickHouse types of a query's columns. */
  describe(select: string): Promise<{ name: string; type: string }[]>
  kill(tag: string): Promise<void>
  close(): Promise<void>
}

// ---------------------------------------------------------------- catalog

export type StreamMode = 'append' | 'changelog' | 'changelog_kv' | 'versioned_kv' | 'mutable'

export interface Column {
  name: string
  /** Canonical Proton type: `datetime64(3, 'UTC')`. */
  type: string
  /** The same for the store: `DateTime64(3, 'UTC')`. */
  chType: string
  default?: {
    kind: 'default' | 'alias' | 'materialized' /** Proton SQL. */
    sql: string /** The store's SQL. */
    chSql: string
  }
  comment?: string
  codec?: string
}

interface CatalogEntry {
  /** Never reused; internal tables are named by it, so a rename moves no data. */
  id: number
  uuid: string
  name: Required<Pick<QualifiedName, 'database' | 'name'>>
  /** Canonical Proton text of the CREATE statement. */
  sql: string
  createdAt: number
}

export interface StreamObject extends CatalogEntry {
  kind: 'stream'
  mode: StreamMode
  /** Physical columns in `SELECT *` order: the user's, then `_tp_time` (and `_tp_delta` where the mode has it). */
  columns: Column[]
  /** Empty for append and changelog streams. */
  primaryKey: string[]
  versionColumn?: string
  eventTimeColumn?: string
  shards: number
  shardingExpr?: string
  ttlMs?: number
  settings: Record<string, string>
  /** Inner streams of views and inboxes: not listed, dropped with their owner. */
  owner?: string
  statement?: CreateStream
}

export interface ExternalStreamObject extends CatalogEntry {
  kind: 'external_stream'
  columns: Column[]
  settings: Record<string, string>
  statement: CreateExternalStream
}

export interface RandomStreamObject extends CatalogEntry {
  kind: 'random_stream'
  columns: Column[]
  settings: Record<string, string>
  statement: CreateRandomStream
}

export interface ViewObject extends CatalogEntry {
  kind: 'view'
  columns: Column[]
  statement: CreateView
}

export interface MaterializedViewObject extends CatalogEntry {
  kind: 'materialized_view'
  /** The target stream's columns. */
  columns: Column[]
  /** Where it writes: a stream (its own inner one, without INTO) or an external stream. */
  target: Required<Pick<QualifiedName, 'database' | 'name'>>
  statement: CreateMaterializedView
  /** `SYSTEM PAUSE … PERMANENT`: not started after a restart either. */
  paused?: true
  /** What its state and its batches are kept under, if its query was changed: an id of its own. */
  pipeline?: number
}

/** A dictionary of the store over one of our relations. */
export interface DictionaryObject extends CatalogEntry {
  kind: 'dictionary'
  columns: Column[]
  primaryKey: string[]
  statement: CreateDictionary
}

export interface FunctionObject extends CatalogEntry {
  kind: 'function'
  statement: CreateFunction
}

export type CatalogObject =
  | StreamObject
  | ExternalStreamObject
  | RandomStreamObject
  | ViewObject
  | MaterializedViewObject
  | DictionaryObject
  | FunctionObject

/** What is in the way of dropping another object. */
export type Dependent = Pick<CatalogObject, 'name' | 'uuid'>

/** Streams, views and external streams share one namespace per database; functions have their own. */
export interface Catalog {
  find(name: QualifiedName, database?: string): Exclude<CatalogObject, FunctionObject> | undefined
  /** Throws UNKNOWN_STREAM (60): `Stream default.nope doesn't exist`. */
  require(name: QualifiedName, database?: string): Exclude<CatalogObject, FunctionObject>
  function(name: string): FunctionObject | undefined
  list(database?: string): Exclude<CatalogObject, FunctionObject>[]
  functions(): FunctionObject[]
  databases(): string[]
  nextId(): number
  /** An id that something outside the catalog is named by is not given again after a crash. */
  reserve(id: number): Promise<void>
  put(object: CatalogObject): Promise<void>
  remove(object: CatalogObject): Promise<void>
  /** Views, tasks, alerts and dictionaries that read or write the object, directly. */
  dependents(name: QualifiedName): Dependent[]
}

export type * from './store_contract.js'

// ---------------------------------------------------------------- functions

/** How the planner writes a call. */
export type CallTarget =
  | { kind: 'sql'; params: string[]; body: import('../dialect/ast.js').Expr }
  /** `chName(CAST(a, 'T1'), …)`. */
  | { kind: 'scalar'; chName: string; argTypes: TypeNode[]; returns: TypeNode }
  /**
   * `finalName(groupArray(tuple(args…)))`: the state of an aggregate is the array of its arguments,
   * so partials merge by concatenation.
   */
  | { kind: 'aggregate'; finalName: string; argTypes: TypeNode[]; returns: TypeNode; customEmit: boolean }

export interface UdfRegistry {
  /** Compiles and publishes; throws 2530/2532. Replaces an older definition atomically. */
  define(fn: FunctionObject): Promise<void>
  remove(name: string): Promise<void>
  lookup(name: string): CallTarget | undefined
  /** ClickHouse configuration to start the store with, and cleanup. */
  close(): Promise<void>
}

// ---------------------------------------------------------------- external streams

/** A continuous query's private copy of what it reads from outside: an internal append stream. */
export interface Inbox {
  /** Where the rows are: watch it, and read its sequence numbers. */
  stream: StreamObject
  /** How many rows there will ever be; undefined: no end is known. */
  total?: number
  /**
   * Rows with `from < sequence number <= to`. `*` is the declared columns; the virtual ones (`_tp_time`, `_tp_sn` =
   * offset, `_tp_shard` = partition, `_tp_message_key`, …) are addressable. So never read the inbox by `store.slice`.
   * `only`: columns that need be addressable.
   */
  slice(from: number, to: number, only?: ReadonlySet<string>): Relation
  /** Rows up to this sequence number have been processed for good. */
  trim(upTo: number): Promise<void>
  /** Offsets consumed so far per partition, end offsets of the source: for lag. */
  lag(): { partition: number; consumed: number; end: number }[]
  /** The `seek_to` with which another reader begins behind the row of this sequence number; undefined where none can. */
  seekTo(upTo: number): Promise<string | undefined>
  /** Last error of the reader (broker away, message refused), undefined when well. */
  lastError(): string | undefined
  close(): Promise<void>
}

export interface ExternalSources {
  /** Checks broker and topic as CREATE does; throws. */
  validate(object: ExternalStreamObject): Promise<void>
  /**
   * Feeds an inbox from `seekTo` ('latest', 'earliest', '5,3', a timestamp, '-2h'). With `owner` (a view's
   * name) the inbox is durable: after a restart it goes on at the offset after the last one stored.
   */
  attach(
    object: ExternalStreamObject | RandomStreamObject,
    options: { owner?: string; queryId: string; seekTo?: string; settings: Record<string, string> },
  ): Promise<Inbox>
  /** Forget a durable inbox (its view was dropped). */
  discard(owner: string): Promise<void>
  /** `table(k)`: earliest → current end, as a relation that lives until `release`. `settings`: of the query. */
  snapshot(
    object: ExternalStreamObject | RandomStreamObject,
    options?: { settings?: Record<string, string> },
  ): Promise<{ relation: Relation; release(): Promise<void> }>
  /** Writes a SELECT's rows to the outside; repeated with the same token it may write again (at least once). */
  write(
    object: ExternalStreamObject,
    rows: RowSource,
    options?: { token?: string },
  ): Promise<{ rows: number }>
  /** Messages that could not be parsed, for `system.dead_letters` and status. */
  rejected(name: QualifiedName): number
  /** Takes dead letters away; `where` is the store's SQL over the columns of `system.dead_letters`. */
  forgetRejected(where: string): Promise<void>
  close(): Promise<void>
}

// ---------------------------------------------------------------- queries

export interface QueryContext {
  queryId: string
  /** Nobody's: the engine's own work, for which everything is allowed. */
  user: string
  /** Of `SET ROLE`; absent: the user's default roles. */
  roles?: readonly string[]
  database: string
  /** Query settings in force: the request's, then the statement's. */
  settings: Record<string, string>
  params: Record<string, string>
  /** True on the snapshot port (8123): every source is bounded. */
  tableMode: boolean
  signal: AbortSignal
}

export interface OutputColumn {
  name: string
  /** Proton type, canonical. */
  type: string
  chType: string
}

/** The planner's answer for a bounded query. */
export interface BoundedPlan {
  sql: string
  columns: OutputColumn[]
  /** Frees snapshots of external streams. */
  release(): Promise<void>
}

/** A running continuous query of a client. */
export interface StreamingQuery {
  columns: OutputColumn[]
  /**
   * SELECTs over the store, each giving one emission's rows (columns as above, in order); the next one is
   * prepared when the consumer asks, so a slow client holds back its query and nothing else.
   */
  emissions: AsyncIterable<{ sql: string }>
  cancel(reason?: unknown): Promise<void>
}

export interface ViewPosition {
  name: string
  processed: number
  available: number
  /** Of a paused view: the `seek_to` with which another one goes on exactly there. */
  seek?: string
}

export interface ViewStatus {
  name: QualifiedName
  state: 'starting' | 'running' | 'retrying' | 'paused' | 'failed'
  lastError?: string
  /** Sources with the last processed and the last available sequence number. */
  sources: ViewPosition[]
  rowsIn: number
  rowsOut: number
  batches: number
  lastBatchAt?: number
}

export interface StreamingRuntime {
  /** Is the query unbounded in this context? (Left-most source a stream, no table mode.) */
  isStreaming(query: Query, context: QueryContext): boolean
  start(query: Query, context: QueryContext): Promise<StreamingQuery>
  /** As `start`, and what the query has done is kept under its query id until it is unsubscribed. */
  subscribe(query: Query, context: QueryContext): Promise<StreamingQuery>
  /** The query of a subscription. Throws RESOURCE_NOT_FOUND (2003). */
  subscribed(queryId: string): Query
  /** A subscription that does not run goes on where it was. */
  recoverQuery(queryId: string, context: QueryContext): Promise<StreamingQuery>
  unsubscribe(queryId: string): Promise<void>
  /** Types the query, checks it, and returns the columns a materialized view over it has (without starting it). */
  analyse(query: Query, context: QueryContext): Promise<OutputColumn[]>
  /** Builds the pipeline of a view and runs it until dropped; errors of the build are thrown. */
  createView(view: MaterializedViewObject): Promise<void>
  dropView(view: MaterializedViewObject): Promise<void>
  /** Resolves when the batch in flight is through or given up. */
  pauseView(view: MaterializedViewObject): Promise<void>
  /**
   * Puts other objects in the place of views: each goes on where it stopped, with what its names mean after `commit`.
   * Where that throws, all is as before.
   */
  rebind(
    views: { from: MaterializedViewObject; to: MaterializedViewObject }[],
    commit: () => Promise<void>,
  ): Promise<void>
  resumeView(view: MaterializedViewObject): Promise<void>
  /**
   * The view with another query, which goes on where the old one stopped, with the old one's state; throws 48 where it
   * cannot. `next` has a pipeline of its own. From `commit` on it is the view; what fails before leaves the old one running.
   */
  changeView(
    old: MaterializedViewObject,
    next: MaterializedViewObject,
    commit: () => Promise<void>,
  ): Promise<void>
  /** After a restart: replays the batch that was in flight, then goes on. */
  recover(views: MaterializedViewObject[]): Promise<void>
  status(view: MaterializedViewObject): ViewStatus | undefined
  /** All continuous queries of the database have worked through what came in: only new rows or time will change that. */
  quiet(database: string): boolean
  /** The plan of a continuous query, line by line. */
  explain(query: Query, context: QueryContext): Promise<string[]>
  close(): Promise<void>
}

export interface Planner {
  /** Bounded query → the store's SQL with typed columns. */
  plan(query: Query, context: QueryContext): Promise<BoundedPlan>
}

/** What a statement answers. */
export type StatementResult =
  | { kind: 'done' }
  | { kind: 'rows'; columns: OutputColumn[]; sql: string; format?: string; release(): Promise<void> }
  | { kind: 'stream'; query: StreamingQuery; format?: string }

export interface StatementExecutor {
  /** `data` is what follows `FORMAT x` of an INSERT, or the request's body. */
  execute(
    statement: Statement,
    source: string,
    context: QueryContext,
    data?: Uint8Array,
  ): Promise<StatementResult>
}
