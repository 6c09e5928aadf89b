/**
 * How a stream lies in the store.
 *
 * Append streams are one MergeTree table ordered by `_tp_sn` (`tp.s_<id>`), without partitions, so that an
 * append is one part: all of it or nothing survives a crash. Keyed streams have that same table as their
 * history and `tp.c_<id>` with the current rows: ReplacingMergeTree by version, read with FINAL.
 */
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { Column, StreamObject } from '../contracts.js'

/** The store's database that holds everything. */
export const STORE_DATABASE = 'tp'

/** Last sequence numbers of streams whose rows were dropped. */
export const FLOORS = `${STORE_DATABASE}.sn_floor`

/** Number of an append's dedup tokens that a table remembers. */
const TOKEN_WINDOW = 10_000

/** Rows per index mark of the current rows: point reads touch little. */
const KEYED_GRANULARITY = 256

/** Columns that every stream's table has besides the declared ones. */
export const SYSTEM_COLUMNS = ['_tp_sn', '_tp_shard', '_tp_append_time'] as const

export function isKeyed(stream: StreamObject): boolean {
  return stream.mode === 'versioned_kv' || stream.mode === 'mutable' || stream.mode === 'changelog_kv'
}

export function dictionaryTable(dictionary: { id: number }): string {
  return `${STORE_DATABASE}.dict_${dictionary.id}`
}

export function historyTable(stream: StreamObject): string {
  return `${STORE_DATABASE}.s_${stream.id}`
}

export function currentTable(stream: StreamObject): string {
  return `${STORE_DATABASE}.c_${stream.id}`
}

/** Columns that an INSERT may name and that carry data: no aliases. */
export function writableColumns(stream: StreamObject): Column[] {
  return stream.columns.filter((column) => column.default?.kind !== 'alias')
}

/** Columns of `SELECT *`: no aliases, no materialized ones. */
export function asteriskColumns(stream: StreamObject): string[] {
  return stream.columns
    .filter((column) => column.default === undefined || column.default.kind === 'default')
    .map((column) => column.name)
}

/** Whether the tables carry `_tp_delta` although the stream does not declare it. */
export function hasHiddenDelta(stream: StreamObject): boolean {
  return isKeyed(stream) && !stream.columns.some((column) => column.name === '_tp_delta')
}

/** What the larger value of wins among rows of one key. Without a version column the last row wins. */
export function versionColumn(stream: StreamObject): string {
  if (stream.mode === 'changelog_kv') return '_tp_sn'
  if (stream.versionColumn !== undefined) return stream.versionColumn
  return stream.mode === 'versioned_kv' ? '_tp_time' : '_tp_sn'
}

export function columnDefinition(column: Column): string {
  const kinds = { default: 'DEFAULT', alias: 'ALIAS', materialized: 'MATERIALIZED' } as const
  const value = column.default ? ` ${kinds[column.default.kind]} ${column.default.chSql}` : ''
  return `${id(column.name)} ${column.chType}${value}`
}

/** The statements that create a stream's tables. `shardSql`: the store's SQL of the shard's number. */
export function createStatements(stream: StreamObject, shardSql = '0'): string[] {
  const columns = [
    ...stream.columns.map(columnDefinition),
    '`_tp_sn` UInt64',
    "`_tp_append_time` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')",
    stream.shards > 1
      ? `\`_tp_shard\` Int32 DEFAULT toInt32((${shardSql}) % ${stream.shards})`
      : '`_tp_shard` Int32 ALIAS toInt32(0)',
    ...(hasHiddenDelta(stream) ? ['`_tp_delta` Int8 DEFAULT 1'] : []),
  ]
  const history = `CREATE TABLE IF NOT EXISTS ${historyTable(stream)} (${columns.join(', ')}, INDEX tp_time_index \`_tp_time\` TYPE minmax GRANULARITY 1) ENGINE = MergeTree ORDER BY \`_tp_sn\` SETTINGS non_replicated_deduplication_window = ${TOKEN_WINDOW}`
  if (!isKeyed(stream)) return [history]
  // Several rows of a key may be current there: see retractions.ts.
  const stacked = stream.mode === 'changelog_kv'
  const indexes = stream.primaryKey
    .slice(1)
    .map((key, i) => `INDEX key_${i} ${id(key)} TYPE bloom_filter GRANULARITY 1`)
  const current = `CREATE TABLE IF NOT EXISTS ${currentTable(stream)} (${[
    ...columns,
    '`_tp_gone` UInt8 DEFAULT `_tp_delta` < 0',
    ...(stacked ? ['`_tp_level` Int32'] : []),
    ...indexes,
  ].join(', ')}) ENGINE = ReplacingMergeTree(${id(versionColumn(stream))}, \`_tp_gone\`) ORDER BY (${[
    ...stream.primaryKey.map(id),
    ...(stacked ? ['`_tp_level`'] : []),
  ].join(', ')}) SETTINGS index_granularity = ${KEYED_GRANULARITY}, allow_nullable_key = 1`
  return [history, current]
}

/** Every column that a row is made of, as an explicit list: what is copied between the two tables. */
export function physicalColumns(stream: StreamObject): string[] {
  return [
    ...writableColumns(stream)
      .filter((column) => column.default?.kind !== 'materialized')
      .map((column) => column.name),
    '_tp_sn',
    '_tp_append_time',
    ...(stream.shards > 1 ? ['_tp_shard'] : []),
    ...(hasHiddenDelta(stream) ? ['_tp_delta'] : []),
  ]
}

/** A stored row's sequence number as users see it, where the table is `__t`. */
export const SHOWN_SN = 'toInt64(__t._tp_sn) - 1 AS _tp_sn'

/** Every column that a query may name. */
export function addressableColumns(stream: StreamObject): string[] {
  return [
    ...stream.columns.map((column) => column.name),
    ...SYSTEM_COLUMNS,
    ...(hasHiddenDelta(stream) ? ['_tp_delta'] : []),
  ]
}
