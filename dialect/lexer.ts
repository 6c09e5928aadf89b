/**
 * Proton's tokens. The rules are those of the server's lexer (src/Parsers/Lexer.cpp): words may start
 * with a digit (`5m`), `--`, `//` and nested block comments are skipped, and a number after a dot is a
 * plain integer so that `t.1.2` is two accesses.
 */
export type TokenKind = 'word' | 'quoted' | 'number' | 'string' | 'heredoc' | 'symbol' | 'error' | 'end'

export interface Token {
  kind: TokenKind
  /** As in the source. */
  text: string
  /** Half-open range of UTF-16 offsets. */
  start: number
  end: number
  /** Upper-case text of a word, for keyword tests. */
  upper: string
  /** Of an error token: what is wrong. */
  problem?: string
}

export interface Comment {
  text: string
  start: number
  end: number
}

const DIGIT = /[0-9]/
const WORD_CHAR = /[A-Za-z0-9_]/
const SPACE = /\s|\u200b|\u200c|\u200d|\u2060|\ufeff/
const THREE_WAY = '<=>'
const PAIRS = new Set(['==', '!=', '<=', '>=', '<>', '->', '::', '||', '@@', '\\G'])
const SINGLES = new Set([...'()[]{},;.+-*/%=<>?:@'])
/** A search for the end of a here-document costs the rest of the text; this many may fail before `$` is a letter. */
const MAX_FAILED_HEREDOCS = 100

const isDigit = (c: string | undefined): boolean => c !== undefined && DIGIT.test(c)
const isWordChar = (c: string | undefined): boolean => c !== undefined && WORD_CHAR.test(c)

/** Reads tokens one at a time, so that the data behind `INSERT … FORMAT x` is never looked at. */
export class Lexer {
  readonly comments: Comment[] = []
  private pos: number
  private previous: Token | undefined
  private failedHeredocs = 0

  constructor(
    readonly source: string,
    start = 0,
  ) {
    this.pos = start
  }

  /** The next token that is not blank or comment; at the end, an `end` token for ever. */
  next(): Token {
    const broken = this.skipBlanks()
    const token = broken ?? this.read()
    this.pos = token.end
    this.previous = token
    return token
  }

  private token(kind: TokenKind, start: number, end: number, problem?: string): Token {
    const text = this.source.slice(start, end)
    const token: Token = { kind, text, start, end, upper: kind === 'word' ? text.toUpperCase() : '' }
    if (problem !== undefined) token.problem = problem
    return token
  }

  private skipBlanks(): Token | undefined {
    const s = this.source
    for (;;) {
      const c = s[this.pos]
      if (c === undefined) return undefined
      if (SPACE.test(c)) {
        this.pos++
      } else if ((c === '-' && s[this.pos + 1] === '-') || (c === '/' && s[this.pos + 1] === '/')) {
        const newline = s.indexOf('\n', this.pos)
        this.comment(newline < 0 ? s.length : newline)
      } else if (c === '/' && s[this.pos + 1] === '*') {
        const end = endOfBlockComment(s, this.pos)
        if (end < 0) return this.token('error', this.pos, s.length, 'Multiline comment is not closed')
        this.comment(end)
      } else {
        return undefined
      }
    }
  }

  private comment(end: number): void {
    this.comments.push({ text: this.source.slice(this.pos, end), start: this.pos, end })
    this.pos = end
  }

  private read(): Token {
    const s = this.source
    const start = this.pos
    const c = s[start]
    if (c === undefined) return this.token('end', start, start)
    if (isDigit(c)) return this.number(start)
    if (c === '.' && isDigit(s[start + 1]) && !this.afterOperand()) return this.fraction(start)
    if (c === "'") return this.delimited(start, c, 'string', 'Single quoted string is not closed')
    if (c === '`') return this.delimited(start, c, 'quoted', 'Back quoted string is not closed')
    if (c === '"') return this.delimited(start, c, 'quoted', 'Double quoted string is not closed')
    if (c === '$') return this.heredoc(start) ?? this.word(start)
    if (isWordChar(c)) return this.word(start)
    if (s.startsWith(THREE_WAY, start)) return this.token('symbol', start, start + 3)
    if (PAIRS.has(s.slice(start, start + 2))) return this.token('symbol', start, start + 2)
    if (c === '!')
      return this.token('error', start, start + 1, 'Exclamation mark can only occur in != operator')
    if (c === '|') return this.token('error', start, start + 1, 'Pipe symbol could only occur in || operator')
    if (SINGLES.has(c)) return this.token('symbol', start, start + 1)
    const codePoint = s.codePointAt(start) ?? 0
    return this.token('error', start, start + (codePoint > 0xffff ? 2 : 1), 'Unrecognized token')
  }

  private afterOperand(): boolean {
    const p = this.previous
    if (!p) return false
    return p.kind === 'word' || p.kind === 'quoted' || p.kind === 'number' || p.text === ')' || p.text === ']'
  }

  private word(start: number): Token {
    let end = start + 1
    while (isWordChar(this.source[end]) || this.source[end] === '$') end++
    return this.token('word', start, end)
  }

  private number(start: number): Token {
    const s = this.source
    const integerOnly = this.previous?.text === '.' && this.previous.kind === 'symbol'
    const prefix = s.slice(start, start + 2).toLowerCase()
    let end = start
    if (!integerOnly && (prefix === '0x' || prefix === '0b') && isWordChar(s[start + 2])) {
      end = this.digits(start + 2, prefix === '0x' ? /[0-9A-Fa-f]/ : DIGIT)
    } else {
      end = this.digits(start, DIGIT)
      if (!integerOnly && s[end] === '.') end = this.digits(end + 1, DIGIT)
      if (!integerOnly) end = this.exponent(end)
    }
    if (!isWordChar(s[end])) return this.token('number', start, end)
    while (isWordChar(s[end])) end++
    const text = s.slice(start, end)
    return /^\w+$/.test(text)
      ? this.token('word', start, end)
      : this.token('error', start, end, 'Wrong number')
  }

  private fraction(start: number): Token {
    const end = this.exponent(this.digits(start + 1, DIGIT))
    return this.token('number', start, end)
  }

  private digits(from: number, digit: RegExp): number {
    const s = this.source
    let end = from
    for (;;) {
      const c = s[end]
      if (c !== undefined && digit.test(c)) end++
      else if (c === '_' && end > from && s[end + 1] !== undefined && digit.test(s[end + 1]!)) end++
      else return end
    }
  }

  private exponent(from: number): number {
    const s = this.source
    if (s[from] !== 'e' && s[from] !== 'E') return from
    const sign = s[from + 1] === '-' || s[from + 1] === '+' ? 1 : 0
    return isDigit(s[from + 1 + sign]) ? this.digits(from + 1 + sign, DIGIT) : from
  }

  private delimited(start: number, quote: string, kind: TokenKind, problem: string): Token {
    const s = this.source
    let end = start + 1
    for (;;) {
      const c = s[end]
      if (c === undefined) return this.token('error', start, s.length, problem)
      if (c === '\\') end += 2
      else if (c !== quote) end++
      else if (s[end + 1] === quote) end += 2
      else return this.token(kind, start, end + 1)
      if (end > s.length) end = s.length
    }
  }

  /** `$$ … $$` or `$tag$ … $tag$`; undefined where the text is no here-document. */
  private heredoc(start: number): Token | undefined {
    const s = this.source
    let tagEnd = start + 1
    while (isWordChar(s[tagEnd])) tagEnd++
    if (s[tagEnd] !== '$' || this.failedHeredocs >= MAX_FAILED_HEREDOCS) return undefined
    const tag = s.slice(start, tagEnd + 1)
    const close = s.indexOf(tag, tagEnd + 1)
    if (close < 0) {
      this.failedHeredocs++
      return undefined
    }
    return this.token('heredoc', start, close + tag.length)
  }
}

function endOfBlockComment(s: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let level = 0
  for (let found = mark.exec(s); found; found = mark.exec(s)) {
    level += found[0] === '/*' ? 1 : -1
    if (level === 0) return mark.lastIndex
  }
  return -1
}
