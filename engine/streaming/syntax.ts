import type { ColumnRef, Expr, Query, Select, Setting, TableExpr } from '../../dialect/ast.js'
import { intervalLength, literalNumber } from '../../dialect/interval_length.js'
import { EngineError } from '../errors.js'
import { rewriteQuery, visitExpr } from '../planner/walk.js'

/** Functions that answer differently when asked twice. */
export const VOLATILE: ReadonlySet<string> = new Set([
  'rand',
  'rand32',
  'rand64',
  'uuid',
  'now',
  'now64',
  'random_string',
  'generate_uuid',
])

/** `a AND b AND c` → [a, b, c]. */
export function conjuncts(expr: Expr | undefined): Expr[] {
  if (!expr) return []
  if (expr.kind === 'binary' && expr.op === 'and') return [...conjuncts(expr.left), ...conjuncts(expr.right)]
  return [expr]
}

export function column(...path: string[]): ColumnRef {
  return { kind: 'column', path }
}

export function number(value: number): Expr {
  const literal: Expr = { kind: 'literal', type: 'number', text: String(Math.abs(value)) }
  return value < 0 ? { kind: 'unary', op: '-', expr: literal } : literal
}

/** `SELECT columns FROM from`. */
export function selectFrom(from: TableExpr, columns: Expr[], rest: Partial<Select> = {}): Select {
  return { kind: 'select', with: [], columns, from, ...rest }
}

/** Length of an interval in ms. Months, quarters and years have none; throws 48. */
export function intervalMs(expr: Expr): number {
  const ms = intervalLength(expr)
  if (ms !== undefined) return ms
  if (expr.kind === 'interval')
    throw new EngineError('NOT_IMPLEMENTED', `An interval in units of ${expr.unit} is not supported here`)
  throw new EngineError('ILLEGAL_TYPE_OF_ARGUMENT', 'An interval such as 5s was expected')
}

/** Non-negative integer of LIMIT or OFFSET. */
export function limitNumber(expr: Expr | undefined, what: string): number | undefined {
  if (!expr) return undefined
  const value = literalNumber(expr)
  if (value === undefined || !Number.isInteger(value) || value < 0) {
    throw new EngineError('NOT_IMPLEMENTED', `${what} of a streaming query must be a number`)
  }
  return value
}

export function settingsOf(settings: Setting[] | undefined): Record<string, string> {
  const result: Record<string, string> = {}
  for (const { name, value } of settings ?? []) {
    if (value.kind === 'literal') {
      result[name] =
        value.type === 'null'
          ? ''
          : value.type === 'number'
            ? value.text
            : typeof value.value === 'boolean'
              ? String(Number(value.value))
              : value.value
    } else {
      const signed = literalNumber(value)
      if (signed !== undefined) result[name] = String(signed)
    }
  }
  return result
}

/** Function calls anywhere in the query, also in its subqueries; names lower-case. */
export function functionsOf(query: Query): Set<string> {
  const names = new Set<string>()
  rewriteQuery(query, {
    expr: (expr) => {
      if (expr.kind === 'call') names.add(expr.name.toLowerCase())
      return undefined
    },
  })
  return names
}

/** Function calls of a SELECT itself, not of its subqueries; names lower-case. */
export function callsIn(select: Select): Set<string> {
  const names = new Set<string>()
  const exprs = [
    ...select.columns,
    ...select.with.flatMap((item) => (item.kind === 'expr' ? [item.expr] : [])),
    ...[select.where, select.having].filter((expr) => expr !== undefined),
  ]
  for (const expr of exprs) {
    visitExpr(expr, (e) => {
      if (e.kind === 'call') names.add(e.name.toLowerCase())
      return undefined
    })
  }
  return names
}

/** Column references in an expression; subqueries are not entered. */
export function columnsOf(expr: Expr): ColumnRef[] {
  const refs: ColumnRef[] = []
  visitExpr(expr, (e) => {
    if (e.kind === 'column') refs.push(e)
    return undefined
  })
  return refs
}

/** `(a, b)`; one item stands alone. */
export function tuple(items: Expr[]): Expr {
  return items.length === 1 ? items[0]! : { kind: 'tuple', items }
}
