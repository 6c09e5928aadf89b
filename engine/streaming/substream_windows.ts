import type { Expr, Select } from '../../dialect/ast.js'
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import { AggregateState } from './aggregate_state.js'
import type { Backfill } from './backfill.js'
import type { EmitPolicy } from './emit.js'
import { Keep } from './keep.js'
import type { Batch, Delta, Operator } from './operator.js'
import { type Pipe, rawTable } from './pipe.js'
import { OperatorSource } from './source.js'
import { withBothBounds } from './window_aggregate.js'
import { WINDOW_END, type WindowAssign } from './window_assign.js'

/** Batches between two removals of what is closed. */
const SWEEP_EVERY = 500
const TOKENS = 'SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1'

/**
 * GROUP BY over tumble or hop with PARTITION BY: every key has its own watermark. The largest event time of
 * each key is in the table of marks; which windows a batch closes is written down before the marks move, so
 * that a batch that is run again closes the same ones.
 */
export class SubstreamWindows implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = false
  readonly byAppend = true
  readonly columns: OutputColumn[]

  private constructor(
    readonly pipe: Pipe,
    readonly number: number,
    readonly input: Operator,
    readonly assign: WindowAssign,
    readonly alias: string | undefined,
    readonly state: AggregateState,
    readonly policy: EmitPolicy,
    readonly backfill: Backfill,
    readonly order: Expr[],
    /** The substream's keys: over the rows, and their columns in the partials. */
    readonly keys: { sql: string; name: string }[],
    readonly tables: { marks: string; closing: string },
    readonly sample: Delta,
  ) {
    this.children = [input]
    this.columns = state.columns
  }

  static async create(
    pipe: Pipe,
    select: Select,
    assign: WindowAssign,
    alias: string | undefined,
    policy: EmitPolicy,
    backfill: Backfill,
  ): Promise<SubstreamWindows> {
    if (policy.kind !== 'window_close' || policy.timeoutMs !== undefined) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'PARTITION BY over windows is supported with EMIT AFTER WINDOW CLOSE only, without TIMEOUT',
      )
    }
    const number = pipe.nextOperator()
    const extras = [{ name: '_wend', sql: WINDOW_END, chType: 'Int64', key: true }]
    const source = new OperatorSource(assign, alias)
    const state = await AggregateState.create(pipe, number, withBothBounds(select), source, extras)
    const keys = (select.partitionBy ?? []).map((written) => {
      const known = state.split.keys.find(({ name }) => name === state.split.keyOf(written))!
      const key = known.expr
      const plain = key.kind === 'column' ? { ...key, path: key.path.slice(-1) } : key
      return { sql: translateExpr(plain, pipe.env), name: known.name }
    })
    const define = (names: string[]) => names.map((name) => `${id(name)} ${state.typeOf(name)}`).join(', ')
    const names = keys.map((k) => k.name)
    if (names.some((name) => state.typeOf(name).includes('Nullable('))) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'PARTITION BY of a nullable column over windows is not supported',
      )
    }
    const marks = await pipe.table(
      `marks${number}`,
      `(${define(names)}, top SimpleAggregateFunction(max, Int64)) ENGINE = AggregatingMergeTree ORDER BY (${names.join(', ')}) ${TOKENS}`,
    )
    const closing = await pipe.table(
      `closing${number}`,
      `(_wend Int64, ${define(state.keys)}, _seq UInt64) ENGINE = MergeTree ORDER BY _seq ${TOKENS}`,
    )
    const order = state.split.keys
      .filter((key) => key.expr.kind === 'column' && key.expr.path.at(-1) === 'window_start')
      .map((key): Expr => ({ kind: 'raw', sql: key.name }))
    const input = await Keep.around(pipe, assign.child)
    const tables = { marks, closing }
    const sample = await state.answer('0')
    return new SubstreamWindows(
      pipe,
      number,
      input,
      assign,
      alias,
      state,
      policy,
      backfill,
      order,
      keys,
      tables,
      sample,
    )
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const rows = await this.input.step(batch)
    if (!rows) return undefined
    const muted = this.backfill.running(batch)
    const windowed = this.assign.windowed(rows)
    const inTime = muted || this.backfill.ends(batch) ? windowed : this.#withoutLate(windowed)
    await this.state.add(batch, [rawTable(inTime, this.alias)])
    if (!muted) await this.#close(batch, rows)
    const { names } = this
    await this.pipe.insertState(
      this.tables.marks,
      [...names, 'top'],
      this.#tops(rows.sql),
      `${batch.seq}:marks${this.number}`,
    )
    if (muted) return undefined
    return this.state.answer(`${this.#identity} IN (${this.#closed(`_seq = ${batch.seq}`)})`, this.order)
  }

  /** Closed windows go now and then. */
  async settle(batch: Batch): Promise<void> {
    if (batch.seq % SWEEP_EVERY !== 0) return
    await this.state.forget(`${this.#identity} IN (${this.#closed(`_seq < ${batch.seq}`)})`)
    // What the removal before this one has dealt with.
    await this.pipe.deps.chdb.run(
      `ALTER TABLE ${this.tables.closing} DELETE WHERE _seq < ${batch.seq - SWEEP_EVERY} SETTINGS mutations_sync = 0`,
      { format: 'Null' },
    )
  }

  private get names(): string[] {
    return this.keys.map((k) => k.name)
  }

  get #identity(): string {
    return this.state.identity!
  }

  #closed(condition: string): string {
    return `SELECT ${this.#identity} FROM ${this.tables.closing} WHERE ${condition}`
  }

  /** The largest event time of each substream among the rows, in µs. */
  #tops(rows: string): string {
    const keys = this.keys.map((k) => `${k.sql} AS ${id(k.name)}`).join(', ')
    return `SELECT ${keys}, max(${this.assign.sql.micros}) AS top FROM ${rows} GROUP BY ${this.names.map(id).join(', ')}`
  }

  #marks(): string {
    const names = this.names.map(id).join(', ')
    return `(SELECT ${names}, max(top) AS top FROM ${this.tables.marks} GROUP BY ${names})`
  }

  #withoutLate(windowed: Delta): Delta {
    const on = this.keys.map((k) => `${k.sql} = m.${id(k.name)}`).join(' AND ')
    const sql = `(SELECT w.* FROM ${windowed.sql} AS w LEFT JOIN ${this.#marks()} AS m ON ${on} WHERE m.top = 0 OR w.__tp_time_us >= ${this.#watermark('m.top')})`
    return { sql, columns: windowed.columns }
  }

  /** Writes down which open windows the rows close. */
  async #close(batch: Batch, rows: Delta): Promise<void> {
    const join = (alias: string) =>
      this.names.map((name) => `s.${id(name)} = ${alias}.${id(name)}`).join(' AND ')
    const identity = ['_wend', ...this.state.keys].map((name) => `s.${id(name)} AS ${id(name)}`).join(', ')
    // What was held back while the past was read closes now.
    const before = this.backfill.ends(batch) ? 'toInt64(0)' : 'm.top'
    const select =
      `SELECT DISTINCT ${identity}, ${batch.seq} AS _seq FROM ${this.state.stored()} AS s ` +
      `INNER JOIN (${this.#tops(rows.sql)}) AS n ON ${join('n')} LEFT JOIN ${this.#marks()} AS m ON ${join('m')} ` +
      `WHERE s._wend <= ${this.#watermark('greatest(n.top, m.top)')} AND (${before} = 0 OR s._wend > ${this.#watermark(before)})`
    const columns = ['_wend', ...this.state.keys, '_seq']
    await this.pipe.insertState(this.tables.closing, columns, select, `${batch.seq}:closing${this.number}`)
  }

  #watermark(top: string): string {
    return this.assign.sql.watermark(top, this.policy.delayMs)
  }
}
