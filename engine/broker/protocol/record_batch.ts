import { Reader, Writer } from './bytes.js'
import { crc32c } from './crc32c.js'
import { KafkaError } from './errors.js'

/**
 * Record batch, magic 2 (https://kafka.apache.org/documentation/#recordbatch). The broker keeps batches
 * verbatim: base offset and leader epoch, which it assigns, lie outside the checksum.
 */
export const BATCH_HEADER = 61
/** Base offset and batch length: what `batchLength` does not count. */
export const LOG_OVERHEAD = 12
const CRC_FROM = 21

export interface BatchHeader {
  baseOffset: number
  /** Whole size in bytes, `LOG_OVERHEAD` included. */
  size: number
  leaderEpoch: number
  magic: number
  crc: number
  attributes: number
  lastOffsetDelta: number
  baseTimestamp: number
  maxTimestamp: number
  producerId: number
  producerEpoch: number
  baseSequence: number
  count: number
}

export const COMPRESSION = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Compression = (typeof COMPRESSION)[number]

export const compressionOf = (header: Pick<BatchHeader, 'attributes'>): Compression | undefined =>
  COMPRESSION[header.attributes & 0x07]
export const isTransactional = (header: Pick<BatchHeader, 'attributes'>) => (header.attributes & 0x10) !== 0
export const isControl = (header: Pick<BatchHeader, 'attributes'>) => (header.attributes & 0x20) !== 0
const LOG_APPEND_TIME = 0x08

/** Reads the header at `at`; the caller has made sure that 61 bytes are there. */
export function readBatchHeader(buffer: Buffer, at = 0): BatchHeader {
  return {
    baseOffset: Number(buffer.readBigInt64BE(at)),
    size: buffer.readInt32BE(at + 8) + LOG_OVERHEAD,
    leaderEpoch: buffer.readInt32BE(at + 12),
    magic: buffer.readInt8(at + 16),
    crc: buffer.readUInt32BE(at + 17),
    attributes: buffer.readInt16BE(at + 21),
    lastOffsetDelta: buffer.readInt32BE(at + 23),
    baseTimestamp: Number(buffer.readBigInt64BE(at + 27)),
    maxTimestamp: Number(buffer.readBigInt64BE(at + 35)),
    producerId: Number(buffer.readBigInt64BE(at + 43)),
    producerEpoch: buffer.readInt16BE(at + 51),
    baseSequence: buffer.readInt32BE(at + 53),
    count: buffer.readInt32BE(at + 57),
  }
}

export function batchCrcIsRight(batch: Buffer, header: BatchHeader): boolean {
  return crc32c(batch.subarray(CRC_FROM)) === header.crc
}

/** Writes what the broker assigns into a batch, in place. */
export function assignOffset(batch: Buffer, baseOffset: number, leaderEpoch: number): void {
  batch.writeBigInt64BE(BigInt(baseOffset), 0)
  batch.writeInt32BE(leaderEpoch, 12)
}

/** Turns a batch into one with `LogAppendTime`: attribute, time and checksum change, in place. */
export function assignAppendTime(batch: Buffer, now: number): void {
  batch.writeInt16BE(batch.readInt16BE(21) | LOG_APPEND_TIME, 21)
  batch.writeBigInt64BE(BigInt(now), 35)
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), 17)
}

/**
 * Splits what a producer sent into checked batches. Throws KafkaError: CORRUPT_MESSAGE where bytes are
 * wrong, INVALID_RECORD where the counts disagree, UNSUPPORTED_FOR_MESSAGE_FORMAT for another magic.
 */
export function parseBatches(data: Buffer): { header: BatchHeader; batch: Buffer }[] {
  const batches: { header: BatchHeader; batch: Buffer }[] = []
  let at = 0
  while (at < data.length) {
    if (data.length - at < BATCH_HEADER) throw cutOff(at, `${data.length - at} bytes are no batch header`)
    const header = readBatchHeader(data, at)
    if (header.magic !== 2) {
      throw new KafkaError('UNSUPPORTED_FOR_MESSAGE_FORMAT', `magic ${header.magic} in a record batch`)
    }
    if (header.size < BATCH_HEADER) throw corrupt(`a batch says it has ${header.size} bytes`)
    if (header.size > data.length - at) {
      throw cutOff(at, `a batch says it has ${header.size} bytes, ${data.length - at} are there`)
    }
    const batch = data.subarray(at, at + header.size)
    checkBatch(header, batch)
    batches.push({ header, batch })
    at += header.size
  }
  return batches
}

function checkBatch(header: BatchHeader, batch: Buffer): void {
  if (!batchCrcIsRight(batch, header)) throw corrupt('checksum of the batch is wrong')
  if (header.count <= 0 || header.lastOffsetDelta !== header.count - 1) {
    const { count, lastOffsetDelta } = header
    throw new KafkaError('INVALID_RECORD', `${count} records with last offset delta ${lastOffsetDelta}`)
  }
  const compression = compressionOf(header)
  if (!compression) throw new KafkaError('INVALID_RECORD', `attributes ${header.attributes} name no codec`)
  if (compression === 'none') checkRecordLengths(header, batch)
}

/** A consumer that meets a record cut short stops for good, so such a batch is refused when it comes. */
function checkRecordLengths(header: BatchHeader, batch: Buffer): void {
  const reader = new Reader(batch)
  reader.position = BATCH_HEADER
  try {
    for (let i = 0; i < header.count; i++) reader.bytes(reader.varint())
  } catch (cause) {
    throw new KafkaError('INVALID_RECORD', 'records end before their count', { cause })
  }
  if (reader.remaining > 0) throw new KafkaError('INVALID_RECORD', 'bytes after the last record')
}

/** To Kafka, a first batch that is not whole is none. */
const cutOff = (at: number, message: string) =>
  at === 0 ? new KafkaError('INVALID_RECORD', message) : corrupt(message)

const corrupt = (message: string) => new KafkaError('CORRUPT_MESSAGE', message)

export interface BrokerRecord {
  offset: number
  /** Milliseconds since the epoch. */
  timestamp: number
  key: Buffer | null
  value: Buffer | null
  headers: { key: string; value: Buffer | null }[]
}

/** The records of a batch; `payload` is the part after the header, decompressed. */
export function readRecords(header: BatchHeader, payload: Buffer): BrokerRecord[] {
  const reader = new Reader(payload)
  const records: BrokerRecord[] = []
  const appendTime = (header.attributes & LOG_APPEND_TIME) !== 0
  for (let i = 0; i < header.count; i++) {
    reader.varint() // length
    reader.int8() // attributes, unused
    const timestampDelta = reader.varlong()
    const offset = header.baseOffset + reader.varint()
    const key = varBytes(reader)
    const value = varBytes(reader)
    const headers: BrokerRecord['headers'] = []
    for (let n = reader.varint(); n > 0; n--) {
      headers.push({ key: (varBytes(reader) ?? Buffer.alloc(0)).toString('utf8'), value: varBytes(reader) })
    }
    const timestamp = appendTime ? header.maxTimestamp : header.baseTimestamp + timestampDelta
    records.push({ offset, timestamp, key, value, headers })
  }
  return records
}

function varBytes(reader: Reader): Buffer | null {
  const length = reader.varint()
  return length < 0 ? null : reader.bytes(length)
}

export interface NewRecord {
  key?: Buffer | string | null
  value: Buffer | string | null
  headers?: Record<string, Buffer | string | null>
  /** Milliseconds since the epoch; the present where it is missing. */
  timestamp?: number
}

/** Builds an uncompressed batch with base offset 0; at least one record. */
export function buildBatch(
  records: readonly NewRecord[],
  producer = { producerId: -1, producerEpoch: -1, baseSequence: -1 },
): Buffer {
  const now = Date.now()
  const times = records.map((record) => record.timestamp ?? now)
  const baseTimestamp = times[0] ?? now
  const body = new Writer()
  for (const [i, record] of records.entries()) {
    const one = new Writer()
    one.int8(0)
    one.varlong(times[i]! - baseTimestamp)
    one.varint(i)
    writeVarBytes(one, record.key ?? null)
    writeVarBytes(one, record.value)
    const headers = Object.entries(record.headers ?? {})
    one.varint(headers.length)
    for (const [key, value] of headers) {
      writeVarBytes(one, key)
      writeVarBytes(one, value)
    }
    body.varint(one.length)
    for (const chunk of one.chunks()) body.bytes(chunk)
  }
  const header = Buffer.alloc(BATCH_HEADER)
  header.writeInt32BE(BATCH_HEADER - LOG_OVERHEAD + body.length, 8)
  header.writeInt8(2, 16)
  header.writeInt32BE(records.length - 1, 23)
  header.writeBigInt64BE(BigInt(baseTimestamp), 27)
  header.writeBigInt64BE(BigInt(times.reduce((max, time) => Math.max(max, time), baseTimestamp)), 35)
  header.writeBigInt64BE(BigInt(producer.producerId), 43)
  header.writeInt16BE(producer.producerEpoch, 51)
  header.writeInt32BE(producer.baseSequence, 53)
  header.writeInt32BE(records.length, 57)
  const batch = Buffer.concat([header, ...body.chunks()])
  batch.writeUInt32BE(crc32c(batch.subarray(CRC_FROM)), 17)
  return batch
}

function writeVarBytes(writer: Writer, value: Buffer | string | null): void {
  if (value === null) {
    writer.varint(-1)
    return
  }
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  writer.varint(bytes.length)
  writer.bytes(bytes)
}
