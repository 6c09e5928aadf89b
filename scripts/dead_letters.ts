import { Kafka, type KafkaConfig, type KafkaMessage, logLevel, Partitioners } from 'kafkajs'
import { UserError } from '../dialect/user_error.js'
import { brokerRefusal } from '../driver/broker_errors.js'
import { type ProtonClient, quoteString } from '../driver/index.js'
import { type OffsetRange, readRanges } from './topic_ranges.js'

/** A message or row that a pipeline refused, as `system.dead_letters` keeps it. */
export interface DeadLetter {
  time: string
  /** The external stream, or the view, that refused it. */
  source: string
  /** The Kafka topic; of a view's row the stream it came from. */
  topic: string
  partition: number
  offset: number
  error: string
  /** Its text; cut off after `MAX_TEXT` characters. */
  raw: string
}

export interface LetterFilter {
  source?: string
  topic?: string
  partition?: number
  offset?: number
}

export interface LetterSummary {
  source: string
  topic: string
  letters: number
  first: string
  last: string
  lastError: string
}

export interface ReplayResult {
  replayed: number
  /** Left where they are, with the reason. */
  kept: { letter: DeadLetter; reason: string }[]
}

/** The engine keeps so many characters of a message. */
const MAX_TEXT = 1_000_000

export async function summarizeLetters(client: ProtonClient, filter: LetterFilter): Promise<LetterSummary[]> {
  const rows = await client.rows<Record<string, unknown>>(
    'SELECT source, topic, count() AS letters, min(time) AS first, max(time) AS last, arg_max(error, time) AS last_error ' +
      `FROM system.dead_letters WHERE ${conditionOf(filter)} GROUP BY source, topic ORDER BY source, topic`,
  )
  return rows.map((row) => ({
    source: String(row.source),
    topic: String(row.topic),
    letters: Number(row.letters),
    first: String(row.first),
    last: String(row.last),
    lastError: String(row.last_error),
  }))
}

export async function readLetters(
  client: ProtonClient,
  filter: LetterFilter,
  limit?: number,
): Promise<DeadLetter[]> {
  const rows = await client.rows<Record<string, unknown>>(
    'SELECT to_string(time) AS at, source, topic, partition, offset, error, raw FROM system.dead_letters ' +
      `WHERE ${conditionOf(filter)} ORDER BY source, topic, partition, offset${limit === undefined ? '' : ` LIMIT ${limit}`}`,
  )
  return rows.map((row) => ({
    time: String(row.at),
    source: String(row.source),
    topic: String(row.topic),
    partition: Number(row.partition),
    offset: Number(row.offset),
    error: String(row.error),
    raw: String(row.raw),
  }))
}

/** Takes letters away for good; how many there were. */
export async function dropLetters(client: ProtonClient, filter: LetterFilter): Promise<number> {
  const condition = conditionOf(filter)
  const [row] = await client.rows<{ n: string }>(
    `SELECT count() AS n FROM system.dead_letters WHERE ${condition}`,
  )
  await client.exec(`DELETE FROM system.dead_letters WHERE ${condition}`)
  return Number(row!.n)
}

/**
 * Sends letters to their topics again, to the partition they came from and, where the topic still has them, with their
 * key, headers and exact bytes; each is taken away once the broker has it. Stopped in between, it may send letters
 * again that it had just sent: at least once. Every reader of the topic sees them again.
 * Errors: BROKER_UNREACHABLE.
 */
export async function replayToTopic(
  client: ProtonClient,
  filter: LetterFilter,
  kafka: Pick<KafkaConfig, 'brokers' | 'ssl' | 'sasl'>,
): Promise<ReplayResult> {
  const letters = await readLetters(client, filter)
  const result: ReplayResult = { replayed: 0, kept: [] }
  const views = await viewNames(client)
  const byTopic = new Map<string, DeadLetter[]>()
  for (const letter of letters) {
    if (views.has(letter.source)) {
      const reason = 'a row that a view refused: replay it into a stream with --into'
      result.kept.push({ letter, reason })
    } else byTopic.set(letter.topic, [...(byTopic.get(letter.topic) ?? []), letter])
  }
  if (byTopic.size === 0) return result
  const broker = new Kafka({
    clientId: 'tpctl-dlq',
    ...kafka,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
  })
  const producer = broker.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  try {
    await producer.connect()
    for (const [topic, own] of byTopic) {
      const originals = await originalsOf(broker, topic, own)
      for (const letter of own) {
        const original = originals.get(keyOf(letter))
        if (!original && letter.raw.length >= MAX_TEXT) {
          result.kept.push({ letter, reason: 'the topic no longer has it, and only its beginning was kept' })
          continue
        }
        // Bytes that are no text are kept as text all the same, and cannot be had back from it.
        if (!original && letter.raw.includes('\ufffd')) {
          result.kept.push({ letter, reason: 'the topic no longer has it, and it was no text' })
          continue
        }
        const { key, value, headers } = original ?? { key: null, value: Buffer.from(letter.raw), headers: {} }
        const message = { partition: letter.partition, key, value, headers }
        await producer.send({ topic, acks: -1, messages: [message] })
        await dropLetters(client, exactly(letter))
        result.replayed++
      }
    }
  } catch (cause) {
    if (!(cause instanceof Error) || !cause.name.startsWith('Kafka')) throw cause
    const brokers = String(kafka.brokers)
    const refusal = brokerRefusal(cause, brokers)
    throw new UserError(
      refusal?.code ?? 'BROKER_UNREACHABLE',
      refusal?.message ?? `The broker at ${brokers} did not take the letters.`,
      {
        detail: `${cause.message}; ${result.replayed} were replayed, the others are where they were.`,
        suggestion: refusal?.suggestion ?? 'Start the broker, and repeat the command.',
        cause,
      },
    )
  } finally {
    await producer.disconnect().catch(() => {})
  }
  return result
}

/**
 * Inserts letters that are JSON objects into a stream, whose columns they name; each is taken away once it is stored.
 * An idempotent id makes a repeated insert of the same letter a no-op.
 */
export async function replayInto(
  client: ProtonClient,
  filter: LetterFilter,
  stream: string,
): Promise<ReplayResult> {
  const result: ReplayResult = { replayed: 0, kept: [] }
  for (const letter of await readLetters(client, filter)) {
    const row = objectOf(letter.raw)
    if (!row) {
      result.kept.push({ letter, reason: 'its text is no JSON object' })
      continue
    }
    try {
      await client.insert(stream, [row], { idempotentId: `dlq:${keyOf(letter)}` })
    } catch (error) {
      result.kept.push({ letter, reason: (error as Error).message })
      continue
    }
    await dropLetters(client, exactly(letter))
    result.replayed++
  }
  return result
}

async function originalsOf(
  broker: Kafka,
  topic: string,
  letters: DeadLetter[],
): Promise<Map<string, KafkaMessage>> {
  const wanted = new Set(letters.map(keyOf))
  const ranges = new Map<number, OffsetRange>()
  const admin = broker.admin()
  await admin.connect()
  const offsets = await admin.fetchTopicOffsets(topic).finally(() => admin.disconnect())
  for (const { partition, low, high } of offsets) {
    const own = letters.filter((letter) => letter.partition === partition).map(({ offset }) => BigInt(offset))
    const kept = own.filter((offset) => offset >= BigInt(low) && offset < BigInt(high))
    if (kept.length === 0) continue
    const sorted = kept.sort((a, b) => (a < b ? -1 : 1))
    ranges.set(partition, { from: sorted[0]!, end: sorted.at(-1)! + 1n })
  }
  const found = new Map<string, KafkaMessage>()
  await readRanges(broker, topic, ranges, (partition, message) => {
    const key = `${topic}/${partition}/${message.offset}`
    if (wanted.has(key)) found.set(key, message)
  })
  return found
}

async function viewNames(client: ProtonClient): Promise<Set<string>> {
  const rows = await client.rows<{ database: string; name: string }>(
    'SELECT database, name FROM system.view_status',
  )
  return new Set(rows.map(({ database, name }) => `${database}.${name}`))
}

function objectOf(text: string): Record<string, never> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, never>)
      : undefined
  } catch {
    return undefined
  }
}

function keyOf({ topic, partition, offset }: DeadLetter): string {
  return `${topic}/${partition}/${offset}`
}

function exactly({ source, topic, partition, offset }: DeadLetter): LetterFilter {
  return { source, topic, partition, offset }
}

function conditionOf({ source, topic, partition, offset }: LetterFilter): string {
  const parts = [
    source === undefined
      ? undefined
      : `source = ${quoteString(source.includes('.') ? source : `default.${source}`)}`,
    topic === undefined ? undefined : `topic = ${quoteString(topic)}`,
    partition === undefined ? undefined : `partition = ${partition}`,
    offset === undefined ? undefined : `offset = ${offset}`,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? 'true' : parts.join(' AND ')
}
