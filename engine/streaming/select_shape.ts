import type { Select, TableExpr, TableFunction } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { fingerprint } from '../planner/walk.js'
import { functionsOf } from './syntax.js'

/** Functions whose value depends on rows before: they need memory that a plain SELECT has not. */
const ORDERED_FUNCTIONS = new Set(['lag', 'lags', 'neighbor', 'row_number', 'running_difference'])

/** Clauses that need memory of earlier rows, and have none here. Throws 48. */
export function refuseStateful(select: Select): void {
  for (const name of functionsOf({ ...select, from: undefined, with: [] })) {
    if (ORDERED_FUNCTIONS.has(name)) throw unsupported(`Function ${name} in a streaming query`)
  }
  if (select.limitBy) throw unsupported('LIMIT BY in a streaming query')
  if (select.limit || select.offset) throw unsupported('LIMIT inside a streaming subquery or view')
}

/** PARTITION BY: every key by itself, which for an aggregation without windows is one more key. */
export function withSubstreams(select: Select): Select {
  if (!select.partitionBy) return select
  const keys = select.groupBy ?? []
  const known = new Set(keys.map(fingerprint))
  return {
    ...select,
    groupBy: [...keys, ...select.partitionBy.filter((key) => !known.has(fingerprint(key)))],
  }
}

export function groupsByWindow(select: Select): boolean {
  return (select.groupBy ?? []).some(
    (key) =>
      key.kind === 'column' && (key.path.at(-1) === 'window_start' || key.path.at(-1) === 'window_end'),
  )
}

export function unsupported(what: string): EngineError {
  return new EngineError('NOT_IMPLEMENTED', `${what} is not supported by the embedded engine`)
}

/** Whether a condition on the output's `_tp_time` is one on the input's. */
export function passesTime(select: Select): boolean {
  if (select.groupBy) return false
  return select.columns.some(
    (c) =>
      (c.kind === 'star' && !c.except?.includes('_tp_time')) ||
      (c.kind === 'column' && c.path.at(-1) === '_tp_time') ||
      (c.kind === 'alias' &&
        c.name === '_tp_time' &&
        c.expr.kind === 'column' &&
        c.expr.path.at(-1) === '_tp_time'),
  )
}

/** Names by which the columns of the left-most relation can be qualified. */
export function tableNames(table: TableExpr | TableFunction): string[] {
  if (table.kind === 'join' || table.kind === 'array_join') return tableNames(table.left)
  if ('alias' in table && table.alias !== undefined) return [table.alias]
  if (table.kind === 'table') return [table.name.name]
  if (table.kind === 'table_function') {
    const source = table.args[0]
    return source?.kind === 'table_arg' ? tableNames(source.table) : []
  }
  return []
}

/** Whether a CTE is still named after the FROM was replaced: in a subquery of an expression, or by a later CTE. */
export function mentions(select: Select, cte: string): boolean {
  const { from, ...rest } = select
  void from
  return hasTable(rest, cte)
}

function hasTable(node: unknown, name: string): boolean {
  if (typeof node !== 'object' || node === null) return false
  if (Array.isArray(node)) return node.some((item) => hasTable(item, name))
  const record = node as Record<string, unknown>
  if (record.kind === 'table' && (record.name as { name?: string }).name === name) return true
  return Object.values(record).some((value) => hasTable(value, name))
}
