import type { Expr, Select } from '../../../dialect/ast.js'
import { visitExpr } from '../walk.js'
import { isAggregateCall } from './aggregates.js'
import type { TranslateEnv } from './env.js'
import { emptyScope } from './scope.js'

/** Whether a SELECT groups or aggregates. `f() OVER …` does not count. */
export function isAggregation(select: Select, env: TranslateEnv): boolean {
  if ((select.groupBy && select.groupBy.length > 0) || select.groupByModifier === 'all') return true
  const scope = emptyScope(env)
  let found = false
  const look = (expr: Expr): boolean => {
    if (isAggregateCall(expr, scope)) found = true
    return !found
  }
  for (const expr of [...select.columns, ...(select.having ? [select.having] : [])]) visitExpr(expr, look)
  for (const item of select.with) if (item.kind === 'expr') visitExpr(item.expr, look)
  for (const item of select.orderBy ?? []) visitExpr(item.expr, look)
  return found
}
