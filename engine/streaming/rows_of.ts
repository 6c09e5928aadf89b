import type { Expr, Select, TableExpr } from '../../dialect/ast.js'
import type { OutputColumn } from '../contracts.js'
import { textColumns } from '../text_columns.js'
import { VIRTUAL_COLUMNS } from './bounded.js'
import type { Side } from './join_keys.js'
import type { LiveRows, RowColumn } from './live_rows.js'
import { type Batch, DELTA, type Delta, type Operator, type Source } from './operator.js'
import { type Pipe, rawTable } from './pipe.js'
import { column, selectFrom, tuple } from './syntax.js'

const VIRTUAL: ReadonlySet<string> = new Set(VIRTUAL_COLUMNS)

interface Named extends RowColumn {
  expr: Expr
}

/**
 * The rows of a FROM in one relation, whatever joins it holds: columns of one relation keep their names, those of
 * several are named `relation.column`.
 */
export class RowsOf {
  private constructor(
    readonly pipe: Pipe,
    readonly source: Source,
    readonly relations: Side['relations'],
    readonly columns: Named[],
  ) {}

  /** `wanted`: what of it will be named; undefined: everything but what `*` leaves out. */
  static async create(pipe: Pipe, source: Source, side: Side, wanted?: ReadonlySet<string>): Promise<RowsOf> {
    const isKept = (name: string) =>
      name !== DELTA.name && (wanted === undefined ? !VIRTUAL.has(name) : wanted.has(name))
    const relations = side.relations
      .filter(({ alias, columns }) => alias !== undefined || columns.some(isKept))
      .map(({ alias, columns }) => ({ alias, columns: columns.filter(isKept) }))
    const single = relations.length === 1
    const named = relations.flatMap(({ alias, columns }) =>
      columns.map((name) =>
        single || alias === undefined
          ? { name, expr: column(name) }
          : { name: `${alias}.${name}`, expr: column(alias, name) },
      ),
    )
    const rows = new RowsOf(
      pipe,
      source,
      relations,
      named.map((c) => ({ ...c, type: '' })),
    )
    if (named.length === 0) return rows
    const { sql } = await pipe.translate(rows.#select(source.sample(), []))
    const types = await pipe.deps.chdb.describe(sql)
    const columns = named.map((c, i) => ({ ...c, type: types[i]!.type }))
    return new RowsOf(pipe, source, relations, columns)
  }

  get names(): string[] {
    return this.columns.map(({ name }) => name)
  }

  /** The column of the relation that an expression is; undefined for any other expression. */
  nameOf(expr: Expr): string | undefined {
    if (expr.kind !== 'column') return undefined
    const [first, second] = expr.path
    if (this.relations.length === 1) {
      const name = expr.path.length === 1 ? first! : second!
      return this.names.includes(name) ? name : undefined
    }
    if (expr.path.length === 2) return this.names.find((name) => name === `${first}.${second}`)
    const owner = this.relations.find(({ columns }) => columns.includes(first!))
    return owner && (owner.alias === undefined ? first : `${owner.alias}.${first}`)
  }

  /** The rows of bindings of the source as a SELECT of the columns, then `more`; undefined without bindings. */
  async select(bindings: TableExpr[], more: Expr[], rest: Partial<Select> = {}): Promise<string | undefined> {
    const parts: string[] = []
    for (const from of bindings) parts.push((await this.pipe.translate(this.#select(from, more, rest))).sql)
    if (parts.length < 2) return parts[0]
    return parts.map((part) => `SELECT * FROM (${part})`).join(' UNION ALL ')
  }

  /** A relation with these columns, addressed as the FROM is. `deltas`: it has `_tp_delta` too. */
  table(sql: string, deltas = false): TableExpr {
    const delta = deltas ? [DELTA.name] : []
    const columns = [...this.names, ...delta]
    const strings = textColumns(this.columns)
    if (this.relations.length === 1) return rawTable({ sql, columns, strings }, this.relations[0]!.alias)
    const own = this.relations.map((relation) => ({
      ...relation,
      strings: relation.columns.filter((name) =>
        strings.includes(relation.alias === undefined ? name : `${relation.alias}.${name}`),
      ),
    }))
    const relations = deltas ? [...own, { columns: delta }] : own
    return { kind: 'raw_table', sql, columns, relations }
  }

  /** Of rows in one relation those whose keys occur among others. */
  async meeting(rows: TableExpr, keys: Expr[], others: TableExpr, otherKeys: Expr[]): Promise<TableExpr> {
    const wanted: Expr = { kind: 'alias', expr: tuple(otherKeys), name: '__tp_key' }
    const list: Expr = { kind: 'subquery', query: selectFrom(others, [wanted]) }
    const where: Expr = { kind: 'in', expr: tuple(keys), list, not: false, global: false }
    return this.table(`(${(await this.pipe.translate(this.#select(rows, [], { where }))).sql})`)
  }

  #select(from: TableExpr, more: Expr[], rest: Partial<Select> = {}): Select {
    const columns = this.columns.map(({ name, expr }): Expr => ({ kind: 'alias', expr, name }))
    return selectFrom(from, [...columns, ...more], rest)
  }
}

/** One side of a join, as the changelog of its rows and the rows in force. */
export class LiveSide implements Operator {
  readonly children: Operator[]
  readonly semantic = 'changelog'
  readonly costly = false
  readonly columns: OutputColumn[] = []

  constructor(
    readonly rows: RowsOf,
    readonly live: LiveRows,
  ) {
    this.children = rows.source.operators
  }

  get sample(): Delta {
    return this.live.changes()
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const bindings = await this.rows.source.bind(batch)
    const changes = await this.rows.select(bindings, [column(DELTA.name)])
    if (changes === undefined || !(await this.live.add(batch, changes))) return undefined
    return this.live.changes()
  }

  settle(batch: Batch): Promise<void> {
    return this.live.settle(batch)
  }

  /** No rows. */
  empty(): TableExpr {
    return this.rows.table(`(SELECT * FROM ${this.live.current().sql} WHERE 0)`)
  }
}

/** A join whose left side is a changelog, as one relation: `_tp_delta` is its own, and comes last. */
export class JoinedChangelog implements Source {
  readonly operators: Operator[]
  readonly semantic = 'changelog'
  readonly costly = true
  readonly side: Side

  private constructor(
    readonly rows: RowsOf,
    readonly empty: string,
  ) {
    this.operators = rows.source.operators
    this.side = { relations: [...rows.relations, { columns: [DELTA.name] }] }
  }

  static async create(
    pipe: Pipe,
    source: Source,
    side: Side,
    wanted: ReadonlySet<string> | undefined,
  ): Promise<JoinedChangelog> {
    const rows = await RowsOf.create(pipe, source, side, wanted)
    return new JoinedChangelog(rows, (await rows.select([source.sample()], [column(DELTA.name)]))!)
  }

  sample(): TableExpr {
    return this.rows.table(`(${this.empty})`, true)
  }

  async bind(batch: Batch): Promise<TableExpr[]> {
    const sql = await this.rows.select(await this.rows.source.bind(batch), [column(DELTA.name)])
    return sql === undefined ? [] : [this.rows.table(`(${sql})`, true)]
  }
}
