import { EngineError } from '../errors.js'

/** A failure of the store → an EngineError with its code. Names of types and functions are still the store's. */
export function storeError(cause: unknown): Error {
  if (cause instanceof EngineError) return cause
  if (cause instanceof Error && cause.name === 'AbortError') return cause
  const text = cause instanceof Error ? cause.message : String(cause)
  const match = /Code: (\d+)\. DB::Exception: ([\s\S]*?)(?: \(([A-Z_]+)\))?\s*$/.exec(text)
  if (!match) return new EngineError('UNKNOWN_EXCEPTION', text, { cause })
  // What our own SQL throws carries Proton's code in front: throwIf(…, '<69> …').
  const own = /<(\d+)> ([^:]*)/.exec(match[2]!)
  if (own && match[1] === '395')
    return EngineError.withCode(Number(own[1]), 'UNKNOWN_EXCEPTION', own[2]!, cause)
  return EngineError.withCode(Number(match[1]), match[3] ?? 'UNKNOWN_EXCEPTION', match[2]!.trim(), cause)
}
