/**
 * Splits what is typed into statements. Only strings, comments and `;` matter here: the server judges the rest,
 * so that the console never refuses a statement that the server knows and this parser does not.
 */
export interface SplitResult {
  /** Complete statements, without their `;`. */
  complete: string[]
  /** What is typed so far of the next one. */
  rest: string
}

export function splitStatements(text: string): SplitResult {
  const complete: string[] = []
  let start = 0
  let i = 0
  while (i < text.length) {
    const skipped = skipQuoted(text, i)
    if (skipped === undefined) return { complete, rest: text.slice(start) }
    if (skipped > i) {
      i = skipped
      continue
    }
    if (text[i] === ';') {
      const statement = text.slice(start, i).trim()
      if (statement !== '') complete.push(statement)
      start = i + 1
    }
    i++
  }
  return { complete, rest: text.slice(start) }
}

/** Whether a string, quoted name, heredoc or comment is still open at the end of `text`. */
export function isInsideQuote(text: string): boolean {
  return splitStatements(`${text}\n;`).rest !== ''
}

/**
 * Where the string, quoted name, heredoc or comment that begins at `i` ends; `i` itself where none begins;
 * undefined where it is still open.
 */
function skipQuoted(text: string, i: number): number | undefined {
  const char = text[i]!
  if (char === "'" || char === '`' || char === '"') {
    for (let j = i + 1; j < text.length; j++) {
      if (text[j] === '\\') j++
      else if (text[j] === char) return j + 1
    }
    return undefined
  }
  if (char === '$') {
    const tag = /^\$\w*\$/.exec(text.slice(i, i + 64))?.[0]
    if (tag === undefined) return i
    const end = text.indexOf(tag, i + tag.length)
    return end < 0 ? undefined : end + tag.length
  }
  if (text.startsWith('--', i)) {
    const end = text.indexOf('\n', i)
    return end < 0 ? text.length : end
  }
  if (text.startsWith('/*', i)) {
    const end = text.indexOf('*/', i + 2)
    return end < 0 ? undefined : end + 2
  }
  return i
}
