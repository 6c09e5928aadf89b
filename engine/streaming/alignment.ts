import type { Expr } from '../../dialect/ast.js'
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import type { Lag } from './lag_behind.js'
import type { Batch, Delta, Operator, SavedState, Semantic } from './operator.js'
import { type Pipe, rawTable, unwrap } from './pipe.js'
import { OperatorSource } from './source.js'
import { selectFrom } from './syntax.js'

/** Batches between two removals of rows that have been let through. */
const SWEEP_EVERY = 200

/** Rows of one append that wait. */
interface Chunk {
  seq: number
  /** The largest time up to here, in ms. */
  top: number
}

/**
 * The two sides of a join kept in step (`lag_behind`): a chunk of the left waits until the right side is ahead of it by
 * the lag, one of the right until the left side has come near it. Whoever has a memory of its own on its side of the
 * join, as the right of ASOF has, does not wait (Proton's JoinTransformWithAlignment).
 */
export class Alignment {
  #seq = 0
  /** Something was held back only because the other side went first. */
  #more = false

  constructor(
    readonly lag: Lag,
    readonly left: WaitingSide,
    readonly right: WaitingSide,
  ) {
    left.alignment = this
    right.alignment = this
  }

  /** Takes what the sides have, and lets through what may go. The right goes first, then the left, once a batch. */
  async step(batch: Batch): Promise<void> {
    if (this.#seq === batch.seq) return
    this.#seq = batch.seq
    const { left, right } = this
    for (const side of [right, left]) await side.take(batch)
    right.release(() => this.#rightMayGo(batch.now))
    left.release(() => this.#leftMayGo(batch.now))
    this.#more = this.#rightMayGo(batch.now) || this.#leftMayGo(batch.now)
  }

  #rightMayGo(now: number): boolean {
    const { left, right, lag } = this
    if (!right.waiting) return false
    return !right.waits || right.watermark <= left.watermark + lag.ms || this.#isQuiet(left, now)
  }

  #leftMayGo(now: number): boolean {
    const { left, right, lag } = this
    if (!left.waiting) return false
    return !left.waits || left.watermark + lag.ms < right.watermark || this.#isQuiet(right, now)
  }

  #isQuiet(side: WaitingSide, now: number): boolean {
    return now - side.lastAt >= this.lag.quiesceMs
  }

  deadline(): number | undefined {
    if (this.#more) return 0
    const times = [
      ...(this.left.waiting ? [this.right.lastAt + this.lag.quiesceMs] : []),
      ...(this.right.waiting ? [this.left.lastAt + this.lag.quiesceMs] : []),
    ]
    return times.length === 0 ? undefined : Math.min(...times)
  }

  save(): SavedState {
    return { more: this.#more }
  }

  load(state: SavedState): void {
    this.#seq = 0
    this.#more = (state.more as boolean | undefined) ?? false
  }
}

/** One side of an alignment: its rows, when they may go. */
export class WaitingSide implements Operator {
  readonly children: Operator[]
  readonly columns: OutputColumn[]
  readonly semantic: Semantic
  readonly costly = false
  readonly byAppend = true
  alignment: Alignment | undefined
  /** When rows came last. */
  lastAt: number
  #chunks: Chunk[] = []
  /** Of the chunk that went last. */
  #top = Number.NEGATIVE_INFINITY
  /** Batches whose rows go now. */
  #going: { from: number; to: number } | undefined

  private constructor(
    readonly pipe: Pipe,
    readonly child: Operator,
    readonly number: number,
    readonly table: string,
    /** The time of a row in ms, as the store's SQL; undefined: when it came. */
    readonly time: string | undefined,
    /** Whether its rows wait at all. */
    readonly waits: boolean,
  ) {
    this.children = [child]
    this.columns = child.columns
    this.semantic = child.semantic
    this.lastAt = pipe.clock.now()
  }

  static async create(
    pipe: Pipe,
    child: Operator,
    time: Expr | undefined,
    waits: boolean,
  ): Promise<WaitingSide> {
    const number = pipe.nextOperator()
    const types = await pipe.deps.chdb.describe(
      `SELECT ${child.columns.map((c) => id(c.name)).join(', ')} FROM (${unwrap(child.sample.sql)})`,
    )
    const list = types.map((c) => `${id(c.name)} ${c.type}`).join(', ')
    const table = await pipe.table(
      `waiting${number}`,
      `(${list}, _seq UInt64, _row UInt64) ENGINE = MergeTree ORDER BY (_seq, _row) SETTINGS non_replicated_deduplication_window = 1000`,
    )
    const millis =
      time && `toUnixTimestamp64Micro(CAST(${translateExpr(time, pipe.env)}, 'DateTime64(6)')) / 1000`
    return new WaitingSide(pipe, child, number, table, millis, waits)
  }

  get sample(): Delta {
    return this.child.sample
  }

  get waiting(): boolean {
    return this.#chunks.length > 0
  }

  /** Of the chunk that is to go next, or of the last one that went. */
  get watermark(): number {
    return this.#chunks[0]?.top ?? this.#top
  }

  /** Takes the batch's rows. */
  async take(batch: Batch): Promise<void> {
    this.#going = undefined
    const delta = await this.child.step(batch)
    if (!delta) return
    const names = this.columns.map((c) => id(c.name))
    await this.pipe.insertState(
      this.table,
      [...this.columns.map((c) => c.name), '_seq', '_row'],
      `SELECT ${names.join(', ')}, ${batch.seq}, rowNumberInAllBlocks() FROM ${delta.sql}`,
      `${batch.seq}:waiting${this.number}`,
    )
    const [row] = await this.pipe.deps.chdb.rows<[string, number]>(
      `SELECT count(), max(${this.time ?? batch.now}) FROM ${this.table} WHERE _seq = ${batch.seq}`,
    )
    if (Number(row![0]) === 0) return
    this.lastAt = batch.now
    const before = this.#chunks.at(-1)?.top ?? this.#top
    this.#chunks.push({ seq: batch.seq, top: Math.max(before, Number(row![1])) })
  }

  /** Lets chunks go as long as they may. */
  release(mayGo: () => boolean): void {
    while (mayGo()) {
      const { seq, top } = this.#chunks.shift()!
      this.#going = { from: this.#going?.from ?? seq, to: seq }
      this.#top = top
    }
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    await this.alignment!.step(batch)
    if (!this.#going) return undefined
    const { from, to } = this.#going
    const columns = this.columns.map((c) => c.name)
    return {
      sql: `(SELECT ${columns.map(id).join(', ')} FROM ${this.table} WHERE _seq >= ${from} AND _seq <= ${to} ORDER BY _seq, _row)`,
      columns,
    }
  }

  deadline(): number | undefined {
    return this.alignment!.deadline()
  }

  save(): SavedState {
    return {
      chunks: [...this.#chunks],
      top: Number.isFinite(this.#top) ? this.#top : undefined,
      lastAt: this.lastAt,
      alignment: this.alignment!.save(),
    }
  }

  load(state: SavedState): void {
    this.#chunks = [...((state.chunks ?? []) as Chunk[])]
    this.#top = (state.top as number | undefined) ?? Number.NEGATIVE_INFINITY
    this.lastAt = state.lastAt as number
    this.#going = undefined
    this.alignment!.load(state.alignment as SavedState)
  }

  async settle(batch: Batch): Promise<void> {
    if (batch.seq % SWEEP_EVERY !== 0) return
    const kept = this.#chunks[0]?.seq ?? batch.seq
    await this.pipe.deps.chdb.run(
      `ALTER TABLE ${this.table} DELETE WHERE _seq < ${kept} SETTINGS mutations_sync = 0`,
      { format: 'Null' },
    )
  }
}

/** Both sides of a join, aligned. Throws 997 where their times cannot be compared. */
export async function aligned(
  pipe: Pipe,
  lag: Lag,
  left: OperatorSource,
  right: OperatorSource,
  waits: { left: boolean; right: boolean },
): Promise<{ left: OperatorSource; right: OperatorSource }> {
  const times = lag.times && {
    left: { kind: 'column' as const, path: [columnIn(lag.times.left)] },
    right: { kind: 'column' as const, path: [columnIn(lag.times.right)] },
  }
  if (times) {
    const types = [
      await timeType(pipe, left.operator, times.left),
      await timeType(pipe, right.operator, times.right),
    ]
    if (types[0] !== types[1] || !types[0]!.startsWith('datetime')) {
      throw EngineError.withCode(
        997,
        'UNSUPPORTED',
        `The join alignment key type must be consistent datetime or datetime64, but got left=${types[0]} right=${types[1]}`,
      )
    }
  }
  const sides = {
    left: await WaitingSide.create(pipe, left.operator, times?.left, waits.left),
    right: await WaitingSide.create(pipe, right.operator, times?.right, waits.right),
  }
  new Alignment(lag, sides.left, sides.right)
  return {
    left: new OperatorSource(sides.left, left.alias),
    right: new OperatorSource(sides.right, right.alias),
  }
}

function columnIn(time: Expr): string {
  if (time.kind === 'column') return time.path.at(-1)!
  throw new EngineError(
    'NOT_IMPLEMENTED',
    'lag_behind takes columns, not expressions, in the embedded engine',
  )
}

async function timeType(pipe: Pipe, operator: Operator, time: Expr): Promise<string> {
  const { columns } = await pipe.describe(selectFrom(rawTable(operator.sample), [time]))
  return columns[0]!.type
}
