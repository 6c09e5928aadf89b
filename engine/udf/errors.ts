import { EngineError } from '../errors.js'
import { protonName } from './names.js'
import { decodeFailure, type Failure } from './worker/spec.js'

/** A failure that a child reported, as the engine's error. */
export function failureError(failure: Failure): EngineError {
  return EngineError.withCode(failure.code, 'UNKNOWN_EXCEPTION', failure.message)
}

/**
 * The store's error of a statement that called a user-defined function → the function's own error, in
 * Proton's words; undefined when the text speaks of something else. `text` is the store's whole message.
 */
export function udfError(text: string, cause?: unknown): EngineError | undefined {
  const failure = decodeFailure(text)
  if (failure) return EngineError.withCode(failure.code, 'UNKNOWN_EXCEPTION', failure.message, cause)
  const match = /User defined function '([^']+)' failed/.exec(text)
  if (!match) return undefined
  const name = protonName(match[1]!)
  if (/heap limit|heap out of memory|Last few GCs|invalid array length|signal: 6/i.test(text)) {
    return new EngineError(
      'UDF_MEMORY_THRESHOLD_EXCEEDED',
      `call JavaScript UDF '${name}' failed: it used more memory than it may`,
      { cause },
    )
  }
  if (/timeout exceeded/i.test(text)) {
    return new EngineError(
      'TIMEOUT_EXCEEDED',
      `call UDF '${name}' failed: no answer in time, its process was stopped`,
      { cause },
    )
  }
  const original = /Original error: (.*?)(?:, Stack trace|$)/s.exec(text)?.[1] ?? text
  return new EngineError('UDF_INTERNAL_ERROR', `call UDF '${name}' failed: ${original.slice(0, 500)}`, {
    cause,
  })
}
