import type { AccessCommand, Expr, Query, Statement, TypeNode } from '../ast.js'
import { accessText } from './access.js'
import { contextOf, type PrintOptions } from './context.js'
import { exprText } from './expressions.js'
import { queryText } from './queries.js'
import { statementText } from './statements.js'
import { typeText } from './types.js'

export type { PrintOptions } from './context.js'

/**
 * The canonical text of a statement, without `;`: equal trees give equal text, whatever the formatting,
 * keyword case, comments and redundant brackets of their source. With `pretty`, several lines for people.
 * @throws UserError `SQL_RAW_NODE` for nodes that belong to the embedded store.
 */
export function printStatement(statement: Statement, options: PrintOptions = {}): string {
  return statementText(statement, contextOf(options))
}

export function printQuery(query: Query, options: PrintOptions = {}): string {
  return queryText(query, contextOf(options))
}

export function printExpr(expr: Expr, options: PrintOptions = {}): string {
  return exprText(expr, contextOf(options))
}

/** Users, roles, grants and row policies as one text. */
export function printAccess(command: AccessCommand): string {
  return accessText(command, contextOf({}))
}

export function printType(type: TypeNode): string {
  return typeText(type, contextOf({}))
}
