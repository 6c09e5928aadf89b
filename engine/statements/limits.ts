import type { Statement } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { settingsText } from './deps.js'
import type { RunningQuery } from './registry.js'

/** Limits of a query that the store keeps, whatever the query does with its rows. */
const KEPT_BY_STORE = [
  'max_memory_usage',
  'max_execution_time',
  'max_rows_to_read',
  'max_bytes_to_read',
  'max_rows_to_group_by',
  'max_rows_in_join',
  'max_bytes_in_join',
]

export function storeLimits(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(KEPT_BY_STORE.flatMap((name) => (settings[name] ? [[name, settings[name]]] : [])))
}

/** Settings that a statement carries itself. */
export function ownSettings(statement: Statement): Record<string, string> {
  if (statement.kind === 'query') return settingsText(statement.query.settings)
  if (statement.kind !== 'insert') return {}
  const query = statement.source.kind === 'query' ? statement.source.query : undefined
  return { ...settingsText(statement.settings), ...settingsText(query?.settings) }
}

/**
 * `max_execution_time`, in seconds: also where a statement waits for something else than the store, as a streaming
 * query does. The function that is given back ends the watch.
 */
export function limitTime(
  running: RunningQuery,
  statement: Statement,
  settings: Record<string, string>,
): () => void {
  const seconds = Number({ ...settings, ...ownSettings(statement) }.max_execution_time ?? 0)
  if (!(seconds > 0) || seconds > MAX_TIMER_S) return () => {}
  const timer = setTimeout(() => {
    const elapsed = (Date.now() - running.startedAt) / 1000
    running.abort.abort(
      new EngineError(
        'TIMEOUT_EXCEEDED',
        `Timeout exceeded: elapsed ${elapsed} seconds, maximum: ${seconds}`,
      ),
    )
  }, seconds * 1000)
  return () => clearTimeout(timer)
}

/** A timer knows no longer time; nor does it matter. */
const MAX_TIMER_S = 2_000_000

/** `max_result_rows` over all emissions of a streaming query. Throws 396. */
export function checkResultRows(rows: number, settings: Record<string, string>): void {
  const limit = Number(settings.max_result_rows ?? 0)
  if (!(limit > 0) || rows <= limit || settings.result_overflow_mode === 'break') return
  throw EngineError.withCode(
    396,
    'TOO_MANY_ROWS_OR_BYTES',
    `Limit for result exceeded, max rows: ${limit}, current rows: ${rows}`,
  )
}
