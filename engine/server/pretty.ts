/**
 * The Pretty formats, drawn as 1.6.1 draws them: numbers and times stand right, a tab reaches to the next stop of
 * eight, and behind the last row that is shown stands how many there are. The store draws them otherwise.
 */
import { eastAsianWidth } from 'get-east-asian-width'
import type { OutputColumn } from '../contracts.js'
import type { OutputFormat } from './formats.js'

export interface PrettyStyle {
  kind: 'grid' | 'compact' | 'space'
  color: boolean
  ascii: boolean
  rowNumbers: boolean
  /** Rows that a result shows. */
  maxRows: number
  /** A wider value does not widen its column. */
  maxPadWidth: number
  /** A wider value is cut. */
  maxValueWidth: number
}

export function prettyStyle(format: OutputFormat, settings: Record<string, string>): PrettyStyle {
  const given = (name: string) => settings[`output_format_pretty_${name}`]
  const number = (name: string, fallback: number) => Number(given(name) ?? fallback)
  const on = (name: string, fallback: boolean) => /^(?:1|true)$/i.test(given(name) ?? String(fallback))
  return {
    kind: /^PrettySpace/.test(format.name)
      ? 'space'
      : /^PrettyCompact/.test(format.name)
        ? 'compact'
        : 'grid',
    color: !format.name.endsWith('NoEscapes') && on('color', true),
    ascii: given('grid_charset')?.toUpperCase() === 'ASCII',
    rowNumbers: on('row_numbers', false),
    maxRows: number('max_rows', 10_000),
    maxPadWidth: number('max_column_pad_width', 250),
    maxValueWidth: number('max_value_width', 10_000),
  }
}

/** Text of rows that one table holds at most; behind it another table begins. */
const TABLE_CHARACTERS = 1 << 20

/** The rows of a result, or of an emission, as tables. `chunks`: rows as JSON lists of texts, a line each. */
export async function* prettyTables(
  chunks: AsyncIterable<Uint8Array>,
  columns: OutputColumn[],
  style: PrettyStyle,
): AsyncIterable<{ text: string; rows: number }> {
  let rows: string[][] = []
  let characters = 0
  let before = 0
  const full = () => before + rows.length >= style.maxRows
  const table = () => ({ text: new Table(columns, rows, style).text(), rows: rows.length })
  for await (const chunk of chunks) {
    const lines = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('utf8').split('\n')
    for (const line of lines) {
      if (line === '' || full()) continue
      if (characters > TABLE_CHARACTERS) {
        yield table()
        before += rows.length
        rows = []
        characters = 0
      }
      rows.push(JSON.parse(line) as string[])
      characters += line.length
    }
    if (full()) break
  }
  if (rows.length > 0) yield table()
  if (rows.length > 0 && full())
    yield { text: `${ENDINGS[style.kind]}Showed first ${style.maxRows}.\n`, rows: 0 }
}

const ENDINGS = { grid: '  ', compact: '  ', space: '\n' } as const

/** A horizontal line: left corner, stroke, crossing, right corner. */
type Line = readonly [left: string, stroke: string, crossing: string, right: string]

interface Grid {
  top: Line
  names: Line
  between: Line
  bottom: Line
  compactTop: Line
  boldBar: string
  bar: string
  ellipsis: string
}

const UTF8: Grid = {
  top: ['┏', '━', '┳', '┓'],
  names: ['┡', '━', '╇', '┩'],
  between: ['├', '─', '┼', '┤'],
  bottom: ['└', '─', '┴', '┘'],
  compactTop: ['┌', '─', '┬', '┐'],
  boldBar: '┃',
  bar: '│',
  ellipsis: '⋯',
}
const PLUS: Line = ['+', '-', '+', '+']
const ASCII: Grid = {
  top: PLUS,
  names: PLUS,
  between: PLUS,
  bottom: PLUS,
  compactTop: PLUS,
  boldBar: '|',
  bar: '|',
  ellipsis: '~',
}

class Table {
  readonly #grid: Grid
  readonly #right: boolean[]
  readonly #nameWidths: number[]
  readonly #widths: number[] = []
  readonly #valueWidths: number[][]
  /** As wide as the number of the last row, with a dot and a blank; nothing where rows are not numbered. */
  readonly #numberWidth: number

  constructor(
    readonly columns: OutputColumn[],
    readonly rows: string[][],
    readonly style: PrettyStyle,
  ) {
    this.#grid = style.ascii ? ASCII : UTF8
    this.#right = columns.map(({ chType }) => standsRight(chType))
    this.#nameWidths = columns.map(({ name }) => Math.min(style.maxPadWidth, widthAt(0, name)))
    this.#valueWidths = rows.map(() => [])
    this.#numberWidth = style.rowNumbers ? String(rows.length).length + 2 : 0
    // How wide a tab is depends on where its column begins.
    let start = 2
    for (const [i, nameWidth] of this.#nameWidths.entries()) {
      let widest = nameWidth
      for (const [row, values] of rows.entries()) {
        const width = widthAt(start, this.#begin(values[i]!))
        this.#valueWidths[row]!.push(width)
        widest = Math.max(widest, Math.min(width, style.maxPadWidth, style.maxValueWidth))
      }
      this.#widths.push(widest)
      start += widest + 3
    }
  }

  text(): string {
    switch (this.style.kind) {
      case 'grid':
        return this.#gridTable()
      case 'compact':
        return this.#compactTable()
      case 'space':
        return this.#spaceTable()
    }
  }

  #gridTable(): string {
    const { top, names, between, bottom, boldBar, bar } = this.#grid
    const titles = this.columns.map(({ name }, i) => this.#painted(this.#filled(i, name, ' ')))
    return [
      this.#line(top),
      `${this.#blank()}${boldBar} ${titles.join(` ${boldBar} `)} ${boldBar}\n`,
      this.#line(names),
      this.rows.map((_, i) => this.#row(i, bar)).join(this.#line(between)),
      this.#line(bottom),
    ].join('')
  }

  #compactTable(): string {
    const { compactTop, bottom, bar } = this.#grid
    const [left, stroke, crossing, right] = compactTop
    const titles = this.columns.map(({ name }, i) => this.#filled(i, this.#painted(name), stroke))
    return [
      `${this.#blank()}${left}${stroke}${titles.join(stroke + crossing + stroke)}${stroke}${right}\n`,
      ...this.rows.map((_, i) => this.#row(i, bar)),
      this.#line(bottom),
    ].join('')
  }

  #spaceTable(): string {
    const titles = this.columns.map(({ name }, i) => this.#filled(i, this.#painted(name), ' '))
    const rows = this.rows.map((_, i) => `${this.#number(i)}${this.#cells(i).join(' ')}\n`)
    return `${this.#blank()} ${titles.join('   ')}\n\n${rows.join('')}`
  }

  #line([left, stroke, crossing, right]: Line): string {
    const strokes = this.#widths.map((width) => stroke.repeat(width + 2))
    return `${this.#blank()}${left}${strokes.join(crossing)}${right}\n`
  }

  #row(row: number, bar: string): string {
    return `${this.#number(row)}${bar}${this.#cells(row).join(bar)}${bar}\n`
  }

  #cells(row: number): string[] {
    return this.rows[row]!.map((value, i) => {
      const width = this.#valueWidths[row]![i]!
      const cut = width > this.style.maxValueWidth
      const text = cut ? ` ${this.#cut(value)}` : ` ${value} `
      const padding = ' '.repeat(Math.max(0, this.#widths[i]! - (cut ? this.style.maxValueWidth : width)))
      return this.#right[i] ? padding + text : text + padding
    })
  }

  /** As much of a value as tells whether it is too wide: the rest is not shown then. */
  #begin(value: string): string {
    const enough = this.style.maxValueWidth * 4
    return value.length > enough ? value.slice(0, enough) : value
  }

  #cut(value: string): string {
    const begin = this.#begin(value)
    let kept = ''
    let width = 0
    for (const char of begin) {
      width += widthOf(char, width)
      if (width > this.style.maxValueWidth) break
      kept += char
    }
    const { ellipsis } = this.#grid
    return kept + (this.style.color ? `\x1b[31;1m${ellipsis}\x1b[0m` : ellipsis)
  }

  /** The text of a column's name, filled up to the width of the column. */
  #filled(i: number, name: string, filling: string): string {
    const padding = filling.repeat(Math.max(0, this.#widths[i]! - this.#nameWidths[i]!))
    return this.#right[i] ? padding + name : name + padding
  }

  #painted(text: string): string {
    return this.style.color ? `\x1b[1m${text}\x1b[0m` : text
  }

  #number(row: number): string {
    return this.style.rowNumbers ? `${row + 1}. `.padStart(this.#numberWidth) : ''
  }

  #blank(): string {
    return ' '.repeat(this.#numberWidth)
  }
}

/** Whether values of a type stand right: numbers and times do, truth values do not. */
function standsRight(chType: string): boolean {
  const bare = chType.replace(/^(?:(?:Nullable|LowCardinality)\()+/, '')
  return /^(?:U?Int\d|B?Float\d|Decimal|Date|Interval)/.test(bare)
}

/** Text whose width is its length. */
const NARROW = /^[\x20-\x7e]*$/
/** Combining marks, and characters that are not to be seen. */
const UNSEEN = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]$/u
const TAB = 9

/** Columns that a text takes where it begins behind so many others. */
function widthAt(start: number, text: string): number {
  if (NARROW.test(text)) return text.length
  let width = 0
  for (const char of text) width += widthOf(char, start + width)
  return width
}

/** Columns that a character takes there, as a terminal counts them: each code point by itself. */
function widthOf(char: string, at: number): number {
  const point = char.codePointAt(0)!
  if (point === TAB) return 8 - (at % 8)
  if (point >= 0x20 && point <= 0x7e) return 1
  return UNSEEN.test(char) ? 0 : eastAsianWidth(point)
}
