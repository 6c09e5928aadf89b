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

const OPEN = { json: '\n\t"data":\n\t[\n', xml: '\n\t<data>\n' } as const
const CLOSE = { json: '\n\t],\n\n\t"rows"', xml: '\t</data>\n' } as const

/**
 * One result put together from chunks that the store printed each on its own: one opening with Proton's types,
 * the rows of every chunk, one closing.
 */
export class Document {
  readonly #columns: OutputColumn[]
  readonly #format: OutputFormat
  readonly #startedAt = performance.now()
  #bytes = 0
  #separator = ''
  rows = 0

  constructor(columns: OutputColumn[], format: OutputFormat) {
    this.#columns = columns
    this.#format = format
  }

  opening(): string {
    const { layout } = this.#format
    if (layout === 'json') return jsonHead(this.#columns) + OPEN.json
    if (layout === 'xml') return xmlHead(this.#columns) + OPEN.xml
    return headerLines(this.#columns, this.#format)
  }

  /** What a chunk adds. */
  part(chunk: Uint8Array): Uint8Array | string {
    const { layout } = this.#format
    this.#bytes += chunk.length
    if (layout === 'rows' || layout === 'block' || layout === 'binary') {
      this.rows += countLines(chunk)
      return chunk
    }
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('utf8')
    if (layout === 'values') return this.#joined(text, ',', 0)
    if (layout === 'xml')
      return this.#joined(
        between(text, OPEN.xml, CLOSE.xml),
        '',
        Number(/\n\t<rows>(\d+)/.exec(text.slice(-400))?.[1] ?? 0),
      )
    const count = Number(/\n\t"rows": (\d+)/.exec(text.slice(-400))?.[1] ?? 0)
    return count === 0 ? '' : this.#joined(between(text, OPEN.json, CLOSE.json), ',\n', count)
  }

  /** `bounded`: with the counts and times that a finished result ends in. */
  closing(bounded: boolean): string {
    const { layout } = this.#format
    const elapsed = (performance.now() - this.#startedAt) / 1000
    if (layout === 'json') {
      if (!bounded) return '\n\t]\n}\n'
      return `\n\t],\n\n\t"rows": ${this.rows},\n\n\t"statistics":\n\t{\n\t\t"elapsed": ${elapsed},\n\t\t"rows_read": ${this.rows},\n\t\t"bytes_read": ${this.#bytes}\n\t}\n}\n`
    }
    if (layout === 'xml') {
      if (!bounded) return '\t</data>\n</result>\n'
      return `\t</data>\n\t<rows>${this.rows}</rows>\n\t<statistics>\n\t\t<elapsed>${elapsed}</elapsed>\n\t\t<rows_read>${this.rows}</rows_read>\n\t\t<bytes_read>${this.#bytes}</bytes_read>\n\t</statistics>\n</result>\n`
    }
    return ''
  }

  #joined(text: string, separator: string, rows: number): string {
    if (text === '') return ''
    const joined = this.#separator + text
    this.#separator = separator
    this.rows += rows
    return joined
  }
}

function between(text: string, open: string, close: string): string {
  const start = text.indexOf(open)
  const end = text.lastIndexOf(close)
  return start < 0 || end < start + open.length ? '' : text.slice(start + open.length, end)
}

function countLines(chunk: Uint8Array): number {
  let lines = 0
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
  return lines
}

function jsonHead(columns: OutputColumn[]): string {
  const items = columns.map(
    (c) => `\t\t{\n\t\t\t"name": ${JSON.stringify(c.name)},\n\t\t\t"type": ${JSON.stringify(c.type)}\n\t\t}`,
  )
  return `{\n\t"meta":\n\t[\n${items.join(',\n')}\n\t],\n`
}

function xmlHead(columns: OutputColumn[]): string {
  const items = columns.map(
    (c) =>
      `\t\t\t<column>\n\t\t\t\t<name>${escapeXml(c.name)}</name>\n\t\t\t\t<type>${escapeXml(c.type)}</type>\n\t\t\t</column>\n`,
  )
  return `<?xml version='1.0' encoding='UTF-8' ?>\n<result>\n\t<meta>\n\t\t<columns>\n${items.join('')}\t\t</columns>\n\t</meta>`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
