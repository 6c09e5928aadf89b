/** The text of results where it names types or times: everything that the store would spell its own way. */
import { quoteIdentifier } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import type { OutputFormat } from './formats.js'
import { zonedText } from './zoned_times.js'

/** A SELECT over the store → the SELECT whose text result reads as Proton's. */
export function renderedSelect(sql: string, columns: OutputColumn[], format: OutputFormat): string {
  if (format.layout === 'binary' || format.name === 'Null') return sql
  const texts = columns.map((column) => zonedText(column.chType, `_q.${quoteIdentifier(column.name)}`))
  if (texts.every((text) => text === undefined)) return sql
  if (new Set(columns.map((column) => column.name)).size < columns.length) return sql
  const list = columns.map((column, i) => {
    const name = quoteIdentifier(column.name)
    // The inner result is read through a qualifier, so that an alias never shadows what it is made of.
    return texts[i] === undefined ? `_q.${name}` : `${texts[i]} AS ${name}`
  })
  return `SELECT ${list.join(', ')} FROM (${sql}) AS _q SETTINGS query_plan_remove_redundant_sorting = 0`
}

/** Header lines of the `WithNames` and `WithNamesAndTypes` formats. */
export function headerLines(columns: OutputColumn[], format: OutputFormat): string {
  if (format.header === 'none') return ''
  const names = headerLine(
    columns.map((column) => column.name),
    format,
  )
  if (format.header === 'names') return names
  return (
    names +
    headerLine(
      columns.map((column) => column.type),
      format,
    )
  )
}

function headerLine(cells: string[], format: OutputFormat): string {
  if (format.base === 'CSV') return `${cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(',')}\n`
  if (format.base.startsWith('JSON')) return `[${cells.map((cell) => JSON.stringify(cell)).join(', ')}]\n`
  if (format.base === 'TabSeparatedRaw' || format.base === 'LineAsString') return `${cells.join('\t')}\n`
  return `${cells.map(escapeTsv).join('\t')}\n`
}

const TSV_ESCAPES: Record<string, string> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\0': '\\0',
  "'": "\\'",
}

export function escapeTsv(text: string): string {
  // biome-ignore lint/complexity/useRegexLiterals: control characters read better by name
  return text.replace(new RegExp("[\\\\\t\n\r\b\f\0']", 'g'), (c) => TSV_ESCAPES[c]!)
}

const JSON_DATA = '\n\t"data":'
const XML_DATA = '\n\t<data>'

/** The part of a document before its data, with Proton's types. */
export function documentHead(columns: OutputColumn[], format: OutputFormat): string {
  if (format.layout === 'xml') {
    const items = columns.map(
      (c) =>
        `\t\t\t<column>\n\t\t\t\t<name>${escapeXml(c.name)}</name>\n\t\t\t\t<type>${escapeXml(c.type)}</type>\n\t\t\t</column>\n`,
    )
    return `<?xml version='1.0' encoding='UTF-8' ?>\n<result>\n\t<meta>\n\t\t<columns>\n${items.join('')}\t\t</columns>\n\t</meta>`
  }
  const items = columns.map(
    (c) => `\t\t{\n\t\t\t"name": ${JSON.stringify(c.name)},\n\t\t\t"type": ${JSON.stringify(c.type)}\n\t\t}`,
  )
  return `{\n\t"meta":\n\t[\n${items.join(',\n')}\n\t],\n`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Replaces the head of a document as its chunks pass. */
export async function* withHead(
  chunks: AsyncIterable<Uint8Array>,
  columns: OutputColumn[],
  format: OutputFormat,
): AsyncIterable<Uint8Array> {
  const marker = Buffer.from(format.layout === 'xml' ? XML_DATA : JSON_DATA)
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of chunks) {
    if (head === undefined) {
      yield chunk
      continue
    }
    head = Buffer.concat([head, chunk])
    const at = head.indexOf(marker)
    if (at < 0) continue
    yield Buffer.from(documentHead(columns, format))
    yield head.subarray(at)
    head = undefined
  }
  if (head !== undefined && head.length > 0) yield head
}

/** Rows of a JSON or XML document: what stands between the brackets of its data. */
export function documentRows(document: string, format: OutputFormat): string {
  const [open, close] =
    format.layout === 'xml' ? ['\n\t<data>\n', '\t</data>\n'] : ['\n\t"data":\n\t[\n', '\n\t],\n\n\t"rows"']
  const start = document.indexOf(open)
  const end = document.lastIndexOf(close)
  return start < 0 || end < start + open.length ? '' : document.slice(start + open.length, end)
}
