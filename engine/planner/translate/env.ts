import type { RawTable } from '../../../dialect/ast.js'
import type { CallTarget } from '../../contracts.js'

/** What a translation needs to know besides the tree. */
export interface TranslateEnv {
  /** Functions that users defined; `UdfRegistry.lookup`. */
  lookup(name: string): CallTarget | undefined
  /** Values of `{name:type}` parameters, as text. */
  params?: Record<string, string>
  /**
   * SQL of an expression that orders the rows of a raw table by arrival (`_tp_sn`). With it `earliest`, `latest`,
   * `first_value`, `last_value`, `group_array`, `lag` follow arrival, also through subqueries that keep their rows
   * and by the left side of joins, and even where partial states are merged in any order. Without it they follow
   * the order in which the store happens to read.
   */
  arrival?: string | ((table: RawTable) => string | undefined)
  /** The store's name of a dictionary; throws where there is none. */
  dictionary?: (name: string) => string
  /** Nothing is emitted but the one result: aggregates that decide themselves when to speak cannot. */
  bounded?: boolean
  /** What `emit_version()` answers; absent where nothing is emitted more than once. */
  emitVersion?: () => number
  /** What `database()` and `user()` answer. */
  database?: string
  user?: string
}

/** SQL of the store, and the names of its result's columns (duplicates possible). */
export interface Translated {
  sql: string
  columns: string[]
  /** Those of the columns that are known to hold strings. */
  strings?: string[]
}
