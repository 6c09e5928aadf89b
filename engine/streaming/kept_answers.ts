import { quoteIdentifier as id } from '../chdb/pool.js'
import type { RowColumn } from './live_rows.js'
import type { Pipe } from './pipe.js'

/** With fewer rows in force all groups are computed anew: that takes less than to write down what they are. */
const MANY_ROWS = 1_000_000

/** What the groups of an aggregation were when they were computed last, so that only those that changed since are computed again. */
export class KeptAnswers {
  /** The batch up to which the groups are known. */
  #upTo: number | undefined

  private constructor(
    readonly pipe: Pipe,
    readonly number: number,
    readonly table: string,
    readonly columns: readonly string[],
  ) {}

  /** `columns`: what is known of a group, its keys first. */
  static async create(
    pipe: Pipe,
    number: number,
    keys: readonly RowColumn[],
    columns: readonly RowColumn[],
  ): Promise<KeptAnswers> {
    const list = [...keys, ...columns].map(({ name, type }) => `${id(name)} ${type}`)
    const table = await pipe.table(
      `answers${number}`,
      `(${[...list, '_at UInt64'].join(', ')}) ENGINE = ReplacingMergeTree(_at) ORDER BY (${keys.map(({ name }) => id(name)).join(', ')}) ` +
        'SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1',
    )
    const names = [...keys, ...columns].map(({ name }) => name)
    return new KeptAnswers(pipe, number, table, names)
  }

  /** Whether there are so many rows that it is worth while. */
  async pays(rows: string): Promise<boolean> {
    const { chdb, manyRows = MANY_ROWS } = this.pipe.deps
    const [row] = await chdb.rows<[string]>(`SELECT count() FROM ${rows}`)
    return Number(row![0]) >= manyRows
  }

  /**
   * The groups' columns, up to date after batch `seq`. `fresh`: the groups that a batch later than the given one touched, as
   * they are now; of two rows for a group the later part counts.
   */
  async upTo(seq: number, fresh: (since: number) => Promise<string[]>): Promise<string> {
    if (this.#upTo === undefined) {
      const [row] = await this.pipe.deps.chdb.rows<[string]>(`SELECT max(_at) FROM ${this.table}`)
      this.#upTo = Math.floor(Number(row![0]) / 2)
    }
    if (this.#upTo < seq) {
      const parts = (await fresh(this.#upTo)).map((part, i) => `SELECT *, ${2 * seq + i} FROM (${part})`)
      const columns = [...this.columns, '_at']
      await this.pipe.insertState(
        this.table,
        columns,
        parts.join(' UNION ALL '),
        `${seq}:answers${this.number}`,
      )
      this.#upTo = seq
    }
    return `${this.table} FINAL`
  }
}
