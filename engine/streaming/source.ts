import type { TableExpr } from '../../dialect/ast.js'
import type { Batch, Operator, Semantic, Source } from './operator.js'
import { rawTable } from './pipe.js'

/** One operator as the FROM of a SELECT. */
export class OperatorSource implements Source {
  readonly operators: Operator[]
  readonly semantic: Semantic

  constructor(
    readonly operator: Operator,
    readonly alias?: string,
  ) {
    this.operators = [operator]
    this.semantic = operator.semantic
  }

  get costly(): boolean {
    return this.operator.costly
  }

  sample(): TableExpr {
    return rawTable(this.operator.sample, this.alias)
  }

  async bind(batch: Batch): Promise<TableExpr[]> {
    const delta = await this.operator.step(batch)
    return delta ? [rawTable(delta, this.alias)] : []
  }
}
