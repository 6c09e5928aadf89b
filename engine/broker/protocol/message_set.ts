import { crc32 } from 'node:zlib'
import { MalformedFrame, Reader } from './bytes.js'
import { decompress } from './compression.js'
import { KafkaError } from './errors.js'
import { buildBatch, type NewRecord } from './record_batch.js'

const MIN_MESSAGE = 14
/** Messages in a compressed message are not compressed again. */
const MAX_DEPTH = 1

/**
 * What a Produce of version 0 to 2 carries, as one record batch: a message set of magic 0 or 1, or already
 * a batch of magic 2. Throws KafkaError (CORRUPT_MESSAGE, UNSUPPORTED_FOR_MESSAGE_FORMAT).
 */
export function convertMessageSet(data: Buffer): Buffer {
  if (data.length > 16 && data.readInt8(16) === 2) return data
  try {
    const records = readMessageSet(data, 0)
    if (records.length === 0) throw new KafkaError('INVALID_RECORD', 'no message in the request')
    return buildBatch(records)
  } catch (cause) {
    if (!(cause instanceof MalformedFrame)) throw cause
    throw new KafkaError('CORRUPT_MESSAGE', 'the message set is cut short', { cause })
  }
}

function readMessageSet(data: Buffer, depth: number): NewRecord[] {
  const records: NewRecord[] = []
  const reader = new Reader(data)
  while (reader.remaining > 0) {
    reader.int64() // the offset a producer puts here means nothing
    const size = reader.int32()
    if (size < MIN_MESSAGE) throw new KafkaError('CORRUPT_MESSAGE', `a message of ${size} bytes`)
    records.push(...readMessage(reader.bytes(size), depth))
  }
  return records
}

function readMessage(message: Buffer, depth: number): NewRecord[] {
  const reader = new Reader(message)
  const crc = reader.uint32()
  if (crc !== crc32(message.subarray(4))) {
    throw new KafkaError('CORRUPT_MESSAGE', 'checksum of the message is wrong')
  }
  const magic = reader.int8()
  if (magic !== 0 && magic !== 1) throw new KafkaError('CORRUPT_MESSAGE', `magic ${magic}`)
  const attributes = reader.int8()
  const timestamp = magic === 1 ? reader.int64() : -1
  const key = nullableBytes(reader)
  const value = nullableBytes(reader)
  if ((attributes & 0x07) === 0) {
    return [{ key, value, timestamp: timestamp >= 0 ? timestamp : undefined }]
  }
  if (depth >= MAX_DEPTH || !value)
    throw new KafkaError('CORRUPT_MESSAGE', 'a compressed message without content')
  return readMessageSet(decompress({ attributes }, value), depth + 1)
}

function nullableBytes(reader: Reader): Buffer | null {
  const length = reader.int32()
  return length < 0 ? null : reader.bytes(length)
}
