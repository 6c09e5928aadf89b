import type { Node, TypeNode } from './names.js'
import type { OrderItem, Query } from './queries.js'

// Expressions.

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
  /** Written as `INTERVAL n UNIT`. No part of the meaning: only Proton's own layout tells the two apart. */
  inWords?: true
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
