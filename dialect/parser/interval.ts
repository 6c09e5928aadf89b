import type { Expr, IntervalLiteral, IntervalUnit } from '../ast.js'
import { unquote } from '../text.js'
import type { Cursor } from './cursor.js'
import { parseExpr } from './expressions.js'
import { usedAsName } from './lookahead.js'

const SUFFIXES: Record<string, IntervalUnit> = {
  ns: 'nanosecond',
  us: 'microsecond',
  ms: 'millisecond',
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  M: 'month',
  q: 'quarter',
  y: 'year',
}

/** The suffix of `5m` for each unit. */
export const INTERVAL_SUFFIX = Object.fromEntries(
  Object.entries(SUFFIXES).map(([suffix, unit]) => [unit, suffix]),
) as Record<IntervalUnit, string>

const UNIT_WORDS: Record<string, IntervalUnit> = {
  NANOSECOND: 'nanosecond',
  NS: 'nanosecond',
  MICROSECOND: 'microsecond',
  MCS: 'microsecond',
  MILLISECOND: 'millisecond',
  MS: 'millisecond',
  SECOND: 'second',
  SS: 'second',
  S: 'second',
  MINUTE: 'minute',
  MI: 'minute',
  N: 'minute',
  HOUR: 'hour',
  HH: 'hour',
  H: 'hour',
  DAY: 'day',
  DD: 'day',
  D: 'day',
  WEEK: 'week',
  WK: 'week',
  WW: 'week',
  MONTH: 'month',
  MM: 'month',
  M: 'month',
  QUARTER: 'quarter',
  QQ: 'quarter',
  Q: 'quarter',
  YEAR: 'year',
  YYYY: 'year',
  YY: 'year',
}

/** The unit a word names (`SECOND`, `seconds`, `SQL_TSI_DAY`, `mi`), if any. */
export function unitOf(word: string): IntervalUnit | undefined {
  const upper = word.toUpperCase().replace(/^SQL_TSI_/, '')
  return UNIT_WORDS[upper] ?? (upper.length > 4 ? UNIT_WORDS[upper.replace(/S$/, '')] : undefined)
}

export function unitAt(c: Cursor, ahead = 0): IntervalUnit | undefined {
  const t = c.peek(ahead)
  return t.kind === 'word' ? unitOf(t.text) : undefined
}

export function parseUnit(c: Cursor): IntervalUnit {
  const unit = unitAt(c)
  if (unit === undefined) c.fail('SECOND', 'MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH', 'QUARTER', 'YEAR')
  c.next()
  return unit
}

const SHORT = /^([0-9]+)(ns|us|ms|s|m|h|d|w|M|q|y)$/

function number(text: string, negative: boolean): Expr {
  const literal: Expr = { kind: 'literal', type: 'number', text }
  return negative ? { kind: 'unary', op: '-', expr: literal } : literal
}

/** `5m`, `-1h`, `+2s`; the sign counts only if `signed`. */
export function tryShortInterval(c: Cursor, signed: boolean): IntervalLiteral | undefined {
  const start = c.index
  const sign = signed && (c.is('-') || c.is('+')) ? c.token.text : ''
  const t = c.peek(sign === '' ? 0 : 1)
  const match = t.kind === 'word' ? SHORT.exec(t.text) : null
  if (!match) return undefined
  if (sign !== '') c.next()
  c.next()
  const value = number(match[1]!, sign === '-')
  return { kind: 'interval', value, unit: SUFFIXES[match[2]!]!, span: c.span(start) }
}

/** True if `INTERVAL …` stands here and the word is no column's name. */
function isLongInterval(c: Cursor): boolean {
  if (!c.keyword('INTERVAL')) return false
  const after = c.peek(1)
  if (after.kind === 'number' || after.kind === 'string') return true
  if (c.symbolAt(1, '(')) {
    const close = c.partner(1)
    return close > 0 && unitAt(c, close + 1) !== undefined
  }
  if (c.symbolAt(1, '-') || c.symbolAt(1, '+'))
    return c.peek(2).kind === 'number' && unitAt(c, 3) !== undefined
  return c.isName(1) && !usedAsName(c)
}

/** `INTERVAL n UNIT`, `INTERVAL '1' DAY`, `INTERVAL '1 DAY'`. */
export function tryLongInterval(c: Cursor): IntervalLiteral | undefined {
  if (!isLongInterval(c)) return undefined
  const start = c.index
  c.next()
  const inString =
    c.token.kind === 'string' ? /^([+-]?)(\d+)(?:\s+(\w+))?$/.exec(unquote(c.token.text).trim()) : null
  if (inString && (inString[3] === undefined ? unitAt(c, 1) : unitOf(inString[3])) !== undefined) {
    c.next()
    const unit = inString[3] === undefined ? parseUnit(c) : unitOf(inString[3])!
    return {
      kind: 'interval',
      value: number(inString[2]!, inString[1] === '-'),
      unit,
      inWords: true,
      span: c.span(start),
    }
  }
  const value = c.nested(() => parseExpr(c))
  const unit = parseUnit(c)
  return { kind: 'interval', value, unit, inWords: true, span: c.span(start) }
}

/** The interval that a clause such as `PERIODIC` asks for. */
export function parseInterval(c: Cursor): Expr {
  const interval = tryShortInterval(c, true) ?? tryLongInterval(c)
  if (interval) return interval
  if (c.is('{')) return parseExpr(c)
  c.fail('interval such as 5s', 'INTERVAL')
}
