import type { Expr } from '../../dialect/ast.js'
import type { Ctes } from './is_streaming.js'

/** What is in force at a place of the query tree. */
export interface Place {
  ctes: Ctes
  settings: Record<string, string>
  /** Conditions on `_tp_time` that hold for all rows wanted from here. */
  time: Expr[]
  /** What WHERE demands, for the right sides of joins. */
  terms: Expr[]
  /** Columns that will be named of what is read here; undefined: any. */
  named?: ReadonlySet<string>
  /** Whoever asks wants a changelog where the rows are values of keys. */
  tracks: boolean
  /** Set where the changelog is asked for by name: whether rows with an older version are to be dropped. */
  dropsLate?: boolean
  /** An aggregation above emits a changelog, so one below has to. */
  emitsChangelog?: boolean
  /** The query itself, not a part of it. */
  root?: boolean
}
