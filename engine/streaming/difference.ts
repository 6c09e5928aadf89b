import { quoteIdentifier } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import type { Batch, Delta, Operator, SavedState } from './operator.js'
import { type Pipe, unwrap } from './pipe.js'

const DELTA: OutputColumn = { name: '_tp_delta', type: 'int8', chType: 'Int8' }

/**
 * What changed between two complete answers of an operator. `updates` gives the rows that are new, `changelog`
 * the old rows with `_tp_delta` -1 and then the new ones with +1. The answers are kept in a table, the last two.
 */
export class Difference implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = false
  readonly columns: OutputColumn[]
  /** The batch of the last answer. */
  #last = 0

  private constructor(
    readonly pipe: Pipe,
    readonly child: Operator,
    readonly number: number,
    readonly table: string,
    /** Position of `_tp_delta` among the columns; undefined for updates. */
    readonly deltaAt: number | undefined,
  ) {
    this.children = [child]
    this.columns = deltaAt === undefined ? child.columns : child.columns.toSpliced(deltaAt, 0, DELTA)
  }

  static async create(pipe: Pipe, child: Operator, deltaAt?: number): Promise<Difference> {
    const types = await pipe.deps.chdb.describe(unwrap(child.sample.sql))
    const list = types.map((c) => `${quoteIdentifier(c.name)} ${c.type}`).join(', ')
    const number = pipe.nextOperator()
    const table = await pipe.table(
      `answers${number}`,
      `(${list}, _seq UInt64) ENGINE = MergeTree PARTITION BY _seq ORDER BY tuple() SETTINGS non_replicated_deduplication_window = 1000`,
    )
    return new Difference(pipe, child, number, table, deltaAt)
  }

  get sample(): Delta {
    return this.#between(0, 0)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const answer = await this.child.step(batch)
    if (!answer) return undefined
    const columns = [...this.child.columns.map((c) => c.name), '_seq']
    const select = `SELECT *, ${batch.seq} FROM ${answer.sql}`
    await this.pipe.insertState(this.table, columns, select, `${batch.seq}:answer${this.number}`)
    const delta = this.#between(this.#last, batch.seq)
    this.#last = batch.seq
    return delta
  }

  save(): SavedState {
    return { last: this.#last }
  }

  load(state: SavedState): void {
    this.#last = state.last as number
  }

  /** Answers before the last one are of no use. */
  async settle(): Promise<void> {
    const partitions = await this.pipe.deps.chdb.rows<[string]>(
      `SELECT DISTINCT toString(_seq) FROM ${this.table} WHERE _seq < ${this.#last}`,
    )
    for (const [seq] of partitions) {
      await this.pipe.deps.chdb.run(`ALTER TABLE ${this.table} DROP PARTITION ${seq}`, { format: 'Null' })
    }
  }

  #between(before: number, after: number): Delta {
    const list = this.child.columns.map((c) => quoteIdentifier(c.name)).join(', ')
    const rows = (seq: number) => `SELECT ${list} FROM ${this.table} WHERE _seq = ${seq}`
    const fresh = `${rows(after)} EXCEPT ${rows(before)}`
    const columns = this.columns.map((c) => c.name)
    if (this.deltaAt === undefined) return { sql: `(${fresh})`, columns }
    const signed = (sql: string, sign: number) => `SELECT *, toInt8(${sign}) AS _tp_delta FROM (${sql})`
    const both = `${signed(`${rows(before)} EXCEPT ${rows(after)}`, -1)} UNION ALL ${signed(fresh, 1)}`
    const sql = `(SELECT ${columns.map(quoteIdentifier).join(', ')} FROM (${both}) ORDER BY _tp_delta)`
    return { sql, columns }
  }
}
