import { quoteIdentifier } from '../chdb/pool.js'
import type { Column, Inbox, OutputColumn, Relation, StreamObject } from '../contracts.js'
import { SHOWN_SN } from '../storage/tables.js'
import { VIRTUAL_COLUMNS } from './bounded.js'
import {
  type Batch,
  DELTA,
  type Delta,
  type Operator,
  ORIGIN,
  type Range,
  type SavedState,
  type Semantic,
} from './operator.js'
import type { Pipe } from './pipe.js'
import type { Replay } from './replay.js'

/** Rows of a snapshot that one batch takes at most. */
const SNAPSHOT_ROWS = 100_000

/** Waiting appends that are still read one by one where the bounds of appends matter. */
const MAX_APPENDS = 16

/** Where a scan begins. */
export type Start =
  /** Rows after this sequence number. */
  | { kind: 'after'; sn: number }
  /** The current rows of a keyed stream as of this number, then what follows. */
  | { kind: 'snapshot'; sn: number }

export interface ScanOptions {
  /** The rows are a private copy of what comes from outside. */
  inbox?: Inbox
  /** Declared columns of the external stream. */
  columns?: Column[]
  /** A condition of the store on each row, beyond the query's own. */
  filter?: string
  /** Deletions of keys are shown too, with `_tp_delta` -1 although the stream has no such column. */
  deletions?: boolean
  /** Every row is taken for a fact, whatever the stream's mode (`enforce_append_only`). */
  facts?: boolean
  /** How the past is read. */
  replay?: Replay
}

/** Rows that an inbox may keep behind what is processed. */
const INBOX_SLACK = 100_000

/**
 * Reads one stream: an append stream from a position on, a keyed stream's current rows and then its changes.
 * Current rows come in the order of their keys, all others in that of their arrival.
 */
export class Scan implements Operator {
  readonly children: Operator[] = []
  readonly costly = false
  readonly oneForOne = true
  readonly columns: OutputColumn[]
  readonly semantic: Semantic
  /** Last sequence number that went into a batch. */
  position: number
  /** Up to here rows stood when the query started. */
  past = 0
  /** Until its past is read, only scans that lead are read. */
  leads = false
  /** Up to here the current rows are read, not the history. */
  #snapshotUntil: number
  #filter: string | undefined
  #trimmed = 0
  /** When the next rows of a replay come. */
  #due: number | undefined
  /** The batch that is run again read an inbox that is gone. */
  #lost = false
  readonly #begin: Start

  constructor(
    readonly pipe: Pipe,
    /** Its number among the query's scans. */
    readonly id: number,
    readonly stream: StreamObject,
    start: Start,
    /** Name in plans and status: the source as the query names it. */
    readonly label: string,
    readonly options: ScanOptions = {},
  ) {
    const starred = new Set((options.inbox?.slice(0, 0) ?? pipe.deps.store.slice(stream, 0, 0)).columns)
    this.columns = (options.columns ?? stream.columns)
      .filter((c) => starred.has(c.name))
      .map(({ name, type, chType }) => ({ name, type, chType }))
    this.#filter = options.filter
    const own = hasDelta(stream) ? 'changelog' : isKeyed(stream) ? 'keyed' : 'append'
    this.semantic = options.facts ? 'append' : own
    this.#begin = start
    this.position = start.kind === 'after' ? start.sn : 0
    this.#snapshotUntil = start.kind === 'snapshot' ? start.sn : 0
  }

  /** What it reads, and from where on. */
  get described(): string {
    const { inbox, replay } = this.options
    if (inbox) return `${this.label}: rows from outside`
    const { database, name } = this.stream.owner
      ? { ...this.stream.name, name: this.label }
      : this.stream.name
    const begin = replay
      ? `replayed at speed ${replay.speed}`
      : this.#begin.kind === 'snapshot'
        ? 'current rows, then new ones'
        : this.#begin.sn >= this.past
          ? 'new rows'
          : this.#begin.sn === 0
            ? 'from the earliest row'
            : `from sequence number ${this.#begin.sn}`
    return `${database}.${name}: ${this.stream.mode}, ${begin}`
  }

  get available(): number {
    return this.pipe.deps.store.lastSn(this.stream)
  }

  /** Whether all that its source holds, also outside, went into batches. */
  get upToDate(): boolean {
    return this.unread === 0 && this.position >= this.available
  }

  /** Rows that are known to be outside and have not come yet. */
  get unread(): number {
    const partitions = this.options.inbox?.lag() ?? []
    return partitions.reduce((sum, { consumed, end }) => sum + Math.max(0, end - consumed), 0)
  }

  get sample(): Delta {
    return this.#relation({ from: 0, to: 0 })
  }

  /** Nothing will ever come any more. */
  get ended(): boolean {
    const { inbox, replay } = this.options
    if (replay) return replay.ends && this.position >= replay.until
    return inbox?.total !== undefined && this.position >= inbox.total
  }

  /** The `seek_to` with which another query goes on behind the last batch; undefined within a snapshot. */
  async seekTo(): Promise<string | undefined> {
    if (this.options.inbox) return this.options.inbox.seekTo(this.position)
    if (this.position < this.#snapshotUntil) return undefined
    // A plain number would hold for each shard.
    return this.stream.shards > 1 ? `${this.position} rows` : String(this.position)
  }

  /**
   * The next rows to read, at most `limit`; undefined when there are none. `byAppend`: not more than one append
   * brought, unless many wait.
   */
  async cut(limit: number, byAppend = false): Promise<Range | undefined> {
    const from = this.position
    const { replay } = this.options
    this.#due = undefined
    if (replay && from < replay.until) return this.#replayed(replay, limit)
    if (this.ended) return undefined
    if (from < this.#snapshotUntil) {
      const current = this.pipe.deps.store.current(this.stream)
      const rows = Math.max(limit, SNAPSHOT_ROWS)
      // Where one batch can take all of it, the upper bound is the snapshot's, though its last rows may be gone.
      const [row] = await this.pipe.deps.chdb.rows<[string, string]>(
        `SELECT count(), max(_tp_sn) FROM (SELECT _tp_sn FROM ${current.sql} WHERE _tp_sn > ${from} ` +
          `AND _tp_sn <= ${this.#snapshotUntil} ORDER BY _tp_sn LIMIT ${rows})`,
      )
      const to = Number(row![0]) < rows ? this.#snapshotUntil : Number(row![1])
      return { from, to, snapshot: true }
    }
    const appends = byAppend ? this.pipe.deps.store.appendsAfter(this.stream, from) : undefined
    const end = appends && appends.length <= MAX_APPENDS ? appends[0] : undefined
    const to = Math.min(from + limit, end ?? this.available)
    return to > from ? { from, to } : undefined
  }

  async #replayed(replay: Replay, limit: number): Promise<Range | undefined> {
    const from = this.position
    const { to, time, due } = (await replay.next(from))!
    if (due > this.pipe.clock.now()) {
      this.#due = due
      return undefined
    }
    return {
      from,
      to: Math.min(to, from + limit),
      ...(time === undefined ? {} : { replayed: { time, due } }),
    }
  }

  /** A replay pauses until then. */
  get pausesUntil(): number | undefined {
    return this.#due
  }

  async step(batch: Batch, wanted?: ReadonlySet<string>): Promise<Delta | undefined> {
    const range = batch.ranges[this.id]
    return range && !this.#lost ? this.#relation(range, wanted) : undefined
  }

  /** How many rows a batch had, asked after it was read: they are numbered without gaps, unless some were removed or not all are shown. */
  count(batch: Batch): number | undefined {
    const range = batch.ranges[this.id]
    if (!range) return 0
    if (this.options.inbox || this.#filter !== undefined || range.snapshot || isKeyed(this.stream))
      return undefined
    return this.pipe.deps.store.isWhole(this.stream, range.from) ? range.to - range.from : undefined
  }

  origin(batch: Batch, column: string): string | undefined {
    if (!this.columns.some((c) => c.name === column)) return undefined
    const range = batch.ranges[this.id] ?? { from: 0, to: 0 }
    const { sql } = this.#rows(range, new Set([column]), false)
    return `(SELECT ${quoteIdentifier(column)} AS ${ORIGIN} FROM ${sql})`
  }

  advance(batch: Batch): void {
    const range = batch.ranges[this.id]
    if (range && !this.#lost) this.position = range.to
    if (range?.replayed) this.options.replay?.passed(range.replayed.time, range.replayed.due)
    this.#lost = false
  }

  save(): SavedState {
    return {
      position: this.position,
      past: this.past,
      snapshotUntil: this.#snapshotUntil,
      filter: this.#filter,
      ...(this.options.replay ? { replay: this.options.replay.save() } : {}),
      inbox: this.options.inbox && this.stream.id,
    }
  }

  load(state: SavedState): void {
    this.position = state.position as number
    this.past = (state.past as number | undefined) ?? 0
    this.options.replay?.load(state.replay as SavedState | undefined)
    this.#snapshotUntil = state.snapshotUntil as number
    this.#filter = state.filter as string | undefined
    // Random rows do not outlive their process: the positions were another inbox's.
    this.#lost = state.inbox !== undefined && state.inbox !== this.stream.id
    if (this.#lost) this.position = 0
  }

  /** Drops what an inbox has behind the last batch. */
  async settle(): Promise<void> {
    const { inbox } = this.options
    if (!inbox || this.position - this.#trimmed < INBOX_SLACK) return
    this.#trimmed = this.position
    await inbox.trim(this.position)
  }

  /** One row as a JSON object, for the dead letters. */
  async rowJson(sn: number): Promise<string> {
    const { sql } = this.#relation({ from: sn - 1, to: sn })
    const columns = this.columns.map((c) => quoteIdentifier(c.name)).join(', ')
    const bytes = await this.pipe.deps.chdb.run(`SELECT ${columns} FROM ${sql}`, { format: 'JSONEachRow' })
    return new TextDecoder().decode(bytes).trim()
  }

  #relation(range: Range, wanted?: ReadonlySet<string>): Delta {
    const { sql } = this.#rows(range, wanted, true)
    if (!this.options.inbox) this.pipe.ordered.add(sql)
    return { sql, columns: this.columns.map((c) => c.name) }
  }

  /** One SELECT as flat as can be: what a statement costs on few rows is its columns times its levels. */
  #rows(range: Range, wanted: ReadonlySet<string> | undefined, ordered: boolean): Relation {
    const { inbox } = this.options
    if (inbox) return inbox.slice(range.from, range.to, wanted)
    const { store } = this.pipe.deps
    // The last value of a deleted key is no news. Streams that show `_tp_delta` show deletions as well.
    const hides = isKeyed(this.stream) && !hasDelta(this.stream)
    const where = hides && !this.options.deletions ? ['_tp_delta > 0'] : []
    if (this.#filter !== undefined) where.push(`(${this.#filter})`)
    const isWanted = (name: string) => wanted === undefined || name === '_tp_sn' || wanted.has(name)
    const names = [
      ...new Set([...this.stream.columns.map((c) => c.name), ...VIRTUAL_COLUMNS, '_tp_process_time']),
    ]
    if (isKeyed(this.stream) && !hasDelta(this.stream)) names.push(DELTA.name)
    const show = names.filter(isWanted).map((name) => SHOWN[name] ?? quoteIdentifier(name))
    if (!range.snapshot) return store.slice(this.stream, range.from, range.to, { show, where, ordered })
    where.push(`__t._tp_sn > ${range.from}`, `__t._tp_sn <= ${range.to}`)
    const current = store.current(this.stream)
    // What stood before comes in the order of the keys, as the store of 1.6 holds it.
    const order = [...this.stream.primaryKey, '_tp_sn'].map((name) => `__t.${quoteIdentifier(name)}`)
    return {
      sql: `(SELECT ${show.join(', ')} FROM ${current.sql} AS __t WHERE ${where.join(' AND ')}${ordered ? ` ORDER BY ${order.join(', ')}` : ''})`,
      columns: current.columns,
    }
  }
}

/** How virtual columns are shown: times as milliseconds, numbers from 0 (Proton's SourceColumnsDescription). */
const SHOWN: Record<string, string> = {
  _tp_sn: SHOWN_SN,
  _tp_append_time: 'toUnixTimestamp64Milli(__t._tp_append_time) AS _tp_append_time',
  _tp_process_time: "toUnixTimestamp64Milli(now64(3, 'UTC')) AS _tp_process_time",
}

/** Streams whose rows replace older rows of the same key. */
export function isKeyed(stream: StreamObject): boolean {
  return stream.mode === 'versioned_kv' || stream.mode === 'mutable' || stream.mode === 'changelog_kv'
}

/** Streams whose rows say by `_tp_delta` whether they come into force or no longer hold. */
function hasDelta(stream: StreamObject): boolean {
  return stream.mode === 'changelog' || stream.mode === 'changelog_kv'
}
