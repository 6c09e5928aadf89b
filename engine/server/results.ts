/** Results → bytes on the wire. */
import type { Chdb, OutputColumn, StatementResult, StreamingQuery } from '../contracts.js'
import type { ResponseBody } from './body.js'
import { type OutputFormat, printSettings } from './formats.js'
import { documentHead, documentRows, headerLines, renderedSelect, withHead } from './render.js'

type Rows = Extract<StatementResult, { kind: 'rows' }>

/** Settings of a query that shape its text, passed on to the store as they are. */
const TEXT_SETTING =
  /^(?:output_format_|format_csv_delimiter|format_custom_|format_tsv_null|format_csv_null|date_time_output_format)/

export function textSettings(settings: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => TEXT_SETTING.test(name)))
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
export async function* boundedResult(rows: Rows, options: WriteOptions): AsyncIterable<Uint8Array> {
  const { format } = options
  const chunks = storeText(rows.sql, rows.columns, options)
  if (format.layout === 'json' || format.layout === 'xml') {
    yield* withHead(chunks, rows.columns, format)
    return
  }
  const header = headerLines(rows.columns, format)
  let first = true
  for await (const chunk of chunks) {
    if (first && header !== '') yield Buffer.from(header)
    first = false
    yield chunk
  }
  if (first && header !== '') yield Buffer.from(header)
}

function storeText(sql: string, columns: OutputColumn[], options: WriteOptions): AsyncIterable<Uint8Array> {
  return options.chdb.stream(renderedSelect(sql, columns, options.format), {
    format: options.format.base,
    settings: { ...printSettings(options.format), ...textSettings(options.settings) },
    tag: options.tag,
    signal: options.signal,
  })
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
  const { format } = options
  const isDocument = format.layout === 'json' || format.layout === 'xml'
  const opening = isDocument
    ? documentHead(query.columns, format) + (format.layout === 'xml' ? '\n\t<data>\n' : '\n\t"data":\n\t[\n')
    : headerLines(query.columns, format)
  await body.write(opening)
  await body.flush()
  let separator = ''
  for await (const emission of query.emissions) {
    options.signal.throwIfAborted()
    let wrote = false
    if (isDocument || format.layout === 'values') {
      const parts: Uint8Array[] = []
      for await (const chunk of storeText(emission.sql, query.columns, options)) parts.push(chunk)
      const text = Buffer.concat(parts).toString('utf8')
      const rows = isDocument ? documentRows(text, format) : text
      if (rows !== '') {
        await body.write(separator + rows)
        wrote = true
        separator = format.layout === 'json' ? ',\n' : format.layout === 'values' ? ',' : ''
      }
    } else {
      for await (const chunk of storeText(emission.sql, query.columns, options)) {
        options.onRows(countLines(chunk))
        await body.write(chunk)
        wrote = true
      }
    }
    if (wrote) await body.flush()
  }
  options.signal.throwIfAborted()
  if (format.layout === 'json') await body.write('\n\t]\n}\n')
  if (format.layout === 'xml') await body.write('\t</data>\n</result>\n')
}

/** Rows of line formats; for others an estimate that nobody relies on (progress in `system.processes`). */
function countLines(chunk: Uint8Array): number {
  let lines = 0
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
  return lines
}
