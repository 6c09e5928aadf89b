import type {
  ExternalStreamObject,
  MaterializedViewObject,
  OutputColumn,
  RowSource,
  StreamObject,
} from '../contracts.js'
import { EngineError } from '../errors.js'
import type { Delta } from './operator.js'
import { type Pipe, unwrap } from './pipe.js'

/**
 * Where a view writes. Columns are matched by name: what the target does not know is dropped, what it has
 * besides takes its default (DIALECT §4).
 */
export class Sink {
  /** The query's column and the target's. */
  readonly #columns: { from: string; to: string; type: string }[]

  /** `names`: the view's own list of columns, which renames the query's by position. */
  constructor(
    readonly pipe: Pipe,
    readonly target: StreamObject | ExternalStreamObject,
    columns: OutputColumn[],
    names: string[] = [],
  ) {
    const known = new Set(target.columns.filter((c) => isWritable(c)).map((c) => c.name))
    this.#columns = columns
      .map((c, i) => ({ from: c.name, to: names[i] ?? c.name, type: c.chType }))
      .filter(({ to }) => known.has(to))
    if (this.#columns.length === 0) {
      throw new EngineError(
        'EMPTY_LIST_OF_COLUMNS_QUERIED',
        `No column of the query is a column of the target ${target.name.database}.${target.name.name}`,
      )
    }
  }

  static open(pipe: Pipe, view: MaterializedViewObject, columns: OutputColumn[]): Sink {
    const target = pipe.deps.catalog.require(view.target)
    if (target.kind !== 'stream' && target.kind !== 'external_stream') {
      throw new EngineError('NOT_IMPLEMENTED', `A materialized view cannot write into ${view.target.name}`)
    }
    return new Sink(
      pipe,
      target,
      columns,
      view.statement.columns?.map((c) => c.name),
    )
  }

  /**
   * Rows written, without those of tokens that were written before. The deltas of a batch's pieces come together.
   * `counts`: asks for the rows of each, where the tokens are new ones. `few`: as the store has it.
   */
  async write(
    deltas: Delta[],
    token: string,
    { counts, few }: { counts?: (() => number | undefined)[]; few?: boolean } = {},
  ): Promise<number> {
    const { store, external } = this.pipe.deps
    const { target } = this
    const pieces = deltas.map((delta, i) => ({
      rows: this.#rows(delta, counts?.[i]),
      token: deltas.length === 1 ? token : `${token}:${i}`,
    }))
    if (target.kind === 'stream') return (await store.appendPieces(target, pieces, { few })).rows
    let rows = 0
    for (const piece of pieces)
      rows += (await external.write(target, piece.rows, { token: piece.token })).rows
    return rows
  }

  #rows({ sql, columns, widened }: Delta, count: (() => number | undefined) | undefined): RowSource {
    const all = this.#columns.length === columns.length
    return {
      ...(widened && all ? { widened } : {}),
      kind: 'select',
      select: unwrap(sql),
      picked: this.#columns.map(({ from }) => from),
      columns: this.#columns.map(({ to }) => to),
      types: this.#columns.map(({ type }) => type),
      ...(count ? { count } : {}),
    }
  }
}

function isWritable(column: { default?: { kind: string } }): boolean {
  return column.default === undefined || column.default.kind === 'default'
}
