import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BrokerError, KafkaError, startBroker } from '../../../engine/broker/index.js'
import { buildBatch, type NewRecord, readBatchHeader } from '../../../engine/broker/protocol/record_batch.js'
import { PartitionLog } from '../../../engine/broker/storage/partition_log.js'
import { topicSettings } from '../../../engine/broker/storage/topic_config.js'
import { atEnd, tempDir, testBroker } from './support/temp.js'

interface Opened {
  log: PartitionLog
  warnings: string[]
}

function openLog(dir: string, config: Record<string, string> = {}): Opened {
  const warnings: string[] = []
  const settings = topicSettings(config, { fsync: 'never', defaults: {} })
  const log = PartitionLog.open(
    dir,
    () => settings,
    (warning) => warnings.push(warning),
  )
  atEnd(() => log.close())
  return { log, warnings }
}

const segmentsIn = (dir: string) =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.log'))
    .sort()

/** Offsets of the batches from `offset` to the end. */
function batchOffsets(log: PartitionLog, offset: number): number[] {
  const offsets: number[] = []
  for (let next = offset; next < log.endOffset; ) {
    const data = log.read(next, 1000, true)
    for (let at = 0; at < data.length; ) {
      const header = readBatchHeader(data, at)
      offsets.push(header.baseOffset)
      next = header.baseOffset + header.lastOffsetDelta + 1
      at += header.size
    }
  }
  return offsets
}

const code = (body: () => unknown): string => {
  try {
    body()
  } catch (error) {
    if (error instanceof KafkaError) return error.codeName
    throw error
  }
  return 'NONE'
}

const idempotent = (sequence: number, count = 1, producerEpoch = 0): Buffer =>
  buildBatch(
    Array.from({ length: count }, (_, i) => ({ value: `s${sequence + i}` })),
    { producerId: 5, producerEpoch, baseSequence: sequence },
  )

describe('a partition', () => {
  it.each([
    ['2000', 10],
    ['1000000', 1],
  ])('serves any offset, before and after reopening, with segments of %s bytes', (bytes, segments) => {
    const dir = tempDir()
    const { log } = openLog(dir, { 'segment.bytes': bytes })
    const bases: number[] = []
    for (let i = 0; i < 300; i++) {
      const records: NewRecord[] = Array.from({ length: 1 + (i % 4) }, (_, j) => ({ value: `${i}-${j}` }))
      bases.push(log.append(buildBatch(records)).baseOffset)
    }
    expect(segmentsIn(dir).length).toBeGreaterThanOrEqual(segments)
    const end = log.endOffset
    const check = (opened: PartitionLog) => {
      expect(opened.endOffset).toBe(end)
      expect(batchOffsets(opened, 0)).toEqual(bases)
      for (let offset = 0; offset < end; offset++) {
        const header = readBatchHeader(opened.read(offset, 1, true))
        expect(header.baseOffset).toBeLessThanOrEqual(offset)
        expect(header.baseOffset + header.lastOffsetDelta).toBeGreaterThanOrEqual(offset)
      }
      expect(opened.read(end, 1000, true)).toHaveLength(0)
      expect(opened.read(0, 10, false)).toHaveLength(0)
      expect(code(() => opened.read(end + 1, 10, true))).toBe('OFFSET_OUT_OF_RANGE')
      expect(code(() => opened.read(-1, 10, true))).toBe('OFFSET_OUT_OF_RANGE')
    }
    check(log)
    log.close()
    const again = openLog(dir)
    check(again.log)
    expect(again.warnings).toEqual([])
  })

  it('keeps a batch as the producer made it, but for what the broker assigns', () => {
    const { log } = openLog(tempDir())
    log.append(buildBatch([{ value: 'first' }]))
    const sent = buildBatch([{ key: 'k', value: 'v', headers: { h: 'x' } }])
    log.append(Buffer.from(sent))
    const stored = log.read(1, 1000, true)
    expect(stored.subarray(17)).toEqual(sent.subarray(17))
    expect(readBatchHeader(stored).baseOffset).toBe(1)
  })

  it.each(['1500', '1000000'])('finds messages by time, with segments of %s bytes', (bytes) => {
    const dir = tempDir()
    const { log } = openLog(dir, { 'segment.bytes': bytes })
    for (let i = 0; i < 200; i++) {
      log.append(buildBatch([0, 1, 2].map((j) => ({ value: 'v', timestamp: 1_000_000 + 10 * (3 * i + j) }))))
    }
    const check = (opened: PartitionLog) => {
      for (let n = 0; n < 600; n += 7) {
        const timestamp = 1_000_000 + 10 * n
        expect(opened.offsetByTime(timestamp)).toEqual({ offset: n, timestamp })
        expect(opened.offsetByTime(timestamp - 3)).toEqual({ offset: n, timestamp })
      }
      expect(opened.offsetByTime(0)).toEqual({ offset: 0, timestamp: 1_000_000 })
      expect(opened.offsetByTime(1_000_000 + 5991)).toBeUndefined()
    }
    check(log)
    log.close()
    check(openLog(dir).log)
  })

  it.each([
    ['half a batch', (batch: Buffer) => batch.subarray(0, batch.length >> 1)],
    ['half a header', (batch: Buffer) => batch.subarray(0, 30)],
    [
      'a batch with a wrong checksum',
      (batch: Buffer) => Buffer.concat([batch.subarray(0, -1), Buffer.from([0x7f])]),
    ],
    ['zeroes', () => Buffer.alloc(5000)],
    ['noise', () => Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 131) & 0xff))],
  ])('cuts %s off the tail, and goes on from the last whole batch', (_, tail) => {
    const dir = tempDir()
    const first = openLog(dir)
    for (let i = 0; i < 5; i++) first.log.append(buildBatch([{ value: `v${i}` }]))
    first.log.close()
    const next = buildBatch([{ value: 'torn' }])
    next.writeBigInt64BE(5n, 0)
    const [segment] = segmentsIn(dir)
    const whole = readFileSync(join(dir, segment!))
    appendFileSync(join(dir, segment!), tail(next))

    const { log, warnings } = openLog(dir)
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/cut off/)
    expect(log.endOffset).toBe(5)
    expect(readFileSync(join(dir, segment!))).toEqual(whole)
    expect(log.append(buildBatch([{ value: 'after' }])).baseOffset).toBe(5)
    expect(batchOffsets(log, 0)).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('keeps every whole batch wherever a crash cuts the file', () => {
    const dir = tempDir()
    const first = openLog(dir)
    const ends: number[] = []
    let size = 0
    for (let i = 0; i < 4; i++) {
      const batch = buildBatch([{ value: 'x'.repeat(i * 10) }])
      first.log.append(batch)
      size += batch.length
      ends.push(size)
    }
    first.log.close()
    const path = join(dir, segmentsIn(dir)[0]!)
    const whole = readFileSync(path)
    for (let cut = 0; cut <= whole.length; cut++) {
      writeFileSync(path, whole)
      truncateSync(path, cut)
      const { log } = openLog(dir)
      expect(log.endOffset).toBe(ends.filter((end) => end <= cut).length)
      log.close()
    }
  })

  it('sets segments aside that follow a damaged one', () => {
    const dir = tempDir()
    const first = openLog(dir, { 'segment.bytes': '1024' })
    for (let i = 0; i < 50; i++) first.log.append(buildBatch([{ value: `v${i}` }]))
    first.log.close()
    const names = segmentsIn(dir)
    expect(names.length).toBeGreaterThan(3)
    truncateSync(join(dir, names[1]!), 100)
    const { log, warnings } = openLog(dir)
    expect(warnings.length).toBe(names.length - 1)
    expect(log.endOffset).toBe(Number(names[1]!.slice(0, 20)) + 1)
    expect(readdirSync(dir).filter((name) => name.endsWith('.damaged'))).toHaveLength(names.length - 2)
    expect(log.append(buildBatch([{ value: 'after' }])).baseOffset).toBe(log.endOffset - 1)
  })

  it('drops whole segments by size', () => {
    const dir = tempDir()
    const { log } = openLog(dir, { 'segment.bytes': '2000', 'retention.bytes': '5000' })
    for (let i = 0; i < 200; i++) log.append(buildBatch([{ value: 'x'.repeat(50) }]))
    const before = segmentsIn(dir).length
    log.applyRetention(Date.now())
    expect(segmentsIn(dir).length).toBeLessThan(before)
    expect(log.size).toBeGreaterThanOrEqual(5000)
    expect(log.size).toBeLessThan(7000)
    expect(log.startOffset).toBeGreaterThan(0)
    expect(code(() => log.read(0, 100, true))).toBe('OFFSET_OUT_OF_RANGE')
    expect(batchOffsets(log, log.startOffset).at(-1)).toBe(199)
  })

  it('drops all by age, counted from the last write, and keeps its offsets', () => {
    const dir = tempDir()
    const { log } = openLog(dir, { 'retention.ms': '60000' })
    for (let i = 0; i < 10; i++) log.append(buildBatch([{ value: 'old history', timestamp: 1000 }]))
    log.applyRetention(Date.now() + 50_000)
    expect(log.startOffset).toBe(0)
    log.applyRetention(Date.now() + 61_000)
    expect(log.startOffset).toBe(10)
    log.close()
    const again = openLog(dir)
    expect([again.log.startOffset, again.log.endOffset]).toEqual([10, 10])
    expect(again.log.append(buildBatch([{ value: 'new' }])).baseOffset).toBe(10)
  })

  it('remembers deleted records over a restart', () => {
    const dir = tempDir()
    const { log } = openLog(dir, { 'segment.bytes': '1024' })
    for (let i = 0; i < 60; i++) log.append(buildBatch([{ value: `v${i}` }]))
    expect(code(() => log.deleteRecords(61))).toBe('OFFSET_OUT_OF_RANGE')
    expect(log.deleteRecords(33)).toBe(33)
    log.close()
    const again = openLog(dir)
    expect(again.log.startOffset).toBe(33)
    expect(batchOffsets(again.log, 33)).toEqual(Array.from({ length: 27 }, (_, i) => 33 + i))
    expect(again.log.deleteRecords(-1)).toBe(60)
    expect(segmentsIn(dir)).toHaveLength(1)
  })

  it('stamps messages itself when told so', () => {
    const { log } = openLog(tempDir(), { 'message.timestamp.type': 'LogAppendTime' })
    const before = Date.now()
    const { logAppendTime } = log.append(buildBatch([{ value: 'v', timestamp: 5 }]))
    expect(logAppendTime).toBeGreaterThanOrEqual(before)
    expect(log.offsetByTime(before)).toEqual({ offset: 0, timestamp: logAppendTime })
    expect(log.offsetByTime(logAppendTime + 1)).toBeUndefined()
  })

  it('refuses transactions and batches over the limit', () => {
    const { log } = openLog(tempDir(), { 'max.message.bytes': '200' })
    expect(code(() => log.append(buildBatch([{ value: 'x'.repeat(300) }])))).toBe('MESSAGE_TOO_LARGE')
    expect(code(() => log.append(Buffer.alloc(0)))).toBe('INVALID_RECORD')
    expect(log.endOffset).toBe(0)
  })
})

describe('an idempotent producer', () => {
  it('gets the first offset again for a batch sent twice, also after a restart', () => {
    const dir = tempDir()
    const first = openLog(dir)
    for (let i = 0; i < 8; i++) expect(first.log.append(idempotent(i * 2, 2)).baseOffset).toBe(i * 2)
    expect(first.log.append(idempotent(14, 2))).toMatchObject({ baseOffset: 14, duplicate: true })
    first.log.close()
    const { log } = openLog(dir)
    for (let i = 3; i < 8; i++) {
      expect(log.append(idempotent(i * 2, 2))).toMatchObject({ baseOffset: i * 2, duplicate: true })
    }
    expect(log.endOffset).toBe(16)
    expect(log.append(idempotent(16)).baseOffset).toBe(16)
  })

  it('is refused out of order, and with an epoch that is over', () => {
    const { log } = openLog(tempDir())
    log.append(idempotent(0))
    expect(code(() => log.append(idempotent(2)))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(code(() => log.append(idempotent(0, 2)))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(code(() => log.append(idempotent(1, 1, 1)))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    log.append(idempotent(0, 1, 1))
    expect(code(() => log.append(idempotent(1, 1, 0)))).toBe('INVALID_PRODUCER_EPOCH')
    expect(code(() => log.append(Buffer.concat([idempotent(1, 1, 1), idempotent(2, 1, 1)])))).toBe(
      'INVALID_RECORD',
    )
    expect(log.endOffset).toBe(2)
  })

  it('goes on at 0 after the last of 31 bits', () => {
    const { log } = openLog(tempDir())
    log.append(idempotent(2 ** 31 - 2, 2))
    expect(log.append(idempotent(0)).baseOffset).toBe(2)
  })
})

describe('a broker directory', () => {
  it('belongs to one broker at a time', async () => {
    const dir = tempDir()
    const broker = await testBroker({ dir })
    const second = startBroker({ dir, port: 0 })
    await expect(second).rejects.toThrow(BrokerError)
    await expect(second).rejects.toMatchObject({
      reason: 'BROKER_DIR_LOCKED',
      message: expect.stringContaining(`in use by process ${process.pid}`),
    })
    await broker.close()
    await (await testBroker({ dir })).close()
  })

  it.each([
    ['a process that is gone', JSON.stringify({ pid: 2 ** 22 + 1, started: '1', token: 'a' })],
    ['another process with a used pid', JSON.stringify({ pid: process.pid, started: '1', token: 'a' })],
    ['a lock that cannot be read', '{"pid":'],
  ])('is freed from %s', async (_, content) => {
    const dir = tempDir()
    writeFileSync(join(dir, 'broker.lock'), content)
    const broker = await testBroker({ dir })
    expect(JSON.parse(readFileSync(join(dir, 'broker.lock'), 'utf8'))).toMatchObject({ pid: process.pid })
    await broker.close()
    expect(readdirSync(dir).filter((name) => name.includes('lock'))).toEqual([])
  })

  it('is given back when the port is taken', async () => {
    const other = await testBroker()
    const dir = tempDir()
    await expect(startBroker({ dir, port: other.port })).rejects.toMatchObject({
      reason: 'BROKER_PORT_IN_USE',
      message: expect.stringContaining(`Port ${other.port}`),
    })
    await testBroker({ dir })
  })

  it('cannot be a file', async () => {
    const file = join(tempDir(), 'file')
    writeFileSync(file, '')
    await expect(startBroker({ dir: file, port: 0 })).rejects.toMatchObject({ reason: 'BROKER_DIR_UNUSABLE' })
  })
})

describe('in-process producing and reading', () => {
  it('keeps topics, configuration and records over a restart', async () => {
    const dir = tempDir()
    const first = await testBroker({ dir, fsync: 'always' })
    first.createTopic('a', { partitions: 3, config: { 'retention.ms': '1000000' } })
    first.createTopic('b')
    for (let partition = 0; partition < 3; partition++) {
      for (let i = 0; i <= partition; i++) {
        await first.append('a', partition, [
          { key: 'k', value: `${partition}-${i}`, headers: { h: 'x' }, timestamp: 7 },
        ])
      }
    }
    expect(first.endOffsets('a')).toEqual([1, 2, 3])
    first.deleteTopic('b')
    await first.close()

    const again = await testBroker({ dir })
    expect(again.topics()).toEqual([{ name: 'a', partitions: 3, config: { 'retention.ms': '1000000' } }])
    expect(again.endOffsets('a')).toEqual([1, 2, 3])
    const { records, nextOffset } = again.read('a', 2, 1)
    expect(nextOffset).toBe(3)
    expect(records).toEqual([
      {
        offset: 1,
        timestamp: 7,
        key: Buffer.from('k'),
        value: Buffer.from('2-1'),
        headers: [{ key: 'h', value: Buffer.from('x') }],
      },
      {
        offset: 2,
        timestamp: 7,
        key: Buffer.from('k'),
        value: Buffer.from('2-2'),
        headers: [{ key: 'h', value: Buffer.from('x') }],
      },
    ])
  })

  it('splits a large append into batches that fit, stored together', async () => {
    const broker = await testBroker()
    broker.createTopic('t', { partitions: 2 })
    const records = Array.from({ length: 3000 }, (_, i) => ({ value: `${i}:${'x'.repeat(1000)}` }))
    await broker.append('t', 1, records)
    expect(broker.endOffsets('t')).toEqual([0, 3000])
    const seen: string[] = []
    for (let next = 0; next < 3000; ) {
      const page = broker.read('t', 1, next, 100_000)
      seen.push(...page.records.map((record) => String(record.value)))
      next = page.nextOffset
    }
    expect(seen).toEqual(records.map((record) => record.value))
  })

  it("refuses bad names, counts and settings with Kafka's codes", async () => {
    const broker = await testBroker()
    broker.createTopic('t')
    expect(code(() => broker.createTopic('t'))).toBe('TOPIC_ALREADY_EXISTS')
    expect(code(() => broker.createTopic('../evil'))).toBe('INVALID_TOPIC_EXCEPTION')
    expect(code(() => broker.createTopic('..'))).toBe('INVALID_TOPIC_EXCEPTION')
    expect(code(() => broker.createTopic('u', { partitions: 0 }))).toBe('INVALID_PARTITIONS')
    expect(code(() => broker.createTopic('u', { config: { 'no.such': '1' } }))).toBe('INVALID_CONFIG')
    expect(code(() => broker.createTopic('u', { config: { 'retention.ms': 'soon' } }))).toBe('INVALID_CONFIG')
    expect(code(() => broker.endOffsets('u'))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(code(() => broker.read('t', 1, 0))).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(broker.topics().map((topic) => topic.name)).toEqual(['t'])
  })
})
