import type { Expr, Query, Select, UnionQuery, WithItem } from '../ast.js'
import { parseOrderBy, parseWindow } from './calls.js'
import type { Cursor } from './cursor.js'
import { parseEmit } from './emit.js'
import { bracketed, parseExpr, parseExprList, parseExprWithAlias } from './expressions.js'
import { isQueryInBrackets } from './lookahead.js'
import { parseSettings, parseSettingsClause } from './settings.js'
import { parseTables } from './tables.js'

/** `(query)`. */
export function parseQueryInBrackets(c: Cursor): Query {
  c.expect('(')
  const query = c.nested(() => bracketed(c, () => parseQuery(c)))
  c.expect(')')
  return query
}

/** SELECTs joined by UNION, EXCEPT, INTERSECT. */
export function parseQuery(c: Cursor): Query {
  const start = c.index
  const arms: Query[] = []
  const operators: UnionQuery['operators'] = []
  let inBrackets = false
  for (;;) {
    inBrackets = isQueryInBrackets(c)
    arms.push(inBrackets ? parseQueryInBrackets(c) : parseSelect(c))
    const operator = takeSetOperator(c)
    if (operator === undefined) break
    operators.push(operator)
  }
  const last = arms.at(-1)!
  if (arms.length === 1) return last
  const union: UnionQuery = { kind: 'union', arms, operators, span: c.span(start) }
  // Behind an open last arm SETTINGS belong to the whole, as Proton applies them.
  if (!inBrackets && last.kind === 'select' && last.settings) {
    union.settings = last.settings
    delete last.settings
  }
  return union
}

function takeSetOperator(c: Cursor): UnionQuery['operators'][number] | undefined {
  if (c.takeKeyword('UNION')) {
    if (c.takeKeyword('DISTINCT')) return 'union_distinct'
    c.takeKeyword('ALL')
    return 'union_all'
  }
  if (c.takeKeyword('EXCEPT')) return 'except'
  return c.takeKeyword('INTERSECT') ? 'intersect' : undefined
}

/** A query with what only a whole statement may have: INTO OUTFILE, FORMAT, and SETTINGS behind it. */
export function parseQueryWithOutput(c: Cursor): Query {
  const query = parseQuery(c)
  if (c.takeKeyword('INTO OUTFILE')) query.intoOutfile = c.string()
  if (c.takeKeyword('FORMAT')) query.format = c.name('format')
  const settings = parseSettingsClause(c)
  if (settings) query.settings = [...(query.settings ?? []), ...settings]
  return query
}

export function parseSelect(c: Cursor): Select {
  const start = c.index
  const select: Select = { kind: 'select', with: [], columns: [] }
  if (c.takeKeyword('WITH')) select.with = c.list(() => parseWithItem(c))
  c.expectKeyword('SELECT')
  const top = parseSelectHead(c, select)
  select.columns = parseExprList(c)
  if (c.takeKeyword('FROM')) select.from = parseTables(c)
  if (c.takeKeyword('PREWHERE')) select.prewhere = parseExprWithAlias(c)
  if (c.takeKeyword('WHERE')) select.where = parseExprWithAlias(c)
  parseDistribution(c, select)
  if (c.takeKeyword('GROUP BY')) parseGroupBy(c, select)
  parseGroupByModifiers(c, select)
  if (c.takeKeyword('HAVING')) select.having = parseExprWithAlias(c)
  if (c.takeKeyword('WINDOW')) select.windows = c.list(() => parseNamedWindow(c))
  if (c.takeKeyword('ORDER BY')) select.orderBy = parseOrderBy(c)
  parseLimits(c, select)
  if (top !== undefined) {
    if (select.limit) c.rule('Can not use TOP and LIMIT together')
    select.limit = top
  }
  if (select.withTies && !select.orderBy) c.rule('Can not use WITH TIES without ORDER BY')
  if (c.takeKeyword('EMIT')) select.emit = parseEmit(c)
  if (c.takeKeyword('SETTINGS')) select.settings = parseSettings(c)
  return { ...select, span: c.span(start) }
}

function parseWithItem(c: Cursor): WithItem {
  const start = c.index
  if (c.isName() && c.keyword('AS', 1) && isQueryInBrackets(c, 2)) {
    const name = c.name()
    c.next()
    return { kind: 'cte', name, query: parseQueryInBrackets(c), span: c.span(start) }
  }
  const expr = parseExpr(c)
  c.expectKeyword('AS')
  return { kind: 'expr', name: c.name(), expr, span: c.span(start) }
}

/** `[ALL | DISTINCT [ON (…)]] [TOP n [WITH TIES]]`; returns the n of TOP. */
function parseSelectHead(c: Cursor, select: Select): Expr | undefined {
  if (c.keyword('ALL') && !c.symbolAt(1, ',') && !c.keyword('FROM', 1)) c.next()
  if (c.keyword('DISTINCT') && !c.symbolAt(1, ',') && !c.keyword('FROM', 1)) {
    c.next()
    select.distinct = true
    if (c.keyword('ON') && c.symbolAt(1, '(')) {
      c.index += 2
      select.distinct = parseExprList(c)
      c.expect(')')
    }
  }
  if (!c.keyword('TOP') || (c.peek(1).kind !== 'number' && !(c.symbolAt(1, '(') && c.symbolAt(3, ')'))))
    return undefined
  c.next()
  const inBrackets = c.take('(')
  if (c.token.kind !== 'number') c.fail('number')
  const top: Expr = { kind: 'literal', type: 'number', text: c.next().text }
  if (inBrackets) c.expect(')')
  if (c.takeKeyword('WITH TIES')) select.withTies = true
  return top
}

/** `PARTITION BY` or `SHUFFLE BY`. */
function parseDistribution(c: Cursor, select: Select): void {
  if (c.takeKeyword('PARTITION BY')) select.partitionBy = parseExprList(c)
  if (!c.takeKeyword('SHUFFLE BY')) return
  select.shuffleBy = parseExprList(c)
  if (select.partitionBy) c.rule("'PARTITION BY' and 'SHUFFLE BY' shall not be used together")
  if (select.shuffleBy.some((e) => e.kind !== 'column')) {
    c.rule("'SHUFFLE BY' only support columns instead of expressions / functions")
  }
}

function parseGroupBy(c: Cursor, select: Select): void {
  if (c.keyword('ALL') && !c.symbolAt(1, ',') && !c.symbolAt(1, '(')) {
    c.next()
    select.groupByModifier = 'all'
  } else if ((c.keyword('ROLLUP') || c.keyword('CUBE')) && c.symbolAt(1, '(')) {
    select.groupByModifier = c.next().upper === 'CUBE' ? 'cube' : 'rollup'
    c.expect('(')
    select.groupBy = parseExprList(c)
    c.expect(')')
  } else if (c.takeKeyword('GROUPING SETS')) {
    c.expect('(')
    select.groupingSets = c.list(() => parseGroupingSet(c))
    c.expect(')')
  } else {
    select.groupBy = parseExprList(c)
  }
}

function parseGroupingSet(c: Cursor): Expr[] {
  if (!c.take('(')) return [parseExprWithAlias(c)]
  const set = c.is(')') ? [] : parseExprList(c)
  c.expect(')')
  return set
}

function parseGroupByModifiers(c: Cursor, select: Select): void {
  if (c.takeKeyword('WITH ROLLUP')) select.groupByModifier = 'rollup'
  else if (c.takeKeyword('WITH CUBE')) select.groupByModifier = 'cube'
  if (c.takeKeyword('WITH TOTALS')) select.withTotals = true
}

function parseNamedWindow(c: Cursor): { name: string; def: ReturnType<typeof parseWindow> } {
  const name = c.name('window name')
  c.expectKeyword('AS')
  return { name, def: parseWindow(c) }
}

/** `LIMIT [o,] n [OFFSET o] [BY …]`, then perhaps a second LIMIT; or `OFFSET o ROWS FETCH …`. */
function parseLimits(c: Cursor, select: Select): void {
  if (c.takeKeyword('LIMIT')) {
    const { limit, offset, withTies } = parseLimit(c)
    if (c.takeKeyword('BY')) {
      if (withTies) c.rule('Can not use WITH TIES alongside LIMIT BY/DISTINCT ON')
      if (Array.isArray(select.distinct)) c.rule('Can not use DISTINCT ON alongside LIMIT BY')
      select.limitBy = { limit, ...(offset ? { offset } : {}), by: parseExprList(c) }
      if (!c.takeKeyword('LIMIT')) return
      setLimit(select, parseLimit(c))
    } else {
      setLimit(select, { limit, offset, withTies })
    }
  } else if (c.takeKeyword('OFFSET')) {
    select.offset = parseExprWithAlias(c)
    const rows = c.takeKeyword('ROWS') || c.takeKeyword('ROW')
    if (rows && c.takeKeyword('FETCH')) parseFetch(c, select)
  }
}

interface Limit {
  limit: Expr
  offset: Expr | undefined
  withTies: boolean
}

function parseLimit(c: Cursor): Limit {
  const first = parseExprWithAlias(c)
  if (c.take(','))
    return { limit: parseExprWithAlias(c), offset: first, withTies: c.takeKeyword('WITH TIES') }
  const offset = c.takeKeyword('OFFSET') ? parseExprWithAlias(c) : undefined
  return { limit: first, offset, withTies: c.takeKeyword('WITH TIES') }
}

function setLimit(select: Select, { limit, offset, withTies }: Limit): void {
  select.limit = limit
  if (offset) select.offset = offset
  if (withTies) select.withTies = true
}

function parseFetch(c: Cursor, select: Select): void {
  if (!select.orderBy) c.rule('Can not use OFFSET FETCH clause without ORDER BY')
  if (!c.takeKeyword('FIRST')) c.expectKeyword('NEXT')
  select.limit = parseExprWithAlias(c)
  if (!c.takeKeyword('ROWS')) c.expectKeyword('ROW')
  if (c.takeKeyword('WITH TIES')) select.withTies = true
  else c.expectKeyword('ONLY')
}
