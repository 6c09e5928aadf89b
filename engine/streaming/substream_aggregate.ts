import type { OutputColumn } from '../contracts.js'
import type { GroupState } from './aggregate_state.js'
import type { Backfill } from './backfill.js'
import type { EmitPolicy } from './emit.js'
import type { Batch, Delta, Operator, SavedState, Source } from './operator.js'
import type { Pipe } from './pipe.js'
import { SubstreamTimers } from './substream_timers.js'

/** GROUP BY without windows, with PARTITION BY: each substream speaks by a timer of its own (EMIT PERIODIC). */
export class SubstreamAggregate implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = false
  readonly columns: OutputColumn[]

  private constructor(
    readonly source: Source,
    readonly state: GroupState,
    readonly timers: SubstreamTimers,
    readonly policy: EmitPolicy,
    readonly backfill: Backfill,
    readonly sample: Delta,
  ) {
    this.children = source.operators
    this.columns = state.columns
  }

  /** `keys`: of the substreams, among those of the groups. */
  static async create(
    pipe: Pipe,
    source: Source,
    state: GroupState,
    keys: readonly string[],
    policy: EmitPolicy,
    backfill: Backfill,
  ): Promise<SubstreamAggregate> {
    const timers = await SubstreamTimers.create(pipe, keys, policy.periodMs)
    return new SubstreamAggregate(source, state, timers, policy, backfill, await state.answer('0'))
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const { state, timers } = this
    const fresh = await state.add(batch, await this.source.bind(batch))
    if (fresh) await timers.touch(batch, state.touches)
    // Nothing in between is shown while the past is read (emit_during_backfill = 0).
    if (this.backfill.running(batch)) return undefined
    const early = this.backfill.ends(batch)
    const due = timers.deadline()
    if (!fresh && !early && (due === undefined || due > batch.now)) return undefined
    return (await timers.speak(batch, early)) ? state.emit(this.#toShow(batch.seq)) : undefined
  }

  #toShow(seq: number): string {
    const { state, timers } = this
    if (this.policy.kind === 'periodic') return timers.speaking(seq)
    const group = state.identityOf(state.keys)
    return `${group} IN (SELECT ${group} FROM ${timers.news(seq, state.touches)})`
  }

  deadline(): number | undefined {
    return this.timers.deadline()
  }

  async settle(batch: Batch): Promise<void> {
    await this.state.settle?.(batch)
  }

  save(): SavedState {
    return { ...this.timers.save(), version: this.state.version }
  }

  load(state: SavedState): void {
    this.timers.load(state)
    this.state.version = (state.version as number | undefined) ?? 0
  }
}
