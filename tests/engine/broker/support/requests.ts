import { crc32 } from 'node:zlib'
import { Writer } from '../../../../engine/broker/protocol/bytes.js'

/** One partition's records, and one partition's offset: all that these tests send. */
export const produceRequest = (records: Buffer, acks = -1, name = 't', index = 0) => ({
  transactionalId: null,
  acks,
  timeoutMs: 1000,
  topics: [{ name, partitions: [{ index, records }] }],
})

export const fetchRequest = (
  offset: number,
  over: { maxWaitMs?: number; minBytes?: number; maxBytes?: number } = {},
) => ({
  replicaId: -1,
  maxWaitMs: 0,
  minBytes: 1,
  maxBytes: 1_000_000,
  isolationLevel: 1,
  sessionId: 0,
  sessionEpoch: -1,
  forgottenTopics: [],
  rackId: '',
  ...over,
  topics: [
    {
      name: 't',
      partitions: [
        { index: 0, currentLeaderEpoch: -1, fetchOffset: offset, logStartOffset: -1, maxBytes: 1_000_000 },
      ],
    },
  ],
})

/** A message as clients from before 0.11 send it. */
export function oldMessage(magic: 0 | 1, key: string | null, value: Buffer, attributes = 0): Buffer {
  const body = new Writer()
  body.int8(magic)
  body.int8(attributes)
  if (magic === 1) body.int64(1_700_000_000_000)
  body.int32(key === null ? -1 : key.length)
  if (key !== null) body.bytes(Buffer.from(key))
  body.int32(value.length)
  body.bytes(value)
  const set = new Writer()
  set.int64(0)
  set.int32(body.length + 4)
  set.uint32(crc32(body.toBuffer()))
  set.bytes(body.toBuffer())
  return set.toBuffer()
}
