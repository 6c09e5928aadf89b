import type { IntervalLiteral, TableFunction } from '../../dialect/ast.js'
import { printExpr } from '../../dialect/index.js'
import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { checkWindowTime, translateExpr, windowArguments } from '../planner/index.js'
import type { Batch, Delta, Operator, Semantic } from './operator.js'
import type { Pipe } from './pipe.js'

/** Event time of a row in µs since the epoch, as windows are compared. */
export const TIME = '__tp_time_us'
/** End of a row's window in µs since the epoch. */
export const WINDOW_END = '__tp_window_end_us'

const BOUNDS = ['window_start', 'window_end']

/** What has been seen of a batch: the largest event time, and the watermark that it means. In µs. */
export interface SeenTime {
  max: number
  watermark: number
}

/** `tumble` and `hop` over a stream: every row with each of its windows. */
export class WindowAssign implements Operator {
  readonly children: Operator[]
  readonly semantic: Semantic
  readonly columns: OutputColumn[]
  readonly costly: boolean
  /** Rows before this event time are late. Set by the aggregation before each batch. */
  lateBefore: number | undefined
  /** The child, or what keeps its rows for two readers. */
  input: Operator
  #fed: { seq: number; rows: Delta | undefined } | undefined

  private constructor(
    readonly pipe: Pipe,
    readonly child: Operator,
    readonly sql: WindowSql,
    /** The function as it is written. */
    readonly written: string,
    bound: { type: string; chType: string },
  ) {
    this.children = [child]
    this.input = child
    this.semantic = child.semantic
    this.costly = child.costly
    const own = child.columns.filter((c) => !BOUNDS.includes(c.name))
    this.columns = [...own, ...BOUNDS.map((name) => ({ name, ...bound }))]
  }

  static async create(pipe: Pipe, child: Operator, table: TableFunction): Promise<WindowAssign> {
    const window = windowArguments(table)
    const time = translateExpr(window.time, pipe.env)
    const described = await pipe.describe({
      kind: 'select',
      with: [],
      columns: [window.time],
      from: { kind: 'raw_table', ...child.sample },
    })
    const { type, chType } = described.columns[0]!
    checkWindowTime(table.name, chType, window)
    const hop = table.name.toLowerCase() === 'hop'
    const [slide, size] = hop ? window.intervals : [window.intervals[0], window.intervals[0]]
    const sql = new WindowSql(time, chType, slide!, size!, window.timezone)
    return new WindowAssign(pipe, child, sql, writtenWindow(table), { type, chType })
  }

  get sample(): Delta {
    return this.windowed(this.child.sample)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const delta = this.#fed?.seq === batch.seq ? this.#fed.rows : await this.input.step(batch)
    return delta && this.windowed(delta)
  }

  /** The child's rows of a batch, by who has read them already. */
  feed(batch: Batch, rows: Delta | undefined): void {
    this.#fed = { seq: batch.seq, rows }
  }

  /** µs since the epoch of a bound. */
  micros(bound: string): string {
    return micros(bound)
  }

  /** End in µs of the window with a start. */
  endOf(start: string): string {
    return micros(this.sql.end(start))
  }

  /** Looks at the event times of the batch's rows, late ones included. */
  async seen(rows: Delta, delayMs: number): Promise<SeenTime | undefined> {
    const [row] = await this.pipe.deps.chdb.rows<[string, string, string]>(
      `SELECT n, ${micros('t')}, ${micros(this.sql.floor('t', delayMs))} FROM (SELECT count() AS n, max(${this.sql.time}) AS t FROM ${rows.sql})`,
    )
    if (Number(row![0]) === 0) return undefined
    return { max: Number(row![1]), watermark: Number(row![2]) }
  }

  /** Each row that is not late, once per window. */
  windowed(rows: Delta): Delta {
    const late = this.lateBefore === undefined ? '' : ` WHERE ${micros(this.sql.time)} >= ${this.lateBefore}`
    const nested = rows.columns.filter((name) => BOUNDS.includes(name))
    const star = nested.length === 0 ? '*' : `* EXCEPT (${nested.join(', ')})`
    const sql = `(${this.sql.windows(star, rows.sql, late)})`
    if (this.pipe.ordered.has(rows.sql)) this.pipe.ordered.add(sql)
    return { sql, columns: this.columns.map((c) => c.name) }
  }
}

/** `tumble(ts, 5s)`: the function without what it reads. */
export function writtenWindow(table: TableFunction): string {
  const args = table.args.flatMap((arg) =>
    arg.kind === 'table_arg' || arg.kind === 'session_range' ? [] : [printExpr(arg)],
  )
  return `${table.name.toLowerCase()}(${args.join(', ')})`
}

/** The arithmetic of windows in the store's SQL. Bounds have the type of the time. */
class WindowSql {
  readonly #zone: string
  readonly #isHop: boolean

  constructor(
    readonly time: string,
    readonly chType: string,
    readonly slide: IntervalLiteral,
    readonly size: IntervalLiteral,
    timezone: string | undefined,
  ) {
    this.#zone = timezone === undefined ? '' : `, ${quoteString(timezone)}`
    this.#isHop = slide !== size
    if (this.#isHop && slide.unit !== size.unit) {
      throw new EngineError('BAD_ARGUMENTS', 'The slide and the size of hop must have the same unit')
    }
    if (count(slide) <= 0 || count(size) < count(slide)) {
      throw new EngineError(
        'BAD_ARGUMENTS',
        'A window needs a positive size, and a slide that is not larger than it',
      )
    }
  }

  /** SELECT of the rows that are not late, once per window. */
  windows(star: string, rows: string, late: string): string {
    const start = this.#start(this.time)
    const bounds = (s: string, from: string) =>
      `SELECT *, ${micros('window_end')} AS ${WINDOW_END} FROM (SELECT ${s} + ${interval(this.size)} AS window_end, * FROM ${from})`
    const withStart = this.#isHop
      ? `(SELECT ${star}, ${micros(this.time)} AS ${TIME}, CAST(${start} - ${unit(this.slide)}(${count(this.slide)} * arrayJoin(range(${Math.ceil(count(this.size) / count(this.slide))}))), ${quoteString(this.chType)}) AS window_start FROM ${rows}${late})`
      : `(SELECT ${star}, ${micros(this.time)} AS ${TIME}, ${start} AS window_start FROM ${rows}${late})`
    const all = bounds(quoteIdentifier('window_start'), withStart)
    return this.#isHop ? `SELECT * FROM (${all}) WHERE ${WINDOW_END} > ${TIME}` : all
  }

  /** The watermark that an event time means: no window that ends at or before it gets rows any more. */
  floor(time: string, delayMs: number): string {
    const delayed = `${this.#precise(time)} - toIntervalMillisecond(${delayMs})`
    if (!this.#isHop) return this.#start(delayed)
    return `${this.#start(`${delayed} - ${interval(this.size)}`)} + ${interval(this.size)}`
  }

  end(start: string): string {
    return `${start} + ${interval(this.size)}`
  }

  /** The event time in µs. */
  get micros(): string {
    return micros(this.time)
  }

  /** The watermark in µs that a largest event time in µs means. */
  watermark(top: string, delayMs: number): string {
    return micros(this.floor(`CAST(fromUnixTimestamp64Micro(${top}), ${quoteString(this.chType)})`, delayMs))
  }

  /** toStartOfInterval gives DateTime for whole seconds; a bound has the type of the time. */
  #start(time: string): string {
    return `CAST(toStartOfInterval(${time}, ${interval(this.slide)}${this.#zone}), ${quoteString(this.chType)})`
  }

  /** With room for milliseconds, in the time's own zone. */
  #precise(time: string): string {
    const zone = /'[^']*'/.exec(this.chType)?.[0]
    return `CAST(${time}, ${quoteString(`DateTime64(6${zone === undefined ? '' : `, ${zone}`})`)})`
  }
}

function micros(time: string): string {
  return `toUnixTimestamp64Micro(CAST(${time}, 'DateTime64(6)'))`
}

function count(interval: IntervalLiteral): number {
  const { value } = interval
  if (value.kind === 'literal' && value.type === 'number') return Number(value.text)
  throw new EngineError('BAD_ARGUMENTS', 'The size of a window must be a positive number of units')
}

function unit(literal: IntervalLiteral): string {
  return `toInterval${literal.unit[0]!.toUpperCase()}${literal.unit.slice(1)}`
}

function interval(literal: IntervalLiteral): string {
  return `${unit(literal)}(${count(literal)})`
}
