import type { Setting } from '../../../dialect/ast.js'
import { quoteString } from '../../chdb/pool.js'

/** Settings of Proton that mean the same in the store and cannot harm. All others concern the engine, or nobody. */
const PASSED: ReadonlySet<string> = new Set([
  'max_threads',
  'max_block_size',
  'max_rows_to_read',
  'max_bytes_to_read',
  'max_result_rows',
  'max_result_bytes',
  'max_execution_time',
  'max_memory_usage',
  'max_rows_in_join',
  'max_bytes_in_join',
  'join_use_nulls',
  'join_any_take_last_row',
  'any_join_distinct_right_table_keys',
  'transform_null_in',
  'cast_keep_nullable',
  'prefer_column_name_to_alias',
  'group_by_overflow_mode',
  'max_rows_to_group_by',
  'aggregate_functions_null_for_empty',
  'extremes',
  'optimize_move_to_prewhere',
])

/** `a = 1, b = 'x'` of those settings of a query that the store is to see; undefined for none. */
export function settingsText(settings: readonly Setting[] | undefined): string | undefined {
  const parts: string[] = []
  for (const { name, value } of settings ?? []) {
    if (!PASSED.has(name)) continue
    if (value.kind !== 'literal') continue
    if (value.type === 'bool') parts.push(`${name} = ${value.value ? 1 : 0}`)
    else if (value.type === 'number' && /^\d+(?:\.\d+)?$/.test(value.text))
      parts.push(`${name} = ${value.text}`)
    else if (value.type === 'string') parts.push(`${name} = ${quoteString(value.value)}`)
  }
  return parts.length > 0 ? parts.join(', ') : undefined
}
