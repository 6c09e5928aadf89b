import type { OutputColumn } from '../contracts.js'
import type { GroupState } from './aggregate_state.js'
import type { Backfill } from './backfill.js'
import type { EmitPolicy } from './emit.js'
import type { Batch, Delta, Operator, SavedState, Source } from './operator.js'
import type { Pipe } from './pipe.js'
import { Ticker } from './ticker.js'

/** GROUP BY without windows: every group since the query started. */
export class GlobalAggregate implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly = false
  readonly byAppend: boolean
  readonly columns: OutputColumn[]
  readonly #ticker: Ticker

  private constructor(
    readonly source: Source,
    readonly state: GroupState,
    readonly policy: EmitPolicy,
    readonly backfill: Backfill,
    readonly sample: Delta,
    pipe: Pipe,
  ) {
    this.children = source.operators
    this.columns = state.columns
    this.byAppend = policy.kind === 'on_update' && policy.periodMs === 0
    this.#ticker = new Ticker(policy, pipe)
  }

  static async create(
    source: Source,
    state: GroupState,
    policy: EmitPolicy,
    backfill: Backfill,
    pipe: Pipe,
  ): Promise<GlobalAggregate> {
    return new GlobalAggregate(source, state, policy, backfill, await state.answer('0'), pipe)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const ticker = this.#ticker
    const bindings = await this.source.bind(batch)
    const fresh = await this.state.add(batch, bindings)
    if (fresh) ticker.touch(batch)
    // Nothing in between is shown while the past is read (emit_during_backfill = 0).
    if (this.backfill.running(batch) && !this.policy.own) return undefined
    const early = this.backfill.ends(batch)
    if (this.policy.kind === 'on_update' && this.policy.periodMs === 0) {
      if (!ticker.dirty) return undefined
    } else if (!ticker.due(batch.now, early)) return undefined
    const condition = this.#toShow(ticker.emitted)
    ticker.tick(batch.seq, batch.now)
    return this.state.emit(condition)
  }

  /** What changed after batch `seq`, or all groups. */
  #toShow(seq: number): string {
    return this.policy.kind === 'on_update' ? this.state.touchedSince(seq) : '1'
  }

  deadline(): number | undefined {
    return this.#ticker.deadline()
  }

  async settle(batch: Batch): Promise<void> {
    await this.state.settle?.(batch)
  }

  save(): SavedState {
    return { ...this.#ticker.save(), version: this.state.version }
  }

  load(state: SavedState): void {
    this.#ticker.load(state)
    this.state.version = (state.version as number | undefined) ?? 0
  }
}
