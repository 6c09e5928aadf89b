import { type Edition, lower, type Statement, UserError } from '../dialect/index.js'

/**
 * A statement as an edition understands it, with what was changed or left out on the way.
 * @throws UserError EDITION_UNSUPPORTED at `where`
 */
export function lowered(
  statement: Statement,
  edition: Edition,
  where: string,
): { statement: Statement; notes: string[] } {
  try {
    const result = lower(statement, edition)
    return { statement: result.statement, notes: result.notes.map(({ message }) => message) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(error.code, error.message, {
      detail: error.detail,
      suggestion: error.suggestion,
      where,
      cause: error,
    })
  }
}
