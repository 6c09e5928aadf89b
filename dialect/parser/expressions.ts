import type { BinaryOperator, Expr, Select } from '../ast.js'
import type { Cursor } from './cursor.js'
import { tryLongInterval, tryShortInterval } from './interval.js'
import { isLambda, isQueryInBrackets } from './lookahead.js'
import { parsePrimary } from './primary.js'
import { parseQueryInBrackets } from './select.js'
import { parseType } from './types.js'

/*
 * From loosest to tightest, as in src/Parsers/ExpressionListParsers.h: lambda, `? :`, OR, AND, NOT,
 * IS NULL, comparisons with LIKE and IN, BETWEEN, ||, + -, intervals, * / %, unary minus, then the
 * suffixes `.1`, `[i]`, `::type`, `:json.path`.
 */

/** An expression, perhaps with `AS name` behind it. */
export function parseExprWithAlias(c: Cursor): Expr {
  const start = c.index
  const expr = parseExpr(c)
  if (!c.takeKeyword('AS')) return expr
  return { kind: 'alias', expr, name: c.name('alias'), span: c.span(start) }
}

export function parseExprList(c: Cursor): Expr[] {
  return c.list(() => parseExprWithAlias(c))
}

/** An expression without an alias at its top. */
export function parseExpr(c: Cursor): Expr {
  const start = c.index
  if (isLambda(c)) return parseLambda(c)
  const condition = parseOr(c)
  if (!c.is('?')) return condition
  c.next()
  const then = withoutJsonPath(c, () => c.nested(() => parseOr(c)))
  c.expect(':')
  const otherwise = c.nested(() => parseOr(c))
  return { kind: 'call', name: 'if', args: [condition, then, otherwise], span: c.span(start) }
}

/** In `a ? b : c` and `{k: v}` the colon is not the one of a JSON path. */
export function withoutJsonPath<T>(c: Cursor, body: () => T): T {
  const before = c.colonIsPath
  c.colonIsPath = false
  const result = body()
  c.colonIsPath = before
  return result
}

function parseLambda(c: Cursor): Expr {
  const start = c.index
  let params: string[]
  if (c.take('(')) {
    params = c.list(() => c.name())
    c.expect(')')
  } else {
    params = [c.name()]
  }
  c.expect('->')
  const body = c.nested(() => parseExpr(c))
  return { kind: 'lambda', params, body, span: c.span(start) }
}

type Level = (c: Cursor) => Expr

/** `operand (operator operand)*`, left to right. `operator` takes the operator's tokens, if they stand here. */
function chain(c: Cursor, operand: Level, operator: (c: Cursor) => BinaryOperator | undefined): Expr {
  const start = c.index
  const depth = c.depth
  let left = operand(c)
  for (let op = operator(c); op !== undefined; op = operator(c)) {
    c.deepen()
    const right = operand(c)
    left = { kind: 'binary', op, left, right, span: c.span(start) }
  }
  c.depth = depth
  return left
}

const parseOr: Level = (c) => chain(c, parseAnd, (x) => (x.takeKeyword('OR') ? 'or' : undefined))
const parseAnd: Level = (c) => chain(c, parseNot, (x) => (x.takeKeyword('AND') ? 'and' : undefined))

function parseNot(c: Cursor): Expr {
  const start = c.index
  if (!isNot(c)) return parseNullity(c)
  const depth = c.depth
  let count = 0
  for (; isNot(c); count++) {
    c.next()
    c.deepen()
  }
  let expr = parseNullity(c)
  for (; count > 0; count--) expr = { kind: 'unary', op: 'not', expr, span: c.span(start) }
  c.depth = depth
  return expr
}

/** `NOT` as an operator; `not(x)` is the same thing as `NOT (x)`. */
function isNot(c: Cursor): boolean {
  return c.keyword('NOT') && !c.symbolAt(1, ',') && !c.symbolAt(1, ')') && c.peek(1).kind !== 'end'
}

function parseNullity(c: Cursor): Expr {
  const start = c.index
  const depth = c.depth
  let expr = parseComparison(c)
  while (c.keyword('IS')) {
    c.next()
    const not = c.takeKeyword('NOT')
    c.expectKeyword('NULL')
    c.deepen()
    expr = { kind: 'is_null', expr, not, span: c.span(start) }
  }
  c.depth = depth
  return expr
}

const COMPARISONS: Record<string, BinaryOperator> = {
  '=': '=',
  '==': '=',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  '<=>': '<=>',
}

function parseComparison(c: Cursor): Expr {
  const start = c.index
  const depth = c.depth
  let left = parseBetween(c)
  for (;;) {
    const next = parseComparisonTail(c, left, start)
    if (!next) break
    left = next
    c.deepen()
  }
  c.depth = depth
  return left
}

function parseComparisonTail(c: Cursor, left: Expr, start: number): Expr | undefined {
  const op = c.token.kind === 'symbol' ? COMPARISONS[c.token.text] : undefined
  if (op !== undefined) {
    c.next()
    if ((c.keyword('ANY') || c.keyword('ALL')) && isQueryInBrackets(c, 1))
      return parseQuantified(c, left, op, start)
    return { kind: 'binary', op, left, right: parseBetween(c), span: c.span(start) }
  }
  const global = c.keyword('GLOBAL') && (c.keyword('IN', 1) || c.keyword('NOT IN', 1)) ? 1 : 0
  const not = c.keyword('NOT', global) ? 1 : 0
  const words = global + not
  if (c.keyword('IN', words) && !c.keyword('PARTITION', words + 1)) {
    c.index += words + 1
    const list = parseInList(c)
    return { kind: 'in', expr: left, list, not: not === 1, global: global === 1, span: c.span(start) }
  }
  if (global === 0 && (c.keyword('LIKE', not) || c.keyword('ILIKE', not))) {
    const caseInsensitive = c.keyword('ILIKE', not)
    c.index += not + 1
    const pattern = parseBetween(c)
    return { kind: 'like', expr: left, pattern, not: not === 1, caseInsensitive, span: c.span(start) }
  }
  return undefined
}

/**
 * The right side of IN: a tuple, an array, a subquery or a name. A single value, bracketed or not, is a
 * tuple of one; `((1, 2))` is a tuple that holds one tuple.
 */
function parseInList(c: Cursor): Expr {
  const start = c.index
  const doubled = c.is('(') && c.symbolAt(1, '(') && c.partner(1) === c.partner(0) - 1
  const afterBrackets = c.is('(') ? c.index + c.partner(0) + 1 : -1
  const list = parseBetween(c)
  const wrap =
    list.kind === 'literal' ||
    list.kind === 'interval' ||
    (list.kind === 'unary' && list.op === '-') ||
    (doubled && list.kind === 'tuple' && c.index === afterBrackets)
  return wrap ? { kind: 'tuple', items: [list], span: c.span(start) } : list
}

/** `= ANY (q)` is IN, `!= ALL (q)` NOT IN; the others compare with an aggregate of the subquery. */
function parseQuantified(c: Cursor, left: Expr, op: BinaryOperator, start: number): Expr {
  const any = c.next().upper === 'ANY'
  const query = parseQueryInBrackets(c)
  const equality = op === '=' || op === '!='
  if (equality && any === (op === '=')) {
    const list: Expr = { kind: 'subquery', query }
    return { kind: 'in', expr: left, list, not: op === '!=', global: false, span: c.span(start) }
  }
  const smallest = any === (op === '>' || op === '>=')
  const aggregate = equality ? 'single_value_or_null' : smallest ? 'min' : 'max'
  const select: Select = {
    kind: 'select',
    with: [],
    columns: [{ kind: 'call', name: aggregate, args: [{ kind: 'star' }] }],
    from: { kind: 'subquery_table', query },
  }
  const right: Expr = { kind: 'subquery', query: select }
  if (equality)
    return { kind: 'in', expr: left, list: right, not: op === '!=', global: false, span: c.span(start) }
  return { kind: 'binary', op, left, right, span: c.span(start) }
}

function parseBetween(c: Cursor): Expr {
  const start = c.index
  const expr = parseConcat(c)
  const not = c.keyword('NOT')
  if (!c.keyword('BETWEEN', not ? 1 : 0)) return expr
  c.index += not ? 2 : 1
  const low = parseConcat(c)
  c.expectKeyword('AND')
  const high = parseConcat(c)
  return { kind: 'between', expr, low, high, not, span: c.span(start) }
}

const parseConcat: Level = (c) => chain(c, parseAdditive, (x) => (x.take('||') ? '||' : undefined))

const parseAdditive: Level = (c) =>
  chain(c, parseMultiplicative, (x) => (x.take('+') ? '+' : x.take('-') ? '-' : undefined))

const parseMultiplicative: Level = (c) =>
  chain(c, parseUnary, (x) => {
    if (x.take('*')) return '*'
    if (x.take('/')) return '/'
    if (x.take('%') || x.takeKeyword('MOD')) return '%'
    return x.takeKeyword('DIV') ? 'div' : undefined
  })

function parseUnary(c: Cursor): Expr {
  const start = c.index
  const interval = tryShortInterval(c, true) ?? tryLongInterval(c)
  if (interval) return parseSuffixes(c, interval, start)
  if (c.is('+') && c.peek(1).kind === 'number') c.next()
  if (isNot(c)) {
    c.next()
    return { kind: 'unary', op: 'not', expr: c.nested(() => parseUnary(c)), span: c.span(start) }
  }
  if (!c.is('-')) return parseSuffixes(c, parsePrimary(c), start)
  c.next()
  // The sign belongs to the number in `-1::int8`, to the whole in `-a::int8`.
  if (c.token.kind === 'number' && c.symbolAt(1, '::')) {
    const expr: Expr = { kind: 'unary', op: '-', expr: parsePrimary(c), span: c.span(start) }
    return parseSuffixes(c, expr, start)
  }
  return { kind: 'unary', op: '-', expr: c.nested(() => parseUnary(c)), span: c.span(start) }
}

/** `expr::type`, `expr[i]`, `expr.1`, `expr.name`, `expr:a.b`, in any order. */
function parseSuffixes(c: Cursor, first: Expr, start: number): Expr {
  const depth = c.depth
  let expr = first
  for (;;) {
    if (c.take('::')) {
      expr = { kind: 'cast', expr, type: parseType(c), span: c.span(start) }
    } else if (c.is('[')) {
      c.next()
      const of = expr
      const index = c.nested(() => bracketed(c, () => parseExprWithAlias(c)))
      c.expect(']')
      expr = { kind: 'subscript', expr: of, index, span: c.span(start) }
    } else if (c.is('.') && (c.peek(1).kind === 'number' || c.isName(1))) {
      c.next()
      const element = c.token.kind === 'number' ? c.next().text : c.name()
      expr = { kind: 'tuple_element', expr, element, span: c.span(start) }
    } else if (c.colonIsPath && c.is(':') && c.isName(1)) {
      expr = parseJsonPath(c, expr, start)
    } else {
      break
    }
    c.deepen()
  }
  c.depth = depth
  return expr
}

/** Inside brackets a colon may begin a JSON path again. */
export function bracketed<T>(c: Cursor, body: () => T): T {
  const before = c.colonIsPath
  c.colonIsPath = true
  const result = body()
  c.colonIsPath = before
  return result
}

function parseJsonPath(c: Cursor, expr: Expr, start: number): Expr {
  c.expect(':')
  const path: ({ key: string } | { index: number } | { wildcard: true })[] = [{ key: c.name() }]
  for (;;) {
    if (c.is('.') && c.isName(1)) {
      c.next()
      path.push({ key: c.name() })
    } else if (c.is('[') && c.symbolAt(1, '*') && c.symbolAt(2, ']')) {
      c.index += 3
      path.push({ wildcard: true })
    } else if (c.is('[') && /^\d{1,9}$/.test(c.peek(1).text) && c.symbolAt(2, ']')) {
      path.push({ index: Number(c.peek(1).text) })
      c.index += 3
    } else {
      return { kind: 'json_path', expr, path, span: c.span(start) }
    }
  }
}
