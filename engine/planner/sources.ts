import type {
  Expr,
  NamedTable,
  Query,
  Select,
  SubqueryTable,
  TableExpr,
  TableFunction,
} from '../../dialect/ast.js'
import { isAggregateFunction } from '../../dialect/index.js'
import type { Catalog } from '../contracts.js'
import { EngineError } from '../errors.js'
import { substitute } from './translate/sql_function.js'
import { type Rewrite, rewriteQuery, visitExpr } from './walk.js'

export type Leaf = NamedTable | TableFunction

/**
 * Replaces each leaf of FROM (and `x IN stream`), at any depth, by what `resolve` gives; `undefined` keeps it.
 * Names of CTEs are no leaves. `leftmost` marks the leaf that decides whether the query is unbounded.
 * A replacement without an alias gets the leaf's (a stream stays addressable by its name).
 */
export async function bindLeaves(
  query: Query,
  resolve: (leaf: Leaf, leftmost: boolean) => Promise<TableExpr | undefined>,
): Promise<Query> {
  const prepared = relationsInLists(query)
  const leaves: Leaf[] = []
  rewriteQuery(prepared, { leaf: (leaf) => void leaves.push(leaf) })
  const first = leftmostSource(prepared)
  const bound = new Map<Leaf, TableExpr>()
  for (const leaf of leaves) {
    const table = await resolve(leaf, leaf === first)
    if (table) bound.set(leaf, withAliasOf(leaf, table))
  }
  return rewriteQuery(prepared, { leaf: (leaf) => bound.get(leaf) })
}

function withAliasOf(leaf: Leaf, table: TableExpr): TableExpr {
  if (table.kind === 'join' || table.kind === 'array_join') return table
  return {
    ...table,
    alias: leaf.alias ?? table.alias ?? relationName(leaf),
    columnAliases: leaf.columnAliases ?? table.columnAliases,
  }
}

/** The name that columns of a leaf may be qualified with: the stream's, also inside `table(s)` and `tumble(s, …)`. */
export function relationName(leaf: Leaf): string | undefined {
  if (leaf.alias !== undefined) return leaf.alias
  if (leaf.kind === 'table') return leaf.name.name
  const [arg] = leaf.args
  if (arg?.kind !== 'table_arg') return undefined
  return arg.table.kind === 'subquery_table' ? arg.table.alias : relationName(arg.table)
}

/** `x IN stream` → `x IN (SELECT * FROM stream)`; a name that WITH defines stays. */
function relationsInLists(query: Query): Query {
  const rewriteSelect = (select: Select, outer: ReadonlySet<string>): Select => {
    const local = new Set([...outer, ...select.with.map((item) => item.name)])
    const rewrite: Rewrite = {
      query: (inner) => relationsIn(inner, local),
      expr: (expr) => {
        if (expr.kind !== 'in' || expr.list.kind !== 'column' || expr.list.path.length > 2) return undefined
        const path = expr.list.path
        const isExpression =
          path.length === 1 && select.with.some((w) => w.kind === 'expr' && w.name === path[0])
        if (isExpression || outer.has(path[0]!) || definesAlias(select, path[0]!)) return undefined
        return { ...expr, list: { kind: 'subquery', query: selectAll(path) } }
      },
    }
    return partsOf(select, rewrite)
  }
  const relationsIn = (inner: Query, outer: ReadonlySet<string>): Query =>
    inner.kind === 'union'
      ? { ...inner, arms: inner.arms.map((arm) => relationsIn(arm, outer)) }
      : rewriteSelect(inner, outer)
  return relationsIn(query, new Set())
}

function definesAlias(select: Select, name: string): boolean {
  return select.columns.some((column) => column.kind === 'alias' && column.name === name)
}

function selectAll(path: string[]): Select {
  const name = path.length === 2 ? { database: path[0]!, name: path[1]! } : { name: path[0]! }
  return { kind: 'select', with: [], columns: [{ kind: 'star' }], from: { kind: 'table', name } }
}

/** The parts of a SELECT are rewritten, the node itself is not offered to the `query` hook. */
function partsOf(select: Select, rewrite: Rewrite): Select {
  let first = true
  return rewriteQuery(select, {
    ...rewrite,
    query: (inner) => {
      if (first) {
        first = false
        return undefined
      }
      return rewrite.query?.(inner)
    },
  })
}

/**
 * The leaf that decides whether the query is unbounded: the left-most one, through joins, subqueries and CTEs.
 * Undefined for a query without FROM.
 */
export function leftmostSource(query: Query): Leaf | undefined {
  return leftmostOf(query, new Map())
}

function leftmostOf(query: Query, outer: ReadonlyMap<string, Query>): Leaf | undefined {
  if (query.kind === 'union') {
    for (const arm of query.arms) {
      const found = leftmostOf(arm, outer)
      if (found) return found
    }
    return undefined
  }
  const ctes = new Map(outer)
  for (const item of query.with) if (item.kind === 'cte') ctes.set(item.name, item.query)
  return query.from && leftmostIn(query.from, ctes)
}

function leftmostIn(table: TableExpr, ctes: ReadonlyMap<string, Query>): Leaf | undefined {
  switch (table.kind) {
    case 'join':
    case 'array_join':
      return leftmostIn(table.left, ctes)
    case 'subquery_table':
      return leftmostOf(table.query, ctes)
    case 'raw_table':
      return undefined
    case 'table': {
      const cte = table.name.database === undefined ? ctes.get(table.name.name) : undefined
      if (!cte) return table
      const others = new Map([...ctes].filter(([name]) => name !== table.name.name))
      return leftmostOf(cte, others)
    }
    case 'table_function': {
      // A subquery inside `tumble((SELECT …), …)` decides; a plain stream is judged with its function.
      const [arg] = table.args
      if (arg?.kind === 'table_arg' && arg.table.kind === 'subquery_table')
        return leftmostOf(arg.table.query, ctes)
      return table
    }
  }
}

const MAX_VIEW_DEPTH = 64

/**
 * Plain views → their bodies as subqueries, also inside `tumble(view, …)`, recursively. Parameters of a
 * parameterised view take the values of the call. `table(view)` is left alone: whoever binds it decides.
 * Throws 36 for a missing parameter, 48 for views that contain each other.
 */
export function expandViews(query: Query, catalog: Catalog, database: string): Query {
  return expand(windowedCtes(starsOf(query)), catalog, database, [])
}

/** `SETTINGS asterisk_include_reserved_columns = false`: `*` leaves out what the engine added. */
function starsOf(query: Query): Query {
  const setting = query.settings?.find((s) => s.name === 'asterisk_include_reserved_columns')?.value
  const off =
    setting?.kind === 'literal' &&
    (setting.type === 'bool' ? !setting.value : setting.type === 'number' && Number(setting.text) === 0)
  if (!off) return query
  return rewriteQuery(query, {
    expr: (expr) =>
      expr.kind === 'star' ? { ...expr, except: [...(expr.except ?? []), '_tp_time'] } : undefined,
  })
}

type CteList = { kind: 'cte'; name: string; query: Query }[]

/** `tumble(cte, …)` → `tumble((body of the CTE), …)`; a CTE's own CTEs come along. */
function windowedCtes(query: Query, outer: CteList = []): Query {
  if (query.kind === 'union') return { ...query, arms: query.arms.map((arm) => windowedCtes(arm, outer)) }
  const ctes: CteList = [...outer]
  const withItems = query.with.map((item) => {
    if (item.kind !== 'cte') return item
    const body = windowedCtes(item.query, ctes)
    ctes.push({ ...item, query: body })
    return { ...item, query: body }
  })
  const own: Select = { ...query, with: withItems }
  return partsOf(own, {
    query: (inner) =>
      withItems.some((item) => 'query' in item && item.query === inner) ? inner : windowedCtes(inner, ctes),
    leaf: (leaf) =>
      leaf.kind === 'table_function' ? (tableOfCte(leaf, ctes) ?? cteArguments(leaf, ctes)) : undefined,
  })
}

/** `table(cte)` → the CTE with every stream read as a table. Throws 36 where it aggregates, as Proton does. */
function tableOfCte(table: TableFunction, ctes: CteList): SubqueryTable | undefined {
  const [arg] = table.args
  if (table.name.toLowerCase() !== 'table' || arg?.kind !== 'table_arg' || arg.table.kind !== 'table')
    return undefined
  const { name } = arg.table
  const at = name.database === undefined ? ctes.findLastIndex((cte) => cte.name === name.name) : -1
  if (at < 0) return undefined
  const query = withEarlier(ctes[at]!.query, ctes.slice(0, at))
  if (query.kind === 'select' && aggregates(query)) {
    throw new EngineError('BAD_ARGUMENTS', `Function table cannot read ${name.name}: it aggregates`)
  }
  const bounded = rewriteQuery(query, {
    leaf: (leaf) =>
      leaf.kind === 'table'
        ? {
            kind: 'table_function',
            name: 'table',
            args: [{ kind: 'table_arg', table: leaf }],
            alias: leaf.alias ?? leaf.name.name,
          }
        : undefined,
  })
  return { kind: 'subquery_table', query: bounded, alias: table.alias ?? name.name }
}

function aggregates(select: Select): boolean {
  let found = select.groupBy !== undefined
  for (const column of select.columns) {
    visitExpr(column, (expr) => {
      found ||= expr.kind === 'call' && expr.over === undefined && isAggregateFunction(expr.name)
      return !found
    })
  }
  return found
}

function cteArguments(table: TableFunction, ctes: CteList): TableFunction {
  return {
    ...table,
    args: table.args.map((arg) => {
      if (arg.kind !== 'table_arg') return arg
      if (arg.table.kind === 'table_function') return { ...arg, table: cteArguments(arg.table, ctes) }
      if (arg.table.kind === 'subquery_table') {
        return { ...arg, table: { ...arg.table, query: windowedCtes(arg.table.query, ctes) } }
      }
      const { name, alias } = arg.table
      const at = name.database === undefined ? ctes.findLastIndex((cte) => cte.name === name.name) : -1
      if (at < 0) return arg
      const query = withEarlier(ctes[at]!.query, ctes.slice(0, at))
      return { ...arg, table: { kind: 'subquery_table', query, alias: alias ?? name.name } }
    }),
  }
}

function withEarlier(query: Query, ctes: CteList): Query {
  if (ctes.length === 0) return query
  if (query.kind === 'union') return { ...query, arms: query.arms.map((arm) => withEarlier(arm, ctes)) }
  return { ...query, with: [...ctes, ...query.with] }
}

function expand(query: Query, catalog: Catalog, database: string, path: string[]): Query {
  return rewriteQuery(query, { leaf: (leaf) => expandLeaf(leaf, catalog, database, path) })
}

function expandLeaf(leaf: Leaf, catalog: Catalog, database: string, path: string[]): TableExpr | undefined {
  if (leaf.kind === 'table') return viewBody(leaf, catalog, database, path)
  if (leaf.name.toLowerCase() === 'table') return undefined
  let changed = false
  const args = leaf.args.map((arg) => {
    if (arg.kind !== 'table_arg') return arg
    const inner =
      arg.table.kind === 'subquery_table'
        ? { ...arg.table, query: expand(arg.table.query, catalog, database, path) }
        : expandLeaf(arg.table, catalog, database, path)
    if (!inner || inner.kind === 'join' || inner.kind === 'array_join' || inner.kind === 'raw_table')
      return arg
    changed = true
    return { ...arg, table: inner }
  })
  return changed ? { ...leaf, args } : undefined
}

/** The view's body as a subquery that answers to the view's name or alias; undefined for what is no plain view. */
export function viewBody(
  leaf: NamedTable,
  catalog: Catalog,
  database: string,
  path: string[] = [],
): SubqueryTable | undefined {
  const object = catalog.find(leaf.name, database)
  if (object?.kind !== 'view') return undefined
  const name = `${object.name.database}.${object.name.name}`
  if (path.includes(name) || path.length > MAX_VIEW_DEPTH) {
    throw new EngineError('NOT_IMPLEMENTED', `View ${name} contains itself: ${[...path, name].join(' → ')}`)
  }
  const given = new Map((leaf.args ?? []).map((arg) => [arg.name, arg.value]))
  const body = expand(object.statement.query, catalog, object.name.database, [...path, name])
  return {
    kind: 'subquery_table',
    query: given.size > 0 ? withArguments(body, given) : body,
    alias: leaf.alias ?? leaf.name.name,
    columnAliases: leaf.columnAliases,
  }
}

/** `{p:type}` inside the body → the argument cast to the type. Others are left for the query's own parameters. */
function withArguments(query: Query, given: ReadonlyMap<string, Expr>): Query {
  return rewriteQuery(query, {
    expr: (expr) => {
      if (expr.kind !== 'parameter') return undefined
      const value = given.get(expr.name)
      return value && { kind: 'cast', expr: substitute(value, new Map()), type: expr.type }
    },
  })
}
