import { Kafka, logLevel } from 'kafkajs'
import { UserError } from '../dialect/index.js'
import { brokerRefusal } from '../driver/broker_errors.js'
import { clientOptions } from './brokers.js'
import type { TopicConfig } from './config.js'
import type { NamedTarget } from './target.js'

type Brokers = Pick<NamedTarget, 'brokers' | 'kafka'>

/** A connection that gives up soon: whoever asks is waiting at a terminal. */
function kafkaAt(target: Brokers): Kafka {
  return new Kafka({
    clientId: 'tpctl',
    ...clientOptions(target),
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { retries: 2, initialRetryTime: 200 },
    logLevel: logLevel.NOTHING,
  })
}

async function withAdmin<T>(
  target: Brokers,
  use: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
): Promise<T> {
  const { brokers } = target
  const admin = kafkaAt(target).admin()
  try {
    await admin.connect()
    return await use(admin)
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause)
    const refusal = brokerRefusal(cause, brokers)
    if (refusal)
      throw new UserError(refusal.code, refusal.message, { detail, suggestion: refusal.suggestion, cause })
    throw new UserError('BROKER_UNREACHABLE', `No Kafka broker answers at ${brokers}.`, {
      detail,
      suggestion:
        'Start the broker (`tpctl up` brings one along), or correct `brokers` in tpctl.config.ts; where it asks for TLS or a login, set `kafka`.',
      cause,
    })
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Names of all topics. @throws UserError BROKER_*, TLS_FILE */
export async function listTopics(target: Brokers): Promise<string[]> {
  return withAdmin(target, (admin) => admin.listTopics())
}

/**
 * Creates the topics that are missing; existing ones stay as they are.
 * @returns the names of those created
 * @throws UserError BROKER_*, TLS_FILE
 */
export async function ensureTopics(target: Brokers, topics: readonly TopicConfig[]): Promise<string[]> {
  if (topics.length === 0) return []
  return withAdmin(target, async (admin) => {
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
