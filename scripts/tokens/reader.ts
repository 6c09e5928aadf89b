import { parse } from 'csv-parse/sync'
import { UserError } from '../../dialect/user_error.js'
import { type Piece, splitArray, splitCsv, splitLines } from './split.js'

/** One record as the source has it, or why it cannot be read. */
export type SourceRecord =
  | { line: number; value: unknown; raw: Buffer }
  | { line: number; reject: string; excerpt: string }

/** Bytes a record may take, default of `readRecords`. A token of the current API takes about 2 kB. */
export const MAX_RECORD_BYTES = 1024 * 1024

const HEAD_BYTES = 4096

/**
 * Reads token lists in every shape they have been published in: a JSON array, one JSON object a line, CSV with a
 * head. Memory stays flat whatever the size. Text must be UTF-8, a byte order mark is skipped; a record with other
 * bytes is refused by itself, a file in UTF-16 as a whole (`SOURCE_ENCODING`).
 */
export async function* readRecords(
  body: AsyncIterable<Uint8Array>,
  options: { maxRecordBytes?: number; requiredColumns?: readonly string[] } = {},
): AsyncGenerator<SourceRecord[]> {
  const limit = options.maxRecordBytes ?? MAX_RECORD_BYTES
  const source = await withHead(body)
  if (source.head.length === 0) return
  refuseOtherEncodings(source.head)
  const first = source.head.toString('latin1').trimStart()[0]
  if (first === undefined) return
  if (first === '[') yield* parsed(splitArray(source.body, limit), parseJson)
  else if (first === '{') yield* parsed(splitLines(source.body, limit), parseJson)
  else if (first === '<') throw notAList('The source is HTML or XML')
  else yield* csvRecords(splitCsv(source.body, limit), options.requiredColumns ?? [])
}

/** Reads as many bytes as the kind of file can be told from, and gives them back as part of the whole. */
async function withHead(
  body: AsyncIterable<Uint8Array>,
): Promise<{ head: Buffer; body: AsyncIterable<Buffer> }> {
  const iterator = body[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  let done = false
  // A source that breaks off this early has its say after the bytes that came before.
  let failure: { error: unknown } | undefined
  while (!done && !failure && head.length < HEAD_BYTES) {
    try {
      const next = await iterator.next()
      if (next.done) done = true
      else head = Buffer.concat([head, next.value])
    } catch (error) {
      failure = { error }
    }
  }
  if (failure && head.length === 0) throw failure.error
  const bom = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf
  if (bom) head = head.subarray(3)
  async function* whole(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head
      if (failure) throw failure.error
      while (!done) {
        const next = await iterator.next()
        if (next.done) break
        yield Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
      }
    } finally {
      await iterator.return?.()
    }
  }
  return { head: head.subarray(0, HEAD_BYTES), body: whole() }
}

function refuseOtherEncodings(head: Buffer): void {
  const utf16 = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
  if (!utf16 && !head.includes(0)) return
  throw new UserError(
    'SOURCE_ENCODING',
    utf16 ? 'The source is UTF-16, not UTF-8.' : 'The source is not text in UTF-8.',
    {
      suggestion: 'Convert it first: iconv -f UTF-16 -t UTF-8 list > list.utf8',
    },
  )
}

function notAList(what: string): UserError {
  return new UserError('SOURCE_NOT_A_LIST', `${what}, not a token list.`, {
    suggestion: 'Give a JSON array, one JSON object a line, or CSV with a head line.',
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parseJson(piece: { line: number; bytes: Buffer }): SourceRecord {
  try {
    const text = utf8.decode(piece.bytes)
    return { line: piece.line, value: JSON.parse(text), raw: piece.bytes }
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'not JSON' : 'not UTF-8'
    return { line: piece.line, reject: reason, excerpt: excerptOf(piece.bytes) }
  }
}

function excerptOf(bytes: Buffer): string {
  return bytes.subarray(0, 200).toString('utf8')
}

async function* parsed(
  pieces: AsyncIterable<Piece[]>,
  parseOne: (piece: { line: number; bytes: Buffer }) => SourceRecord,
): AsyncGenerator<SourceRecord[]> {
  for await (const batch of pieces) {
    const records: SourceRecord[] = []
    for (const piece of batch) {
      if ('reject' in piece) records.push(piece)
      else if (!isBlank(piece.bytes)) records.push(parseOne(piece))
    }
    if (records.length > 0) yield records
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length <= 2 && bytes.toString('latin1').trim() === ''
}

/** Names of CSV columns, in lower case, as the archived lists spell them. */
const COLUMNS: Record<string, string[]> = {
  address: ['mint', 'address'],
  symbol: ['symbol'],
  name: ['name'],
  decimals: ['decimals'],
  logoURI: ['logouri', 'logo', 'icon'],
  reason: ['reasons', 'reason'],
}

async function* csvRecords(
  pieces: AsyncIterable<Piece[]>,
  required: readonly string[],
): AsyncGenerator<SourceRecord[]> {
  let columns: Map<string, number> | undefined
  let community = -1
  for await (const batch of pieces) {
    let rest = batch
    if (!columns) {
      const [first] = batch
      if (!first || 'reject' in first) throw notAList('The first line is too long for a head of column names')
      const names = (fieldsOf(first.bytes) ?? []).map((name) => name.trim().toLowerCase())
      columns = columnsOf(names, required)
      community = names.indexOf('community validated')
      rest = batch.slice(1)
    }
    const records = csvBatch(rest, columns, community)
    if (records.length > 0) yield records
  }
}

function columnsOf(names: string[], required: readonly string[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const [field, spellings] of Object.entries(COLUMNS)) {
    const at = names.findIndex((name) => spellings.includes(name))
    if (at >= 0) found.set(field, at)
  }
  const missing = ['address', ...required].filter((field) => !found.has(field))
  if (missing.length > 0) {
    const seen = names.slice(0, 12).join(', ').slice(0, 200)
    const lacks =
      found.size === 0 ? 'neither JSON nor CSV with a head line' : `CSV without ${missing.join(', ')}`
    throw new UserError('SOURCE_NOT_A_LIST', `The source is ${lacks}.`, {
      detail: `Its first line reads: ${seen}`,
      suggestion: 'Name, Symbol, Mint, Decimals, LogoURI are read for tokens; Mint, Reasons for bans.',
    })
  }
  return found
}

/** Many records at once, since parsing each by itself takes ten times as long; one by one where a batch is odd. */
function csvBatch(batch: Piece[], columns: Map<string, number>, community: number): SourceRecord[] {
  const readable = batch.filter((piece) => 'bytes' in piece && !isBlank(piece.bytes)) as {
    line: number
    bytes: Buffer
  }[]
  const rows = fieldsOfAll(readable)
  const records: SourceRecord[] = batch.filter((piece) => 'reject' in piece)
  readable.forEach((piece, i) => {
    const fields = rows ? rows[i] : fieldsOf(piece.bytes)
    if (!fields)
      records.push({ line: piece.line, reject: 'not UTF-8, or not CSV', excerpt: excerptOf(piece.bytes) })
    else records.push({ line: piece.line, value: csvObject(fields, columns, community), raw: piece.bytes })
  })
  return records.sort((a, b) => a.line - b.line)
}

function csvObject(
  fields: string[],
  columns: Map<string, number>,
  community: number,
): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const [field, at] of columns) value[field] = fields[at]
  if (community >= 0) value.tags = fields[community]?.trim().toLowerCase() === 'true' ? ['community'] : []
  return value
}

const CSV_OPTIONS = {
  relax_column_count: true,
  relax_quotes: true,
  skip_empty_lines: false,
  trim: false,
} as const

function fieldsOfAll(pieces: { bytes: Buffer }[]): string[][] | undefined {
  if (pieces.length === 0) return []
  try {
    const text = pieces.map((piece) => utf8.decode(piece.bytes)).join('\n')
    const rows = parse(text, CSV_OPTIONS) as string[][]
    return rows.length === pieces.length ? rows : undefined
  } catch {
    return undefined
  }
}

function fieldsOf(bytes: Buffer): string[] | undefined {
  try {
    const rows = parse(utf8.decode(bytes), CSV_OPTIONS) as string[][]
    return rows.length === 1 ? rows[0] : undefined
  } catch {
    return undefined
  }
}
