import type {
  BinaryOp,
  Expr,
  FrameBound,
  FunctionCall,
  In,
  IntervalLiteral,
  JsonPath,
  OrderItem,
  Star,
  WindowDef,
} from '../ast.js'
import { canonicalFunctionName } from '../names.js'
import { INTERVAL_SUFFIX, unitOf } from '../parser/interval.js'
import { quoteName, quoteString } from '../text.js'
import { UserError } from '../user_error.js'
import type { PrintContext } from './context.js'
import { queryInBrackets, queryText } from './queries.js'
import { typeText } from './types.js'

/** How tight each operator binds; the parser's levels, loosest first. */
const BINARY: Record<string, number> = {
  or: 2,
  and: 3,
  '=': 6,
  '!=': 6,
  '<': 6,
  '<=': 6,
  '>': 6,
  '>=': 6,
  '<=>': 6,
  '||': 8,
  '+': 9,
  '-': 9,
  '*': 11,
  '/': 11,
  '%': 11,
  div: 11,
}
const LAMBDA = 1
const NOT = 4
const IS_NULL = 5
const COMPARISON = 6
const BETWEEN = 7
const CONCAT = 8
const INTERVAL = 10
const UNARY = 12
const SUFFIX = 13

function strength(e: Expr): number {
  switch (e.kind) {
    case 'alias':
      return 0
    case 'lambda':
      return LAMBDA
    case 'binary':
      return BINARY[e.op]!
    case 'unary':
      return e.op === 'not' ? NOT : UNARY
    case 'is_null':
      return IS_NULL
    case 'in':
    case 'like':
      return COMPARISON
    case 'between':
      return BETWEEN
    case 'interval':
      return INTERVAL
    default:
      return SUFFIX
  }
}

/** An expression's text, in brackets if it binds looser than `least`. */
export function exprText(e: Expr, ctx: PrintContext, least = 0): string {
  const text = bare(e, ctx)
  // Proton's own layout has brackets around every operator that stands in another one, needed or not.
  const needed = ctx.asServer && least > LAMBDA && e.kind !== 'interval' ? SUFFIX : least
  return strength(e) < needed ? `(${text})` : text
}

export function exprList(list: Expr[], ctx: PrintContext): string {
  return list.map((e) => exprText(e, ctx)).join(', ')
}

function bare(e: Expr, ctx: PrintContext): string {
  const at = (child: Expr, least: number): string => exprText(child, ctx, least)
  switch (e.kind) {
    case 'literal':
      if (e.type === 'null') return 'NULL'
      if (e.type === 'bool') return e.value ? 'true' : 'false'
      return e.type === 'number' ? e.text : quoteString(e.value)
    case 'column':
      return e.path.map((name) => nameIn(name, ctx)).join('.')
    case 'star':
      return starText(e, ctx)
    case 'call':
      return callText(e, ctx)
    case 'binary': {
      if (ctx.asServer && (e.op === 'and' || e.op === 'or')) return chainText(e, e.op, ctx)
      const level = BINARY[e.op]!
      return `${at(e.left, level)} ${e.op.toUpperCase()} ${at(e.right, level + 1)}`
    }
    case 'unary':
      return e.op === 'not' ? `NOT ${at(e.expr, NOT)}` : `-${at(e.expr, SUFFIX)}`
    case 'cast':
      return `CAST(${at(e.expr, LAMBDA)} AS ${typeText(e.type, ctx)})`
    case 'case': {
      // A sign right behind CASE would make a name of that word.
      const operand = e.operand ? ` ${at(e.operand, SUFFIX)}` : ''
      const branches = e.branches
        .map((b) => ` WHEN ${at(b.when, LAMBDA)} THEN ${at(b.then, LAMBDA)}`)
        .join('')
      return `CASE${operand}${branches}${e.otherwise ? ` ELSE ${at(e.otherwise, LAMBDA)}` : ''} END`
    }
    case 'lambda': {
      const names = e.params.map(quoteName)
      return `${names.length === 1 ? names[0] : `(${names.join(', ')})`} -> ${at(e.body, ctx.asServer ? NOT : LAMBDA)}`
    }
    case 'tuple':
      if (e.items.length === 0) return 'tuple_cast()'
      return e.items.length === 1 ? `(${at(e.items[0]!, 0)},)` : `(${exprList(e.items, ctx)})`
    case 'array':
      return `[${exprList(e.items, ctx)}]`
    case 'map':
      return `{${e.entries.map((x) => `${keyText(x.key, ctx)}: ${at(x.value, LAMBDA)}`).join(', ')}}`
    case 'subscript':
      return `${suffixBase(e.expr, '[', ctx)}[${at(e.index, 0)}]`
    case 'tuple_element':
      return tupleElementText(e.expr, e.element, ctx)
    case 'json_path':
      return jsonPathText(e, ctx)
    case 'interval':
      return intervalText(e, ctx)
    case 'in':
      return inText(e, ctx)
    case 'between': {
      const not = e.not ? 'NOT ' : ''
      return `${at(e.expr, CONCAT)} ${not}BETWEEN ${at(e.low, CONCAT)} AND ${at(e.high, CONCAT)}`
    }
    case 'is_null':
      return `${at(e.expr, COMPARISON)} IS ${e.not ? 'NOT ' : ''}NULL`
    case 'like': {
      const words = `${e.not ? 'NOT ' : ''}${e.caseInsensitive ? 'ILIKE' : 'LIKE'}`
      return `${at(e.expr, COMPARISON)} ${words} ${at(e.pattern, BETWEEN)}`
    }
    case 'exists':
      return `EXISTS(${queryText(e.query, ctx)})`
    case 'subquery':
      return queryInBrackets(e.query, ctx)
    case 'parameter':
      return `{${e.name}:${typeText(e.type, ctx)}}`
    case 'extract':
      return `EXTRACT(${e.unit.toUpperCase()} FROM ${at(e.expr, LAMBDA)})`
    case 'alias':
      return `${at(e.expr, LAMBDA)} AS ${nameIn(e.name, ctx)}`
    case 'raw':
      throw refuseRaw()
  }
}

/** Proton writes these bare, though a string behind them would make a literal of them. */
const BARE_ON_SERVER = /^(?:date|timestamp)$/i

function nameIn(name: string, ctx: PrintContext): string {
  return ctx.asServer && BARE_ON_SERVER.test(name) ? name : quoteName(name)
}

/** `a AND b AND c` is one operator with three operands. */
function chainText(e: BinaryOp, op: BinaryOp['op'], ctx: PrintContext): string {
  const operands = (side: Expr): Expr[] =>
    side.kind === 'binary' && side.op === op ? [...operands(side.left), ...operands(side.right)] : [side]
  return operands(e)
    .map((operand) => exprText(operand, ctx, SUFFIX))
    .join(` ${op.toUpperCase()} `)
}

export function refuseRaw(): UserError {
  return new UserError(
    'SQL_RAW_NODE',
    'A node that holds raw text of the embedded store has no canonical text',
  )
}

/** A key in front of a colon: only a literal may stand there without brackets. */
function keyText(key: Expr, ctx: PrintContext): string {
  return key.kind === 'literal' && (key.type === 'string' || /^[\d.]/.test(exprText(key, ctx)))
    ? exprText(key, ctx)
    : `(${exprText(key, ctx)})`
}

function starText(e: Star, ctx: PrintContext): string {
  const qualifier = e.qualifier ? `${e.qualifier.map(quoteName).join('.')}.` : ''
  let text = e.pattern === undefined ? `${qualifier}*` : `COLUMNS(${quoteString(e.pattern)})`
  if (e.except) text += ` EXCEPT (${e.except.map(quoteName).join(', ')})`
  if (e.replace) {
    text += ` REPLACE (${e.replace.map((r) => `${exprText(r.expr, ctx, LAMBDA)} AS ${quoteName(r.name)}`).join(', ')})`
  }
  return text
}

/** Words that the parser reads as syntax even with a bracket behind. */
const NEVER_BARE = new Set(['NOT', 'CASE', 'INTERVAL', 'COLUMNS', 'SELECT', 'WITH', 'FROM', 'DISTINCT'])
/** Calls whose first argument may be a bare unit. */
const UNIT_FIRST = new Set(['date_diff', 'timestamp_diff', 'extract'])

export function functionNameText(name: string): string {
  const known = canonicalFunctionName(name)
  if (NEVER_BARE.has(known.toUpperCase())) return `\`${known}\``
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(known) ? known : quoteName(known)
}

function callText(e: FunctionCall, ctx: PrintContext): string {
  let text = functionNameText(e.name)
  if (e.parameters) text += `(${exprList(e.parameters, ctx)})`
  const args = e.args.map((arg) => exprText(arg, ctx))
  const first = e.args[0]
  if (
    first?.kind === 'column' &&
    first.path.length === 1 &&
    unitOf(first.path[0]!) &&
    UNIT_FIRST.has(e.name.toLowerCase())
  ) {
    args[0] = `\`${first.path[0]!}\``
  }
  text += `(${e.distinct ? 'DISTINCT ' : ''}${args.join(', ')})`
  if (e.filter) text += ` FILTER (WHERE ${exprText(e.filter, ctx)})`
  if (e.over !== undefined) {
    text += ` OVER ${typeof e.over === 'string' ? quoteName(e.over) : windowText(e.over, ctx)}`
  }
  return text
}

/**
 * What each suffix cannot stand behind without brackets: a JSON path would swallow it, a number the dot,
 * and the parser of 1.6 reads suffixes in one order only (`:path`, then `[i]`, then `.1`).
 */
const BRACKETS_BEFORE: Record<'[' | '.' | ':', ReadonlySet<Expr['kind']>> = {
  '.': new Set(['json_path', 'literal', 'map', 'parameter', 'case', 'star']),
  '[': new Set(['json_path', 'tuple_element', 'case', 'star']),
  ':': new Set(['json_path', 'tuple_element', 'subscript', 'map', 'parameter', 'case', 'star']),
}

function suffixBase(e: Expr, suffix: '[' | '.' | ':', ctx: PrintContext): string {
  const inBrackets = BRACKETS_BEFORE[suffix].has(e.kind) || (e.kind === 'literal' && e.type === 'number')
  return inBrackets ? `(${exprText(e, ctx)})` : exprText(e, ctx, SUFFIX)
}

function tupleElementText(of: Expr, element: string, ctx: PrintContext): string {
  if (/^\d+$/.test(element)) return `${suffixBase(of, '.', ctx)}.${element}`
  // `a.b` is a column path, so an element of the column `a` needs brackets.
  const base = of.kind === 'column' ? `(${exprText(of, ctx)})` : suffixBase(of, '.', ctx)
  return `${base}.${quoteName(element)}`
}

function jsonPathText(e: JsonPath, ctx: PrintContext): string {
  let text = `${suffixBase(e.expr, ':', ctx)}:`
  e.path.forEach((step, i) => {
    if ('key' in step) text += `${i > 0 ? '.' : ''}${quoteName(step.key)}`
    else text += 'index' in step ? `[${step.index}]` : '[*]'
  })
  return text
}

function intervalText(e: IntervalLiteral, ctx: PrintContext): string {
  const negative = e.value.kind === 'unary' && e.value.op === '-'
  const number = e.value.kind === 'unary' && negative ? e.value.expr : e.value
  const short = !(ctx.asServer && e.inWords)
  if (short && number.kind === 'literal' && number.type === 'number' && /^\d{1,18}$/.test(number.text)) {
    return `${negative ? '-' : ''}${number.text}${INTERVAL_SUFFIX[e.unit]}`
  }
  const value = e.value.kind === 'literal' ? exprText(e.value, ctx) : `(${exprText(e.value, ctx)})`
  return `INTERVAL ${value} ${e.unit.toUpperCase()}`
}

function inText(e: In, ctx: PrintContext): string {
  const words = `${e.global ? 'GLOBAL ' : ''}${e.not ? 'NOT ' : ''}IN`
  return `${exprText(e.expr, ctx, COMPARISON)} ${words} ${inListText(e.list, ctx)}`
}

/** A tuple of one constant is printed as `(1)`, the form that every edition understands. */
function inListText(list: Expr, ctx: PrintContext): string {
  if (list.kind === 'literal') return `(${exprText(list, ctx)})`
  const only = list.kind === 'tuple' && list.items.length === 1 ? list.items[0]! : undefined
  if (!only) return exprText(list, ctx, BETWEEN)
  const constant =
    only.kind === 'literal' ||
    only.kind === 'interval' ||
    only.kind === 'tuple' ||
    (only.kind === 'unary' && only.op === '-')
  return constant ? `(${exprText(only, ctx)})` : `(${exprText(only, ctx)},)`
}

export function windowText(def: WindowDef, ctx: PrintContext): string {
  const parts: string[] = []
  if (def.base !== undefined) parts.push(quoteName(def.base))
  if (def.partitionBy.length > 0) parts.push(`PARTITION BY ${exprList(def.partitionBy, ctx)}`)
  if (def.orderBy.length > 0) parts.push(`ORDER BY ${orderByText(def.orderBy, ctx)}`)
  if (def.frame) {
    const { unit, start, end } = def.frame
    const bounds = end ? `BETWEEN ${boundText(start, ctx)} AND ${boundText(end, ctx)}` : boundText(start, ctx)
    parts.push(`${unit.toUpperCase()} ${bounds}`)
  }
  return `(${parts.join(' ')})`
}

function boundText(bound: FrameBound, ctx: PrintContext): string {
  if (bound.kind === 'preceding' || bound.kind === 'following') {
    return `${exprText(bound.expr, ctx, CONCAT)} ${bound.kind.toUpperCase()}`
  }
  return bound.kind.toUpperCase().replace('_', ' ')
}

export function orderByText(items: OrderItem[], ctx: PrintContext): string {
  return items.map((item) => orderItemText(item, ctx)).join(', ')
}

function orderItemText(item: OrderItem, ctx: PrintContext): string {
  let text = exprText(item.expr, ctx)
  if (item.descending) text += ' DESC'
  if (item.nulls) text += ` NULLS ${item.nulls.toUpperCase()}`
  if (item.collate !== undefined) text += ` COLLATE ${quoteString(item.collate)}`
  const fill = item.withFill
  if (fill) {
    text += ' WITH FILL'
    if (fill.from) text += ` FROM ${exprText(fill.from, ctx)}`
    if (fill.to) text += ` TO ${exprText(fill.to, ctx)}`
    if (fill.step) text += ` STEP ${exprText(fill.step, ctx)}`
  }
  return text
}
