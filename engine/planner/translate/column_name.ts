import type { BinaryOperator, Expr } from '../../../dialect/ast.js'
import { canonicalFunctionName, printExpr, printType, quoteString } from '../../../dialect/index.js'

const OPERATORS: Record<BinaryOperator, string> = {
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

/**
 * The header of a column without alias: everything in function form, `a = 1` → `equals(a, 1)`; a JSON path as
 * written. Source: recorded headers, and the parser's rewriting of operators to functions.
 */
export function columnName(expr: Expr): string {
  switch (expr.kind) {
    case 'alias':
      return columnName(expr.expr)
    case 'column':
      return expr.path.join('.')
    case 'literal':
      return literalName(expr)
    case 'call':
      return callName(expr)
    case 'binary':
      return call(OPERATORS[expr.op], operands(expr))
    case 'unary':
      if (expr.op === 'not') return call('not', [expr.expr])
      if (expr.expr.kind === 'literal' && expr.expr.type === 'number') return `-${literalName(expr.expr)}`
      return call('negate', [expr.expr])
    case 'cast':
      return `cast(${columnName(expr.expr)}, ${quoteString(printType(expr.type))})`
    case 'case': {
      const branches = expr.branches.flatMap((b) => [b.when, b.then])
      const otherwise: Expr = expr.otherwise ?? { kind: 'literal', type: 'null' }
      return expr.operand
        ? call('case_with_expression', [expr.operand, ...branches, otherwise])
        : call('multi_if', [...branches, otherwise])
    }
    case 'lambda':
      return `lambda(tuple_cast(${expr.params.join(', ')}), ${columnName(expr.body)})`
    case 'tuple':
      return expr.items.every(isLiteral) ? `(${names(expr.items)})` : call('tuple_cast', expr.items)
    case 'array':
      return expr.items.every(isLiteral) ? `[${names(expr.items)}]` : call('array_cast', expr.items)
    case 'map':
      return call(
        'map_cast',
        expr.entries.flatMap((e) => [e.key, e.value]),
      )
    case 'subscript':
      return call('array_element', [expr.expr, expr.index])
    case 'tuple_element': {
      const element = /^\d+$/.test(expr.element) ? expr.element : quoteString(expr.element)
      return `tuple_element(${columnName(expr.expr)}, ${element})`
    }
    case 'interval':
      return `to_interval_${expr.unit}(${columnName(expr.value)})`
    case 'in':
      return call(`${expr.global ? 'global_' : ''}${expr.not ? 'not_' : ''}in`, [expr.expr, expr.list])
    case 'between': {
      const [low, high] = [columnName(expr.low), columnName(expr.high)]
      const value = columnName(expr.expr)
      return expr.not
        ? `or(less(${value}, ${low}), greater(${value}, ${high}))`
        : `and(greater_or_equals(${value}, ${low}), less_or_equals(${value}, ${high}))`
    }
    case 'is_null':
      return call(expr.not ? 'is_not_null' : 'is_null', [expr.expr])
    case 'like':
      return call(`${expr.not ? 'not_' : ''}${expr.caseInsensitive ? 'ilike' : 'like'}`, [
        expr.expr,
        expr.pattern,
      ])
    case 'extract':
      return call(expr.unit === 'day' ? 'to_day_of_month' : `to_${expr.unit}`, [expr.expr])
    case 'subquery':
      return '_subquery'
    case 'exists':
      return 'exists(_subquery)'
    case 'parameter':
      return `_cast(${expr.name}, ${quoteString(printType(expr.type))})`
    case 'raw':
      return expr.sql
    case 'star':
    case 'json_path':
      return printExpr(expr)
  }
}

function names(exprs: readonly Expr[]): string {
  return exprs.map(columnName).join(', ')
}

function call(name: string, args: readonly Expr[]): string {
  return `${name}(${names(args)})`
}

/** `a and b and c` is one call with three arguments. */
function operands(expr: Extract<Expr, { kind: 'binary' }>): Expr[] {
  if (expr.op !== 'and' && expr.op !== 'or') return [expr.left, expr.right]
  const flat = (side: Expr): Expr[] =>
    side.kind === 'binary' && side.op === expr.op ? operands(side) : [side]
  return [...flat(expr.left), ...flat(expr.right)]
}

function callName(expr: Extract<Expr, { kind: 'call' }>): string {
  const written = canonicalFunctionName(expr.name)
  // `count(DISTINCT x)` is another function to Proton.
  const name = !expr.distinct ? written : written === 'count' ? 'unique_exact' : `${written}_distinct`
  const parameters = expr.parameters ? `(${names(expr.parameters)})` : ''
  const args = expr.args.length === 1 && expr.args[0]!.kind === 'star' ? '' : names(expr.args)
  const filter = expr.filter ? ` FILTER(WHERE ${columnName(expr.filter)})` : ''
  if (expr.over === undefined) return `${name}${parameters}(${args})${filter}`
  return `${name}${parameters}(${args})${filter}${printExpr({ ...expr, filter: undefined, args: [], parameters: undefined, distinct: undefined }).slice(expr.name.length + 2)}`
}

function isLiteral(expr: Expr): boolean {
  return expr.kind === 'literal'
}

function literalName(expr: Extract<Expr, { kind: 'literal' }>): string {
  switch (expr.type) {
    case 'null':
      return 'NULL'
    case 'bool':
      return String(expr.value)
    case 'string':
      return quoteString(expr.value)
    case 'number':
      return /^\d*\.\d*$/.test(expr.text) ? String(Number(expr.text)) : expr.text
  }
}
