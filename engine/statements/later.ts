/** Statements that came after Proton 1.6: an engine that stands in for such a server refuses them as it does. */
import { lower, type Statement, UserError } from '../../dialect/index.js'
import { Lexer } from '../../dialect/lexer.js'
import { EngineError } from '../errors.js'

/** Throws SYNTAX_ERROR (62) where the parser of 1.6 stops, NOT_IMPLEMENTED (48) for what it reads and cannot do. */
export function refuseLater(statement: Statement, source: string): void {
  const why = notIn16(statement)
  if (why === undefined) return
  const position = stopsAt(statement)
  if (position === undefined) throw new EngineError('NOT_IMPLEMENTED', why)
  const lexer = new Lexer(source)
  let token = lexer.next()
  for (let i = 0; i < position; i++) token = lexer.next()
  throw new EngineError(
    'SYNTAX_ERROR',
    `Syntax error: failed at position ${token.start + 1} ('${token.text}'): ${source.slice(token.start, token.start + 160)}. Expected one of: what Proton 1.6 knows. ${why}`,
  )
}

/** What lowering puts something else in the place of, or leaves to programs beside the server. */
const REPLACED = new Set(['MUTABLE_LOWERED', 'RUN_OUTSIDE'])

function notIn16(statement: Statement): string | undefined {
  try {
    return lower(statement, 'oss-1.6').notes.find(({ code }) => REPLACED.has(code))?.message
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    return cause.suggestion === undefined ? cause.message : `${cause.message}: ${cause.suggestion}`
  }
}

/** The number of the token that its parser does not know; undefined: it reads the statement. */
function stopsAt(statement: Statement): number | undefined {
  switch (statement.kind) {
    case 'delete':
      return 0
    case 'drop':
    case 'alter':
    case 'system':
      return 1
    case 'show':
      // A word behind SHOW CREATE is a stream's name, and so the next one is one too many.
      return statement.what === 'create' ? 3 : 1
    case 'create_stream':
    case 'create_task':
    case 'create_alert':
    case 'create_named_collection': {
      if (statement.kind === 'create_stream' && !statement.mutable) return undefined
      return statement.orReplace ? 3 : 1
    }
    default:
      return undefined
  }
}
