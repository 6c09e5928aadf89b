import type { Expr, FunctionCall } from '../../../dialect/ast.js'
import { isAggregateFunction, toClickHouseFunction } from '../../../dialect/index.js'
import type { CallTarget } from '../../contracts.js'
import { EngineError } from '../../errors.js'
import { exprText } from './expression.js'
import type { Scope } from './scope.js'
import { topK } from './top_k.js'
import { aggregateArguments } from './udf.js'

interface AggregatePart {
  /** The store's name with combinators, without State and Merge. */
  name: string
  parameters: string[]
  args: string[]
}

/**
 * Every aggregate of Proton as an aggregate function of the store (a few need several) and, where they differ,
 * an expression over its result. So the same model writes a one-shot query (`finish(f(args))`), a partial (`fState(args)`) and
 * its end (`finish(fMerge(state))`).
 */
export interface AggregateModel extends AggregatePart {
  /** Further functions over the same rows; `finish` is then given a tuple of all results. */
  others?: AggregatePart[]
  finish(result: string): string
  /** The call asks for a state itself (`sum_state`): its result is one. */
  givesState: boolean
}

/** Suffixes of Proton's aggregate functions, longest first, with the arguments each takes from the end. */
const COMBINATORS: [suffix: string, store: string, args: number][] = [
  ['_distinct_streaming', 'Distinct', 0],
  ['_simple_state', 'SimpleState', 0],
  ['_or_default', 'OrDefault', 0],
  ['_for_each', 'ForEach', 0],
  ['_distinct', 'Distinct', 0],
  ['_resample', 'Resample', 1],
  ['_or_null', 'OrNull', 0],
  ['_array', 'Array', 0],
  ['_merge', 'Merge', 0],
  ['_state', 'State', 0],
  ['_null', 'Null', 0],
  ['_map', 'Map', 0],
  ['_if', 'If', 1],
]

interface SplitName {
  base: string
  /** Innermost first: `sum_distinct_if` → Distinct, If. */
  combinators: (typeof COMBINATORS)[number][]
}

/** `quantile_exact_if` → quantile_exact + If. Undefined for what is no aggregate function. */
function splitName(name: string, scope: Scope): SplitName | undefined {
  if (isBase(name, scope)) return { base: name, combinators: [] }
  for (const combinator of COMBINATORS) {
    const [suffix] = combinator
    if (!name.endsWith(suffix)) continue
    const inner = splitName(name.slice(0, -suffix.length), scope)
    if (inner) return { base: inner.base, combinators: [...inner.combinators, combinator] }
  }
  return undefined
}

function isBase(name: string, scope: Scope): boolean {
  if (scope.env.lookup(name)?.kind === 'aggregate' || name in BASES) return true
  if (!isAggregateFunction(name)) return false
  return !COMBINATORS.some(
    ([suffix]) => name.endsWith(suffix) && isBase(name.slice(0, -suffix.length), scope),
  )
}

function isAggregateName(name: string, scope: Scope): boolean {
  return splitName(name.toLowerCase(), scope) !== undefined || splitName(name, scope) !== undefined
}

/** Whether the call is an aggregation of the query around it (and no window function). */
export function isAggregateCall(expr: Expr, scope: Scope): expr is FunctionCall {
  return expr.kind === 'call' && expr.over === undefined && isAggregateName(expr.name, scope)
}

export interface Base extends AggregatePart {
  others?: AggregatePart[]
  finish?(result: string): string
}

export type BaseBuilder = (
  args: string[],
  given: string[],
  scope: Scope,
  name: string,
  call: FunctionCall,
) => Base

const QUANTILE = /^(?:quantiles?|median)(?:_|$)/

export function wrongCount(name: string, needs: string): EngineError {
  return new EngineError(
    'NUMBER_OF_ARGUMENTS_DOESNT_MATCH',
    `Aggregate function ${name} requires ${needs} arguments`,
  )
}

/** Where an order of arrival is known, the value at its end; else whichever the store reads first or last. */
function byArrival(plain: string, ordered: string): BaseBuilder {
  return (args, _given, scope) =>
    scope.arrival === undefined
      ? { name: plain, parameters: [], args }
      : { name: ordered, parameters: [], args: [...args, scope.arrival] }
}

/** `min_k(x, k[, context…])` → the k smallest, ascending; with context `[(x, context…), …]`. */
function extremes(smallest: boolean): BaseBuilder {
  return (written, given, _scope, name, call) => {
    if (given.length === 0 && written.length < 2) throw wrongCount(name, 'at least two')
    const k = given[0] ?? written[1]!
    const context = given.length > 0 ? written.slice(1) : written.slice(2)
    // A tuple counts as one column of a row: each of the answers is a row.
    const alone = call.args[0]?.kind === 'tuple' && context.length === 0
    const args = alone ? [`tuple(${written[0]})`, ...written.slice(1)] : written
    // Of equal values the ones that came first count.
    const best = (r: string, value: string) =>
      smallest
        ? `arraySlice(arraySort((_t, _n) -> (${value}, _n), ${r}, arrayEnumerate(${r})), 1, ${k})`
        : `arraySlice(arrayReverseSort((_t, _n) -> (${value}, -_n), ${r}, arrayEnumerate(${r})), 1, ${k})`
    // The one case for which the store keeps no more than k values; the others keep all.
    if (smallest && context.length === 0)
      return { name: 'groupArraySorted', parameters: [k], args: [args[0]!] }
    if (context.length === 0) {
      return {
        name: 'groupArray',
        parameters: [],
        args: [args[0]!],
        finish: (r) => `arraySlice(arrayReverseSort(${r}), 1, ${k})`,
      }
    }
    return {
      name: 'groupArray',
      parameters: [],
      args: [`tuple(${[args[0]!, ...context].join(', ')})`],
      finish: (r) => best(r, '_t.1'),
    }
  }
}

/** The first `columns` arguments stay, the rest are parameters: `quantile(x, 0.9)` → `quantile(0.9)(x)`. */
function trailingParameters(store: string, columns: number): BaseBuilder {
  return (args, given) => ({
    name: store,
    parameters: given.length > 0 ? given : args.slice(columns),
    args: args.slice(0, columns),
  })
}

function leadingParameters(store: string, parameters: number): BaseBuilder {
  return (args, given) =>
    given.length > 0
      ? { name: store, parameters: given, args }
      : { name: store, parameters: args.slice(0, parameters), args: args.slice(parameters) }
}

const groupArray: BaseBuilder = (args, given, scope) => {
  const limit = given[0] ?? args[1]
  const parameters = limit === undefined ? [] : [limit]
  if (scope.arrival === undefined) return { name: 'groupArray', parameters, args: args.slice(0, 1) }
  const sorted = (r: string) =>
    `arrayMap(_t -> assumeNotNull(_t.2), arrayFilter(_t -> isNotNull(_t.2), arraySort(_t -> _t.1, ${r})))`
  return {
    name: 'groupArray',
    parameters: [],
    args: [`tuple(${scope.arrival}, ${args[0]})`],
    finish: (r) => (limit === undefined ? sorted(r) : `arraySlice(${sorted(r)}, 1, ${limit})`),
  }
}

const percentile = (level: string): BaseBuilder => {
  return (args) => ({ name: 'quantile', parameters: [level], args })
}

const countDistinct: BaseBuilder = (args) => ({ name: 'uniqExact', parameters: [], args })

/** Aggregates whose call is written differently here and there. All others keep their arguments. */
const BASES: Record<string, BaseBuilder> = {
  earliest: byArrival('any', 'argMin'),
  first_value: byArrival('any', 'argMin'),
  latest: byArrival('anyLast', 'argMax'),
  last_value: byArrival('anyLast', 'argMax'),
  top_k: topK,
  top_k_weighted: topK,
  top_k_exact: topK,
  top_k_exact_weighted: topK,
  min_k: extremes(true),
  max_k: extremes(false),
  group_array: groupArray,
  group_uniq_array: trailingParameters('groupUniqArray', 1),
  group_array_sorted: (args, given) => ({
    name: 'groupArraySorted',
    parameters: given.length > 0 ? given : args.length > 1 ? args.slice(1) : ['1000000'],
    args: args.slice(0, 1),
  }),
  group_array_last: trailingParameters('groupArrayLast', 1),
  largest_triangle_three_buckets: trailingParameters('largestTriangleThreeBuckets', 2),
  lttb: trailingParameters('largestTriangleThreeBuckets', 2),
  stochastic_linear_regression: leadingParameters('stochasticLinearRegression', 4),
  stochastic_logistic_regression: leadingParameters('stochasticLogisticRegression', 4),
  p90: percentile('0.9'),
  p95: percentile('0.95'),
  p99: percentile('0.99'),
  group_concat: (args, given) => ({
    name: 'groupArray',
    parameters: [],
    args: [`toString(${args[0]})`],
    finish: (r) => `arrayStringConcat(${r}, ${given[0] ?? args[1] ?? "','"})`,
  }),
  xirr: (args, given, _scope, name) => {
    if (args.length < 2 || args.length > 3) throw wrongCount(name, '2 or 3')
    const rate = given[0] ?? args[2]
    const column = (r: string, i: number) => `arrayMap(_t -> _t.${i}, ${r})`
    return {
      name: 'groupArray',
      parameters: [],
      args: [`tuple(toFloat64(${args[0]}), toDate32(${args[1]}))`],
      finish: (r) => {
        const sorted = `arraySort(_t -> _t.2, ${r})`
        const flows = [column(sorted, 1), column(sorted, 2), ...(rate === undefined ? [] : [rate])]
        return `financialInternalRateOfReturnExtended(${flows.join(', ')})`
      },
    }
  },
  count_distinct: countDistinct,
  count_distinct_streaming: countDistinct,
}

function quantileBase(args: string[], given: string[], name: string): Base {
  const store = name === 'median' ? 'quantile' : toClickHouseFunction(name)
  if (store === undefined)
    throw new EngineError('UNKNOWN_AGGREGATE_FUNCTION', `Unknown aggregate function ${name}`)
  const columns = /(?:deterministic|weighted)$/.test(name) ? 2 : 1
  return {
    name: store,
    parameters: given.length > 0 ? given : args.slice(columns),
    args: args.slice(0, columns),
  }
}

/** Reads an aggregate call of the tree. Throws Proton's codes for wrong counts; undefined for other functions. */
export function aggregateModel(call: FunctionCall, scope: Scope): AggregateModel | undefined {
  const exact = splitName(call.name, scope)
  const split = exact ?? splitName(call.name.toLowerCase(), scope)
  if (!split) return undefined

  if (/_distinct_retract(?:_if)?$/.test(split.base)) {
    throw new EngineError(
      'FUNCTION_NOT_ALLOWED',
      `The function '${call.name}' is not supported in the current stream mode. Consider using the '_distinct' suffix instead of '_distinct_retract'.`,
    )
  }

  let texts = call.args.filter((arg) => arg.kind !== 'star').map((arg) => exprText(arg, scope))
  const given = (call.parameters ?? []).map((p) => exprText(p, scope))
  const suffixes = split.combinators.map(([, store]) => store)
  const udf = scope.env.lookup(split.base)

  // Arguments that belong to combinators stand behind those of the function.
  const owned: string[] = []
  for (const [, , count] of [...split.combinators].reverse()) {
    if (count === 0) continue
    owned.unshift(...texts.slice(-count))
    texts = texts.slice(0, -count)
  }
  if (call.filter) {
    suffixes.push('If')
    owned.push(exprText(call.filter, scope, 'condition'))
  }

  let base =
    udf?.kind === 'aggregate'
      ? udfBase(call, texts, udf, scope)
      : builtinBase(split.base, texts, given, scope, call)
  if (call.distinct) {
    if (split.base === 'count') base = { ...base, name: 'uniqExact' }
    else suffixes.unshift('Distinct')
  }
  if (udf?.kind === 'aggregate' && suffixes.length > 0 && suffixes.some((s) => s !== 'If')) {
    throw new EngineError('NOT_IMPLEMENTED', `Combinators other than _if are not supported for ${split.base}`)
  }
  if (udf?.kind === 'aggregate') return withNullsSkipped(base, owned)

  const givesState = suffixes.at(-1) === 'State' || suffixes.at(-1) === 'SimpleState'
  if (givesState && base.others) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      `The state of ${split.base} is not supported by the embedded engine`,
    )
  }
  const finish = base.finish && !givesState ? base.finish : (r: string) => r
  const combined = ({ name, parameters, args }: AggregatePart): AggregatePart => ({
    name: name + suffixes.join(''),
    parameters,
    args: [...args, ...owned],
  })
  return { ...combined(base), others: base.others?.map(combined), finish, givesState }
}

function builtinBase(name: string, args: string[], given: string[], scope: Scope, call: FunctionCall): Base {
  if (QUANTILE.test(name) && !(name in BASES)) return quantileBase(args, given, name)
  const builder = BASES[name]
  if (builder) return builder(args, given, scope, name, call)
  const store = toClickHouseFunction(name)
  if (store === undefined) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      `Aggregate function ${name} is not supported by the embedded engine`,
    )
  }
  return { name: store, parameters: given, args }
}

/**
 * Stands in a partial for the number of the batch that it is of: what a function with an emit strategy of its own
 * emits depends on which rows came together.
 */
export const BATCH = '0/*tp_batch*/'

type AggregateUdf = Extract<CallTarget, { kind: 'aggregate' }>

/** A JavaScript aggregate is fed the array of its argument tuples when the group is complete. */
function udfBase(
  call: FunctionCall,
  args: string[],
  udf: AggregateUdf,
  scope: Scope,
): Base & { notNull: string | undefined } {
  if (udf.customEmit && scope.env.bounded) {
    throw new EngineError(
      'UDA_NOT_APPLICABLE',
      'User Defined Aggregate function with own emit strategy cannot be used in non-streaming query',
    )
  }
  const given = hasDelta(call, udf) ? args.slice(0, -1) : args
  const { cast, notNull } = aggregateArguments(call.name, given, udf.argTypes)
  const more = udf.customEmit ? [`toUInt64(${BATCH})`] : []
  const row = `tuple(${[...cast, ...args.slice(given.length), ...more].join(', ')})`
  const finalName = given === args ? udf.finalName : `${udf.finalName}_delta`
  const { arrival } = scope
  const inOrder = (r: string) =>
    arrival === undefined ? r : `arrayMap(_t -> _t.2, arraySort(_t -> _t.1, ${r}))`
  return {
    name: 'groupArray',
    parameters: [],
    args: [arrival === undefined ? row : `tuple(${arrival}, ${row})`],
    // With an emit strategy of its own it gives what the last batch made it emit, each a row.
    finish: (r) => {
      const result = `${finalName}(${inOrder(r)})`
      return udf.customEmit ? `arrayJoin(${result})` : result
    },
    notNull,
  }
}

/** Over a changelog the function gets one argument more than it declares. */
function hasDelta(call: FunctionCall, udf: AggregateUdf): boolean {
  const last = call.args.at(-1)
  return (
    call.args.length === udf.argTypes.length + 1 &&
    last?.kind === 'column' &&
    last.path.at(-1) === '_tp_delta'
  )
}

/** Rows with a NULL argument never reach a function of the user. */
function withNullsSkipped(
  base: Base & { notNull?: string | undefined },
  conditions: string[],
): AggregateModel {
  const all = base.notNull === undefined ? conditions : [base.notNull, ...conditions]
  return {
    name: 'groupArrayIf',
    parameters: [],
    args: [...base.args, all.length === 0 ? '1' : `(${all.join(' AND ')})`],
    finish: base.finish ?? ((r) => r),
    givesState: false,
  }
}

/** `quantileExactIf(0.9)(x, c)`. */
function partText(part: AggregatePart, suffix: '' | 'State' | 'Merge', args: string[]): string {
  const parameters = part.parameters.length > 0 ? `(${part.parameters.join(', ')})` : ''
  return `${part.name}${suffix}${parameters}(${args.join(', ')})`
}

function finished(model: AggregateModel, textOf: (part: AggregatePart) => string): string {
  const parts = [model, ...(model.others ?? [])].map(textOf)
  return model.finish(parts.length === 1 ? parts[0]! : `tuple(${parts.join(', ')})`)
}

/** The whole aggregation in one step; `over` stands behind every call. */
export function modelText(model: AggregateModel, over = ''): string {
  return finished(model, (part) => partText(part, '', part.args) + over)
}

/** The end of a split aggregation: merges the states, each in the column that `columnOf` its text names. */
export function mergeText(model: AggregateModel, columnOf: (state: string) => string): string {
  return finished(model, (part) => partText(part, 'Merge', [columnOf(partText(part, 'State', part.args))]))
}
