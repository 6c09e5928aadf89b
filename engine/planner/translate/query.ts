import type { Expr, Query, Select, Star, UnionQuery } from '../../../dialect/ast.js'
import { columnName } from '../../../dialect/index.js'
import { quoteIdentifier } from '../../chdb/pool.js'
import { EngineError } from '../../errors.js'
import { fingerprint } from '../walk.js'
import { CARRIED, keepsRows, readsArrival } from './arrival.js'
import type { Translated } from './env.js'
import { exprText, orderText, windowText } from './expression.js'
import { fromText } from './from.js'
import { isAggregation } from './is_aggregation.js'
import { aliasesOf, columnText, emptyScope, qualifierAt, type Scope, type Source } from './scope.js'
import { settingsText } from './settings.js'
import { isString } from './strings.js'

/** A query's text, the names of its columns, and the extra column that orders its rows by arrival. */
interface QueryText extends Translated {
  arrival?: string
}

/**
 * `outer` is where the query stands. With `carry` a SELECT that gives the rows of its FROM one by one has
 * one more column, not among `columns`: when each row arrived.
 */
export function queryText(query: Query, outer: Scope, carry = false): QueryText {
  return query.kind === 'union' ? unionText(query, outer) : selectText(query, outer, carry)
}

const SET_OPERATORS = {
  union_all: 'UNION ALL',
  union_distinct: 'UNION DISTINCT',
  intersect: 'INTERSECT',
  except: 'EXCEPT',
} as const

function unionText(union: UnionQuery, outer: Scope): Translated {
  const [first, ...rest] = union.arms.map((arm) => queryText(arm, outer))
  if (!first) throw new EngineError('SYNTAX_ERROR', 'Syntax error: an empty UNION')
  const words = union.operators.map((operator) => SET_OPERATORS[operator])
  // Left to right; brackets only where two neighbours differ, since the store limits their depth.
  const sql = rest.reduce((left, arm, i) => {
    const same = i > 0 && words[i - 1] === words[i] && words[i] !== 'EXCEPT'
    return `${same ? left : `(${left})`} ${words[i]} (${arm.sql})`
  }, first.sql)
  const settings = settingsText(union.settings)
  const strings = first.strings?.filter((_, i) => rest.every((arm) => arm.strings?.includes(arm.columns[i]!)))
  return {
    sql: settings ? `SELECT * FROM (${sql}) SETTINGS ${settings}` : sql,
    columns: first.columns,
    strings,
  }
}

interface Output {
  text: string
  name: string
  /** The expression that was given its name by us, and could be given another. */
  unnamed?: string
  isString?: boolean
}

/** Two different expressions of one canonical name: the store wants them apart, so the later is numbered. */
function withoutClashes(outputs: Output[]): Output[] {
  const taken = new Map<string, string>()
  return outputs.map((output) => {
    if (output.unnamed === undefined || (taken.get(output.name) ?? output.text) === output.text) {
      taken.set(output.name, output.text)
      return output
    }
    let count = 2
    while (taken.has(`${output.name}_${count}`)) count++
    const name = `${output.name}_${count}`
    const text = `${output.unnamed} AS ${quoteIdentifier(name)}`
    taken.set(name, text)
    return { ...output, name, text }
  })
}

function selectText(select: Select, outer: Scope, carry: boolean): QueryText {
  const { scope, withParts, from } = openScope(select, outer, carry)
  const outputs = withoutClashes(select.columns.flatMap((column) => outputsOf(column, scope)))
  if (outputs.length === 0) {
    throw new EngineError('EMPTY_LIST_OF_COLUMNS_QUERIED', 'Empty list of columns queried')
  }

  const value = (expr: Expr) => exprText(expr, scope)
  const list = (exprs: Expr[]) => exprs.map(value).join(', ')
  const parts: string[] = []
  if (withParts.length > 0) parts.push(`WITH ${withParts.join(', ')}`)
  const distinct =
    select.distinct === undefined
      ? ''
      : select.distinct === true
        ? 'DISTINCT '
        : `DISTINCT ON (${list(select.distinct)}) `
  const carried = carry && scope.arrival !== undefined && keepsRows(select, scope)
  const texts = outputs.map((o) => o.text)
  if (carried) texts.push(`${scope.arrival} AS ${CARRIED}`)
  parts.push(`SELECT ${distinct}${texts.join(', ')}`)
  if (from) parts.push(`FROM ${from}`)

  const filters = [select.prewhere, select.where].filter((e) => e !== undefined)
  if (filters.length > 0)
    parts.push(`WHERE ${filters.map((e) => exprText(e, scope, 'condition')).join(' AND ')}`)

  parts.push(...groupingParts(select, scope))
  if (select.having) parts.push(`HAVING ${value(select.having)}`)
  if (select.windows && select.windows.length > 0) {
    parts.push(
      `WINDOW ${select.windows.map((w) => `${quoteIdentifier(w.name)} AS ${windowText(w.def, scope)}`).join(', ')}`,
    )
  }
  if (select.orderBy && select.orderBy.length > 0) parts.push(`ORDER BY ${orderText(select.orderBy, scope)}`)
  if (select.limitBy) {
    const { limit, offset, by } = select.limitBy
    parts.push(`LIMIT ${value(limit)}${offset ? ` OFFSET ${value(offset)}` : ''} BY ${list(by)}`)
  }
  if (select.limit) parts.push(`LIMIT ${value(select.limit)}`)
  if (select.offset) parts.push(`OFFSET ${value(select.offset)}`)
  if (select.withTies) parts.push('WITH TIES')
  const settings = settingsText(select.settings)
  if (settings) parts.push(`SETTINGS ${settings}`)
  return {
    sql: parts.join(' '),
    columns: outputs.map((o) => o.name),
    arrival: carried ? CARRIED : undefined,
    strings: outputs.filter((o) => o.isString).map((o) => o.name),
  }
}

function definitionsOf(select: Select): Map<string, Expr> {
  const named = select.columns.flatMap((c) => (c.kind === 'alias' ? [[c.name, c.expr] as const] : []))
  return new Map([
    ...named,
    ...select.with.flatMap((w) => (w.kind === 'expr' ? [[w.name, w.expr] as const] : [])),
  ])
}

/** The names that the clauses of a SELECT can use, and the texts of WITH and FROM. */
export function openScope(
  select: Select,
  outer: Scope,
  carry = false,
): { scope: Scope; withParts: string[]; from?: string } {
  const ctes = new Map(outer.ctes)
  let scope: Scope = {
    ...emptyScope(outer.env, outer),
    ctes,
    aliases: aliasesOf(select),
    definitions: definitionsOf(select),
  }
  const withParts: string[] = []
  for (const item of select.with) {
    if (item.kind !== 'cte') continue
    const { sql, columns, strings } = queryText(item.query, scope)
    ctes.set(item.name, { columns, strings: new Set(strings) })
    withParts.push(`${quoteIdentifier(item.name)} AS (${sql})`)
  }
  const from = select.from && fromText(select.from, scope, carry || readsArrival(select))
  if (from) {
    scope = {
      ...scope,
      sources: from.sources,
      merged: from.merged,
      arrival: from.arrival,
    }
  }
  for (const item of select.with) {
    if (item.kind !== 'expr') continue
    withParts.push(
      `${exprText(item.expr, { ...scope, defining: item.name })} AS ${quoteIdentifier(item.name)}`,
    )
  }
  return { scope, withParts, from: from?.sql }
}

/** PARTITION BY of an aggregation adds its keys to GROUP BY: each substream has its own groups. */
export function groupKeys(select: Select, scope: Scope): Expr[] {
  const keys = select.groupBy ?? []
  if (!select.partitionBy || !isAggregation(select, scope.env)) return keys
  const seen = new Set(keys.map(fingerprint))
  return [...keys, ...select.partitionBy.filter((key) => !seen.has(fingerprint(key)))]
}

function groupingParts(select: Select, scope: Scope): string[] {
  const parts: string[] = []
  const keys = groupKeys(select, scope)
  if (select.groupByModifier === 'all') parts.push('GROUP BY ALL')
  else if (keys.length > 0) {
    parts.push(`GROUP BY ${keys.map((key) => exprText(key, scope)).join(', ')}`)
    if (select.groupByModifier === 'rollup') parts.push('WITH ROLLUP')
    if (select.groupByModifier === 'cube') parts.push('WITH CUBE')
  }
  if (select.withTotals || select.groupByModifier === 'totals') parts.push('WITH TOTALS')
  return parts
}

function outputsOf(column: Expr, scope: Scope): Output[] {
  if (column.kind === 'star') return expandStar(column, scope)
  if (column.kind === 'alias') {
    const text = exprText(column.expr, { ...scope, defining: column.name })
    const named = `${text} AS ${quoteIdentifier(column.name)}`
    return [{ text: named, name: column.name, isString: isString(column, scope) }]
  }
  if (column.kind === 'column') return [columnOutput(column.path, scope)]
  const name = columnName(column)
  const text = exprText(column, scope)
  return [
    { text: `${text} AS ${quoteIdentifier(name)}`, name, unnamed: text, isString: isString(column, scope) },
  ]
}

/** The names of a SELECT's columns. */
export function outputNames(select: Select, scope: Scope): string[] {
  return withoutClashes(select.columns.flatMap((column) => outputsOf(column, scope))).map((o) => o.name)
}

/** A plain column keeps its name, without its relation unless an earlier relation has that name too. */
function columnOutput(path: string[], scope: Scope): Output {
  const text = columnText(path, scope)
  const name = columnHeader(path, scope)
  return {
    text: text === quoteIdentifier(name) ? text : `${text} AS ${quoteIdentifier(name)}`,
    name,
    unnamed: text,
    isString: isString({ kind: 'column', path }, scope),
  }
}

function columnHeader(path: string[], scope: Scope): string {
  const at = qualifierAt(path, scope)
  if (at === undefined) return path.join('.')
  const name = path.slice(at + 1).join('.')
  const index = scope.sources.findIndex((s) => s.alias === path[at])
  const taken = scope.sources.slice(0, index).some((s) => s.columns.includes(name))
  return taken ? `${path[at]}.${name}` : name
}

function expandStar(star: Star, scope: Scope): Output[] {
  const qualifier = star.qualifier?.at(-1)
  const pattern = star.pattern === undefined ? undefined : columnPattern(star.pattern)
  const sources = qualifier === undefined ? scope.sources : scope.sources.filter((s) => s.alias === qualifier)
  if (sources.length === 0) {
    throw new EngineError(
      'UNKNOWN_IDENTIFIER',
      qualifier === undefined
        ? 'An asterisk needs a FROM clause'
        : `Unknown qualified asterisk ${qualifier}.*`,
    )
  }
  const outputs: Output[] = []
  for (const source of sources) {
    for (const name of source.columns) {
      if (star.except?.includes(name) || (pattern && !pattern.test(name))) continue
      if (qualifier === undefined && isMergedAway(name, source, scope)) continue
      outputs.push(starColumn(star, source, name, scope))
    }
  }
  return outputs
}

/** The right side's copy of a USING column is not in `*`. */
function isMergedAway(name: string, source: Source, scope: Scope): boolean {
  return scope.merged.has(name) && scope.sources.find((s) => s.columns.includes(name)) !== source
}

function starColumn(star: Star, source: Source, name: string, scope: Scope): Output {
  const replaced = star.replace?.find((r) => r.name === name)
  if (replaced) {
    const text = exprText(replaced.expr, { ...scope, defining: name })
    return { text: `${text} AS ${quoteIdentifier(name)}`, name }
  }
  if (scope.sources.length === 1 || source.alias === undefined || scope.merged.has(name)) {
    return { text: quoteIdentifier(name), name, isString: source.strings?.has(name) }
  }
  return columnOutput([source.alias, name], scope)
}

function columnPattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern)
  } catch (cause) {
    throw new EngineError('BAD_ARGUMENTS', `COLUMNS('${pattern}') is no regular expression`, { cause })
  }
}
