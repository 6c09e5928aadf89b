/** Where continuous queries take the time of the day from: periods and timeouts of EMIT, and the age of a batch. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back once when `ms` have passed; the answer takes the call back. */
  after(ms: number, call: () => void): () => void
}

/** Longer delays would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, Math.min(ms, MAX_DELAY_MS))
    return () => clearTimeout(timer)
  },
}

/** Stands still until it is moved, so that a test decides when a period or a timeout is over. */
export class ManualClock implements Clock {
  #now: number
  readonly #waiting = new Set<{ at: number; call: () => void }>()

  constructor(now = Date.now()) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  after(ms: number, call: () => void): () => void {
    const entry = { at: this.#now + ms, call }
    this.#waiting.add(entry)
    return () => this.#waiting.delete(entry)
  }

  /** Moves on by `ms` and calls whatever was waiting for that, the earliest first. */
  advance(ms: number): void {
    this.#now += ms
    const due = [...this.#waiting].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at)
    for (const entry of due) if (this.#waiting.delete(entry)) entry.call()
  }
}
