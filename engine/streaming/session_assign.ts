import type { Expr, IntervalLiteral, TableFunction } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import type { Batch, Delta, Operator, Semantic } from './operator.js'
import type { Pipe } from './pipe.js'
import type { SessionRules } from './session.js'
import { intervalMs } from './syntax.js'
import { writtenWindow } from './window_assign.js'

/** A session may last this many idle times unless its size is given. */
const DEFAULT_MAX_FACTOR = 5

interface SessionArguments {
  time: Expr
  idle: IntervalLiteral
  max?: IntervalLiteral
  start?: Expr
  end?: Expr
  startIncluded: boolean
  endIncluded: boolean
}

/**
 * `session(…)` over a stream. Its rows get their windows in the aggregation, since a window's bounds are only
 * known when it closes; until then `window_start` and `window_end` have their type and nothing more.
 */
export class SessionAssign implements Operator {
  readonly children: Operator[]
  readonly semantic: Semantic
  readonly costly: boolean
  readonly columns: OutputColumn[]
  #fed: { seq: number; rows: Delta | undefined } | undefined

  private constructor(
    readonly child: Operator,
    readonly timeType: string,
    /** The function as it is written. */
    readonly written: string,
    readonly rules: Omit<SessionRules, 'delay'>,
    /** The store's SQL over the child's rows. */
    readonly sql: { time: string; opens: string; closes: string },
    bound: { type: string; chType: string },
  ) {
    this.children = [child]
    this.semantic = child.semantic
    this.costly = child.costly
    this.columns = [
      ...child.columns.filter((c) => c.name !== 'window_start' && c.name !== 'window_end'),
      { name: 'window_start', ...bound },
      { name: 'window_end', ...bound },
    ]
  }

  static async create(pipe: Pipe, child: Operator, table: TableFunction): Promise<SessionAssign> {
    const args = sessionArguments(table)
    const from = { kind: 'raw_table' as const, ...child.sample }
    const { columns } = await pipe.describe({ kind: 'select', with: [], columns: [args.time], from })
    const { type, chType } = columns[0]!
    const precision = /^DateTime64\((\d)/.exec(chType)?.[1] ?? (/^DateTime\b/.test(chType) ? '0' : undefined)
    if (precision === undefined || Number(precision) > 6) {
      throw new EngineError(
        'ILLEGAL_TYPE_OF_ARGUMENT',
        `Illegal type ${type} of the time column of function session. Should be datetime or datetime64 up to microseconds`,
      )
    }
    const idle = intervalMs(args.idle) * 1000
    const max = args.max ? intervalMs(args.max) * 1000 : idle * DEFAULT_MAX_FACTOR
    if (idle <= 0 || max <= 0)
      throw new EngineError('BAD_ARGUMENTS', 'The times of a session must be positive')
    const { startIncluded, endIncluded } = args
    const rules = { idle, max, unit: 10 ** (6 - Number(precision)), startIncluded, endIncluded }
    const sql = {
      time: translateExpr(args.time, pipe.env),
      opens: args.start ? translateExpr(args.start, pipe.env) : '1',
      closes: args.end ? translateExpr(args.end, pipe.env) : '0',
    }
    return new SessionAssign(child, chType, writtenWindow(table), rules, sql, { type, chType })
  }

  get sample(): Delta {
    return this.withWindows(this.child.sample, '0', '')
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    if (this.#fed?.seq === batch.seq) return this.#fed.rows
    throw new EngineError('NOT_IMPLEMENTED', 'A session window without aggregation is not supported')
  }

  /** The batch's rows with their sessions, found by the aggregation. */
  feed(batch: Batch, rows: Delta | undefined): void {
    this.#fed = { seq: batch.seq, rows }
  }

  /** Rows with the number of their session where the bounds will be. */
  withWindows(rows: Delta, session: string, join: string): Delta {
    const nested = rows.columns.filter((name) => name === 'window_start' || name === 'window_end')
    const star = nested.length === 0 ? 'r.*' : `r.* EXCEPT (${nested.join(', ')})`
    const bound = `CAST(${session} AS ${this.timeType})`
    return {
      sql: `(SELECT ${star}, ${bound} AS window_start, ${bound} AS window_end, toInt64(${session}) AS __tp_session FROM ${rows.sql} AS r${join})`,
      columns: this.columns.map((c) => c.name),
    }
  }
}

/** `session(src, [ts,] idle [, max] [, start, end])`, the conditions in brackets or bare. */
function sessionArguments(table: TableFunction): SessionArguments {
  const result: Partial<SessionArguments> = {
    time: { kind: 'column', path: ['_tp_time'] },
    startIncluded: true,
    endIncluded: true,
  }
  const conditions: Expr[] = []
  for (const arg of table.args.slice(1)) {
    if (arg.kind === 'table_arg') continue
    if (arg.kind === 'session_range') {
      conditions.push(arg.start, arg.end)
      result.startIncluded = arg.startInclusive
      result.endIncluded = arg.endInclusive
    } else if (arg.kind === 'interval') {
      if (result.idle) result.max = arg
      else result.idle = arg
    } else if (!result.idle) result.time = arg
    else conditions.push(arg)
  }
  if (!result.idle || (conditions.length !== 0 && conditions.length !== 2)) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      'Function session needs a timeout such as 5s, and takes a start and an end condition',
    )
  }
  return { ...result, start: conditions[0], end: conditions[1] } as SessionArguments
}
