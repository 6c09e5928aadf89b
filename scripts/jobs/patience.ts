import { setTimeout as sleep } from 'node:timers/promises'
import { ProtonError } from '../../driver/index.js'

/** Pauses before a run or a call that failed is tried again: 1, 5, 25 s, then a minute each. */
export function pauseBefore(attempt: number): number {
  return Math.min(1_000 * 5 ** (attempt - 1), 60_000)
}

/** Pauses while the target does not answer: it may be back any moment. */
export function pauseWhileAway(misses: number): number {
  return Math.min(250 * 2 ** (misses - 1), 15_000)
}

/** Whether the target did not answer, or hung up: that says nothing about what it was asked. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof ProtonError) || error.code !== 0) return false
  return error.unreachable || error.codeName === 'BROKEN' || (error.httpStatus ?? 0) >= 502
}

/** Resolves after `ms`, or as soon as the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Node's timers take no more than 2^31 - 1 ms.
  await sleep(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => {})
}
