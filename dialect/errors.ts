import type { Token } from './lexer.js'
import { UserError } from './user_error.js'

export type SyntaxReason =
  /** Something else was expected here. */
  | 'unexpected'
  /** A token that is none: an open quote, a stray character. */
  | 'lexical'
  | 'unmatched'
  | 'empty'
  | 'multi'
  | 'too_deep'
  /** The words are fine, together they are not allowed. */
  | 'rule'

export interface SyntaxErrorFields {
  source: string
  token: Token
  reason: SyntaxReason
  expected: string[]
  /** For `rule` and `too_deep`: the whole message. For `lexical`: what is wrong with the token. */
  text?: string
  /** Brackets without partner, in order (`unmatched`). */
  brackets?: string
  file?: string
}

/** Characters of the query that Proton shows behind the place of a syntax error. */
const SHOWN = 160

/**
 * Text that is no Proton SQL. `message` is for people; `protonMessage` reads as the server's
 * (`Syntax error: failed at position 11 (end of query): . Expected one of: …`), without code and trailer.
 */
export class SqlSyntaxError extends UserError {
  readonly reason: SyntaxReason
  /** UTF-16 offset into the source. */
  readonly offset: number
  /** 1-based. */
  readonly line: number
  /** 1-based, in characters of the line. */
  readonly column: number
  /** The offending token's text, `end of query` at the end. */
  readonly found: string
  readonly expected: string[]
  readonly protonMessage: string
  /** Proton's error code: 62, or 306 where the text is nested too deep. */
  readonly protonCode: 62 | 306

  constructor(fields: SyntaxErrorFields) {
    const { source, token, reason } = fields
    const { line, column } = lineAndColumn(source, token.start)
    const atEnd = token.kind === 'end' || token.text === ';'
    const found = atEnd ? 'end of query' : shorten(token.text, 60)
    const expected = [...new Set(fields.expected)]
    const what = describe(fields, found, atEnd, expected)
    super('SQL_SYNTAX', `Syntax error at line ${line}, column ${column}: ${what}`, {
      detail: excerpt(source, line, column),
      where: `${fields.file ?? 'query'}:${line}:${column}`,
    })
    this.name = 'SqlSyntaxError'
    this.reason = reason
    this.offset = token.start
    this.line = line
    this.column = column
    this.found = found
    this.expected = expected
    this.protonMessage = protonMessage(fields, atEnd, line, column, expected)
    this.protonCode = reason === 'too_deep' ? 306 : 62
  }
}

const OPERATORS = new Set(
  'DoubleColon Asterisk Dot / % MOD DIV + - || NOT BETWEEN GLOBAL IN LIKE ILIKE IS AND OR'.split(' '),
)

function describe(fields: SyntaxErrorFields, found: string, atEnd: boolean, expected: string[]): string {
  const quoted = atEnd ? found : `'${found}'`
  switch (fields.reason) {
    case 'empty':
      return 'there is no statement'
    case 'multi':
      return `one statement is allowed here, and ${quoted} begins another`
    case 'rule':
    case 'too_deep':
      return fields.text ?? ''
    case 'lexical':
      return `${fields.text}: ${quoted}`
    case 'unmatched':
      return `unmatched brackets: ${fields.brackets}`
    case 'unexpected': {
      // An operator may stand almost anywhere: what is special to this place comes first.
      const special = expected.filter((e) => !OPERATORS.has(e))
      const all = special.length > 0 ? special : expected
      const wanted = all.length > 12 ? [...all.slice(0, 12), '…'] : all
      return `found ${quoted}${wanted.length > 0 ? `, expected ${wanted.join(', ')}` : ''}`
    }
  }
}

function protonMessage(
  fields: SyntaxErrorFields,
  atEnd: boolean,
  line: number,
  column: number,
  expected: string[],
): string {
  const { source, token, reason } = fields
  if (reason === 'empty') return 'Empty query'
  if (reason === 'rule' || reason === 'too_deep') return fields.text ?? ''
  const position = Buffer.byteLength(source.slice(0, token.start)) + 1
  const name = atEnd ? '(end of query)' : `('${token.text}')`
  const place = source.includes('\n') ? ` (line ${line}, col ${column})` : ''
  const rest = source.slice(token.start, token.start + SHOWN)
  const multi = reason === 'multi' ? ' (. Multi-statements are not allowed)' : ''
  const head = `Syntax error${multi}: failed at position ${position} ${name}${place}: ${rest}. `
  if (reason === 'lexical') return `${head}${fields.text}: '${token.text}'`
  if (reason === 'unmatched') return `${head}Unmatched parentheses: ${fields.brackets}`
  if (expected.length === 0) return head.trimEnd()
  return `${head}Expected ${expected.length > 1 ? 'one of: ' : ''}${expected.join(', ')}`
}

/** 1-based line and column of an offset. */
export function lineAndColumn(source: string, offset: number): { line: number; column: number } {
  let line = 1
  let lineStart = 0
  for (let at = source.indexOf('\n'); at >= 0 && at < offset; at = source.indexOf('\n', at + 1)) {
    line++
    lineStart = at + 1
  }
  return { line, column: offset - lineStart + 1 }
}

/** The line of the error with a caret below; a long line is cut around the place. */
function excerpt(source: string, line: number, column: number): string {
  const text = source.split('\n', line)[line - 1] ?? ''
  const from = Math.max(0, column - 60)
  const shown = text.slice(from, from + 100).replace(/[\t\r]/g, ' ')
  const prefix = `${line} | ${from > 0 ? '…' : ''}`
  return `${prefix}${shown}\n${' '.repeat(prefix.length + column - 1 - from)}^`
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text
}
