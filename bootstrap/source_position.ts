export interface SourcePosition {
  /** 1-based. */
  line: number
  /** 1-based, in characters. */
  column: number
  /** `file:line:column`. */
  where: string
  /** The line with a caret under the place. */
  excerpt: string
}

/** Where an offset lies, for a reader of the file. */
export function positionIn(path: string, source: string, offset: number): SourcePosition {
  const before = source.slice(0, offset)
  const line = before.split('\n').length
  const lineStart = before.lastIndexOf('\n') + 1
  const column = offset - lineStart + 1
  const text = source
    .slice(lineStart)
    .split('\n', 1)[0]!
    .replace(/[\t\r]/g, ' ')
  const from = Math.max(0, column - 60)
  const prefix = `${line} | ${from > 0 ? '…' : ''}`
  const caret = `${' '.repeat(prefix.length + column - 1 - from)}^`
  return {
    line,
    column,
    where: `${path}:${line}:${column}`,
    excerpt: `${prefix}${text.slice(from, from + 100)}\n${caret}`,
  }
}
