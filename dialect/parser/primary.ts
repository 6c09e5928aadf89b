import type { Case, Expr, Star } from '../ast.js'
import { parseCall } from './calls.js'
import type { Cursor } from './cursor.js'
import { bracketed, parseExpr, parseExprWithAlias, withoutJsonPath } from './expressions.js'
import { isQueryInBrackets, isReservedHere, usedAsName } from './lookahead.js'
import { parseQueryInBrackets } from './select.js'
import { parseType } from './types.js'

const NUMBER_WORDS = new Set(['INF', 'INFINITY', 'NAN'])

/** What stands between operators: a literal, name, call, bracket, CASE, … */
export function parsePrimary(c: Cursor): Expr {
  const start = c.index
  const t = c.token
  if (t.kind === 'number') {
    c.next()
    // Behind a word the server reads `.5` as an access, so the canonical text has a zero.
    const text = t.text.startsWith('.') ? `0${t.text}` : t.text
    return { kind: 'literal', type: 'number', text, span: c.span(start) }
  }
  if (c.isString()) return { kind: 'literal', type: 'string', value: c.string(), span: c.span(start) }
  if (c.is('(')) return parseBrackets(c)
  if (c.is('[')) {
    c.next()
    const items = c.is(']') ? [] : c.nested(() => bracketed(c, () => c.list(() => parseExprWithAlias(c))))
    c.expect(']')
    return { kind: 'array', items, span: c.span(start) }
  }
  if (c.is('{')) return parseBraces(c)
  if (c.is('*')) {
    c.next()
    return parseStarModifiers(c, { kind: 'star' }, start)
  }
  if (!c.isName() || isReservedHere(c)) c.fail('expression')
  return parseWord(c)
}

function parseWord(c: Cursor): Expr {
  const start = c.index
  const t = c.token
  if (t.kind === 'word' && !c.symbolAt(1, '(')) {
    const upper = t.upper
    if (upper === 'NULL') return literal(c, { kind: 'literal', type: 'null' })
    if (upper === 'TRUE' || upper === 'FALSE') {
      return literal(c, { kind: 'literal', type: 'bool', value: upper === 'TRUE' })
    }
    if (NUMBER_WORDS.has(upper)) {
      return literal(c, { kind: 'literal', type: 'number', text: upper === 'NAN' ? 'nan' : 'inf' })
    }
    if ((upper === 'DATE' || upper === 'TIMESTAMP') && c.peek(1).kind === 'string') {
      c.next()
      const value: Expr = { kind: 'literal', type: 'string', value: c.string() }
      const name = upper === 'DATE' ? 'to_date' : 'to_datetime'
      return { kind: 'call', name, args: [value], span: c.span(start) }
    }
  }
  if (c.keyword('CASE') && !usedAsName(c)) return parseCase(c)
  if (c.keyword('COLUMNS') && c.symbolAt(1, '(') && c.isString(2)) {
    c.index += 2
    const pattern = c.string()
    c.expect(')')
    return parseStarModifiers(c, { kind: 'star', pattern }, start)
  }
  if (c.symbolAt(1, '(')) return parseCall(c)
  return parseColumn(c)
}

function literal(c: Cursor, node: Expr): Expr {
  const start = c.index
  c.next()
  return { ...node, span: c.span(start) }
}

/** `a.b.c`, `t.*`. */
function parseColumn(c: Cursor): Expr {
  const start = c.index
  const path = [c.name()]
  while (c.is('.')) {
    if (c.symbolAt(1, '*')) {
      c.index += 2
      return parseStarModifiers(c, { kind: 'star', qualifier: path }, start)
    }
    if (!c.isName(1)) break
    c.next()
    path.push(c.name())
  }
  return { kind: 'column', path, span: c.span(start) }
}

function parseStarModifiers(c: Cursor, star: Star, start: number): Expr {
  for (;;) {
    if (c.keyword('EXCEPT') && !c.keyword('SELECT', 1) && !isQueryInBrackets(c, 1)) {
      c.next()
      c.takeKeyword('STRICT')
      const names = c.take('(') ? c.list(() => c.name()) : undefined
      if (names) c.expect(')')
      star.except = [...(star.except ?? []), ...(names ?? [c.name()])]
    } else if (c.keyword('REPLACE')) {
      c.next()
      c.takeKeyword('STRICT')
      const item = (): { expr: Expr; name: string } => {
        const expr = parseExpr(c)
        c.expectKeyword('AS')
        return { expr, name: c.name() }
      }
      const inBrackets = c.take('(')
      const items = inBrackets ? c.nested(() => c.list(item)) : [item()]
      if (inBrackets) c.expect(')')
      star.replace = [...(star.replace ?? []), ...items]
    } else {
      return { ...star, span: c.span(start) }
    }
  }
}

/** `(query)`, `(expr)`, `(a, b)`, `(a,)`. */
function parseBrackets(c: Cursor): Expr {
  const start = c.index
  if (isQueryInBrackets(c)) {
    const query = parseQueryInBrackets(c)
    return { kind: 'subquery', query, span: c.span(start) }
  }
  c.next()
  const items: Expr[] = []
  let trailingComma = false
  c.nested(() =>
    bracketed(c, () => {
      do {
        trailingComma = items.length > 0 && c.is(')')
        if (trailingComma) break
        items.push(parseExprWithAlias(c))
      } while (c.take(','))
    }),
  )
  c.expect(')')
  const only = items[0]!
  if (items.length === 1 && !trailingComma) return only
  return { kind: 'tuple', items, span: c.span(start) }
}

/** `{name:type}` or `{'k': 1}`. */
function parseBraces(c: Cursor): Expr {
  const start = c.index
  c.expect('{')
  if (c.isName() && c.symbolAt(1, ':')) {
    const name = c.name()
    c.expect(':')
    const type = parseType(c)
    c.expect('}')
    return { kind: 'parameter', name, type, span: c.span(start) }
  }
  const entry = (): { key: Expr; value: Expr } => {
    const key = withoutJsonPath(c, () => parseExpr(c))
    c.expect(':')
    return { key, value: bracketed(c, () => parseExpr(c)) }
  }
  const entries = c.is('}') ? [] : c.nested(() => c.list(entry))
  c.expect('}')
  return { kind: 'map', entries, span: c.span(start) }
}

function parseCase(c: Cursor): Expr {
  const start = c.index
  c.expectKeyword('CASE')
  const node: Case = { kind: 'case', branches: [] }
  c.nested(() => {
    if (!c.keyword('WHEN')) node.operand = parseExprWithAlias(c)
    do {
      c.expectKeyword('WHEN')
      const when = parseExprWithAlias(c)
      c.expectKeyword('THEN')
      // biome-ignore lint/suspicious/noThenProperty: the tree's own word, never awaited
      node.branches.push({ when, then: parseExprWithAlias(c) })
    } while (c.keyword('WHEN'))
    if (c.takeKeyword('ELSE')) node.otherwise = parseExprWithAlias(c)
  })
  c.expectKeyword('END')
  return { ...node, span: c.span(start) }
}
