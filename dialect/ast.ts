/**
 * The syntax tree of Proton SQL. Pure data: no methods, no classes, so that trees can be built,
 * rewritten, printed, hashed and compared by anyone. Every node that the parser makes carries the
 * span of its source; nodes made by a rewrite may leave it out, and nothing but error messages may
 * depend on it.
 */

/** Half-open range of UTF-16 offsets in the source text. */
export interface Span {
  start: number
  end: number
}

interface Node {
  span?: Span
}

// ---------------------------------------------------------------- names and types

/** `[database.]name`. Case-sensitive, without quotes. */
export interface QualifiedName extends Node {
  database?: string
  name: string
}

/** A data type as written: `array(nullable(datetime64(3, 'UTC')))`. Names are kept lower-case. */
export interface TypeNode extends Node {
  name: string
  /** Types, literals (`3`, `'UTC'`, `'a' = 1` of an enum) or named elements (`tuple(a int8)`, `nested(...)`). */
  args: TypeArg[]
}

export type TypeArg =
  | { kind: 'type'; type: TypeNode }
  | { kind: 'named'; name: string; type: TypeNode }
  | { kind: 'number'; text: string }
  | { kind: 'string'; value: string }
  | { kind: 'enum'; value: string; code?: string }
  /** `aggregate_function(sum, int)` – the function's name, with parametric arguments if any. */
  | { kind: 'function'; expr: Expr }

// ---------------------------------------------------------------- expressions

export type Expr =
  | Literal
  | ColumnRef
  | Star
  | FunctionCall
  | BinaryOp
  | UnaryOp
  | Cast
  | Case
  | Lambda
  | TupleExpr
  | ArrayExpr
  | MapExpr
  | Subscript
  | TupleElement
  | JsonPath
  | IntervalLiteral
  | In
  | Between
  | IsNull
  | Like
  | Exists
  | SubqueryExpr
  | Parameter
  | Extract
  | Aliased
  | RawExpr

export type Literal = Node &
  (
    | { kind: 'literal'; type: 'null' }
    | { kind: 'literal'; type: 'bool'; value: boolean }
    /** Kept as text: no precision is lost. Always non-negative; a sign is a UnaryOp. `inf`, `nan`, hex and exponents included. */
    | { kind: 'literal'; type: 'number'; text: string }
    | { kind: 'literal'; type: 'string'; value: string }
  )

/** `a`, `t.a`, `db.t.a`, `t.a.b` (nested or tuple access is decided later). */
export interface ColumnRef extends Node {
  kind: 'column'
  path: string[]
}

/** `*`, `t.*`, with `EXCEPT (…)`, `REPLACE (expr AS col …)`, or `COLUMNS('regex')` as `pattern`. */
export interface Star extends Node {
  kind: 'star'
  qualifier?: string[]
  pattern?: string
  except?: string[]
  replace?: { expr: Expr; name: string }[]
}

/** `name(args)`; `parameters` is the first list of `quantile(0.9)(x)`. Names keep their spelling; compare them lower-case. */
export interface FunctionCall extends Node {
  kind: 'call'
  name: string
  args: Expr[]
  parameters?: Expr[]
  distinct?: boolean
  filter?: Expr
  over?: WindowDef | string
}

export interface WindowDef extends Node {
  base?: string
  partitionBy: Expr[]
  orderBy: OrderItem[]
  frame?: { unit: 'rows' | 'range' | 'groups'; start: FrameBound; end?: FrameBound }
}
export type FrameBound =
  | { kind: 'unbounded_preceding' }
  | { kind: 'unbounded_following' }
  | { kind: 'current_row' }
  | { kind: 'preceding'; expr: Expr }
  | { kind: 'following'; expr: Expr }

export type BinaryOperator =
  | 'or'
  | 'and'
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '<=>'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | 'div'
  | '||'
export interface BinaryOp extends Node {
  kind: 'binary'
  op: BinaryOperator
  left: Expr
  right: Expr
}
export interface UnaryOp extends Node {
  kind: 'unary'
  op: '-' | 'not'
  expr: Expr
}
/** `CAST(x AS t)` and `x::t`: one meaning, one node. */
export interface Cast extends Node {
  kind: 'cast'
  expr: Expr
  type: TypeNode
}
export interface Case extends Node {
  kind: 'case'
  operand?: Expr
  branches: { when: Expr; then: Expr }[]
  otherwise?: Expr
}
export interface Lambda extends Node {
  kind: 'lambda'
  params: string[]
  body: Expr
}
export interface TupleExpr extends Node {
  kind: 'tuple'
  items: Expr[]
}
export interface ArrayExpr extends Node {
  kind: 'array'
  items: Expr[]
}
/** `{'k': 1}`. */
export interface MapExpr extends Node {
  kind: 'map'
  entries: { key: Expr; value: Expr }[]
}
/** `a[1]`, `m['k']`. */
export interface Subscript extends Node {
  kind: 'subscript'
  expr: Expr
  index: Expr
}
/** `t.1`, `expr.name` on something that is no plain column path. */
export interface TupleElement extends Node {
  kind: 'tuple_element'
  expr: Expr
  /** A 1-based index (as text of an integer) or a name. */
  element: string
}
/** `col:a.b[*].c`: keys, 1-based or as-written indexes, `[*]`. */
export interface JsonPath extends Node {
  kind: 'json_path'
  expr: Expr
  path: ({ key: string } | { index: number } | { wildcard: true })[]
}
export type IntervalUnit =
  | 'nanosecond'
  | 'microsecond'
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'quarter'
  | 'year'
/** `5m`, `-1h` (value is a signed number literal's text inside `value`), `INTERVAL n UNIT`. */
export interface IntervalLiteral extends Node {
  kind: 'interval'
  value: Expr
  unit: IntervalUnit
}
export interface In extends Node {
  kind: 'in'
  expr: Expr
  /** A tuple, array, subquery, or a column/table name. */
  list: Expr
  not: boolean
  global: boolean
}
export interface Between extends Node {
  kind: 'between'
  expr: Expr
  low: Expr
  high: Expr
  not: boolean
}
export interface IsNull extends Node {
  kind: 'is_null'
  expr: Expr
  not: boolean
}
export interface Like extends Node {
  kind: 'like'
  expr: Expr
  pattern: Expr
  not: boolean
  caseInsensitive: boolean
}
export interface Exists extends Node {
  kind: 'exists'
  query: Query
}
export interface SubqueryExpr extends Node {
  kind: 'subquery'
  query: Query
}
/** `{name:type}`. */
export interface Parameter extends Node {
  kind: 'parameter'
  name: string
  type: TypeNode
}
/** `EXTRACT(unit FROM expr)`. */
export interface Extract extends Node {
  kind: 'extract'
  unit: IntervalUnit
  expr: Expr
}
/** `expr AS name`: allowed anywhere an expression is, as in ClickHouse. */
export interface Aliased extends Node {
  kind: 'alias'
  expr: Expr
  name: string
}
/** Text for the embedded engine's store. Never made by the parser, refused by the canonical printer. */
export interface RawExpr extends Node {
  kind: 'raw'
  sql: string
}

// ---------------------------------------------------------------- queries

export type Query = Select | UnionQuery

/** Arms of one set operation level, left to right. */
export interface UnionQuery extends Node {
  kind: 'union'
  arms: Query[]
  /** One per gap: `operators.length === arms.length - 1`. Plain UNION is `union_all`. */
  operators: ('union_all' | 'union_distinct' | 'intersect' | 'except')[]
  settings?: Setting[]
  format?: string
  intoOutfile?: string
}

export interface Select extends Node {
  kind: 'select'
  with: WithItem[]
  distinct?: true | Expr[]
  columns: Expr[]
  from?: TableExpr
  prewhere?: Expr
  where?: Expr
  partitionBy?: Expr[]
  shuffleBy?: Expr[]
  groupBy?: Expr[]
  /** `GROUP BY GROUPING SETS ((a), (a, b), ())`; then there is no `groupBy`. */
  groupingSets?: Expr[][]
  groupByModifier?: 'rollup' | 'cube' | 'totals' | 'all'
  withTotals?: boolean
  having?: Expr
  windows?: { name: string; def: WindowDef }[]
  orderBy?: OrderItem[]
  limitBy?: { limit: Expr; offset?: Expr; by: Expr[] }
  limit?: Expr
  withTies?: boolean
  offset?: Expr
  emit?: Emit
  settings?: Setting[]
  format?: string
  intoOutfile?: string
}

/** `WITH name AS (query)` or `WITH expr AS name`. */
export type WithItem =
  | (Node & { kind: 'cte'; name: string; query: Query })
  | (Node & { kind: 'expr'; name: string; expr: Expr })

export interface OrderItem extends Node {
  expr: Expr
  descending: boolean
  nulls?: 'first' | 'last'
  collate?: string
  withFill?: { from?: Expr; to?: Expr; step?: Expr }
}

export interface Setting extends Node {
  name: string
  value: Expr
}

export type TableExpr = NamedTable | TableFunction | SubqueryTable | Join | ArrayJoin | RawTable

interface Aliasable extends Node {
  alias?: string
  /** `AS t(a, b)`. */
  columnAliases?: string[]
  final?: boolean
  sample?: Expr
}
export interface NamedTable extends Aliasable {
  kind: 'table'
  name: QualifiedName
  /** Arguments of a parameterised view: `v(p=1)`. */
  args?: { name: string; value: Expr }[]
}
/**
 * `table(s)`, `tumble(s, ts, 5s)`, `hop`, `session`, `dedup`, `changelog`, `numbers(10)`, `values(…)` …
 * A first argument that is a relation is a `TableArg`; everything else is an expression.
 */
export interface TableFunction extends Aliasable {
  kind: 'table_function'
  name: string
  args: (Expr | TableArg | SessionRange)[]
}
export interface TableArg extends Node {
  kind: 'table_arg'
  table: NamedTable | TableFunction | SubqueryTable
}
/** The start/end conditions of `session(…, [start, end))`. */
export interface SessionRange extends Node {
  kind: 'session_range'
  start: Expr
  end: Expr
  startInclusive: boolean
  endInclusive: boolean
}
export interface SubqueryTable extends Aliasable {
  kind: 'subquery_table'
  query: Query
}
export type JoinKind = 'inner' | 'left' | 'right' | 'full' | 'cross'
export type JoinStrictness = 'all' | 'any' | 'latest' | 'asof' | 'semi' | 'anti'
export interface Join extends Node {
  kind: 'join'
  left: TableExpr
  right: TableExpr
  join: JoinKind
  /** Absent: not written, which means `all`. */
  strictness?: JoinStrictness
  global?: boolean
  on?: Expr
  using?: Expr[]
}
export interface ArrayJoin extends Node {
  kind: 'array_join'
  left: TableExpr
  outer: boolean
  columns: Expr[]
}
/** A relation of the embedded engine's store. Never made by the parser, refused by the canonical printer. */
export interface RawTable extends Aliasable {
  kind: 'raw_table'
  sql: string
  columns: string[]
}

/** Both spellings (1.6 and 3.x) land in this one node; `spelling` remembers nothing: lowering chooses. */
export interface Emit extends Node {
  mode?: 'stream' | 'changelog'
  /** AFTER WATERMARK = AFTER WINDOW CLOSE. */
  after?: 'window_close' | 'key_expire' | 'session_close'
  /** AFTER KEY EXPIRE / SESSION CLOSE [IDENTIFIED BY …]. */
  identifiedBy?: Expr[]
  maxSpan?: Expr
  onlyMaxSpan?: boolean
  periodic?: Expr
  repeat?: boolean
  onUpdate?: boolean
  /** ON UPDATE WITH BATCH i = PERIODIC i ON UPDATE. */
  batch?: Expr
  perEvent?: boolean
  delay?: Expr
  timeout?: Expr
  last?: Expr
  onProctime?: boolean
}

// ---------------------------------------------------------------- statements

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
export interface CreateNamedCollection extends Creation {
  kind: 'create_named_collection'
  entries: { name: string; value: Expr; overridable?: boolean }[]
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
