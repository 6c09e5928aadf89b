import type { Expr, FunctionCall, IntervalUnit } from '../../../dialect/ast.js'
import {
  isAggregateFunction,
  parseType,
  toClickHouseFunction,
  toClickHouseType,
} from '../../../dialect/index.js'
import { quoteString } from '../../chdb/pool.js'
import { EngineError, PROTON_VERSION } from '../../errors.js'
import { isArray } from './arrays.js'
import { elementText, exprText, intervalText, type Mode } from './expression.js'
import { jsonArrayText, jsonPathText, parseJsonPath } from './json.js'
import { randomInTypeText } from './random_in_type.js'
import type { Scope } from './scope.js'

type Writer = (args: Expr[], scope: Scope, mode: Mode) => string

/** Functions whose call is written differently in the store than name by name. */
export const SPECIAL: Record<string, Writer> = {
  // ---- casts and types
  cast: castText(''),
  _cast: castText(''),
  accurate_cast: castText('accurateCast'),
  accurate_cast_or_null: castText('accurateCastOrNull'),
  accurate_cast_or_default: castText('accurateCastOrDefault'),
  json_extract: (args, scope) => {
    const texts = args.map((arg) => exprText(arg, scope))
    const type = stringLiteral(args.at(-1))
    if (args.length < 2 || type === undefined)
      throw wrongCount('json_extract', args.length, 'at least 2, the last a type')
    return `JSONExtract(${[...texts.slice(0, -1), storeType(type)].join(', ')})`
  },
  default_value_of_type_name: (args) => `defaultValueOfTypeName(${storeType(stringLiteral(args[0]) ?? '')})`,
  to_type_name: (args, scope) => typeNameText(`toTypeName(${one('to_type_name', args, scope)})`),
  to_time: (args, scope) => {
    const [value, zone, fallback] = texts(args, scope)
    if (value === undefined) throw wrongCount('to_time', 0, '1 to 3')
    if (fallback !== undefined) {
      return `ifNull(parseDateTime64BestEffortUSOrNull(${value}, 3, ${zone}), ${fallback})`
    }
    return `parseDateTime64BestEffortUSOrZero(${[value, '3', ...(zone ? [zone] : [])].join(', ')})`
  },

  monotonic: (args, scope) => {
    const start = args[0]
    if (args.length !== 1 || start?.kind !== 'literal')
      throw new EngineError('BAD_ARGUMENTS', 'Function monotonic requires constant argument')
    return `toInt64(${exprText(start, scope)} + rowNumberInAllBlocks())`
  },

  // ---- JSON text
  json_value: (args, scope) => {
    const path = parseJsonPath(stringLiteral(args[1]) ?? '')
    const [json, given] = texts(args, scope)
    if (json === undefined || given === undefined) throw wrongCount('json_value', args.length, '2')
    return path ? jsonPathText(json, path) : `JSON_VALUE(${json}, ${given})`
  },
  json_values: (args, scope) => {
    const [json, ...paths] = args
    if (!json || paths.length === 0) throw wrongCount('json_values', args.length, 'at least 2')
    return `[${paths.map((path) => SPECIAL.json_value!([json, path], scope, 'value')).join(', ')}]`
  },
  json_extract_array: (args, scope) => jsonArrayText(texts(args, scope).join(', ')),
  array_element: (args, scope) => {
    const [array, index] = args
    if (!array || args.length > 2) throw wrongCount('array_element', args.length, '1 or 2')
    return elementText(array, index, scope)
  },

  // ---- time
  earliest_ts: () => "toDateTime64('1970-01-01 00:00:00', 3, 'UTC')",
  earliest_timestamp: () => "toDateTime64('1970-01-01 00:00:00', 3, 'UTC')",
  date_add: shiftText('+'),
  timestamp_add: shiftText('+'),
  date_sub: shiftText('-'),
  timestamp_sub: shiftText('-'),
  date_diff: differenceText,
  timestamp_diff: differenceText,
  date_trunc: (args, scope) => {
    const unit = unitOf(args[0])
    if (!unit || args.length < 2 || args.length > 3)
      throw wrongCount('date_trunc', args.length, '2 or 3, the first a unit')
    const [value, ...zone] = texts(args.slice(1), scope)
    return `toStartOfInterval(${[value, intervalText('1', unit), ...zone].join(', ')})`
  },
  date_diff_within: (args, scope) => {
    const [range, left, right] = texts(args, scope)
    if (right === undefined) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'date_diff_within needs both time columns here: date_diff_within(2m, l.ts, r.ts)',
      )
    }
    return `${left} >= ${right} - ${range} AND ${left} <= ${right} + ${range}`
  },
  // Aligns the two sides of a streaming join in time; bounded sides are complete anyway.
  lag_behind: () => '1',

  // ---- constructors
  map_cast: (args, scope) =>
    args.length === 2 && args.every((arg) => isArray(arg, scope.definitions))
      ? `mapFromArrays(${texts(args, scope).join(', ')})`
      : `map(${texts(args, scope).join(', ')})`,
  array_cast: (args, scope) => `array(${texts(args, scope).join(', ')})`,
  tuple_cast: (args, scope) => `tuple(${texts(args, scope).join(', ')})`,

  // ---- dictionaries
  dict_get: (args, scope) => dictionaryCall('dictGet', args, scope),
  dict_get_or_default: (args, scope) => dictionaryCall('dictGetOrDefault', args, scope),
  dict_get_or_null: (args, scope) => dictionaryCall('dictGetOrNull', args, scope),
  dict_has: (args, scope) => dictionaryCall('dictHas', args, scope),

  // ---- about the server
  version: () => quoteString(PROTON_VERSION),
  edition: () => "'embedded'",
  database: (_args, scope) => quoteString(scope.env.database ?? 'default'),
  current_database: (_args, scope) => quoteString(scope.env.database ?? 'default'),
  user: (_args, scope) => quoteString(scope.env.user ?? 'default'),
  current_user: (_args, scope) => quoteString(scope.env.user ?? 'default'),
  emit_version: (_args, { env }) => {
    if (env.emitVersion) return `toInt64(${env.emitVersion()})`
    throw new EngineError('UNSUPPORTED', 'emit_version() shall be only used in streaming query')
  },

  array_reduce: (args, scope) => {
    const name = stringLiteral(args[0])
    if (name === undefined || args.length < 2)
      throw wrongCount('array_reduce', args.length, 'at least 2, the first an aggregate function')
    return `arrayReduce(${[quoteString(reducerName(name)), ...texts(args.slice(1), scope)].join(', ')})`
  },

  json_cast: (args, scope) => `CAST(${one('json_cast', args, scope)}, 'JSON')`,

  // Proton hashes a key column with CRC32; the store has no such function. Any 32-bit hash shards as evenly,
  // and no result depends on which shard a row is in.
  weak_hash32: (args, scope) => `toUInt32(cityHash64(${texts(args, scope).join(', ')}))`,

  random_in_type: randomInTypeText,
}

/** `'quantile(0.9)'` → the store's spelling of the function, its parameters unchanged. Throws 63. */
function reducerName(text: string): string {
  const match = /^(\w+)(\([\d\s.,]*\))?$/.exec(text)
  const store = match && isAggregateFunction(match[1]!) ? toClickHouseFunction(match[1]!) : undefined
  if (store === undefined)
    throw new EngineError('UNKNOWN_AGGREGATE_FUNCTION', `Unknown aggregate function ${text}`)
  return store + (match![2] ?? '')
}

function texts(args: Expr[], scope: Scope): string[] {
  return args.map((arg) => exprText(arg, scope))
}

function one(name: string, args: Expr[], scope: Scope): string {
  if (args.length !== 1) throw wrongCount(name, args.length, '1')
  return exprText(args[0]!, scope)
}

function wrongCount(name: string, passed: number, needs: string): EngineError {
  return new EngineError(
    'NUMBER_OF_ARGUMENTS_DOESNT_MATCH',
    `Number of arguments for function ${name} doesn't match: passed ${passed}, should be ${needs}`,
  )
}

function stringLiteral(expr: Expr | undefined): string | undefined {
  return expr?.kind === 'literal' && expr.type === 'string' ? expr.value : undefined
}

/** A Proton type given as text → the store's, quoted. Throws 50. */
function storeType(text: string): string {
  return quoteString(toClickHouseType(parseType(text)))
}

function castText(store: string): Writer {
  return (args, scope) => {
    const [value, type, ...rest] = args
    const name = stringLiteral(type)
    if (!value || !type || (rest.length > 0 && store !== 'accurateCastOrDefault')) {
      throw wrongCount('cast', args.length, '2')
    }
    if (name === undefined) {
      throw new EngineError(
        'ILLEGAL_TYPE_OF_ARGUMENT',
        'Second argument to cast must be a constant string describing type',
      )
    }
    const all = [exprText(value, scope), storeType(name), ...texts(rest, scope)].join(', ')
    return `${store === '' ? 'CAST' : store}(${all})`
  }
}

const UNITS = new Map<string, IntervalUnit>(
  (
    [
      'nanosecond',
      'microsecond',
      'millisecond',
      'second',
      'minute',
      'hour',
      'day',
      'week',
      'month',
      'quarter',
      'year',
    ] as const
  ).flatMap((unit): [string, IntervalUnit][] => [
    [unit, unit],
    [`${unit}s`, unit],
  ]),
)
for (const [short, unit] of Object.entries({
  ns: 'nanosecond',
  us: 'microsecond',
  ms: 'millisecond',
  ss: 'second',
  s: 'second',
  mi: 'minute',
  n: 'minute',
  hh: 'hour',
  h: 'hour',
  dd: 'day',
  d: 'day',
  wk: 'week',
  ww: 'week',
  mm: 'month',
  m: 'month',
  qq: 'quarter',
  q: 'quarter',
  yyyy: 'year',
  yy: 'year',
} as const)) {
  UNITS.set(short, unit)
}

/** `second`, `'second'`, `ss`. */
function unitOf(expr: Expr | undefined): IntervalUnit | undefined {
  if (expr?.kind === 'column' && expr.path.length === 1) return UNITS.get(expr.path[0]!.toLowerCase())
  const text = stringLiteral(expr)
  return text === undefined ? undefined : UNITS.get(text.toLowerCase())
}

const UNIT_FUNCTIONS = /^(?:date|timestamp)_(?:add|sub|diff)$/i

/** `date_diff(hour, a, b)`: the bare unit is no column. The call with the unit as text. */
export function withUnitAsText(call: FunctionCall): FunctionCall {
  const unit = UNIT_FUNCTIONS.test(call.name) && call.args.length >= 3 ? unitOf(call.args[0]) : undefined
  if (!unit || call.args[0]?.kind !== 'column') return call
  return { ...call, args: [{ kind: 'literal', type: 'string', value: unit }, ...call.args.slice(1)] }
}

/** `date_add(unit, n, t)`, `date_add(t, interval)`. */
function shiftText(sign: '+' | '-'): Writer {
  return (args, scope) => {
    if (args.length === 3) {
      const unit = unitOf(args[0])
      if (!unit)
        throw new EngineError('BAD_ARGUMENTS', 'date_add and date_sub take a unit, a number and a time')
      return `(${exprText(args[2]!, scope)} ${sign} ${intervalText(exprText(args[1]!, scope), unit)})`
    }
    if (args.length !== 2) throw wrongCount(sign === '+' ? 'date_add' : 'date_sub', args.length, '2 or 3')
    const [first, second] = texts(args, scope)
    return args[0]!.kind === 'interval' ? `(${second} ${sign} ${first})` : `(${first} ${sign} ${second})`
  }
}

function differenceText(args: Expr[], scope: Scope): string {
  const unit = unitOf(args[0])
  if (!unit || args.length < 3 || args.length > 4)
    throw wrongCount('date_diff', args.length, '3 or 4, the first a unit')
  return `dateDiff(${[quoteString(unit), ...texts(args.slice(1), scope)].join(', ')})`
}

/**
 * The store's type name in Proton's spelling, computed in the store (types are known there only; the whole
 * is a constant): one line, `_` inside compound names, lower case outside quotes.
 */
function typeNameText(name: string): string {
  const flat = `replaceRegexpAll(replaceRegexpAll(${name}, ',\\\\n\\\\s*', ', '), '\\\\n\\\\s*', '')`
  const parted = `replaceRegexpAll(${flat}, '(Low|Fixed|Simple|Aggregate|Multi|Interval)\\\\B', '\\\\1_')`
  const pieces = `splitByChar('\\'', ${parted})`
  const lowered = 'arrayMap((_p, _i) -> if(_i % 2 = 1, lower(_p), _p), _t, arrayEnumerate(_t))'
  return `arrayElement(arrayMap(_t -> arrayStringConcat(${lowered}, '\\''), [${pieces}]), 1)`
}

/** The dictionary's name is a literal: what a query reads must not depend on its rows. */
function dictionaryCall(name: string, args: Expr[], scope: Scope): string {
  const dictionary = stringLiteral(args[0])
  if (dictionary === undefined || !scope.env.dictionary) {
    throw new EngineError('BAD_ARGUMENTS', `${name}: the name of a dictionary is expected as a string`)
  }
  return `${name}(${[quoteString(scope.env.dictionary(dictionary)), ...texts(args.slice(1), scope)].join(', ')})`
}
