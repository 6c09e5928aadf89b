import type { Expr, Query } from '../../../dialect/ast.js'
import type { Translated, TranslateEnv } from './env.js'
import { exprText } from './expression.js'
import { queryText } from './query.js'
import { emptyScope } from './scope.js'
import { settingsText } from './settings.js'

/**
 * A query whose FROM leaves are bound (raw tables, CTEs, subqueries, harmless table functions) as the store's
 * SQL. EMIT, FORMAT, SHUFFLE BY and the settings that concern the engine are dropped; the text never ends in a
 * SETTINGS clause, so that callers can append theirs. Throws EngineErrors with Proton's codes.
 */
export function translateQuery(query: Query, env: TranslateEnv): Translated {
  const { sql, columns, strings } = queryText(query, emptyScope(env))
  return { sql: settingsText(query.settings) ? `SELECT * FROM (${sql})` : sql, columns, strings }
}

/** An expression over columns that need no qualification. */
export function translateExpr(expr: Expr, env: TranslateEnv): string {
  return exprText(expr, emptyScope(env))
}
