import type { Query, Select, TableExpr } from '../../dialect/ast.js'
import type { Catalog } from '../contracts.js'
import { settingsOf } from './syntax.js'

/** CTEs in sight of a query. */
export type Ctes = ReadonlyMap<string, Query>
export const NO_CTES: Ctes = new Map()

/** Functions whose output is as unbounded as their first argument. */
const TRANSPARENT = new Set(['tumble', 'hop', 'session', 'dedup', 'changelog'])

/** A query is unbounded iff its left-most source is (Proton's isStreamingQuery). Views must be expanded. */
export function isUnbounded(query: Query, catalog: Catalog, database: string, ctes: Ctes = NO_CTES): boolean {
  if (query.kind === 'union') return query.arms.some((arm) => isUnbounded(arm, catalog, database, ctes))
  if (settingsOf(query.settings).query_mode === 'table' || !query.from) return false
  return isUnboundedTable(query.from, catalog, database, withCtes(query, ctes))
}

export function isUnboundedTable(table: TableExpr, catalog: Catalog, database: string, ctes: Ctes): boolean {
  switch (table.kind) {
    case 'raw_table':
      return false
    case 'table': {
      const cte = table.name.database === undefined ? ctes.get(table.name.name) : undefined
      if (cte) return isUnbounded(cte, catalog, database, without(ctes, table.name.name))
      const object = catalog.find(table.name, database)
      return object !== undefined && object.kind !== 'view' && object.kind !== 'dictionary'
    }
    case 'table_function': {
      const source = table.args[0]
      return (
        TRANSPARENT.has(table.name.toLowerCase()) &&
        source?.kind === 'table_arg' &&
        isUnboundedTable(source.table, catalog, database, ctes)
      )
    }
    case 'subquery_table':
      return isUnbounded(table.query, catalog, database, ctes)
    case 'join':
    case 'array_join':
      return isUnboundedTable(table.left, catalog, database, ctes)
  }
}

export function withCtes(select: Select, outer: Ctes): Ctes {
  const ctes = new Map(outer)
  for (const item of select.with) if (item.kind === 'cte') ctes.set(item.name, item.query)
  return ctes
}

/** A CTE sees the ones before it, not itself: a stream of its name is meant. */
export function without(ctes: Ctes, name: string): Ctes {
  const rest = new Map(ctes)
  rest.delete(name)
  return rest
}
