import { quoteIdentifier as id } from '../chdb/pool.js'
import { atRank } from '../chdb/turns.js'
import type {
  AppendResult,
  Chdb,
  Column,
  Relation,
  RowSource,
  SliceShape,
  StreamObject,
  StreamStore,
} from '../contracts.js'
import { textColumns } from '../text_columns.js'
import { canBeGrouped, GroupedAppends, SMALL } from './grouped_appends.js'
import { HotRows } from './hot/rows.js'
import { KeyedLocks } from './locks.js'
import { Positions } from './positions.js'
import { isStack, LEVEL, stackedRows } from './retractions.js'
import { ROW_NUMBER } from './row_number.js'
import { asSelect } from './source.js'
import {
  addressableColumns,
  asteriskColumns,
  columnDefinition,
  createStatements,
  currentTable,
  FLOORS,
  historyTable,
  isKeyed,
  physicalColumns,
  SHOWN_SN,
  STORE_DATABASE,
  writableColumns,
} from './tables.js'

type AppendOptions = NonNullable<Parameters<StreamStore['append']>[2]>

/** Rows that wait in the log are written into their table after so long at the latest, in ms. */
const MOVE_AFTER_MS = 5_000
/** Nobody waits for rows to be moved. */
const BEHIND_ALL = -1

export interface StoreOptions {
  /** The file of the rows that wait for others; none: rows go into their tables at once. */
  hotLog?: string
  /** The store's SQL of a stream's sharding expression. */
  shardSql?(stream: StreamObject): string
}

/** The store, and what only its own room does with it. */
export interface OpenStreamStore extends StreamStore {
  /** Drops rows of one of the stream's tables that match, up to a sequence number. Runs in the background. */
  trimWhere(stream: StreamObject, table: string, condition: string, upTo: number): Promise<void>
}

export async function openStreamStore(chdb: Chdb, options: StoreOptions = {}): Promise<OpenStreamStore> {
  await chdb.run(`CREATE DATABASE IF NOT EXISTS ${STORE_DATABASE} ENGINE = Atomic`)
  // Sequence numbers are never given twice, also after rows were dropped: the floor outlives the rows.
  await chdb.run(
    `CREATE TABLE IF NOT EXISTS ${FLOORS} (stream UInt64, floor UInt64) ENGINE = ReplacingMergeTree(floor) ORDER BY stream`,
  )
  return new ChdbStreamStore(chdb, options)
}

class ChdbStreamStore implements OpenStreamStore {
  readonly #chdb: Chdb
  readonly #options: StoreOptions
  readonly #locks = new KeyedLocks()
  readonly #grouped = new GroupedAppends()
  readonly #positions = new Positions()
  /** Keyed streams whose current rows lag behind the history, and from where. */
  readonly #unprojected = new Map<number, number>()
  readonly #hot: HotRows | undefined
  /** When the rows that wait go into their tables. */
  readonly #moves = new Map<number, NodeJS.Timeout>()

  constructor(chdb: Chdb, options: StoreOptions) {
    this.#chdb = chdb
    this.#options = options
    this.#hot = options.hotLog === undefined ? undefined : new HotRows(chdb, options.hotLog)
  }

  close(): void {
    for (const timer of this.#moves.values()) clearTimeout(timer)
    this.#moves.clear()
    this.#hot?.close()
  }

  async settle(stream: StreamObject): Promise<void> {
    if (this.#hot?.from(stream) !== undefined) await this.#move(stream)
  }

  /** Rows that wait go into their table, before anything else does. */
  async #move(stream: StreamObject): Promise<void> {
    clearTimeout(this.#moves.get(stream.id))
    this.#moves.delete(stream.id)
    await this.#hot?.move(stream)
  }

  #moveLater(stream: StreamObject, ms: number): void {
    if (this.#moves.has(stream.id) && ms > 0) return
    clearTimeout(this.#moves.get(stream.id))
    // Where they cannot be written they wait on, as safe as before.
    const move = () =>
      atRank(BEHIND_ALL, () => this.settle(stream)).catch(() => this.#moveLater(stream, MOVE_AFTER_MS))
    this.#moves.set(stream.id, setTimeout(move, ms).unref())
  }

  async create(stream: StreamObject): Promise<void> {
    for (const sql of createStatements(stream, this.#options.shardSql?.(stream))) await this.#chdb.run(sql)
    this.#positions.open(stream.id)
    this.#hot?.declare(stream)
  }

  async drop(stream: StreamObject): Promise<void> {
    await this.#locks.run(stream.id, async () => {
      await this.#hot?.idle(stream)
      await this.#chdb.run(`DROP TABLE IF EXISTS ${historyTable(stream)} SYNC`)
      if (isKeyed(stream)) await this.#chdb.run(`DROP TABLE IF EXISTS ${currentTable(stream)} SYNC`)
      clearTimeout(this.#moves.get(stream.id))
      this.#moves.delete(stream.id)
      this.#hot?.forget(stream, true)
      this.#positions.forget(stream.id)
    })
  }

  async truncate(stream: StreamObject): Promise<void> {
    await this.#locks.run(stream.id, async () => {
      await this.#raiseFloor(stream)
      await this.#hot?.idle(stream)
      this.#hot?.forget(stream, false)
      if (isKeyed(stream)) await this.#chdb.run(`TRUNCATE TABLE ${currentTable(stream)}`)
      await this.#chdb.run(`TRUNCATE TABLE ${historyTable(stream)}`)
    })
  }

  async addColumn(stream: StreamObject, column: Column): Promise<void> {
    await this.#locks.run(stream.id, async () => {
      await this.#move(stream)
      for (const table of [historyTable(stream), ...(isKeyed(stream) ? [currentTable(stream)] : [])]) {
        await this.#chdb.run(`ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${columnDefinition(column)}`)
      }
      this.#hot?.declare(stream, column)
    })
  }

  async trim(stream: StreamObject, upTo: number): Promise<void> {
    await this.trimWhere(stream, historyTable(stream), '1', upTo)
  }

  async trimWhere(stream: StreamObject, table: string, condition: string, upTo: number): Promise<void> {
    await this.#locks.run(stream.id, async () => {
      await this.#move(stream)
      // Numbers are safe because the floor is written first.
      await this.#raiseFloor(stream)
      await this.#chdb.run(
        `ALTER TABLE ${table} DELETE WHERE _tp_sn <= ${upTo} AND (${condition}) SETTINGS mutations_sync = 0`,
      )
    })
  }

  lastSn(stream: StreamObject): number {
    return this.#positions.last(stream.id)
  }

  async append(stream: StreamObject, rows: RowSource, options: AppendOptions = {}): Promise<AppendResult> {
    const alone = Object.values(options).every((option) => option === undefined)
    if (alone && canBeGrouped(rows) && !this.#locks.holds(stream.id)) {
      return this.#grouped.append(stream.id, rows, {
        locked: (body) => this.#locks.run(stream.id, body),
        append: (together, sizes) => this.#append(stream, together, { few: true }, sizes),
        lastSn: () => this.lastSn(stream),
      })
    }
    const few = options.few ?? (alone && rows.kind === 'data' && rows.data.length < SMALL)
    return this.#append(stream, rows, { ...options, few })
  }

  /** `sizes`: of the appends that these rows are, in order; default: all are one. */
  async #append(
    stream: StreamObject,
    rows: RowSource,
    options: AppendOptions,
    sizes?: number[],
  ): Promise<AppendResult> {
    const source = asSelect(stream, rows)
    return this.#locks.run(stream.id, async () => {
      // It may have been killed while it waited for the stream.
      options.signal?.throwIfAborted()
      const before = this.lastSn(stream)
      if (this.#unprojected.has(stream.id)) await this.#publish(stream, before, before)
      const nothing = { rows: 0, first: before + 1, last: before }
      if (options.token !== undefined && this.#positions.knows(stream.id, options.token)) return nothing
      const few = options.few ? await this.#hot?.read(stream, rows, source, before) : undefined
      if (few && !few.select) {
        if (!few.chunk) return nothing
        this.#hot!.add(stream, few.chunk, options.token)
        const { last } = few.chunk
        if (options.token !== undefined) this.#positions.remember(stream.id, options.token)
        await this.#publish(stream, before, last, sizes)
        this.#moveLater(stream, this.#hot!.isWorthMoving(stream) ? 0 : MOVE_AFTER_MS)
        return { rows: last - before, first: before + 1, last }
      }
      await this.#move(stream)
      // The token makes a repetition a no-op; should other rows have taken the numbers meanwhile, these rows go behind them.
      await this.#writing(stream, before, () =>
        this.#chdb.insertSelect({
          table: historyTable(stream),
          columns: few?.select?.columns ?? [...source.columns, '_tp_sn'],
          select: few?.select?.sql ?? source.select(`toUInt64(${before + 1} + rowNumberInAllBlocks())`),
          rising: few?.select ? '_tp_sn' : ROW_NUMBER,
          token: options.token,
          tag: options.tag,
          signal: options.signal,
          settings: { max_threads: 1, ...source.settings },
        }),
      )
      const counted = countOf(rows, options.token)
      const last = counted === undefined ? await this.#committed(stream, before) : before + counted
      if (options.token !== undefined) this.#positions.remember(stream.id, options.token)
      if (last === before) return nothing
      await this.#publish(stream, before, last, sizes)
      return { rows: last - before, first: before + 1, last }
    })
  }

  async appendPieces(
    stream: StreamObject,
    pieces: { rows: RowSource; token: string }[],
    { few = false } = {},
  ): Promise<AppendResult> {
    return this.#locks.run(stream.id, async () => {
      const before = this.lastSn(stream)
      const counts = pieces.map(({ rows, token }) => countOf(rows, token))
      if (pieces.length > 1 && counts.every((count) => count !== undefined)) {
        await this.#atOnce(stream, pieces, counts)
      } else for (const { rows, token } of pieces) await this.#append(stream, rows, { token, few })
      const last = this.lastSn(stream)
      return { rows: last - before, first: before + 1, last }
    })
  }

  /** Each piece has its numbers before any is written. */
  async #atOnce(
    stream: StreamObject,
    pieces: { rows: RowSource; token: string }[],
    counts: number[],
  ): Promise<void> {
    const before = this.lastSn(stream)
    await this.#move(stream)
    if (this.#unprojected.has(stream.id)) await this.#publish(stream, before, before)
    let last = before
    const writes = pieces.map(({ rows, token }, i) => {
      const source = asSelect(stream, rows)
      const first = last + 1
      last += counts[i]!
      return this.#chdb.insertSelect({
        table: historyTable(stream),
        columns: [...source.columns, '_tp_sn'],
        select: source.select(`toUInt64(${first} + rowNumberInAllBlocks())`),
        rising: ROW_NUMBER,
        token,
        settings: { max_threads: 1, ...source.settings },
      })
    })
    const failed = (await Promise.allSettled(writes)).find((write) => write.status === 'rejected')
    // Rows that were removed meanwhile were not read: the counts were wrong.
    if (failed || pieces.some(({ rows, token }, i) => countOf(rows, token) !== counts[i])) {
      last = await this.#committed(stream, before)
      if (last > before) {
        await this.#publish(stream, before, last)
        await this.#raiseFloor(stream)
      }
    } else await this.#publish(stream, before, last, counts)
    if (failed) throw failed.reason
    for (const { token } of pieces) this.#positions.remember(stream.id, token)
  }

  async withWriter<T>(stream: StreamObject, body: (nextSn: number) => Promise<T>): Promise<T> {
    return this.#locks.run(stream.id, () => body(this.lastSn(stream) + 1))
  }

  async delete(stream: StreamObject, whereSql: string): Promise<void> {
    await this.#locks.run(stream.id, async () => {
      if (!isKeyed(stream)) {
        await this.#move(stream)
        await this.#raiseFloor(stream)
        await this.#chdb.run(
          `ALTER TABLE ${historyTable(stream)} DELETE WHERE ${whereSql} SETTINGS mutations_sync = 1`,
        )
        return
      }
      const before = this.lastSn(stream)
      const kept = writableColumns(stream)
        .filter((column) => column.default?.kind !== 'materialized' && column.name !== '_tp_delta')
        .map((column) => column.name)
      await this.#chdb.insertSelect({
        table: historyTable(stream),
        columns: [...kept, '_tp_delta', '_tp_sn'],
        select: `SELECT *, -1, toUInt64(${before + 1} + rowNumberInAllBlocks()) FROM (SELECT ${kept.map(id).join(', ')} FROM ${this.current(stream).sql} WHERE ${whereSql})`,
        settings: { max_threads: 1 },
      })
      const last = await this.#committed(stream, before)
      if (last !== before) await this.#publish(stream, before, last)
    })
  }

  slice(stream: StreamObject, from: number, to: number, shape: SliceShape = {}): Relation {
    const show = shape.show ?? addressableColumns(stream).map(id)
    const bounds = [`__t._tp_sn > ${from}`, `__t._tp_sn <= ${to}`]
    const mentions = [...show, ...(shape.where ?? [])].join()
    const { sql: rows, exact } = this.#rows(stream, from, to, mentions)
    const conditions = [...(exact ? [] : bounds), ...(shape.where ?? [])]
    const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''
    const order = shape.ordered && !exact ? ' ORDER BY __t._tp_sn' : ''
    return {
      sql: `(SELECT ${show.join(', ')} FROM ${rows} AS __t${where}${order})`,
      columns: asteriskColumns(stream),
    }
  }

  current(stream: StreamObject): Relation {
    return this.#current(stream, addressableColumns(stream).map(id))
  }

  shown(stream: StreamObject): Relation {
    const columns = addressableColumns(stream).map((name) => (name === '_tp_sn' ? SHOWN_SN : id(name)))
    return this.#current(stream, columns)
  }

  #current(stream: StreamObject, columns: string[]): Relation {
    const from = isKeyed(stream)
      ? `${currentTable(stream)} AS __t FINAL`
      : `${this.#rows(stream, 0, Number.POSITIVE_INFINITY, columns.join()).sql} AS __t`
    const where = isStack(stream) ? ` WHERE __t.${LEVEL} > 0` : ''
    return {
      sql: `(SELECT ${columns.join(', ')} FROM ${from}${where})`,
      columns: asteriskColumns(stream),
      strings: textColumns(stream.columns),
    }
  }

  /**
   * All rows of a range, perhaps among more (`exact`: there are none, and they come in order). `mentions` says which
   * columns are needed of them.
   */
  #rows(stream: StreamObject, from: number, to: number, mentions: string): { sql: string; exact: boolean } {
    const hotFrom = this.#hot?.from(stream)
    const table = historyTable(stream)
    if (hotFrom === undefined || to < hotFrom) return { sql: table, exact: false }
    const waiting = this.#hot!.relation(stream, from, to)
    const shard = mentions.includes('_tp_shard') ? ', toInt32(0) AS `_tp_shard`' : ''
    if (from + 1 >= hotFrom) {
      return shard === '' ? waiting : { ...waiting, sql: `(SELECT *${shard} FROM ${waiting.sql})` }
    }
    const names = physicalColumns(stream).map(id).join(', ')
    const stored = `SELECT ${names}${shard} FROM ${table} WHERE \`_tp_sn\` > ${from} AND \`_tp_sn\` < ${hotFrom}`
    return { sql: `(${stored} UNION ALL SELECT ${names}${shard} FROM ${waiting.sql})`, exact: false }
  }

  appendsAfter(stream: StreamObject, sn: number): number[] | undefined {
    return this.#positions.appendsAfter(stream.id, sn)
  }

  isWhole(stream: StreamObject, after: number): boolean {
    return this.#positions.isWhole(stream.id, after)
  }

  watch(stream: StreamObject, listener: () => void): () => void {
    return this.#positions.watch(stream.id, listener)
  }

  async open(streams: StreamObject[]): Promise<void> {
    if (streams.length === 0) return
    const floors = new Map(
      (
        await this.#chdb.rows<[string, string]>(
          `SELECT toString(stream), toString(floor) FROM ${FLOORS} FINAL`,
        )
      ).map(([stream, floor]) => [Number(stream), Number(floor)]),
    )
    for (const stream of streams) {
      const [row] = await this.#chdb.rows<[string, string]>(
        `SELECT toString(max(_tp_sn)), toString(count()) FROM ${historyTable(stream)}`,
      )
      const last = Math.max(Number(row?.[0] ?? 0), floors.get(stream.id) ?? 0)
      const whole = Number(row?.[1]) === last
      const recovered = await this.#recovered(stream, last)
      this.#positions.open(stream.id, recovered, whole ? 0 : recovered)
      if (isKeyed(stream)) await this.#repair(stream)
    }
  }

  /** What waited when the process ended goes into its table. Gives the last number. */
  async #recovered(stream: StreamObject, last: number): Promise<number> {
    if (!this.#hot) return last
    this.#hot.declare(stream)
    for (const token of this.#hot.tokens(stream)) this.#positions.remember(stream.id, token)
    return Math.max(last, await this.#hot.recover(stream, last))
  }

  /**
   * A crash between the two writes of a keyed append leaves rows in the history alone. Writing them again is
   * harmless (same key, version and order), so everything behind the newest current row is written.
   */
  async #repair(stream: StreamObject): Promise<void> {
    const written = await this.#projected(stream)
    if (written < this.lastSn(stream)) await this.#project(stream, written)
  }

  /** The last history row that is among the current rows, or took one away. */
  async #projected(stream: StreamObject): Promise<number> {
    if (!isKeyed(stream)) return this.lastSn(stream)
    const [row] = await this.#chdb.rows<[string]>(`SELECT toString(max(_tp_sn)) FROM ${currentTable(stream)}`)
    return Number(row?.[0] ?? 0)
  }

  /**
   * Rows `before … last` stand in the history: their numbers are taken, whatever happens now. Where the current
   * rows cannot be written (disk full), the next append writes them too.
   */
  async #publish(
    stream: StreamObject,
    before: number,
    last: number,
    sizes: number[] = [last - before],
  ): Promise<void> {
    this.#positions.advance(stream.id, before, sizes)
    const behind = this.#unprojected.get(stream.id)
    // What failed may have been committed all the same: no row is to be taken twice.
    const from = behind === undefined ? before : Math.max(behind, await this.#projected(stream))
    try {
      await this.#project(stream, from)
      this.#unprojected.delete(stream.id)
    } catch (cause) {
      this.#unprojected.set(stream.id, from)
      throw cause
    }
    this.#positions.announce(stream.id)
  }

  /** History rows behind `after` → current rows. */
  async #project(stream: StreamObject, after: number): Promise<void> {
    if (!isKeyed(stream)) return
    await this.#chdb.insertSelect({
      table: currentTable(stream),
      ...(isStack(stream) ? stackedRows(stream, after) : latestRows(stream, after)),
      settings: { max_threads: 1 },
    })
  }

  /** A write that fails may have been committed all the same (killed at its end): its numbers are taken then. */
  async #writing(stream: StreamObject, before: number, write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (cause) {
      const last = await this.#committed(stream, before).catch(() => before)
      if (last > before) await this.#publish(stream, before, last)
      throw cause
    }
  }

  /** The number of the last committed row, knowing that all up to `before` are. */
  async #committed(stream: StreamObject, before: number): Promise<number> {
    const [row] = await this.#chdb.rows<[string]>(
      `SELECT toString(max(_tp_sn)) FROM ${historyTable(stream)} WHERE _tp_sn > ${before}`,
    )
    return Math.max(before, Number(row?.[0] ?? 0))
  }

  /** Before rows are removed, and where numbers were left out: they stay taken, and nobody counts on the rows any more. */
  async #raiseFloor(stream: StreamObject): Promise<void> {
    this.#positions.removing(stream.id)
    await this.#chdb.run(`INSERT INTO ${FLOORS} VALUES (${stream.id}, ${this.lastSn(stream)})`)
  }
}

/** How many rows were written, where that is known without looking. A token may have made the write a no-op. */
function countOf(rows: RowSource, token: string | undefined): number | undefined {
  if (rows.kind === 'data') return token === undefined ? rows.count : undefined
  return rows.count?.()
}

function latestRows(stream: StreamObject, after: number): { columns: string[]; select: string } {
  const columns = physicalColumns(stream)
  const select = `SELECT ${columns.map(id).join(', ')} FROM ${historyTable(stream)} WHERE _tp_sn > ${after} ORDER BY _tp_sn`
  return { columns, select }
}
