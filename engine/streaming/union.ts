import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import type { Batch, Delta, Operator, Semantic } from './operator.js'

/** UNION ALL of continuous queries: whichever arms have rows. Columns are matched by position, named by the first arm. */
export class Union implements Operator {
  readonly semantic: Semantic
  readonly columns: OutputColumn[]
  readonly costly: boolean

  constructor(readonly children: Operator[]) {
    const first = children[0]!
    this.columns = first.columns
    this.semantic = children.every((arm) => arm.semantic === first.semantic) ? first.semantic : 'append'
    this.costly = children.some((arm) => arm.costly)
    for (const arm of children) {
      if (arm.columns.length !== first.columns.length) {
        throw new EngineError('TYPE_MISMATCH', 'Different number of columns in UNION ALL elements')
      }
      if ((arm.semantic === 'changelog') !== (first.semantic === 'changelog')) {
        throw new EngineError(
          'NOT_IMPLEMENTED',
          'UNION of streams with different data stream semantics is not supported',
        )
      }
    }
  }

  get sample(): Delta {
    return this.#combine(this.children.map((arm) => arm.sample))
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const deltas: Delta[] = []
    for (const arm of this.children) {
      const delta = await arm.step(batch)
      if (delta) deltas.push(delta)
    }
    return deltas.length === 0 ? undefined : this.#combine(deltas)
  }

  /** The first arm's empty sample leads, so that names and common types do not depend on which arms have rows. */
  #combine(deltas: Delta[]): Delta {
    const parts = [...this.children.map((arm) => arm.sample), ...deltas]
    return {
      sql: `(${parts.map((d) => `SELECT * FROM ${d.sql}`).join(' UNION ALL ')})`,
      columns: this.columns.map((c) => c.name),
    }
  }
}
