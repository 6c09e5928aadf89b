import type { CompiledObject, Deployment } from '../../bootstrap/model.js'
import type { ProtonClient } from '../../driver/index.js'
import type { Bench } from './bench.js'

/**
 * Functions, and whatever else has no database, that tests have in common: an engine has one of each name, whatever the database. Those whose answers
 * differ from test to test have a name of their own in each slot.
 */
export class FunctionShelf {
  readonly #bench: Bench
  /** Text by name, as the engine has it or is about to. */
  readonly #made = new Map<string, { sql: string; done: Promise<void> }>()

  constructor(bench: Bench) {
    this.#bench = bench
  }

  /** What functions are called in a slot, where that is not their own name. */
  namesIn(slot: string, deployment: Deployment): Map<string, string> {
    const names = new Map<string, string>()
    for (const { name, statement } of deployment.objects) {
      if (statement.kind !== 'create_function') continue
      const isRemote = statement.body.language === 'remote'
      if (isRemote) names.set(name, `${this.#bench.prefix}${name}__${slot}`)
      else if (this.#bench.ownFunctions === 'all') names.set(name, `${this.#bench.prefix}${name}`)
    }
    return names
  }

  /** Creates one unless it stands so already. */
  async ensure(slot: string, object: CompiledObject, sql: string, client: ProtonClient): Promise<void> {
    const remote = object.statement.kind === 'create_function' && object.statement.body.language === 'remote'
    const key = remote ? `${object.name} ${slot}` : object.name
    const known = this.#made.get(key)
    if (known?.sql === sql) return known.done
    const done = client.exec(sql)
    this.#made.set(key, { sql, done })
    return done
  }
}
