import { KafkaError } from '../protocol/errors.js'
import type { BatchHeader } from '../protocol/record_batch.js'

/** Kafka keeps five batches a producer: the most that may be in flight with idempotence on. */
const KEPT_BATCHES = 5
/** Producers remembered per partition; the one unheard of for longest goes first. */
const KEPT_PRODUCERS = 10_000

interface Batch {
  firstSequence: number
  lastSequence: number
  baseOffset: number
}

interface Producer {
  epoch: number
  batches: Batch[]
}

type Sequenced = Pick<
  BatchHeader,
  'producerId' | 'producerEpoch' | 'baseSequence' | 'lastOffsetDelta' | 'baseOffset'
>

/** Sequences are 31 bits and wrap to 0. */
const sequenceAfter = (sequence: number, by: number) => (sequence + by) % 2 ** 31

/** What a partition knows of its idempotent producers. Rebuilt from the batches' headers when a log is opened. */
export class ProducerState {
  readonly #producers = new Map<number, Producer>()

  /**
   * Undefined where the batch is next in line; the offset it already has where it was stored before.
   * Throws OUT_OF_ORDER_SEQUENCE_NUMBER or INVALID_PRODUCER_EPOCH. A producer never heard of (or
   * forgotten) may start at any sequence, as in Kafka since 2.5.
   */
  check(header: Sequenced): number | undefined {
    if (header.producerId < 0) return undefined
    const producer = this.#producers.get(header.producerId)
    if (!producer) return undefined
    if (header.producerEpoch < producer.epoch) {
      throw new KafkaError(
        'INVALID_PRODUCER_EPOCH',
        `epoch ${header.producerEpoch} of producer ${header.producerId} is older than ${producer.epoch}`,
      )
    }
    const last = producer.batches.at(-1)!
    const sameEpoch = header.producerEpoch === producer.epoch
    const lastSequence = sequenceAfter(header.baseSequence, header.lastOffsetDelta)
    const stored = producer.batches.find(
      (batch) =>
        sameEpoch && batch.firstSequence === header.baseSequence && batch.lastSequence === lastSequence,
    )
    if (stored) return stored.baseOffset
    const expected = sameEpoch ? sequenceAfter(last.lastSequence, 1) : 0
    if (header.baseSequence !== expected) {
      throw new KafkaError(
        'OUT_OF_ORDER_SEQUENCE_NUMBER',
        `producer ${header.producerId} sent sequence ${header.baseSequence}, ${expected} is next`,
      )
    }
    return undefined
  }

  /** Remembers a batch that is stored at `header.baseOffset`. */
  record(header: Sequenced): void {
    if (header.producerId < 0) return
    const known = this.#producers.get(header.producerId)
    const batches = known && known.epoch === header.producerEpoch ? known.batches : []
    batches.push({
      firstSequence: header.baseSequence,
      lastSequence: sequenceAfter(header.baseSequence, header.lastOffsetDelta),
      baseOffset: header.baseOffset,
    })
    if (batches.length > KEPT_BATCHES) batches.shift()
    this.#producers.delete(header.producerId)
    this.#producers.set(header.producerId, { epoch: header.producerEpoch, batches })
    if (this.#producers.size > KEPT_PRODUCERS) {
      this.#producers.delete(this.#producers.keys().next().value as number)
    }
  }
}
