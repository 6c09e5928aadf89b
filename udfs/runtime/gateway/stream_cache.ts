import { setTimeout as sleep } from 'node:timers/promises'
import type { ProtonClient } from '../../../driver/index.js'
import type { RemoteFunction } from '../define.js'
import { type AnswerCache, type CachedAnswer, memoryCache } from './cache.js'

/** The part of a Proton client that the cache needs. */
export interface CacheStore {
  rows(sql: string): Promise<Record<string, unknown>[]>
  insert(stream: string, rows: Record<string, string>[]): Promise<void>
}

/** The driver as a cache store. */
export function driverStore(client: ProtonClient): CacheStore {
  return {
    rows: (sql) => client.rows(sql, { timeoutMs: STORE_TIMEOUT_MS }),
    insert: async (stream, rows) => {
      // Keyed by its key: the same row twice is the same row.
      await client.insert(stream, rows, { repeatable: true, timeoutMs: STORE_TIMEOUT_MS })
    },
  }
}

export interface StreamCacheOptions {
  store: CacheStore
  table: NonNullable<RemoteFunction['cache']>
  maxEntries?: number
  /** Rows of one write, and how long a row waits for company. */
  batchRows?: number
  flushMs?: number
  /** Pause between attempts to read the stream. Default 500 ms. */
  reloadMs?: number
  onError?: (what: string, error: unknown) => void
}

const STORE_TIMEOUT_MS = 5000
/** How long a call waits for the stream to be read: less than its deadline, and long enough to spare a request. */
const LOAD_WAIT_MS = 4000
const DEFAULT_RELOAD_MS = 500
const DEFAULT_ENTRIES = 100_000
const DEFAULT_BATCH_ROWS = 500
const DEFAULT_FLUSH_MS = 200
const RETRY_FLUSH_MS = 2000

/**
 * Answers kept in a keyed stream, so that a restart costs nothing. The stream is read once into memory, at the
 * start; written answers follow in the background. It may not exist yet, and the engine may be away: then
 * reading is tried again with the next calls, and rows wait to be written.
 */
export function streamCache(options: StreamCacheOptions): AnswerCache & { flush(): Promise<void> } {
  const { store, table } = options
  const maxEntries = options.maxEntries ?? DEFAULT_ENTRIES
  const memory = memoryCache({ maxEntries })
  const report = options.onError ?? (() => undefined)
  let loaded = false
  let loading: Promise<void> | undefined
  let lastTry = Number.NEGATIVE_INFINITY
  let waiting = new Map<string, CachedAnswer>()
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  let closed = false

  const columns = [table.keyColumn, table.valueColumn, table.providerColumn, table.timeColumn]

  async function load(): Promise<void> {
    const rows = await store.rows(
      `SELECT ${columns.join(', ')} FROM table(${table.stream}) ORDER BY ${table.timeColumn} DESC LIMIT ${maxEntries}`,
    )
    await memory.put(
      rows.map((row) => ({
        key: String(row[table.keyColumn]),
        value: String(row[table.valueColumn]),
        provider: String(row[table.providerColumn]),
        fetchedAt: Date.parse(`${String(row[table.timeColumn]).replace(' ', 'T').replace(/Z$/, '')}Z`),
      })),
    )
    loaded = true
  }

  async function ensureLoaded(): Promise<void> {
    if (loaded) return
    if (!loading) {
      const now = performance.now()
      if (now - lastTry < (options.reloadMs ?? DEFAULT_RELOAD_MS)) return
      lastTry = now
      loading = load()
        .catch((error: unknown) => report('reading the cache', error))
        .finally(() => {
          loading = undefined
        })
    }
    await Promise.race([loading, sleep(LOAD_WAIT_MS, undefined, { ref: false })])
  }

  function schedule(ms: number): void {
    if (closed || timer) return
    timer = setTimeout(() => {
      timer = undefined
      void flush()
    }, ms)
    timer.unref()
  }

  function flush(): Promise<void> {
    writing = writing.then(async () => {
      if (waiting.size === 0) return
      const batch = waiting
      waiting = new Map()
      try {
        await store.insert(
          table.stream,
          [...batch.values()].map((answer) => ({
            [table.keyColumn]: answer.key,
            [table.valueColumn]: answer.value,
            [table.providerColumn]: answer.provider,
            [table.timeColumn]: new Date(answer.fetchedAt).toISOString().slice(0, 23).replace('T', ' '),
          })),
        )
      } catch (error) {
        report('writing the cache', error)
        // Newer answers of the same keys win; beyond the cache's size the oldest are given up.
        waiting = new Map([...batch, ...waiting].slice(-maxEntries))
        schedule(RETRY_FLUSH_MS)
      }
    })
    return writing
  }

  void ensureLoaded()
  return {
    async get(keys) {
      await ensureLoaded()
      return memory.get(keys)
    },
    async put(answers) {
      await memory.put(answers)
      for (const answer of answers) waiting.set(answer.key, answer)
      if (waiting.size >= (options.batchRows ?? DEFAULT_BATCH_ROWS)) void flush()
      else schedule(options.flushMs ?? DEFAULT_FLUSH_MS)
    },
    flush,
    async close() {
      closed = true
      clearTimeout(timer)
      await flush()
      await memory.close()
    },
  }
}
