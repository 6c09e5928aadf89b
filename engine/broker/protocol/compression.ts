import { gunzipSync } from 'node:zlib'
import { KafkaError } from './errors.js'
import { type BatchHeader, compressionOf } from './record_batch.js'

/** A batch's records may unpack to at most this many bytes: a few kilobytes of gzip can hold gigabytes. */
const MAX_UNPACKED = 128 * 1024 * 1024

/** The records of a batch, unpacked. Throws UNSUPPORTED_FOR_MESSAGE_FORMAT for codecs that only clients open. */
export function decompress(header: Pick<BatchHeader, 'attributes'>, payload: Buffer): Buffer {
  const codec = compressionOf(header)
  if (codec === 'none') return payload
  if (codec === 'gzip') return gunzipSync(payload, { maxOutputLength: MAX_UNPACKED })
  throw new KafkaError('UNSUPPORTED_FOR_MESSAGE_FORMAT', `${codec ?? 'unknown'} batches are not opened here`)
}
