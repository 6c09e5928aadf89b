import type { Expr, Select } from '../../../dialect/ast.js'
import { visitExpr } from '../walk.js'
import { isAggregateCall } from './aggregates.js'
import type { TranslateEnv } from './env.js'
import { emptyScope } from './scope.js'
import { inlineSqlFunctions } from './sql_function.js'

/** Whether a SELECT groups or aggregates. `f() OVER …` does not count. */
export function isAggregation(select: Select, env: TranslateEnv): boolean {
  if ((select.groupBy && select.groupBy.length > 0) || select.groupByModifier === 'all') return true
  const scope = emptyScope(env)
  let found = false
  const look = (expr: Expr): boolean => {
    if (isAggregateCall(expr, scope)) found = true
    return !found
  }
  const exprs = [
    ...select.columns,
    ...(select.having ? [select.having] : []),
    ...select.with.filter((item) => item.kind === 'expr').map((item) => item.expr),
    ...(select.orderBy ?? []).map((item) => item.expr),
  ]
  for (const expr of exprs) visitExpr(inlineSqlFunctions(expr, env), look)
  return found
}
