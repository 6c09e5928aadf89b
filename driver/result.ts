import { type ColumnInfo, type IntegerMode, type Row, rowBuilder } from './columns.js'
import { exceptionStart, ProtonError } from './errors.js'
import { jsonBatches, lateException, lineBatches } from './lines.js'
import { type Answer, type Call, transportError } from './transport.js'

export interface QueryResult<R = Row> {
  /** The rows, once. Leaving the loop early aborts the query. */
  rows: AsyncIterable<R>
  /** The same rows in the portions in which they arrive: use either this or `rows`. */
  batches: AsyncIterable<R[]>
  /** Names and types, known with the head of the answer. Empty for statements without a result. */
  readonly columns: Promise<ColumnInfo[]>
  queryId: string
  /** Ends the query here and on the server. The loop over `rows` then ends without an error. */
  abort(): Promise<void>
}

interface Source {
  answer: Promise<Answer>
  call: Call
  /** Aborts the request when the caller asks for it. */
  controller: AbortController
  userSignal?: AbortSignal
  integers: IntegerMode
  /** Ends the query on the server. */
  stop: () => Promise<void>
}

export function resultOf<R>(source: Source): QueryResult<R> {
  const { call, controller } = source
  let settle!: { resolve: (columns: ColumnInfo[]) => void; reject: (error: unknown) => void }
  const columns = new Promise<ColumnInfo[]>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Nobody has to ask for the columns; a failure reaches the reader of the rows.
  columns.catch(() => {})
  let ended = false
  let stopped: Promise<void> | undefined
  const abort = (): Promise<void> => {
    if (ended) return stopped ?? Promise.resolve()
    ended = true
    controller.abort()
    stopped = source.stop()
    return stopped
  }

  async function* batches(): AsyncGenerator<R[]> {
    try {
      const answer = await source.answer
      const context = { queryId: call.queryId, url: call.url.origin }
      let build: ((values: unknown[]) => Row) | undefined
      let names: string[] | undefined
      const withHeader = headerExpected(answer)
      for await (const batch of jsonBatches(lineBatches(answer.body), context)) {
        if (!withHeader) {
          yield batch as R[]
          continue
        }
        let first = 0
        if (!names) names = batch[first++] as string[]
        if (!build && first < batch.length) {
          const types = batch[first++] as string[]
          const infos = names.map((name, i) => ({ name, type: types[i]! }))
          settle.resolve(infos)
          build = rowBuilder(infos, source.integers)
        }
        if (build && first < batch.length) {
          const from = first === 0 ? batch : batch.slice(first)
          yield (from as unknown[][]).map(build) as R[]
        }
      }
      ended = true
      settle.resolve([])
    } catch (error) {
      const wasAborted = controller.signal.aborted && !source.userSignal?.aborted
      const failure = transportError(error, call)
      if (wasAborted) {
        settle.resolve([])
        return
      }
      settle.reject(failure)
      // The server has ended a query that it reports as failed; any other may still run there.
      if (failure.code === 0 && !failure.unreachable) await abort()
      ended = true
      throw failure
    } finally {
      if (!ended) await abort()
    }
  }

  const read = batches()
  let first: Promise<IteratorResult<R[]>> | undefined
  /** Begins to read. Whoever asks for the columns before the rows must not wait for ever. */
  const begin = () => {
    first ??= read.next()
    first.catch(() => {})
    return first
  }
  async function* fromFirst(): AsyncGenerator<R[]> {
    try {
      const { value, done } = await begin()
      if (done) return
      yield value
      yield* read
    } finally {
      await read.return(undefined)
    }
  }
  const all = fromFirst()
  async function* rows(): AsyncGenerator<R> {
    for await (const batch of all) yield* batch
  }
  return {
    rows: rows(),
    batches: all,
    get columns() {
      void begin()
      return columns
    },
    queryId: call.queryId!,
    abort,
  }
}

/** Which shape the rows have. A `FORMAT` in the SQL wins over ours, and may be one whose rows cannot be read. */
function headerExpected(answer: Answer): boolean {
  const format = answer.header('x-timeplus-format') ?? answer.header('x-proton-format')
  if (format === undefined || format === 'JSONCompactEachRowWithNamesAndTypes') return true
  if (format === 'JSONEachRow') return false
  answer.body.destroy()
  throw new ProtonError(`Rows cannot be read from format ${format}: leave FORMAT out, or use text().`, {
    code: 0,
    codeName: 'UNEXPECTED_ANSWER',
  })
}

/** An exception is the last thing in a body, and ends with the server's version. */
const TAIL_BYTES = 64 * 1024
const AT_END = /(?:^|\n|[\]}"])Code: \d+\. DB::(?:Net)?Exception: [\s\S]*\(version [^\n]*\)\s*$/

/** The whole body; throws the exception at its end, if there is one. */
export async function readText(answer: Answer, call: Call): Promise<string> {
  let text: string
  try {
    text = await answer.body.text()
  } catch (error) {
    throw transportError(error, call)
  }
  const tail = text.slice(-TAIL_BYTES)
  const late = AT_END.exec(tail)
  if (late) {
    const found = late[0].slice(exceptionStart(late[0]))
    throw lateException(found, { queryId: call.queryId, url: call.url.origin })
  }
  return text
}
