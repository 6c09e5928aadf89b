/** Proton SQL as data: parse, print, look through, rename, lower. */
export type * from './ast.js'
export { EDITIONS, type Edition } from './editions.js'
export { SqlSyntaxError, type SyntaxReason } from './errors.js'
export { hashStatement } from './hash.js'
export * from './names.js'
export type { ParseOptions } from './parser/cursor.js'
export {
  parseExpression,
  parseQuery,
  parseStatement,
  parseStatements,
  parseType,
  type ScriptStatement,
} from './parser/script.js'
export { RELATION_FUNCTIONS } from './parser/tables.js'
export { type PrintOptions, printExpr, printQuery, printStatement, printType } from './printer/index.js'
export { quoteName, quoteString } from './text.js'
export { UserError, type UserErrorFields } from './user_error.js'
