import type { BinaryOperator, Expr, FunctionCall, Literal } from './ast.js'
import { canonicalFunctionName } from './names.js'
import { INTERVAL_SUFFIX } from './parser/interval.js'
import { contextOf } from './printer/context.js'
import { windowText } from './printer/expressions.js'
import { printType } from './printer/index.js'
import { quoteString } from './text.js'

/** The function behind each operator (src/Parsers/ExpressionListParsers.cpp). */
const OPERATOR_FUNCTIONS: Record<BinaryOperator, string> = {
  or: 'or',
  and: 'and',
  '=': 'equals',
  '!=': 'not_equals',
  '<': 'less',
  '<=': 'less_or_equals',
  '>': 'greater',
  '>=': 'greater_or_equals',
  '<=>': 'is_not_distinct_from',
  '+': 'plus',
  '-': 'minus',
  '*': 'multiply',
  '/': 'divide',
  '%': 'modulo',
  div: 'int_div',
  '||': 'concat',
}
/** Chains of these are one call with many arguments. */
const VARIADIC = new Set<BinaryOperator>(['or', 'and', '||'])

const EXTRACT_FUNCTIONS: Record<string, string> = { day: 'to_day_of_month', week: 'to_week' }

/**
 * The name that Proton gives to a result column without alias: `plus(a, 1)`, `count()`, `cast(x, 'int32')`
 * (ASTFunction::appendColumnName). A qualified column keeps its qualifier; Proton drops it where the
 * query reads one table only.
 */
export function columnName(expr: Expr): string {
  return expr.kind === 'alias' ? expr.name : nameOf(expr)
}

const call = (name: string, ...args: string[]): string => `${name}(${args.join(', ')})`

/** Names inside calls: an alias there does not count. */
function nameOf(e: Expr): string {
  switch (e.kind) {
    case 'alias':
      return nameOf(e.expr)
    case 'literal':
      return literalName(e)
    case 'column':
      return e.path.join('.')
    case 'star':
      return e.pattern === undefined
        ? [...(e.qualifier ?? []), '*'].join('.')
        : `COLUMNS(${quoteString(e.pattern)})`
    case 'call':
      return callName(e)
    case 'binary':
      return call(OPERATOR_FUNCTIONS[e.op], ...operands(e, e.op).map(nameOf))
    case 'unary': {
      const negative = e.op === '-' && e.expr.kind === 'literal' && e.expr.type === 'number'
      return negative ? `-${nameOf(e.expr)}` : call(e.op === '-' ? 'negate' : 'not', nameOf(e.expr))
    }
    case 'cast':
      return call('cast', nameOf(e.expr), quoteString(printType(e.type)))
    case 'case': {
      const branches = e.branches.flatMap((b) => [nameOf(b.when), nameOf(b.then)])
      const otherwise = e.otherwise ? nameOf(e.otherwise) : 'NULL'
      return e.operand
        ? call('case_with_expression', nameOf(e.operand), ...branches, otherwise)
        : call('multi_if', ...branches, otherwise)
    }
    case 'lambda':
      return call('lambda', call('tuple_cast', ...e.params), nameOf(e.body))
    case 'tuple':
      return e.items.every(isConstant)
        ? tupleLiteral(e.items.map(nameOf))
        : call('tuple_cast', ...e.items.map(nameOf))
    case 'array':
      return e.items.every(isConstant)
        ? `[${e.items.map(nameOf).join(', ')}]`
        : call('array_cast', ...e.items.map(nameOf))
    case 'map':
      return call('map_cast', ...e.entries.flatMap((x) => [nameOf(x.key), nameOf(x.value)]))
    case 'subscript':
      return call('array_element', nameOf(e.expr), nameOf(e.index))
    case 'tuple_element':
      return call(
        'tuple_element',
        nameOf(e.expr),
        /^\d+$/.test(e.element) ? e.element : quoteString(e.element),
      )
    case 'json_path': {
      const steps = e.path.map((s, i) =>
        'key' in s ? `${i > 0 ? '.' : ''}${s.key}` : 'index' in s ? `[${s.index}]` : '[*]',
      )
      return `${nameOf(e.expr)}:${steps.join('')}`
    }
    case 'interval':
      return isConstant(e.value)
        ? `${nameOf(e.value)}${INTERVAL_SUFFIX[e.unit]}`
        : `INTERVAL ${nameOf(e.value)} ${e.unit.toUpperCase()}`
    case 'in': {
      const name = `${e.global ? 'global_' : ''}${e.not ? 'not_' : ''}in`
      const only = e.list.kind === 'tuple' && e.list.items.length === 1 ? e.list.items[0]! : e.list
      return call(name, nameOf(e.expr), nameOf(only))
    }
    case 'between': {
      const of = nameOf(e.expr)
      return e.not
        ? call('or', call('less', of, nameOf(e.low)), call('greater', of, nameOf(e.high)))
        : call(
            'and',
            call('greater_or_equals', of, nameOf(e.low)),
            call('less_or_equals', of, nameOf(e.high)),
          )
    }
    case 'is_null':
      return call(e.not ? 'is_not_null' : 'is_null', nameOf(e.expr))
    case 'like':
      return call(
        `${e.not ? 'not_' : ''}${e.caseInsensitive ? 'ilike' : 'like'}`,
        nameOf(e.expr),
        nameOf(e.pattern),
      )
    case 'exists':
      return call('exists', '_subquery')
    case 'subquery':
      return '_subquery'
    case 'parameter':
      return e.name
    case 'extract':
      return call(EXTRACT_FUNCTIONS[e.unit] ?? `to_${e.unit}`, nameOf(e.expr))
    case 'raw':
      return e.sql
  }
}

const tupleLiteral = (items: string[]): string => `(${items.join(', ')})`

function operands(e: Expr, op: BinaryOperator): Expr[] {
  if (e.kind !== 'binary' || e.op !== op) return [e]
  return VARIADIC.has(op) ? [...operands(e.left, op), e.right] : [e.left, e.right]
}

/** Literals, and tuples and arrays of them: Proton reads those as one literal. */
function isConstant(e: Expr): boolean {
  if (e.kind === 'literal') return true
  if (e.kind === 'unary') return e.op === '-' && e.expr.kind === 'literal' && e.expr.type === 'number'
  return (e.kind === 'tuple' || e.kind === 'array') && e.items.every(isConstant)
}

function callName(e: FunctionCall): string {
  let name = canonicalFunctionName(e.name)
  const args = e.args.map(nameOf)
  if (name === 'count' && args.length === 1 && args[0] === '*') args.pop()
  if (e.distinct) name += '_distinct'
  if (e.filter) {
    name += '_if'
    args.push(nameOf(e.filter))
  }
  const parameters = e.parameters ? `(${e.parameters.map(nameOf).join(', ')})` : ''
  const text = `${name}${parameters}(${args.join(', ')})`
  if (e.over === undefined) return text
  return `${text} OVER ${typeof e.over === 'string' ? e.over : windowText(e.over, contextOf({}))}`
}

function literalName(e: Literal): string {
  if (e.type === 'null') return 'NULL'
  if (e.type === 'bool') return String(e.value)
  return e.type === 'string' ? quoteString(e.value) : numberName(e.text)
}

const UINT64_MAX = 2n ** 64n - 1n

/** Integers in decimal; floats as the server prints them, with a bare dot where there is no fraction (`1.`). */
function numberName(text: string): string {
  const plain = text.replaceAll('_', '')
  if (/^(0x[0-9a-f]+|0b[01]+|\d+)$/i.test(plain)) {
    const value = BigInt(plain)
    if (value <= UINT64_MAX) return value.toString()
  }
  if (plain === 'inf' || plain === 'nan') return plain
  const printed = String(Number(plain)).replace('e+', 'e')
  return /[.e]/.test(printed) ? printed : `${printed}.`
}
