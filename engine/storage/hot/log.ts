import { AppendFile } from '../../append_file.js'

/** Rows of one append. */
export interface HotChunk {
  /** Sequence numbers of the rows, which have no gaps. */
  first: number
  last: number
  /** The rows in RowBinary, with the structure that their stream had then. */
  bytes: Buffer
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
    const { first, last, structure, bytes } = chunk
    this.#write({ stream, first, last, structure, size: bytes.length, ...(token ? { token } : {}) }, bytes)
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
    ...chunks.map(({ first, last, structure, bytes }) =>
      recordOf({ stream, first, last, structure, size: bytes.length }, bytes),
    ),
  ]
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
    const header = end < 0 ? undefined : headerOf(file.toString('utf8', at, end))
    const next = end + 1 + (header?.size ?? 0)
    if (!header || next > file.length) break
    apply(streams, header, file.subarray(end + 1, next))
    at = next
  }
  return streams
}

function headerOf(line: string): Header | undefined {
  try {
    return JSON.parse(line) as Header
  } catch {
    return undefined
  }
}

function apply(streams: Map<number, HotStream>, header: Header, rows: Buffer): void {
  const { stream: id, first, last, structure, token, settled, dropped } = header
  if (dropped) {
    streams.delete(id)
    return
  }
  const stream = streams.get(id) ?? emptyStream()
  streams.set(id, stream)
  remember(stream, token)
  if (settled !== undefined) stream.chunks = stream.chunks.filter((chunk) => chunk.last > settled)
  if (first !== undefined)
    stream.chunks.push({ first, last: last!, structure: structure!, bytes: Buffer.from(rows) })
}
