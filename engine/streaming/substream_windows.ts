import type { Expr, Select } from '../../dialect/ast.js'
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import { AggregateState } from './aggregate_state.js'
import type { Backfill } from './backfill.js'
import type { EmitPolicy } from './emit.js'
import { Keep } from './keep.js'
import type { Batch, Delta, Operator, SavedState } from './operator.js'
import { type Pipe, rawTable } from './pipe.js'
import { OperatorSource } from './source.js'
import { SubstreamTimers } from './substream_timers.js'
import { withBothBounds } from './window_aggregate.js'
import { WINDOW_END, type WindowAssign } from './window_assign.js'

/** Batches between two removals of what is closed. */
const SWEEP_EVERY = 500
const TOKENS = 'SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1'

/**
 * GROUP BY over tumble or hop with PARTITION BY: every key has its own watermark, its own timeout and its own timer. The
 * largest event time of each key is in the table of marks, with when its last rows came and what a timeout has closed;
 * which windows a batch closes is written down before the marks move, so that a batch that is run again closes the same
 * ones.
 */
export class SubstreamWindows implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = false
  readonly byAppend = true
  readonly columns: OutputColumn[]
  /** When the next of the substreams with open windows times out. */
  #timeout: number | undefined

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
    /** Of EMIT PERIODIC. */
    readonly timers: SubstreamTimers | undefined,
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
      `(${define(names)}, top SimpleAggregateFunction(max, Int64), floor SimpleAggregateFunction(max, Int64), done SimpleAggregateFunction(max, Int64), at SimpleAggregateFunction(max, Int64)) ENGINE = AggregatingMergeTree ORDER BY (${names.join(', ')}) ${TOKENS}`,
    )
    const closing = await pipe.table(
      `closing${number}`,
      `(_wend Int64, ${define(state.keys)}, _seq UInt64, late Bool) ENGINE = MergeTree ORDER BY _seq ${TOKENS}`,
    )
    const order = state.split.keys
      .filter((key) => key.expr.kind === 'column' && key.expr.path.at(-1) === 'window_start')
      .map((key): Expr => ({ kind: 'raw', sql: key.name }))
    const input = await Keep.around(pipe, assign.child)
    const tables = { marks, closing }
    const timed = policy.kind !== 'window_close' && policy.periodMs > 0
    const timers = timed ? await SubstreamTimers.create(pipe, names, policy.periodMs) : undefined
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
      timers,
      sample,
    )
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const rows = await this.input.step(batch)
    const muted = this.backfill.running(batch)
    if (rows) await this.#add(batch, rows, muted)
    const timedOut = !muted && (await this.#timeOut(batch))
    if (muted) return undefined
    const condition = await this.#toShow(batch, rows !== undefined, timedOut)
    return condition === undefined ? undefined : this.state.answer(condition, this.order)
  }

  deadline(): number | undefined {
    const times = [this.#timeout, this.timers?.deadline()].filter((time) => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  save(): SavedState {
    return { timeout: this.#timeout, ...(this.timers ? { timers: this.timers.save() } : {}) }
  }

  load(state: SavedState): void {
    this.#timeout = state.timeout as number | undefined
    this.timers?.load((state.timers ?? {}) as SavedState)
  }

  /** Closed windows go now and then. */
  async settle(batch: Batch): Promise<void> {
    if (batch.seq % SWEEP_EVERY !== 0) return
    await this.state.forget(`${this.#identity} IN (${this.#over(batch.seq)})`)
    // What the removal before this one has dealt with.
    await this.pipe.deps.chdb.run(
      `ALTER TABLE ${this.tables.closing} DELETE WHERE _seq < ${batch.seq - SWEEP_EVERY} SETTINGS mutations_sync = 0`,
      { format: 'Null' },
    )
  }

  /** Takes the rows that are not late, closes the windows that they close, and moves the marks. */
  async #add(batch: Batch, rows: Delta, muted: boolean): Promise<void> {
    const windowed = this.assign.windowed(rows)
    const inTime = muted || this.backfill.ends(batch) ? windowed : this.#withoutLate(windowed)
    const fresh = await this.state.add(batch, [rawTable(inTime, this.alias)])
    if (fresh) await this.timers?.touch(batch, this.state.touches)
    if (!muted) await this.#close(batch, rows)
    const { names } = this
    await this.pipe.insertState(
      this.tables.marks,
      [...names, 'top', 'at'],
      `SELECT *, toInt64(${batch.now}) AS at FROM (${this.#tops(rows.sql)})`,
      `${batch.seq}:marks${this.number}`,
    )
  }

  /** The groups that speak now; undefined: none do. */
  async #toShow(batch: Batch, fresh: boolean, timedOut: boolean): Promise<string | undefined> {
    const { seq } = batch
    if (this.policy.kind === 'window_close') {
      return fresh || timedOut ? `${this.#identity} IN (${this.#closed(`_seq = ${seq}`)})` : undefined
    }
    const early = this.backfill.ends(batch)
    const { timers } = this
    // What a timeout closes is shown whenever that is.
    const closed = timedOut ? `${this.#identity} IN (${this.#closed(`_seq = ${seq} AND late`)})` : undefined
    if (!timers) {
      if (early) return `${this.#identity} NOT IN (${this.#closed(`_seq < ${seq}`)})`
      if (!fresh) return closed
      return `${this.state.touchedSince(seq - 1)} AND ${this.#identity} NOT IN (${this.#closed(`_seq < ${seq}`)})`
    }
    const due = timers.deadline()
    const speaks =
      (fresh || early || (due !== undefined && due <= batch.now)) && (await timers.speak(batch, early))
    if (!speaks) return closed
    const { state } = this
    const group = this.#identity
    const news =
      this.policy.kind === 'periodic'
        ? timers.speaking(seq)
        : `${group} IN (SELECT ${group} FROM ${timers.news(seq, state.touches)})`
    const open = `(${news} AND ${group} NOT IN (${this.#over(seq)}))`
    return closed === undefined ? open : `(${open} OR ${closed})`
  }

  /** Closes what is open of substreams that had no rows for too long. Whether there is any. */
  async #timeOut(batch: Batch): Promise<boolean> {
    const { timeoutMs } = this.policy
    if (timeoutMs === undefined) return false
    const { seq, now } = batch
    const late = `(SELECT * FROM ${this.#marks()} WHERE top >= floor AND at + ${timeoutMs} <= ${now})`
    const isDue = this.#timeout !== undefined && this.#timeout <= now
    if (isDue) {
      const identity = ['_wend', ...this.state.keys].map((name) => `s.${id(name)} AS ${id(name)}`).join(', ')
      const on = this.names.map((name) => `s.${id(name)} = m.${id(name)}`).join(' AND ')
      const names = this.names.map(id).join(', ')
      await this.pipe.insertState(
        this.tables.closing,
        ['_wend', ...this.state.keys, '_seq', 'late'],
        `SELECT DISTINCT ${identity}, ${seq} AS _seq, true AS late FROM ${this.state.stored()} AS s INNER JOIN ${late} AS m ON ${on} ` +
          `WHERE s._wend > ${this.#watermark('m')} AND s._wend > m.done`,
        `${seq}:late${this.number}`,
      )
      await this.pipe.insertState(
        this.tables.marks,
        [...this.names, 'top', 'floor', 'at', 'done'],
        `SELECT ${this.names.map((name) => `m.${id(name)}`).join(', ')}, m.top, m.top + 1, m.at, s.done FROM ${late} AS m LEFT JOIN ` +
          `(SELECT ${names}, max(_wend) AS done FROM ${this.tables.closing} WHERE _seq = ${seq} AND late GROUP BY ${names}) AS s ON ${on}`,
        `${seq}:floors${this.number}`,
      )
    }
    const [row] = await this.pipe.deps.chdb.rows<[string, string]>(
      `SELECT count(), min(at) FROM ${this.#marks()} WHERE top >= floor`,
    )
    this.#timeout = Number(row![0]) === 0 ? undefined : Number(row![1]) + timeoutMs
    return isDue
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
    return `(SELECT ${names}, max(top) AS top, max(floor) AS floor, max(done) AS done, max(at) AS at FROM ${this.tables.marks} GROUP BY ${names})`
  }

  /** Windows that are closed and were shown since. */
  #over(seq: number): string {
    if (!this.timers) return this.#closed(`_seq < ${seq}`)
    return `SELECT ${this.#identity} FROM ${this.timers.before(seq, this.tables.closing)}`
  }

  #withoutLate(windowed: Delta): Delta {
    const on = this.keys.map((k) => `${k.sql} = m.${id(k.name)}`).join(' AND ')
    const sql = `(SELECT w.* FROM ${windowed.sql} AS w LEFT JOIN ${this.#marks()} AS m ON ${on} WHERE m.top = 0 OR (w.__tp_time_us >= ${this.#watermark('m')} AND w.${WINDOW_END} > m.done))`
    return { sql, columns: windowed.columns }
  }

  /** Writes down which open windows the rows close. */
  async #close(batch: Batch, rows: Delta): Promise<void> {
    const join = (alias: string) =>
      this.names.map((name) => `s.${id(name)} = ${alias}.${id(name)}`).join(' AND ')
    const identity = ['_wend', ...this.state.keys].map((name) => `s.${id(name)} AS ${id(name)}`).join(', ')
    // What was held back while the past was read closes now.
    const before = this.backfill.ends(batch) ? 'toInt64(0)' : 'm.top'
    const reached = `greatest(${this.assign.sql.watermark('greatest(n.top, m.top)', this.policy.delayMs)}, m.floor)`
    const select =
      `SELECT DISTINCT ${identity}, ${batch.seq} AS _seq FROM ${this.state.stored()} AS s ` +
      `INNER JOIN (${this.#tops(rows.sql)}) AS n ON ${join('n')} LEFT JOIN ${this.#marks()} AS m ON ${join('m')} ` +
      `WHERE s._wend <= ${reached} AND s._wend > m.done AND (${before} = 0 OR s._wend > ${this.#watermark('m')})`
    const columns = ['_wend', ...this.state.keys, '_seq']
    await this.pipe.insertState(this.tables.closing, columns, select, `${batch.seq}:closing${this.number}`)
  }

  /** The watermark of a substream's marks. */
  #watermark(marks: string): string {
    return `greatest(${this.assign.sql.watermark(`${marks}.top`, this.policy.delayMs)}, ${marks}.floor)`
  }
}
