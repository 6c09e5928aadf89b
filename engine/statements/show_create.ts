/** The text of SHOW CREATE, as Proton lays it out. */
import type { Expr, IndexDef, TtlItem } from '../../dialect/ast.js'
import { printExpr, printQuery, printStatement, quoteName } from '../../dialect/index.js'
import type { CatalogObject, Column, StreamObject } from '../contracts.js'
import { hideSecrets, isSecret } from './secrets.js'

const AS_SERVER = { asServer: true }
const exprText = (expr: Expr): string => printExpr(expr, AS_SERVER)

const TIME_INDEX = 'INDEX _tp_time_index _tp_time TYPE minmax GRANULARITY 2'

export function showCreate(object: CatalogObject): string {
  const name = `${quoteName(object.name.database)}.${quoteName(object.name.name)}`
  switch (object.kind) {
    case 'stream':
      return streamText(object, name)
    case 'random_stream':
      return `CREATE RANDOM STREAM ${name}\n${columnsText(object.columns, [TIME_INDEX])}${settingsLine(Object.entries(object.settings))}`
    case 'external_stream':
      return `CREATE EXTERNAL STREAM ${name}\n${columnsText(object.columns)}${settingsLine(Object.entries(shown(object.settings)))}`
    case 'view':
      return `CREATE VIEW ${name}\n${columnsText(object.columns)} AS\n${printQuery(object.statement.query, AS_SERVER)}`
    case 'materialized_view': {
      const into = object.statement.into
        ? ` INTO ${quoteName(object.target.database)}.${quoteName(object.target.name)}`
        : ''
      return `CREATE MATERIALIZED VIEW ${name}${into}\n${columnsText(object.columns, [TIME_INDEX])} AS\n${printQuery(object.statement.query, AS_SERVER)}`
    }
    case 'dictionary':
    case 'function':
      return hideSecrets(printStatement(object.statement))
  }
}

function streamText(stream: StreamObject, name: string): string {
  const { statement } = stream
  const keyed = stream.primaryKey.length > 0
  const key = stream.primaryKey.map(quoteName)
  const keyText = key.length === 1 ? key[0] : `(${key.join(', ')})`
  const sharding = stream.shardingExpr ?? (keyed ? `weak_hash32(${key.join(', ')})` : 'rand()')
  const mutable = stream.mode === 'mutable'
  const indexes = [...(mutable ? [] : [TIME_INDEX]), ...(statement?.indexes ?? []).map(indexText)]
  const parts = [`CREATE ${mutable ? 'MUTABLE ' : ''}STREAM ${name}`, columnsText(stream.columns, indexes)]
  parts.push(`ENGINE = ${mutable ? 'MutableStream' : 'Stream'}(${stream.shards}, 1, ${sharding})`)
  if (!mutable) {
    parts.push(
      `PARTITION BY ${statement?.partitionBy ? exprText(statement.partitionBy) : 'to_YYYYMMDD(_tp_time)'}`,
    )
  }
  if (keyed) parts.push(`PRIMARY KEY ${keyText}`)
  else if (statement?.primaryKey) parts.push(`PRIMARY KEY ${exprText(statement.primaryKey)}`)
  if (keyed && !mutable) parts.push(`ORDER BY ${keyText}`)
  else if (!keyed)
    parts.push(`ORDER BY ${statement?.orderBy ? exprText(statement.orderBy) : 'to_start_of_hour(_tp_time)'}`)
  if (statement?.ttl && statement.ttl.length > 0) parts.push(`TTL ${statement.ttl.map(ttlText).join(', ')}`)
  parts.push(settingsLine(streamSettings(stream)).trimStart())
  if (statement?.comment) parts.push(`COMMENT ${quoted(statement.comment)}`)
  return parts.filter((part) => part !== '').join('\n')
}

/** Those that stand in ENGINE or in the columns are not repeated. */
const ELSEWHERE = new Set(['shards', 'replicas', 'sharding_expr', 'event_time_column'])

function streamSettings(stream: StreamObject): [string, string][] {
  const own = Object.entries(stream.settings).filter(([name]) => !ELSEWHERE.has(name) && name !== 'mode')
  const mode: [string, string][] = stream.settings.mode === undefined ? [] : [['mode', stream.settings.mode]]
  const granularity: [string, string][] =
    stream.mode === 'mutable' || stream.settings.index_granularity !== undefined
      ? []
      : [['index_granularity', '8192']]
  return [...mode, ...own, ...granularity]
}

function columnsText(columns: Column[], indexes: string[] = []): string {
  return `(\n${[...columns.map(columnText), ...indexes].map((line) => `  ${line}`).join(',\n')}\n)`
}

function columnText(column: Column): string {
  const value = column.default ? ` ${column.default.kind.toUpperCase()} ${column.default.sql}` : ''
  const comment = column.comment ? ` COMMENT ${quoted(column.comment)}` : ''
  const codec = column.codec ? ` CODEC(${column.codec})` : ''
  return `\`${column.name.replace(/[\\`]/g, '\\$&')}\` ${column.type}${value}${comment}${codec}`
}

function indexText(index: IndexDef): string {
  const type = index.type ? ` TYPE ${exprText(index.type)}` : ''
  const granularity = index.granularity ? ` GRANULARITY ${index.granularity}` : ''
  const storing = index.storing ? ` STORING (${index.storing.map((e) => exprText(e)).join(', ')})` : ''
  return `INDEX ${quoteName(index.name)} ${exprText(index.expr)}${index.unique ? ' UNIQUE' : ''}${storing}${type}${granularity}`
}

function ttlText(item: TtlItem): string {
  return `${exprText(item.expr)}${item.where ? ` DELETE WHERE ${exprText(item.where)}` : ''}`
}

function settingsLine(settings: [string, string][]): string {
  if (settings.length === 0) return ''
  return `\nSETTINGS ${settings.map(([name, value]) => `${name} = ${settingValue(value)}`).join(', ')}`
}

function settingValue(value: string): string {
  return /^-?\d+(?:\.\d+)?$/.test(value) || value === 'true' || value === 'false' ? value : quoted(value)
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`
}

/** Secrets are kept, not shown. */
function shown(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, isSecret(name) ? '[HIDDEN]' : value]),
  )
}
