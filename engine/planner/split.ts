import type { Expr, OrderItem, RawExpr, Select } from '../../dialect/ast.js'
import { columnName } from '../../dialect/index.js'
import { quoteIdentifier } from '../chdb/pool.js'
import type { Relation } from '../contracts.js'
import { EngineError } from '../errors.js'
import { type AggregateModel, aggregateModel, isAggregateCall, mergeText } from './translate/aggregates.js'
import { withArrayMap } from './translate/arrays.js'
import type { TranslateEnv } from './translate/env.js'
import { exprText } from './translate/expression.js'
import { groupKeys, openScope, outputNames } from './translate/query.js'
import { emptyScope, type Scope } from './translate/scope.js'
import { withUnitAsText } from './translate/special.js'
import { inlineSqlFunctions, substitute } from './translate/sql_function.js'
import { isString } from './translate/strings.js'
import { exprParts } from './walk.js'

/** An aggregation cut in two: partials per slice of the input, and the answer from all partials. */
export interface AggregateSplit {
  /** GROUP BY keys: the partials' column names and what each stands for. Empty for a global aggregate. */
  keys: { name: string; expr: Expr }[]
  /** The key's name that an expression of the original is; undefined for any other. */
  keyOf(expr: Expr): string | undefined
  /** Names of the `-State` columns of the partials. */
  states: string[]
  /** What the partials' columns hold, as the store's text. */
  meaning: Record<string, string>
  /**
   * Keys, then states, over the FROM and WHERE of the original: one row per group of the slice. Its expressions
   * are the store's text already, bound to this FROM: a caller that puts another relation into FROM (the next
   * slice) must keep its columns and its alias.
   */
  partial: Select
  /**
   * The original's columns (same names, same order), HAVING, ORDER BY, LIMIT BY and LIMIT over stored partials.
   * The relation has the partial's columns, any number of rows per key. It should give them in the order of
   * their slices (`ORDER BY` in a subquery) where a function's result depends on order and not on
   * `TranslateEnv.arrival`: delta_sum, exponential averages, moving sums.
   */
  final(partials: Relation): Select
}

/** Throws 215 for a column that is neither grouped nor aggregated. Settings and EMIT of the original are dropped. */
export function splitAggregate(select: Select, env: TranslateEnv): AggregateSplit {
  return new Splitter(select, env).split()
}

class Splitter {
  readonly #select: Select
  readonly #scope: Scope
  readonly #aliases: ReadonlyMap<string, Expr>
  readonly #keys: { name: string; expr: Expr; print: string }[] = []
  /** State column per distinct text of the partial aggregate. */
  readonly #states = new Map<string, string>()

  constructor(select: Select, env: TranslateEnv) {
    this.#select = select
    this.#scope = openScope(select, emptyScope(env)).scope
    this.#aliases = aliasDefinitions(select)
    for (const [i, key] of this.#groupExprs().entries()) {
      const expr = this.#resolved(key)
      const print = this.#text(expr)
      if (!this.#keys.some((known) => known.print === print)) this.#keys.push({ name: `_k${i}`, expr, print })
    }
  }

  split(): AggregateSplit {
    const select = this.#select
    const columns = this.#outputs()
    const having = select.having && this.#after(this.#resolved(select.having))
    const orderBy = select.orderBy?.map((item) => this.#order(item))
    const limitBy = select.limitBy && {
      ...select.limitBy,
      by: select.limitBy.by.map((expr) => this.#after(this.#resolved(expr))),
    }
    const keys = this.#keys.map(({ name, expr }) => ({ name, expr }))
    const partial: Select = {
      kind: 'select',
      with: select.with.filter((item) => item.kind === 'cte'),
      columns: [
        ...keys.map(({ name, expr }) => aliased(raw(this.#text(expr)), name)),
        ...[...this.#states].map(([text, name]) => aliased(raw(text), name)),
      ],
      from: select.from,
      prewhere: select.prewhere && this.#condition(select.prewhere),
      where: select.where && this.#condition(select.where),
      groupBy: keys.map(({ name }) => raw(quoteIdentifier(name))),
    }
    return {
      keys,
      keyOf: (expr) => this.#keyOf(expr)?.name,
      states: [...this.#states.values()],
      meaning: Object.fromEntries([
        ...this.#keys.map(({ name, print }) => [name, print]),
        ...[...this.#states].map(([text, name]) => [name, text]),
      ]),
      partial,
      final: (partials) => ({
        kind: 'select',
        with: [],
        distinct: select.distinct === undefined ? undefined : this.#distinct(select.distinct),
        columns,
        from: { kind: 'raw_table', sql: partials.sql, columns: partials.columns },
        groupBy: keys.map(({ name }) => raw(quoteIdentifier(name))),
        groupByModifier: select.groupByModifier === 'all' ? undefined : select.groupByModifier,
        withTotals: select.withTotals,
        having,
        orderBy,
        limitBy,
        limit: select.limit,
        offset: select.offset,
        withTies: select.withTies,
      }),
    }
  }

  #groupExprs(): Expr[] {
    if (this.#select.groupByModifier === 'all') {
      return this.#select.columns.filter((column) => !this.#aggregates(this.#resolved(column)))
    }
    return groupKeys(this.#select, this.#scope).map((key) => this.#positional(key))
  }

  /** `GROUP BY 1` is the first column of the SELECT. */
  #positional(key: Expr): Expr {
    if (key.kind !== 'literal' || key.type !== 'number' || !/^\d+$/.test(key.text)) return key
    return this.#select.columns[Number(key.text) - 1] ?? key
  }

  #aggregates(expr: Expr): boolean {
    if (isAggregateCall(expr, this.#scope)) return true
    let found = false
    exprParts(
      expr,
      (child) => {
        found ||= this.#aggregates(child)
        return child
      },
      (query) => query,
    )
    return found
  }

  /** Aliases of the SELECT replaced by what they stand for, `AS` inside expressions dropped. */
  #resolved(expr: Expr): Expr {
    return resolveAliases(
      inlineSqlFunctions(expr, this.#scope.env),
      this.#aliases,
      this.#scope.sources.flatMap((s) => [...s.columns]),
      new Set(),
    )
  }

  /** Scope for texts in which no alias is left. */
  #bare(): Scope {
    return { ...this.#scope, aliases: new Set() }
  }

  /** Equal texts mean equal values: `i` and `t.i` of one relation are the same. */
  #text(expr: Expr): string {
    return exprText(expr, this.#bare())
  }

  #condition(expr: Expr): RawExpr {
    return raw(exprText(this.#resolved(expr), this.#bare(), 'condition'))
  }

  #outputs(): Expr[] {
    const { columns } = this.#select
    if (columns.some((column) => column.kind === 'star')) {
      throw new EngineError('NOT_AN_AGGREGATE', 'An asterisk cannot stand in a query that aggregates')
    }
    const names = outputNames(this.#select, this.#scope)
    return columns.map((column, i) => aliased(this.#after(this.#resolved(column)), names[i]!))
  }

  #order(item: OrderItem): OrderItem {
    return { ...item, expr: this.#after(this.#resolved(this.#positional(item.expr))) }
  }

  #distinct(distinct: true | Expr[]): true | Expr[] {
    return distinct === true ? true : distinct.map((expr) => this.#after(this.#resolved(expr)))
  }

  #keyOf(expr: Expr): { name: string } | undefined {
    const print = this.#text(this.#resolved(this.#positional(expr)))
    return this.#keys.find((key) => key.print === print)
  }

  /** An expression of the original over the partials: keys and aggregates become their columns. */
  #after(expr: Expr): Expr {
    const print = this.#text(expr)
    const key = this.#keys.find((known) => known.print === print)
    if (key) return raw(quoteIdentifier(key.name))
    if (isAggregateCall(expr, this.#scope)) {
      const model = this.#splittable(aggregateModel(expr, this.#bare())!)
      return raw(mergeText(model, (state) => quoteIdentifier(this.#column(state))))
    }
    if (expr.kind === 'column') throw this.#notGrouped(expr.path)
    if (expr.kind === 'subscript' && isString(expr.expr, this.#bare())) {
      const items: Expr = { kind: 'call', name: 'json_extract_array', args: [expr.expr] }
      return this.#after(expr.index.kind === 'star' ? items : { ...expr, expr: items })
    }
    if (expr.kind === 'lambda') return this.#afterLambda(expr)
    return exprParts(
      expr,
      (child) => this.#after(child),
      (query) => query,
    )
  }

  /** Parameters of a lambda are columns to the tree, but not to the grouping. */
  #afterLambda(expr: Extract<Expr, { kind: 'lambda' }>): Expr {
    const free = (inner: Expr): Expr => {
      if (inner.kind === 'column' && expr.params.includes(inner.path[0]!)) return inner
      if (inner.kind === 'column' || isAggregateCall(inner, this.#scope)) return this.#after(inner)
      const print = this.#text(inner)
      if (this.#keys.some((known) => known.print === print)) return this.#after(inner)
      return exprParts(inner, free, (query) => query)
    }
    return { ...expr, body: free(expr.body) }
  }

  #splittable(model: AggregateModel): AggregateModel {
    if (model.givesState) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'Aggregate states cannot be selected from a continuous aggregation',
      )
    }
    return model
  }

  /** The column of the partials that holds a state. */
  #column(state: string): string {
    const known = this.#states.get(state)
    if (known !== undefined) return known
    const name = `_s${this.#states.size}`
    this.#states.set(state, name)
    return name
  }

  #notGrouped(path: string[]): EngineError {
    const have = this.#keys.map((key) => `'${columnName(key.expr)}'`).join(',')
    return new EngineError(
      'NOT_AN_AGGREGATE',
      `Column \`${path.join('.')}\` is not under aggregate function and not in GROUP BY. Have columns: [${have}]`,
    )
  }
}

function raw(sql: string): RawExpr {
  return { kind: 'raw', sql }
}

function aliased(expr: Expr, name: string): Expr {
  return { kind: 'alias', expr, name }
}

function aliasDefinitions(select: Select): Map<string, Expr> {
  const found = new Map<string, Expr>()
  const visit = (expr: Expr): Expr => {
    if (expr.kind === 'alias' && !found.has(expr.name)) found.set(expr.name, expr.expr)
    exprParts(expr, visit, (query) => query)
    return expr
  }
  for (const item of select.with) if (item.kind === 'expr') found.set(item.name, item.expr)
  const rest = [
    select.where,
    select.having,
    ...(select.groupBy ?? []),
    ...(select.orderBy ?? []).map((o) => o.expr),
  ]
  for (const expr of [...select.columns, ...rest]) if (expr) visit(expr)
  return found
}

/** Inside its own definition an alias means the column of that name; a cycle of several aliases is an error. */
function resolveAliases(
  expr: Expr,
  aliases: ReadonlyMap<string, Expr>,
  columns: readonly string[],
  open: ReadonlySet<string>,
): Expr {
  const go = (inner: Expr): Expr => resolveAliases(inner, aliases, columns, open)
  if (expr.kind === 'alias') {
    return resolveAliases(expr.expr, aliases, columns, new Set([...open, expr.name]))
  }
  if (expr.kind === 'column') {
    const name = expr.path[0]!
    const definition = aliases.get(name)
    if (!definition || open.has(name)) {
      if (open.has(name) && open.size > 1 && !columns.includes(name)) {
        throw new EngineError('UNKNOWN_IDENTIFIER', `Cyclic aliases: ${[...open, name].join(' → ')}`)
      }
      return expr
    }
    const resolved = resolveAliases(definition, aliases, columns, new Set([...open, name]))
    return substitute(expr, new Map([[name, resolved]]))
  }
  if (expr.kind === 'lambda') {
    const visible = new Map([...aliases].filter(([name]) => !expr.params.includes(name)))
    return { ...expr, body: resolveAliases(expr.body, visible, columns, open) }
  }
  const resolved = exprParts(expr.kind === 'call' ? withUnitAsText(expr) : expr, go, (query) => query)
  return resolved.kind === 'call' ? withArrayMap(resolved) : resolved
}
