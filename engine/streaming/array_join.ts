import type { ArrayJoin, TableExpr } from '../../dialect/ast.js'
import type { Batch, Operator, Semantic, Source } from './operator.js'

/** `stream ARRAY JOIN arrays`: each row of the source once per element. */
export class ArrayJoinSource implements Source {
  readonly operators: Operator[]
  readonly semantic: Semantic
  readonly costly: boolean

  constructor(
    readonly join: ArrayJoin,
    readonly left: Source,
  ) {
    this.operators = left.operators
    this.semantic = left.semantic
    this.costly = left.costly
  }

  sample(): TableExpr {
    return { ...this.join, left: this.left.sample() }
  }

  async bind(batch: Batch): Promise<TableExpr[]> {
    return (await this.left.bind(batch)).map((left) => ({ ...this.join, left }))
  }
}
