import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { ExternalStreamObject, Inbox, RandomStreamObject, StreamObject } from '../contracts.js'

/** Virtual columns of external streams with their types in the store. */
const VIRTUAL: [name: string, type: string][] = [
  ['_tp_time', "DateTime64(3, 'UTC')"],
  ['_tp_append_time', "DateTime64(3, 'UTC')"],
  ['_tp_process_time', "DateTime64(3, 'UTC')"],
  ['_tp_sn', 'Int64'],
  ['_tp_shard', 'Int32'],
  ['_tp_message_key', 'String'],
  ['_message_key', 'String'],
  ['_tp_message_headers', 'Map(String, String)'],
]

/** The types of an external stream without a connection to it, to type a query that is not run. */
export function emptyInbox(object: ExternalStreamObject | RandomStreamObject): Inbox {
  const declared = object.columns.map((c): [string, string] => [c.name, c.chType])
  const names = new Set(object.columns.map((c) => c.name))
  const columns = [...declared, ...VIRTUAL.filter(([name]) => !names.has(name))]
    .map(([name, type]) => `defaultValueOfTypeName(${quoteString(type)}) AS ${quoteIdentifier(name)}`)
    .join(', ')
  const stream: StreamObject = {
    kind: 'stream',
    id: -1,
    uuid: '',
    name: object.name,
    sql: '',
    createdAt: 0,
    mode: 'append',
    columns: object.columns,
    primaryKey: [],
    shards: 1,
    settings: {},
  }
  return {
    stream,
    slice: () => ({ sql: `(SELECT ${columns} WHERE 0)`, columns: [...names] }),
    trim: async () => {},
    lag: () => [],
    seekTo: async () => undefined,
    lastError: () => undefined,
    close: async () => {},
  }
}
