import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { decompress } from '../protocol/compression.js'
import { KafkaError } from '../protocol/errors.js'
import {
  assignAppendTime,
  assignOffset,
  BATCH_HEADER,
  type BatchHeader,
  isControl,
  isTransactional,
  parseBatches,
  readBatchHeader,
  readRecords,
} from '../protocol/record_batch.js'
import { replaceFile } from './files.js'
import { ProducerState } from './producer_state.js'
import { Segment } from './segment.js'
import type { TopicSettings } from './topic_config.js'

/** There is one broker and it never loses leadership. */
export const LEADER_EPOCH = 0
const START_OFFSET_FILE = 'start-offset'

export interface AppendOutcome {
  baseOffset: number
  /** Milliseconds; -1 unless the topic stamps messages itself. */
  logAppendTime: number
  duplicate: boolean
}

/** One partition: segments in offset order, the last one being written. */
export class PartitionLog {
  readonly #dir: string
  readonly #settings: () => TopicSettings
  readonly #segments: Segment[] = []
  readonly #producers = new ProducerState()
  readonly #listeners = new Set<() => void>()
  #startOffset = 0
  #endOffset = 0
  #dirty = false
  #flushing: Promise<void> | undefined
  #closed = false

  private constructor(dir: string, settings: () => TopicSettings) {
    this.#dir = dir
    this.#settings = settings
  }

  /** Opens or creates the log in `dir`. `warn` hears of damage that was repaired. */
  static open(dir: string, settings: () => TopicSettings, warn: (message: string) => void): PartitionLog {
    const log = new PartitionLog(dir, settings)
    mkdirSync(dir, { recursive: true })
    log.#recover(warn)
    return log
  }

  get startOffset(): number {
    return this.#startOffset
  }

  /** The offset that the next message will get. */
  get endOffset(): number {
    return this.#endOffset
  }

  get size(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.size, 0)
  }

  #recover(warn: (message: string) => void): void {
    const bases = readdirSync(this.#dir)
      .map(Segment.offsetOf)
      .filter((base) => base !== undefined)
      .sort((a, b) => a - b)
    let damaged = false
    for (const [i, base] of bases.entries()) {
      const segment = new Segment(this.#dir, base)
      if (damaged) {
        // What follows a hole can no longer be served in order; it is kept for whoever wants to look.
        renameSync(segment.path, `${segment.path}.damaged`)
        warn(`${segment.path} follows a damaged segment and was set aside as .damaged`)
        continue
      }
      const isLast = i === bases.length - 1
      this.#endOffset = Math.max(this.#endOffset, base)
      const cut = segment.recover(this.#endOffset, isLast, ({ header }) => {
        this.#endOffset = header.baseOffset + header.lastOffsetDelta + 1
        this.#producers.record(header)
      })
      if (cut > 0) {
        warn(
          `${segment.path}: ${cut} bytes after offset ${this.#endOffset} were no whole batch and are cut off`,
        )
        damaged = !isLast
      }
      this.#segments.push(segment)
    }
    if (this.#segments.length === 0) this.#segments.push(new Segment(this.#dir, 0))
    this.#active().openForAppend()
    this.#startOffset = Math.max(this.#segments[0]!.baseOffset, this.#readStartOffset())
  }

  #readStartOffset(): number {
    try {
      const stored = Number(readFileSync(join(this.#dir, START_OFFSET_FILE), 'utf8'))
      return Number.isSafeInteger(stored) ? Math.min(stored, this.#endOffset) : 0
    } catch {
      return 0
    }
  }

  #active(): Segment {
    return this.#segments.at(-1)!
  }

  /**
   * Stores what a producer sent: record batches of magic 2, one after the other. The bytes are in the page
   * cache when this returns. Throws KafkaError; nothing is stored then.
   */
  append(data: Buffer): AppendOutcome {
    if (this.#closed) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', 'the partition is closed')
    const batches = parseBatches(data)
    const first = batches[0]
    if (!first) throw new KafkaError('INVALID_RECORD', 'no batch in the request')
    const settings = this.#settings()
    for (const { header } of batches) {
      if (header.size > settings.maxMessageBytes) {
        throw new KafkaError(
          'MESSAGE_TOO_LARGE',
          `a batch of ${header.size} bytes; max.message.bytes is ${settings.maxMessageBytes}`,
        )
      }
      if (isTransactional(header) || isControl(header)) {
        throw new KafkaError('INVALID_TXN_STATE', 'transactions are not supported by the development broker')
      }
      if (header.producerId >= 0 && batches.length > 1) {
        throw new KafkaError('INVALID_RECORD', 'an idempotent producer sends one batch a partition')
      }
    }
    const stored = this.#producers.check(first.header)
    if (stored !== undefined) return { baseOffset: stored, logAppendTime: -1, duplicate: true }
    return this.#write(batches, settings)
  }

  #write(batches: { header: BatchHeader; batch: Buffer }[], settings: TopicSettings): AppendOutcome {
    const baseOffset = this.#endOffset
    const now = Date.now()
    let next = baseOffset
    let bytes = 0
    for (const { header, batch } of batches) {
      header.baseOffset = next
      assignOffset(batch, next, LEADER_EPOCH)
      if (settings.logAppendTime) {
        assignAppendTime(batch, now)
        header.maxTimestamp = now
      }
      next += header.lastOffsetDelta + 1
      bytes += batch.length
    }
    try {
      const active = this.#active()
      if (active.size > 0 && active.size + bytes > settings.segmentBytes) this.#roll()
      this.#active().append(batches)
    } catch (cause) {
      throw new KafkaError('KAFKA_STORAGE_ERROR', `cannot write to ${this.#dir}: ${String(cause)}`, { cause })
    }
    for (const { header } of batches) this.#producers.record(header)
    this.#endOffset = next
    this.#dirty = true
    for (const listener of [...this.#listeners]) listener()
    return { baseOffset, logAppendTime: settings.logAppendTime ? now : -1, duplicate: false }
  }

  #roll(): void {
    const fresh = new Segment(this.#dir, this.#endOffset)
    fresh.openForAppend()
    this.#active().seal(this.#settings().fsync !== 'never')
    this.#segments.push(fresh)
  }

  /** Batches from the one that holds `offset` on. Throws OFFSET_OUT_OF_RANGE outside of [start, end]. */
  read(offset: number, maxBytes: number, atLeastOne: boolean): Buffer {
    if (offset < this.#startOffset || offset > this.#endOffset) {
      throw new KafkaError(
        'OFFSET_OUT_OF_RANGE',
        `offset ${offset} is not in ${this.#startOffset}…${this.#endOffset}`,
      )
    }
    if (offset === this.#endOffset) return Buffer.alloc(0)
    let at = this.#segments.length - 1
    while (at > 0 && this.#segments[at]!.baseOffset > offset) at--
    for (; at < this.#segments.length; at++) {
      const segment = this.#segments[at]!
      const data = segment.read(offset, maxBytes, atLeastOne)
      // A recovered log may have lost the tail of a segment: then the next one goes on.
      if (data.length > 0 || !atLeastOne) return data
    }
    return Buffer.alloc(0)
  }

  /** The first message not older than `timestamp` (ms); undefined where all are older. */
  offsetByTime(timestamp: number): { offset: number; timestamp: number } | undefined {
    for (const segment of this.#segments) {
      const batch = segment.findByTime(timestamp)
      if (!batch) continue
      const found = firstNotOlder(batch, timestamp)
      if (found.offset >= this.#startOffset) return found
      return this.#startOffset < this.#endOffset
        ? { offset: this.#startOffset, timestamp: found.timestamp }
        : undefined
    }
    return undefined
  }

  /** Calls back after each append. Returns the unsubscribe. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Waits until all that was appended before the call is on the disk. Concurrent calls share one sync. */
  async flush(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      if (this.#flushing) {
        await this.#flushing
        continue
      }
      this.#dirty = false
      this.#flushing = this.#active()
        .flush()
        .finally(() => {
          this.#flushing = undefined
        })
      await this.#flushing
      return
    }
    await this.#flushing
  }

  /** Forgets all before `offset` (-1: all there is). Returns the new start offset. */
  deleteRecords(offset: number): number {
    const target = offset === -1 ? this.#endOffset : offset
    if (target < 0 || target > this.#endOffset) {
      throw new KafkaError('OFFSET_OUT_OF_RANGE', `offset ${offset} is beyond the end ${this.#endOffset}`)
    }
    if (target > this.#startOffset) {
      replaceFile(join(this.#dir, START_OFFSET_FILE), String(target))
      this.#startOffset = target
      if (target === this.#endOffset && this.#active().size > 0) this.#roll()
      this.#dropWhile((_, next) => next.baseOffset <= target)
    }
    return this.#startOffset
  }

  /**
   * Deletes whole segments that are over the topic's limits of age and size. Age counts from the last write
   * to a segment and not, as in Kafka, from its messages' timestamps: replayed history must not vanish at once.
   */
  applyRetention(now: number): void {
    const { retentionMs, retentionBytes } = this.#settings()
    const tooOld = (segment: Segment) => retentionMs >= 0 && segment.lastWrite < now - retentionMs
    const active = this.#active()
    if (active.size > 0 && tooOld(active)) this.#roll()
    let total = this.size
    this.#dropWhile((segment) => {
      const overSize = retentionBytes >= 0 && total - segment.size >= retentionBytes
      if (!overSize && !tooOld(segment)) return false
      total -= segment.size
      return true
    })
  }

  #dropWhile(condition: (segment: Segment, next: Segment) => boolean): void {
    while (this.#segments.length > 1 && condition(this.#segments[0]!, this.#segments[1]!)) {
      this.#segments.shift()!.remove()
    }
    this.#startOffset = Math.max(this.#startOffset, this.#segments[0]!.baseOffset)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#active().seal(this.#settings().fsync !== 'never')
    for (const listener of [...this.#listeners]) listener()
  }
}

/** The record inside the batch, or the batch's first offset where its codec cannot be opened here. */
function firstNotOlder(batch: Buffer, timestamp: number): { offset: number; timestamp: number } {
  const header = readBatchHeader(batch)
  try {
    const records = readRecords(header, decompress(header, batch.subarray(BATCH_HEADER)))
    const record = records.find((candidate) => candidate.timestamp >= timestamp)
    if (record) return { offset: record.offset, timestamp: record.timestamp }
  } catch {
    // Earlier than asked is safe for a reader that rewinds; an error would leave it nowhere.
  }
  return { offset: header.baseOffset, timestamp: Math.max(header.baseTimestamp, timestamp) }
}
