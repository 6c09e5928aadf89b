import type { CreateAlert, Expr } from '../ast.js'
import { intervalLength, literalNumber } from '../interval_length.js'

/** How an alert gathers its events, and how often it may call its function. */
export interface AlertPolicy {
  /** So many make a full batch. */
  events: number
  /** How long an incomplete batch may wait; without it, for ever. */
  timeoutMs?: number
  /** Calls in `intervalMs`; what comes beyond is suppressed. */
  limit?: number
  intervalMs: number
}

/** What BATCH and LIMIT say. Where that is nonsense, `alertProblem` tells. */
export function alertPolicy({
  batchEvents,
  batchTimeout,
  limitAlerts,
  limitInterval,
}: CreateAlert): AlertPolicy {
  const timeoutMs = batchTimeout && intervalLength(batchTimeout)
  const limit = limitAlerts && literalNumber(limitAlerts)
  return {
    events: (batchEvents && literalNumber(batchEvents)) ?? 1,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(limit === undefined ? {} : { limit }),
    intervalMs: (limitInterval && intervalLength(limitInterval)) ?? 0,
  }
}

/** The clause that is no positive number, or no interval of a fixed length. */
export function alertProblem(alert: CreateAlert): { expr: Expr; wanted: 'number' | 'interval' } | undefined {
  for (const expr of [alert.batchEvents, alert.limitAlerts]) {
    const value = expr && literalNumber(expr)
    if (expr && !(Number.isInteger(value) && value! > 0)) return { expr, wanted: 'number' }
  }
  for (const expr of [alert.batchTimeout, alert.limitInterval])
    if (expr && intervalLength(expr) === undefined) return { expr, wanted: 'interval' }
  return undefined
}

/**
 * How many of the events that wait are to be given to the function now; 0: more must come, or time must pass.
 * `since`: when the first of them came.
 */
export function batchSize(policy: AlertPolicy, waiting: number, since: number, now: number): number {
  if (waiting >= policy.events) return policy.events
  const deadline = deadlineOf(policy, since)
  return deadline !== undefined && deadline <= now ? waiting : 0
}

/** Until when an incomplete batch waits whose first event came at `since`; undefined: for ever. */
export function deadlineOf({ timeoutMs }: AlertPolicy, since: number | undefined): number | undefined {
  return timeoutMs === undefined || since === undefined ? undefined : since + timeoutMs
}

export interface Admission {
  suppressed: boolean
  /** When the function was called lately, this call included: for the next question. */
  calls: number[]
}

/** Whether one more call is within the limit. */
export function admit(policy: AlertPolicy, earlier: readonly number[], now: number): Admission {
  const calls = earlier.filter((at) => at > now - policy.intervalMs)
  if (policy.limit === undefined) return { suppressed: false, calls: [] }
  return calls.length >= policy.limit
    ? { suppressed: true, calls }
    : { suppressed: false, calls: [...calls, now] }
}
