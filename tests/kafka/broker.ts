import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Admin, Kafka, logLevel, type Message } from 'kafkajs'
import { startBroker } from '../../engine/broker/index.js'
import { fetch } from '../../engine/broker/protocol/apis/data.js'
import { decompress } from '../../engine/broker/protocol/compression.js'
import {
  BATCH_HEADER,
  type BrokerRecord,
  readBatchHeader,
  readRecords,
} from '../../engine/broker/protocol/record_batch.js'
import { atEnd, until } from '../engine/broker/support/temp.js'
import { WireClient } from '../engine/broker/support/wire_client.js'

export interface StoredRecord extends BrokerRecord {
  partition: number
}

/**
 * The broker of a test about Kafka: the engine's own in a folder that is deleted, or the one that KAFKA_BROKERS names
 * (`npm run test:kafka`), emptied first. What a test asks of it goes over the wire, so that it cannot tell which it is.
 */
export class TestBroker {
  private constructor(
    /** `host:port`, for clients' bootstrap list. */
    readonly brokers: string,
    readonly admin: Admin,
    readonly end: () => Promise<void>,
  ) {}

  static async start(): Promise<TestBroker> {
    const named = process.env.KAFKA_BROKERS
    if (named !== undefined) {
      const admin = await adminOf(named)
      await empty(admin)
      return new TestBroker(named, admin, async () => {})
    }
    const dir = await mkdtemp(join(tmpdir(), 'tpctl-broker-'))
    const broker = await startBroker({ dir, port: 0 })
    return new TestBroker(broker.brokers, await adminOf(broker.brokers), async () => {
      await broker.close()
      await rm(dir, { recursive: true, force: true })
    })
  }

  get port(): number {
    return Number(this.brokers.split(':').at(-1))
  }

  createTopic(topic: string, options?: NewTopic): Promise<void> {
    return createTopic(this.admin, topic, options)
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.admin.deleteTopics({ topics: [topic] })
  }

  async append(topic: string, partition: number, messages: Omit<Message, 'partition'>[]): Promise<void> {
    const producer = kafkaOf(this.brokers).producer()
    await producer.connect()
    await producer.send({ topic, messages: messages.map((message) => ({ ...message, partition })) })
    await producer.disconnect()
  }

  /** Names of topics and how many partitions they have. */
  async topics(): Promise<Record<string, number>> {
    const { topics } = await this.admin.fetchTopicMetadata()
    return Object.fromEntries(
      topics.filter(({ name }) => !isInternal(name)).map(({ name, partitions }) => [name, partitions.length]),
    )
  }

  /** Per partition, the offset that the next message will get. */
  async endOffsets(topic: string): Promise<number[]> {
    const offsets = await this.admin.fetchTopicOffsets(topic)
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high))
  }

  /** Everything that a topic holds, partition by partition. */
  async records(topic: string): Promise<StoredRecord[]> {
    const client = await WireClient.connect(this.port)
    const all: StoredRecord[] = []
    for (const [partition, end] of (await this.endOffsets(topic)).entries()) {
      for (let next = 0; next < end; ) {
        const answer = await client.call(fetch, 11, fetchFrom(topic, partition, next))
        const { errorCode, records: data } = answer.topics[0]!.partitions[0]!
        if (errorCode !== 0 || !data) throw new Error(`Fetch from ${topic} answers ${errorCode}`)
        for (let at = 0; at + BATCH_HEADER <= data.length; ) {
          const header = readBatchHeader(data, at)
          // A broker may cut the last batch off.
          if (at + header.size > data.length) break
          const payload = decompress(header, data.subarray(at + BATCH_HEADER, at + header.size))
          for (const record of readRecords(header, payload)) {
            if (record.offset >= next) all.push({ ...record, partition })
          }
          next = header.baseOffset + header.lastOffsetDelta + 1
          at += header.size
        }
      }
    }
    client.socket.destroy()
    return all
  }

  async close(): Promise<void> {
    await this.admin.disconnect()
    await this.end()
  }
}

export interface NewTopic {
  partitions?: number
  config?: Record<string, string>
}

/** Makes a topic that can be used when it resolves. */
export async function createTopic(
  admin: Admin,
  topic: string,
  { partitions = 1, config = {} }: NewTopic = {},
): Promise<void> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  const topics = [{ topic, numPartitions: partitions, configEntries }]
  // Right after it is made, a topic may be unknown to whom is asked next, which kafkajs would not wait for.
  await admin.createTopics({ waitForLeaders: false, topics })
  const ends = () => admin.fetchTopicOffsets(topic).catch(() => [])
  await until(async () => (await ends()).length === partitions, `topic ${topic} is there`)
}

/** A broker for one test. */
export async function sharedBroker(): Promise<TestBroker> {
  const broker = await TestBroker.start()
  atEnd(() => broker.close())
  return broker
}

function fetchFrom(topic: string, index: number, fetchOffset: number) {
  const maxBytes = 50_000_000
  const partition = { index, currentLeaderEpoch: -1, fetchOffset, logStartOffset: -1, maxBytes }
  return {
    replicaId: -1,
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ name: topic, partitions: [partition] }],
    forgottenTopics: [],
    rackId: '',
  }
}

const kafkaOf = (brokers: string) =>
  new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50 } })

async function adminOf(brokers: string): Promise<Admin> {
  const admin = kafkaOf(brokers).admin()
  await admin.connect()
  return admin
}

/** Topics that Kafka keeps for itself. */
export const isInternal = (topic: string) => topic.startsWith('__')

async function empty(admin: Admin): Promise<void> {
  const { groups } = await admin.listGroups()
  // A group whose member was not heard to leave is not empty yet; tests name their groups apart.
  for (const { groupId } of groups) await admin.deleteGroups([groupId]).catch(() => {})
  // Topics that clients asked for a moment ago may still come up.
  await until(async () => {
    const topics = (await admin.listTopics()).filter((topic) => !isInternal(topic))
    if (topics.length > 0) await admin.deleteTopics({ topics }).catch(() => {})
    return topics.length === 0
  }, 'all topics are deleted')
}
