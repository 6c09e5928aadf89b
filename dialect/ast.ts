/**
 * The syntax tree of Proton SQL. Pure data: no methods, no classes, so that trees can be built,
 * rewritten, printed, hashed and compared by anyone. Every node that the parser makes carries the
 * span of its source; nodes made by a rewrite may leave it out, and nothing but error messages may
 * depend on it.
 */
export type * from './ast/access.js'
export type * from './ast/expressions.js'
export type * from './ast/names.js'
export type * from './ast/queries.js'
export type * from './ast/statements.js'
