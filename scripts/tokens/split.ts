import { UserError } from '../../dialect/user_error.js'

/** A record as bytes, or why it was left out. `line` is the one on which it begins, from 1. */
export type Piece = { line: number; bytes: Buffer } | { line: number; reject: string; excerpt: string }

const NEWLINE = 0x0a
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const EXCERPT_BYTES = 200

/**
 * Gathers the bytes of one record across chunks, and drops them once the record is longer than the limit:
 * a 50 MB line costs no more memory than a chunk.
 */
class Gatherer {
  readonly #limit: number
  #parts: Buffer[] = []
  #length = 0
  #tooLong = false

  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#length
  }

  get tooLong(): boolean {
    return this.#tooLong
  }

  add(part: Buffer): void {
    if (part.length === 0) return
    this.#length += part.length
    if (this.#tooLong) return
    this.#parts.push(part)
    if (this.#length > this.#limit) {
      this.#tooLong = true
      this.#parts = [Buffer.from(Buffer.concat(this.#parts).subarray(0, EXCERPT_BYTES))]
    }
  }

  take(line: number): Piece {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)
    const piece: Piece = this.#tooLong
      ? {
          line,
          reject: `record of ${this.#length} bytes, longer than the limit of ${this.#limit}`,
          excerpt: bytes.subarray(0, EXCERPT_BYTES).toString('utf8'),
        }
      : { line, bytes }
    this.#parts = []
    this.#length = 0
    this.#tooLong = false
    return piece
  }
}

/** One record a line. */
export async function* splitLines(body: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Piece[]> {
  const gathered = new Gatherer(limit)
  let line = 1
  for await (const chunk of body) {
    const pieces: Piece[] = []
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      gathered.add(chunk.subarray(from, at))
      if (gathered.length > 0) pieces.push(gathered.take(line))
      line++
      from = at + 1
    }
    gathered.add(chunk.subarray(from))
    if (pieces.length > 0) yield pieces
  }
  if (gathered.length > 0) yield [gathered.take(line)]
}

/** One record a line, where a line break inside quotes belongs to the record (RFC 4180). */
export async function* splitCsv(body: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Piece[]> {
  const gathered = new Gatherer(limit)
  let line = 1
  let start = 1
  let quoted = false
  // Where a quote opens: at the start of a field, and right behind one that closed (a doubled quote inside quotes).
  let mayOpen = true
  for await (const chunk of body) {
    const pieces: Piece[] = []
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (byte === QUOTE) {
        mayOpen = quoted || mayOpen
        quoted = !quoted && mayOpen
        continue
      }
      mayOpen = !quoted && (byte === COMMA || byte === NEWLINE)
      if (byte === NEWLINE) {
        line++
        // A quote that is never closed must not swallow the file: beyond the limit every line break counts.
        if (!quoted || gathered.length + at - from > limit) {
          gathered.add(chunk.subarray(from, at))
          if (gathered.length > 0) pieces.push(gathered.take(start))
          from = at + 1
          start = line
          quoted = false
          mayOpen = true
        }
      }
    }
    gathered.add(chunk.subarray(from))
    if (pieces.length > 0) yield pieces
  }
  if (gathered.length === 0) return
  const rest = gathered.take(start)
  if (quoted && 'bytes' in rest) yield* unclosedQuote(rest, limit)
  else yield [rest]
}

/** The rest of a file behind a quote that is never closed: its line is refused, the lines after it stand for themselves. */
async function* unclosedQuote(rest: { line: number; bytes: Buffer }, limit: number): AsyncGenerator<Piece[]> {
  const end = rest.bytes.indexOf(NEWLINE)
  const first = end < 0 ? rest.bytes : rest.bytes.subarray(0, end)
  yield [
    {
      line: rest.line,
      reject: 'a quote is never closed',
      excerpt: first.subarray(0, EXCERPT_BYTES).toString('utf8'),
    },
  ]
  if (end < 0) return
  const tail = rest.bytes.subarray(end + 1)
  for await (const pieces of splitCsv(once(tail), limit))
    yield pieces.map((piece) => ({ ...piece, line: piece.line + rest.line }))
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}

/**
 * The elements of one JSON array, however it is laid out. An array that ends too early gives all elements that
 * are whole, then the error `SOURCE_TRUNCATED`.
 */
export async function* splitArray(body: AsyncIterable<Buffer>, limit: number): AsyncGenerator<Piece[]> {
  const gathered = new Gatherer(limit)
  let line = 1
  let start = 1
  let depth = 0
  let inString = false
  let escaped = false
  let count = 0
  let closed = false
  for await (const chunk of body) {
    const pieces: Piece[] = []
    let from = -1
    if (depth > 0 && gathered.length > 0) from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!
      if (byte === NEWLINE) line++
      if (inString) {
        if (escaped) escaped = false
        else if (byte === BACKSLASH) escaped = true
        else if (byte === QUOTE) inString = false
        continue
      }
      const blank = byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09
      if (closed) {
        if (!blank) throw trailing(line)
        continue
      }
      const separator = depth === 1 && (byte === COMMA || byte === 0x5d)
      if (depth === 1 && from < 0 && gathered.length === 0 && !blank && !separator) {
        from = at
        start = line
      }
      if (separator) {
        if (from >= 0) gathered.add(chunk.subarray(from, at))
        from = -1
        if (gathered.length > 0) {
          pieces.push(gathered.take(start))
          count++
        }
        if (byte === 0x5d) closed = true
        continue
      }
      if (byte === QUOTE) inString = true
      else if (byte === 0x5b || byte === 0x7b) depth++
      else if (byte === 0x5d || byte === 0x7d) depth--
    }
    if (from >= 0) gathered.add(chunk.subarray(from))
    if (pieces.length > 0) yield pieces
  }
  if (!closed) {
    throw new UserError(
      'SOURCE_TRUNCATED',
      `The JSON array ends in the middle, after ${count} whole records.`,
      {
        where: `line ${line}`,
        suggestion: 'The records before that have been taken. Get the file again and repeat the command.',
      },
    )
  }
}

function trailing(line: number): UserError {
  return new UserError('SOURCE_NOT_READABLE', 'Something stands behind the end of the JSON array.', {
    where: `line ${line}`,
    suggestion: 'Give one JSON array, or one JSON object a line.',
  })
}
