import type { OutputColumn } from '../contracts.js'
import type { Batch, Delta, Operator, Semantic } from './operator.js'
import type { Pipe, Scratch } from './pipe.js'

/** Evaluates a costly operator once a batch, for readers that need its rows more than once. */
export class Keep implements Operator {
  readonly children: Operator[]
  readonly columns: OutputColumn[]
  readonly semantic: Semantic
  readonly costly = false

  private constructor(
    readonly child: Operator,
    readonly scratch: Scratch,
  ) {
    this.children = [child]
    this.columns = child.columns
    this.semantic = child.semantic
  }

  /** The operator itself where nothing is gained. */
  static async around(pipe: Pipe, operator: Operator): Promise<Operator> {
    if (!operator.costly) return operator
    return new Keep(operator, await pipe.scratch(`keep_${pipe.nextOperator()}`, operator.sample))
  }

  get sample(): Delta {
    return this.child.sample
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const delta = await this.child.step(batch)
    return delta && this.scratch.keep(delta)
  }
}
