import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as cluster from '../../../engine/broker/protocol/apis/cluster.js'
import * as data from '../../../engine/broker/protocol/apis/data.js'
import * as groups from '../../../engine/broker/protocol/apis/groups.js'
import { unpackLz4, unpackSnappy } from '../../../engine/broker/protocol/block_codecs.js'
import { MalformedFrame, Reader, Writer } from '../../../engine/broker/protocol/bytes.js'
import { type Api, type Codec, nullableBytes, nullableString } from '../../../engine/broker/protocol/codec.js'
import { decompress } from '../../../engine/broker/protocol/compression.js'
import { crc32c } from '../../../engine/broker/protocol/crc32c.js'
import { KafkaError } from '../../../engine/broker/protocol/errors.js'
import {
  BATCH_HEADER,
  buildBatch,
  type NewRecord,
  parseBatches,
  readBatchHeader,
  readRecords,
} from '../../../engine/broker/protocol/record_batch.js'

const APIS = [...Object.values(cluster), ...Object.values(data), ...Object.values(groups)] as Api<
  unknown,
  unknown
>[]
const VERSIONS = APIS.flatMap((api) => {
  const last = Math.min(api.max, 20)
  return Array.from({ length: last - api.min + 1 }, (_, i) => ({ api, version: api.min + i }))
})

function roundTrip<T>(codec: Codec<T>, value: T, flexible = false): T {
  const writer = new Writer(0, flexible)
  codec.write(writer, value)
  const reader = new Reader(writer.toBuffer(), 0, flexible)
  const back = codec.read(reader)
  expect(reader.remaining).toBe(0)
  return back
}

describe('primitives', () => {
  const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

  it.each([
    ['varint', int32, 'varint'],
    ['uvarint', fc.integer({ min: 0, max: 2 ** 32 - 1 }), 'uvarint'],
    ['varlong', fc.maxSafeInteger(), 'varlong'],
    ['int64', fc.maxSafeInteger(), 'int64'],
    ['int32', int32, 'int32'],
    ['int16', fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 }), 'int16'],
    ['int8', fc.integer({ min: -128, max: 127 }), 'int8'],
  ] as const)('%s reads what it wrote', (_, arbitrary, method) => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        const writer = new Writer()
        writer[method](value)
        expect(new Reader(writer.toBuffer())[method]()).toBe(value)
      }),
    )
  })

  it('the largest 64-bit integer, which clients use for "none", can be read and written back', () => {
    const bytes = Buffer.from('7fffffffffffffff', 'hex')
    const writer = new Writer()
    writer.int64(new Reader(bytes).int64())
    expect(writer.toBuffer()).toEqual(bytes)
  })

  it('varints have the bytes that Kafka gives them', () => {
    const bytes = (value: number) => {
      const writer = new Writer()
      writer.varint(value)
      return writer.toBuffer().toString('hex')
    }
    expect([0, -1, 1, -64, 64, 300, -2147483648].map(bytes)).toEqual([
      '00',
      '01',
      '02',
      '7f',
      '8001',
      'd804',
      'ffffffff0f',
    ])
  })

  it('strings and bytes read what they wrote, in both forms', () => {
    fc.assert(
      fc.property(fc.option(fc.string({ unit: 'grapheme' })), fc.boolean(), (value, flexible) => {
        expect(roundTrip(nullableString, value, flexible)).toBe(value)
      }),
    )
    fc.assert(
      fc.property(fc.option(fc.uint8Array({ maxLength: 9000 })), fc.boolean(), (value, flexible) => {
        const buffer = value && Buffer.from(value)
        expect(roundTrip(nullableBytes, buffer, flexible)).toEqual(buffer)
      }),
      { numRuns: 50 },
    )
  })

  it('crc32c agrees with the published check values', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
    expect(crc32c(Buffer.alloc(0))).toBe(0)
  })

  it('crc32c does not depend on where a buffer starts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(8), (bytes, shift) => {
        const moved = Buffer.concat([Buffer.alloc(shift), Buffer.from(bytes)]).subarray(shift)
        let plain = -1
        for (const byte of bytes) {
          plain ^= byte
          for (let bit = 0; bit < 8; bit++) plain = plain & 1 ? (plain >>> 1) ^ 0x82f63b78 : plain >>> 1
        }
        expect(crc32c(moved)).toBe((plain ^ -1) >>> 0)
      }),
    )
  })
})

describe('API tables', () => {
  it('have one key each', () => {
    expect(new Set(APIS.map((api) => api.key)).size).toBe(APIS.length)
  })

  it.each(VERSIONS)(
    '$api.name v$version: any bytes are refused, or read the same when written again',
    ({ api, version }) => {
      const flexible = version >= api.flexibleFrom
      const small = fc.array(fc.oneof(fc.constant(0), fc.nat(4), fc.nat(255)), { maxLength: 60 })
      for (const codec of [api.request, api.response]) {
        fc.assert(
          fc.property(small, (bytes) => {
            let value: unknown
            try {
              value = codec.read(new Reader(Buffer.from(bytes), version, flexible))
            } catch (error) {
              expect(error).toBeInstanceOf(MalformedFrame)
              return
            }
            const writer = new Writer(version, flexible)
            codec.write(writer, value)
            expect(codec.read(new Reader(writer.toBuffer(), version, flexible))).toEqual(value)
          }),
          { numRuns: 60 },
        )
      }
    },
  )

  it('an array that claims more elements than there are bytes is refused before it is built', () => {
    const frame = Buffer.alloc(8)
    frame.writeInt32BE(2 ** 31 - 1)
    expect(() => cluster.metadata.request.read(new Reader(frame, 1))).toThrow(MalformedFrame)
  })
})

describe('snappy and LZ4', () => {
  const LIMIT = 1_000_000
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
  // By hand, after the formats' descriptions: "abcd" and then copies of it.
  const snappy = hex('0c 0c 61626364 11 04')
  const framed = Buffer.concat([hex('82 534e41505059 00 00000001 00000001'), hex('00000008'), snappy])
  const lz4 = hex('04224d18 40 40 c0 0d000000 44 61626364 0400 50 65666768 69 00000000')

  it('unpack what was packed by hand', () => {
    expect(unpackSnappy(snappy, LIMIT).toString()).toBe('abcdabcdabcd')
    expect(unpackSnappy(framed, LIMIT).toString()).toBe(unpackSnappy(snappy, LIMIT).toString())
    expect(unpackLz4(lz4, LIMIT).toString()).toBe('abcdabcdabcdefghi')
  })

  it('end in a result or a MalformedFrame for any bytes, within their limit', () => {
    const damaged = (good: Buffer) =>
      fc
        .tuple(fc.nat(good.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 20 }))
        .map(([at, value, tail]) => {
          const copy = Buffer.concat([good, tail])
          copy[at] = value
          return copy
        })
    const check = (unpack: (data: Buffer, limit: number) => Buffer) => (data: Buffer) => {
      try {
        expect(unpack(data, 1000).length).toBeLessThanOrEqual(1000)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedFrame)
      }
    }
    fc.assert(fc.property(damaged(snappy), check(unpackSnappy)))
    fc.assert(fc.property(damaged(framed), check(unpackSnappy)))
    fc.assert(fc.property(damaged(lz4), check(unpackLz4)))
  })
})

describe('record batches', () => {
  const bytes = fc.option(fc.uint8Array({ maxLength: 200 }).map((value) => Buffer.from(value)))
  const record: fc.Arbitrary<NewRecord> = fc.record({
    key: bytes,
    value: bytes,
    headers: fc.dictionary(fc.string({ maxLength: 10 }), bytes, { maxKeys: 3 }),
    timestamp: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  })

  it('give back the records they were built from, compressed or not', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), fc.boolean(), (records, compressed) => {
        const [parsed] = parseBatches(buildBatch(records))
        let payload = parsed!.batch.subarray(BATCH_HEADER)
        if (compressed) payload = decompress({ attributes: 1 }, gzipSync(payload))
        const back = readRecords(parsed!.header, payload)
        expect(back.map((one) => one.offset)).toEqual(records.map((_, i) => i))
        expect(back.map(({ key, value, timestamp }) => ({ key, value, timestamp }))).toEqual(
          records.map(({ key, value, timestamp }) => ({ key, value, timestamp })),
        )
        expect(back.map((one) => Object.fromEntries(one.headers.map((h) => [h.key, h.value])))).toEqual(
          records.map((one) => ({ ...one.headers })),
        )
        expect(parsed!.header.maxTimestamp).toBe(Math.max(...records.map((one) => one.timestamp!)))
      }),
    )
  })

  it('refuse any altered byte that the checksum covers', () => {
    const batch = buildBatch([{ value: 'one' }, { value: 'two' }])
    fc.assert(
      fc.property(
        fc.integer({ min: 17, max: batch.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, xor) => {
          const altered = Buffer.from(batch)
          altered[at]! ^= xor
          expect(() => parseBatches(altered)).toThrow(KafkaError)
        },
      ),
    )
  })

  it('refuse a batch cut short, a wrong count and bytes after the last record', () => {
    const batch = buildBatch([{ value: 'one' }, { value: 'two' }])
    const sealed = (change: (copy: Buffer) => void) => {
      const copy = Buffer.from(batch)
      change(copy)
      copy.writeUInt32BE(crc32c(copy.subarray(21)), 17)
      return copy
    }
    expect(() => parseBatches(batch.subarray(0, -1))).toThrow(/says it has/)
    expect(() => parseBatches(batch.subarray(0, 40))).toThrow(/no batch header/)
    expect(() => parseBatches(sealed((copy) => copy.writeInt32BE(3, 57)))).toThrow(/3 records/)
    expect(() => parseBatches(sealed((copy) => copy.writeInt32BE(0, 57)))).toThrow(/0 records/)
    const three = sealed((copy) => {
      copy.writeInt32BE(2, 23)
      copy.writeInt32BE(3, 57)
    })
    expect(() => parseBatches(three)).toThrow(/before their count/)
    const one = sealed((copy) => {
      copy.writeInt32BE(0, 23)
      copy.writeInt32BE(1, 57)
    })
    expect(() => parseBatches(one)).toThrow(/after the last record/)
    expect(() => parseBatches(sealed((copy) => copy.writeInt16BE(7, 21)))).toThrow(/no codec/)
  })

  it('have the header fields where Kafka has them', () => {
    const batch = buildBatch([{ value: 'x', timestamp: 1_700_000_000_000 }], {
      producerId: 77,
      producerEpoch: 3,
      baseSequence: 9,
    })
    expect(readBatchHeader(batch)).toMatchObject({
      baseOffset: 0,
      size: batch.length,
      magic: 2,
      lastOffsetDelta: 0,
      baseTimestamp: 1_700_000_000_000,
      producerId: 77,
      producerEpoch: 3,
      baseSequence: 9,
      count: 1,
    })
  })
})
