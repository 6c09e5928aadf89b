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
  readonly #columns: { from: string; to: string }[]

  /** `names`: the view's own list of columns, which renames the query's by position. */
  constructor(
    readonly pipe: Pipe,
    readonly target: StreamObject | ExternalStreamObject,
    columns: OutputColumn[],
    names: string[] = [],
  ) {
    const known = new Set(target.columns.filter((c) => isWritable(c)).map((c) => c.name))
    this.#columns = columns
      .map((c, i) => ({ from: c.name, to: names[i] ?? c.name }))
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

  /** Rows written; 0 when the same token was written before. `count`: of the delta, where the token is a new one. */
  async write(delta: Delta, token: string, count?: () => number | undefined): Promise<number> {
    const { widened } = delta
    const all = this.#columns.length === delta.columns.length
    const rows: RowSource = {
      ...(widened && all ? { widened } : {}),
      kind: 'select',
      select: unwrap(delta.sql),
      picked: this.#columns.map(({ from }) => from),
      columns: this.#columns.map(({ to }) => to),
      ...(count ? { count } : {}),
    }
    const { store, external } = this.pipe.deps
    const { target } = this
    const result =
      target.kind === 'stream'
        ? await store.append(target, rows, { token })
        : await external.write(target, rows, { token })
    return result.rows
  }
}

function isWritable(column: { default?: { kind: string } }): boolean {
  return column.default === undefined || column.default.kind === 'default'
}
