import type {
  ArrayJoin,
  Expr,
  Join,
  JoinKind,
  JoinStrictness,
  NamedTable,
  QualifiedName,
  SessionRange,
  SubqueryTable,
  TableArg,
  TableExpr,
  TableFunction,
} from '../ast.js'
import type { Cursor } from './cursor.js'
import { bracketed, parseExpr, parseExprList, parseExprWithAlias } from './expressions.js'
import { isQuery, isQueryInBrackets } from './lookahead.js'
import { parseQuery, parseQueryInBrackets } from './select.js'

/** Table functions whose first argument is a relation (TableFunctionProxyBase in Proton's source). */
export const RELATION_FUNCTIONS = new Set(['table', 'tumble', 'hop', 'session', 'dedup', 'changelog'])

export type SimpleTable = NamedTable | TableFunction | SubqueryTable

/** `[db.]name`. */
export function parseQualifiedName(c: Cursor, what = 'stream name'): QualifiedName {
  const start = c.index
  const first = c.name(what)
  if (!c.take('.')) return { name: first, span: c.span(start) }
  const name = c.name(what)
  return { database: first, name, span: c.span(start) }
}

/** All that follows FROM: tables and joins, left to right. */
export function parseTables(c: Cursor): TableExpr {
  const start = c.index
  const depth = c.depth
  let left: TableExpr = parseTable(c)
  for (;;) {
    const next: TableExpr | undefined = parseArrayJoin(c, left, start) ?? parseJoin(c, left, start)
    if (!next) break
    left = next
    c.deepen()
  }
  c.depth = depth
  return left
}

/** One table with its alias, FINAL and SAMPLE. */
export function parseTable(c: Cursor): SimpleTable {
  const start = c.index
  const table = parseSimpleTable(c)
  if (c.takeKeyword('AS')) {
    table.alias = c.name('alias')
    if (c.take('(')) {
      table.columnAliases = c.list(() => c.name())
      c.expect(')')
    }
  }
  if (c.takeKeyword('FINAL')) table.final = true
  if (c.takeKeyword('SAMPLE')) table.sample = parseExpr(c)
  table.span = c.span(start)
  return table
}

/** A table without alias: also the target of DESCRIBE and the first argument of `tumble(…)`. */
export function parseSimpleTable(c: Cursor): SimpleTable {
  const start = c.index
  if (isQueryInBrackets(c))
    return { kind: 'subquery_table', query: parseQueryInBrackets(c), span: c.span(start) }
  if (!c.isName()) c.fail('stream, stream function, subquery')
  if (c.symbolAt(1, '(')) return parseTableFunction(c)
  const name = parseQualifiedName(c)
  return { kind: 'table', name, span: c.span(start) }
}

export function parseTableFunction(c: Cursor): TableFunction | NamedTable {
  const start = c.index
  const name = c.name()
  const lower = name.toLowerCase()
  c.expect('(')
  return c.nested(() =>
    bracketed(c, () => {
      if (!RELATION_FUNCTIONS.has(lower) && c.isName() && c.symbolAt(1, '='))
        return parseViewArgs(c, name, start)
      const args: TableFunction['args'] = []
      if (lower === 'view' && isQuery(c)) args.push({ kind: 'subquery', query: parseQuery(c) })
      else if (!c.is(')')) {
        do args.push(parseTableArg(c, lower, args.length))
        while (c.take(','))
      }
      c.expect(')')
      return { kind: 'table_function', name, args, span: c.span(start) }
    }),
  )
}

/** `v(p = 1, q = 'x')`: a view with parameters. */
function parseViewArgs(c: Cursor, name: string, start: number): NamedTable {
  const args = c.list(() => {
    const parameter = c.name()
    c.expect('=')
    return { name: parameter, value: parseExpr(c) }
  })
  c.expect(')')
  return { kind: 'table', name: { name }, args, span: c.span(start) }
}

function parseTableArg(c: Cursor, name: string, position: number): Expr | TableArg | SessionRange {
  const start = c.index
  if (position === 0 && RELATION_FUNCTIONS.has(name)) {
    const table = parseSimpleTable(c)
    return { kind: 'table_arg', table, span: c.span(start) }
  }
  if (name === 'session' && isSessionRange(c)) return parseSessionRange(c)
  return parseExprWithAlias(c)
}

/** True at a bracket that holds exactly two things: `[a, b)`, `(a, b]` … */
function isSessionRange(c: Cursor): boolean {
  if (!c.is('[') && !c.is('(')) return false
  const close = c.partner()
  let commas = 0
  for (let at = 1; at < close; at++) {
    if (c.symbolAt(at, ',')) commas++
    else if (c.symbolAt(at, '(') || c.symbolAt(at, '[') || c.symbolAt(at, '{')) at = c.partner(at)
  }
  return commas === 1
}

function parseSessionRange(c: Cursor): SessionRange {
  const start = c.index
  const startInclusive = c.next().text === '['
  const from = c.nested(() => parseExpr(c))
  c.expect(',')
  const to = c.nested(() => parseExpr(c))
  const endInclusive = c.is(']')
  if (!c.take(']')) c.expect(')')
  return { kind: 'session_range', start: from, end: to, startInclusive, endInclusive, span: c.span(start) }
}

function parseArrayJoin(c: Cursor, left: TableExpr, start: number): ArrayJoin | undefined {
  const outer = c.takeKeyword('LEFT ARRAY JOIN')
  if (!outer && !c.takeKeyword('INNER ARRAY JOIN') && !c.takeKeyword('ARRAY JOIN')) return undefined
  return { kind: 'array_join', left, outer, columns: parseExprList(c), span: c.span(start) }
}

const STRICTNESS: Record<string, JoinStrictness> = {
  ANY: 'any',
  ALL: 'all',
  ASOF: 'asof',
  SEMI: 'semi',
  ANTI: 'anti',
  ONLY: 'anti',
  LATEST: 'latest',
}
const KINDS: Record<string, JoinKind> = {
  INNER: 'inner',
  LEFT: 'left',
  RIGHT: 'right',
  FULL: 'full',
  CROSS: 'cross',
}

function takeWord<T>(c: Cursor, words: Record<string, T>): T | undefined {
  for (const [word, value] of Object.entries(words)) if (c.takeKeyword(word)) return value
  return undefined
}

function parseJoin(c: Cursor, left: TableExpr, start: number): Join | undefined {
  if (c.take(',')) return { kind: 'join', left, right: parseTable(c), join: 'cross', span: c.span(start) }
  const first = c.index
  const global = c.takeKeyword('GLOBAL')
  if (!global) c.takeKeyword('LOCAL')
  // The strictness may stand before or behind the kind.
  let strictness = takeWord(c, STRICTNESS)
  const kind = takeWord(c, KINDS)
  strictness = takeWord(c, STRICTNESS) ?? strictness
  if (kind === 'left' || kind === 'right' || kind === 'full') c.takeKeyword('OUTER')
  if (c.index === first && !c.keyword('JOIN')) return undefined
  const oneSided = strictness === 'semi' || strictness === 'anti'
  if (strictness !== undefined && kind === 'cross') c.rule('You must not specify ANY or ALL for CROSS JOIN.')
  if (oneSided && kind !== undefined && kind !== 'left' && kind !== 'right') {
    c.rule('SEMI|ANTI JOIN should be LEFT or RIGHT.')
  }
  c.expectKeyword('JOIN')
  const join: Join = { kind: 'join', left, right: parseTable(c), join: kind ?? (oneSided ? 'left' : 'inner') }
  if (strictness !== undefined) join.strictness = strictness
  if (global) join.global = true
  if (join.join !== 'cross') parseJoinCondition(c, join)
  return { ...join, span: c.span(start) }
}

function parseJoinCondition(c: Cursor, join: Join): void {
  if (c.takeKeyword('USING')) {
    const inBrackets = c.take('(')
    join.using = parseExprList(c)
    if (inBrackets) c.expect(')')
  } else if (c.takeKeyword('ON')) {
    join.on = parseExpr(c)
  } else {
    c.fail('USING', 'ON')
  }
}
