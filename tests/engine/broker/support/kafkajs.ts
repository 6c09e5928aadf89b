import { type Admin, type Consumer, Kafka, type KafkaMessage, logLevel, Partitioners } from 'kafkajs'
import { atEnd } from './temp.js'

export const kafkaOf = (broker: { brokers: string }) =>
  new Kafka({
    brokers: [broker.brokers],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
  })

export async function adminOf(kafka: Kafka): Promise<Admin> {
  const admin = kafka.admin()
  await admin.connect()
  atEnd(() => admin.disconnect())
  return admin
}

export async function producerOf(kafka: Kafka, idempotent = false) {
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

export async function consume(kafka: Kafka, groupId: string, topic: string): Promise<TestConsumer> {
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

export const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ key: `key-${(from + i) % 17}`, value: String(from + i) }))
