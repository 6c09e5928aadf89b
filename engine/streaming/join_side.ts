import type { Expr, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier as id, quoteString } from '../chdb/pool.js'
import { ARRIVAL, type Lookup } from './enrich_join.js'
import type { Batch, Operator } from './operator.js'
import type { Pipe } from './pipe.js'
import type { RowsOf } from './rows_of.js'

/** Rows of one batch at most, for an order of arrival in one number. */
const BATCH_SHIFT = 2 ** 32

/** What one side of a join of append streams has received since the query started. */
export class JoinSide {
  /** The batch that was added last. */
  #seq = 0

  private constructor(
    readonly pipe: Pipe,
    readonly from: RowsOf,
    readonly table: string,
    readonly number: number,
  ) {}

  /** `keys`: the side's join keys; those that are plain columns order the table. */
  static async create(pipe: Pipe, from: RowsOf, keys: Expr[]): Promise<JoinSide> {
    const list = from.columns.map((c, i) => `c${i} ${c.type} COMMENT ${quoteString(c.name)}`).join(', ')
    const order = keys
      .map((key) => from.names.indexOf(from.nameOf(key) ?? ''))
      .filter((at) => at >= 0)
      .map((at) => `c${at}`)
    const number = pipe.nextOperator()
    const table = await pipe.table(
      `side${number}`,
      `(${list}, _seq UInt64, ${ARRIVAL} UInt64) ENGINE = MergeTree ORDER BY (${[...order, '_seq'].join(', ')}) ` +
        'SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1',
    )
    return new JoinSide(pipe, from, table, number)
  }

  get operators(): Operator[] {
    return this.from.source.operators
  }

  /** Takes the batch's rows. False when it is known that there are none. */
  async add(batch: Batch): Promise<boolean> {
    this.#seq = batch.seq
    const rows = await this.from.select(await this.from.source.bind(batch), [])
    if (rows === undefined) return false
    const list = this.from.names.map(id).join(', ')
    const select = `SELECT ${list}, ${batch.seq}, toUInt64(${batch.seq}) * ${BATCH_SHIFT} + rowNumberInAllBlocks() FROM (${rows})`
    const columns = [...this.from.names.map((_, i) => `c${i}`), '_seq', ARRIVAL]
    await this.pipe.insertState(this.table, columns, select, `${batch.seq}:side${this.number}`)
    return true
  }

  /** All rows up to the last batch; its own; those before it. */
  rows(which: 'all' | 'new' | 'old'): TableExpr {
    const op = { all: '<=', new: '=', old: '<' }[which]
    return this.#relation(`_seq ${op} ${this.#seq}`)
  }

  sample(): TableExpr {
    return this.#relation('0')
  }

  /** As the right side of a join that only left rows trigger. */
  lookup(): Lookup {
    return {
      alias: this.from.relations[0]!.alias!,
      columns: this.from.names,
      described: 'ReadFromStorage (rows so far)',
      hasArrival: true,
      operators: this.operators,
      prepare: async (batch) => void (await this.add(batch)),
      current: async () => this.rows('all'),
    }
  }

  #relation(condition: string): TableExpr {
    const list = this.from.names.map((name, i) => `c${i} AS ${id(name)}`).join(', ')
    return this.from.table(`(SELECT ${list}, ${ARRIVAL} FROM ${this.table} WHERE ${condition})`)
  }
}
