/**
 * What the engine tells a child process about its function: plain JSON in a file that only the owner reads.
 */

/** A data type as the codec sees it. Time zones play no part: values are instants. */
export type ValueType =
  | { kind: 'int'; bits: 8 | 16 | 32 | 64; signed: boolean }
  | { kind: 'float'; bits: 32 | 64 }
  | { kind: 'bool' }
  | { kind: 'string' }
  | { kind: 'fixed_string'; size: number }
  /** Days since 1970-01-01 in 2 bytes, unsigned. */
  | { kind: 'date' }
  /** The same in 4 bytes, signed. */
  | { kind: 'date32' }
  /** Seconds since 1970-01-01 in 4 bytes. */
  | { kind: 'datetime'; timezone?: string }
  /** Ticks of 10^-scale s since 1970-01-01 in 8 bytes. */
  | { kind: 'datetime64'; scale: number; timezone?: string }
  | { kind: 'array'; of: ValueType }
  | { kind: 'nullable'; of: ValueType }
  | { kind: 'tuple'; names: string[]; of: ValueType[] }
  | { kind: 'map'; key: ValueType; value: ValueType }

export interface FunctionSpec {
  /** Proton's name: the one in messages. */
  name: string
  args: { name: string; type: ValueType }[]
  returns: ValueType
  body:
    | { kind: 'scalar'; source: string; timeLimitMs: number }
    /**
     * `operation`: `final` array of argument tuples → result; `step` (state, array) → state; `finish` state → result.
     * With `delta` each tuple ends with the row's `_tp_delta`.
     */
    | {
        kind: 'aggregate'
        source: string
        timeLimitMs: number
        operation: 'final' | 'step' | 'finish'
        delta: boolean
        customEmit: boolean
      }
    | {
        kind: 'remote'
        url: string
        headers: Record<string, string>
        timeoutMs: number
      }
}

/** A failure in words of the dialect: code, its name is found by the engine. */
export interface Failure {
  code: number
  message: string
}

/**
 * A child reports a failure as one line on stderr and exits; the store puts what stderr held into the
 * query's own error, so that concurrent queries never see each other's failures.
 */
export const FAILURE_MARK = 'UDF_FAILURE:'

export function encodeFailure(failure: Failure): string {
  const text = JSON.stringify({ ...failure, message: failure.message.slice(0, 2000) })
  return `${FAILURE_MARK}${Buffer.from(text).toString('base64')}:\n`
}

export function decodeFailure(text: string): Failure | undefined {
  const match = new RegExp(`${FAILURE_MARK}([A-Za-z0-9+/=]+):`).exec(text)
  if (!match) return undefined
  return JSON.parse(Buffer.from(match[1]!, 'base64').toString('utf8')) as Failure
}
