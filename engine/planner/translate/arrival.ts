import type { Expr, Select } from '../../../dialect/ast.js'
import { visitExpr } from '../walk.js'
import { isAggregation } from './is_aggregation.js'
import type { Scope } from './scope.js'

/** The column by which subqueries hand on the order of arrival. */
export const CARRIED = '_tp_arrival'

const READS_ARRIVAL =
  /^(?:earliest|latest|first_value|last_value|group_array|top_k(?:_exact)?(?:_weighted)?|lags?|row_number)(?:_if)?$/i

/** Whether a result of the SELECT depends on the order in which its rows arrived. */
export function readsArrival(select: Select): boolean {
  let found = false
  const look = (expr: Expr): boolean => {
    if (expr.kind === 'call' && READS_ARRIVAL.test(expr.name)) found = true
    // Texts of a split aggregation name the column already.
    if (expr.kind === 'raw' && expr.sql.includes(CARRIED)) found = true
    return !found
  }
  const exprs = [
    ...select.columns,
    ...select.with.flatMap((item) => (item.kind === 'expr' ? [item.expr] : [])),
    ...(select.having ? [select.having] : []),
    ...(select.orderBy ?? []).map((item) => item.expr),
  ]
  for (const expr of exprs) visitExpr(expr, look)
  return found
}

/** Whether each row of the result is one row of the input. */
export function keepsRows(select: Select, scope: Scope): boolean {
  return select.distinct === undefined && !isAggregation(select, scope.env)
}
