import { setTimeout as sleep } from 'node:timers/promises'
import { type Consumer, Kafka } from 'kafkajs'
import type { RawMessage } from './decode.js'
import type { KafkaSettings } from './settings.js'

export interface ReaderOptions {
  settings: KafkaSettings
  /** Unique per reader: group membership is used only to be given all partitions, offsets are kept by the engine. */
  groupId: string
  /** Next offset to read per partition; partitions that appear later start at 0. */
  next: Map<number, number>
  /** Gets messages of one partition in offset order; the next batch waits for it. May throw: the batch comes again. */
  onBatch(partition: number, messages: RawMessage[], nextOffset: number): Promise<void>
  onError(error: Error | undefined): void
}

/** Back-off between attempts to reach a broker, milliseconds; the last one repeats. */
const BACKOFF_MS = [100, 250, 500, 1_000, 2_000, 5_000]

/**
 * Reads a topic for as long as it is open, through broker restarts, from offsets that its owner keeps. Never
 * commits anything to the broker. Messages of one batch are handed over in portions that bound memory.
 */
export class KafkaReader {
  readonly #options: ReaderOptions
  readonly #ends = new Map<number, number>()
  #consumer?: Consumer
  #closed = false
  readonly #wake = new AbortController()
  #loop?: Promise<void>

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop = this.#run()
  }

  /** High watermark of each partition as the last fetch saw it. */
  ends(): Map<number, number> {
    return this.#ends
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake.abort()
    await this.#consumer?.disconnect().catch(() => {})
    await this.#loop
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#closed) {
      try {
        await this.#consume(() => {
          failures = 0
        })
      } catch (error) {
        if (this.#closed) break
        this.#options.onError(error as Error)
        const pause = BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)]!
        await sleep(pause, undefined, { signal: this.#wake.signal }).catch(() => {})
      }
    }
  }

  /** One life of a consumer: resolves never, rejects when it crashed. */
  async #consume(onProgress: () => void): Promise<void> {
    const { settings, groupId, next } = this.#options
    const consumer = new Kafka(settings.client).consumer({
      groupId,
      sessionTimeout: 30_000,
      heartbeatInterval: 3_000,
      maxWaitTimeInMs: 500,
      minBytes: 1,
      maxBytesPerPartition: 4 << 20,
      allowAutoTopicCreation: false,
      // Restarting is this class's work: it knows when the owner has closed.
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
    })
    this.#consumer = consumer
    const crashed = new Promise<never>((_, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      consumer.on(consumer.events.DISCONNECT, () => reject(new Error('disconnected')))
    })
    crashed.catch(() => {})
    // Before the first fetch of every generation: the broker has no offsets of ours to begin at.
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      for (const partition of payload.memberAssignment[settings.topic] ?? []) {
        consumer.seek({ topic: settings.topic, partition, offset: String(next.get(partition) ?? 0) })
      }
    })
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [settings.topic] })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
          this.#ends.set(batch.partition, Number(batch.highWatermark))
          const wanted = next.get(batch.partition) ?? 0
          const messages = batch.messages
            .map(
              (message): RawMessage => ({
                partition: batch.partition,
                offset: Number(message.offset),
                timestamp: Number(message.timestamp),
                key: message.key,
                value: message.value,
                headers: textHeaders(message.headers),
              }),
            )
            // A seek and a fetch may cross: what is known already is skipped.
            .filter((message) => message.offset >= wanted)
          const after = Number(batch.lastOffset()) + 1
          if (!this.#closed && after > wanted) {
            await this.#options.onBatch(batch.partition, messages, after)
            next.set(batch.partition, after)
          }
          resolveOffset(batch.lastOffset())
          await heartbeat()
          onProgress()
          this.#options.onError(undefined)
        },
      })
      await crashed
    } finally {
      await consumer.disconnect().catch(() => {})
    }
  }
}

function textHeaders(headers: Record<string, unknown> | undefined): Record<string, string> {
  const text: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers ?? {})) {
    text[name] = Array.isArray(value) ? value.map(String).join(',') : String(value)
  }
  return text
}
