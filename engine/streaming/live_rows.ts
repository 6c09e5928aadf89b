import { quoteIdentifier as id, quoteString } from '../chdb/pool.js'
import type { Relation } from '../contracts.js'
import { type Batch, DELTA } from './operator.js'
import type { Pipe } from './pipe.js'

/** A column with the store's type. */
export interface RowColumn {
  name: string
  type: string
}

/** Batches whose changes lie in one part of the log. */
const LOG_PART = 64
/** Rows of one batch at most, for an order in one number. */
const BATCH_SHIFT = 2 ** 32

const SETTINGS = 'non_replicated_deduplication_window = 1000, allow_nullable_key = 1'
const UNORDERED = /^(JSON|Object|Map|Variant|Dynamic|AggregateFunction)/

/**
 * The rows of a changelog that are in force, and the changes of the batch that runs. The log is written first: a
 * batch that is run again finds its own changes there, whatever the rows were when they were computed.
 */
export class LiveRows {
  /** The batch that was added last. */
  #seq = 0

  private constructor(
    readonly pipe: Pipe,
    readonly number: number,
    readonly columns: RowColumn[],
    readonly log: string,
    readonly rows: string,
    /** Columns by which the rows are ordered: what is looked up by them is found without reading all rows. */
    readonly keys: string[],
  ) {}

  static async create(
    pipe: Pipe,
    number: number,
    columns: RowColumn[],
    keys: readonly string[],
  ): Promise<LiveRows> {
    // The names tell two definitions apart: a changed query must not take other columns for its own.
    const list = columns.map(({ name, type }, i) => `c${i} ${type} COMMENT ${quoteString(name)}`)
    const log = await pipe.table(
      `log${number}`,
      `(${[...list, `${DELTA.name} Int8`, '_seq UInt64', '_tp_sn UInt64'].join(', ')}) ENGINE = MergeTree ` +
        `PARTITION BY intDiv(_seq, ${LOG_PART}) ORDER BY (_seq, _tp_sn) SETTINGS ${SETTINGS}`,
    )
    const ordered = keys.filter((key) => {
      const column = columns.find(({ name }) => name === key)
      return column !== undefined && !UNORDERED.test(column.type)
    })
    const positions = ordered.map((key) => `c${columns.findIndex(({ name }) => name === key)}`)
    const rows = await pipe.table(
      `rows${number}`,
      `(${[...list, '_h FixedString(16)', '_n Int64'].join(', ')}) ENGINE = SummingMergeTree(_n) ` +
        `ORDER BY (${[...positions, '_h'].join(', ')}) SETTINGS ${SETTINGS}, index_granularity = 1024`,
    )
    return new LiveRows(pipe, number, columns, log, rows, ordered)
  }

  /** Takes the batch's changes: a SELECT of the columns and `_tp_delta`. Whether there are any. */
  async add(batch: Batch, changes: string): Promise<boolean> {
    const { seq } = batch
    this.#seq = seq
    const stored = this.#stored
    const names = this.columns.map(({ name }) => id(name))
    const order = `toUInt64(${seq}) * ${BATCH_SHIFT} + rowNumberInAllBlocks()`
    await this.pipe.insertState(
      this.log,
      [...stored, DELTA.name, '_seq', '_tp_sn'],
      `SELECT ${[...names, DELTA.name].join(', ')}, ${seq}, ${order} FROM (${changes})`,
      `${seq}:log${this.number}`,
    )
    const [row] = await this.pipe.deps.chdb.rows<[string]>(
      `SELECT count() FROM ${this.log} WHERE _seq = ${seq}`,
    )
    if (Number(row![0]) === 0) return false
    await this.pipe.insertState(
      this.rows,
      [...stored, '_h', '_n'],
      `SELECT ${[...stored, this.#hash, DELTA.name].join(', ')} FROM ${this.log} WHERE _seq = ${seq}`,
      `${seq}:rows${this.number}`,
    )
    return true
  }

  /** The batch's changes, in order, with `_tp_delta`. */
  changes(): Relation {
    const columns = [...this.columns.map(({ name }) => name), DELTA.name]
    const sql = `(SELECT ${this.#shown}, ${DELTA.name}, _tp_sn FROM ${this.log} WHERE _seq = ${this.#seq} ORDER BY _tp_sn)`
    return { sql, columns }
  }

  /** The rows in force after the batch; one that came n times stands there n times. */
  current(condition = '1'): Relation {
    return this.#relation(`SELECT ${this.#shown}, _n FROM ${this.rows} FINAL WHERE _n > 0`, condition)
  }

  /** The rows in force before the batch. */
  before(condition = '1'): Relation {
    const keys = this.keys.map((key) => `c${this.columns.findIndex(({ name }) => name === key)}`)
    const all = (...more: string[]) => [...this.#stored, ...more].join(', ')
    const both =
      `SELECT ${all('_h', '_n')} FROM ${this.rows} FINAL UNION ALL ` +
      `SELECT ${all(`${this.#hash} AS _h`, `toInt64(-${DELTA.name}) AS _n`)} FROM ${this.log} WHERE _seq = ${this.#seq}`
    const shown = this.columns.map(({ name }, i) =>
      keys.includes(`c${i}`) ? `c${i} AS ${id(name)}` : `any(c${i}) AS ${id(name)}`,
    )
    const grouped = `SELECT ${[...shown, 'sum(_n) AS __n'].join(', ')} FROM (${both}) GROUP BY ${[...keys, '_h'].join(', ')}`
    return this.#relation(`SELECT *, __n AS _n FROM (${grouped}) WHERE __n > 0`, condition)
  }

  /** Changes of batches that are through. */
  async settle(batch: Batch): Promise<void> {
    if (batch.seq % LOG_PART !== 0) return
    const part = batch.seq / LOG_PART - 2
    if (part < 0) return
    await this.pipe.deps.chdb.run(`ALTER TABLE ${this.log} DROP PARTITION ${part}`, { format: 'Null' })
  }

  get #stored(): string[] {
    return this.columns.map((_, i) => `c${i}`)
  }

  get #shown(): string {
    return this.columns.length === 0
      ? '1'
      : this.columns.map(({ name }, i) => `c${i} AS ${id(name)}`).join(', ')
  }

  get #hash(): string {
    return `sipHash128(toString(tuple(${this.#stored.join(', ')})))`
  }

  #relation(counted: string, condition: string): Relation {
    const columns = this.columns.map(({ name }) => name)
    const list = columns.length === 0 ? '1' : columns.map(id).join(', ')
    return {
      sql: `(SELECT ${list} FROM (${counted}) ARRAY JOIN range(toUInt64(_n)) AS _copy WHERE ${condition})`,
      columns,
    }
  }
}
