/** Results → bytes on the wire. */
import type { Chdb, OutputColumn, StatementResult, StreamingQuery } from '../contracts.js'
import { callsUserFunction } from '../udf/names.js'
import type { ResponseBody } from './body.js'
import { type OutputFormat, printSettings } from './formats.js'
import { prettyStyle, prettyTables } from './pretty.js'
import { readAhead } from './read_ahead.js'
import { Document, renderedSelect } from './render.js'

type Rows = Extract<StatementResult, { kind: 'rows' }>

/** The largest result in a format that cannot be put together from parts. */
const MAX_WHOLE_BYTES = 1 << 30
/** What may wait in memory for a slow client. */
const READ_AHEAD_BYTES = 4 << 20

/** Settings of a query that shape its text or bound its work, passed on to the store as they are. */
const PASSED_ON =
  /^(?:max_execution_time$|max_result_rows$|max_result_bytes$|result_overflow_mode$|max_rows_to_read$|max_memory_usage$|max_threads$|max_block_size$|output_format_|format_csv_delimiter|format_custom_|format_tsv_null|format_csv_null|date_time_output_format|format_schema)/

export function storeSettings(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => PASSED_ON.test(name)))
}

export interface WriteOptions {
  chdb: Chdb
  format: OutputFormat
  settings: Record<string, string>
  /** The query's id: what a kill aims at. */
  tag: string
  signal: AbortSignal
}

/** A bounded result, chunk by chunk: memory stays flat, a slow client holds back the store. */
export async function* boundedResult(rows: Rows, options: WriteOptions): AsyncIterable<Uint8Array | string> {
  const { format } = options
  if (format.layout === 'pretty') {
    for await (const { text } of drawn(rows.sql, rows.columns, options)) yield text
    return
  }
  if (!format.stitched) {
    const sql = renderedSelect(rows.sql, rows.columns, format)
    // Such a result is held whole.
    const settings = { max_result_bytes: String(MAX_WHOLE_BYTES), ...options.settings }
    yield await options.chdb.run(sql, runOptions({ ...options, settings }))
    return
  }
  const document = new Document(rows.columns, format)
  // Nothing goes out before the store has given its first rows: an error until then is the whole answer.
  let opening: string | undefined = document.opening()
  for await (const chunk of storeChunks(rows.sql, rows.columns, options)) {
    if (opening !== undefined) yield opening
    opening = undefined
    yield document.part(chunk)
  }
  yield (opening ?? '') + document.closing(true)
}

function runOptions(options: WriteOptions) {
  return {
    format: options.format.base,
    settings: { ...printSettings(options.format), ...storeSettings(options.settings) },
    tag: options.tag,
    signal: options.signal,
  }
}

/** The store prints each chunk as a whole result in the format: with its own opening and closing, if the format has them. */
function storeChunks(sql: string, columns: OutputColumn[], options: WriteOptions): AsyncIterable<Uint8Array> {
  const chunks = options.chdb.stream(renderedSelect(sql, columns, options.format), runOptions(options))
  return readAhead(chunks, READ_AHEAD_BYTES)
}

/**
 * The rows of an emission. Where functions of users are called they are read at once: the store does not tell a
 * stream that such a function has failed before another statement runs.
 */
async function* emissionChunks(
  sql: string,
  columns: OutputColumn[],
  options: WriteOptions,
): AsyncIterable<Uint8Array> {
  if (!callsUserFunction(sql)) yield* storeChunks(sql, columns, options)
  else yield await options.chdb.run(renderedSelect(sql, columns, options.format), runOptions(options))
}

function drawn(sql: string, columns: OutputColumn[], options: WriteOptions) {
  const style = prettyStyle(options.format, options.settings)
  return prettyTables(emissionChunks(sql, columns, options), columns, style)
}

/**
 * A streaming result: each emission as it comes. Documents (JSON, XML) are one document whose data grows,
 * closed when the query ends.
 */
export async function writeEmissions(
  query: StreamingQuery,
  body: ResponseBody,
  options: WriteOptions & { onRows(rows: number): void },
): Promise<void> {
  const document = new Document(query.columns, options.format)
  await body.write(document.opening())
  await body.flush()
  for await (const emission of query.emissions) {
    options.signal.throwIfAborted()
    if (options.format.layout === 'pretty') {
      for await (const { text, rows } of drawn(emission.sql, query.columns, options)) {
        await body.write(text)
        options.onRows(rows)
      }
      await body.flush()
      continue
    }
    const before = document.rows
    for await (const chunk of emissionChunks(emission.sql, query.columns, options)) {
      await body.write(document.part(chunk))
    }
    options.onRows(document.rows - before)
    await body.flush()
  }
  options.signal.throwIfAborted()
  await body.write(document.closing(false))
}
