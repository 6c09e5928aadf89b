import type { Expr, Select } from '../../dialect/ast.js'
import { quoteIdentifier as id, quoteString } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import { AggregateState } from './aggregate_state.js'
import type { EmitPolicy } from './emit.js'
import type { Batch, Delta, Operator, SavedState } from './operator.js'
import { type Pipe, rawTable, type Scratch } from './pipe.js'
import { assign, closeOpen, type Session, type SessionRules, type Substream } from './session.js'
import type { SessionAssign } from './session_assign.js'
import { OperatorSource } from './source.js'
import { withBothBounds } from './window_aggregate.js'

/** Closed sessions whose partials may lie around. */
const CLOSED_SLACK = 500

/**
 * GROUP BY over session windows. Which session a row belongs to depends on the rows before it, so that is
 * decided row by row here; the values are aggregated in the store by the number of the session.
 */
export class SessionAggregate implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = false
  readonly byAppend = true
  readonly columns: OutputColumn[]
  #substreams = new Map<string, Substream>()
  #lastId = 0
  #lastRows: number | undefined
  #closedSince = 0

  private constructor(
    readonly pipe: Pipe,
    readonly source: SessionAssign,
    readonly alias: string | undefined,
    readonly state: AggregateState,
    readonly policy: EmitPolicy,
    readonly scratch: Scratch,
    /** The substream of a row, as text. */
    readonly substream: string,
    readonly sample: Delta,
  ) {
    this.children = [source.child]
    this.columns = state.columns
  }

  static async create(
    pipe: Pipe,
    select: Select,
    source: SessionAssign,
    alias: string | undefined,
    policy: EmitPolicy,
  ): Promise<SessionAggregate> {
    if (policy.kind !== 'window_close') {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'EMIT PERIODIC and ON UPDATE over session windows are not supported',
      )
    }
    const number = pipe.nextOperator()
    const extras = [{ name: '_sid', sql: '__tp_session', chType: 'Int64', key: true }]
    const windowed = withBothBounds(select)
    const state = await AggregateState.create(
      pipe,
      number,
      windowed,
      new OperatorSource(source, alias),
      extras,
    )
    const scratch = await pipe.scratch(`rows_${number}`, numbered(source.child.sample))
    const keys = (select.partitionBy ?? []).map((key) => translateExpr(unqualified(key), pipe.env))
    const substream = keys.length === 0 ? "''" : `toString(tuple(${keys.join(', ')}))`
    return new SessionAggregate(
      pipe,
      source,
      alias,
      state,
      policy,
      scratch,
      substream,
      await state.answer('0'),
    )
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const closed: Session[] = []
    const rows = await this.source.child.step(batch)
    if (rows) await this.#add(batch, rows, closed)
    else if (this.#timedOut(batch)) {
      for (const substream of this.#substreams.values()) closeOpen(substream, closed)
      this.#lastRows = undefined
    }
    const shown = closed.filter((session) => session.start !== undefined)
    if (shown.length === 0) return undefined
    this.#closedSince += shown.length
    return this.#answer(shown)
  }

  deadline(): number | undefined {
    const { timeoutMs } = this.policy
    return timeoutMs === undefined || this.#lastRows === undefined ? undefined : this.#lastRows + timeoutMs
  }

  save(): SavedState {
    return {
      substreams: [...this.#substreams],
      lastId: this.#lastId,
      lastRows: this.#lastRows,
      version: this.state.version,
      closedSince: this.#closedSince,
    }
  }

  load(state: SavedState): void {
    // A copy: a batch that fails must not have changed what it is run again from.
    this.#substreams = new Map(structuredClone(state.substreams) as [string, Substream][])
    this.#lastId = state.lastId as number
    this.#lastRows = state.lastRows as number | undefined
    this.state.version = (state.version as number | undefined) ?? 0
    this.#closedSince = state.closedSince as number
  }

  /** Partials of closed sessions go when there are many of them. */
  async settle(): Promise<void> {
    if (this.#closedSince < CLOSED_SLACK) return
    this.#closedSince = 0
    const open = [...this.#substreams.values()].flatMap((s) => (s.session?.active ? [s.session.id] : []))
    const kept = open.length === 0 ? '' : ` AND _sid NOT IN (${open.join(', ')})`
    await this.state.forget(`(_sid <= ${this.#lastId}${kept})`)
  }

  /** WHERE comes before the sessions. */
  get #filter(): string {
    const { where, prewhere } = this.state.split.partial
    const terms = [where, prewhere].map((term) => (term?.kind === 'raw' ? `(${term.sql})` : undefined))
    return terms.filter((term) => term !== undefined).join(' AND ') || '1'
  }

  #timedOut(batch: Batch): boolean {
    const deadline = this.deadline()
    return deadline !== undefined && batch.now >= deadline
  }

  async #add(batch: Batch, rows: Delta, closed: Session[]): Promise<void> {
    const kept = await this.scratch.keep(numbered(rows))
    const { time, opens, closes } = this.source.sql
    const micros = `toUnixTimestamp64Micro(CAST(${time}, 'DateTime64(6)'))`
    const alias = this.alias === undefined ? '' : ` AS ${id(this.alias)}`
    const events = await this.pipe.deps.chdb.rows<[string, string, string, number, number, number]>(
      `SELECT __tp_row, ${this.substream}, ${micros}, toUInt8(${opens}), toUInt8(${closes}), toUInt8(${this.#filter}) FROM ${kept.sql}${alias} ORDER BY __tp_row`,
    )
    if (events.length === 0) return
    this.#lastRows = batch.now
    const rules: SessionRules = { ...this.source.rules, delay: this.policy.delayMs * 1000 }
    const pairs: string[] = []
    for (const [row, key, at, open, close, passes] of events) {
      let substream = this.#substreams.get(key)
      if (!substream) {
        substream = {}
        this.#substreams.set(key, substream)
      }
      if (Number(passes) === 0) {
        // Rows that WHERE drops are in no session, but their time has been seen.
        substream.seen = Math.max(substream.seen ?? 0, Number(at))
        continue
      }
      const event = { time: Number(at), opens: Number(open) === 1, closes: Number(close) === 1 }
      for (const session of assign(substream, event, rules, () => ++this.#lastId, closed))
        pairs.push(`${row}\t${session}`)
    }
    if (pairs.length === 0) return
    const table = inline('row UInt64, session Int64', pairs)
    const windowed = this.source.withWindows(
      { sql: kept.sql, columns: rows.columns },
      'a.session',
      ` INNER JOIN ${table} AS a ON r.__tp_row = a.row`,
    )
    await this.state.add(batch, [rawTable(windowed, this.alias)])
  }

  /** The partials of the sessions with their bounds in place of their number. */
  #answer(sessions: Session[]): Promise<Delta> {
    const lines = sessions.map((s) => `${s.id}\t${s.start}\t${s.end}`)
    const bounds = inline('sid Int64, bound_start Int64, bound_end Int64', lines)
    const type = quoteString(this.source.timeType)
    const columns = this.state.split.keys.map(({ name, expr }) => {
      const bound = expr.kind === 'column' ? expr.path.at(-1) : undefined
      if (bound !== 'window_start' && bound !== 'window_end') return `s.${id(name)} AS ${id(name)}`
      const micros = bound === 'window_start' ? 'b.bound_start' : 'b.bound_end'
      return `CAST(fromUnixTimestamp64Micro(${micros}), ${type}) AS ${id(name)}`
    })
    const states = this.state.split.states.map((name) => `s.${id(name)} AS ${id(name)}`)
    const partials = `(SELECT ${[...columns, ...states].join(', ')} FROM ${this.state.stored()} AS s INNER JOIN ${bounds} AS b ON s._sid = b.sid)`
    const order = this.state.split.keys
      .filter((key) => key.expr.kind === 'column' && key.expr.path.at(-1) === 'window_start')
      .map((key): Expr => ({ kind: 'raw', sql: key.name }))
    const delta = this.state.answerOver(partials, order)
    this.state.version++
    return delta
  }
}

/** Rows as a relation of the store. */
function inline(structure: string, lines: string[]): string {
  return `format(TSV, ${quoteString(structure)}, ${quoteString(lines.join('\n'))})`
}

function numbered(rows: Delta): Delta {
  return { sql: `(SELECT *, rowNumberInAllBlocks() AS __tp_row FROM ${rows.sql})`, columns: rows.columns }
}

/** PARTITION BY names columns of the windowed stream, maybe by its alias. */
function unqualified(key: Expr): Expr {
  return key.kind === 'column' ? { ...key, path: key.path.slice(-1) } : key
}
