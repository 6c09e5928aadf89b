import { EngineError } from '../errors.js'

/** A failure of the store → an EngineError with its code. Names of types and functions are still the store's. */
export function storeError(cause: unknown): Error {
  if (cause instanceof EngineError) return cause
  if (cause instanceof Error && cause.name === 'AbortError') return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  const match = /Code: (\d+)\. DB::Exception: ([\s\S]*?)(?: \(([A-Z_]+)\))?\s*$/.exec(text)
  if (!match) return new EngineError('UNKNOWN_EXCEPTION', text, { cause })
  return EngineError.withCode(Number(match[1]), match[3] ?? 'UNKNOWN_EXCEPTION', match[2]!.trim(), cause)
}
