/** Proton SQL as data: parse, print, look through, rename, lower. */
export { type CreatedObject, createdObject, dependencies, functionsUsed } from './analysis.js'
export type * from './ast.js'
export { columnName } from './column_name.js'
export { EDITIONS, type Edition } from './editions.js'
export { SqlSyntaxError, type SyntaxReason } from './errors.js'
export { hashStatement } from './hash.js'
export { intervalLength, literalNumber } from './interval_length.js'
export { type Lowered, type LoweringNote, lower } from './lowering.js'
export * from './names.js'
export { parseAccessCommand } from './parser/access.js'
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
export {
  type PrintOptions,
  printAccess,
  printExpr,
  printQuery,
  printStatement,
  printType,
} from './printer/index.js'
export { quoteName, quoteString } from './text.js'
export { UserError, type UserErrorFields } from './user_error.js'
export { type Rewriter, rewrite, type Visitor, visit } from './walk.js'
