import type { Expr, Query, Select } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'
import { ROW_NUMBER } from '../storage/row_number.js'
import { namesIn } from './names_in.js'
import type { Batch, Delta, Operator, Semantic, Source } from './operator.js'
import type { Pipe } from './pipe.js'

/** Stands in a SELECT list where one more column may go. */
const MORE = '/*more*/0'
const MORE_COLUMN: Expr = { kind: 'alias', expr: { kind: 'raw', sql: MORE }, name: ROW_NUMBER }
const WRITTEN = `, ${MORE} AS \`${ROW_NUMBER}\``

/** Filter and projection: one SELECT without memory over the rows of a batch. */
export class Project implements Operator {
  readonly children: Operator[]
  readonly semantic: Semantic
  /** What of the FROM may be named; undefined: everything. */
  readonly #named: ReadonlySet<string> | undefined
  /** Nothing happens to rows after the list is evaluated, so that rows may be numbered in it. */
  readonly #keepsRows: boolean

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
    this.#named = namesIn(select)
    const { distinct, orderBy, limit, limitBy, offset } = select
    const bare = [distinct, orderBy, limit, limitBy, offset].every((clause) => !clause)
    this.#keepsRows = bare && !sample.sql.includes('arrayJoin(')
  }

  static async create(pipe: Pipe, select: Select, source: Source, costly: boolean): Promise<Project> {
    const { translated, columns } = await pipe.describe(over(select, source.sample()))
    const sample = { sql: `(${translated.sql})`, columns: columns.map((c) => c.name) }
    return new Project(pipe, select, source, columns, sample, costly || source.costly)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const parts: string[] = []
    const select = { ...this.select, columns: [...this.select.columns, MORE_COLUMN] }
    for (const from of await this.source.bind(batch, this.#named)) {
      parts.push((await this.pipe.translate(over(select, from))).sql)
    }
    if (parts.length === 0) return undefined
    const columns = this.columns.map((c) => c.name)
    const narrow = parts.map((part) => part.replace(WRITTEN, ''))
    if (parts.length > 1) {
      return { sql: `(${narrow.map((part) => `SELECT * FROM (${part})`).join(' UNION ALL ')})`, columns }
    }
    const delta: Delta = { sql: `(${narrow[0]})`, columns }
    if (!this.#keepsRows) return delta
    const [before, after] = parts[0]!.split(MORE)
    return { ...delta, widened: [before!, after!] }
  }

  get oneForOne(): boolean {
    const { where, prewhere, having } = this.select
    return this.#keepsRows && !where && !prewhere && !having && (this.source.oneForOne ?? false)
  }

  origin(batch: Batch, column: string): string | undefined {
    const path = passedThrough(this.select, column)
    return path && this.source.origin?.(batch, path)
  }
}

/** The column of the FROM that a column of the result is, untouched; undefined where it is none. */
function passedThrough(select: Select, column: string): string[] | undefined {
  const { columns } = select
  if (select.with.length > 0 || columns.some((item) => item.kind === 'star')) return undefined
  const nameOf = (item: Expr) =>
    item.kind === 'alias' ? item.name : item.kind === 'column' ? item.path.at(-1) : undefined
  const [item, ...more] = columns.filter((candidate) => nameOf(candidate) === column)
  const expr = item?.kind === 'alias' ? item.expr : item
  if (expr?.kind !== 'column' || more.length > 0) return undefined
  // An alias of the same list hides a column of its name.
  const name = expr.path.at(-1)
  return columns.some((other) => other !== item && other.kind === 'alias' && other.name === name)
    ? undefined
    : expr.path
}

/** The SELECT with another FROM, without what is not the store's business. */
export function over(select: Select, from: Select['from']): Query {
  const { emit, settings, format, intoOutfile, partitionBy, shuffleBy, ...rest } = select
  void [emit, settings, format, intoOutfile, partitionBy, shuffleBy]
  return { ...rest, from }
}
