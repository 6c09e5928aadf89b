import type { Expr, Select } from '../../dialect/ast.js'
import { quoteIdentifier as id, quoteString } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { translateExpr } from '../planner/index.js'
import { AggregateState } from './aggregate_state.js'
import type { EmitPolicy } from './emit.js'
import type { Batch, Delta, Operator, SavedState, Source } from './operator.js'
import type { Pipe, Scratch } from './pipe.js'
import { assign, closeOpen, type Session, type SessionRules, type Substream } from './session.js'
import type { SessionAssign } from './session_assign.js'
import { OperatorSource } from './source.js'
import { Ticker } from './ticker.js'
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
  /** Closed, and not shown yet. */
  #closed: Session[] = []
  /** Changed since the last emission. */
  #touched = new Set<number>()
  readonly #ticker: Ticker

  private constructor(
    readonly pipe: Pipe,
    readonly source: SessionAssign,
    /** The FROM: the sessions themselves, or what joins and subqueries make of them. */
    readonly from: Source,
    readonly state: AggregateState,
    readonly policy: EmitPolicy,
    readonly scratch: Scratch,
    /** The substream of a row, as text. */
    readonly substream: string,
    readonly sample: Delta,
  ) {
    this.children = [source.child, ...from.operators]
    this.columns = state.columns
    this.#ticker = new Ticker(policy, pipe)
  }

  static async create(
    pipe: Pipe,
    select: Select,
    source: SessionAssign,
    from: Source,
    policy: EmitPolicy,
  ): Promise<SessionAggregate> {
    const number = pipe.nextOperator()
    const extras = [{ name: '_sid', sql: '__tp_session', chType: 'Int64', key: true }]
    const windowed = withBothBounds(select)
    const state = await AggregateState.create(pipe, number, windowed, from, extras)
    const scratch = await pipe.scratch(`rows_${number}`, numbered(source.child.sample))
    const keys = (select.partitionBy ?? []).map((key) => translateExpr(unqualified(key), pipe.env))
    const substream = keys.length === 0 ? "''" : `toString(tuple(${keys.join(', ')}))`
    return new SessionAggregate(
      pipe,
      source,
      from,
      state,
      policy,
      scratch,
      substream,
      await state.answer('0'),
    )
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const closed: Session[] = []
    const owners = new Map<number, Substream>()
    const rows = await this.source.child.step(batch)
    const windowed = rows && (await this.#windowed(batch, rows, closed, owners))
    this.source.feed(batch, windowed)
    // Bound also without rows of its own: the other side of a join may have some.
    if (windowed || !this.#isDirect) await this.state.add(batch, await this.from.bind(batch))
    if (!rows && this.#timedOut(batch)) {
      for (const substream of this.#substreams.values())
        closing(substream, closed, owners, () => closeOpen(substream, closed))
      this.#lastRows = undefined
    }
    this.#closed.push(...closed.filter((session) => session.start !== undefined))
    this.#closedSince += closed.length
    if (windowed) this.#ticker.touch(batch)
    if (this.policy.kind !== 'window_close') {
      const immediate = this.policy.kind === 'on_update' && this.policy.periodMs === 0
      if (immediate ? !this.#ticker.dirty : !this.#ticker.due(batch.now, false)) return undefined
      this.#ticker.tick(batch.seq, batch.now)
    }
    const shown = [...this.#closed.splice(0), ...this.#openToShow(owners)]
    this.#touched.clear()
    return shown.length === 0 ? undefined : this.#emit(shown, owners)
  }

  /** Open sessions are shown before they close where EMIT says so: all of them, or those that changed. */
  #openToShow(owners: Map<number, Substream>): Session[] {
    if (this.policy.kind === 'window_close') return []
    const open: Session[] = []
    for (const substream of this.#substreams.values()) {
      const { session } = substream
      if (!session?.active || session.start === undefined) continue
      if (this.policy.kind === 'on_update' && !this.#touched.has(session.id)) continue
      owners.set(session.id, substream)
      open.push(session)
    }
    return open
  }

  deadline(): number | undefined {
    const tick = this.policy.kind === 'window_close' ? undefined : this.#ticker.deadline()
    const all = [this.#timeout(), tick].filter((time) => time !== undefined)
    return all.length === 0 ? undefined : Math.min(...all)
  }

  #timeout(): number | undefined {
    const { timeoutMs } = this.policy
    return timeoutMs === undefined || this.#lastRows === undefined ? undefined : this.#lastRows + timeoutMs
  }

  save(): SavedState {
    return {
      substreams: [...this.#substreams],
      lastId: this.#lastId,
      lastRows: this.#lastRows,
      closedSince: this.#closedSince,
      closed: this.#closed,
      touched: [...this.#touched],
      ticker: this.#ticker.save(),
    }
  }

  load(state: SavedState): void {
    // A copy: a batch that fails must not have changed what it is run again from.
    this.#substreams = new Map(structuredClone(state.substreams) as [string, Substream][])
    this.#lastId = state.lastId as number
    this.#lastRows = state.lastRows as number | undefined
    this.#closedSince = state.closedSince as number
    this.#closed = structuredClone((state.closed ?? []) as Session[])
    this.#touched = new Set((state.touched ?? []) as number[])
    if (state.ticker) this.#ticker.load(state.ticker as SavedState)
  }

  /** Partials of closed sessions go when there are many of them. */
  async settle(): Promise<void> {
    if (this.#closedSince < CLOSED_SLACK) return
    this.#closedSince = 0
    const open = [...this.#substreams.values()].flatMap((s) => (s.session?.active ? [s.session.id] : []))
    open.push(...this.#closed.map((session) => session.id))
    const kept = open.length === 0 ? '' : ` AND _sid NOT IN (${open.join(', ')})`
    await this.state.forget(`(_sid <= ${this.#lastId}${kept})`)
  }

  /** WHERE comes before the sessions. */
  get #filter(): string {
    // Of a join, what is not on this side is left to the aggregation.
    if (!this.#isDirect) return '1'
    const { where, prewhere } = this.state.split.partial
    const terms = [where, prewhere].map((term) => (term?.kind === 'raw' ? `(${term.sql})` : undefined))
    return terms.filter((term) => term !== undefined).join(' AND ') || '1'
  }

  #timedOut(batch: Batch): boolean {
    const deadline = this.#timeout()
    return deadline !== undefined && batch.now >= deadline
  }

  get #isDirect(): boolean {
    return this.from.operators[0] === this.source
  }

  /** The rows with their sessions; undefined where no row is in one. */
  async #windowed(
    batch: Batch,
    rows: Delta,
    closed: Session[],
    owners: Map<number, Substream>,
  ): Promise<Delta | undefined> {
    const kept = await this.scratch.keep(numbered(rows))
    const { time, opens, closes } = this.source.sql
    const micros = `toUnixTimestamp64Micro(CAST(${time}, 'DateTime64(6)'))`
    const name = this.from instanceof OperatorSource ? this.from.alias : undefined
    const alias = name === undefined ? '' : ` AS ${id(name)}`
    const events = await this.pipe.deps.chdb.rows<[string, string, string, number, number, number]>(
      `SELECT __tp_row, ${this.substream}, ${micros}, toUInt8(${opens}), toUInt8(${closes}), toUInt8(${this.#filter}) FROM ${kept.sql}${alias} ORDER BY __tp_row`,
    )
    if (events.length === 0) return undefined
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
      const owner = substream
      closing(owner, closed, owners, () => {
        for (const session of assign(owner, event, rules, () => ++this.#lastId, closed)) {
          pairs.push(`${row}\t${session}`)
          this.#touched.add(session)
        }
      })
    }
    if (pairs.length === 0) return undefined
    const table = inline('row UInt64, session Int64', pairs)
    return this.source.withWindows(
      { sql: kept.sql, columns: rows.columns },
      'a.session',
      ` INNER JOIN ${table} AS a ON r.__tp_row = a.row`,
    )
  }

  /** Each substream counts its own emissions. */
  async #emit(sessions: Session[], owners: Map<number, Substream>): Promise<Delta> {
    const byVersion = new Map<number, Session[]>()
    for (const session of sessions) {
      const version = owners.get(session.id)?.emissions ?? 0
      byVersion.set(version, [...(byVersion.get(version) ?? []), session])
    }
    for (const owner of new Set(sessions.map((session) => owners.get(session.id)))) {
      if (owner) owner.emissions = (owner.emissions ?? 0) + 1
    }
    const parts: Delta[] = []
    for (const [version, group] of byVersion) {
      this.state.version = version
      parts.push(await this.#answer(group))
    }
    if (parts.length === 1) return parts[0]!
    const sql = `(${parts.map((part) => `SELECT * FROM ${part.sql}`).join(' UNION ALL ')})`
    return { sql, columns: parts[0]!.columns }
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
    return this.state.answerOver(partials, order)
  }
}

/** Notes whose the sessions are that `body` closes. */
function closing(
  substream: Substream,
  closed: Session[],
  owners: Map<number, Substream>,
  body: () => void,
): void {
  const before = closed.length
  body()
  for (const session of closed.slice(before)) owners.set(session.id, substream)
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
