import type { Expr } from '../../../dialect/ast.js'
import { printExpr } from '../../../dialect/index.js'
import { EngineError } from '../../errors.js'
import { type Base, type BaseBuilder, wrongCount } from './aggregates.js'
import { crc32cText } from './crc32c.js'

/** Counters kept per asked-for value where the call says nothing (createAggregateFunctionTopK). */
const LOAD_FACTOR = 1000
const MAX_SIZE = 0xffffff
/** Proton counts with this many counters or fewer as it does, else exactly: no approximation is worth its cost. */
const FEW_COUNTERS = 1000
/** Bytes of keys that top_k_exact may hold. */
const EXACT_BYTES = 100 * 1024 * 1024

interface Options {
  k: number
  counts: boolean
  /** Load factor, or bytes with top_k_exact. */
  room: number | undefined
}

/** `top_k(x[, weight], k[, with_count = true[, load_factor]])` → `[(x, count), …]`, or `[x, …]` without the counts. */
export const topK: BaseBuilder = (args, given, scope, name, call) => {
  const columns = name.endsWith('_weighted') ? 2 : 1
  const written = given.length > 0 ? call.parameters! : call.args.slice(columns, args.length)
  if (given.length === 0 && (written.length < 1 || written.length > 3))
    throw wrongCount(name, columns === 2 ? '3 to 5' : '2 to 4')
  const options = optionsOf(written, name)
  const value = args[0]!
  const weight = columns === 2 ? `toUInt64(${args[1]})` : 'toUInt64(1)'
  const arrival = scope.arrival ?? 'rowNumberInAllBlocks()'
  const exact = name.startsWith('top_k_exact')
  if (!exact) {
    const counters = options.k * (options.room ?? LOAD_FACTOR)
    if (counters > MAX_SIZE)
      throw outOfBound(`Too large parameter(s) for aggregate function '${name}' (maximum is ${MAX_SIZE})`)
    if (counters < FEW_COUNTERS) return spaceSaving(value, weight, arrival, counters, options)
  }
  return exactCounts(value, weight, arrival, exact ? (options.room ?? EXACT_BYTES) : undefined, options)
}

function optionsOf(written: Expr[], name: string): Options {
  const [k, withCount, room] = written.map((expr) => {
    const value = constant(expr)
    if (value === undefined || !Number.isSafeInteger(value) || value < 0)
      throw new EngineError(
        'BAD_ARGUMENTS',
        `Parameter ${printExpr(expr)} of aggregate function ${name} is no number`,
      )
    return value
  })
  if (k === 0) throw outOfBound(`Parameter 0 is illegal for aggregate function '${name}'`)
  return { k: k ?? 10, counts: withCount !== 0, room }
}

/** The value of a number, of `true` or `false`, and of sums and products of such. */
function constant(expr: Expr): number | undefined {
  if (expr.kind === 'literal') {
    if (expr.type === 'bool') return Number(expr.value)
    return expr.type === 'number' ? Number(expr.text) : undefined
  }
  if (expr.kind !== 'binary') return undefined
  const [left, right] = [constant(expr.left), constant(expr.right)]
  if (left === undefined || right === undefined) return undefined
  if (expr.op === '*') return left * right
  if (expr.op === '+') return left + right
  return expr.op === '-' ? left - right : undefined
}

function outOfBound(message: string): EngineError {
  return new EngineError('ARGUMENT_OUT_OF_BOUND', message)
}

/**
 * Values ranked by their count and, where counts are equal, by when they reached it: the one that was there
 * first stands first, as in Proton's list of counters. Count and last arrival are kept by the value's hash,
 * for the store can key a map by few types only.
 */
function exactCounts(
  value: string,
  weight: string,
  arrival: string,
  bytes: number | undefined,
  options: Options,
): Base {
  const hash = (x: string) => `ifNull(sipHash64(${x}), 0)`
  const key = `if(isNull(${value}), [], [${hash(value)}])`
  const once = (x: string) => `if(isNull(${value}), [], [${x}])`
  return {
    name: 'groupUniqArray',
    parameters: [],
    args: [value],
    others: [
      // The second sum is never 0: the store drops keys whose sums all are.
      { name: 'sumMap', parameters: [], args: [key, once(weight), once('toUInt64(1)')] },
      { name: 'maxMap', parameters: [], args: [key, once(`toInt64(${arrival})`)] },
    ],
    finish: (r) => {
      // Both maps come in the order of their keys.
      const values = `arraySort(_v -> ${hash('_v')}, ${r}.1)`
      const counted = `arrayMap((_v, _c, _a) -> (_v, _c, _a), ${values}, ${r}.2.2, ${r}.3.2)`
      const ranked = `arraySlice(arraySort(_t -> (-toInt64(_t.2), _t.3), ${counted}), 1, ${options.k})`
      const bounded =
        bytes === undefined
          ? ranked
          : `if(throwIf(arraySum(_v -> byteSize(_v), ${r}.1) > ${bytes}, '<69> ${FULL}') = 0, ${ranked}, [])`
      return shown(bounded, options)
    },
  }
}

const FULL = 'top_k_exact reached maximum memory'

/** What the store may use for a query that counts exactly: its maps are this much larger than the keys in them. */
export function exactCountMemory(sql: string): number | undefined {
  const limits = [...sql.matchAll(new RegExp(`> (\\d+), '<69> ${FULL}'`, 'g'))].map((match) =>
    Number(match[1]),
  )
  return limits.length === 0 ? undefined : BASE_MEMORY + Math.min(MAX_MAPS, Math.max(...limits) * MAP_FACTOR)
}

/** A query that ran out of that memory. */
export function exactCountFull(message: string, sql: string): EngineError | undefined {
  return /\bCode: 241\b/.test(message) && exactCountMemory(sql) !== undefined ? outOfBound(FULL) : undefined
}

const MAP_FACTOR = 48
const MAX_MAPS = 2 ** 28
const BASE_MEMORY = 2 ** 26

function shown(ranked: string, { counts }: Options): string {
  return counts ? `arrayMap(_t -> (_t.1, _t.2), ${ranked})` : `arrayMap(_t -> _t.1, ${ranked})`
}

/**
 * The counters of Proton's SpaceSaving, value by value in the order of arrival: a new value takes the place of
 * the least counted one, and inherits its count, once values of its hash have been seen that often.
 */
function spaceSaving(
  value: string,
  weight: string,
  arrival: string,
  counters: number,
  options: Options,
): Base {
  const slots = 2 ** Math.floor(Math.log2(counters * 6) + 1)
  const none = 'toUInt64(0)'
  const seen = '_v.2'
  const slot = '_v.3'
  const counter = (count: string, error: string) => `(_v.1, ${count}, ${error}, ${slot})`
  const at = (alphas: string) => `${alphas}[${slot} + 1]`
  const step = bind(
    { _i: 'indexOf(arrayMap(_e -> _e.1, _s.1), _v.1)', _a: at('_s.2'), _min: '_s.1[-1]' },
    `multiIf(${[
      '_i > 0',
      `(${placed('_s.1', '_i', counter(`_s.1[_i].2 + ${seen}`, '_s.1[_i].3'))}, _s.2)`,
      `length(_s.1) < ${counters}`,
      `(${placed('_s.1', '0', counter(seen, none))}, _s.2)`,
      `${seen} > _min.2`,
      `(${placed('_s.1', 'length(_s.1)', counter(seen, none))}, _s.2)`,
      `_a + ${seen} < _min.2`,
      `(_s.1, ${replaced('_s.2', slot, `_a + ${seen}`)})`,
      bind(
        { _b: replaced('_s.2', '_min.4', '_min.2') },
        `(${placed('_s.1', 'length(_s.1)', counter(`${at('_b')} + ${seen}`, at('_b')))}, _b)`,
      ),
    ].join(', ')})`,
  )
  return {
    name: 'groupArray',
    parameters: [],
    args: [`(${arrival}, ${value}, ${weight})`],
    finish: (r) => {
      const rows = `arraySort(_t -> _t.1, arrayFilter(_t -> isNotNull(_t.2), ${r}))`
      const input = `arrayMap(_t -> (assumeNotNull(_t.2), _t.3, ${slotText('assumeNotNull(_t.2)', slots)}), ${rows})`
      const empty = `arrayMap(_t -> (_t.1, ${none}, ${none}, _t.3), arrayFilter(_t -> 0, _in))`
      const start = `(${empty}, arrayResize([${none}], ${slots}, ${none}))`
      const list = bind({ _in: input }, `arrayFold((_s, _v) -> ${step}, _in, ${start})`)
      return shown(`arraySlice(${list}.1, 1, ${options.k})`, options)
    },
  }
}

/** An expression over others that are computed once and named. */
function bind(names: Record<string, string>, body: string): string {
  return Object.entries(names).reduceRight(
    (inner, [name, value]) => `arrayElement(arrayMap(${name} -> ${inner}, [${value}]), 1)`,
    body,
  )
}

/** The list without its element `index` (0: none), with `counter` behind all that are not less. */
function placed(list: string, index: string, counter: string): string {
  const notLess = '_e.2 > _c.2 OR (_e.2 = _c.2 AND _e.3 <= _c.3)'
  return bind(
    { _c: counter, _l: `arrayFilter((_e, _n) -> _n != ${index}, ${list}, arrayEnumerate(${list}))` },
    bind(
      { _p: `arrayCount(_e -> ${notLess}, _l)` },
      'arrayConcat(arraySlice(_l, 1, _p), [_c], arraySlice(_l, _p + 1))',
    ),
  )
}

function replaced(list: string, slot: string, value: string): string {
  return `arrayMap((_e, _n) -> if(_n = ${slot} + 1, ${value}, _e), ${list}, arrayEnumerate(${list}))`
}

/** An integer's hash as Proton has it; of any other value some hash. */
function slotText(value: string, slots: number): string {
  const width = `if(byteSize(${value}) < 8, bitShiftLeft(toUInt64(1), 8 * byteSize(${value})) - 1, toUInt64(18446744073709551615))`
  const word = `bitAnd(reinterpretAsUInt64(toInt64OrZero(toString(${value}))), ${width})`
  const crc = bind({ _w: word }, crc32cText('_w'))
  const hash = `if(match(toString(${value}), '^-?[0-9]+$'), toUInt64(${crc}), sipHash64(${value}))`
  return `toUInt32(bitAnd(${hash}, ${slots - 1}))`
}
