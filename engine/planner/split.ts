import type { Expr, Select } from '../../dialect/ast.js'
import type { Relation } from '../contracts.js'
import type { TranslateEnv } from './translate/env.js'

/** An aggregation cut in two: partials per slice of the input, and the answer from all partials. */
export interface AggregateSplit {
  /** GROUP BY keys: the partials' column names and what each stands for. Empty for a global aggregate. */
  keys: { name: string; expr: Expr }[]
  /** Names of the `-State` columns of the partials. */
  states: string[]
  /** Keys, then states, over the FROM and WHERE of the original. One row per group of the slice. */
  partial: Select
  /**
   * The original's columns (same names, order), HAVING, ORDER BY, LIMIT BY, LIMIT over stored partials.
   * The relation has the partial's columns, any number of rows per key.
   */
  final(partials: Relation): Select
}

/** Throws 215 for a column that is neither grouped nor aggregated. Settings and EMIT of the original are dropped. */
export declare function splitAggregate(select: Select, env: TranslateEnv): AggregateSplit
