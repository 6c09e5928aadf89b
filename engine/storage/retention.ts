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
  const quiet: Quiet = new Map()
  const sweep = () => {
    running = running.then(() => sweepAll(deps, quiet))
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

/** Tables of which no row's time is over before a time, as long as no row is added. */
type Quiet = Map<string, { until: number; lastSn: number }>

async function sweepAll(deps: RetentionDeps, quiet: Quiet): Promise<void> {
  for (const stream of deps.streams()) {
    try {
      await sweepStream(stream, deps, quiet)
      if (isKeyed(stream)) await sweepHistory(stream, deps, quiet)
    } catch (cause) {
      deps.onError(
        `${stream.name.database}.${stream.name.name}`,
        cause instanceof Error ? cause.message : String(cause),
      )
    }
  }
}

async function sweepStream(stream: StreamObject, deps: RetentionDeps, quiet: Quiet): Promise<void> {
  const tables = isKeyed(stream) ? [historyTable(stream), currentTable(stream)] : [historyTable(stream)]
  const over = (at: string) => expiredCondition(stream, deps, at)
  for (const table of tables) {
    await sweepTable({ stream, table, name: table, over, upTo: deps.store.lastSn(stream) }, deps, quiet)
  }
}

/** How long a keyed stream's history is kept where `logstore_retention_ms` does not say: as the log of a real server. */
const HISTORY_MS = 86_400_000

/**
 * The current rows of a keyed stream are all that a new reader needs. Its history serves readers that are
 * under way: what they have passed, and is older than the log's retention, goes.
 */
async function sweepHistory(stream: StreamObject, deps: RetentionDeps, quiet: Quiet): Promise<void> {
  const keepMs = Number(stream.settings.logstore_retention_ms ?? HISTORY_MS)
  if (!(keepMs > 0)) return
  const table = historyTable(stream)
  const over = (at: string) =>
    `_tp_append_time < toDateTime64(${at}, 3, 'UTC') - INTERVAL ${Math.ceil(keepMs)} MILLISECOND`
  const upTo = deps.consumed(stream)
  await sweepTable({ stream, table, name: `history of ${table}`, over, upTo }, deps, quiet)
}

interface Sweep {
  stream: StreamObject
  table: string
  /** What it is remembered by. */
  name: string
  /** True for rows whose time is over at a time; undefined where they live for ever. */
  over(at: string): string | undefined
  upTo: number
}

/** How far ahead is looked, so that tables nobody writes to are not read again and again, in seconds. */
const AHEAD_S = 600

async function sweepTable(sweep: Sweep, { chdb, store }: RetentionDeps, quiet: Quiet): Promise<void> {
  const { stream, table, name, upTo } = sweep
  const [expired, soon] = [
    sweep.over("now64(3, 'UTC')"),
    sweep.over(`now64(3, 'UTC') + INTERVAL ${AHEAD_S} SECOND`),
  ]
  const lastSn = store.lastSn(stream)
  const known = quiet.get(name)
  if (expired === undefined || upTo === 0) return
  if (known && known.lastSn === lastSn && Date.now() < known.until) return
  const [row] = await chdb.rows<[string, string]>(
    `SELECT countIf((${expired}) AND _tp_sn <= ${upTo}), countIf(${soon}) FROM ${table}`,
  )
  const [over, next] = row!.map(Number)
  if (next === 0) quiet.set(name, { until: Date.now() + AHEAD_S * 1000, lastSn })
  if (over! > 0) await store.trimWhere(stream, table, expired, upTo)
}

/** SQL that is true for rows whose time is over at a time; undefined where they live for ever. */
export function expiredCondition(
  stream: StreamObject,
  deps: Pick<RetentionDeps, 'expression'>,
  at: string,
): string | undefined {
  const items = (stream.statement?.ttl ?? [])
    .filter((item) => item.action === undefined || item.action.kind === 'delete')
    .map((item) => {
      const over = `(${deps.expression(item.expr)}) <= ${at}`
      return item.where ? `(${over} AND (${deps.expression(item.where)}))` : over
    })
  if (stream.ttlMs !== undefined && stream.ttlMs > 0) {
    const column = stream.settings.ttl_column ?? '_tp_append_time'
    items.push(
      `\`${column.replace(/[\\`]/g, '\\$&')}\` <= ${at} - INTERVAL ${Math.ceil(stream.ttlMs / 1000)} SECOND`,
    )
  }
  return items.length === 0 ? undefined : items.join(' OR ')
}
