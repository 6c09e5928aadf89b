import type { TableExpr } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'

/** Rows `from < _tp_sn <= to` of one scan. */
export interface Range {
  from: number
  to: number
  /** Read from the current rows of a keyed stream, not from its history. */
  snapshot?: boolean
  /** Of a replay: the time of the rows, and when they were due. In ms. */
  replayed?: { time: number; due: number }
}

/**
 * One step of a continuous query. Everything that decides about its outcome is here or in the operators'
 * saved states, so that a batch run again after a crash does what it did at first.
 */
export interface Batch {
  /** 1, 2, 3 … per query. */
  seq: number
  /** Wall clock in ms when the batch was cut. */
  now: number
  /** By the scan's number. A scan that is missing has nothing new. */
  ranges: Record<number, Range>
  /** It is run as so many batches side by side. */
  pieces?: number
}

/** What an operator gives for a batch: a parenthesised SELECT, valid until the next batch begins. */
export interface Delta {
  sql: string
  columns: string[]
  /** The SELECT (without parentheses) with `ROW_NUMBER` as a further column, whose expression goes between the two texts. */
  widened?: [before: string, after: string]
}

export type SavedState = Record<string, unknown>

/**
 * `append`: every row is a fact. `keyed`: rows are the latest value of their key, what they replace is not told.
 * `changelog`: a column `_tp_delta` tells rows that come into force (1) from rows that no longer hold (-1).
 */
export type Semantic = 'append' | 'keyed' | 'changelog'

/** The column of a changelog that tells what happens to a row. */
export const DELTA: OutputColumn = { name: '_tp_delta', type: 'int8', chType: 'Int8' }

/** Name of the column of an origin. */
export const ORIGIN = '__tp_origin'

export interface Operator {
  readonly columns: OutputColumn[]
  readonly semantic: Semantic
  readonly children: Operator[]
  /** Evaluating its delta twice is slow or may give two answers (joins, functions outside the store, random numbers). */
  readonly costly: boolean
  /** An empty relation with the operator's columns, to type what stands on it. */
  readonly sample: Delta
  /**
   * The rows for the batch, undefined when it is known that there are none. `wanted`: columns that will be named; others
   * may be missing.
   */
  step(batch: Batch, wanted?: ReadonlySet<string>): Promise<Delta | undefined>
  /** A relation of one column, `ORIGIN`: the values that a column has in the batch's rows, perhaps among more. Cheap, or undefined. */
  origin?(batch: Batch, column: string): string | undefined
  /** Each row of the query's only scan gives one row, in the scan's order, and nothing is kept from row to row. */
  readonly oneForOne?: boolean
  /** Its answers depend on how rows were cut into appends: what is late, and what is shown after each. */
  readonly byAppend?: boolean
  /** When it wants to be stepped though no rows arrive, in ms of the wall clock. */
  deadline?(): number | undefined
  /** What a replay needs besides tables, as it stands before the batch. */
  save?(): SavedState
  load?(state: SavedState): void
  /** The batch is through: what only its replay could need may go. */
  settle?(batch: Batch): Promise<void>
}

/**
 * The FROM of one SELECT. It gives the syntax to put there instead of one relation, because a join's two
 * sides stay addressable by their aliases. Several bindings stand for the union of their results.
 */
export interface Source {
  readonly semantic: Semantic
  readonly operators: Operator[]
  /** As of an operator. */
  readonly costly: boolean
  sample(): TableExpr
  /** `wanted`: as of an operator. */
  bind(batch: Batch, wanted?: ReadonlySet<string>): Promise<TableExpr[]>
  /** As of an operator. */
  readonly oneForOne?: boolean
  /** As of an operator; `path` is the column as it is written where the source is the FROM. */
  origin?(batch: Batch, path: string[]): string | undefined
}

/** Every operator below and including `root`, children first. */
export function walk(root: Operator): Operator[] {
  const seen: Operator[] = []
  const visit = (operator: Operator) => {
    for (const child of operator.children) visit(child)
    if (!seen.includes(operator)) seen.push(operator)
  }
  visit(root)
  return seen
}
