import type { Expr, WindowDef } from './expressions.js'
import type { Node, QualifiedName } from './names.js'

// Queries: SELECT, set operations, FROM, EMIT.

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
  /**
   * A join whose rows lie in one relation: what its relations show. Column `c` of relation `a` is named `a.c`, those of
   * a relation without a name go by their own.
   */
  relations?: { alias?: string; columns: string[]; strings?: string[] }[]
  /** Those of the columns that are known to hold strings. */
  strings?: string[]
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
