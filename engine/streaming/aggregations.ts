import type { Expr, Select } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { AggregateState, emitsItself, type GroupState } from './aggregate_state.js'
import { AnswerAggregate } from './answer_aggregate.js'
import type { Backfill } from './backfill.js'
import { overChangelog } from './changelog_functions.js'
import { missingDelta } from './changelog_syntax.js'
import { Dedup } from './dedup.js'
import { type EmitPolicy, emitPolicy } from './emit.js'
import type { JoinInput } from './enrich_join.js'
import { GlobalAggregate } from './global_aggregate.js'
import { Keep } from './keep.js'
import { looksBack } from './look_back.js'
import { DELTA, type Operator, type Source } from './operator.js'
import type { Pipe } from './pipe.js'
import type { Place } from './place.js'
import { Project } from './project.js'
import { RetractState } from './retract_state.js'
import { groupsByWindow, unsupported, withSubstreams } from './select_shape.js'
import { SessionAggregate } from './session_aggregate.js'
import { SessionAssign } from './session_assign.js'
import { OperatorSource } from './source.js'
import { SubstreamAggregate } from './substream_aggregate.js'
import { SubstreamWindows } from './substream_windows.js'
import { changelogOf } from './traced.js'
import { WindowAggregate } from './window_aggregate.js'
import { WindowAssign } from './window_assign.js'

/** Which aggregation a SELECT is, over what it reads. */
export class Aggregations {
  readonly #backfill: Backfill

  constructor(
    readonly pipe: Pipe,
    backfill: Backfill,
  ) {
    this.#backfill = backfill
  }

  async build(written: Select, input: JoinInput, outer: Place): Promise<Operator> {
    const { source } = input
    if (written.partitionBy && looksBack(written)) {
      throw unsupported('An aggregation over a partition next to a function of its earlier rows')
    }
    const below = groupsByWindow(written) ? windowBelow(source) : directWindow(source)
    const assign = below instanceof WindowAssign ? below : undefined
    const session = below instanceof SessionAssign ? below : undefined
    const own = emitsItself(written, this.pipe)
    const windowed = !own && (assign !== undefined || session !== undefined)
    const asked = emitPolicy(written.emit, assign !== undefined || session !== undefined)
    // A function that decides itself when to speak does so for each append.
    const policy: EmitPolicy = own ? { ...asked, kind: 'on_update', periodMs: 0, own } : asked
    if (windowed && source.semantic === 'changelog') {
      throw new EngineError('NOT_IMPLEMENTED', 'The window is not supported in changelog query processing')
    }
    if (!windowed && (written.emit?.mode === 'changelog' || outer.emitsChangelog)) {
      return this.#changelog(written, input, policy, outer)
    }
    const select = withSubstreams(written)
    if (session && !own) return SessionAggregate.create(this.pipe, select, session, source, policy)
    if (assign && !own) return this.#window(written, select, assign, source, policy)
    if (givesAnswers(source)) return AnswerAggregate.create(this.pipe, select, source)
    const state = await this.#groups(select, input, false)
    return this.#global(source, state, written.partitionBy ?? [], policy)
  }

  async #window(
    written: Select,
    select: Select,
    assign: WindowAssign,
    source: Source,
    policy: EmitPolicy,
  ): Promise<Operator> {
    if (!written.partitionBy) {
      return WindowAggregate.create(this.pipe, select, assign, source, policy, this.#backfill)
    }
    if (!directWindow(source)) throw unsupported('PARTITION BY over a join or a subquery of windowed rows')
    const { alias } = source as OperatorSource
    return SubstreamWindows.create(this.pipe, select, assign, alias, policy, this.#backfill)
  }

  #global(source: Source, state: GroupState, partitionBy: Expr[], policy: EmitPolicy): Promise<Operator> {
    const keys = state.keysOf(partitionBy)
    if (keys.length > 0 && policy.periodMs > 0 && !policy.repeat) {
      return SubstreamAggregate.create(this.pipe, source, state, keys, policy, this.#backfill)
    }
    return GlobalAggregate.create(source, state, policy, this.#backfill, this.pipe)
  }

  async #groups(select: Select, input: JoinInput, isTraced: boolean): Promise<GroupState> {
    const { source } = input
    if (source.semantic !== 'changelog') {
      return AggregateState.create(this.pipe, this.pipe.nextOperator(), select, source, [], isTraced)
    }
    const over = overChangelog(select, this.pipe.env)
    return over.ownForgetting
      ? AggregateState.create(this.pipe, this.pipe.nextOperator(), over.select, source, [], isTraced)
      : RetractState.create(this.pipe, over, input, isTraced)
  }

  /** EMIT CHANGELOG: the answers of the groups that changed, and what they were before. */
  async #changelog(written: Select, input: JoinInput, policy: EmitPolicy, outer: Place): Promise<Operator> {
    const found = written.columns.findIndex((c) => c.kind === 'column' && c.path.at(-1) === DELTA.name)
    if (found < 0 && outer.root) throw missingDelta()
    const columns = found < 0 ? written.columns : written.columns.toSpliced(found, 1)
    const deltaAt = found < 0 ? columns.length : found
    const select = withSubstreams({ ...written, emit: undefined, columns })
    const state = await this.#groups(select, input, true)
    const touched: EmitPolicy = { ...policy, kind: 'on_update' }
    const answers = await this.#global(input.source, state, written.partitionBy ?? [], touched)
    return changelogOf(this.pipe, answers, state.keys, deltaAt)
  }
}

/** Whether a FROM is an aggregation without windows, whose emissions replace each other. */
function givesAnswers(source: Source): boolean {
  const operator = source instanceof OperatorSource ? source.operator : undefined
  return [GlobalAggregate, SubstreamAggregate, AnswerAggregate].some((kind) => operator instanceof kind)
}

/** The windows that a FROM consists of. */
export function directWindow(source: Source): WindowAssign | SessionAssign | undefined {
  const operator = source instanceof OperatorSource ? source.operator : undefined
  return operator instanceof WindowAssign || operator instanceof SessionAssign ? operator : undefined
}

/** The windows that reach a FROM through joins and subqueries that keep their rows. */
function windowBelow(source: Source): WindowAssign | SessionAssign | undefined {
  const visit = (operator: Operator): WindowAssign | SessionAssign | undefined => {
    if (operator instanceof WindowAssign || operator instanceof SessionAssign) return operator
    if (!(operator instanceof Project || operator instanceof Keep || operator instanceof Dedup))
      return undefined
    for (const child of operator.children) {
      const found = visit(child)
      if (found) return found
    }
    return undefined
  }
  return source.operators.map(visit).find((found) => found !== undefined)
}
