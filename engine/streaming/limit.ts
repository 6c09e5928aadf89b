import { quoteIdentifier as id } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import type { Batch, Delta, Operator, SavedState, Semantic } from './operator.js'
import type { Pipe, Scratch } from './pipe.js'
import { unwrap } from './pipe.js'

/** LIMIT and OFFSET of a part of a streaming query: they count the rows of all its batches. */
export class Limit implements Operator {
  readonly children: Operator[]
  readonly costly = false
  readonly columns: OutputColumn[]
  readonly semantic: Semantic
  /** Rows that came so far. */
  #rows = 0

  private constructor(
    readonly child: Operator,
    readonly scratch: Scratch,
    readonly offset: number,
    readonly limit: number | undefined,
  ) {
    this.children = [child]
    this.columns = child.columns
    this.semantic = child.semantic
  }

  static async create(
    pipe: Pipe,
    child: Operator,
    offset: number,
    limit: number | undefined,
  ): Promise<Limit> {
    return new Limit(child, await pipe.scratch(`limit${pipe.nextOperator()}`, child.sample), offset, limit)
  }

  get sample(): Delta {
    return this.child.sample
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const delta = await this.child.step(batch)
    const end = this.limit === undefined ? Number.POSITIVE_INFINITY : this.offset + this.limit
    if (!delta || this.#rows >= end) return undefined
    const kept = await this.scratch.keep(delta)
    const [row] = await this.scratch.chdb.rows<[string]>(`SELECT count() FROM ${kept.sql}`)
    const before = this.#rows
    this.#rows += Number(row![0])
    const skip = Math.max(0, this.offset - before)
    const take = Math.min(this.#rows, end) - before - skip
    if (take <= 0) return undefined
    return { sql: `(SELECT * FROM ${kept.sql} LIMIT ${skip}, ${take})`, columns: kept.columns }
  }

  save(): SavedState {
    return { rows: this.#rows }
  }

  load(state: SavedState): void {
    this.#rows = state.rows as number
  }
}

/** LIMIT n BY keys of a streaming query: the first rows of each key, of all batches. */
export class LimitBy implements Operator {
  readonly children: Operator[]
  readonly costly = false
  readonly semantic: Semantic
  readonly sample: Delta

  private constructor(
    readonly pipe: Pipe,
    readonly number: number,
    readonly child: Operator,
    readonly scratch: Scratch,
    /** Passed rows per key: `(keys…, n, _seq)`. */
    readonly table: string,
    /** Columns of the child that are the keys. */
    readonly keys: string[],
    readonly columns: OutputColumn[],
    readonly offset: number,
    readonly limit: number,
  ) {
    this.children = [child]
    this.semantic = child.semantic
    const names = columns.map((c) => c.name)
    this.sample = { sql: `(SELECT ${names.map(id).join(', ')} FROM ${child.sample.sql})`, columns: names }
  }

  /** The last `keys.length` columns of the child are the keys, and are not shown. */
  static async create(
    pipe: Pipe,
    child: Operator,
    keys: string[],
    offset: number,
    limit: number,
  ): Promise<LimitBy> {
    const operator = pipe.nextOperator()
    const list = keys.map(id)
    const types = await pipe.deps.chdb.describe(
      `SELECT ${list.join(', ')} FROM (${unwrap(child.sample.sql)})`,
    )
    const table = await pipe.table(
      `passed${operator}`,
      `(${types.map((t) => `${id(t.name)} ${t.type}`).join(', ')}, n UInt64, _seq UInt64) ENGINE = MergeTree ` +
        `ORDER BY (${list.join(', ')}) SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1`,
    )
    const scratch = await pipe.scratch(`rows${operator}`, child.sample)
    const shown = child.columns.slice(0, child.columns.length - keys.length)
    return new LimitBy(pipe, operator, child, scratch, table, keys, shown, offset, limit)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const delta = await this.child.step(batch)
    if (!delta) return undefined
    const kept = await this.scratch.keep(delta)
    const keys = this.keys.map(id).join(', ')
    await this.pipe.insertState(
      this.table,
      [...this.keys, 'n', '_seq'],
      `SELECT ${keys}, count(), ${batch.seq} FROM ${kept.sql} GROUP BY ${keys}`,
      `${batch.seq}:passed${this.number}`,
    )
    const numbered = `SELECT *, rowNumberInAllBlocks() AS __tp_at FROM ${kept.sql}`
    const ranked = `SELECT *, row_number() OVER (PARTITION BY ${keys} ORDER BY __tp_at) AS __tp_rank FROM (${numbered})`
    const before = `SELECT ${keys}, sum(n) AS __tp_before FROM ${this.table} WHERE _seq < ${batch.seq} GROUP BY ${keys}`
    const names = this.columns.map((c) => c.name)
    const shown = names.map((name) => `r.${id(name)} AS ${id(name)}`).join(', ')
    const on = this.keys.map((key) => `r.${id(key)} <=> b.${id(key)}`).join(' AND ')
    return {
      sql:
        `(SELECT ${shown} FROM (${ranked}) AS r LEFT JOIN (${before}) AS b ON ${on} ` +
        `WHERE r.__tp_rank + b.__tp_before > ${this.offset} AND r.__tp_rank + b.__tp_before <= ${this.offset + this.limit} ` +
        'ORDER BY r.__tp_at)',
      columns: names,
    }
  }
}
