import type { EmitPolicy } from './emit.js'
import type { Batch, SavedState } from './operator.js'
import type { Pipe } from './pipe.js'

/** When a periodic emission is due: a period after the last time that one was, if rows arrived since. */
export class Ticker {
  #due: number | undefined
  /** Rows arrived since the last emission. */
  dirty = false
  /** The last batch whose changes were emitted. */
  emitted = 0

  constructor(
    readonly policy: EmitPolicy,
    readonly pipe: Pick<Pipe, 'startedAt'>,
  ) {}

  get #next(): number {
    this.#due ??= this.pipe.startedAt + this.policy.periodMs
    return this.#due
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
    // A period lies between two emissions also where they come late.
    if (now >= this.#next) this.#due = now + this.policy.periodMs
  }

  /**
   * Rows arrived. An idle ticker whose time has long passed is due at its next multiple, not at once; not so in a
   * replay, between whose rows time stood still.
   */
  touch({ now, ranges }: Batch): void {
    const { periodMs } = this.policy
    const stoodStill = Object.values(ranges).some((range) => range.replayed)
    if (!stoodStill && !this.dirty && periodMs > 0 && now >= this.#next) {
      this.#due = this.#next + (Math.floor((now - this.#next) / periodMs) + 1) * periodMs
    }
    this.dirty = true
  }

  save(): SavedState {
    return { next: this.#next, dirty: this.dirty, emitted: this.emitted }
  }

  load(state: SavedState): void {
    this.#due = state.next as number
    this.dirty = state.dirty as boolean
    this.emitted = state.emitted as number
  }
}
