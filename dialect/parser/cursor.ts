import type { Span } from '../ast.js'
import { SqlSyntaxError } from '../errors.js'
import { type Comment, Lexer, type Token } from '../lexer.js'
import { heredocBody, unquote } from '../text.js'

/** How deep trees may be: an operator costs 1, a bracket, subquery or CASE costs `NESTING_COST`. */
const MAX_DEPTH = 1000
const NESTING_COST = 4

export interface ParseOptions {
  /** Shown in errors as `file:line:column`. */
  file?: string
  /** A statement that the parser does not know is an error rather than an opaque node. */
  strict?: boolean
}

/**
 * A place in the token list, and the questions a recursive descent asks there. There is no
 * backtracking: every choice is made by looking ahead, which keeps parsing linear.
 */
export class Cursor {
  index = 0
  depth = 0
  /** False inside `a ? b : c` and map keys, where a colon is not the one of `col:path`. */
  colonIsPath = true
  readonly strict: boolean
  private readonly lexer: Lexer
  private readonly tokens: Token[] = []
  private readonly partners = new Map<number, number>()
  private readonly wanted = new Set<string>()
  private wantedAt = -1

  constructor(
    readonly source: string,
    private readonly options: ParseOptions = {},
    /** Collect what was expected (a second run over text that is known to be wrong). */
    private readonly collect = false,
    start = 0,
  ) {
    this.lexer = new Lexer(source, start)
    this.strict = options.strict ?? false
  }

  // -------------------------------------------------------------- looking

  /** The token `ahead` places on. */
  peek(ahead = 0): Token {
    const at = this.index + ahead
    while (this.tokens.length <= at) this.tokens.push(this.lexer.next())
    return this.tokens[at]!
  }

  get token(): Token {
    return this.peek()
  }

  /** The token before this one. */
  get last(): Token | undefined {
    return this.tokens[this.index - 1]
  }

  get atEnd(): boolean {
    return this.token.kind === 'end' || this.is(';')
  }

  comments(): readonly Comment[] {
    return this.lexer.comments
  }

  /** True if the symbol stands here. */
  is(symbol: string): boolean {
    const t = this.token
    return t.kind === 'symbol' && t.text === symbol
  }

  symbolAt(ahead: number, symbol: string): boolean {
    const t = this.peek(ahead)
    return t.kind === 'symbol' && t.text === symbol
  }

  /** True if these keywords stand here: `keyword('GROUP BY')`. */
  keyword(words: string, ahead = 0): boolean {
    let at = ahead
    for (const word of wordsOf(words)) {
      const t = this.peek(at)
      if (t.kind !== 'word' || t.upper !== word) {
        if (ahead === 0) this.note(words)
        return false
      }
      at++
    }
    return true
  }

  /** True if a name could stand `ahead` places on. */
  isName(ahead = 0): boolean {
    const kind = this.peek(ahead).kind
    return kind === 'word' || kind === 'quoted'
  }

  isString(ahead = 0): boolean {
    const kind = this.peek(ahead).kind
    return kind === 'string' || kind === 'heredoc'
  }

  /**
   * How many tokens ahead the partner of the bracket at `ahead` stands, -1 if it has none.
   * The pairs of everything inside are remembered, so that nested questions stay linear.
   */
  partner(ahead = 0): number {
    const open = this.index + ahead
    const known = this.partners.get(open)
    if (known !== undefined) return known < 0 ? -1 : known - this.index
    const stack: number[] = []
    for (let at = open; ; at++) {
      const t = this.peek(at - this.index)
      if (t.kind === 'end' || t.kind === 'error' || (t.kind === 'symbol' && t.text === ';')) break
      if (t.kind !== 'symbol') continue
      if (t.text === '(' || t.text === '[' || t.text === '{') {
        const inner = at === open ? undefined : this.partners.get(at)
        if (inner !== undefined && inner >= 0) at = inner
        else stack.push(at)
      } else if (t.text === ')' || t.text === ']' || t.text === '}') {
        const start = stack.pop()
        if (start === undefined) break
        this.partners.set(start, at)
        if (stack.length === 0) return at - this.index
      }
    }
    for (const start of stack) this.partners.set(start, -1)
    return -1
  }

  // -------------------------------------------------------------- taking

  next(): Token {
    const t = this.token
    if (t.kind !== 'end') this.index++
    return t
  }

  take(symbol: string): boolean {
    if (!this.is(symbol)) {
      this.note(SYMBOL_NAMES[symbol] ?? symbol)
      return false
    }
    this.index++
    return true
  }

  takeKeyword(words: string): boolean {
    if (!this.keyword(words)) return false
    this.index += wordsOf(words).length
    return true
  }

  expect(symbol: string): void {
    if (!this.take(symbol)) this.fail(SYMBOL_NAMES[symbol] ?? symbol)
  }

  expectKeyword(words: string): void {
    if (!this.takeKeyword(words)) this.fail(words)
  }

  /** A name, with its quotes taken off. */
  name(what = 'identifier'): string {
    if (!this.isName()) this.fail(what)
    const t = this.next()
    if (t.kind === 'word') return t.text
    const value = unquote(t.text)
    if (value === '') this.rule('Identifiers may not be empty', t)
    return value
  }

  string(what = 'string literal'): string {
    if (!this.isString()) this.fail(what)
    const t = this.next()
    return t.kind === 'string' ? unquote(t.text) : heredocBody(t.text)
  }

  /** `item (, item)*`. */
  list<T>(item: () => T): T[] {
    const items = [item()]
    while (this.take(',')) items.push(item())
    return items
  }

  /** From the token at `from` (an index) to the one before this. */
  span(from: number): Span {
    const start = this.tokens[from]?.start ?? this.token.start
    const end = this.index > from ? this.tokens[this.index - 1]!.end : start
    return { start, end }
  }

  /** The raw tokens from an index up to here. */
  slice(from: number): Token[] {
    return this.tokens.slice(from, this.index)
  }

  // -------------------------------------------------------------- depth and errors

  /** Runs `body` one bracket deeper. */
  nested<T>(body: () => T): T {
    this.deepen(NESTING_COST)
    const result = body()
    this.depth -= NESTING_COST
    return result
  }

  /** The tree grows by `by` levels here; the caller takes them off `depth` again when it has left them. */
  deepen(by = 1): void {
    this.depth += by
    if (this.depth <= MAX_DEPTH) return
    throw this.error('too_deep', this.token, {
      text: `Maximum parse depth (${MAX_DEPTH}) exceeded: brackets, subqueries or operators are nested too deep`,
    })
  }

  private note(what: string): void {
    if (!this.collect) return
    if (this.index > this.wantedAt) {
      this.wantedAt = this.index
      this.wanted.clear()
    }
    if (this.index === this.wantedAt) this.wanted.add(what)
  }

  /** Throws: something else was expected here. */
  fail(...expected: string[]): never {
    const t = this.token
    if (t.kind === 'error') throw this.error('lexical', t, { text: t.problem })
    const unmatched = this.collect ? this.unmatchedBrackets() : undefined
    if (unmatched?.[0]) {
      throw this.error('unmatched', unmatched[0], { brackets: unmatched.map((b) => b.text).join('') })
    }
    const noted = this.wantedAt === this.index ? [...this.wanted] : []
    throw this.error('unexpected', t, { expected: [...noted, ...expected] })
  }

  /** Throws: these words may not stand together. */
  rule(text: string, token: Token = this.token): never {
    throw this.error('rule', token, { text })
  }

  error(
    reason: SqlSyntaxError['reason'],
    token: Token,
    more: { text?: string | undefined; brackets?: string; expected?: string[] } = {},
  ): SqlSyntaxError {
    return new SqlSyntaxError({
      source: this.source,
      token,
      reason,
      expected: more.expected ?? [],
      ...(more.text === undefined ? {} : { text: more.text }),
      ...(more.brackets === undefined ? {} : { brackets: more.brackets }),
      ...(this.options.file === undefined ? {} : { file: this.options.file }),
    })
  }

  private unmatchedBrackets(): Token[] {
    const open: Token[] = []
    for (let at = 0; ; at++) {
      const t = this.peek(at - this.index)
      if (t.kind === 'end' || t.kind === 'error' || (t.kind === 'symbol' && t.text === ';')) return open
      if (t.kind !== 'symbol') continue
      if (t.text === '(' || t.text === '[') {
        open.push(t)
      } else if (t.text === ')' || t.text === ']') {
        const partner = open.pop()
        if (!partner) return [t]
        if ((partner.text === '(') !== (t.text === ')')) return [partner, t]
      }
    }
  }
}

const splitWords = new Map<string, string[]>()

/** `GROUP BY` as its words; split once, since every keyword is asked for at every turn. */
function wordsOf(words: string): string[] {
  let split = splitWords.get(words)
  if (!split) {
    split = words.split(' ')
    splitWords.set(words, split)
  }
  return split
}

/** Proton's names for single tokens in its "Expected one of" lists. */
const SYMBOL_NAMES: Record<string, string> = {
  ',': 'Comma',
  '(': 'OpeningRoundBracket',
  ')': 'ClosingRoundBracket',
  '[': 'OpeningSquareBracket',
  ']': 'ClosingSquareBracket',
  '{': 'OpeningCurlyBrace',
  '}': 'ClosingCurlyBrace',
  '.': 'Dot',
  '=': 'Equals',
  ':': 'Colon',
  '::': 'DoubleColon',
  '*': 'Asterisk',
  '->': 'Arrow',
  '?': 'QuestionMark',
  ';': 'Semicolon',
}

/**
 * Runs a parser over the whole text. On failure the text is parsed once more with the list of
 * expectations switched on, so that good text does not pay for the error message.
 */
export function run<T>(source: string, options: ParseOptions, body: (c: Cursor) => T, start = 0): T {
  try {
    return body(new Cursor(source, options, false, start))
  } catch (error) {
    if (!(error instanceof SqlSyntaxError) || error.reason !== 'unexpected') throw error
    return body(new Cursor(source, options, true, start))
  }
}
