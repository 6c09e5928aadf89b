import { quoteIdentifier as id, quoteString } from '../../chdb/pool.js'
import type { Chdb, Column, RowSource, StreamObject } from '../../contracts.js'
import type { SelectSource } from '../source.js'
import { historyTable } from '../tables.js'
import { type HotChunk, HotLog } from './log.js'
import { completeRows, hotShape } from './shape.js'

/** More rows of a stream, or bytes of them, are written into its table. */
const MOST_ROWS = 1_000
const MOST_BYTES = 128 * 1024
/** Appends that are larger go into the table themselves, in bytes. */
const LARGE = 64 * 1024

/** Rows as they will be appended. */
export interface ReadRows {
  chunk?: HotChunk
  /** They are too many to be kept: a SELECT of them, with the columns that it gives. */
  select?: { sql: string; columns: string[]; settings: Record<string, string | number> }
}

/**
 * The newest rows of streams that get few at a time. A part of a table is a dozen files, whatever is in it; such rows
 * wait in a log instead until they are worth a part, and stand in statements as they are: what has been written once
 * reads the same before and after it moves into its table.
 */
export class HotRows {
  readonly #log: HotLog
  readonly #moving = new Map<number, Promise<void>>()
  /** As the tables have them. */
  readonly #columns = new Map<number, readonly Column[]>()

  constructor(
    readonly chdb: Chdb,
    file: string,
  ) {
    this.#log = new HotLog(file)
  }

  /** Tells the columns of a stream's table. Nothing may wait. */
  declare(stream: StreamObject, added?: Column): void {
    const known = (added && this.#columns.get(stream.id)) ?? stream.columns
    const others = known.filter(({ name }) => name !== added?.name)
    this.#columns.set(stream.id, added ? [...others, added] : others)
  }

  /** The first number that is not in the table; undefined where all are. */
  from(stream: StreamObject): number | undefined {
    return this.#chunks(stream)[0]?.first
  }

  tokens(stream: StreamObject): Iterable<string> {
    return this.#log.streams.get(stream.id)?.tokens.values() ?? []
  }

  isWorthMoving(stream: StreamObject): boolean {
    const chunks = this.#chunks(stream)
    if (chunks.length === 0) return false
    const rows = chunks.at(-1)!.last - chunks[0]!.first + 1
    return rows > MOST_ROWS || chunks.reduce((sum, { bytes }) => sum + bytes.length, 0) > MOST_BYTES
  }

  /**
   * Evaluates rows that follow number `before`, with all their defaults; undefined where only an INSERT into the table
   * does it right.
   */
  async read(
    stream: StreamObject,
    rows: RowSource,
    source: SelectSource,
    before: number,
  ): Promise<ReadRows | undefined> {
    const declared = this.#columns.get(stream.id)
    const shape = declared && hotShape(stream, declared)
    const number = `toUInt64(${before + 1} + rowNumberInAllBlocks())`
    const sql = shape && completeRows(shape, rows, source, number)
    if (!shape || sql === undefined) return undefined
    const settings = { max_threads: 1, ...source.settings }
    const result = await this.chdb.run(sql, { format: 'RowBinary', settings })
    const bytes = Buffer.from(result.buffer, result.byteOffset, result.byteLength)
    if (bytes.length === 0) return {}
    const { structure } = shape
    const columns = shape.columns.map(({ name }) => name)
    const last = Number(bytes.readBigUInt64LE(bytes.length - 8))
    const chunk = { first: before + 1, last, bytes, columns, structure }
    if (bytes.length <= LARGE) return { chunk }
    return {
      select: {
        sql: `SELECT * FROM ${literal([chunk])}`,
        columns: shape.columns.map(({ name }) => name),
        settings,
      },
    }
  }

  add(stream: StreamObject, chunk: HotChunk, token: string | undefined): void {
    this.#log.append(stream.id, chunk, token)
  }

  /** The rows `from < _tp_sn <= to`, in order, as something to stand in FROM. `exact`: there are no others among them. */
  relation(stream: StreamObject, from: number, to: number): { sql: string; exact: boolean } {
    const chunks = this.#chunks(stream)
    const wanted = chunks.filter(({ first, last }) => last > from && first <= to)
    if (wanted.length === 0) return { sql: literal(chunks.slice(0, 1)), exact: false }
    return { sql: literal(wanted), exact: wanted[0]!.first === from + 1 && wanted.at(-1)!.last === to }
  }

  /**
   * Writes what waits into the table: one part, all or nothing. Appends may go on meanwhile; whatever writes into the
   * table itself comes behind it.
   */
  move(stream: StreamObject): Promise<void> {
    const moved = this.idle(stream).then(() => this.#moveNow(stream))
    this.#moving.set(stream.id, moved)
    return moved
  }

  /** No move is under way. */
  async idle(stream: StreamObject): Promise<void> {
    await this.#moving.get(stream.id)?.catch(() => undefined)
  }

  async #moveNow(stream: StreamObject): Promise<void> {
    const chunks = [...this.#chunks(stream)]
    const last = chunks.at(-1)?.last
    if (last === undefined) return
    const { columns } = chunks[0]!
    await this.chdb.insertSelect({
      table: historyTable(stream),
      columns,
      select: `SELECT ${columns.map(id).join(', ')} FROM ${literal(chunks)}`,
      settings: { max_threads: 1 },
    })
    this.#log.settle(stream.id, last)
  }

  /** After a start: what the table does not have yet goes there. `last`: the last number in the table; gives the new one. */
  async recover(stream: StreamObject, last: number): Promise<number> {
    if (this.#chunks(stream).length === 0) return last
    this.#log.settle(stream.id, last)
    const newest = this.#chunks(stream).at(-1)?.last ?? last
    await this.move(stream)
    return newest
  }

  /** Forgets the rows, and the tokens with them where the stream is gone. */
  forget(stream: StreamObject, gone: boolean): void {
    const last = this.#chunks(stream).at(-1)?.last
    if (gone) {
      this.#log.drop(stream.id)
      this.#moving.delete(stream.id)
      this.#columns.delete(stream.id)
    } else if (last !== undefined) this.#log.settle(stream.id, last)
  }

  close(): void {
    this.#log.close()
  }

  #chunks(stream: StreamObject): HotChunk[] {
    return this.#log.streams.get(stream.id)?.chunks ?? []
  }
}

/** Columns change only when nothing waits, so all chunks of a stream have one structure. */
function literal(chunks: HotChunk[]): string {
  const rows = Buffer.concat(chunks.map(({ bytes }) => bytes)).toString('base64')
  return `format(RowBinary, ${quoteString(chunks[0]!.structure)}, base64Decode('${rows}'))`
}
