import type { Expr, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier as id, quoteString } from '../chdb/pool.js'
import { ARRIVAL, type Lookup } from './enrich_join.js'
import type { Batch, Operator } from './operator.js'
import type { Pipe } from './pipe.js'
import type { RowsOf } from './rows_of.js'

/** Rows of one batch at most, for an order of arrival in one number. */
const BATCH_SHIFT = 2 ** 32

/** Batches between two looks at whether rows that nobody will meet are to go. */
const SWEEP_EVERY = 200
/** So many rows of no use are not worth the work. */
const SPARE_ROWS = 100_000

const UNORDERED = /^(?:JSON|Object|Map|Variant|Dynamic|AggregateFunction|Array|Tuple|Nested)/

/** Of the rows with the same keys only these will be met. */
export type Kept =
  /** The one that arrived last. */
  | { kind: 'newest' }
  /** Those with so many of the largest values; of equal ones the later rows. */
  | { kind: 'largest'; by: Expr; versions: number }

/** What one side of a join of append streams has received since the query started, as far as it is still of use. */
export class JoinSide {
  /** The batch that was added last. */
  #seq = 0
  /** Rows that were left when they were looked through last. */
  #swept = 0

  private constructor(
    readonly pipe: Pipe,
    readonly from: RowsOf,
    readonly table: string,
    readonly number: number,
    /** The store's SQL that picks rows that are of use; undefined where all are, or the table sees to it. */
    readonly useful: string | undefined,
  ) {}

  /** `keys`: the side's join keys; those that are plain columns order the table. */
  static async create(pipe: Pipe, from: RowsOf, keys: Expr[], kept?: Kept): Promise<JoinSide> {
    const list = from.columns.map((c, i) => `c${i} ${c.type} COMMENT ${quoteString(c.name)}`).join(', ')
    const positions = (exprs: Expr[]) =>
      exprs
        .map((expr) => from.names.indexOf(from.nameOf(expr) ?? ''))
        .filter((at) => at >= 0 && !UNORDERED.test(from.columns[at]!.type))
        .map((at) => `c${at}`)
    const order = positions(keys)
    const isWhole = order.length === keys.length
    const [by] = kept?.kind === 'largest' ? positions([kept.by]) : []
    // Rows of the same keys give way to the last one by themselves.
    const replaces = isWhole && kept?.kind === 'newest'
    const sorted = replaces ? order : [...order, ...(by ? [by] : []), '_seq']
    const useful =
      isWhole && by && kept?.kind === 'largest'
        ? `ORDER BY ${by} DESC, ${ARRIVAL} DESC LIMIT ${kept.versions} BY ${order.join(', ')}`
        : undefined
    const number = pipe.nextOperator()
    const table = await pipe.table(
      `side${number}`,
      `(${list}, _seq UInt64, ${ARRIVAL} UInt64) ENGINE = ${replaces ? `ReplacingMergeTree(${ARRIVAL})` : 'MergeTree'} ORDER BY (${sorted.join(', ')}) ` +
        'SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1',
    )
    return new JoinSide(pipe, from, table, number, useful)
  }

  get operators(): Operator[] {
    return this.from.source.operators
  }

  /** Takes the batch's rows. False when it is known that there are none. */
  async add(batch: Batch): Promise<boolean> {
    this.#seq = batch.seq
    if (this.useful !== undefined && batch.seq % SWEEP_EVERY === 0) await this.#sweep(batch)
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

  /** Removes rows of earlier batches that will not be met any more, in the background. */
  async #sweep({ seq }: Batch): Promise<void> {
    const { chdb } = this.pipe.deps
    const [row] = await chdb.rows<[string]>(`SELECT count() FROM ${this.table}`)
    if (Number(row![0]) < 2 * this.#swept + SPARE_ROWS) return
    const useful = `SELECT ${ARRIVAL} FROM ${this.table} ${this.useful}`
    const [left] = await chdb.rows<[string]>(`SELECT count() FROM (${useful})`)
    this.#swept = Number(left![0])
    await chdb.run(
      `ALTER TABLE ${this.table} DELETE WHERE _seq < ${seq} AND ${ARRIVAL} NOT IN (${useful}) SETTINGS mutations_sync = 0`,
      { format: 'Null' },
    )
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
