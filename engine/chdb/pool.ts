import { totalmem } from 'node:os'
import type { Chdb, RunOptions } from '../contracts.js'
import { EngineError } from '../errors.js'
import { callsUserFunction } from '../udf/names.js'
import { storeError } from './errors.js'
import { type ChdbModule, type ChdbSession, loadChdb } from './module.js'
import { settleSchemas } from './schemas.js'
import { Slots } from './slots.js'
import { Turns } from './turns.js'

/** Sessions for ordinary statements: the number of them that run at once. */
const WORKERS = 3
/** Sessions for what may take long: statements of clients, results that are read in chunks as fast as a client reads. */
const MAX_STREAMS = 64

/** Threads of the process in which calls of the store wait, libuv's: set when it starts (UV_THREADPOOL_SIZE), or 4. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4
/** Of these the engine's own statements always find some: what may take long uses the others. */
const KEPT_THREADS = 2
const KILL_AGAIN_MS = 200

/** What one statement may hold in memory unless it says otherwise: half of what there is. */
function memoryOfStatement(): number {
  const constrained = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  return Math.floor(Math.min(totalmem(), constrained) / 2)
}

/** Inserted data travels inside statements, so a statement may be large. Times without a zone are UTC everywhere. */
const SESSION_ARGS = [
  '--max_query_size=4000000000',
  '--output_format_json_quote_64bit_integers=1',
  '--session_timezone=UTC',
  // A timer for each thread of each statement, for profiles that nobody reads.
  '--query_profiler_real_time_period_ns=0',
  '--query_profiler_cpu_time_period_ns=0',
  // Machine code for expressions takes tens of milliseconds to make; numbers that change from batch to batch are part of them.
  '--compile_expressions=0',
  // Values of a JSON path have a type each.
  '--allow_suspicious_types_in_group_by=1',
  '--allow_suspicious_types_in_order_by=1',
  // Functions that Proton still has.
  '--allow_deprecated_error_prone_window_functions=1',
  '--allow_experimental_funnel_functions=1',
] as const

export interface ChdbOptions {
  dir: string
  /** `clickhouse local` arguments, such as `--config-file=…`. */
  connectionArgs?: readonly string[]
  /** Tells whose failure a message of the store is, where it is not the statement's own: a function's process. */
  explainError?(message: string, cause: unknown, sql: string): Error | undefined
}

/**
 * A pool of sessions on one directory. One process may hold a directory; a second one is refused by
 * the store, which `openChdb` turns into a sentence.
 */
export async function openChdb(options: ChdbOptions): Promise<Chdb> {
  const module = await loadChdb()
  return new SessionPool(module, options)
}

class SessionPool implements Chdb {
  readonly #storeError: (cause: unknown, sql: string) => Error
  readonly #open: () => ChdbSession
  readonly #workers: ChdbSession[] = []
  readonly #turns: Turns<ChdbSession>
  readonly #control: ChdbSession
  readonly #long = new Slots(Math.max(1, THREADS - KEPT_THREADS))
  readonly #idleStreams: ChdbSession[] = []
  readonly #streamWaiters: (() => void)[] = []
  #streams = 0
  #closed = false

  constructor(module: ChdbModule, options: ChdbOptions) {
    this.#storeError = (cause, sql) =>
      (cause instanceof Error && options.explainError?.(cause.message, cause, sql)) || storeError(cause)
    const memory = `--max_memory_usage=${memoryOfStatement()}`
    const connectionArgs = [...SESSION_ARGS, memory, ...(options.connectionArgs ?? [])]
    this.#open = () => new module.Session(options.dir, { connectionArgs })
    try {
      this.#control = this.#open()
    } catch (cause) {
      throw storeError(cause)
    }
    settleSchemas(this.#control, options.dir)
    for (let i = 0; i < WORKERS; i++) this.#workers.push(this.#open())
    this.#turns = new Turns(this.#workers)
  }

  async run(sql: string, options: RunOptions = {}): Promise<Uint8Array> {
    options.signal?.throwIfAborted()
    return this.#execute(withSettings(sql, options), options.format ?? 'JSONCompactEachRow', options)
  }

  async rows<T extends unknown[] = unknown[]>(sql: string, options: RunOptions = {}): Promise<T[]> {
    const bytes = await this.run(sql, { ...options, format: 'JSONCompactEachRow' })
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T)
  }

  async insertSelect(insert: Parameters<Chdb['insertSelect']>[0]): Promise<void> {
    const settings: Record<string, string | number> = {
      ...ONE_PART,
      ...insert.settings,
      ...(insert.token === undefined
        ? { insert_deduplicate: 0 }
        : { insert_deduplicate: 1, insert_deduplication_token: insert.token, ...ONE_CHUNK }),
      ...(insert.tag === undefined ? {} : { log_comment: insert.tag }),
    }
    const columns = insert.columns.map(quoteIdentifier).join(', ')
    const select = insert.token === undefined ? insert.select : oneChunk(insert.select, insert.rising)
    await this.#execute(
      `INSERT INTO ${insert.table} (${columns}) SETTINGS ${settingsText(settings)} ${select}`,
      'Null',
      insert,
    )
  }

  async *stream(sql: string, options: RunOptions = {}): AsyncIterable<Uint8Array> {
    options.signal?.throwIfAborted()
    const session = await this.#takeStreamSession()
    try {
      const result = session.queryStream(withSettings(sql, options), {
        format: options.format ?? 'JSONCompactEachRow',
      })
      const endKilling = this.#killOnAbort(options.tag, options.signal)
      try {
        const chunks = result[Symbol.asyncIterator]()
        for (;;) {
          const { done, value } = await this.#long.run(() => chunks.next())
          options.signal?.throwIfAborted()
          if (done) break
          yield value.raw()
        }
      } finally {
        endKilling()
        result.cancel()
      }
    } catch (cause) {
      throw this.#storeError(cause, sql)
    } finally {
      this.#giveBack(session)
    }
  }

  async describe(select: string): Promise<{ name: string; type: string }[]> {
    const rows = await this.rows<[string, string]>(`DESCRIBE (${select})`)
    return rows.map(([name, type]) => ({ name, type }))
  }

  async kill(tag: string): Promise<void> {
    if (this.#closed) return
    // Never SYNC: it would wait inside the store for a query that may be waiting for us.
    await this.#control.queryAsync(`KILL QUERY WHERE Settings['log_comment'] = ${quoteString(tag)} ASYNC`, {
      format: 'Null',
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const session of [...this.#workers, ...this.#idleStreams, this.#control]) {
      session.close()
    }
  }

  /** A statement with a tag is a client's: it may take long, and has a session to itself so that no other waits for it. */
  async #execute(
    sql: string,
    format: string,
    by: { tag?: string; signal?: AbortSignal },
  ): Promise<Uint8Array> {
    if (this.#closed) throw new EngineError('QUERY_WAS_CANCELLED', 'The engine is shutting down')
    const { tag, signal } = by
    // The failure of a user's function reaches an ordinary session only; its time is limited by itself.
    if (tag !== undefined && !callsUserFunction(sql)) return this.#executeAlone(sql, format, tag, signal)
    return this.#turns.run(async (session) => {
      if (this.#closed) throw new EngineError('QUERY_WAS_CANCELLED', 'The engine is shutting down')
      // It may have been killed while it waited.
      signal?.throwIfAborted()
      const endKilling = this.#killOnAbort(tag, signal)
      try {
        return (await session.queryAsync(sql, { format })).bytes()
      } catch (cause) {
        throw this.#storeError(cause, sql)
      } finally {
        endKilling()
      }
    })
  }

  async #executeAlone(
    sql: string,
    format: string,
    tag: string,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const session = await this.#takeStreamSession()
    const endKilling = this.#killOnAbort(tag, signal)
    try {
      return await this.#long.run(async () => {
        signal?.throwIfAborted()
        return (await session.queryAsync(sql, { format })).bytes()
      })
    } catch (cause) {
      throw this.#storeError(cause, sql)
    } finally {
      endKilling()
      this.#giveBack(session)
    }
  }

  /** Kills until the statement has ended: one that is about to begin is not to be found yet. */
  #killOnAbort(tag: string | undefined, signal: AbortSignal | undefined): () => void {
    if (tag === undefined || !signal) return () => {}
    let again: NodeJS.Timeout | undefined
    const kill = () => {
      this.kill(tag).catch(() => {})
      again = setTimeout(kill, KILL_AGAIN_MS)
    }
    signal.addEventListener('abort', kill, { once: true })
    return () => {
      signal.removeEventListener('abort', kill)
      clearTimeout(again)
    }
  }

  #giveBack(session: ChdbSession): void {
    if (this.#closed) session.close()
    else this.#idleStreams.push(session)
    this.#streamWaiters.shift()?.()
  }

  async #takeStreamSession(): Promise<ChdbSession> {
    for (;;) {
      const idle = this.#idleStreams.pop()
      if (idle) return idle
      if (this.#streams < MAX_STREAMS) {
        this.#streams++
        return this.#open()
      }
      await new Promise<void>((resolve) => this.#streamWaiters.push(resolve))
    }
  }
}

/** Squash a whole INSERT … SELECT into one block, hence one part, hence all or nothing after a crash. */
const ONE_PART = {
  max_insert_threads: 1,
  min_insert_block_size_rows: 100_000_000,
  min_insert_block_size_bytes: 10_000_000_000,
} as const

/**
 * The store's identity of an insert is made of the token and of the number of chunks that the SELECT came in,
 * which depends on the parts that its tables happen to consist of: merged parts would make a repetition look
 * new. A sort over a computed column, with blocks without limit, gives one chunk always, in the rows' order.
 */
function oneChunk(select: string, rising: string | undefined): string {
  if (rising !== undefined) return `${select} ORDER BY ${quoteIdentifier(rising)}`
  return `SELECT * EXCEPT (__row) FROM (SELECT *, rowNumberInAllBlocks() AS __row FROM (${select})) ORDER BY __row`
}

/** A sort of several streams hands chunks through where their ranges do not overlap. */
const ONE_CHUNK = { max_block_size: 1_000_000_000, max_threads: 1 } as const

function withSettings(sql: string, options: RunOptions): string {
  const settings = { ...options.settings, ...(options.tag === undefined ? {} : { log_comment: options.tag }) }
  return Object.keys(settings).length === 0 ? sql : `${sql} SETTINGS ${settingsText(settings)}`
}

function settingsText(settings: Record<string, string | number>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${typeof value === 'number' ? value : quoteString(value)}`)
    .join(', ')
}

/** A string literal of the store: nothing in `text` can end it. */
export function quoteString(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&').replaceAll('\0', '\\0')}'`
}

/** A quoted identifier of the store. */
export function quoteIdentifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, '\\$&')}\``
}
