import type { Expr, IntervalLiteral, TableArg, TableFunction } from '../../dialect/ast.js'
import { fromClickHouseType, printType } from '../../dialect/index.js'
import { quoteString } from '../chdb/pool.js'
import type { Relation } from '../contracts.js'
import { EngineError } from '../errors.js'
import type { TranslateEnv } from './translate/env.js'
import { translateExpr } from './translate/index.js'

/** What `tumble(src, [ts,] size [, tz])`, `hop(src, [ts,] slide, size [, tz])` say. */
export interface WindowArguments {
  source: TableArg
  /** `_tp_time` where none is written. */
  time: Expr
  /** In the order written. */
  intervals: IntervalLiteral[]
  timezone?: string
}

/** Reads the arguments of a window function. Throws 36. */
export function windowArguments(table: TableFunction): WindowArguments {
  const [source, ...rest] = table.args
  if (source?.kind !== 'table_arg') {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Table function ${table.name} needs a stream as its first argument`,
    )
  }
  let time: Expr = { kind: 'column', path: ['_tp_time'] }
  let timezone: string | undefined
  const intervals: IntervalLiteral[] = []
  for (const [i, arg] of rest.entries()) {
    if (arg.kind === 'table_arg' || arg.kind === 'session_range') continue
    if (arg.kind === 'interval') intervals.push(arg)
    else if (arg.kind === 'literal' && arg.type === 'string') timezone = arg.value
    else if (i === 0) time = arg
    else
      throw new EngineError(
        'BAD_ARGUMENTS',
        `Table function ${table.name}: an interval such as 5s is expected as argument ${i + 2}`,
      )
  }
  const wanted = table.name.toLowerCase() === 'hop' ? 2 : 1
  if (intervals.length < wanted) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Table function ${table.name} needs ${wanted === 2 ? 'a slide and a size' : 'a size'} such as 5s`,
    )
  }
  return { source, time, intervals, timezone }
}

/** Digits of a second that an interval's unit needs in the time. */
const DIGITS: Record<string, number> = { millisecond: 3, microsecond: 6, nanosecond: 9 }

/** Throws 43 for a time column that is none, 36 for intervals finer than it. Types are the store's. */
export function checkWindowTime(name: string, chType: string, window: WindowArguments): void {
  const match = /^(?:Nullable\()?DateTime(?:64\((\d))?/.exec(chType)
  if (!match) {
    throw new EngineError(
      'ILLEGAL_TYPE_OF_ARGUMENT',
      `Illegal type ${printType(fromClickHouseType(chType))} of the time column of function ${name}. Should be datetime or datetime64`,
    )
  }
  const scale = Number(match[1] ?? 0)
  const fine = window.intervals.find((interval) => (DIGITS[interval.unit] ?? 0) > scale)
  if (fine) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Illegal interval kind ${fine.unit} for function ${name}: the time column has ${scale} digits of a second`,
    )
  }
}

/** The rows of a relation, each with the `window_start` and `window_end` of its tumbling window, of the time's type. */
export function tumbleRelation(relation: Relation, window: WindowArguments, env: TranslateEnv): Relation {
  const time = translateExpr(window.time, env)
  const size = translateExpr(window.intervals[0]!, env)
  const zone = window.timezone === undefined ? '' : `, ${quoteString(window.timezone)}`
  // toStartOfInterval gives DateTime for whole seconds; a window's bounds have the type of the time.
  const start = `CAST(toStartOfInterval(${time}, ${size}${zone}), toTypeName(${time}))`
  // Of a window over windows the inner bounds give way to the outer ones, which may be computed from them.
  const inner = `(SELECT *, ${start} AS _window FROM ${relation.sql})`
  const outer = `* EXCEPT (window_start, window_end, _window), _window AS window_start, _window + ${size} AS window_end`
  return {
    sql: `(SELECT ${outer} FROM ${inner})`,
    columns: [...relation.columns.filter((c) => !BOUNDS.includes(c)), ...BOUNDS],
    strings: relation.strings,
  }
}

const BOUNDS = ['window_start', 'window_end']

/** `dedup(src, key…[, ttl][, limit])` over bounded rows: the first row per key, by arrival where that is known. */
export function dedupRelation(
  relation: Relation,
  table: TableFunction,
  env: TranslateEnv,
  arrival: string | undefined,
): Relation {
  const keys: string[] = []
  for (const arg of table.args.slice(1)) {
    if (arg.kind === 'table_arg' || arg.kind === 'session_range') continue
    // The time to live and the number of keys bound the memory of an unbounded query only.
    if (arg.kind === 'interval' || (arg.kind === 'literal' && arg.type === 'number')) continue
    keys.push(translateExpr(arg, env))
  }
  if (keys.length === 0)
    throw new EngineError('BAD_ARGUMENTS', 'Table function dedup needs at least one column')
  const order = arrival === undefined ? '' : ` ORDER BY ${arrival}`
  return {
    sql: `(SELECT * FROM ${relation.sql}${order} LIMIT 1 BY ${keys.join(', ')})`,
    columns: relation.columns,
    strings: relation.strings,
  }
}
