import type { Expr, Select } from '../../dialect/ast.js'
import { columnName } from '../../dialect/index.js'
import { rewriteExpr, rewriteQuery } from '../planner/walk.js'
import { looksBack } from './look_back.js'
import { unsupported } from './select_shape.js'
import { selectFrom } from './syntax.js'

/**
 * `SELECT a.x, lag(b.y) FROM a JOIN b … WHERE …`: the joined rows that WHERE leaves, looked back over: two SELECTs, one in
 * the other. Undefined where nothing looks back over a join.
 */
export function lagOverJoins(select: Select): Select | undefined {
  const { from, where, prewhere, with: items, ...rest } = select
  if ((from?.kind !== 'join' && from?.kind !== 'array_join') || !looksBack(select)) return undefined
  const expressions = items.filter((item) => item.kind === 'expr')
  const aliases = new Set(expressions.map(({ name }) => name))
  for (const item of select.columns) if (item.kind === 'alias') aliases.add(item.name)

  const inner: Expr[] = []
  const names = new Map<string, string>()
  const named = (expr: Expr & { kind: 'column' }): Expr => {
    const key = JSON.stringify(expr.path)
    const name = names.get(key) ?? `__tp_j${names.size}`
    if (!names.has(key)) inner.push({ kind: 'alias', expr, name })
    names.set(key, name)
    return { kind: 'column', path: [name] }
  }
  /** Columns of the join by their new names; inside its own definition an alias is one of them. */
  const renamed = (defining?: string) => (expr: Expr) => {
    if (expr.kind !== 'column') return undefined
    const isAlias = expr.path.length === 1 && aliases.has(expr.path[0]!) && expr.path[0] !== defining
    return isAlias ? undefined : named(expr)
  }
  const columns = rest.columns.map((item): Expr => {
    if (item.kind === 'star' && item.qualifier) {
      throw unsupported('An asterisk of one side next to a function of earlier rows over a join')
    }
    if (item.kind === 'star') return item
    const { expr, name } = item.kind === 'alias' ? item : { expr: item, name: columnName(item) }
    return { kind: 'alias', expr: rewriteExpr(expr, { expr: renamed(name) }), name }
  })
  const others: Select = { ...rest, columns: [], with: expressions }
  const rewritten = rewriteQuery(others, {
    expr: renamed(),
    query: (query) => (query === others ? undefined : query),
  })
  const star = columns.some((item) => item.kind === 'star')
  const hidden = [...names.values()]
  const joined = selectFrom(from, star ? [{ kind: 'star' }, ...inner] : inner, {
    with: items,
    ...(where ? { where } : {}),
    ...(prewhere ? { prewhere } : {}),
  })
  return {
    ...rewritten,
    columns: columns.map((item) =>
      item.kind === 'star' ? { ...item, except: [...(item.except ?? []), ...hidden] } : item,
    ),
    from: { kind: 'subquery_table', query: joined },
  }
}
