import type { RawTable } from '../../../dialect/ast.js'
import type { CallTarget } from '../../contracts.js'

/** What a translation needs to know besides the tree. */
export interface TranslateEnv {
  /** Functions that users defined; `UdfRegistry.lookup`. */
  lookup(name: string): CallTarget | undefined
  /** Values of `{name:type}` parameters, as text. */
  params?: Record<string, string>
  /**
   * SQL of an expression that orders the rows of a raw table by arrival (`_tp_sn`), for SELECTs directly FROM
   * it. With it `earliest`, `latest`, `first_value`, `last_value` and `group_array` follow arrival, even where
   * partial states are merged in any order; without it they follow the order in which the store happens to read.
   */
  arrival?: string | ((table: RawTable) => string | undefined)
  /** What `database()` and `user()` answer. */
  database?: string
  user?: string
}

/** SQL of the store, and the names of its result's columns (duplicates possible). */
export interface Translated {
  sql: string
  columns: string[]
}
