import { randomUUID } from 'node:crypto'
import { quoteIdentifier } from '../chdb/pool.js'
import type { Column, Relation, StreamObject, StreamStore } from '../contracts.js'

const TP_TIME: Column = {
  name: '_tp_time',
  type: "datetime64(3, 'UTC')",
  chType: "DateTime64(3, 'UTC')",
  default: { kind: 'default', sql: "now64(3, 'UTC')", chSql: "now64(3, 'UTC')" },
}

/** The internal append stream behind an inbox. Not in the catalog: its owner drops it. */
export function inboxStream(id: number, owner: string, columns: Column[]): StreamObject {
  const name = { database: 'tp', name: `inbox_${id}` }
  return {
    kind: 'stream',
    id,
    uuid: randomUUID(),
    name,
    sql: '',
    createdAt: Date.now(),
    mode: 'append',
    columns: columns.some((column) => column.name === '_tp_time') ? columns : [...columns, TP_TIME],
    primaryKey: [],
    shards: 1,
    settings: {},
    owner,
  }
}

/** What the virtual columns of a Kafka external stream are called, and what they are made of. */
const VIRTUAL: [name: string, from: string][] = [
  ['_tp_time', '__time'],
  ['_tp_append_time', '__time'],
  ['_tp_process_time', '__time'],
  ['_tp_sn', '__offset'],
  ['_tp_shard', '__partition'],
  ['_tp_message_key', '__key'],
  // Its name in 1.6.1.
  ['_message_key', '__key'],
  ['_tp_message_headers', '__headers'],
]

/** Rows of a Kafka inbox as the external stream shows them. A declared column wins over a virtual one of its name. */
export function kafkaSlice(
  store: StreamStore,
  stream: StreamObject,
  declared: string[],
  from: number,
  to: number,
  only?: ReadonlySet<string>,
): Relation {
  const wanted = (name: string) => only === undefined || only.has(name)
  const virtual = VIRTUAL.filter(([name]) => !declared.includes(name) && wanted(name)).map(
    ([name, column]) => `__t.${column} AS ${quoteIdentifier(name)}`,
  )
  const named = declared
    .filter(wanted)
    .map((name) => `__t.${quoteIdentifier(name)} AS ${quoteIdentifier(name)}`)
  const show = [...named, ...virtual]
  const { sql } = store.slice(stream, from, to, { show: show.length > 0 ? show : ['1'] })
  return { sql, columns: declared }
}
