import { CompressionTypes, ConfigResourceTypes } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { KafkaCode } from '../../../engine/broker/index.js'
import { heartbeat, joinGroup, syncGroup } from '../../../engine/broker/protocol/apis/groups.js'
import { sharedBroker } from '../../kafka/broker.js'
import { adminOf, consume, kafkaOf, numbered, producerOf } from './support/kafkajs.js'
import { until } from './support/temp.js'
import { WireClient } from './support/wire_client.js'

describe('kafkajs admin', () => {
  it('creates, lists, describes, grows, configures and deletes topics', async () => {
    const broker = await sharedBroker()
    const { admin } = broker
    const topics = [
      { topic: 'a', numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '5000' }] },
      { topic: 'b', numPartitions: 2 },
    ]
    const create = () => admin.createTopics({ topics, waitForLeaders: false })
    expect(await create()).toBe(true)
    await expect.poll(() => broker.topics()).toEqual({ a: 3, b: 2 })
    expect(await create()).toBe(false)
    await admin.createPartitions({ topicPartitions: [{ topic: 'b', count: 4 }] })
    await expect.poll(() => broker.topics()).toEqual({ a: 3, b: 4 })
    const described = await admin.fetchTopicMetadata({ topics: ['b', 'a'] })
    expect(described.topics.map(({ name, partitions }) => [name, partitions.length]).sort()).toEqual([
      ['a', 3],
      ['b', 4],
    ])

    const retention = async () => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: 'a', configNames: ['retention.ms'] }],
      })
      return resources[0]!.configEntries.map(({ configName, configValue }) => [configName, configValue])
    }
    expect(await retention()).toEqual([['retention.ms', '5000']])
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: 'a',
          configEntries: [{ name: 'retention.ms', value: '7000' }],
        },
      ],
    })
    await expect.poll(retention).toEqual([['retention.ms', '7000']])

    const cluster = await admin.describeCluster()
    expect(cluster.brokers).toEqual([{ nodeId: cluster.controller, host: '127.0.0.1', port: broker.port }])

    await admin.deleteTopics({ topics: ['a'] })
    await expect.poll(() => broker.topics()).toEqual({ b: 4 })
    await expect(admin.deleteTopics({ topics: ['a'] })).rejects.toMatchObject({
      cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' },
    })
    await expect(
      admin.createTopics({ topics: [{ topic: 'c', configEntries: [{ name: 'nope', value: '1' }] }] }),
    ).rejects.toThrow()
    await expect(admin.createTopics({ topics: [{ topic: 'bad name!' }] })).rejects.toThrow()
    await expect(admin.createTopics({ topics: [{ topic: 'c', replicationFactor: 3 }] })).rejects.toThrow()
  })

  it('finds offsets by timestamp and deletes records', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 2 })
    const kafka = kafkaOf(broker)
    const admin = await adminOf(kafka)
    const producer = await producerOf(kafka)
    for (let i = 0; i < 10; i++) {
      await producer.send({
        topic: 't',
        messages: [{ partition: i % 2, value: String(i), timestamp: String(1_700_000_000_000 + i * 1000) }],
      })
    }
    const at = async (ms: number) =>
      Object.fromEntries(
        (await admin.fetchTopicOffsetsByTimestamp('t', 1_700_000_000_000 + ms)).map((o) => [
          o.partition,
          o.offset,
        ]),
      )
    expect(await at(0)).toEqual({ 0: '0', 1: '0' })
    expect(await at(4500)).toEqual({ 0: '3', 1: '2' })
    // kafkajs gives the end where nothing is that young.
    expect(await at(9000)).toEqual({ 0: '5', 1: '4' })
    await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '2' }] })
    const left = (await admin.fetchTopicOffsets('t')).map(({ partition, low, high }) => [
      partition,
      low,
      high,
    ])
    expect(left.sort()).toEqual([
      [0, '2', '5'],
      [1, '0', '5'],
    ])
  })
})

describe('kafkajs producer and consumer', () => {
  it.each([
    { idempotent: false, compression: CompressionTypes.None },
    { idempotent: true, compression: CompressionTypes.None },
    { idempotent: false, compression: CompressionTypes.GZIP },
    { idempotent: true, compression: CompressionTypes.GZIP },
  ])('carry keys, values, headers and times: %o', async ({ idempotent, compression }) => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 3 })
    const kafka = kafkaOf(broker)
    const producer = await producerOf(kafka, idempotent)
    const headers = { trace: 'abc', many: ['x', 'y'] }
    for (let i = 0; i < 300; i += 50) {
      const messages = numbered(i, i + 50).map((m, j) => ({
        ...m,
        headers,
        timestamp: String(1_700_000_000_000 + i + j),
      }))
      await producer.send({ topic: 't', compression, acks: -1, messages })
    }
    await producer.send({ topic: 't', messages: [{ partition: 1, key: 'gone', value: null }] })

    const { seen } = await consume(kafka, 'g', 't')
    await until(() => seen.length >= 301, 'all messages')
    const ends = await broker.endOffsets('t')
    expect(ends.reduce((sum, end) => sum + end, 0)).toBe(301)
    expect(ends.every((end) => end > 0)).toBe(true)
    const tombstone = seen.find((one) => one.key === 'gone')!
    expect([tombstone.partition, tombstone.message.value]).toEqual([1, null])
    const rest = seen.filter((one) => one.key !== 'gone')
    expect(rest.map((one) => Number(one.value)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 300 }, (_, i) => i),
    )
    for (const { value, key, message } of rest) {
      expect(key).toBe(`key-${Number(value) % 17}`)
      expect(message.timestamp).toBe(String(1_700_000_000_000 + Number(value)))
      expect(String(message.headers?.trace)).toBe('abc')
      expect(String(message.headers?.many)).toBe('x,y')
    }
    for (const partition of [0, 1, 2]) {
      const values = rest.filter((one) => one.partition === partition).map((one) => Number(one.value))
      expect(values).toEqual([...values].sort((a, b) => a - b))
    }
    expect(await broker.records('t')).toHaveLength(301)
  })

  it('are told of a batch that is too large', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { config: { 'max.message.bytes': '10000' } })
    const producer = await producerOf(kafkaOf(broker))
    const send = (size: number) => producer.send({ topic: 't', messages: [{ value: 'x'.repeat(size) }] })
    await expect(send(20_000)).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
    await send(5000)
    expect(await broker.endOffsets('t')).toEqual([1])
  })

  it('take a message larger than what the consumer asks for', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { config: { 'max.message.bytes': '8000000' } })
    const kafka = kafkaOf(broker)
    const producer = await producerOf(kafka)
    await producer.send({ topic: 't', messages: [{ value: 'x'.repeat(6_000_000) }] })
    await producer.send({ topic: 't', messages: [{ value: 'small' }] })
    const { seen } = await consume(kafka, 'g', 't')
    await until(() => seen.length === 2, 'both messages')
    expect(seen.map((one) => one.value.length)).toEqual([6_000_000, 5])
  })
})

describe('kafkajs groups', () => {
  it('share partitions, and rebalance when a member leaves', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 4 })
    const kafka = kafkaOf(broker)
    const producer = await producerOf(kafka, true)
    const admin = await adminOf(kafka)

    const first = await consume(kafka, 'g', 't')
    await until(() => first.partitions().length === 4, 'one member has all partitions')
    const second = await consume(kafka, 'g', 't')
    await until(() => first.partitions().length === 2 && second.partitions().length === 2, 'two each')
    expect([...first.partitions(), ...second.partitions()].sort()).toEqual([0, 1, 2, 3])
    const [described] = (await admin.describeGroups(['g'])).groups
    expect(described).toMatchObject({ state: 'Stable', protocolType: 'consumer', groupId: 'g' })
    expect(described!.members).toHaveLength(2)
    const groups = async () => (await admin.listGroups()).groups.filter(({ groupId }) => groupId === 'g')
    expect(await groups()).toEqual([{ groupId: 'g', protocolType: 'consumer' }])
    await expect(admin.deleteGroups(['g'])).rejects.toMatchObject({
      groups: [expect.objectContaining({ error: expect.objectContaining({ type: 'NON_EMPTY_GROUP' }) })],
    })

    await producer.send({
      topic: 't',
      messages: numbered(0, 100).map((m, i) => ({ ...m, partition: i % 4 })),
    })
    await until(() => first.seen.length === 50 && second.seen.length === 50, 'each reads its half')

    await second.consumer.disconnect()
    await until(() => first.partitions().length === 4, 'the one that stays has all again')
    await producer.send({
      topic: 't',
      messages: numbered(100, 200).map((m, i) => ({ ...m, partition: i % 4 })),
    })
    await until(() => first.seen.length === 150, 'it reads the rest')
    const values = [...first.seen, ...second.seen].map((one) => Number(one.value)).sort((a, b) => a - b)
    expect(values).toEqual(Array.from({ length: 200 }, (_, i) => i))

    await first.consumer.disconnect()
    await until(
      async () => (await admin.describeGroups(['g'])).groups[0]!.state === 'Empty',
      'the group is empty',
    )
    await admin.deleteGroups(['g'])
    expect(await groups()).toEqual([])
  })

  it('lose a member that is silent for longer than its session', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 2 })
    const admin = await adminOf(kafkaOf(broker))
    const member = await WireClient.connect(broker.port)
    const joined = await member.call(joinGroup, 2, {
      groupId: 'g',
      sessionTimeoutMs: 300,
      rebalanceTimeoutMs: 300,
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    })
    await member.call(syncGroup, 1, { ...joined, groupId: 'g', groupInstanceId: null, assignments: [] })
    const state = async () => (await admin.describeGroups(['g'])).groups[0]!.state
    expect(await state()).toBe('Stable')
    await until(async () => (await state()) === 'Empty', 'it was dropped')
    const late = { ...joined, groupId: 'g', groupInstanceId: null }
    expect((await member.call(heartbeat, 1, late)).errorCode).toBe(KafkaCode.UNKNOWN_MEMBER_ID)
  })
})
