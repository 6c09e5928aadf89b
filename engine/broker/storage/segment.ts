import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  BATCH_HEADER,
  type BatchHeader,
  batchCrcIsRight,
  LOG_OVERHEAD,
  readBatchHeader,
} from '../protocol/record_batch.js'
import { readFully, writeFully } from './files.js'

const fdatasyncAsync = promisify(fdatasync)

/** Bytes between two entries of the sparse index. */
const INDEX_INTERVAL = 4096
const SCAN_CHUNK = 1 << 20
const SUFFIX = '.log'

export interface BatchAt {
  header: BatchHeader
  position: number
}

/** One file of record batches, verbatim, named by the offset it starts at. The index lives in memory only. */
export class Segment {
  size = 0
  /** Of all batches; -1 while empty. */
  maxTimestamp = -1
  /** When the file was last written to, milliseconds since the epoch. */
  lastWrite = Date.now()
  readonly #path: string
  #fd: number | undefined
  #flushing: Promise<void> | undefined
  /** Parallel arrays: first offset of a batch, its position, and the highest timestamp before it. */
  readonly #offsets: number[] = []
  readonly #positions: number[] = []
  readonly #maxBefore: number[] = []

  constructor(
    dir: string,
    readonly baseOffset: number,
  ) {
    this.#path = join(dir, `${String(baseOffset).padStart(20, '0')}${SUFFIX}`)
  }

  /** The base offset that a file name carries; undefined for other files. */
  static offsetOf(fileName: string): number | undefined {
    return /^\d{20}\.log$/.test(fileName) ? Number(fileName.slice(0, 20)) : undefined
  }

  get path(): string {
    return this.#path
  }

  /** Opens the file for appending, creating it. */
  openForAppend(): void {
    // Not 'a': Linux would ignore the position we write at.
    this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_CREAT, 0o644)
  }

  /**
   * Reads the batches' headers, filling the index, and cuts off what follows the last whole batch.
   * Returns the number of bytes cut.
   */
  recover(nextOffset: number, checkCrc: boolean, onBatch: (batch: BatchAt) => void): number {
    const fd = openSync(this.#path, 'r+')
    try {
      const { size: fileSize, mtimeMs } = fstatSync(fd)
      this.lastWrite = mtimeMs
      let expected = nextOffset
      for (const { header, position } of scan(fd, fileSize, checkCrc)) {
        if (header.baseOffset < expected) break
        this.#note(header, position)
        onBatch({ header, position })
        expected = header.baseOffset + header.lastOffsetDelta + 1
      }
      const cut = fileSize - this.size
      if (cut > 0) {
        ftruncateSync(fd, this.size)
        fdatasyncSync(fd)
      }
      return cut
    } finally {
      closeSync(fd)
    }
  }

  #note(header: BatchHeader, position: number): void {
    const last = this.#positions.at(-1)
    if (last === undefined || position - last >= INDEX_INTERVAL) {
      this.#offsets.push(header.baseOffset)
      this.#positions.push(position)
      this.#maxBefore.push(this.maxTimestamp)
    }
    this.maxTimestamp = Math.max(this.maxTimestamp, header.maxTimestamp)
    this.size = position + header.size
  }

  /** Appends batches that already carry their offsets. A failed write leaves the file as it was. */
  append(batches: { header: BatchHeader; batch: Buffer }[]): void {
    const fd = this.#appendFd()
    const before = this.size
    const data = batches.length === 1 ? batches[0]!.batch : Buffer.concat(batches.map((b) => b.batch))
    try {
      writeFully(fd, data, before)
    } catch (error) {
      ftruncateSync(fd, before)
      throw error
    }
    let position = before
    for (const { header } of batches) {
      this.#note(header, position)
      position += header.size
    }
    this.lastWrite = Date.now()
  }

  #appendFd(): number {
    if (this.#fd === undefined) throw new Error(`${this.#path} is not open`)
    return this.#fd
  }

  /**
   * Whole batches from the one that holds `offset`, at most `maxBytes` of them; one batch at least
   * when `atLeastOne`. Empty past the end.
   */
  read(offset: number, maxBytes: number, atLeastOne: boolean): Buffer {
    return this.#withFd((fd) => {
      const first = this.#find(fd, this.#floor(this.#offsets, offset), (header) => {
        return header.baseOffset + header.lastOffsetDelta >= offset
      })
      if (!first) return Buffer.alloc(0)
      const least = first.header.size
      if (least > maxBytes) return atLeastOne ? readFully(fd, first.position, least) : Buffer.alloc(0)
      const data = readFully(fd, first.position, Math.min(maxBytes, this.size - first.position))
      return data.subarray(0, wholeBatches(data))
    })
  }

  /** The first batch whose newest record is not older than `timestamp`. */
  findByTime(timestamp: number): Buffer | undefined {
    if (this.maxTimestamp < timestamp) return undefined
    return this.#withFd((fd) => {
      // The last entry with everything before it older than `timestamp`.
      const entry = this.#floor(this.#maxBefore, timestamp - 1)
      const found = this.#find(fd, entry, (header) => header.maxTimestamp >= timestamp)
      return found && readFully(fd, found.position, found.header.size)
    })
  }

  /** Index of the last entry that is not above `wanted`; -1 where all are. */
  #floor(sorted: number[], wanted: number): number {
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]! <= wanted) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  #find(fd: number, entry: number, matches: (header: BatchHeader) => boolean): BatchAt | undefined {
    let position = this.#positions[Math.max(0, entry)] ?? 0
    while (position < this.size) {
      const header = readBatchHeader(readFully(fd, position, BATCH_HEADER))
      if (matches(header)) return { header, position }
      position += header.size
    }
    return undefined
  }

  #withFd<T>(body: (fd: number) => T): T {
    if (this.#fd !== undefined) return body(this.#fd)
    const fd = openSync(this.#path, 'r')
    try {
      return body(fd)
    } finally {
      closeSync(fd)
    }
  }

  async flush(): Promise<void> {
    if (this.#fd === undefined) return
    const flushing = fdatasyncAsync(this.#fd)
    this.#flushing = flushing
    await flushing
  }

  /** Ends appending. `durable` waits for the disk. */
  seal(durable: boolean): void {
    if (this.#fd === undefined) return
    const fd = this.#fd
    this.#fd = undefined
    if (durable) fdatasyncSync(fd)
    // A sync under way in another thread still needs the descriptor.
    if (this.#flushing) void this.#flushing.catch(() => {}).then(() => closeSync(fd))
    else closeSync(fd)
  }

  remove(): void {
    this.seal(false)
    rmSync(this.#path, { force: true })
  }
}

/** Length of the whole batches at the start of `data`. */
function wholeBatches(data: Buffer): number {
  let at = 0
  while (data.length - at >= LOG_OVERHEAD) {
    const size = data.readInt32BE(at + 8) + LOG_OVERHEAD
    if (size > data.length - at) break
    at += size
  }
  return at
}

/** Batches from the start of a file up to the first that is cut short, unreadable or (with `checkCrc`) altered. */
function* scan(fd: number, fileSize: number, checkCrc: boolean): Generator<BatchAt> {
  let chunk: Buffer = Buffer.alloc(0)
  let chunkAt = 0
  const view = (position: number, length: number): Buffer => {
    if (position < chunkAt || position + length > chunkAt + chunk.length) {
      chunk = readFully(fd, position, Math.min(fileSize - position, Math.max(SCAN_CHUNK, length)))
      chunkAt = position
    }
    return chunk.subarray(position - chunkAt, position - chunkAt + length)
  }
  let position = 0
  while (fileSize - position >= BATCH_HEADER) {
    const header = readBatchHeader(view(position, BATCH_HEADER))
    const sane =
      header.magic === 2 &&
      header.size >= BATCH_HEADER &&
      header.size <= fileSize - position &&
      header.lastOffsetDelta >= 0
    if (!sane) return
    if (checkCrc && !batchCrcIsRight(view(position, header.size), header)) return
    yield { header, position }
    position += header.size
  }
}
