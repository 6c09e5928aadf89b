import {
  type Admin,
  CompressionTypes,
  ConfigResourceTypes,
  type Consumer,
  Kafka,
  type KafkaMessage,
  logLevel,
  Partitioners,
} from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { type Broker, KafkaCode } from '../../../engine/broker/index.js'
import { heartbeat, joinGroup, syncGroup } from '../../../engine/broker/protocol/apis/groups.js'
import { atEnd, tempDir, testBroker, until } from './support/temp.js'
import { WireClient } from './support/wire_client.js'

const kafkaOf = (broker: Pick<Broker, 'brokers'>) =>
  new Kafka({
    brokers: [broker.brokers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
  })

async function adminOf(kafka: Kafka): Promise<Admin> {
  const admin = kafka.admin()
  await admin.connect()
  atEnd(() => admin.disconnect())
  return admin
}

async function producerOf(kafka: Kafka, idempotent = false) {
  const producer = kafka.producer({ idempotent, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  atEnd(() => producer.disconnect())
  return producer
}

interface Seen {
  partition: number
  offset: number
  key: string
  value: string
  message: KafkaMessage
}

interface TestConsumer {
  consumer: Consumer
  seen: Seen[]
  partitions(): number[]
}

async function consume(kafka: Kafka, groupId: string, topic: string): Promise<TestConsumer> {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 6000,
    heartbeatInterval: 200,
    rebalanceTimeout: 3000,
    maxWaitTimeInMs: 100,
  })
  const seen: Seen[] = []
  let assigned: number[] = []
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigned = payload.memberAssignment[topic] ?? []
  })
  await consumer.connect()
  atEnd(() => consumer.disconnect())
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 50,
    eachMessage: async ({ partition, message }) => {
      const { offset, key, value } = message
      seen.push({ partition, offset: Number(offset), key: String(key), value: String(value), message })
    },
  })
  return { consumer, seen, partitions: () => [...assigned].sort() }
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ key: `key-${(from + i) % 17}`, value: String(from + i) }))

describe('kafkajs admin', () => {
  it('creates, lists, describes, grows, configures and deletes topics', async () => {
    const broker = await testBroker({ defaultPartitions: 2 })
    const admin = await adminOf(kafkaOf(broker))
    const topics = [
      { topic: 'a', numPartitions: 3, configEntries: [{ name: 'retention.ms', value: '5000' }] },
      { topic: 'b' },
    ]
    expect(await admin.createTopics({ topics })).toBe(true)
    expect(await admin.createTopics({ topics })).toBe(false)
    expect((await admin.listTopics()).sort()).toEqual(['a', 'b'])
    await admin.createPartitions({ topicPartitions: [{ topic: 'b', count: 4 }] })
    const described = await admin.fetchTopicMetadata({ topics: ['a', 'b'] })
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
    expect(await retention()).toEqual([['retention.ms', '7000']])

    const cluster = await admin.describeCluster()
    expect(cluster.brokers).toEqual([{ nodeId: cluster.controller, host: '127.0.0.1', port: broker.port }])

    await admin.deleteTopics({ topics: ['a'] })
    expect(await admin.listTopics()).toEqual(['b'])
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
    const broker = await testBroker()
    broker.createTopic('t', { partitions: 2 })
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
    expect((await admin.fetchTopicOffsets('t')).map(({ low, high }) => [low, high])).toEqual([
      ['2', '5'],
      ['0', '5'],
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
    const broker = await testBroker()
    broker.createTopic('t', { partitions: 3 })
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
    expect(broker.endOffsets('t').reduce((sum, end) => sum + end, 0)).toBe(301)
    expect(broker.endOffsets('t').every((end) => end > 0)).toBe(true)
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
    if (compression === CompressionTypes.GZIP) {
      expect(broker.read('t', 0, 0).records.length).toBe(broker.endOffsets('t')[0])
    }
  })

  it('are told of a batch that is too large', async () => {
    const broker = await testBroker({ maxMessageBytes: 10_000 })
    broker.createTopic('t')
    const producer = await producerOf(kafkaOf(broker))
    const send = (size: number) => producer.send({ topic: 't', messages: [{ value: 'x'.repeat(size) }] })
    await expect(send(20_000)).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
    await send(5000)
    expect(broker.endOffsets('t')).toEqual([1])
  })

  it('take a message larger than what the consumer asks for', async () => {
    const broker = await testBroker({ maxMessageBytes: 8_000_000 })
    broker.createTopic('t')
    const kafka = kafkaOf(broker)
    const producer = await producerOf(kafka)
    await producer.send({ topic: 't', messages: [{ value: 'x'.repeat(6_000_000) }] })
    await producer.send({ topic: 't', messages: [{ value: 'small' }] })
    const { seen } = await consume(kafka, 'g', 't')
    await until(() => seen.length === 2, 'both messages')
    expect(seen.map((one) => one.value.length)).toEqual([6_000_000, 5])
  })

  it('create a topic by using it, unless that is off', async () => {
    const on = await testBroker({ defaultPartitions: 3 })
    const producer = await producerOf(kafkaOf(on))
    await producer.send({ topic: 'made', messages: [{ value: 'x' }] })
    expect(on.topics()).toEqual([{ name: 'made', partitions: 3, config: {} }])

    const off = await testBroker({ autoCreateTopics: false })
    const refused = kafkaOf(off).producer({ retry: { retries: 0 } })
    await refused.connect()
    atEnd(() => refused.disconnect())
    await expect(refused.send({ topic: 'made', messages: [{ value: 'x' }] })).rejects.toThrow()
    expect(off.topics()).toEqual([])
  })

  it('are refused a transaction', async () => {
    const broker = await testBroker()
    const producer = kafkaOf(broker).producer({
      transactionalId: 'tx',
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect().catch(() => {})
    atEnd(() => producer.disconnect())
    await expect(producer.transaction()).rejects.toThrow(/coordinator/)
    expect(broker.topics()).toEqual([])
  })
})

describe('kafkajs groups', () => {
  it('share partitions, and rebalance when a member leaves', async () => {
    const broker = await testBroker()
    broker.createTopic('t', { partitions: 4 })
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
    expect((await admin.listGroups()).groups).toEqual([{ groupId: 'g', protocolType: 'consumer' }])
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
    expect((await admin.listGroups()).groups).toEqual([])
  })

  it('go on from committed offsets after the broker restarts, with the same clients', async () => {
    const dir = tempDir()
    const first = await testBroker({ dir })
    first.createTopic('t', { partitions: 3 })
    const kafka = kafkaOf(first)
    const producer = await producerOf(kafka, true)
    const group = await consume(kafka, 'g', 't')
    await producer.send({ topic: 't', messages: numbered(0, 90) })
    await until(() => group.seen.length === 90, 'the first part')
    const admin = await adminOf(kafka)
    const committed = async () => {
      const [topic] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] })
      return topic!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
    }
    await until(async () => (await committed()) === 90, 'the commits')
    await first.close()

    const again = await testBroker({ dir, port: first.port })
    await producer.send({ topic: 't', messages: numbered(90, 120) })
    await until(() => group.seen.length >= 120, 'the second part')
    expect(again.endOffsets('t').reduce((sum, end) => sum + end, 0)).toBe(120)
    await group.consumer.disconnect()

    const fresh = await consume(kafkaOf(again), 'g', 't')
    await producer.send({ topic: 't', messages: numbered(120, 130) })
    await until(() => fresh.seen.length >= 10, 'the third part')
    // A consumer may see again what it had not committed when the broker went, but nothing that it had.
    const after = [...group.seen.slice(90), ...fresh.seen].map((one) => Number(one.value))
    expect(Math.min(...after)).toBe(90)
    expect(new Set([...group.seen, ...fresh.seen].map((one) => one.value)).size).toBe(130)
  })

  it('lose a member that is silent for longer than its session', async () => {
    const broker = await testBroker()
    broker.createTopic('t', { partitions: 2 })
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
