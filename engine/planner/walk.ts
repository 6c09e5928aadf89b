import type {
  Expr,
  NamedTable,
  OrderItem,
  Query,
  Select,
  TableArg,
  TableExpr,
  TableFunction,
  WindowDef,
} from '../../dialect/ast.js'

/**
 * Rewriting of trees. A hook that answers `undefined` lets the walk go on below the node; any other answer
 * takes the node's place and is not walked again. Nothing is changed in place.
 */
export interface Rewrite {
  expr?(expr: Expr): Expr | undefined
  /** Named tables that are no CTE, and table functions: before their arguments. */
  leaf?(leaf: NamedTable | TableFunction): TableExpr | undefined
  /** Whole subqueries (also arms of unions), before what is in them. */
  query?(query: Query): Query | undefined
}

type Ctes = ReadonlySet<string>
const NO_CTES: Ctes = new Set()

export function rewriteQuery<Q extends Query>(query: Q, rewrite: Rewrite, ctes: Ctes = NO_CTES): Q {
  const replaced = rewrite.query?.(query)
  if (replaced) return replaced as Q
  return queryParts(query, rewrite, ctes) as Q
}

function queryParts(query: Query, rewrite: Rewrite, ctes: Ctes): Query {
  if (query.kind === 'union') {
    return { ...query, arms: query.arms.map((arm) => rewriteQuery(arm, rewrite, ctes)) }
  }
  return selectParts(query, rewrite, ctes)
}

function selectParts(select: Select, rewrite: Rewrite, outer: Ctes): Select {
  const ctes = new Set(outer)
  const withItems = select.with.map((item) => {
    if (item.kind === 'expr') return { ...item, expr: rewriteExpr(item.expr, rewrite, ctes) }
    const query = rewriteQuery(item.query, rewrite, ctes)
    ctes.add(item.name)
    return { ...item, query }
  })
  const one = (expr: Expr) => rewriteExpr(expr, rewrite, ctes)
  const opt = (expr: Expr | undefined) => (expr === undefined ? undefined : one(expr))
  const many = (exprs: Expr[] | undefined) => exprs?.map(one)
  const order = (items: OrderItem[] | undefined) => items?.map((item) => orderParts(item, one))
  return defined({
    ...select,
    with: withItems,
    distinct: select.distinct === true ? true : many(select.distinct),
    columns: select.columns.map(one),
    from: select.from && rewriteTable(select.from, rewrite, ctes),
    prewhere: opt(select.prewhere),
    where: opt(select.where),
    partitionBy: many(select.partitionBy),
    shuffleBy: many(select.shuffleBy),
    groupBy: many(select.groupBy),
    having: opt(select.having),
    windows: select.windows?.map((w) => ({ ...w, def: windowParts(w.def, one) })),
    orderBy: order(select.orderBy),
    limitBy: select.limitBy && { ...select.limitBy, by: select.limitBy.by.map(one) },
  })
}

/** Keys that hold `undefined` are left out, so that rewritten trees stay comparable. */
function defined<T extends object>(node: T): T {
  return Object.fromEntries(Object.entries(node).filter(([, value]) => value !== undefined)) as T
}

function rewriteTable(table: TableExpr, rewrite: Rewrite, ctes: Ctes): TableExpr {
  switch (table.kind) {
    case 'raw_table':
      return table
    case 'table':
      if (table.name.database === undefined && ctes.has(table.name.name)) return table
      return rewrite.leaf?.(table) ?? table
    case 'table_function':
      return (
        rewrite.leaf?.(table) ?? {
          ...table,
          args: table.args.map((arg) => {
            if (arg.kind === 'table_arg') {
              const inner = rewriteTable(arg.table, rewrite, ctes)
              if (
                inner.kind === 'table' ||
                inner.kind === 'table_function' ||
                inner.kind === 'subquery_table'
              ) {
                return { ...arg, table: inner } satisfies TableArg
              }
              const query: Select = { kind: 'select', with: [], columns: [{ kind: 'star' }], from: inner }
              return { ...arg, table: { kind: 'subquery_table', query } } satisfies TableArg
            }
            if (arg.kind === 'session_range') {
              return {
                ...arg,
                start: rewriteExpr(arg.start, rewrite, ctes),
                end: rewriteExpr(arg.end, rewrite, ctes),
              }
            }
            return rewriteExpr(arg, rewrite, ctes)
          }),
        }
      )
    case 'subquery_table':
      return { ...table, query: rewriteQuery(table.query, rewrite, ctes) }
    case 'join':
      return defined({
        ...table,
        left: rewriteTable(table.left, rewrite, ctes),
        right: rewriteTable(table.right, rewrite, ctes),
        on: table.on && rewriteExpr(table.on, rewrite, ctes),
        using: table.using?.map((expr) => rewriteExpr(expr, rewrite, ctes)),
      })
    case 'array_join':
      return {
        ...table,
        left: rewriteTable(table.left, rewrite, ctes),
        columns: table.columns.map((expr) => rewriteExpr(expr, rewrite, ctes)),
      }
  }
}

export function rewriteExpr(expr: Expr, rewrite: Rewrite, ctes: Ctes = NO_CTES): Expr {
  const replaced = rewrite.expr?.(expr)
  if (replaced) return replaced
  return exprParts(
    expr,
    (child) => rewriteExpr(child, rewrite, ctes),
    (query) => rewriteQuery(query, rewrite, ctes),
  )
}

/** The node with each direct child replaced. */
export function exprParts(expr: Expr, one: (e: Expr) => Expr, sub: (q: Query) => Query): Expr {
  switch (expr.kind) {
    case 'literal':
    case 'column':
    case 'parameter':
    case 'raw':
      return expr
    case 'star':
      return expr.replace
        ? { ...expr, replace: expr.replace.map((r) => ({ ...r, expr: one(r.expr) })) }
        : expr
    case 'call':
      return defined({
        ...expr,
        args: expr.args.map(one),
        parameters: expr.parameters?.map(one),
        filter: expr.filter && one(expr.filter),
        over: typeof expr.over === 'object' ? windowParts(expr.over, one) : expr.over,
      })
    case 'binary':
      return { ...expr, left: one(expr.left), right: one(expr.right) }
    case 'unary':
    case 'cast':
    case 'tuple_element':
    case 'json_path':
    case 'is_null':
    case 'extract':
    case 'alias':
      return { ...expr, expr: one(expr.expr) }
    case 'case':
      return defined({
        ...expr,
        operand: expr.operand && one(expr.operand),
        // biome-ignore lint/suspicious/noThenProperty: a branch of CASE is no promise
        branches: expr.branches.map((b) => ({ when: one(b.when), then: one(b.then) })),
        otherwise: expr.otherwise && one(expr.otherwise),
      })
    case 'lambda':
      return { ...expr, body: one(expr.body) }
    case 'tuple':
    case 'array':
      return { ...expr, items: expr.items.map(one) }
    case 'map':
      return { ...expr, entries: expr.entries.map((e) => ({ key: one(e.key), value: one(e.value) })) }
    case 'subscript':
      return { ...expr, expr: one(expr.expr), index: one(expr.index) }
    case 'interval':
      return { ...expr, value: one(expr.value) }
    case 'in':
      return { ...expr, expr: one(expr.expr), list: one(expr.list) }
    case 'between':
      return { ...expr, expr: one(expr.expr), low: one(expr.low), high: one(expr.high) }
    case 'like':
      return { ...expr, expr: one(expr.expr), pattern: one(expr.pattern) }
    case 'exists':
    case 'subquery':
      return { ...expr, query: sub(expr.query) }
  }
}

function orderParts(item: OrderItem, one: (e: Expr) => Expr): OrderItem {
  return { ...item, expr: one(item.expr) }
}

function windowParts(def: WindowDef, one: (e: Expr) => Expr): WindowDef {
  return {
    ...def,
    partitionBy: def.partitionBy.map(one),
    orderBy: def.orderBy.map((item) => orderParts(item, one)),
  }
}

/** Calls `visit` on the node and everything below it; subqueries are not entered. A `false` answer stops the descent. */
export function visitExpr(expr: Expr, visit: (expr: Expr) => boolean | undefined): void {
  if (visit(expr) === false) return
  exprParts(
    expr,
    (child) => {
      visitExpr(child, visit)
      return child
    },
    (query) => query,
  )
}

/** The tree without what only tells how it was written, as text: equal for equal meaning. */
export function fingerprint(expr: Expr): string {
  return JSON.stringify(expr, (key, value: unknown) =>
    key === 'span' || key === 'inWords' ? undefined : value,
  )
}
