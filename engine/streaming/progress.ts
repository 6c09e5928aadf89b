import type { Batch } from './operator.js'
import type { Pump } from './pump.js'
import type { BatchRecord, BatchRecords } from './records.js'

/** A query without rows for so long records that its last batch is through. */
const IDLE_MS = 1_000

/**
 * How far a durable query has got. Its protocol: a batch is recorded with all that it starts from, then run.
 * Whatever breaks in between, the recorded batch is run again, and what it committed before is recognised by
 * its tokens.
 */
export class Progress {
  /** Totals since the query was created. */
  rowsIn = 0
  rowsOut = 0
  #pump: Pump | undefined
  /** The batch that is through, and not recorded as such. */
  #through: Batch | undefined

  constructor(
    readonly records: BatchRecords,
    readonly id: number,
  ) {}

  /** The pipeline whose progress it is from now on. */
  attach(pump: Pump): void {
    this.#pump = pump
    pump.whenIdle = { afterMs: IDLE_MS, run: () => this.settle() }
  }

  detach(): void {
    this.#pump = undefined
    this.#through = undefined
  }

  /** Nothing has run yet. */
  start(): Promise<void> {
    return this.rest({ seq: 0, now: Date.now(), ranges: {} })
  }

  /** Goes to where the records are. Gives the batch that has to be run again, where it was in the middle of one. */
  async resume(): Promise<BatchRecord | undefined> {
    const record = this.records.read(this.id)
    if (!record) return undefined
    this.#pump!.seq = record.batch.seq
    this.#pump!.load(record.states)
    this.rowsIn = record.rowsIn
    this.rowsOut = record.rowsOut
    return record.phase === 'begun' ? record : undefined
  }

  /** A batch that was cut, with all that it starts from. */
  plan(batch: Batch): BatchRecord {
    return this.#record('begun', batch)
  }

  /** To be called before the batch runs, each time it runs. */
  async begin(record: BatchRecord): Promise<void> {
    this.#pump!.load(record.states)
    this.#through = undefined
    this.records.write(this.id, record)
  }

  /** The batch is through, and the pipeline has moved on. */
  done(record: BatchRecord, written: number): void {
    this.rowsOut = record.rowsOut + written
    this.rowsIn = record.rowsIn + rowsOf(record.batch)
    this.#through = record.batch
  }

  /** It goes on from the state as it stands now, which is the one after this batch. */
  async rest(batch: Batch): Promise<void> {
    this.records.write(this.id, this.#record('done', batch))
  }

  /** Idle: the last batch must not be run again when its tokens are long forgotten. */
  async settle(): Promise<void> {
    const batch = this.#through
    if (!batch || !this.#pump) return
    await this.rest(batch)
    this.#through = undefined
  }

  #record(phase: BatchRecord['phase'], batch: Batch): BatchRecord {
    return { phase, batch, states: this.#pump!.save(), rowsIn: this.rowsIn, rowsOut: this.rowsOut }
  }
}

export function rowsOf(batch: Batch): number {
  return Object.values(batch.ranges).reduce((sum, range) => sum + range.to - range.from, 0)
}
