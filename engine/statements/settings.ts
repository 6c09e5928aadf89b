import type { Query } from '../../dialect/ast.js'
import { isKnownSetting } from '../../dialect/index.js'
import type { QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { settingsText } from './deps.js'

/** Names that the engine takes besides those of the dialect's tables. */
const OWN =
  /^(?:input_format_|output_format_|format_|date_time_|max_|min_|optimize_|allow_|log_|http_|async_insert|insert_|enable_|idempotent_id$)/

/** Throws UNKNOWN_SETTING (115). */
export function checkQuerySettings(settings: Record<string, string>): void {
  for (const name of Object.keys(settings)) {
    if (!isKnownSetting(name) && !OWN.test(name)) {
      throw new EngineError('UNKNOWN_SETTING', `Unknown setting ${name}`)
    }
  }
}

/** The request's settings, then the query's own. Throws 115. */
export function withSettings(query: Query, context: QueryContext): QueryContext {
  const own = settingsText(query.settings)
  checkQuerySettings(own)
  const settings = { ...context.settings, ...own }
  return { ...context, settings, tableMode: context.tableMode || settings.query_mode === 'table' }
}
