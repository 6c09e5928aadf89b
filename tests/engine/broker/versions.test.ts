import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { metadata } from '../../../engine/broker/protocol/apis/cluster.js'
import { fetch, listOffsets, produce } from '../../../engine/broker/protocol/apis/data.js'
import { KafkaCode } from '../../../engine/broker/protocol/errors.js'
import { buildBatch, readBatchHeader } from '../../../engine/broker/protocol/record_batch.js'
import { isInternal, sharedBroker } from '../../kafka/broker.js'
import { fetchRequest, oldMessage, produceRequest } from './support/requests.js'
import { until } from './support/temp.js'
import { WireClient } from './support/wire_client.js'

async function brokerWithTopic() {
  const broker = await sharedBroker()
  await broker.createTopic('t', { partitions: 2 })
  return { broker, client: await WireClient.connect(broker.port) }
}

describe('each version of what old and new clients ask', () => {
  it.each(Array.from({ length: 10 }, (_, version) => version))('Metadata v%i', async (version) => {
    const { broker, client } = await brokerWithTopic()
    const ask = (names: string[] | null, allowAutoTopicCreation: boolean) =>
      client.call(metadata, version, {
        topics: names === null ? null : names.map((name) => ({ name })),
        allowAutoTopicCreation,
        includeClusterAuthorizedOperations: false,
        includeTopicAuthorizedOperations: false,
      })
    const all = await ask(version === 0 ? [] : null, false)
    const visible = all.topics.filter(({ name }) => !isInternal(name))
    expect(visible.map(({ name, partitions }) => [name, partitions.length])).toEqual([['t', 2]])
    expect(all.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: broker.port, rack: null }])
    if (version > 0) expect((await ask([], true)).topics).toEqual([])
    const missing = await ask(['new', 'not/valid'], false)
    const code = new Map(missing.topics.map(({ name, errorCode }) => [name, errorCode]))
    expect(code.get('not/valid')).toBe(KafkaCode.INVALID_TOPIC_EXCEPTION)
    // Before version 4 a client cannot say no. It may be told to ask again.
    if (version < 4) await until(async () => 'new' in (await broker.topics()), 'the topic is made')
    else expect(code.get('new')).toBe(KafkaCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  it.each([0, 1, 2, 3, 4, 5])('ListOffsets v%i', async (version) => {
    const { broker, client } = await brokerWithTopic()
    for (let i = 0; i < 5; i++) await broker.append('t', 1, [{ value: 'v', timestamp: String(1000 + i) }])
    const ask = async (timestamp: number, index = 1) => {
      const answer = await client.call(listOffsets, version, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: 't', partitions: [{ index, currentLeaderEpoch: -1, timestamp, maxOffsets: 1 }] }],
      })
      const [partition] = answer.topics[0]!.partitions
      const offset = version === 0 ? (partition!.oldStyleOffsets[0] ?? -1) : partition!.offset
      return [partition!.errorCode, offset]
    }
    expect(await ask(-1)).toEqual([0, 5])
    expect(await ask(-2)).toEqual([0, 0])
    // Version 0 knows the times of files, not of messages.
    if (version > 0) {
      expect(await ask(1003)).toEqual([0, 3])
      expect(await ask(2000)).toEqual([0, -1])
    }
    expect(await ask(-1, 9)).toEqual([KafkaCode.UNKNOWN_TOPIC_OR_PARTITION, -1])
  })

  it.each([4, 5, 6, 7, 8, 9, 10, 11])('Fetch v%i', async (version) => {
    const { broker, client } = await brokerWithTopic()
    await broker.append('t', 0, [{ value: 'one' }, { value: 'two' }])
    const answer = await client.call(fetch, version, fetchRequest(1))
    const [partition] = answer.topics[0]!.partitions
    expect(partition).toMatchObject({ errorCode: 0, highWatermark: 2, lastStableOffset: 2 })
    expect(readBatchHeader(partition!.records!)).toMatchObject({ baseOffset: 0, count: 2 })
    const beyond = await client.call(fetch, version, fetchRequest(3))
    expect(beyond.topics[0]!.partitions[0]!.errorCode).toBe(KafkaCode.OFFSET_OUT_OF_RANGE)
  })

  it.each([3, 4, 5, 6, 7, 8])('Produce v%i', async (version) => {
    const { broker, client } = await brokerWithTopic()
    const answer = await client.call(produce, version, produceRequest(buildBatch([{ value: 'v' }])))
    expect(answer.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, baseOffset: 0 })
    const missing = await client.call(produce, version, produceRequest(buildBatch([{ value: 'v' }]), 1, 'no'))
    expect(missing.topics[0]!.partitions[0]!.errorCode).toBe(KafkaCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await broker.endOffsets('t')).toEqual([1, 0])
  })

  it.each([0, 1, 2])('Produce v%i brings message sets, which are stored as batches', async (version) => {
    const { broker, client } = await brokerWithTopic()
    const magic = version === 2 ? 1 : 0
    const inner = Buffer.concat([
      oldMessage(magic, 'a', Buffer.from('1')),
      oldMessage(magic, null, Buffer.from('2')),
    ])
    const compressed = oldMessage(magic, null, gzipSync(inner), 1)
    for (const [set, baseOffset] of [[inner, 0] as const, [compressed, 2] as const]) {
      const answer = await client.call(produce, version, produceRequest(set))
      expect(answer.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, baseOffset })
    }
    const records = await broker.records('t')
    expect(records.map(({ key, value }) => [key && String(key), String(value)])).toEqual([
      ['a', '1'],
      [null, '2'],
      ['a', '1'],
      [null, '2'],
    ])
    if (magic === 1) expect(records[0]!.timestamp).toBe(1_700_000_000_000)
    const codeFor = async (data: Buffer) =>
      (await client.call(produce, version, produceRequest(data))).topics[0]!.partitions[0]!.errorCode
    const bad = Buffer.from(inner)
    bad[20]! ^= 1
    expect(await codeFor(bad)).toBe(KafkaCode.CORRUPT_MESSAGE)
    expect(await broker.endOffsets('t')).toEqual([4, 0])
  })
})

describe('producing', () => {
  it('refuses what is wrong with the code for it, and stores nothing of it', async () => {
    const { broker, client } = await brokerWithTopic()
    const codeFor = async (records: Buffer, acks = -1) =>
      (await client.call(produce, 8, produceRequest(records, acks))).topics[0]!.partitions[0]!.errorCode
    const batch = buildBatch([{ value: 'v' }])
    const altered = Buffer.from(batch)
    altered[65]! ^= 1
    expect(await codeFor(altered)).toBe(KafkaCode.CORRUPT_MESSAGE)
    expect(await codeFor(batch.subarray(0, 50))).toBe(KafkaCode.INVALID_RECORD)
    expect(await codeFor(batch.subarray(0, -1))).toBe(KafkaCode.INVALID_RECORD)
    expect(await codeFor(Buffer.alloc(0))).toBe(KafkaCode.INVALID_RECORD)
    expect(await codeFor(batch, 2)).toBe(KafkaCode.INVALID_REQUIRED_ACKS)
    const sequence = (baseSequence: number) =>
      buildBatch([{ value: 'v' }], { producerId: 1, producerEpoch: 0, baseSequence })
    expect(await codeFor(sequence(0))).toBe(0)
    expect(await codeFor(sequence(5))).toBe(KafkaCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(await codeFor(sequence(0))).toBe(0)
    expect(await broker.endOffsets('t')).toEqual([1, 0])
  })

  it('with acks 0 is not answered', async () => {
    const { broker, client } = await brokerWithTopic()
    client.send(produce, 7, produceRequest(buildBatch([{ value: 'v' }]), 0))
    const next = await client.call(produce, 7, produceRequest(buildBatch([{ value: 'w' }]), 1))
    expect(next.topics[0]!.partitions[0]!.baseOffset).toBe(1)
    expect(await broker.endOffsets('t')).toEqual([2, 0])
  })
})

describe('fetching', () => {
  it('waits for the first message, and for as many bytes as wanted', async () => {
    const { broker, client } = await brokerWithTopic()
    client.send(fetch, 11, fetchRequest(0, { maxWaitMs: 20_000, minBytes: 150 }))
    let answered = false
    const answer = client.receive().then((frame) => {
      answered = true
      return frame!
    })
    await broker.append('t', 0, [{ value: 'one' }])
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answered).toBe(false)
    await broker.append('t', 0, [{ value: 'x'.repeat(100) }])
    expect((await answer).length).toBeGreaterThan(150)
  })

  it('answers with nothing when the time is over', async () => {
    const { client } = await brokerWithTopic()
    const answer = await client.call(fetch, 11, fetchRequest(0, { maxWaitMs: 50 }))
    expect(answer.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, highWatermark: 0 })
  })

  it('ends its wait when the topic is deleted', async () => {
    const { broker, client } = await brokerWithTopic()
    client.send(fetch, 11, fetchRequest(0, { maxWaitMs: 20_000 }))
    await new Promise((resolve) => setTimeout(resolve, 30))
    await broker.deleteTopic('t')
    expect(await client.receive()).toBeDefined()
  })
})
