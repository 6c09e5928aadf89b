import { cellText } from '../table.js'
import { widthOf } from '../width.js'

/** Rows looked at before the widths of a running table are fixed. */
const SAMPLE_ROWS = 200
const MAX_WIDTH = 48

/**
 * Prints rows as an aligned table while they come: the first rows (or whatever there is at `flush`) fix the
 * widths; a longer cell later pushes its line out, so nothing is ever hidden or held back.
 */
export class TableWriter {
  readonly #titles: string[]
  readonly #numeric: boolean[]
  readonly #write: (text: string) => Promise<void>
  #widths?: number[]
  #sample: string[][] = []
  rows = 0

  constructor(columns: { name: string; type: string }[], write: (text: string) => Promise<void>) {
    this.#titles = columns.map((column) => column.name)
    this.#numeric = columns.map((column) => /^(nullable\()?(u?int|float|decimal)/.test(column.type))
    this.#write = write
  }

  async row(values: unknown[]): Promise<void> {
    this.rows++
    const cells = values.map(cellText)
    // A text of several lines in a column of its own (SHOW CREATE) is there to be read, not to be aligned.
    if (values.length === 1 && typeof values[0] === 'string' && values[0].includes('\n')) {
      await this.flush()
      return this.#write(`${values[0].split('\n').map(cellText).join('\n')}\n`)
    }
    if (this.#widths) return this.#write(`${this.#line(cells)}\n`)
    this.#sample.push(cells)
    if (this.#sample.length >= SAMPLE_ROWS) await this.flush()
  }

  /** Shows what has come so far (a pause in the stream, or its end). */
  async flush(): Promise<void> {
    if (this.#widths) return
    this.#widths = this.#titles.map((title, i) =>
      Math.max(widthOf(title), ...this.#sample.map((cells) => Math.min(MAX_WIDTH, widthOf(cells[i] ?? '')))),
    )
    const lines = [
      this.#line(this.#titles),
      this.#widths.map((width) => '─'.repeat(width)).join('  '),
      ...this.#sample.map((cells) => this.#line(cells)),
    ]
    this.#sample = []
    await this.#write(`${lines.join('\n')}\n`)
  }

  #line(cells: string[]): string {
    return cells
      .map((cell, i) => {
        const blanks = ' '.repeat(Math.max(0, (this.#widths![i] ?? 0) - widthOf(cell)))
        return this.#numeric[i] ? blanks + cell : cell + blanks
      })
      .join('  ')
      .trimEnd()
  }
}
