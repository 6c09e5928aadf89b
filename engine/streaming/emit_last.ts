import type { Expr, IntervalLiteral, Select, TableArg, TableExpr, TableFunction } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { isAggregation, type TranslateEnv } from '../planner/index.js'
import { column, number } from './syntax.js'

/** Period of a global aggregation whose EMIT has none, in seconds (DIALECT §3.2). */
const DEFAULT_PERIOD_S = 2
const DEFAULT_MAX_WINDOWS = 1000

/**
 * `EMIT LAST 1h` → the query that it stands for. A tail and a windowed aggregation get the condition that
 * `_tp_time` is in the last hour; a global aggregation becomes one over hopping windows of an hour, a window
 * ending at each tick.
 */
export function withoutLast(select: Select, env: TranslateEnv, settings: Record<string, string>): Select {
  const { last, onProctime, ...emit } = select.emit ?? {}
  if (!last || !select.from) return select
  const interval = intervalOf(last)
  const rest = { ...select, emit: Object.keys(emit).some((key) => key !== 'span') ? emit : undefined }
  const recent = { ...rest, where: withRecent(select.where, last) }
  const { from } = select
  if (from.kind === 'table_function' && /^(?:tumble|hop)$/i.test(from.name)) {
    const size = from.args.findLast((arg): arg is IntervalLiteral => arg.kind === 'interval')
    if (size) sameScale('win', size, interval)
    return onProctime ? rest : recent
  }
  if (!isAggregation(select, env)) return onProctime ? rest : recent
  if (from.kind === 'join') throw wrong('No support several tables in the `emit last` policy')
  const { periodic, ...without } = emit
  const period = periodic ? intervalOf(periodic) : seconds(DEFAULT_PERIOD_S)
  sameScale('periodic', period, interval)
  const windows = Math.ceil(length(interval) / length(period))
  const most = Number(settings.max_windows ?? DEFAULT_MAX_WINDOWS)
  if (windows === 0 || windows > most) {
    throw wrong(
      `Too big range or too small emit interval. Make sure 'range / emit_interval' is less or equal to ${most}`,
    )
  }
  const [slide, size] = sameUnit(period, interval)
  return {
    ...recent,
    from: hop(from, onProctime ? call('now64', number(3), text('UTC')) : column('_tp_time'), slide, size),
    groupBy: [...(select.groupBy ?? []), column('window_end')],
    emit: Object.keys(without).some((key) => key !== 'span') ? without : undefined,
  }
}

function hop(from: TableExpr, time: Expr, slide: Expr, size: Expr): TableFunction {
  const { alias, ...source } = from as Exclude<TableArg['table'], undefined>
  return {
    kind: 'table_function',
    name: 'hop',
    args: [{ kind: 'table_arg', table: source as TableArg['table'] }, time, slide, size],
    ...(alias === undefined ? {} : { alias }),
  }
}

function withRecent(where: Expr | undefined, last: Expr): Expr {
  const since: Expr = { kind: 'binary', op: '-', left: call('now64', number(3), text('UTC')), right: last }
  const recent: Expr = { kind: 'binary', op: '>=', left: column('_tp_time'), right: since }
  return where ? { kind: 'binary', op: 'and', left: where, right: recent } : recent
}

function intervalOf(expr: Expr): IntervalLiteral {
  if (expr.kind === 'interval') return expr
  throw wrong('Invalid EMIT LAST interval')
}

/** Seconds and months: what intervals of each unit are multiples of. */
const SIZES: Record<string, [scale: 'second' | 'month', units: number]> = {
  nanosecond: ['second', 1e-9],
  microsecond: ['second', 1e-6],
  millisecond: ['second', 1e-3],
  second: ['second', 1],
  minute: ['second', 60],
  hour: ['second', 3600],
  day: ['second', 86_400],
  week: ['second', 604_800],
  month: ['month', 1],
  quarter: ['month', 3],
  year: ['month', 12],
}

function length({ value, unit }: IntervalLiteral): number {
  const literal = value.kind === 'unary' ? value.expr : value
  if (literal.kind !== 'literal' || literal.type !== 'number') throw wrong('Invalid EMIT LAST interval')
  return Math.abs(Number(literal.text)) * SIZES[unit]![1]
}

function sameScale(what: string, one: IntervalLiteral, last: IntervalLiteral): void {
  if (SIZES[one.unit]![0] === SIZES[last.unit]![0]) return
  throw wrong(`Cannot convert between ${what} interval '${one.unit}' and last interval '${last.unit}'`)
}

/** Windows and their slide are written in one unit. */
function sameUnit(period: IntervalLiteral, last: IntervalLiteral): [IntervalLiteral, IntervalLiteral] {
  if (period.unit === last.unit) return [period, last]
  const [scale] = SIZES[period.unit]!
  if (scale === 'month') return [inUnit(period, 'month', 1), inUnit(last, 'month', 1)]
  const fine = !Number.isInteger(length(period)) || !Number.isInteger(length(last))
  const unit = fine ? 'millisecond' : 'second'
  return [inUnit(period, unit, fine ? 1000 : 1), inUnit(last, unit, fine ? 1000 : 1)]
}

function inUnit(interval: IntervalLiteral, unit: IntervalLiteral['unit'], perSize: number): IntervalLiteral {
  return { kind: 'interval', value: number(Math.round(length(interval) * perSize)), unit }
}

function seconds(count: number): IntervalLiteral {
  return { kind: 'interval', value: number(count), unit: 'second' }
}

function call(name: string, ...args: Expr[]): Expr {
  return { kind: 'call', name, args }
}

function text(value: string): Expr {
  return { kind: 'literal', type: 'string', value }
}

function wrong(message: string): EngineError {
  return new EngineError('SYNTAX_ERROR', message)
}
