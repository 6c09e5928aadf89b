import { AppendFile } from '../../append_file.js'

/** Rows of one append. */
export interface HotChunk {
  /** Sequence numbers of the rows, which have no gaps. */
  first: number
  last: number
  /** The rows in RowBinary. */
  bytes: Buffer
  /** The columns of their stream then, and the same with types, for the table function `format`. */
  columns: string[]
  structure: string
}

/** What is known of one stream's rows that are not in its table, and of those that were not. */
export interface HotStream {
  chunks: HotChunk[]
  /** The last token of each writer whose rows came this way: behind a crash it tells that they are there. */
  tokens: Map<string, string>
}

interface Header {
  stream: number
  /** Of the rows that follow. */
  size?: number
  first?: number
  last?: number
  columns?: string[]
  structure?: string
  token?: string
  /** Rows up to this number stand in the table. */
  settled?: number
  dropped?: true
}

/** A log that holds more than this is written anew, in bytes. */
const WORTH_REWRITING = 8 * 1024 * 1024

/** Rows that were appended and not yet written into their tables, in a file: a header as a line of JSON, then the rows. */
export class HotLog {
  readonly streams: Map<number, HotStream>
  readonly #file: AppendFile

  constructor(file: string) {
    this.#file = new AppendFile(file, () => Buffer.concat([...this.streams].flatMap(recordsOf)))
    this.streams = readLog(this.#file.read())
    this.#file.rewrite()
  }

  append(stream: number, chunk: HotChunk, token: string | undefined): void {
    this.#write({ stream, ...headerOf(chunk), ...(token ? { token } : {}) }, chunk.bytes)
    const known = this.#stream(stream)
    known.chunks.push(chunk)
    remember(known, token)
  }

  /** Rows up to `last` stand in the table. */
  settle(stream: number, last: number): void {
    this.#write({ stream, settled: last })
    const known = this.#stream(stream)
    known.chunks = known.chunks.filter((chunk) => chunk.last > last)
  }

  drop(stream: number): void {
    if (!this.streams.has(stream)) return
    this.#write({ stream, dropped: true })
    this.streams.delete(stream)
  }

  close(): void {
    this.#file.close()
  }

  #stream(id: number): HotStream {
    const stream = this.streams.get(id) ?? emptyStream()
    this.streams.set(id, stream)
    return stream
  }

  #write(header: Header, rows?: Buffer): void {
    if (this.#file.size > WORTH_REWRITING) this.#file.rewrite()
    this.#file.append(recordOf(header, rows))
  }
}

function emptyStream(): HotStream {
  return { chunks: [], tokens: new Map() }
}

function recordsOf([stream, { chunks, tokens }]: [number, HotStream]): Buffer[] {
  return [
    ...[...tokens.values()].map((token) => recordOf({ stream, token })),
    ...chunks.map((chunk) => recordOf({ stream, ...headerOf(chunk) }, chunk.bytes)),
  ]
}

function headerOf({ bytes, ...chunk }: HotChunk): Omit<Header, 'stream'> {
  return { ...chunk, size: bytes.length }
}

function recordOf(header: Header, rows: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), rows])
}

/** Tokens are `writer:batch:…`; a writer repeats its last batch at most. */
function remember(stream: HotStream, token: string | undefined): void {
  if (token !== undefined) stream.tokens.set(token.slice(0, token.indexOf(':')), token)
}

/** A record that is not whole was being written when the process ended: it never counted. */
function readLog(file: Buffer): Map<number, HotStream> {
  const streams = new Map<number, HotStream>()
  for (let at = 0; at < file.length; ) {
    const end = file.indexOf(10, at)
    const header = end < 0 ? undefined : parseHeader(file.toString('utf8', at, end))
    const next = end + 1 + (header?.size ?? 0)
    if (!header || next > file.length) break
    apply(streams, header, file.subarray(end + 1, next))
    at = next
  }
  return streams
}

function parseHeader(line: string): Header | undefined {
  try {
    return JSON.parse(line) as Header
  } catch {
    return undefined
  }
}

function apply(streams: Map<number, HotStream>, header: Header, rows: Buffer): void {
  const { stream: id, token, settled, dropped, size, first, last, columns, structure } = header
  if (dropped) {
    streams.delete(id)
    return
  }
  const stream = streams.get(id) ?? emptyStream()
  streams.set(id, stream)
  remember(stream, token)
  if (settled !== undefined) stream.chunks = stream.chunks.filter((chunk) => chunk.last > settled)
  if (size === undefined) return
  stream.chunks.push({
    first: first!,
    last: last!,
    columns: columns!,
    structure: structure!,
    bytes: Buffer.from(rows),
  })
}
