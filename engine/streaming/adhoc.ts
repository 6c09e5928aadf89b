import type { Query } from '../../dialect/ast.js'
import type { OutputColumn, QueryContext, StreamingQuery } from '../contracts.js'
import { EngineError } from '../errors.js'
import { build } from './build.js'
import type { Delta } from './operator.js'
import { Pipe, type StreamingDeps } from './pipe.js'
import { Pump } from './pump.js'
import { limitNumber } from './syntax.js'

/** A continuous query for one client: nothing of it survives the client. */
export async function startQuery(
  deps: StreamingDeps,
  id: string,
  query: Query,
  context: QueryContext,
): Promise<AdhocQuery> {
  const pipe = new Pipe(id, undefined, deps, context)
  try {
    const { inner, limit, offset } = takeLimit(query)
    const { root, scans } = await build(pipe, inner)
    return new AdhocQuery(pipe, new Pump(root, scans), limit, offset, context)
  } catch (cause) {
    await pipe.close(true)
    throw cause
  }
}

/** LIMIT and OFFSET count the rows of all emissions, so they are taken off the root. */
export function takeLimit(query: Query): { inner: Query; limit?: number; offset: number } {
  if (query.kind === 'union') return { inner: query, offset: 0 }
  const { limit, offset, ...inner } = query
  return { inner, limit: limitNumber(limit, 'LIMIT'), offset: limitNumber(offset, 'OFFSET') ?? 0 }
}

export class AdhocQuery implements StreamingQuery {
  readonly columns: OutputColumn[]
  readonly emissions: AsyncIterable<{ sql: string }>
  readonly #stop = new AbortController()
  #reason: unknown
  #closing: Promise<void> | undefined

  constructor(
    readonly pipe: Pipe,
    readonly pump: Pump,
    readonly limit: number | undefined,
    readonly offset: number,
    context: QueryContext,
  ) {
    this.columns = pump.root.columns
    this.emissions = { [Symbol.asyncIterator]: () => this.#run() }
    const abort = () => void this.cancel(context.signal.reason)
    if (context.signal.aborted) abort()
    else {
      context.signal.addEventListener('abort', abort, { once: true })
      pipe.onClose(async () => context.signal.removeEventListener('abort', abort))
    }
  }

  /** Ends the query. With an EngineError as reason the client's iteration fails with it, else it just ends. */
  async cancel(reason?: unknown): Promise<void> {
    this.#reason ??= reason
    this.#stop.abort()
    // Not begun, or waiting for a client that may never come back: nobody else will close it.
    if (!this.#running || this.#handedOut) await this.#close()
  }

  #running = false
  /** An emission is with the client. */
  #handedOut = false

  async *#run(): AsyncGenerator<{ sql: string }> {
    this.#running = true
    try {
      let skip = this.offset
      let left = this.limit
      while (left !== 0) {
        const batch = await this.pump.next(this.#stop.signal)
        if (!batch) break
        const started = Date.now()
        const delta = await this.pump.step(batch)
        const tookMs = Date.now() - started
        if (delta) {
          if (left === undefined && skip === 0) yield* this.#hand(selectAll(delta))
          else {
            const { rows, sql } = await this.#window(delta, skip, left)
            const passed = Math.max(0, rows - skip)
            skip = Math.max(0, skip - rows)
            if (passed > 0) yield* this.#hand(sql)
            if (left !== undefined) left = Math.max(0, left - passed)
          }
        }
        await this.pump.finish(batch, tookMs)
        await this.pipe.endBatch()
      }
      if (this.#stop.signal.aborted && this.#reason instanceof EngineError) throw this.#reason
    } finally {
      this.#running = false
      await this.#close()
    }
  }

  *#hand(sql: string): Generator<{ sql: string }> {
    this.#handedOut = true
    yield { sql }
    this.#handedOut = false
  }

  /** The rows that OFFSET and LIMIT leave of an emission. It is kept, so that counting does not run it twice. */
  async #window(
    delta: Delta,
    skip: number,
    left: number | undefined,
  ): Promise<{ rows: number; sql: string }> {
    const scratch = await this.pipe.scratch('limit', delta)
    const kept = await scratch.keep(delta)
    const [row] = await this.pipe.deps.chdb.rows<[string]>(`SELECT count() FROM ${kept.sql}`)
    const limit = left === undefined ? '18446744073709551615' : String(left)
    return { rows: Number(row![0]), sql: `${selectAll(kept)} LIMIT ${skip}, ${limit}` }
  }

  #close(): Promise<void> {
    this.pump.close()
    this.#closing ??= this.pipe.close(true)
    return this.#closing
  }
}

function selectAll(delta: Delta): string {
  return `SELECT * FROM ${delta.sql}`
}
