import { setTimeout as sleep } from 'node:timers/promises'
import { type Batch, type Consumer, Kafka } from 'kafkajs'
import type { RawMessage } from './decode.js'
import { type Fetched, type Merged, PartitionMerge, unread } from './merge.js'
import type { KafkaSettings } from './settings.js'

export interface ReaderOptions {
  settings: KafkaSettings
  /** Unique per reader: group membership is used only to be given all partitions, offsets are kept by the engine. */
  groupId: string
  /** Next offset to read per partition; partitions that appear later start at 0. */
  next: Map<number, number>
  /**
   * Gets what a fetch brought, and where to go on; the next fetch waits for it. May throw: the batch comes again, from
   * the offsets in `next`, where it may have noted what it kept.
   */
  onBatch(batch: Merged): Promise<void>
  onError(error: Error | undefined): void
}

/** Back-off between attempts to reach a broker, milliseconds; the last one repeats. */
const BACKOFF_MS = [100, 250, 500, 1_000, 2_000, 5_000]

/** What one fetch may bring of a partition: small enough that one with all partitions stays within bounds. */
const PARTITION_BYTES = 2 << 20
const FETCH_BYTES = 64 << 20
/** How soon partitions that were added to a topic are noticed. */
const METADATA_AGE_MS = 10_000

/** How long a reader that is closed waits for its group to have let it in. */
const JOIN_PATIENCE_MS = 3_000
/** How long after a disconnection a crash may still be told. */
const CRASH_AFTER_MS = 100
/** Of how many partitions a fetch may be handled together. */
const MAX_PARTITIONS = 1_000

/** The batches of one fetch, handled together. */
interface Round {
  fetched: Fetched[]
  /** Resolves with where to go on. */
  done: Promise<Merged['next']>
}

/**
 * Reads a topic for as long as it is open, through broker restarts, from offsets that its owner keeps. Never
 * commits anything to the broker. Messages of one batch are handed over in portions that bound memory.
 */
export class KafkaReader {
  readonly #options: ReaderOptions
  readonly #ends = new Map<number, number>()
  readonly #merge = new PartitionMerge()
  #round?: Round
  #last: Promise<unknown> = Promise.resolve()
  #consumer?: Consumer
  #closed = false
  /** Settles when the consumer has joined its group or could not. */
  #joining: Promise<void> = Promise.resolve()
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
    // One that is let go while it joins its group would hold the partitions until the broker misses it.
    await Promise.race([this.#joining, sleep(JOIN_PATIENCE_MS, undefined, { ref: false })])
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

  /**
   * Puts a batch to the others of its fetch, which arrive within the same turn of the event loop, and waits until they
   * are handled. Where its partition goes on; undefined: at the same offset.
   */
  async #join(batch: Batch): Promise<number | undefined> {
    const { partition } = batch
    const wanted = this.#options.next.get(partition) ?? 0
    const fetched = fetchedOf(batch)
    this.#ends.set(partition, fetched.end)
    if (fetched.end < wanted) this.#restarted(partition, fetched, wanted)
    if (!this.#round) {
      // After the round of another node of the cluster: one batch at a time is handed over.
      const round: Round = { fetched: [], done: this.#last.then(() => this.#handle(round)) }
      this.#round = round
      this.#last = round.done.catch(() => {})
    }
    // After a rebalance, what the old and the new assignment fetched may meet.
    if (!this.#round.fetched.some((other) => other.partition === partition)) this.#round.fetched.push(fetched)
    return (await this.#round.done).get(partition)
  }

  /** The topic ends before where it was read to. Its old offsets are in a durable copy, so new ones cannot go there. */
  #restarted(partition: number, fetched: Fetched, wanted: number): never {
    const { topic } = this.#options.settings
    throw new Error(
      `Partition ${partition} of topic '${topic}' ends at offset ${fetched.end}, but was read up to ${wanted}: the topic was ` +
        'deleted and created anew, or has lost messages. Drop the view or query that reads it and create it again',
    )
  }

  async #handle(round: Round): Promise<Merged['next']> {
    this.#round = undefined
    if (this.#closed) return new Map()
    // Only now is it known how far the rounds before came.
    const fetched = round.fetched.map((fetched) =>
      unread(fetched, this.#options.next.get(fetched.partition) ?? 0),
    )
    const merged = this.#merge.merge(fetched)
    await this.#options.onBatch(merged)
    for (const [partition, after] of merged.next) this.#options.next.set(partition, after)
    return merged.next
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
      maxBytesPerPartition: PARTITION_BYTES,
      maxBytes: FETCH_BYTES,
      metadataMaxAge: METADATA_AGE_MS,
      allowAutoTopicCreation: false,
      // Restarting is this class's work: it knows when the owner has closed.
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1_000, restartOnFailure: async () => false },
    })
    this.#consumer = consumer
    const crashed = new Promise<never>((_, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      // A crash is told after the disconnection that it leads to, and knows the reason.
      consumer.on(consumer.events.DISCONNECT, () => {
        setTimeout(() => reject(new Error('disconnected')), CRASH_AFTER_MS).unref()
      })
    })
    crashed.catch(() => {})
    // Before the first fetch of every generation: the broker has no offsets of ours to begin at.
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      for (const partition of payload.memberAssignment[settings.topic] ?? []) {
        consumer.seek({ topic: settings.topic, partition, offset: String(next.get(partition) ?? 0) })
      }
    })
    const join = async () => {
      await consumer.connect()
      // Where the offset to go on at has expired, the oldest message there is comes next.
      await consumer.subscribe({ topics: [settings.topic], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        // All batches of a fetch are handed over at once, so that they can be put into one order.
        partitionsConsumedConcurrently: MAX_PARTITIONS,
        eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
          const after = await this.#join(batch)
          if (after !== undefined) resolveOffset(String(after - 1))
          await heartbeat()
          onProgress()
          this.#options.onError(undefined)
        },
      })
    }
    try {
      const joined = join()
      this.#joining = joined.catch(() => {})
      await joined
      await crashed
    } finally {
      await consumer.disconnect().catch(() => {})
    }
  }
}

function fetchedOf(batch: Batch): Fetched {
  const { partition } = batch
  const messages = batch.messages.map(
    (message): RawMessage => ({
      partition,
      offset: Number(message.offset),
      timestamp: Number(message.timestamp),
      key: message.key,
      value: message.value,
      headers: textHeaders(message.headers),
    }),
  )
  return { partition, messages, after: Number(batch.lastOffset()) + 1, end: Number(batch.highWatermark) }
}

function textHeaders(headers: Record<string, unknown> | undefined): Record<string, string> {
  const text: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers ?? {})) {
    text[name] = Array.isArray(value) ? value.map(String).join(',') : String(value)
  }
  return text
}
