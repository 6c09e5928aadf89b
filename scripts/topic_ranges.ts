import { randomUUID } from 'node:crypto'
import type { Consumer, Kafka, KafkaMessage } from 'kafkajs'

/** Offsets of one partition: `from` up to, not including, `end`. */
export interface OffsetRange {
  from: bigint
  end: bigint
}

/** Longest time that one reading may take. */
const TIMEOUT_MS = 60_000

/** Hands over the messages of the given ranges, each partition's in order, and leaves no trace on the broker. */
export async function readRanges(
  kafka: Kafka,
  topic: string,
  ranges: ReadonlyMap<number, OffsetRange>,
  take: (partition: number, message: KafkaMessage) => void,
): Promise<void> {
  if (ranges.size === 0) return
  const groupId = `tpctl-read-${randomUUID()}`
  const consumer = kafka.consumer({ groupId, retry: { retries: 3 } })
  try {
    await consume(consumer, topic, new Map(ranges), take)
  } finally {
    await consumer.disconnect().catch(() => {})
    await forgetGroup(kafka, groupId)
  }
}

async function consume(
  consumer: Consumer,
  topic: string,
  left: Map<number, OffsetRange>,
  take: (partition: number, message: KafkaMessage) => void,
): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`reading from ${topic} took too long`)), TIMEOUT_MS)
    const finish = (error?: unknown) => {
      clearTimeout(timer)
      if (error) reject(error as Error)
      else resolve()
    }
    consumer.on(consumer.events.CRASH, ({ payload }) => finish(payload.error))
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const range = left.get(batch.partition)
          if (!range) return
          for (const message of batch.messages) {
            const offset = BigInt(message.offset)
            if (offset >= range.from && offset < range.end) take(batch.partition, message)
          }
          if (BigInt(batch.lastOffset()) >= range.end - 1n) left.delete(batch.partition)
          if (left.size === 0) finish()
        },
      })
      .catch(finish)
    for (const [partition, { from }] of left) consumer.seek({ topic, partition, offset: from.toString() })
  })
}

/** The group served one reading; a broker that cannot delete groups lets it expire. */
async function forgetGroup(kafka: Kafka, groupId: string): Promise<void> {
  const admin = kafka.admin({ retry: { retries: 0 } })
  try {
    await admin.connect()
    await admin.deleteGroups([groupId])
  } catch {
    // It expires by itself.
  } finally {
    await admin.disconnect().catch(() => {})
  }
}
