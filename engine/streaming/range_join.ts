import type { Expr, FunctionCall, Join, TableExpr } from '../../dialect/ast.js'
import { literalNumber } from '../../dialect/interval_length.js'
import { EngineError } from '../errors.js'
import { fingerprint, visitExpr } from '../planner/walk.js'
import { column, conjuncts, intervalMs, number } from './syntax.js'

/** Default of the setting `max_join_range`, in seconds. */
const MAX_JOIN_RANGE = 300

const UNIT_SECONDS: Record<string, number> = { second: 1, minute: 60 }

type Comparison = '<' | '<=' | '>' | '>='
const FLIPPED: Record<Comparison, Comparison> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

interface Bound {
  call: FunctionCall
  op: Comparison
  /** Seconds. */
  value: number
}

/** Whether ON bounds the distance of two times. */
export function isRanged(on: Expr | undefined): boolean {
  return conjuncts(on).some((term) => boundsOf(term).length > 0 || isWithin(term))
}

/**
 * The range of a range join → a condition on the difference of the times. It is written
 * `date_diff_within(2m[, l.ts, r.ts])`, or with `date_diff('second', a, b)` between two constants, which Proton takes
 * as `a - b`. Throws as Proton does: 62 for a range that is none, 48 for what it does not have.
 */
export function withinRange(on: Expr, join: Join, settings: Record<string, string>): Expr {
  const max = Number(settings.max_join_range ?? MAX_JOIN_RANGE)
  const rest: Expr[] = []
  const bounds: Bound[] = []
  const within: FunctionCall[] = []
  for (const term of conjuncts(on)) {
    const found = boundsOf(term)
    bounds.push(...found)
    if (isWithin(term)) within.push(term as FunctionCall)
    else if (found.length === 0) rest.push(term)
  }
  if (bounds.length === 0 && within.length === 0) return on
  if (within.length > 1 || (within.length === 1 && bounds.length > 0)) {
    throw new EngineError('INVALID_JOIN_ON_EXPRESSION', 'Multiple range joins are detected in ON section')
  }
  const range = within[0] ? symmetric(within[0], join) : between(bounds)
  if (range.high - range.low > max * 1000) {
    throw syntax(`The join range (${range.low / 1000}, ${range.high / 1000}) is too big`)
  }
  if ((join.strictness ?? 'all') !== 'all') {
    throw new EngineError('NOT_IMPLEMENTED', 'A range join is supported for ALL joins only')
  }
  const [first, second] = range.times.map(millis)
  const difference: Expr = { kind: 'binary', op: '-', left: first!, right: second! }
  const terms: Expr[] = [
    { kind: 'binary', op: range.aboveLow, left: difference, right: number(range.low) },
    { kind: 'binary', op: range.belowHigh, left: difference, right: number(range.high) },
  ]
  return [...rest, ...terms].reduce((left, right) => ({ kind: 'binary', op: 'and', left, right }))
}

interface Range {
  times: Expr[]
  /** ms. */
  low: number
  high: number
  aboveLow: '>' | '>='
  belowHigh: '<' | '<='
}

function symmetric(call: FunctionCall, join: Join): Range {
  const [interval, left, right] = call.args
  const range = interval ? intervalMs(interval) : 0
  if (range <= 0) {
    throw new EngineError(
      'BAD_QUERY_PARAMETER',
      'First argument of function date_diff_within shall be a positive interval of seconds or minutes (1s, 2m)',
    )
  }
  const times = [
    left ?? column(nameOf(join.left), '_tp_time'),
    right ?? column(nameOf(join.right), '_tp_time'),
  ]
  return { times, low: -range, high: range, aboveLow: '>=', belowHigh: '<=' }
}

function between(bounds: Bound[]): Range {
  const [first, second, ...more] = bounds
  if (more.length > 0) {
    throw syntax('Found more than 2 unequal expressions in `ON` join clause for range join')
  }
  if (second && fingerprint(first!.call) !== fingerprint(second.call)) {
    throw syntax(
      'Range join requires same function expression in ON clause, but got two different expressions',
    )
  }
  const low = bounds.find((bound) => bound.op === '>' || bound.op === '>=')
  const high = bounds.find((bound) => bound.op === '<' || bound.op === '<=')
  if (!low || low.value > 0) {
    throw syntax('Range join requires left bound of the range is less than or equal to zero')
  }
  if (!high || high.value < 0) {
    throw syntax('Range join requires right bound of the range is greater than or equal to zero')
  }
  if (low.value >= high.value) {
    throw syntax('Range join requires upper bound of the range is bigger than the lower bound')
  }
  return {
    times: low.call.args.slice(1),
    low: low.value * 1000,
    high: high.value * 1000,
    aboveLow: low.op as '>' | '>=',
    belowHigh: high.op as '<' | '<=',
  }
}

/** `date_diff(…) > -10`, `10 > date_diff(…)`, `date_diff(…) BETWEEN -10 AND 10`; nothing for any other term. */
function boundsOf(term: Expr): Bound[] {
  if (term.kind === 'between' && !term.not) {
    const low: Expr = { kind: 'binary', op: '>=', left: term.expr, right: term.low }
    const high: Expr = { kind: 'binary', op: '<=', left: term.expr, right: term.high }
    return [...boundsOf(low), ...boundsOf(high)]
  }
  if (term.kind !== 'binary' || !(term.op in FLIPPED)) return []
  const op = term.op as Comparison
  const [left, right] = [literalNumber(term.left), literalNumber(term.right)]
  if (right !== undefined) return boundOf(term.left, op, right)
  return left === undefined ? [] : boundOf(term.right, FLIPPED[op], left)
}

function boundOf(expr: Expr, op: Comparison, value: number): Bound[] {
  if (expr.kind !== 'call' || expr.name.toLowerCase() !== 'date_diff' || expr.args.length !== 3) return []
  const unit = expr.args[0]!
  const name =
    unit.kind === 'literal' && unit.type === 'string'
      ? unit.value
      : unit.kind === 'column'
        ? unit.path[0]
        : ''
  const seconds = UNIT_SECONDS[name ?? '']
  if (seconds === undefined) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      `First argument of function date_diff in ON only supports second or minute, but got '${name}' instead`,
    )
  }
  return [{ call: expr, op, value: value * seconds }]
}

export function isWithin(term: Expr): boolean {
  let found = false
  visitExpr(term, (expr) => {
    found ||= expr.kind === 'call' && expr.name.toLowerCase() === 'date_diff_within'
    return !found
  })
  return found
}

function millis(time: Expr): Expr {
  const precise: Expr = {
    kind: 'cast',
    expr: time,
    type: { name: 'datetime64', args: [{ kind: 'number', text: '3' }] },
  }
  return { kind: 'call', name: 'to_unix_timestamp64_milli', args: [precise] }
}

function nameOf(table: TableExpr): string {
  if ('alias' in table && table.alias !== undefined) return table.alias
  return table.kind === 'table' ? table.name.name : ''
}

function syntax(message: string): EngineError {
  return new EngineError('SYNTAX_ERROR', message)
}
