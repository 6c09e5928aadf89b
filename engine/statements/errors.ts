import { SqlSyntaxError } from '../../dialect/errors.js'
import { EngineError } from '../errors.js'
import { respell } from '../planner/index.js'

/** Whatever was thrown → an error with Proton's code. */
export function sqlError(cause: unknown): EngineError {
  if (cause instanceof EngineError) return cause
  if (cause instanceof SqlSyntaxError) {
    return cause.protonCode === 62
      ? new EngineError('SYNTAX_ERROR', cause.protonMessage, { cause })
      : EngineError.withCode(cause.protonCode, 'TOO_DEEP_RECURSION', cause.protonMessage, cause)
  }
  if (cause instanceof Error) {
    if (cause.name === 'AbortError')
      return new EngineError('QUERY_WAS_CANCELLED', 'Query was cancelled', { cause })
    if ('code' in cause && cause.code === 'ENOSPC') {
      return new EngineError('NOT_ENOUGH_SPACE', 'The disk is full. Free space, then repeat the statement', {
        cause,
      })
    }
    return new EngineError('UNKNOWN_EXCEPTION', cause.message, { cause })
  }
  return new EngineError('UNKNOWN_EXCEPTION', String(cause), { cause })
}

/** Code 48 with a sentence that says whose limit it is. */
export function notSupported(what: string): EngineError {
  return new EngineError('NOT_IMPLEMENTED', `${what} is not supported by the embedded engine`)
}

/** What a client is told: Proton's code and words, whether the planner has put it so already or the store says it. */
export function clientError(cause: unknown): EngineError {
  if (cause instanceof EngineError && cause.message.startsWith('Missing columns: ')) return cause
  return sqlError(cause instanceof EngineError ? respell(cause) : cause)
}
