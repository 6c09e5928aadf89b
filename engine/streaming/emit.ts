import type { Emit, Expr } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import type { Semantic } from './operator.js'
import { intervalMs } from './syntax.js'

/** Seconds between the emissions of a global aggregation unless EMIT says otherwise (DIALECT §3.2). */
const DEFAULT_PERIOD_MS = 2_000

/** When an aggregation speaks. All durations in ms. */
export interface EmitPolicy {
  kind: 'window_close' | 'periodic' | 'on_update'
  periodMs: number
  /** Emit at each tick also when nothing arrived. */
  repeat: boolean
  delayMs: number
  timeoutMs?: number
  /** A function decides itself when it speaks, also while the past is read. */
  own?: true
}

const UNSUPPORTED: [keyof Emit, string][] = [
  ['perEvent', 'EMIT PER EVENT'],
  ['onlyMaxSpan', 'EMIT AFTER KEY EXPIRE'],
  ['maxSpan', 'EMIT AFTER KEY EXPIRE'],
  ['identifiedBy', 'EMIT AFTER KEY EXPIRE'],
]

const COARSE = new Set(['week', 'month', 'quarter', 'year'])
/** No timer is finer than a millisecond. */
const FINE = new Set(['nanosecond', 'microsecond'])

function periodOf(period: Expr): number {
  if (period.kind === 'interval' && COARSE.has(period.unit)) {
    throw new EngineError(
      'ILLEGAL_TYPE_OF_ARGUMENT',
      `EMIT PERIODIC takes an interval of days at most, not ${period.unit}s`,
    )
  }
  if (period.kind === 'interval' && FINE.has(period.unit)) return 1
  return intervalMs(period)
}

/** Throws 80 for combinations that Proton refuses, 48 for what is not there. */
export function emitPolicy(emit: Emit | undefined, windowed: boolean): EmitPolicy {
  for (const [key, name] of UNSUPPORTED) {
    if (emit?.[key])
      throw new EngineError('NOT_IMPLEMENTED', `${name} is not supported by the embedded engine`)
  }
  if (emit?.mode === 'changelog' && windowed) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'EMIT CHANGELOG over windows is not supported by the embedded engine',
    )
  }
  if (emit?.after && emit.after !== 'window_close') {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'EMIT AFTER KEY EXPIRE or SESSION CLOSE is not supported by the embedded engine',
    )
  }
  if (!windowed && (emit?.after || emit?.delay || emit?.timeout)) {
    throw new EngineError(
      'INCORRECT_QUERY',
      'Watermark emit is only supported in streaming window aggregation',
    )
  }
  const period = emit?.periodic ?? emit?.batch
  const base = {
    periodMs: period ? periodOf(period) : DEFAULT_PERIOD_MS,
    repeat: emit?.repeat ?? false,
    delayMs: emit?.delay ? intervalMs(emit.delay) : 0,
    ...(emit?.timeout ? { timeoutMs: intervalMs(emit.timeout) } : {}),
  }
  if (base.periodMs <= 0)
    throw new EngineError('INCORRECT_QUERY', 'The interval of EMIT PERIODIC must be greater than zero')
  if (emit?.onUpdate) return { ...base, kind: 'on_update', ...(period ? {} : { periodMs: 0 }) }
  if (period || !windowed) return { ...base, kind: 'periodic' }
  return { ...base, kind: 'window_close' }
}

/**
 * EMIT on a query that does not aggregate. Proton reads it where there are windows and refuses it, and passes over it
 * everywhere else. `EMIT CHANGELOG` passes where there is one.
 */
export function refuseEmit(emit: Emit | undefined, semantic: Semantic, windowed: boolean): void {
  if (!emit) return
  if (emit.mode === 'changelog' && semantic !== 'changelog') {
    throw new EngineError('NOT_IMPLEMENTED', 'Not implemented for emit changelog from append stream')
  }
  const { mode, span, ...rest } = emit
  void [mode, span]
  if (windowed && Object.values(rest).some((value) => value !== undefined && value !== false)) {
    throw new EngineError(
      'INCORRECT_QUERY',
      "Streaming tail mode doesn't support any watermark or periodic emit",
    )
  }
}
