import type { Expr, FrameBound, OrderItem, WindowDef } from '../../../dialect/ast.js'
import { toClickHouseType } from '../../../dialect/index.js'
import { quoteIdentifier, quoteString } from '../../chdb/pool.js'
import { EngineError } from '../../errors.js'
import { callText } from './calls.js'
import { jsonArrayText, jsonPathText } from './json.js'
import { parameterText } from './parameters.js'
import { queryText } from './query.js'
import { columnText, type Scope } from './scope.js'
import { isString } from './strings.js'

/**
 * `condition`: only truth matters (WHERE, ON), so that the store can use its indexes.
 * `value`: the result is seen, and Proton's predicates give `bool` where the store's give UInt8.
 */
export type Mode = 'value' | 'condition'

/** An expression as the store's text. Everything compound comes in parentheses. */
export function exprText(expr: Expr, scope: Scope, mode: Mode = 'value'): string {
  const value = (e: Expr) => exprText(e, scope)
  switch (expr.kind) {
    case 'raw':
      return expr.sql
    case 'literal':
      return literalText(expr)
    case 'column':
      return columnText(expr.path, scope)
    case 'alias':
      return `(${exprText(expr.expr, { ...scope, defining: expr.name })} AS ${quoteIdentifier(expr.name)})`
    case 'star':
      // `count(*)` and the like; columns of a SELECT are expanded before they come here.
      if (expr.qualifier || expr.pattern || expr.except || expr.replace) {
        throw new EngineError('NOT_IMPLEMENTED', 'A column matcher is supported as a column of SELECT only')
      }
      return '*'
    case 'call':
      return callText(expr, scope, mode)
    case 'binary':
      return binaryText(expr, scope, mode)
    case 'unary':
      if (expr.op === 'not') return truth(`NOT ${exprText(expr.expr, scope, mode)}`, mode)
      if (expr.expr.kind === 'literal' && expr.expr.type === 'number') return `(-${expr.expr.text})`
      return `negate(${value(expr.expr)})`
    case 'cast':
      return `CAST(${value(expr.expr)}, ${quoteString(toClickHouseType(expr.type))})`
    case 'case': {
      const operand = expr.operand ? ` ${value(expr.operand)}` : ''
      const branches = expr.branches.map((b) => ` WHEN ${value(b.when)} THEN ${value(b.then)}`).join('')
      const otherwise = expr.otherwise ? ` ELSE ${value(expr.otherwise)}` : ''
      return `(CASE${operand}${branches}${otherwise} END)`
    }
    case 'lambda': {
      const inner = { ...scope, lambda: new Set([...scope.lambda, ...expr.params]) }
      return `((${expr.params.map(quoteIdentifier).join(', ')}) -> ${exprText(expr.body, inner)})`
    }
    case 'tuple':
      return `tuple(${expr.items.map(value).join(', ')})`
    case 'array':
      return `[${expr.items.map(value).join(', ')}]`
    case 'map':
      return `map(${expr.entries.flatMap((e) => [value(e.key), value(e.value)]).join(', ')})`
    case 'subscript':
      return elementText(expr.expr, expr.index, scope)
    case 'tuple_element': {
      const element = /^\d+$/.test(expr.element) ? expr.element : quoteString(expr.element)
      return `tupleElement(${value(expr.expr)}, ${element})`
    }
    case 'json_path':
      return jsonPathText(value(expr.expr), expr.path)
    case 'interval':
      return intervalText(value(expr.value), expr.unit)
    case 'in': {
      const operator = `${expr.global ? 'GLOBAL ' : ''}${expr.not ? 'NOT IN' : 'IN'}`
      return truth(`${value(expr.expr)} ${operator} ${listText(expr.list, scope)}`, mode)
    }
    case 'between': {
      const inner = `${value(expr.expr)} BETWEEN ${value(expr.low)} AND ${value(expr.high)}`
      return truth(expr.not ? `NOT (${inner})` : inner, mode)
    }
    case 'is_null':
      return truth(`${value(expr.expr)} IS ${expr.not ? 'NOT ' : ''}NULL`, mode)
    case 'like': {
      const operator = `${expr.not ? 'NOT ' : ''}${expr.caseInsensitive ? 'ILIKE' : 'LIKE'}`
      return truth(`${value(expr.expr)} ${operator} ${value(expr.pattern)}`, mode)
    }
    case 'exists':
      return truth(`EXISTS (${queryText(expr.query, scope).sql})`, mode)
    case 'subquery':
      return `(${queryText(expr.query, scope).sql})`
    case 'parameter':
      return parameterText(expr, scope.env.params ?? {})
    case 'extract':
      return extractText(expr.unit, value(expr.expr))
  }
}

/** `x[i]` of an array or a map, or of a string that holds a JSON array; `x[*]` and without an index: the array. */
export function elementText(array: Expr, index: Expr | undefined, scope: Scope): string {
  const given = exprText(array, scope)
  const text = isString(array, scope) ? jsonArrayText(given) : given
  return !index || index.kind === 'star' ? text : `arrayElement(${text}, ${exprText(index, scope)})`
}

/** A predicate's text, made `bool` where it is seen. NULL stays NULL. */
export function truth(predicate: string, mode: Mode): string {
  return mode === 'condition' ? `(${predicate})` : `toBool(${predicate})`
}

function literalText(literal: Extract<Expr, { kind: 'literal' }>): string {
  switch (literal.type) {
    case 'null':
      return 'NULL'
    case 'bool':
      return literal.value ? 'true' : 'false'
    case 'number':
      if (
        !/^(?:0x[0-9a-f]+(?:\.[0-9a-f]*)?(?:p[+-]?\d+)?|0b[01]+|[\d_]*\.?[\d_]*(?:e[+-]?\d+)?|inf|nan|infinity)$/i.test(
          literal.text,
        )
      ) {
        throw new EngineError('SYNTAX_ERROR', `Syntax error: not a number: ${literal.text}`)
      }
      return literal.text
    case 'string':
      return quoteString(literal.value)
  }
}

const COMPARISONS = new Set(['=', '!=', '<', '<=', '>', '>=', '<=>'])

/** Chains of these are written flat: the store limits the depth of brackets, not the length of a chain. */
const CHAINED = new Set(['and', 'or', '+', '*', '||'])

function binaryText(expr: Extract<Expr, { kind: 'binary' }>, scope: Scope, mode: Mode): string {
  const { op } = expr
  if (CHAINED.has(op)) {
    const logical = op === 'and' || op === 'or'
    const parts = chain(expr).map((part) => exprText(part, scope, logical ? mode : 'value'))
    const text = parts.join(` ${op.toUpperCase()} `)
    return logical ? truth(text, mode) : `(${text})`
  }
  const left = exprText(expr.left, scope)
  const right = exprText(expr.right, scope)
  if (op === '<=>') return truth(`isNotDistinctFrom(${left}, ${right})`, mode)
  if (COMPARISONS.has(op)) return truth(`${left} ${op} ${right}`, mode)
  if (op === 'div') return `intDiv(${left}, ${right})`
  return `(${left} ${op} ${right})`
}

/** `a + b + c` → its parts; only the left side of an operator is opened, so that the meaning stays. */
function chain(expr: Extract<Expr, { kind: 'binary' }>): Expr[] {
  const parts: Expr[] = []
  let at: Expr = expr
  while (at.kind === 'binary' && at.op === expr.op) {
    parts.push(at.right)
    at = at.left
  }
  parts.push(at)
  return parts.reverse()
}

/** The right side of IN. A bare column path is an array or tuple: names of relations were bound before. */
function listText(list: Expr, scope: Scope): string {
  if (list.kind === 'tuple') return `(${list.items.map((e) => exprText(e, scope)).join(', ')})`
  return exprText(list, scope)
}

export function intervalText(value: string, unit: string): string {
  return `toInterval${unit[0]!.toUpperCase()}${unit.slice(1)}(${value})`
}

const EXTRACTORS: Record<string, string> = {
  year: 'toYear',
  quarter: 'toQuarter',
  month: 'toMonth',
  week: 'toISOWeek',
  day: 'toDayOfMonth',
  hour: 'toHour',
  minute: 'toMinute',
  second: 'toSecond',
  millisecond: 'toMillisecond',
  microsecond: 'toMicrosecond',
  nanosecond: 'toNanosecond',
}

function extractText(unit: string, value: string): string {
  return `${EXTRACTORS[unit]}(${value})`
}

export function orderText(items: OrderItem[], scope: Scope): string {
  return items
    .map((item) => {
      const parts = [exprText(item.expr, scope), item.descending ? 'DESC' : 'ASC']
      if (item.nulls) parts.push(`NULLS ${item.nulls.toUpperCase()}`)
      if (item.collate !== undefined) parts.push(`COLLATE ${quoteString(item.collate)}`)
      if (item.withFill) {
        parts.push('WITH FILL')
        const { from, to, step } = item.withFill
        if (from) parts.push(`FROM ${exprText(from, scope)}`)
        if (to) parts.push(`TO ${exprText(to, scope)}`)
        if (step) parts.push(`STEP ${exprText(step, scope)}`)
      }
      return parts.join(' ')
    })
    .join(', ')
}

/** `(PARTITION BY … ORDER BY … ROWS …)`. */
export function windowText(def: WindowDef, scope: Scope): string {
  const parts: string[] = []
  if (def.base !== undefined) parts.push(quoteIdentifier(def.base))
  if (def.partitionBy.length > 0) {
    parts.push(`PARTITION BY ${def.partitionBy.map((e) => exprText(e, scope)).join(', ')}`)
  }
  if (def.orderBy.length > 0) parts.push(`ORDER BY ${orderText(def.orderBy, scope)}`)
  if (def.frame) {
    const { unit, start, end } = def.frame
    const bound = (b: FrameBound) => frameBoundText(b, scope)
    parts.push(unit.toUpperCase(), end ? `BETWEEN ${bound(start)} AND ${bound(end)}` : bound(start))
  }
  return `(${parts.join(' ')})`
}

function frameBoundText(bound: FrameBound, scope: Scope): string {
  switch (bound.kind) {
    case 'unbounded_preceding':
      return 'UNBOUNDED PRECEDING'
    case 'unbounded_following':
      return 'UNBOUNDED FOLLOWING'
    case 'current_row':
      return 'CURRENT ROW'
    case 'preceding':
      return `${exprText(bound.expr, scope)} PRECEDING`
    case 'following':
      return `${exprText(bound.expr, scope)} FOLLOWING`
  }
}
