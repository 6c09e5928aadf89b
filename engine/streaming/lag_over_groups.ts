import type { Expr, Select } from '../../dialect/ast.js'
import { columnName, isAggregateFunction } from '../../dialect/index.js'
import { EngineError } from '../errors.js'
import { isAggregation, type TranslateEnv } from '../planner/index.js'
import { fingerprint, rewriteExpr, visitExpr } from '../planner/walk.js'
import { column, selectFrom } from './syntax.js'

const LAGS = /^(?:lags?|neighbor)$/i

/**
 * `SELECT k, sum(v) AS s, lag(s) … GROUP BY k HAVING s > lag(s)`: what an aggregation emits, looked back over, then
 * filtered: three SELECTs, one in the other. Undefined where an aggregation has no function of earlier rows. Throws 48
 * where both are of a partition.
 */
export function lagOverGroups(select: Select, env: TranslateEnv): Select | undefined {
  if (!select.from || !isAggregation(select, env)) return undefined
  const aliases = new Map<string, Expr>()
  for (const item of select.columns) if (item.kind === 'alias') aliases.set(item.name, item.expr)
  const looksBack = (expr: Expr | undefined) => expr !== undefined && finds(expr, isLag, aliases)
  if (!select.columns.some(looksBack) && !looksBack(select.having)) return undefined

  if (select.partitionBy) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'Window over aggregation is not compatible with window over non-aggregation in the same query',
    )
  }
  const { having, columns, orderBy, ...grouping } = select
  const inner: Expr[] = []
  const names = new Map<string, string>()
  const named = (expr: Expr): Expr => {
    const print = fingerprint(expr)
    const name = names.get(print) ?? `__tp_g${names.size}`
    if (!names.has(print)) inner.push({ kind: 'alias', expr, name })
    names.set(print, name)
    return column(name)
  }
  const keys = (select.groupBy ?? []).map((key) =>
    key.kind === 'column' && key.path.length === 1 ? (aliases.get(key.path[0]!) ?? key) : key,
  )
  for (const key of keys) named(key)
  const isAggregate = (name: string) =>
    isAggregateFunction(name.toLowerCase()) ||
    name.toLowerCase() === 'emit_version' ||
    env.lookup(name)?.kind === 'aggregate'
  const overGroups = (expr: Expr): Expr =>
    rewriteExpr(expr, {
      expr: (e) => {
        if (names.has(fingerprint(e))) return named(e)
        return e.kind === 'call' && !isLag(e) && isAggregate(e.name) ? named(e) : undefined
      },
    })

  const outputs = columns.map((item): Expr & { kind: 'alias' } => {
    const expr = item.kind === 'alias' ? item.expr : item
    return {
      kind: 'alias',
      expr: overGroups(expr),
      name: item.kind === 'alias' ? item.name : columnName(item),
    }
  })
  const groups: Select = { ...grouping, groupBy: keys.length > 0 ? keys : undefined, columns: inner, orderBy }
  const lagged: Select = selectFrom({ kind: 'subquery_table', query: groups }, outputs, {
    with: select.with.filter((item) => item.kind === 'expr'),
  })
  if (!having) return lagged
  // What is dropped before is not looked back to; the condition cannot see the outputs by name then.
  if (!looksBack(having)) return { ...lagged, where: overGroups(withoutAliases(having, aliases)) }

  // What the condition reads besides the outputs is handed on under names of its own.
  const extra: Expr[] = []
  const handedOn = rewriteExpr(overGroups(having), {
    expr: (e) => {
      const group = e.kind === 'column' && e.path[0]!.startsWith('__tp_g')
      if (!group && !isLag(e)) return undefined
      const name = `__tp_h${extra.length}`
      extra.push({ kind: 'alias', expr: e, name })
      return column(name)
    },
  })
  const below: Select = { ...lagged, columns: [...outputs, ...extra] }
  return selectFrom(
    { kind: 'subquery_table', query: below },
    outputs.map(({ name }) => column(name)),
    {
      where: handedOn,
    },
  )
}

function withoutAliases(expr: Expr, aliases: ReadonlyMap<string, Expr>): Expr {
  return rewriteExpr(expr, {
    expr: (e) => (e.kind === 'column' && e.path.length === 1 ? aliases.get(e.path[0]!) : undefined),
  })
}

function isLag(expr: Expr): boolean {
  return expr.kind === 'call' && LAGS.test(expr.name)
}

/** Whether an expression, its aliases followed, has a part that `is`. */
function finds(
  expr: Expr,
  is: (part: Expr) => boolean,
  aliases: ReadonlyMap<string, Expr>,
  open: ReadonlySet<string> = new Set(),
): boolean {
  let found = false
  visitExpr(expr, (part) => {
    if (is(part)) found = true
    const name = part.kind === 'column' && part.path.length === 1 ? part.path[0]! : undefined
    const meant = name === undefined || open.has(name) ? undefined : aliases.get(name)
    if (meant && finds(meant, is, aliases, new Set([...open, name!]))) found = true
    return !found
  })
  return found
}
