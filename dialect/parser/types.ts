import type { TypeArg, TypeNode } from '../ast.js'
import type { Cursor } from './cursor.js'
import { parseExpr } from './expressions.js'

/** Types whose elements may have names. */
const WITH_NAMES = new Set(['tuple', 'nested'])
const WITH_FUNCTION = new Set([
  'aggregate_function',
  'simple_aggregate_function',
  // ClickHouse's spelling, lower-case: types come back from the embedded store.
  'aggregatefunction',
  'simpleaggregatefunction',
])
const SECOND_WORDS: Record<string, string[]> = { double: ['PRECISION'] }

/** A data type: `array(nullable(datetime64(3, 'UTC')))`. */
export function parseType(c: Cursor): TypeNode {
  const start = c.index
  let name = c.name('data type').toLowerCase()
  const second = SECOND_WORDS[name]?.find((word) => c.takeKeyword(word))
  if (second !== undefined) name = 'float64'
  if (name.includes('int') && c.takeKeyword('UNSIGNED')) name = `u${name}`
  else if (name.includes('int')) c.takeKeyword('SIGNED')
  const args: TypeArg[] = []
  if (c.take('(')) {
    c.nested(() => {
      if (c.is(')')) return
      do args.push(parseTypeArg(c, name, args.length))
      while (c.take(','))
    })
    c.expect(')')
  }
  return { name, args, span: c.span(start) }
}

function parseTypeArg(c: Cursor, owner: string, position: number): TypeArg {
  if (c.token.kind === 'string') return parseStringArg(c, owner)
  if (c.token.kind === 'number') return { kind: 'number', text: c.next().text }
  if (c.is('-') && c.peek(1).kind === 'number') {
    c.next()
    return { kind: 'number', text: `-${c.next().text}` }
  }
  if (position === 0 && WITH_FUNCTION.has(owner) && c.isName())
    return { kind: 'function', expr: parseExpr(c) }
  if (WITH_NAMES.has(owner) && c.isName() && c.isName(1)) {
    const name = c.name()
    return { kind: 'named', name, type: parseType(c) }
  }
  if (!c.isName()) c.fail('data type argument')
  return { kind: 'type', type: parseType(c) }
}

function parseStringArg(c: Cursor, owner: string): TypeArg {
  const value = c.string()
  if (c.take('=')) {
    const sign = c.take('-') ? '-' : ''
    if (c.token.kind !== 'number') c.fail('number')
    return { kind: 'enum', value, code: sign + c.next().text }
  }
  return owner.startsWith('enum') ? { kind: 'enum', value } : { kind: 'string', value }
}
