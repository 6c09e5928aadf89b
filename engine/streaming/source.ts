import type { TableExpr } from '../../dialect/ast.js'
import { textColumns } from '../text_columns.js'
import type { Batch, Delta, Operator, Semantic, Source } from './operator.js'
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

  get oneForOne(): boolean {
    return this.operator.oneForOne ?? false
  }

  sample(): TableExpr {
    return this.#table(this.operator.sample)
  }

  async bind(batch: Batch, wanted?: ReadonlySet<string>): Promise<TableExpr[]> {
    const delta = await this.operator.step(batch, wanted)
    return delta ? [this.#table(delta)] : []
  }

  #table({ sql, columns }: Delta): TableExpr {
    return rawTable({ sql, columns, strings: textColumns(this.operator.columns) }, this.alias)
  }

  origin(batch: Batch, path: string[]): string | undefined {
    if (path.length > 2 || (path.length === 2 && path[0] !== this.alias)) return undefined
    return this.operator.origin?.(batch, path.at(-1)!)
  }
}
