import { quoteIdentifier as id } from '../chdb/pool.js'
import type { Batch, SavedState } from './operator.js'
import type { Pipe } from './pipe.js'

const COLUMNS = ['_id', 'first', 'due', 'spoken', 'seq', 'since'] as const

/**
 * When each substream of a PARTITION BY speaks. It has a timer of its own: one that comes later than a period after the
 * start of the query speaks at once, and then a period after each time it was due, if it has news. What a batch made
 * due or made speak is written down before anything is read from it, so that a batch that is run again does the same.
 */
export class SubstreamTimers {
  /** When the next of the substreams that have news is due. */
  #next: number | undefined

  private constructor(
    readonly pipe: Pipe,
    readonly number: number,
    readonly table: string,
    readonly keys: readonly string[],
    readonly periodMs: number,
  ) {}

  /** `keys`: the substream's keys in the relations that tell which substreams a batch touched. */
  static async create(pipe: Pipe, keys: readonly string[], periodMs: number): Promise<SubstreamTimers> {
    const number = pipe.nextOperator()
    // first: its first due time; due: the next, of one with news; spoken: the due time it last spoke for; seq: the batch
    // in which it last spoke; since: the one before.
    const table = await pipe.table(
      `timers${number}`,
      '(_id FixedString(16), first SimpleAggregateFunction(min, Int64), due SimpleAggregateFunction(max, Int64), ' +
        'spoken SimpleAggregateFunction(max, Int64), seq SimpleAggregateFunction(max, UInt64), ' +
        'since SimpleAggregateFunction(max, UInt64)) ENGINE = AggregatingMergeTree ORDER BY _id ' +
        'SETTINGS non_replicated_deduplication_window = 1000',
    )
    return new SubstreamTimers(pipe, number, table, keys, periodMs)
  }

  deadline(): number | undefined {
    return this.#next
  }

  /** Substreams with rows of the batch have news. `touches`: groups with the last batch that touched them, `_seq`. */
  async touch({ seq, now, ranges }: Batch, touches: string): Promise<void> {
    const first = `toInt64(${Math.max(now, this.pipe.startedAt + this.periodMs)})`
    // In a replay time stood still between the rows.
    const stoodStill = Object.values(ranges).some((range) => range.replayed)
    const from = stoodStill ? 'k.due' : `greatest(toInt64(${now}), k.due)`
    const next = `k.first + (intDiv(${from} - k.first, ${this.periodMs}) + 1) * ${this.periodMs}`
    await this.pipe.insertState(
      this.table,
      [...COLUMNS],
      `SELECT t._id, if(k.due = 0, ${first}, k.first), if(k.due = 0, ${first}, ${next}), k.spoken, k.seq, k.since ` +
        `FROM (SELECT DISTINCT ${this.#id} AS _id FROM ${touches} WHERE _seq = ${seq}) AS t ` +
        `LEFT JOIN ${this.#all} AS k ON t._id = k._id WHERE k.due <= k.spoken`,
      `${seq}:news${this.number}`,
    )
  }

  /** Lets those speak that are due, or all with news where it is `early`. Whether there are any. */
  async speak({ seq, now }: Batch, early: boolean): Promise<boolean> {
    const isDue = early ? 'due > spoken' : `due > spoken AND due <= ${now}`
    await this.pipe.insertState(
      this.table,
      [...COLUMNS],
      `SELECT _id, first, due, due, ${seq}, seq FROM ${this.#all} WHERE ${isDue}`,
      `${seq}:spoken${this.number}`,
    )
    const [row] = await this.pipe.deps.chdb.rows<[string, string, string]>(
      `SELECT countIf(seq = ${seq}), countIf(due > spoken), minIf(due, due > spoken) FROM ${this.#all}`,
    )
    this.#next = Number(row![1]) === 0 ? undefined : Number(row![2])
    return Number(row![0]) > 0
  }

  /** Groups of the substreams that speak in the batch, as a condition. */
  speaking(seq: number): string {
    return `${this.#id} IN (SELECT _id FROM ${this.table} WHERE seq = ${seq})`
  }

  /** Of these groups the ones that were touched since their substream spoke before: a relation as `touches`. */
  news(seq: number, touches: string): string {
    const speaking = `(SELECT _id, max(since) AS since FROM ${this.table} GROUP BY _id HAVING max(seq) = ${seq})`
    return `(SELECT t.* FROM ${touches} AS t INNER JOIN ${speaking} AS m ON ${this.#id} = m._id WHERE t._seq > m.since)`
  }

  /** Of rows with the substream's keys and a batch, `_seq`, those up to the batch in which their substream spoke before this one. */
  before(seq: number, rows: string): string {
    const last = `if(max(seq) = ${seq}, max(since), max(seq))`
    const spoken = `(SELECT _id, ${last} AS last FROM ${this.table} GROUP BY _id)`
    return `(SELECT t.* FROM ${rows} AS t INNER JOIN ${spoken} AS m ON ${this.#id} = m._id WHERE t._seq <= m.last)`
  }

  save(): SavedState {
    return { next: this.#next }
  }

  load(state: SavedState): void {
    this.#next = state.next as number | undefined
  }

  /** A substream's keys in one value that is never NULL. */
  get #id(): string {
    return `sipHash128(toString(tuple(${this.keys.map(id).join(', ')})))`
  }

  get #all(): string {
    return (
      '(SELECT _id, min(first) AS first, max(due) AS due, max(spoken) AS spoken, max(seq) AS seq, max(since) AS since ' +
      `FROM ${this.table} GROUP BY _id)`
    )
  }
}
