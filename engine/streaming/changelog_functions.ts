import type { Expr, FunctionCall, Select } from '../../dialect/ast.js'
import { columnName, isAggregateFunction, splitCombinators } from '../../dialect/index.js'
import { EngineError } from '../errors.js'
import type { TranslateEnv } from '../planner/index.js'
import { rewriteExpr } from '../planner/walk.js'
import { DELTA } from './operator.js'
import { column } from './syntax.js'

/** Aggregates that cannot forget a row (Proton's changelog_func_map). */
const REFUSED = new Set([
  'earliest',
  'first_value',
  'last_value',
  'latest',
  'median',
  'moving_sum',
  'p90',
  'p95',
  'p99',
  'quantile',
  'top_k',
])
const COMBINATORS = new Set(['_if', '_distinct', '_distinct_retract'])

/** An aggregation as it is to be read over a changelog. */
export interface ChangelogAggregation {
  select: Select
  /** Functions of the user's own: they get every change with `_tp_delta`, and do the forgetting themselves. */
  own: FunctionCall[]
  /** There are no others. */
  ownForgetting: boolean
}

/** Throws 48 for functions that are not allowed over a changelog. */
export function overChangelog(select: Select, env: TranslateEnv): ChangelogAggregation {
  const own: FunctionCall[] = []
  let builtin = false
  const rewrite = {
    expr: (expr: Expr): Expr | undefined => {
      if (expr.kind !== 'call' || expr.over !== undefined) return undefined
      if (env.lookup(expr.name)?.kind === 'aggregate') {
        const call = { ...expr, args: [...expr.args, column(DELTA.name)] }
        own.push(call)
        return call
      }
      const name = expr.name.toLowerCase()
      if (!isAggregateFunction(name)) return undefined
      builtin = true
      refuse(name)
      // The values are kept in order, as the set that counts them is.
      if (name === 'group_uniq_array') return call('array_sort', [expr])
      return { ...expr, name: name.replace('_distinct_retract', '_distinct') }
    },
  }
  const rewritten: Select = {
    ...select,
    with: select.with.map((item) =>
      item.kind === 'expr' ? { ...item, expr: rewriteExpr(item.expr, rewrite) } : item,
    ),
    columns: select.columns.map((item) => {
      const changed = rewriteExpr(item, rewrite)
      return changed === item || item.kind === 'alias' || item.kind === 'column'
        ? changed
        : { kind: 'alias', expr: changed, name: columnName(item) }
    }),
    ...(select.having ? { having: rewriteExpr(select.having, rewrite) } : {}),
    ...(select.orderBy
      ? { orderBy: select.orderBy.map((item) => ({ ...item, expr: rewriteExpr(item.expr, rewrite) })) }
      : {}),
  }
  return { select: rewritten, own, ownForgetting: own.length > 0 && !builtin }
}

function refuse(name: string): void {
  const { base, suffixes } = splitCombinators(name) ?? { base: name, suffixes: [] }
  if (!REFUSED.has(base) && suffixes.every((suffix) => COMBINATORS.has(suffix))) return
  throw new EngineError(
    'NOT_IMPLEMENTED',
    `${name} aggregation function is not supported in changelog query processing`,
  )
}

function call(name: string, args: Expr[]): FunctionCall {
  return { kind: 'call', name, args }
}
