/** Statements that came after Proton 1.6: an engine that stands in for such a server refuses them as it does. */
import { lower, type Statement, UserError } from '../../dialect/index.js'
import { Lexer } from '../../dialect/lexer.js'
import { EngineError } from '../errors.js'

/**
 * Throws SYNTAX_ERROR (62) where the parser of 1.6 stops, UNKNOWN_SETTING (115) for settings that came later, and
 * NOT_IMPLEMENTED (48) for the rest that it does not have. What lowering changes, 1.6 does not take as it stands.
 */
export function refuseLater(statement: Statement, source: string): void {
  const found = notIn16(statement)
  if (!found) return
  // Of what is left out, said in half a sentence: here nothing is.
  const [why = ''] = found.message.split('; it is left out')
  const position = stopsAt(statement)
  if (found.code === 'SETTING_DROPPED') throw new EngineError('UNKNOWN_SETTING', why)
  if (position === undefined) throw new EngineError('NOT_IMPLEMENTED', why)
  const lexer = new Lexer(source)
  let token = lexer.next()
  for (let i = 0; i < position; i++) token = lexer.next()
  throw new EngineError(
    'SYNTAX_ERROR',
    `Syntax error: failed at position ${token.start + 1} ('${token.text}'): ${source.slice(token.start, token.start + 160)}. Expected one of: what Proton 1.6 knows. ${why}`,
  )
}

/** What lowering leaves out, puts something else in the place of, or leaves to programs beside the server. */
const LOWERED = [
  'MUTABLE_LOWERED',
  'RUN_OUTSIDE',
  'EMIT_REPEAT_DROPPED',
  'COMMENT_DROPPED',
  'SETTING_DROPPED',
]

function notIn16(statement: Statement): { code: string; message: string } | undefined {
  try {
    const { notes } = lower(statement, 'oss-1.6')
    return LOWERED.map((code) => notes.find((note) => note.code === code)).find((note) => note !== undefined)
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    const { code, message, suggestion } = cause
    return { code, message: suggestion === undefined ? message : `${message}: ${suggestion}` }
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
