/**
 * Proton AST → the store's SQL. Everything that other rooms of the engine use is named here.
 */
import type { Expr, NamedTable, Query, Select, TableExpr, TableFunction } from '../../dialect/ast.js'
import type { Catalog, Chdb, OutputColumn } from '../contracts.js'
import type { Translated, TranslateEnv } from './translate/env.js'

export type { AggregateSplit } from './split.js'
export { splitAggregate } from './split.js'
export type { Translated, TranslateEnv } from './translate/env.js'

/** The FROM leaves must be bound to `raw_table` nodes before (see bindLeaves). EMIT, FORMAT, PARTITION BY are ignored. */
export declare function translateQuery(query: Query, env: TranslateEnv): Translated
export declare function translateExpr(expr: Expr, env: TranslateEnv): string
/**
 * Replaces each named table and table function of a query, at any depth (joins, subqueries, CTEs, IN), by what
 * `resolve` gives; `undefined` keeps the node. Names of CTEs are no leaves. Aliases are kept: a stream without
 * alias stays addressable by its name. `leftmost` is true for the leaf that decides whether the query is unbounded.
 */
export declare function bindLeaves(
  query: Query,
  resolve: (leaf: NamedTable | TableFunction, leftmost: boolean) => Promise<TableExpr | undefined>,
): Promise<Query>
/** Plain views → their bodies (recursively), parameters of parameterised views replaced. */
export declare function expandViews(query: Query, catalog: Catalog, database: string): Query
/** The leaf that decides whether the query is unbounded; undefined without FROM. CTE names are followed. */
export declare function leftmostSource(query: Query): NamedTable | TableFunction | undefined
/** Whether a SELECT groups or aggregates (windowed `f() OVER` does not count). */
export declare function isAggregation(select: Select, env: TranslateEnv): boolean
/** Columns of a translated query with Proton types. */
export declare function describeQuery(chdb: Chdb, translated: Translated): Promise<OutputColumn[]>
/** The store's errors in Proton's words. */
export declare function respell(error: unknown): Error
