import type { Expr, Star } from './expressions.js'
import type { Node, QualifiedName, TypeNode } from './names.js'
import type { NamedTable, Query, Setting, SubqueryTable, TableFunction } from './queries.js'

// Statements.

export type Statement =
  | SelectStatement
  | Explain
  | CreateStream
  | CreateExternalStream
  | CreateExternalTable
  | CreateRandomStream
  | CreateView
  | CreateMaterializedView
  | CreateFunction
  | CreateFormatSchema
  | CreateNamedCollection
  | CreateDatabase
  | CreateDictionary
  | CreateTask
  | CreateAlert
  | Insert
  | Delete
  | Alter
  | Rename
  | Truncate
  | Drop
  | Optimize
  | Show
  | Describe
  | Exists_
  | Use
  | SetStatement
  | KillQuery
  | SystemStatement
  | Subscribe
  | RecoverFrom
  | Unsubscribe
  | AccessStatement
  | Opaque

interface WithTail extends Node {
  settings?: Setting[]
  format?: string
}

export interface SelectStatement extends Node {
  kind: 'query'
  query: Query
}
export interface Explain extends WithTail {
  kind: 'explain'
  variant: 'plan' | 'pipeline' | 'syntax' | 'ast' | 'estimate' | 'query_tree'
  options: Setting[]
  statement: Statement
}

export interface ColumnDef extends Node {
  name: string
  type?: TypeNode
  default?: { kind: 'default' | 'materialized' | 'alias' | 'ephemeral'; expr?: Expr }
  comment?: string
  /** `DoubleDelta, LZ4` as expressions. */
  codec?: Expr[]
  ttl?: Expr
  autoIncrement?: boolean
}
export interface IndexDef extends Node {
  name: string
  expr: Expr
  unique?: boolean
  storing?: Expr[]
  type?: Expr
  granularity?: string
}
export interface FamilyDef extends Node {
  name: string
  columns: string[]
}
export interface TtlItem extends Node {
  expr: Expr
  action?: { kind: 'delete' | 'recompress' | 'to_disk' | 'to_volume'; target?: Expr }
  where?: Expr
}

interface Creation extends Node {
  name: QualifiedName
  ifNotExists: boolean
  orReplace: boolean
  uuid?: string
  comment?: string
}

export interface CreateStream extends Creation {
  kind: 'create_stream'
  /** `CREATE MUTABLE STREAM` or plain. */
  mutable: boolean
  columns: ColumnDef[]
  indexes: IndexDef[]
  families: FamilyDef[]
  /** `CREATE STREAM a AS b` or `AS SELECT`. */
  as?: QualifiedName | Query
  engine?: Expr
  partitionBy?: Expr
  primaryKey?: Expr
  orderBy?: Expr
  sampleBy?: Expr
  ttl?: TtlItem[]
  settings: Setting[]
}
export interface CreateExternalStream extends Creation {
  kind: 'create_external_stream'
  columns: ColumnDef[]
  partitionBy?: Expr
  settings: Setting[]
}
export interface CreateExternalTable extends Creation {
  kind: 'create_external_table'
  columns: ColumnDef[]
  settings: Setting[]
}
export interface CreateRandomStream extends Creation {
  kind: 'create_random_stream'
  columns: ColumnDef[]
  /** `ENGINE = Random()`: redundant, but accepted. */
  engine?: Expr
  settings: Setting[]
}
export interface CreateView extends Creation {
  kind: 'create_view'
  columns?: ColumnDef[]
  query: Query
}
export interface CreateMaterializedView extends Creation {
  kind: 'create_materialized_view'
  scheduled?: boolean
  into?: QualifiedName
  columns?: ColumnDef[]
  primaryKey?: Expr
  orderBy?: Expr
  partitionBy?: Expr
  ttl?: TtlItem[]
  /** Settings of the view's storage, written before AS; those after the query belong to the query. */
  storageSettings: Setting[]
  query: Query
}

export interface FunctionArg extends Node {
  name: string
  type: TypeNode
}
export interface CreateFunction extends Creation {
  kind: 'create_function'
  aggregate: boolean
  body:
    | { language: 'sql'; lambda: Expr }
    | { language: 'javascript' | 'python'; args: FunctionArg[]; returns: TypeNode; source: string }
    | {
        language: 'remote'
        args: FunctionArg[]
        returns: TypeNode
        url: string
        authMethod?: string
        authHeader?: string
        authKey?: string
        executionTimeoutMs?: string
      }
  settings?: Setting[]
}
export interface CreateFormatSchema extends Creation {
  kind: 'create_format_schema'
  body: string
  type: string
}
export interface NamedCollectionEntry {
  name: string
  value: Expr
  overridable?: boolean
}
export interface CreateNamedCollection extends Creation {
  kind: 'create_named_collection'
  entries: NamedCollectionEntry[]
}
export interface CreateDatabase extends Creation {
  kind: 'create_database'
  engine?: Expr
  settings: Setting[]
}
export interface CreateDictionary extends Creation {
  kind: 'create_dictionary'
  columns: ColumnDef[]
  primaryKey: Expr[]
  /** `SOURCE(…)`, `LAYOUT(…)`, `LIFETIME(…)`, `RANGE(…)`: name of the clause → text inside its parentheses. */
  clauses: { name: string; text: string }[]
  settings: Setting[]
  /** Streams that the source names. */
  dependencies: QualifiedName[]
}
export interface CreateTask extends Creation {
  kind: 'create_task'
  schedule: Expr
  timeout?: Expr
  into: QualifiedName
  query: Query
}
export interface CreateAlert extends Creation {
  kind: 'create_alert'
  batchEvents?: Expr
  batchTimeout?: Expr
  limitAlerts?: Expr
  limitInterval?: Expr
  call: string
  query: Query
}

export interface Insert extends Node {
  kind: 'insert'
  into: QualifiedName | TableFunction
  columns?: (string | Star)[]
  settings?: Setting[]
  /**
   * `values`: rows parsed as expressions; `query`; `format`: the name, and where the raw data starts
   * in the source (data is not lexed: it may be any bytes). In a script `dataEnd` tells where it ends.
   */
  source:
    | { kind: 'values'; rows: Expr[][] }
    | { kind: 'query'; query: Query }
    | { kind: 'format'; format: string; dataStart: number; dataEnd?: number }
    | { kind: 'infile'; path: string; format?: string }
    /** Nothing after the column list: the data comes in another way (request body). */
    | { kind: 'none' }
}
export interface Delete extends WithTail {
  kind: 'delete'
  from: QualifiedName
  where: Expr
}
export type AlterAction = Node &
  (
    | { kind: 'add_column'; column: ColumnDef; ifNotExists: boolean; after?: string; first?: boolean }
    | { kind: 'drop_column'; name: string; ifExists: boolean }
    | { kind: 'rename_column'; from: string; to: string; ifExists: boolean }
    | { kind: 'modify_column'; column: ColumnDef; ifExists: boolean }
    | { kind: 'comment_column'; name: string; comment: string }
    | { kind: 'modify_ttl'; ttl: TtlItem[] }
    | { kind: 'remove_ttl' }
    | { kind: 'modify_setting'; settings: Setting[] }
    | { kind: 'reset_setting'; names: string[] }
    | { kind: 'modify_query_setting'; settings: Setting[] }
    | { kind: 'reset_query_setting'; names: string[] }
    | { kind: 'modify_query'; query: Query }
    | { kind: 'modify_comment'; comment: string }
    | { kind: 'add_index'; index: IndexDef; ifNotExists: boolean }
    | { kind: 'drop_index' | 'materialize_index' | 'clear_index'; name: string; partition?: Expr }
    | { kind: 'drop_partition'; partition: Expr }
    | { kind: 'delete'; where: Expr }
    /** Of a named collection. */
    | { kind: 'set_keys'; entries: NamedCollectionEntry[] }
    | { kind: 'delete_keys'; names: string[] }
    /** Anything newer than this parser, kept as text. */
    | { kind: 'other'; text: string }
  )
export interface Alter extends WithTail {
  kind: 'alter'
  object: 'stream' | 'view' | 'database' | 'format_schema' | 'named_collection'
  name: QualifiedName
  actions: AlterAction[]
}
export interface Rename extends WithTail {
  kind: 'rename'
  object: 'stream' | 'view' | 'database'
  ifExists?: boolean
  pairs: { from: QualifiedName; to: QualifiedName }[]
}
export interface Truncate extends WithTail {
  kind: 'truncate'
  name: QualifiedName
  ifExists: boolean
}
export type ObjectKind =
  | 'stream'
  | 'external_stream'
  | 'external_table'
  | 'random_stream'
  | 'table'
  | 'view'
  | 'materialized_view'
  | 'function'
  | 'database'
  | 'dictionary'
  | 'format_schema'
  | 'named_collection'
  | 'task'
  | 'alert'
  | 'disk'
  | 'user'
  | 'role'
  | 'row_policy'
  | 'quota'
export interface Drop extends WithTail {
  kind: 'drop'
  object: ObjectKind
  names: QualifiedName[]
  ifExists: boolean
}
export interface Optimize extends WithTail {
  kind: 'optimize'
  name: QualifiedName
  final: boolean
}
/** `SHOW STREAMS [FROM db] [LIKE p | WHERE e]`, `SHOW CREATE [kind] x`, `SHOW DATABASES`, … */
export interface Show extends WithTail {
  kind: 'show'
  /** `streams`, `tables`, `views`, `databases`, `functions`, `create`, `processlist`, `format_schemas`, `tasks`, `users`, `grants` … */
  what: string
  /** With `create`: the kind written, if any. */
  object?: ObjectKind
  name?: QualifiedName
  /** `SHOW CREATE ROW POLICY name ON stream`. */
  on?: QualifiedName
  from?: string
  like?: { pattern: string; not: boolean; caseInsensitive: boolean }
  where?: Expr
  limit?: Expr
}
export interface Describe extends WithTail {
  kind: 'describe'
  target: NamedTable | TableFunction | SubqueryTable
}
export interface Exists_ extends WithTail {
  kind: 'exists_statement'
  object: ObjectKind
  name: QualifiedName
}
export interface Use extends Node {
  kind: 'use'
  database: string
}
export interface SetStatement extends Node {
  kind: 'set'
  settings: Setting[]
}
export interface KillQuery extends WithTail {
  kind: 'kill_query'
  where: Expr
  mode?: 'sync' | 'async' | 'test'
}
/** `SYSTEM PAUSE MATERIALIZED VIEW mv`, `SYSTEM RELOAD FUNCTIONS` …: the words upper-case, then the object. */
export interface SystemStatement extends WithTail {
  kind: 'system'
  command: string
  target?: QualifiedName
  /** Whatever follows, as written. */
  rest?: string
}
export interface Subscribe extends Node {
  kind: 'subscribe'
  query: Query
}
export interface RecoverFrom extends WithTail {
  kind: 'recover'
  queryId: string
}
export interface Unsubscribe extends WithTail {
  kind: 'unsubscribe'
  queryId: string
}
/** CREATE/ALTER USER, ROLE, ROW POLICY, QUOTA, GRANT, REVOKE, SET ROLE: typed by kind and names; the rest as canonical text. */
export interface AccessStatement extends Node {
  kind: 'access'
  action: 'create' | 'alter' | 'grant' | 'revoke' | 'set_role'
  object?: 'user' | 'role' | 'row_policy' | 'quota' | 'settings_profile'
  names: string[]
  /** The streams a grant or policy is about. */
  on?: QualifiedName[]
  /** Canonical text of the whole statement: keywords upper-case, one blank between tokens. */
  text: string
}
/** A statement that this parser does not know. It can be kept, ordered by `-- @depends a, b`, hashed and passed on. */
export interface Opaque extends Node {
  kind: 'opaque'
  /** Tokens joined by single blanks, comments dropped. */
  text: string
  /** From `-- @depends a, b` comments inside or before the statement. */
  depends: QualifiedName[]
  /** What it creates, if it reads `CREATE … <kind> <name>`. */
  name?: QualifiedName
}
