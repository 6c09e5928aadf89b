import type { Cursor } from './cursor.js'

/** Words that cannot begin an expression unless something makes clear that they are names. */
const RESERVED = new Set(
  `AND AS ASC BETWEEN BY DESC ELSE EMIT END FORMAT FROM GROUP HAVING IN IS INTO JOIN LIKE ILIKE LIMIT ON OR ORDER
  PREWHERE SELECT SETTINGS THEN UNION USING WHEN WHERE`.split(/\s+/),
)
const AFTER_NAME = new Set([
  ',',
  ')',
  ']',
  '.',
  '=',
  '==',
  '!=',
  '<>',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '/',
  '%',
  '||',
  '::',
  ';',
  '}',
  '?',
  ':',
])
const WORDS_AFTER_NAME = new Set([
  'AS',
  'FROM',
  'AND',
  'OR',
  'IS',
  'IN',
  'LIKE',
  'ILIKE',
  'BETWEEN',
  'THEN',
  'END',
])

/** True if the word `ahead` places on is used as a name: an operator, a comma or the end follows it. */
export function usedAsName(c: Cursor, ahead = 0): boolean {
  const after = c.peek(ahead + 1)
  if (after.kind === 'end') return true
  if (after.kind === 'symbol') return AFTER_NAME.has(after.text)
  return after.kind === 'word' && WORDS_AFTER_NAME.has(after.upper)
}

/** Operators that are also functions: `and(a, b)`, `in(x, y)`; and `format('{}', x)`. */
const FUNCTION_WORDS = new Set(['AND', 'OR', 'IN', 'LIKE', 'ILIKE', 'FORMAT'])

/** True if a reserved word stands here where an expression should begin. */
export function isReservedHere(c: Cursor): boolean {
  const t = c.token
  if (t.kind !== 'word' || !RESERVED.has(t.upper) || usedAsName(c)) return false
  return !(FUNCTION_WORDS.has(t.upper) && c.symbolAt(1, '('))
}

function startsSelect(c: Cursor, ahead: number): boolean {
  const t = c.peek(ahead)
  if (t.kind !== 'word' || (t.upper !== 'SELECT' && t.upper !== 'WITH')) return false
  return t.upper === 'SELECT'
    ? !c.symbolAt(ahead + 1, ')') || c.peek(ahead + 1).kind === 'end'
    : !usedAsName(c, ahead)
}

function isSetOperator(c: Cursor, ahead: number): boolean {
  return c.keyword('UNION', ahead) || c.keyword('EXCEPT', ahead) || c.keyword('INTERSECT', ahead)
}

const decided = new WeakMap<Cursor, Map<number, boolean>>()

/**
 * True if the bracket `ahead` places on encloses a query: `(SELECT`, `((SELECT …) UNION …`, but not
 * `((SELECT 1) + 1)`. Answers are remembered, so that a chain of brackets costs one look.
 */
export function isQueryInBrackets(c: Cursor, ahead = 0): boolean {
  if (!c.symbolAt(ahead, '(')) return false
  let memory = decided.get(c)
  if (!memory) {
    memory = new Map()
    decided.set(c, memory)
  }
  const known = memory.get(c.index + ahead)
  if (known !== undefined) return known
  let innermost = ahead
  while (c.symbolAt(innermost + 1, '(')) innermost++
  let answer = startsSelect(c, innermost + 1)
  // One look at the outermost bracket finds the partners of all inside.
  if (answer && innermost > ahead) c.partner(ahead)
  memory.set(c.index + innermost, answer)
  for (let open = innermost - 1; open >= ahead; open--) {
    if (answer) {
      const after = c.partner(open + 1) + 1
      answer = after > 0 && (c.symbolAt(after, ')') || isSetOperator(c, after))
    }
    memory.set(c.index + open, answer)
  }
  return answer
}

/** True if a query begins here. */
export function isQuery(c: Cursor, ahead = 0): boolean {
  return startsSelect(c, ahead) || isQueryInBrackets(c, ahead)
}

/** True if `x ->` or `(x, y) ->` stands here. */
export function isLambda(c: Cursor): boolean {
  if (c.isName()) return c.symbolAt(1, '->')
  if (!c.is('(') || !c.isName(1)) return false
  for (let at = 1; ; at += 2) {
    if (!c.isName(at)) return false
    if (c.symbolAt(at + 1, ')')) return c.symbolAt(at + 2, '->')
    if (!c.symbolAt(at + 1, ',')) return false
  }
}
