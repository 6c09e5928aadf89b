import { type CreateMaterializedView, printStatement, type Statement } from '../../dialect/index.js'
import type { CompiledObject, Deployment, Live, ObjectKey } from '../model.js'
import { normalForm, normalized } from '../normal_form.js'
import { type QueryState, queryState, type Relations } from './query_state.js'

/** What the project says and what the target holds, as far as replacing views asks for it. */
export class World {
  readonly objects: ReadonlyMap<ObjectKey, CompiledObject>
  readonly #shown = new Map<ObjectKey, Statement | undefined>()

  constructor(
    readonly deployment: Deployment,
    readonly live: Live,
  ) {
    this.objects = new Map(deployment.objects.map((object) => [object.key, object]))
  }

  /** The definition that is there now, in normal form. */
  before(name: string): Statement | undefined {
    if (!this.#shown.has(name)) {
      const there = this.live.objects.get(name)
      this.#shown.set(name, there && normalForm(there.shown, this.deployment.database))
    }
    return this.#shown.get(name)
  }

  /** The definition that is wanted, in normal form. */
  after(name: string): Statement | undefined {
    const object = this.objects.get(name)
    return object && normalized(object.statement, this.deployment.database)
  }

  stateBefore(view: CreateMaterializedView): QueryState {
    return queryState(
      view.query,
      this.#relations((name) => this.before(name)),
    )
  }

  stateAfter(view: CreateMaterializedView): QueryState {
    return queryState(
      view.query,
      this.#relations((name) => this.after(name) ?? this.before(name)),
    )
  }

  #relations(statement: Relations['statement']): Relations {
    return {
      statement,
      isAggregate: (name) => {
        const fn = this.objects.get(`${name}()`)?.statement
        return fn?.kind === 'create_function' && fn.aggregate
      },
    }
  }
}

/** Materialized views are compared by what they do, not by the settings of their storage. */
export function sameText(one: Statement | undefined, other: Statement | undefined): boolean {
  return one !== undefined && other !== undefined && printStatement(one) === printStatement(other)
}
