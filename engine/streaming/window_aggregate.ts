import type { Expr, Select } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { AggregateState } from './aggregate_state.js'
import type { Backfill } from './backfill.js'
import type { EmitPolicy } from './emit.js'
import { Keep } from './keep.js'
import type { Batch, Delta, Operator, SavedState, Source } from './operator.js'
import type { Pipe } from './pipe.js'
import { Ticker } from './ticker.js'
import type { WindowAssign } from './window_assign.js'

const BOUNDS = ['window_start', 'window_end']

/** Groups of closed windows that may lie around before they are removed. */
const CLOSED_SLACK = 50

/**
 * GROUP BY over windows of an append stream. The watermark follows the largest event time (less the delay);
 * rows before the watermark as it stood before their batch are late and dropped; a window closes when the
 * watermark reaches its end (DIALECT §3.1).
 */
export class WindowAggregate implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = false
  readonly byAppend = true
  readonly columns: OutputColumn[]
  readonly #ticker: Ticker
  /** µs; windows that end at or before it are closed. */
  #watermark: number | undefined
  /** What the watermark would be if the past were read through. */
  #reached: number | undefined
  /** The watermark as of the last emission of all open windows: what closed since is shown once more, complete. */
  #shown: number | undefined
  #max = 0
  /** Wall clock of the last rows, for EMIT TIMEOUT. */
  #lastRows: number | undefined
  #closedSince = 0

  private constructor(
    readonly input: Operator,
    readonly assign: WindowAssign,
    /** The FROM: the windows themselves, or what joins and subqueries make of them. */
    readonly source: Source,
    readonly state: AggregateState,
    readonly policy: EmitPolicy,
    readonly backfill: Backfill,
    readonly order: Expr[],
    readonly sample: Delta,
  ) {
    this.children = [input, ...source.operators]
    this.columns = state.columns
    this.#ticker = new Ticker(policy, state.pipe)
  }

  static async create(
    pipe: Pipe,
    select: Select,
    assign: WindowAssign,
    source: Source,
    policy: EmitPolicy,
    backfill: Backfill,
  ): Promise<WindowAggregate> {
    const operator = pipe.nextOperator()
    const input = await Keep.around(pipe, assign.child)
    assign.input = input
    const bounds = boundsOf(source)
    const extras = [{ name: '_wend', sql: endSql(bounds, assign), chType: 'Int64', key: true }]
    const state = await AggregateState.create(pipe, operator, withBothBounds(select, bounds), source, extras)
    const order = state.split.keys
      .filter((key) => key.expr.kind === 'column' && key.expr.path.at(-1) === 'window_start')
      .map((key): Expr => ({ kind: 'raw', sql: key.name }))
    const sample = await state.answer('0')
    return new WindowAggregate(input, assign, source, state, policy, backfill, order, sample)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const rows = await this.input.step(batch)
    if (await this.#add(batch, rows)) this.#ticker.touch(batch)
    switch (this.policy.kind) {
      case 'window_close':
        return this.#emitClosed(batch)
      case 'on_update':
        return this.#emitUpdated(batch)
      case 'periodic':
        return this.#emitPeriodic(batch)
    }
  }

  deadline(): number | undefined {
    const { timeoutMs } = this.policy
    const timeout =
      timeoutMs !== undefined && this.#lastRows !== undefined ? this.#lastRows + timeoutMs : undefined
    const tick = this.policy.kind === 'window_close' ? undefined : this.#ticker.deadline()
    const all = [timeout, tick].filter((time) => time !== undefined)
    return all.length === 0 ? undefined : Math.min(...all)
  }

  save(): SavedState {
    return {
      watermark: this.#watermark,
      reached: this.#reached,
      shown: this.#shown,
      max: this.#max,
      lastRows: this.#lastRows,
      closedSince: this.#closedSince,
      epoch: this.state.epoch,
      version: this.state.version,
      ticker: this.#ticker.save(),
    }
  }

  load(state: SavedState): void {
    this.#watermark = state.watermark as number | undefined
    this.#reached = state.reached as number | undefined
    this.#shown = state.shown as number | undefined
    this.#max = state.max as number
    this.#lastRows = state.lastRows as number | undefined
    this.#closedSince = state.closedSince as number
    this.state.epoch = state.epoch as number
    this.state.version = (state.version as number | undefined) ?? 0
    this.#ticker.load(state.ticker as SavedState)
  }

  /** Closed windows go when there are many of them; until then reads pass over them. */
  async settle(): Promise<void> {
    if (this.#closedSince < CLOSED_SLACK) return
    this.#closedSince = 0
    const gone = this.policy.kind === 'window_close' ? this.#watermark : this.#shown
    if (gone !== undefined) await this.state.forget(`_wend <= ${gone}`)
  }

  /** Adds the rows that are not late and moves the watermark on. Whether a group changed. */
  async #add(batch: Batch, rows: Delta | undefined): Promise<boolean> {
    const seen = rows && (await this.assign.seen(rows, this.policy.delayMs))
    this.assign.lateBefore = this.#watermark
    this.assign.feed(batch, rows)
    // Bound also without rows of its own: the other side of a join may have some.
    const fresh = await this.state.add(batch, await this.source.bind(batch))
    if (!seen) return fresh
    this.#max = Math.max(this.#max, seen.max)
    this.#reached = Math.max(this.#reached ?? seen.watermark, seen.watermark)
    // While the past is read nothing is late and nothing closes (emit_during_backfill = 0).
    if (!this.backfill.running(batch))
      this.#watermark = Math.max(this.#watermark ?? this.#reached, this.#reached)
    this.#lastRows = batch.now
    return fresh
  }

  async #emitClosed(batch: Batch): Promise<Delta | undefined> {
    if (this.#timedOut(batch)) return this.#closeAll()
    const watermark = this.#watermark
    if (watermark === undefined || watermark === this.#shown) return undefined
    const condition = `_wend <= ${watermark}${this.#since()}`
    this.#shown = watermark
    this.#closedSince++
    return this.state.emit(condition, this.order)
  }

  async #emitUpdated(batch: Batch): Promise<Delta | undefined> {
    const ticker = this.#ticker
    if (this.policy.periodMs === 0 ? !ticker.dirty : !ticker.due(batch.now, this.backfill.ends(batch))) {
      return this.#timedOut(batch) ? this.#closeAll() : undefined
    }
    const condition = this.state.touchedSince(ticker.emitted) + this.#since()
    ticker.tick(batch.seq, batch.now)
    this.#moveShown()
    return this.state.emit(condition, this.order)
  }

  async #emitPeriodic(batch: Batch): Promise<Delta | undefined> {
    if (this.backfill.running(batch)) return undefined
    if (!this.#ticker.due(batch.now, this.backfill.ends(batch))) return undefined
    const condition = `1${this.#since()}`
    this.#ticker.tick(batch.seq, batch.now)
    this.#moveShown()
    return this.state.emit(condition, this.order)
  }

  /** Windows that were closed and shown before are over. */
  #since(): string {
    return this.#shown === undefined ? '' : ` AND _wend > ${this.#shown}`
  }

  #moveShown(): void {
    if (this.#watermark !== this.#shown) this.#closedSince++
    this.#shown = this.#watermark
  }

  #timedOut(batch: Batch): boolean {
    const { timeoutMs } = this.policy
    if (timeoutMs === undefined || this.#lastRows === undefined) return false
    return Object.keys(batch.ranges).length === 0 && batch.now >= this.#lastRows + timeoutMs
  }

  /** EMIT TIMEOUT: what is open is shown and closed; later rows must be newer than all that was seen. */
  async #closeAll(): Promise<Delta | undefined> {
    const delta = await this.state.emit(`1${this.#since()}`, this.order)
    this.state.epoch++
    this.#watermark = Math.max(this.#watermark ?? 0, this.#max + 1)
    this.#shown = undefined
    this.#lastRows = undefined
    this.#ticker.dirty = false
    return delta
  }
}

/** The bounds of windows among the columns of a FROM. */
function boundsOf(source: Source): string[] {
  const names = new Set(source.operators.flatMap((operator) => operator.columns.map((c) => c.name)))
  return BOUNDS.filter((name) => names.has(name))
}

/** The end of a row's window in µs, from what the FROM shows of the window. */
function endSql(bounds: string[], assign: WindowAssign): string {
  return bounds.includes('window_end') ? assign.micros('window_end') : assign.endOf('window_start')
}

/**
 * A window has one start and one end, so whoever groups by one may use the other, where the FROM shows it.
 * Throws 2002.
 */
export function withBothBounds(select: Select, shown: string[] = BOUNDS): Select {
  const keys = select.groupBy ?? []
  const has = (name: string) => keys.some((key) => key.kind === 'column' && key.path.at(-1) === name)
  if (!BOUNDS.some(has)) {
    throw new EngineError(
      'WINDOW_COLUMN_NOT_REFERENCED',
      'Neither window_start nor window_end is referenced in the query, but streaming window function is used',
    )
  }
  const missing = shown.filter((name) => !has(name))
  return { ...select, groupBy: [...keys, ...missing.map((name): Expr => ({ kind: 'column', path: [name] }))] }
}
