import type { CreateStream, Expr, Setting, TtlItem } from '../ast.js'
import { MUTABLE_SETTINGS } from './settings.js'
import { EDITION_NAMES, type Lowering } from './support.js'

/**
 * A mutable stream as a versioned_kv stream: one current row per key, the largest version wins. What has
 * no counterpart there (indexes, families, tuning) is left out with a note; what would change the data
 * (coalesced rows, auto-increment) is refused.
 */
export function lowerMutableStream(stream: CreateStream, low: Lowering): CreateStream {
  const name = stream.name.name
  const where = EDITION_NAMES[low.edition]
  if (!stream.primaryKey)
    low.refuse(`keyed stream without PRIMARY KEY (${name})`, 'add PRIMARY KEY to the stream')
  if (isTrue(setting(stream, 'coalesced'))) {
    low.refuse(`coalesced rows (stream ${name})`, 'write whole rows, and leave out coalesced')
  }
  const counter = stream.columns.find((column) => column.autoIncrement)
  if (counter) low.refuse(`AUTO_INCREMENT (column ${counter.name} of ${name})`, 'give the number on insert')
  low.note('MUTABLE_LOWERED', `${where} has no mutable streams; ${name} becomes a versioned_kv stream`)
  for (const index of stream.indexes) {
    low.note(
      'INDEX_DROPPED',
      `Secondary index ${index.name} of ${name} is left out: reads by it become scans`,
    )
  }
  for (const family of stream.families) {
    low.note('FAMILY_DROPPED', `Column family ${family.name} of ${name} is left out`)
  }
  const ttl = ttlOf(stream, low)
  return {
    ...stream,
    mutable: false,
    indexes: [],
    families: [],
    ...(ttl ? { ttl } : {}),
    settings: [
      { name: 'mode', value: { kind: 'literal', type: 'string', value: 'versioned_kv' } },
      ...kept(stream, low),
    ],
  }
}

const setting = (stream: CreateStream, name: string): Expr | undefined =>
  stream.settings.find((s) => s.name === name)?.value

function isTrue(value: Expr | undefined): boolean {
  if (value?.kind !== 'literal') return false
  return value.type === 'bool' ? value.value : value.type === 'number' && value.text !== '0'
}

function kept(stream: CreateStream, low: Lowering): Setting[] {
  return stream.settings.filter((s) => {
    if (s.name === 'mode') return false
    if (!MUTABLE_SETTINGS.has(s.name)) return true
    if (s.name !== 'ttl_seconds' && s.name !== 'ttl_column' && s.name !== 'coalesced') {
      low.note(
        'SETTING_DROPPED',
        `Setting ${s.name} of ${stream.name.name} is for mutable streams only; it is left out`,
      )
    }
    return false
  })
}

/** `ttl_seconds` [, `ttl_column`] as a TTL clause on the event time or that column. */
function ttlOf(stream: CreateStream, low: Lowering): TtlItem[] | undefined {
  const seconds = setting(stream, 'ttl_seconds')
  if (
    !seconds ||
    stream.ttl ||
    (seconds.kind === 'literal' && seconds.type === 'number' && seconds.text === '0')
  ) {
    return stream.ttl
  }
  const column = setting(stream, 'ttl_column')
  const path = column?.kind === 'literal' && column.type === 'string' ? [column.value] : ['_tp_time']
  low.note(
    'TTL_LOWERED',
    `ttl_seconds of ${stream.name.name} becomes a TTL clause: it acts on the historical store`,
  )
  const time: Expr = { kind: 'call', name: 'to_datetime', args: [{ kind: 'column', path }] }
  const age: Expr = { kind: 'interval', value: seconds, unit: 'second' }
  return [{ expr: { kind: 'binary', op: '+', left: time, right: age } }]
}
