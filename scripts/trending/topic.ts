import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, type KafkaConfig, logLevel, Partitioners, type Producer } from 'kafkajs'
import { UserError } from '../../dialect/user_error.js'
import { brokerRefusal } from '../../driver/broker_errors.js'
import { type OffsetRange, readRanges } from '../topic_ranges.js'
import type { TrendingRecord } from './record.js'

export interface TopicOptions {
  brokers: string[]
  topic: string
  /** Partitions of a topic that has to be made. Default 3. */
  partitions?: number
  security?: Pick<KafkaConfig, 'ssl' | 'sasl'>
  /** How long a broker may be away while records wait, default 120,000 ms; at the start it has 10,000 ms. */
  patienceMs?: number
  startPatienceMs?: number
  /** How many of the newest messages are looked through for records that are there already. Default 100,000. */
  dedupeMessages?: number
  signal?: AbortSignal
  onWait?: (reason: string) => void
}

const SEND_AT_ONCE = 500
const DEDUPE_MESSAGES = 100_000

/**
 * Writes records to a topic, each (scan, token) once: idempotent producer, acknowledged by all replicas, key = address.
 * What a scan consists of is known from the topic itself, whose newest messages are read at the start and after every
 * failure whose outcome is unknown. So neither a broker's restart nor the feeder's leaves a gap or a double.
 */
export class TrendingTopic {
  readonly #options: TopicOptions
  readonly #kafka: Kafka
  #producer: Producer | undefined
  #present = new Set<string>()
  duplicates = 0
  written = 0

  constructor(options: TopicOptions) {
    this.#options = options
    this.#kafka = new Kafka({
      clientId: 'tpctl-feed-trending',
      brokers: options.brokers,
      ...options.security,
      logLevel: logLevel.NOTHING,
      connectionTimeout: 3_000,
      requestTimeout: 15_000,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    })
  }

  /** Connects, makes the topic where it is missing, and learns what is in it. */
  async open(): Promise<void> {
    await this.#persist(this.#options.startPatienceMs ?? 10_000, () => this.#connect())
  }

  /** Resolves once every record is in the topic, whether written now or before. */
  async send(records: TrendingRecord[]): Promise<void> {
    for (let from = 0; from < records.length; from += SEND_AT_ONCE) {
      await this.#persist(this.#options.patienceMs ?? 120_000, async (again) => {
        if (again) await this.#connect()
        await this.#sendMissing(records.slice(from, from + SEND_AT_ONCE))
      })
    }
  }

  async close(): Promise<void> {
    await this.#producer?.disconnect().catch(() => {})
    this.#producer = undefined
  }

  async #sendMissing(records: TrendingRecord[]): Promise<void> {
    const missing: TrendingRecord[] = []
    const keys = new Set<string>()
    for (const record of records) {
      const key = keyOf(record)
      if (!this.#present.has(key) && !keys.has(key)) {
        keys.add(key)
        missing.push(record)
      }
    }
    if (missing.length > 0) {
      await this.#producer!.send({
        topic: this.#options.topic,
        acks: -1,
        messages: missing.map((record) => ({ key: record.address, value: JSON.stringify(record) })),
      })
    }
    for (const key of keys) this.#present.add(key)
    this.#forgetOldest()
    this.written += missing.length
    this.duplicates += records.length - missing.length
  }

  /** A feeder that polls for months must not remember every scan. */
  #forgetOldest(): void {
    const limit = 2 * (this.#options.dedupeMessages ?? DEDUPE_MESSAGES)
    for (const key of this.#present) {
      if (this.#present.size <= limit) return
      this.#present.delete(key)
    }
  }

  async #connect(): Promise<void> {
    await this.close()
    const { topic } = this.#options
    const admin = this.#kafka.admin()
    try {
      await admin.connect()
      const topics = await admin.listTopics()
      if (!topics.includes(topic)) {
        await admin.createTopics({
          topics: [{ topic, numPartitions: this.#options.partitions ?? 3 }],
          waitForLeaders: true,
        })
      }
      const offsets = await admin.fetchTopicOffsets(topic)
      this.#present = await this.#readTail(offsets)
    } finally {
      await admin.disconnect().catch(() => {})
    }
    this.#producer = this.#kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
    })
    await this.#producer.connect()
  }

  async #readTail(offsets: { partition: number; high: string; low: string }[]): Promise<Set<string>> {
    const share = Math.ceil((this.#options.dedupeMessages ?? DEDUPE_MESSAGES) / offsets.length)
    const left = new Map<number, OffsetRange>()
    for (const { partition, high, low } of offsets) {
      const end = BigInt(high)
      const from = end - BigInt(share) > BigInt(low) ? end - BigInt(share) : BigInt(low)
      if (end > from) left.set(partition, { from, end })
    }
    const present = new Set<string>()
    if (left.size === 0) return present
    await readRanges(this.#kafka, this.#options.topic, left, (_, message) => {
      const key = keyOfMessage(message.value)
      if (key) present.add(key)
    })
    return present
  }

  /** Does `work` again until it succeeds, as long as the failure may pass and the patience lasts. */
  async #persist(patienceMs: number, work: (again: boolean) => Promise<void>): Promise<void> {
    const deadline = Date.now() + patienceMs
    for (let attempt = 0; ; attempt++) {
      try {
        return await work(attempt > 0)
      } catch (error) {
        const refused = refusal(error, this.#options.brokers.join(', '))
        if (refused) throw refused
        if (Date.now() >= deadline || this.#options.signal?.aborted) throw this.#unreachable(error)
        this.#options.onWait?.(`waiting for the broker: ${(error as Error).message}`)
        await sleep(Math.min(250 * 2 ** attempt, 2_000), undefined, { signal: this.#options.signal }).catch(
          () => {},
        )
      }
    }
  }

  #unreachable(cause: unknown): UserError {
    const sent =
      this.written > 0
        ? ` ${this.written} records are written; repeating the command adds only the rest.`
        : ''
    return new UserError(
      'BROKER_UNREACHABLE',
      `No broker answers at ${this.#options.brokers.join(', ')}.${sent}`,
      {
        detail: (cause as Error).message,
        suggestion: 'Start the engine with its broker: tpctl up. Or name other brokers in tpctl.config.ts.',
        cause,
      },
    )
  }
}

function keyOf(record: Pick<TrendingRecord, 'ts' | 'address' | 'source' | 'window'>): string {
  return `${record.ts}|${record.address}`
}

function keyOfMessage(value: Buffer | null): string | undefined {
  try {
    const record = JSON.parse(value?.toString('utf8') ?? '') as Partial<TrendingRecord>
    if (typeof record.ts === 'string' && typeof record.address === 'string')
      return keyOf(record as TrendingRecord)
  } catch {
    // Someone else's message: it is nothing that this feeder could write twice.
  }
  return undefined
}

/** Failures that no patience helps against. */
function refusal(error: unknown, brokers: string): UserError | undefined {
  if (error instanceof UserError) return error
  const { message: detail, type = '' } = error as Error & { type?: string }
  const told = brokerRefusal(error, brokers)
  if (told)
    return new UserError(told.code, told.message, { detail, suggestion: told.suggestion, cause: error })
  if (type === 'MESSAGE_TOO_LARGE' || type === 'INVALID_TOPIC_EXCEPTION') {
    return new UserError('BROKER_REFUSED', 'The broker does not take these messages.', {
      detail,
      cause: error,
    })
  }
  return undefined
}
