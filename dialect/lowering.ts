/**
 * Compiles a statement, written once in the Enterprise form, for one edition of the engine. Spellings
 * of EMIT are left to the printer: print the result with the same edition.
 */
import type { Statement } from './ast.js'
import type { Edition } from './editions.js'
import { lowerQueries16 } from './lowering/queries.js'
import { lowerAllSettings } from './lowering/settings.js'
import { lowerStatement } from './lowering/statements.js'
import { Lowering, type LoweringNote } from './lowering/support.js'

export type { LoweringNote } from './lowering/support.js'

export interface Lowered {
  statement: Statement
  /** What was changed or left out on the way. */
  notes: LoweringNote[]
}

/**
 * The statement as `edition` understands it. The original stays as it was.
 * @throws UserError `EDITION_UNSUPPORTED`, with what comes nearest, where the edition cannot do it.
 */
export function lower(statement: Statement, edition: Edition): Lowered {
  const low = new Lowering(edition)
  let result = lowerStatement(statement, low)
  result = lowerAllSettings(result, low)
  if (result.kind === 'set' && !result.settings) low.refuse('such settings', 'leave the statement out')
  if (low.is16) result = lowerQueries16(result, low)
  return { statement: result, notes: low.notes }
}
