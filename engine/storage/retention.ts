/**
 * TTL. The engine drops expired rows itself, in the background, rather than leaving it to the store's own TTL
 * merges: a sequence number must never be given twice, so the number of the last row is written down before
 * rows go. As on the real server, a query may still see an expired row for a while.
 */
import type { Expr } from '../../dialect/ast.js'
import type { Chdb, StreamObject } from '../contracts.js'
import type { OpenStreamStore } from './store.js'
import { currentTable, historyTable, isKeyed } from './tables.js'

const INTERVAL_MS = 30_000

export interface RetentionDeps {
  chdb: Chdb
  store: OpenStreamStore
  streams(): StreamObject[]
  /** Proton expression → the store's. */
  expression(expr: Expr): string
  /** The sequence number up to which nobody needs the stream's history any more. */
  consumed(stream: StreamObject): number
  onError(stream: string, message: string): void
}

export function startRetention(deps: RetentionDeps): { stop(): Promise<void>; sweep(): Promise<void> } {
  let running: Promise<void> = Promise.resolve()
  const sweep = () => {
    running = running.then(() => sweepAll(deps))
    return running
  }
  const timer = setInterval(() => void sweep(), INTERVAL_MS)
  timer.unref()
  return {
    sweep,
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

async function sweepAll(deps: RetentionDeps): Promise<void> {
  for (const stream of deps.streams()) {
    try {
      const expired = expiredCondition(stream, deps)
      if (expired !== undefined) await sweepStream(stream, expired, deps)
      if (isKeyed(stream)) await sweepHistory(stream, deps)
    } catch (cause) {
      deps.onError(
        `${stream.name.database}.${stream.name.name}`,
        cause instanceof Error ? cause.message : String(cause),
      )
    }
  }
}

async function sweepStream(
  stream: StreamObject,
  expired: string,
  { chdb, store }: RetentionDeps,
): Promise<void> {
  const last = store.lastSn(stream)
  const tables = isKeyed(stream) ? [historyTable(stream), currentTable(stream)] : [historyTable(stream)]
  for (const table of tables) {
    const [row] = await chdb.rows<[string]>(
      `SELECT toString(countIf(${expired})) FROM ${table} WHERE _tp_sn <= ${last}`,
    )
    if (Number(row?.[0] ?? 0) === 0) continue
    await store.trimWhere(stream, table, expired, last)
  }
}

/** How long a keyed stream's history is kept where `logstore_retention_ms` does not say: as the log of a real server. */
const HISTORY_MS = 86_400_000

/**
 * The current rows of a keyed stream are all that a new reader needs. Its history serves readers that are
 * under way: what they have passed, and is older than the log's retention, goes.
 */
async function sweepHistory(stream: StreamObject, { chdb, store, consumed }: RetentionDeps): Promise<void> {
  const keepMs = Number(stream.settings.logstore_retention_ms ?? HISTORY_MS)
  const upTo = consumed(stream)
  if (!(keepMs > 0) || upTo === 0) return
  const table = historyTable(stream)
  const old = `_tp_append_time < now64(3, 'UTC') - INTERVAL ${Math.ceil(keepMs)} MILLISECOND`
  const [row] = await chdb.rows<[string]>(
    `SELECT toString(countIf(${old})) FROM ${table} WHERE _tp_sn <= ${upTo}`,
  )
  if (Number(row?.[0] ?? 0) > 0) await store.trimWhere(stream, table, old, upTo)
}

/** SQL that is true for rows whose time is over; undefined where they live for ever. */
export function expiredCondition(
  stream: StreamObject,
  deps: Pick<RetentionDeps, 'expression'>,
): string | undefined {
  const items = (stream.statement?.ttl ?? [])
    .filter((item) => item.action === undefined || item.action.kind === 'delete')
    .map((item) => {
      const over = `(${deps.expression(item.expr)}) <= now()`
      return item.where ? `(${over} AND (${deps.expression(item.where)}))` : over
    })
  if (stream.ttlMs !== undefined && stream.ttlMs > 0) {
    const column = stream.settings.ttl_column ?? '_tp_append_time'
    items.push(
      `\`${column.replace(/[\\`]/g, '\\$&')}\` <= now() - INTERVAL ${Math.ceil(stream.ttlMs / 1000)} SECOND`,
    )
  }
  return items.length === 0 ? undefined : items.join(' OR ')
}
