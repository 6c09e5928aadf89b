import type { EmitPolicy } from './emit.js'
import type { Batch, SavedState } from './operator.js'

/** When a periodic emission is due: at multiples of the period, if rows arrived since the last one. */
export class Ticker {
  #next: number
  /** Rows arrived since the last emission. */
  dirty = false
  /** The last batch whose changes were emitted. */
  emitted = 0

  constructor(
    readonly policy: EmitPolicy,
    now: number,
  ) {
    this.#next = now + policy.periodMs
  }

  /** When to be asked though no rows arrive. */
  deadline(): number | undefined {
    return this.dirty || this.policy.repeat ? this.#next : undefined
  }

  /** Whether it is time now. `early`: the past was read through, which is shown at once. */
  due(now: number, early: boolean): boolean {
    return (this.dirty || this.policy.repeat) && (early || now >= this.#next)
  }

  tick(seq: number, now: number): void {
    this.dirty = false
    this.emitted = seq
    const { periodMs } = this.policy
    if (periodMs > 0 && now >= this.#next)
      this.#next += (Math.floor((now - this.#next) / periodMs) + 1) * periodMs
  }

  /**
   * Rows arrived. An idle ticker whose time has long passed is due at its next multiple, not at once; not so in a
   * replay, between whose rows time stood still.
   */
  touch({ now, ranges }: Batch): void {
    const { periodMs } = this.policy
    const stoodStill = Object.values(ranges).some((range) => range.replayed)
    if (!stoodStill && !this.dirty && periodMs > 0 && now >= this.#next) {
      this.#next += (Math.floor((now - this.#next) / periodMs) + 1) * periodMs
    }
    this.dirty = true
  }

  save(): SavedState {
    return { next: this.#next, dirty: this.dirty, emitted: this.emitted }
  }

  load(state: SavedState): void {
    this.#next = state.next as number
    this.dirty = state.dirty as boolean
    this.emitted = state.emitted as number
  }
}
