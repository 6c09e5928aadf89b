import * as zlib from 'node:zlib'
import { unpackLz4, unpackSnappy } from './block_codecs.js'
import { KafkaError } from './errors.js'
import { type BatchHeader, type Compression, compressionOf } from './record_batch.js'

/** A batch's records may unpack to at most this many bytes: a few kilobytes of gzip can hold gigabytes. */
const MAX_UNPACKED = 128 * 1024 * 1024

type Unpack = (payload: Buffer, maxBytes: number) => Buffer

/** Node has zstd from 22.15 on. */
const zstd = (zlib as { zstdDecompressSync?: (data: Buffer, options: { maxOutputLength: number }) => Buffer })
  .zstdDecompressSync

const CODECS: Readonly<Partial<Record<Compression, Unpack>>> = {
  none: (payload) => payload,
  gzip: (payload, maxOutputLength) => zlib.gunzipSync(payload, { maxOutputLength }),
  snappy: unpackSnappy,
  lz4: unpackLz4,
  ...(zstd && { zstd: (payload: Buffer, maxOutputLength: number) => zstd(payload, { maxOutputLength }) }),
}

/** The codecs that `decompress` knows on this version of Node. */
export const READABLE_CODECS: ReadonlySet<string> = new Set(Object.keys(CODECS))

/**
 * The records of a batch, unpacked. Throws KafkaError: UNSUPPORTED_FOR_MESSAGE_FORMAT for zstd on a Node that
 * lacks it, CORRUPT_MESSAGE where the data are no such thing.
 */
export function decompress(header: Pick<BatchHeader, 'attributes'>, payload: Buffer): Buffer {
  const codec = compressionOf(header)
  const unpack = codec && CODECS[codec]
  if (!unpack) {
    const message = `${codec ?? 'unknown'} batches cannot be opened on Node ${process.version}`
    throw new KafkaError('UNSUPPORTED_FOR_MESSAGE_FORMAT', message)
  }
  try {
    return unpack(payload, MAX_UNPACKED)
  } catch (cause) {
    throw new KafkaError('CORRUPT_MESSAGE', `the ${codec} data cannot be unpacked: ${String(cause)}`, {
      cause,
    })
  }
}
