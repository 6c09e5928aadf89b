import { functionNames, toClickHouseFunction } from '../../dialect/index.js'
import { EngineError } from '../errors.js'

/**
 * An error of the store in Proton's words: types lower-case, functions in snake case, `Missing columns` for
 * unknown identifiers, and none of the store's own SQL. `query` is the canonical text of what the user asked.
 * Other errors are returned unchanged.
 */
export function respell(error: unknown, query?: string): Error {
  if (!(error instanceof EngineError)) return error instanceof Error ? error : new Error(String(error))
  const missing = missingColumn(error.message)
  if (error.code === 47 && missing !== undefined) {
    const text = query === undefined ? '' : ` while processing query: '${query}'`
    return EngineError.withCode(
      error.code,
      error.errorName,
      `Missing columns: '${missing}'${text}, required columns: '${missing}'`,
      error,
    )
  }
  const ungrouped = /^Column '(?:\w+\.)?([^']+)' is not under aggregate function/.exec(error.message)?.[1]
  if (error.code === 215 && ungrouped !== undefined) {
    const message = `Column \`${ungrouped}\` is not under aggregate function and not in GROUP BY`
    return EngineError.withCode(error.code, error.errorName, message, error)
  }
  const message = respellText(withoutScope(error.message))
  // Text that is no number: the store tells numbers apart, Proton does not.
  if (error.code === 72 && /Cannot parse \w+ from string/i.test(message)) {
    return EngineError.withCode(6, 'CANNOT_PARSE_TEXT', message, error.cause ?? error)
  }
  return message === error.message
    ? error
    : EngineError.withCode(error.code, error.errorName, message, error.cause ?? error)
}

function missingColumn(message: string): string | undefined {
  const match =
    /Unknown (?:expression(?: or function)? )?identifier [`']([^`']+)[`']/.exec(message) ??
    /Identifier [`']([^`']+)[`'] cannot be resolved/.exec(message)
  return match?.[1]
}

/** The store appends where in ITS query the error is; that query is not the user's. */
function withoutScope(message: string): string {
  return message
    .replace(/:? ?In scope [\s\S]*$/, '')
    .replace(/[.:]? ?While (?:executing|processing) [\s\S]*$/i, '')
    .replace(/\. Maybe you meant[\s\S]*$/, '')
    .replace(/^[\s:.]+|[\s:.]+$/g, '')
}

const TYPE_NAMES =
  /\b(?:U?Int(?:8|16|32|64|128|256)|B?Float(?:16|32|64)|FixedString|String|DateTime(?:32|64)?|Date(?:32)?|Bool|UUID|IPv[46]|Array|Map|Tuple|Nullable|LowCardinality|Decimal(?:32|64|128|256)?|Enum(?:8|16)?|Nothing|Nested|SimpleAggregateFunction|AggregateFunction|MultiPolygon|Interval(?:[A-Z][a-z]+))\b/g

const COMPOUND: Record<string, string> = {
  FixedString: 'fixed_string',
  LowCardinality: 'low_cardinality',
  AggregateFunction: 'aggregate_function',
  SimpleAggregateFunction: 'simple_aggregate_function',
  MultiPolygon: 'multi_polygon',
}

function respellText(message: string): string {
  return message
    .replace(TYPE_NAMES, (type) => {
      if (type.startsWith('Interval')) return `interval_${type.slice('Interval'.length).toLowerCase()}`
      return COMPOUND[type] ?? type.toLowerCase()
    })
    .replace(/\b[A-Za-z]\w*[a-z0-9][A-Z]\w*\b/g, (word) => storeToProton().get(word) ?? word)
}

let reverse: Map<string, string> | undefined

/** Names of functions, the store's → Proton's; of several names that mean one, the one spelt alike. */
function storeToProton(): Map<string, string> {
  if (reverse) return reverse
  reverse = new Map()
  for (const name of functionNames()) {
    const store = toClickHouseFunction(name)
    if (store === undefined) continue
    const alike = name.replaceAll('_', '') === store.toLowerCase()
    if (alike || !reverse.has(store)) reverse.set(store, name)
  }
  return reverse
}
