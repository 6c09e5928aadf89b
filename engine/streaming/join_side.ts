import type { Expr, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier } from '../chdb/pool.js'
import { ARRIVAL, type Lookup } from './enrich_join.js'
import type { Batch, Operator } from './operator.js'
import { type Pipe, rawTable, unwrap } from './pipe.js'

/** Rows of one batch at most, for an order of arrival in one number. */
const BATCH_SHIFT = 2 ** 32

/** What one side of a join of append streams has received since the query started. */
export class JoinSide {
  readonly columns: string[]
  /** The batch that was added last. */
  #seq = 0

  private constructor(
    readonly pipe: Pipe,
    readonly operator: Operator,
    readonly alias: string,
    readonly table: string,
    readonly number: number,
  ) {
    this.columns = operator.columns.map((c) => c.name)
  }

  /** `keys`: the side's join keys; those that are plain columns order the table. */
  static async create(pipe: Pipe, operator: Operator, alias: string, keys: Expr[]): Promise<JoinSide> {
    const types = await pipe.deps.chdb.describe(
      `SELECT ${operator.columns.map((c) => quoteIdentifier(c.name)).join(', ')} FROM (${unwrap(operator.sample.sql)})`,
    )
    const list = types.map((c) => `${quoteIdentifier(c.name)} ${c.type}`).join(', ')
    const names = new Set(types.map((c) => c.name))
    const order = keys
      .map((key) => (key.kind === 'column' ? key.path.at(-1)! : ''))
      .filter((name) => names.has(name))
      .map(quoteIdentifier)
    const number = pipe.nextOperator()
    const table = await pipe.table(
      `side${number}`,
      `(${list}, _seq UInt64, ${ARRIVAL} UInt64) ENGINE = MergeTree ORDER BY (${[...order, '_seq'].join(', ')}) ` +
        'SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1',
    )
    return new JoinSide(pipe, operator, alias, table, number)
  }

  /** Takes the batch's rows. False when it is known that there are none. */
  async add(batch: Batch): Promise<boolean> {
    this.#seq = batch.seq
    const delta = await this.operator.step(batch)
    if (!delta) return false
    const list = this.columns.map(quoteIdentifier).join(', ')
    const select = `SELECT ${list}, ${batch.seq}, toUInt64(${batch.seq}) * ${BATCH_SHIFT} + rowNumberInAllBlocks() FROM ${delta.sql}`
    const columns = [...this.columns, '_seq', ARRIVAL]
    await this.pipe.insertState(this.table, columns, select, `${batch.seq}:side${this.number}`)
    return true
  }

  /** All rows up to the last batch; its own; those before it. */
  rows(which: 'all' | 'new' | 'old'): TableExpr {
    const op = { all: '<=', new: '=', old: '<' }[which]
    const sql = `(SELECT * FROM ${this.table} WHERE _seq ${op} ${this.#seq})`
    return rawTable({ sql, columns: this.columns }, this.alias)
  }

  sample(): TableExpr {
    return rawTable({ sql: `(SELECT * FROM ${this.table} WHERE 0)`, columns: this.columns }, this.alias)
  }

  /** As the right side of a join that only left rows trigger. */
  lookup(): Lookup {
    return {
      alias: this.alias,
      columns: this.columns,
      hasArrival: true,
      operators: [this.operator],
      prepare: async (batch) => void (await this.add(batch)),
      current: async () => this.rows('all'),
    }
  }
}
