import type { Select } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'
import type { Backfill } from './backfill.js'
import type { EmitPolicy } from './emit.js'
import type { Batch, Delta, Operator, SavedState } from './operator.js'
import type { Pipe } from './pipe.js'
import { over } from './project.js'
import type { Scan } from './scan.js'
import { Ticker } from './ticker.js'

/**
 * An aggregation over keyed streams: a new value of a key replaces the old one, so the complete answer is
 * computed from the current rows each time it is due. The scans only tell that there is something new.
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
    readonly backfill: Backfill,
    policy: EmitPolicy,
    readonly columns: OutputColumn[],
    readonly sample: Delta,
  ) {
    this.children = scans
    this.#ticker = new Ticker(policy, pipe.clock.now())
  }

  static async create(
    pipe: Pipe,
    select: Select,
    scans: Scan[],
    policy: EmitPolicy,
    backfill: Backfill,
  ): Promise<Recompute> {
    const { translated, columns } = await pipe.describe(over(select, select.from))
    const sample = {
      sql: `(SELECT * FROM (${translated.sql}) WHERE 0)`,
      columns: columns.map((c) => c.name),
    }
    return new Recompute(pipe, select, scans, backfill, policy, columns, sample)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const ticker = this.#ticker
    if (this.scans.some((scan) => batch.ranges[scan.id])) ticker.touch(batch.now)
    if (this.backfill.running(batch)) return undefined
    if (!ticker.due(batch.now, this.backfill.ends(batch))) return undefined
    ticker.tick(batch.seq, batch.now)
    const { sql } = await this.pipe.translate(over(this.select, this.select.from))
    return { sql: `(${sql})`, columns: this.columns.map((c) => c.name) }
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
}
