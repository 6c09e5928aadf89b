import { setTimeout as wait } from 'node:timers/promises'
import { UserError } from '../dialect/index.js'

export interface UntilOptions {
  /** Completes "waited … for". */
  what: string
  timeoutMs?: number
  signal?: AbortSignal
}

/**
 * Asks again until `probe` returns something, at first every 25 ms, later every 500 ms.
 * @throws UserError NOT_READY when it takes longer than `timeoutMs` (default 30,000 ms)
 */
export async function until<T>(
  probe: () => Promise<T | undefined>,
  { what, timeoutMs = 30_000, signal }: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (let pause = 25; ; pause = Math.min(pause * 1.5, 500)) {
    signal?.throwIfAborted()
    const found = await probe()
    if (found !== undefined) return found
    if (performance.now() > deadline)
      throw new UserError('NOT_READY', `Waited ${Math.round(timeoutMs / 1000)} s for ${what}, in vain.`, {
        suggestion: 'Run `tpctl doctor`, then the command again: it continues where it stopped.',
      })
    await wait(pause, undefined, { signal })
  }
}
