import type { Query } from '../../dialect/ast.js'
import { isKnownSetting } from '../../dialect/index.js'
import type { QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { settingsText } from './deps.js'

/** Names that the engine takes besides those of the dialect's tables. */
const OWN =
  /^(?:input_format_|output_format_|format_|date_time_|max_|min_|optimize_|allow_|log_|http_|async_insert|insert_|enable_|idempotent_id$)/

/** Settings of 1.6.1 that the tables of names leave out. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'database_replicated_ddl_output',
  'handle_kafka_error_mode',
  'merge_tree_clear_old_parts_interval_seconds',
  'merge_tree_clear_old_temporary_directories_interval_seconds',
  'multiple_joins_rewriter_version',
  'odbc_max_field_size',
  'partial_merge_join_optimizations',
  'replication_alter_columns_timeout',
])

/** Throws UNKNOWN_SETTING (115). */
export function checkQuerySettings(settings: Record<string, string>): void {
  for (const name of Object.keys(settings)) {
    if (!isKnownSetting(name) && !OWN.test(name) && !LEFT_OUT.has(name)) {
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
