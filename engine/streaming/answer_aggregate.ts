import type { Expr, Select } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'
import type { Batch, Delta, Operator, SavedState, Source } from './operator.js'
import type { Pipe } from './pipe.js'
import { over } from './project.js'

const ROWS: Expr = { kind: 'raw', sql: 'count() > 0' }

/**
 * An aggregation over the answers of another one. An answer takes the place of the one before it, so each is
 * aggregated by itself, when it comes: there is nothing to keep (Proton's shouldKeepAggregateState).
 */
export class AnswerAggregate implements Operator {
  readonly children: Operator[]
  readonly semantic = 'append'
  readonly costly: boolean
  /** Emissions so far. */
  #version = 0

  private constructor(
    readonly pipe: Pipe,
    readonly select: Select,
    readonly source: Source,
    readonly columns: OutputColumn[],
    readonly sample: Delta,
  ) {
    this.children = source.operators
    this.costly = source.costly
  }

  static async create(pipe: Pipe, written: Select, source: Source): Promise<AnswerAggregate> {
    // Without a key there is one row even over nothing.
    const { having } = written
    const rows: Expr = having ? { kind: 'binary', op: 'and', left: ROWS, right: having } : ROWS
    const select = written.groupBy ? written : { ...written, having: rows }
    const { translated, columns } = await pipe.describe(over(select, source.sample()))
    const sample = { sql: `(${translated.sql})`, columns: columns.map((c) => c.name) }
    return new AnswerAggregate(pipe, select, source, columns, sample)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const [answer] = await this.source.bind(batch)
    if (!answer) return undefined
    this.pipe.emitVersion = this.#version++
    const { sql } = await this.pipe.translate(over(this.select, answer))
    return { sql: `(${sql})`, columns: this.columns.map((c) => c.name) }
  }

  save(): SavedState {
    return { version: this.#version }
  }

  load(state: SavedState): void {
    this.#version = (state.version as number | undefined) ?? 0
  }
}
