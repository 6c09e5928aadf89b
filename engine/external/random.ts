import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { Inbox, RandomStreamObject, Relation, StreamStore } from '../contracts.js'
import { EngineError } from '../errors.js'
import { inboxStream } from './inbox_stream.js'

/** Rows of `table(r)` and the largest block that a running stream makes, as in Proton. */
const BLOCK_ROWS = 65_409
const TICK_MS = 100
/** The number of a row in the block that is made: what `monotonic` counts. */
const ROW_NUMBER = 'rowNumberInAllBlocks()'
/** An unlimited stream (`eps = 0`) makes no more than this beyond what its query has processed. */
const MAX_AHEAD = 4 * BLOCK_ROWS

/**
 * A SELECT of `rows` rows: columns with a DEFAULT by their expression, the others with random values of their type.
 * Expressions see the other columns by name, and `monotonic` the number of rows before.
 */
export function randomRows(
  object: RandomStreamObject,
  rows: number,
  before = 0,
): { select: string; columns: string[] } {
  const free = object.columns.filter((column) => column.default === undefined)
  const structure = free.map((column) => `${quoteIdentifier(column.name)} ${column.chType}`).join(', ')
  const from =
    free.length === 0
      ? `numbers(${rows})`
      : `(SELECT * FROM generateRandom(${quoteString(structure)}, ${Math.floor(Math.random() * 2 ** 31)}, 10, 2) LIMIT ${rows})`
  const columns = object.columns.map((column) => {
    const name = quoteIdentifier(column.name)
    if (!column.default) return name
    const value = column.default.chSql.replaceAll(ROW_NUMBER, `(${ROW_NUMBER} + ${before})`)
    return `CAST(${value}, ${quoteString(column.chType)}) AS ${name}`
  })
  return {
    select: `SELECT ${columns.join(', ')} FROM ${from}`,
    columns: object.columns.map((column) => column.name),
  }
}

export function snapshotRandom(
  object: RandomStreamObject,
  settings: Record<string, string>,
): { relation: Relation; release(): Promise<void> } {
  const shards = shardsOf(object, eventsPerSecond(object, settings))
  const { select, columns } = randomRows(object, maxEvents(settings) ?? BLOCK_ROWS * shards)
  const sql = `(SELECT *, toInt32(rowNumberInAllBlocks() % ${shards}) AS _tp_shard FROM (${select}))`
  return { relation: { sql, columns }, async release() {} }
}

/** The setting `max_events`: a query sees no more rows than that. 0 and none are no limit. */
function maxEvents(settings: Record<string, string>): number | undefined {
  const limit = Number(settings.max_events ?? 0)
  if (!Number.isInteger(limit) || limit < 0) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Setting max_events must be a number of rows, not '${settings.max_events}'`,
    )
  }
  return limit === 0 ? undefined : limit
}

function eventsPerSecond(object: RandomStreamObject, settings: Record<string, string>): number {
  const eps = Number(settings.eps ?? object.settings.eps ?? 1000)
  if (Number.isFinite(eps) && eps >= 0) return eps
  throw new EngineError('BAD_ARGUMENTS', `Setting eps must be a number >= 0, not '${settings.eps}'`)
}

/** Shards take turns. Fewer events than shards a second come from one. */
function shardsOf(object: RandomStreamObject, eps: number): number {
  const shards = Number(object.settings.shards ?? 1)
  return eps === 0 || eps >= shards ? shards : 1
}

/** Feeds a private stream with `eps` events a second (1000 by default, fractions allowed, 0 = as fast as it is read). */
export async function attachRandom(
  object: RandomStreamObject,
  options: { queryId: string; settings: Record<string, string> },
  deps: { store: StreamStore; nextId(): number },
): Promise<Inbox> {
  const eps = eventsPerSecond(object, options.settings)
  const total = maxEvents(options.settings)
  const limit = total ?? Number.POSITIVE_INFINITY
  const { store } = deps
  const stream = inboxStream(deps.nextId(), options.queryId, object.columns)
  await store.create(stream)
  let processed = 0
  let owed = 0
  let last = performance.now()
  let error: string | undefined
  let closed = false
  let pending: Promise<unknown> = Promise.resolve()
  let busy = false

  const tick = () => {
    if (busy || closed) return
    const now = performance.now()
    owed = eps === 0 ? MAX_AHEAD : Math.min(owed + (eps * (now - last)) / 1000, MAX_AHEAD)
    last = now
    const room = eps === 0 ? MAX_AHEAD - (store.lastSn(stream) - processed) : BLOCK_ROWS
    const made = store.lastSn(stream)
    const rows = Math.min(Math.floor(owed), room, BLOCK_ROWS, limit - made)
    if (rows <= 0) return
    owed -= rows
    busy = true
    pending = store
      .append(stream, { kind: 'select', ...randomRows(object, rows, made) })
      .then(() => {
        error = undefined
      })
      .catch((failure: Error) => {
        error = failure.message
      })
      .finally(() => {
        busy = false
      })
  }
  const timer = setInterval(tick, eps === 0 ? 10 : Math.min(TICK_MS, Math.max(1, 1000 / eps)))
  const declared = object.columns.map((column) => column.name)
  const shards = shardsOf(object, eps)
  const show = [
    ...stream.columns.map((column) => quoteIdentifier(column.name)),
    '_tp_sn',
    '_tp_append_time',
    `toInt32((__t._tp_sn - 1) % ${shards}) AS _tp_shard`,
  ]
  return {
    stream,
    total,
    slice: (from, to) => ({ sql: store.slice(stream, from, to, { show }).sql, columns: declared }),
    async trim(upTo) {
      processed = Math.max(processed, upTo)
      await store.trim(stream, upTo)
    },
    lag: () => [],
    seekTo: async () => undefined,
    lastError: () => error,
    async close() {
      if (closed) return
      closed = true
      clearInterval(timer)
      await pending
      await store.drop(stream)
    },
  }
}
