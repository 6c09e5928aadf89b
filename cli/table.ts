import { widthOf } from './width.js'

export interface TableColumn {
  title: string
  align?: 'left' | 'right'
  /** Longer cells are cut with an ellipsis. */
  maxWidth?: number
}

/** An aligned text table with a header rule. Wide characters count as terminals show them. */
export function renderTable(columns: TableColumn[], rows: unknown[][]): string {
  const cells = rows.map((row) => columns.map((column, i) => cut(cellText(row[i]), column.maxWidth)))
  const widths = columns.map((column, i) =>
    Math.max(widthOf(column.title), ...cells.map((row) => widthOf(row[i]!))),
  )
  const line = (texts: string[]) =>
    texts
      .map((text, i) => pad(text, widths[i]!, columns[i]!.align ?? 'left'))
      .join('  ')
      .trimEnd()
  return [
    line(columns.map((column) => column.title)),
    widths.map((width) => '─'.repeat(width)).join('  '),
    ...cells.map(line),
  ].join('\n')
}

/** How a value of a result looks in a table: NULL apart from the empty string, control characters visible. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return 'ᴺᵁᴸᴸ'
  const text = typeof value === 'object' ? JSON.stringify(value, bigintText) : String(value)
  // A name from outside must not be able to move the cursor or colour the terminal.
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

function cut(text: string, maxWidth = 60): string {
  if (widthOf(text) <= maxWidth) return text
  let short = ''
  for (const char of text) {
    if (widthOf(short + char) >= maxWidth) break
    short += char
  }
  return `${short}…`
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'left' ? text + blanks : blanks + text
}
