import type { Expr, Select } from '../../dialect/ast.js'
import { isAggregation, type TranslateEnv } from '../planner/index.js'
import { fingerprint, rewriteExpr, visitExpr } from '../planner/walk.js'
import { looksBack } from './look_back.js'
import { columnsOf, conjuncts, functionsOf, VOLATILE } from './syntax.js'

/**
 * What WHERE demands of the group keys of an aggregation below is demanded of the aggregation's own rows as well: rows of
 * groups that nobody sees are no reason to speak (Proton moves such conditions into the subquery).
 */
export function pushedDown(select: Select, env: TranslateEnv): Select {
  const { from } = select
  if (from?.kind !== 'subquery_table' || from.query.kind !== 'select' || from.columnAliases) return select
  const inner = from.query
  if (!takesConditions(inner, env)) return select
  const terms = conjuncts(select.where)
    .filter(isPlain)
    .map((term) => overKeys(term, inner, from.alias))
    .filter((term) => term !== undefined)
  if (terms.length === 0) return select
  const where = [...conjuncts(inner.where), ...terms].reduce((left, right) => ({
    kind: 'binary',
    op: 'and',
    left,
    right,
  }))
  return { ...select, from: { ...from, query: { ...inner, where } } }
}

function takesConditions(inner: Select, env: TranslateEnv): boolean {
  const { groupBy, limit, limitBy, offset, withTotals, groupByModifier } = inner
  if (!groupBy || limit || limitBy || offset || withTotals || groupByModifier || inner.with.length > 0)
    return false
  if (looksBack(inner) || functionsOf({ ...inner, from: undefined }).has('emit_version')) return false
  return isAggregation(inner, env)
}

/** Answers the same for the same row, whenever and wherever it is asked. */
function isPlain(term: Expr): boolean {
  let plain = true
  visitExpr(term, (expr) => {
    plain &&= expr.kind !== 'subquery' && !(expr.kind === 'call' && VOLATILE.has(expr.name.toLowerCase()))
    return plain
  })
  return plain
}

/** The condition over what the subquery reads; undefined where it asks for more than group keys. */
function overKeys(term: Expr, inner: Select, alias: string | undefined): Expr | undefined {
  // The bounds of a session are known when it closes, not when its rows come.
  const isBound = (key: Expr) => key.kind === 'column' && /^window_(?:start|end)$/.test(key.path.at(-1)!)
  const keys = new Set((inner.groupBy ?? []).filter((key) => !isBound(key)).map(fingerprint))
  const meant = ([first, second]: string[]): Expr | undefined => {
    const name = second ?? first
    if (second !== undefined && first !== alias) return undefined
    const items = inner.columns.filter((item) => nameOf(item) === name)
    const expr = items[0]?.kind === 'alias' ? items[0].expr : items[0]
    return items.length === 1 && expr && keys.has(fingerprint(expr)) ? expr : undefined
  }
  const refs = columnsOf(term)
  if (refs.length === 0 || !refs.every(({ path }) => path.length <= 2 && meant(path))) return undefined
  return rewriteExpr(term, { expr: (expr) => (expr.kind === 'column' ? meant(expr.path) : undefined) })
}

function nameOf(item: Expr): string | undefined {
  return item.kind === 'alias' ? item.name : item.kind === 'column' ? item.path.at(-1) : undefined
}
