import type { Query } from '../../dialect/ast.js'
import type { OutputColumn, QueryContext, StreamingQuery } from '../contracts.js'
import { EngineError } from '../errors.js'
import { build } from './build.js'
import type { Delta } from './operator.js'
import { Pipe, type StreamingDeps } from './pipe.js'
import type { Progress } from './progress.js'
import { Pump } from './pump.js'
import type { BatchRecord } from './records.js'
import { limitNumber } from './syntax.js'

/** A continuous query for one client. Nothing of it survives the client, unless its progress is kept. */
export async function startQuery(
  deps: StreamingDeps,
  id: string,
  query: Query,
  context: QueryContext,
  progress?: Progress,
): Promise<AdhocQuery> {
  const pipe = new Pipe(id, progress && id, deps, context)
  try {
    const { inner, limit, offset } = takeLimit(query)
    const { root, scans } = await build(pipe, inner)
    return new AdhocQuery(pipe, new Pump(root, scans), limit, offset, context, progress)
  } catch (cause) {
    await pipe.close(!progress)
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
  /** Rows of all emissions so far, where LIMIT or OFFSET count them. */
  #rows = 0
  /** The batch that an earlier process of a durable query was in the middle of. */
  #again: BatchRecord | undefined
  #hasEnded!: () => void
  /** Resolves when nothing of it runs any more. */
  readonly ended = new Promise<void>((resolve) => {
    this.#hasEnded = resolve
  })

  constructor(
    readonly pipe: Pipe,
    readonly pump: Pump,
    readonly limit: number | undefined,
    readonly offset: number,
    context: QueryContext,
    readonly progress?: Progress,
  ) {
    progress?.attach(pump)
    this.columns = pump.root.columns
    this.emissions = { [Symbol.asyncIterator]: () => this.#run() }
    const abort = () => void this.cancel(context.signal.reason)
    if (context.signal.aborted) abort()
    else {
      context.signal.addEventListener('abort', abort, { once: true })
      pipe.onClose(async () => context.signal.removeEventListener('abort', abort))
    }
  }

  /** Goes on where the records of a durable query are, before it begins. */
  async resume(): Promise<void> {
    this.#again = await this.progress!.resume()
    this.#rows = this.progress!.rowsOut
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
      while (this.#left !== 0) {
        const again = this.#again
        this.#again = undefined
        const batch = again?.batch ?? (await this.pump.next(this.#stop.signal))
        if (!batch) break
        const record = again ?? this.progress?.plan(batch)
        if (record) await this.progress!.begin(record)
        this.pipe.fault('recorded')
        const started = Date.now()
        const delta = await this.pump.step(batch)
        this.pipe.fault('stepped')
        const tookMs = Date.now() - started
        const before = this.#rows
        if (delta) yield* this.#emit(delta)
        await this.pump.finish(batch, tookMs)
        if (record) this.progress!.done(record, this.#rows - before)
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

  get #left(): number | undefined {
    return this.limit === undefined ? undefined : Math.max(0, this.limit + this.offset - this.#rows)
  }

  /** What OFFSET and LIMIT leave of an emission. It is kept where they count, so that counting does not run it twice. */
  async *#emit(delta: Delta): AsyncGenerator<{ sql: string }> {
    const left = this.#left
    if (left === undefined && this.offset === 0) {
      yield* this.#hand(selectAll(delta))
      return
    }
    const scratch = await this.pipe.scratch('limit', delta)
    const kept = await scratch.keep(delta)
    const [row] = await this.pipe.deps.chdb.rows<[string]>(`SELECT count() FROM ${kept.sql}`)
    const rows = Number(row![0])
    const skip = Math.max(0, this.offset - this.#rows)
    const end = Math.min(rows, left ?? rows)
    if (end > skip) yield* this.#hand(`${selectAll(kept)} LIMIT ${skip}, ${end - skip}`)
    this.#rows += end
  }

  #close(): Promise<void> {
    this.pump.close()
    this.#closing ??= this.#release()
    return this.#closing
  }

  async #release(): Promise<void> {
    try {
      // Where it cannot be written, the batch is run again and its tokens tell that it was through.
      await this.progress?.settle().catch(() => undefined)
      await this.pipe.close(!this.progress)
    } finally {
      this.#hasEnded()
    }
  }
}

function selectAll(delta: Delta): string {
  return `SELECT * FROM ${delta.sql}`
}
