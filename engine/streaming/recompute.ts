import type { Select } from '../../dialect/ast.js'
import { quoteIdentifier } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import type { Backfill } from './backfill.js'
import type { EmitPolicy } from './emit.js'
import type { Batch, Delta, Operator, SavedState } from './operator.js'
import { type Pipe, unwrap } from './pipe.js'
import { over } from './project.js'
import type { Scan } from './scan.js'
import { Ticker } from './ticker.js'

/**
 * An aggregation over keyed streams: a new value of a key replaces the old one, so the answer is computed
 * from the current rows each time it is due. The scans only tell that there is something new.
 */
export class Recompute implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = true
  readonly #ticker: Ticker

  private constructor(
    readonly pipe: Pipe,
    readonly select: Select,
    readonly scans: Scan[],
    readonly policy: EmitPolicy,
    readonly backfill: Backfill,
    readonly columns: OutputColumn[],
    readonly sample: Delta,
    readonly operator: number,
    /** Earlier answers, by the batch that gave them; only for EMIT ON UPDATE. */
    readonly answers: string,
  ) {
    this.children = scans
    this.#ticker = new Ticker(policy, Date.now())
  }

  static async create(
    pipe: Pipe,
    select: Select,
    scans: Scan[],
    policy: EmitPolicy,
    backfill: Backfill,
  ): Promise<Recompute> {
    const query = over(select, select.from)
    const { translated, columns } = await pipe.describe(query)
    const sample = { sql: `(SELECT * FROM (${translated.sql}) WHERE 0)`, columns: columns.map((c) => c.name) }
    const operator = pipe.nextOperator()
    let answers = ''
    if (policy.kind === 'on_update') {
      const types = await pipe.deps.chdb.describe(unwrap(sample.sql))
      const list = types.map((c) => `${quoteIdentifier(c.name)} ${c.type}`).join(', ')
      answers = await pipe.table(
        `answers${operator}`,
        `(${list}, _seq UInt64) ENGINE = MergeTree PARTITION BY _seq ORDER BY tuple() SETTINGS non_replicated_deduplication_window = 1000`,
      )
    }
    return new Recompute(pipe, select, scans, policy, backfill, columns, sample, operator, answers)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const ticker = this.#ticker
    if (this.scans.some((scan) => batch.ranges[scan.id])) ticker.touch(batch.now)
    if (this.backfill.running(batch)) return undefined
    const early = this.backfill.ends(batch)
    const immediate = this.policy.kind === 'on_update' && this.policy.periodMs === 0
    if (immediate ? !ticker.dirty : !ticker.due(batch.now, early)) return undefined
    const before = ticker.emitted
    ticker.tick(batch.seq, batch.now)
    const { sql } = await this.pipe.translate(over(this.select, this.select.from))
    const columns = this.columns.map((c) => c.name)
    if (this.policy.kind !== 'on_update') return { sql: `(${sql})`, columns }
    const list = columns.map(quoteIdentifier).join(', ')
    const token = `${batch.seq}:answer${this.operator}`
    await this.pipe.insertState(
      this.answers,
      [...columns, '_seq'],
      `SELECT *, ${batch.seq} FROM (${sql})`,
      token,
    )
    return {
      sql: `(SELECT ${list} FROM ${this.answers} WHERE _seq = ${batch.seq} EXCEPT SELECT ${list} FROM ${this.answers} WHERE _seq = ${before})`,
      columns,
    }
  }

  deadline(): number | undefined {
    return this.#ticker.deadline()
  }

  save(): SavedState {
    return this.#ticker.save()
  }

  load(state: SavedState): void {
    this.#ticker.load(state)
  }

  /** Answers before the last one are of no use. */
  async settle(): Promise<void> {
    if (this.answers === '') return
    const partitions = await this.pipe.deps.chdb.rows<[string]>(
      `SELECT DISTINCT toString(_seq) FROM ${this.answers} WHERE _seq < ${this.#ticker.emitted}`,
    )
    for (const [seq] of partitions) {
      await this.pipe.deps.chdb.run(`ALTER TABLE ${this.answers} DROP PARTITION ${seq}`, { format: 'Null' })
    }
  }
}
