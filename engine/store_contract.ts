/** What the rooms know of the store of streams' rows. */
import type { Column, StreamObject } from './contracts.js'

/** Something to stand in FROM: a table's name or a parenthesised SELECT; `columns` is what `*` means there. */
export interface Relation {
  sql: string
  columns: string[]
  /** Those of the columns that are known to hold strings. */
  strings?: string[]
}

/** How a slice of a stream is shown. What is written here may name stored columns as `__t.name`. */
export interface SliceShape {
  /** The SELECT list, as the store's SQL; default: every addressable column. */
  show?: readonly string[]
  /** Further conditions. */
  where?: readonly string[]
  /** In the order of `_tp_sn`. */
  ordered?: boolean
}

/** Rows for a stream. Columns not named take their defaults. */
export type RowSource =
  /**
   * `_tp_sn` follows the order in which the SELECT gives its rows. `picked`: its columns to take, default all. `widened`: the
   * same SELECT, all of its columns to be taken, and a last one named `__tp_sn`, whose expression goes between the two texts.
   */
  | {
      kind: 'select'
      select: string
      columns: string[]
      /** Limits of the query. */
      settings?: Record<string, string | number>
      picked?: string[]
      /** The store's types of `columns`, where they are known. */
      types?: string[]
      widened?: [before: string, after: string]
      /** Asked when the rows are written: how many they were, where that is known for sure and they were written just now. */
      count?: () => number | undefined
    }
  | {
      kind: 'data'
      format: string
      data: Uint8Array
      columns: string[]
      settings?: Record<string, string | number>
      /** How many rows the data are, where that is known for sure. */
      count?: number
    }

export interface AppendResult {
  rows: number
  /** Sequence numbers of the appended rows: `first … last`; last = first - 1 when nothing was written. */
  first: number
  last: number
}

export interface StreamStore {
  create(stream: StreamObject): Promise<void>
  drop(stream: StreamObject): Promise<void>
  truncate(stream: StreamObject): Promise<void>
  addColumn(stream: StreamObject, column: Column): Promise<void>
  /** Drops rows of an append stream with `_tp_sn <= upTo` (inboxes, retention). */
  trim(stream: StreamObject, upTo: number): Promise<void>
  /** Sequence number of the last committed row, 0 where there is none. Numbers start at 1, have no gaps. */
  lastSn(stream: StreamObject): number
  /**
   * Appends are serialised per stream. With a token (`<query id>:<batch>`), the same append repeated after a
   * crash is a no-op, provided `baseSn` is the one of the first try (the caller records it before: see reserve).
   */
  append(
    stream: StreamObject,
    rows: RowSource,
    options?: {
      token?: string
      baseSn?: number /** What `Chdb.kill` aims at. */
      tag?: string
      signal?: AbortSignal
      /** Few rows, whose token (if any) was never used: they may wait in the log until more have come. */
      few?: boolean
    },
  ): Promise<AppendResult>
  /** Appends that follow each other, at once where the number of rows of each is known. Each has a token. */
  appendPieces(
    stream: StreamObject,
    pieces: { rows: RowSource; token: string }[],
    options?: { few?: boolean },
  ): Promise<AppendResult>
  /** Holds the stream's write lock while `body` runs: it gets the number that the next row will have. */
  withWriter<T>(stream: StreamObject, body: (nextSn: number) => Promise<T>): Promise<T>
  delete(stream: StreamObject, whereSql: string): Promise<void>
  /** Writes rows that wait in the log into their table, so that readers of many rows find them there. */
  settle(stream: StreamObject): Promise<void>
  /** Rows with `from < _tp_sn <= to`, all versions and deltas, with `_tp_sn`, `_tp_shard`, `_tp_append_time` addressable. */
  slice(stream: StreamObject, from: number, to: number, shape?: SliceShape): Relation
  /** All rows of an append stream, the compacted rows of a keyed one. */
  current(stream: StreamObject): Relation
  /** The same as `table(s)` shows it: users count sequence numbers from 0. */
  shown(stream: StreamObject): Relation
  /**
   * Last sequence numbers of the appends that brought rows after `sn`, in order; undefined where some are no
   * longer known (only the latest are, and none from before the process).
   */
  appendsAfter(stream: StreamObject, sn: number): number[] | undefined
  /** Whether no row with a greater number was ever removed. */
  isWhole(stream: StreamObject, after: number): boolean
  /** Calls back after each committed append (in-process, coalescing allowed). Returns the unsubscribe. */
  watch(stream: StreamObject, listener: () => void): () => void
  /** Loads sequence numbers, repairs what a crash left between history and current rows. */
  open(streams: StreamObject[]): Promise<void>
  close(): void
}
