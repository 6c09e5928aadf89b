import { Kafka, logLevel } from 'kafkajs'
import { UserError } from '../dialect/index.js'
import type { TopicConfig } from './config.js'

/** A connection that gives up soon: whoever asks is waiting at a terminal. */
function kafkaAt(brokers: string): Kafka {
  return new Kafka({
    clientId: 'tpctl',
    brokers: brokers.split(',').map((broker) => broker.trim()),
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { retries: 2, initialRetryTime: 200 },
    logLevel: logLevel.NOTHING,
  })
}

async function withAdmin<T>(
  brokers: string,
  use: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
): Promise<T> {
  const admin = kafkaAt(brokers).admin()
  try {
    await admin.connect()
    return await use(admin)
  } catch (cause) {
    throw new UserError('BROKER_UNREACHABLE', `No Kafka broker answers at ${brokers}.`, {
      detail: cause instanceof Error ? cause.message : String(cause),
      suggestion: 'Start the broker (`tpctl up` brings one along), or correct `brokers` in tpctl.config.ts.',
      cause,
    })
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Names of all topics. @throws UserError BROKER_UNREACHABLE */
export async function listTopics(brokers: string): Promise<string[]> {
  return withAdmin(brokers, (admin) => admin.listTopics())
}

/**
 * Creates the topics that are missing; existing ones stay as they are.
 * @returns the names of those created
 * @throws UserError BROKER_UNREACHABLE
 */
export async function ensureTopics(brokers: string, topics: readonly TopicConfig[]): Promise<string[]> {
  if (topics.length === 0) return []
  return withAdmin(brokers, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const missing = topics.filter((topic) => !existing.has(topic.name))
    if (missing.length > 0)
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map(({ name, partitions, replicationFactor }) => ({
          topic: name,
          numPartitions: partitions,
          replicationFactor,
        })),
      })
    return missing.map(({ name }) => name)
  })
}
