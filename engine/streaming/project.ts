import type { Query, Select } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'
import type { Batch, Delta, Operator, Semantic, Source } from './operator.js'
import type { Pipe } from './pipe.js'

/** Filter and projection: one SELECT without memory over the rows of a batch. */
export class Project implements Operator {
  readonly children: Operator[]
  readonly semantic: Semantic

  private constructor(
    readonly pipe: Pipe,
    readonly select: Select,
    readonly source: Source,
    readonly columns: OutputColumn[],
    readonly sample: Delta,
    readonly costly: boolean,
  ) {
    this.children = source.operators
    this.semantic = source.semantic
  }

  static async create(pipe: Pipe, select: Select, source: Source, costly: boolean): Promise<Project> {
    const { translated, columns } = await pipe.describe(over(select, source.sample()))
    const sample = { sql: `(${translated.sql})`, columns: columns.map((c) => c.name) }
    return new Project(pipe, select, source, columns, sample, costly || source.costly)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const parts: string[] = []
    for (const from of await this.source.bind(batch)) {
      const { sql } = await this.pipe.translate(over(this.select, from))
      parts.push(sql)
    }
    if (parts.length === 0) return undefined
    return {
      sql:
        parts.length === 1
          ? `(${parts[0]})`
          : `(${parts.map((p) => `SELECT * FROM (${p})`).join(' UNION ALL ')})`,
      columns: this.columns.map((c) => c.name),
    }
  }
}

/** The SELECT with another FROM, without what is not the store's business. */
export function over(select: Select, from: Select['from']): Query {
  const { emit, settings, format, intoOutfile, partitionBy, shuffleBy, ...rest } = select
  void [emit, settings, format, intoOutfile, partitionBy, shuffleBy]
  return { ...rest, from }
}
