import { setTimeout as sleep } from 'node:timers/promises'

/** Keeps a clock in tests. Milliseconds. */
export interface Clock {
  now(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal })
  },
}

/** Requests leave a little slower than allowed: what was evenly spaced here may arrive a little closer there. */
const SAFETY = 1.02

/**
 * A token bucket that hands out turns in the order of asking. Over any second at most `burst - 1 + rate` turns;
 * with the default burst of 1 they are evenly spaced.
 */
export class RateLimiter {
  readonly #intervalMs: number
  readonly #burst: number
  readonly #clock: Clock
  /** When the next turn may be had if the bucket were empty (generic cell rate algorithm). */
  #next = Number.NEGATIVE_INFINITY
  #pausedUntil = Number.NEGATIVE_INFINITY
  #pauses = 0

  /** `rate`: turns per second; undefined for no limit. */
  constructor(rate: number | undefined, burst = 1, clock: Clock = SYSTEM_CLOCK) {
    this.#intervalMs = rate === undefined ? 0 : (1000 / rate) * SAFETY
    this.#burst = Math.max(1, burst)
    this.#clock = clock
  }

  /** Resolves when it is the caller's turn. */
  async take(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const pauses = this.#pauses
      const at = this.#reserve()
      const wait = at - this.#clock.now()
      if (wait > 0) await this.#clock.sleep(wait, signal)
      // A pause that began while we waited moved everyone's turn: queue again behind it.
      if (pauses === this.#pauses) return
    }
  }

  /** Nobody gets a turn for this long: the other side asked for it. Afterwards turns come at the usual distance. */
  pause(ms: number): void {
    const until = this.#clock.now() + ms
    if (until <= this.#pausedUntil) return
    this.#pausedUntil = until
    this.#next = until
    this.#pauses++
  }

  /** Forgets the turns that were given out for later: who waits queues again. For a queue that was sent home. */
  clear(): void {
    this.#next = Math.min(this.#next, this.#clock.now() + this.#intervalMs)
    this.#pauses++
  }

  #reserve(): number {
    const now = this.#clock.now()
    const saved = now < this.#pausedUntil ? 0 : this.#intervalMs * (this.#burst - 1)
    const at = Math.max(this.#next, now - saved)
    this.#next = at + this.#intervalMs
    return at
  }
}
