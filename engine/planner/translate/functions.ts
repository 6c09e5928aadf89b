import {
  functionNames,
  isKnownFunction,
  isTableFunction,
  toClickHouseFunction,
} from '../../../dialect/index.js'
import { EngineError } from '../../errors.js'
import { similarNames } from './similar.js'

/**
 * Functions that Proton types as `bool` and the store as UInt8. Operators (`=`, `in`, `like` …) are handled
 * where they are written; this is for calls by name. Source: the return types in Proton's function classes.
 */
const PREDICATES: ReadonlySet<string> = new Set([
  'equals',
  'not_equals',
  'less',
  'greater',
  'less_or_equals',
  'greater_or_equals',
  'and',
  'or',
  'xor',
  'not',
  'in',
  'not_in',
  'global_in',
  'global_not_in',
  'null_in',
  'not_null_in',
  'like',
  'not_like',
  'ilike',
  'not_ilike',
  'match',
  'regexp_matches',
  'has_token',
  'has_token_case_insensitive',
  'multi_match_any',
  'multi_fuzzy_match_any',
  'multi_search_any',
  'multi_search_any_case_insensitive',
  'multi_search_any_utf8',
  'multi_search_any_case_insensitive_utf8',
  'starts_with',
  'ends_with',
  'empty',
  'not_empty',
  'is_null',
  'is_not_null',
  'is_zero_or_null',
  'is_finite',
  'is_infinite',
  'is_nan',
  'is_constant',
  'is_decimal_overflow',
  'is_ip_address_in_range',
  'has',
  'array_all',
  'array_exists',
  'map_contains',
  'map_contains_key_like',
  'json_has',
  'is_valid_json',
  'json_exists',
  'json_extract_bool',
  'point_in_polygon',
  'polygons_equals_cartesian',
  'polygons_equals_spherical',
  'polygons_within_cartesian',
  'polygons_within_spherical',
  'date_diff_within',
  'lag_behind',
])

export function isPredicate(name: string): boolean {
  return PREDICATES.has(name)
}

/**
 * Functions that reach outside the query: files, hosts, settings, other tables of the store, its internals,
 * or that only wait. They exist in Proton and in the store, and are refused here.
 */
const REFUSED =
  /^(?:file|get_macro|get_setting|get_os_kernel_version|get_server_port|tcp_port|server_uuid|sleep|sleep_each_row|address_to_.*|demangle|join_get.*|dict_.*|host_?name|fqdn|full_host_name|filesystem_.*|zookeeper_.*|uptime|tid|log_trace|trap|revision|build_id|connection_id|query_id|initial_query_id|current_profiles|enabled_profiles|default_profiles|current_roles|enabled_roles|default_roles|eval_ml_method|model_evaluate|catboost_evaluate|shard_num|shard_count|reverse_dns_query|meili_match|initialize_aggregation|agg_throw|get_type_serialization_streams|transaction_.*|display_name|has_column_in_table|region_.*|show_certificate|current_database|__.*)$/

/** Functions that Proton and ClickHouse have, and this build of the store has not (or no longer). */
const ABSENT =
  /^(?:blake3|datetime(?:64)?_to_snowflake|snowflake_to_datetime(?:64)?|detect_.*|generate_ulid|geo_to_s2|s2_.*|hashid|lemmatize|stem|synonyms|uniq(?:ue)?_theta.*|grok|to_concrete_type)$/

/** Functions that the table of names has no counterpart for: the store's name is spelt by rule. */
const BY_RULE: Record<string, string> = Object.fromEntries(
  [
    ...['e', 'pi', 'left', 'right'].map((name) => [name, name]),
    ...['left', 'right'].map((name) => [`${name}_utf8`, `${name}UTF8`]),
    ...[
      ...[
        'bernoulli',
        'binomial',
        'chi_squared',
        'exponential',
        'fisher_f',
        'log_normal',
        'negative_binomial',
      ],
      ...['normal', 'poisson', 'student_t', 'uniform'],
    ].map((name) => [`rand_${name}`, camelCase(`rand_${name}`)]),
    ...[
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
    ].map((unit) => [`to_interval_${unit}`, camelCase(`to_interval_${unit}`)]),
    ...[
      'Int8',
      'Int16',
      'Int32',
      'Int64',
      'UInt8',
      'UInt16',
      'UInt32',
      'UInt64',
      'Float32',
      'Float64',
      'Date',
      'DateTime',
      'String',
    ].map((type) => [`empty_array_${type.toLowerCase()}`, `emptyArray${type}`]),
    ...['geo_distance', 'great_circle_angle', 'great_circle_distance'].map((name) => [name, camelCase(name)]),
    ...['', '_or_default', '_or_null'].flatMap((tail) =>
      [4, 6].map((version) => [
        `ipv${version}_string_to_num${tail}`,
        `IPv${version}${camelCase(`_string_to_num${tail}`)}`,
      ]),
    ),
  ].map(([name, store]) => [name, store]),
)

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** Proton's name → the store's, for functions that may run. Throws 46 with the nearest names, or 48. */
export function allowedFunction(name: string): string {
  const lower = name.toLowerCase()
  if (REFUSED.test(lower) || ABSENT.test(lower)) throw unsupported(name)
  const store = toClickHouseFunction(name) ?? BY_RULE[lower]
  if (store !== undefined) return store
  if (isKnownFunction(name)) throw unsupported(name)
  throw unknownFunction(name)
}

function unsupported(name: string): EngineError {
  return new EngineError('NOT_IMPLEMENTED', `Function ${name} is not supported by the embedded engine`)
}

function unknownFunction(name: string): EngineError {
  const near = similarNames(
    name,
    functionNames().filter((known) => !isTableFunction(known)),
  )
  const hint = near.length > 0 ? `. Maybe you meant: [${near.map((n) => `'${n}'`).join(',')}]` : ''
  return new EngineError('UNKNOWN_FUNCTION', `Unknown function ${name}${hint}`)
}
