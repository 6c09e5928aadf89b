import type { Expr, Join, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { Relation } from '../contracts.js'
import type { JoinCondition, Side } from './join_keys.js'
import { type Batch, DELTA, type Operator, type Source } from './operator.js'
import type { Pipe } from './pipe.js'
import type { LiveSide } from './rows_of.js'
import { column, selectFrom } from './syntax.js'

/** Names under which the two sides show what happens to their rows. */
const LEFT_DELTA = '__tp_left_delta'
const RIGHT_DELTA = '__tp_right_delta'

/**
 * Two changelogs, ALL: what happens to a row of one side happens to its pairs with the other side's rows in force.
 * The right side's changes come first, as in Proton. A left row of a LEFT JOIN stands alone as long as it has no pair:
 * that row is retracted when the first pair comes, and comes back when the last one goes.
 */
export class ChangelogJoin implements Source {
  readonly operators: Operator[]
  readonly semantic = 'changelog'
  readonly costly = true
  readonly side: Side

  private constructor(
    readonly pipe: Pipe,
    readonly join: Join,
    readonly left: LiveSide,
    readonly right: LiveSide,
    readonly condition: JoinCondition,
    readonly on: Expr,
    /** Columns of USING: shown once. */
    readonly using: ReadonlySet<string>,
    readonly empty: string,
  ) {
    this.operators = [left, right]
    const shown = right.rows.relations.map(({ alias, columns }) => ({
      alias,
      columns: columns.filter((name) => !using.has(name)),
    }))
    this.side = { relations: [...left.rows.relations, ...shown, { columns: [DELTA.name] }] }
  }

  static async create(
    pipe: Pipe,
    join: Join,
    left: LiveSide,
    right: LiveSide,
    condition: JoinCondition,
  ): Promise<ChangelogJoin> {
    const pairs = condition.keys.map(
      (key): Expr => ({ kind: 'binary', op: '=', left: key.left, right: key.right }),
    )
    const on = [...pairs, ...condition.rest].reduce((one, other) => ({
      kind: 'binary',
      op: 'and',
      left: one,
      right: other,
    }))
    const using = new Set((join.using ?? []).map((expr) => (expr.kind === 'column' ? expr.path.at(-1)! : '')))
    const source = new ChangelogJoin(pipe, join, left, right, condition, on, using, '')
    const empty = await source.#pairs('inner', left.empty(), right.empty(), '0')
    return new ChangelogJoin(pipe, join, left, right, condition, on, using, `(${empty})`)
  }

  sample(): TableExpr {
    return this.#table(this.empty)
  }

  async bind(batch: Batch): Promise<TableExpr[]> {
    const [left, right] = [await this.left.step(batch), await this.right.step(batch)]
    if (!left && !right) return []
    const parts: string[] = []
    if (right) parts.push(...(await this.#rightChanged(left !== undefined, right)))
    if (left) parts.push(await this.#leftChanged(left))
    const ranked = parts.map((part, i) => `SELECT *, ${i} AS __part FROM (${part})`)
    const list = [...this.#names.map(id), DELTA.name, '_tp_sn'].join(', ')
    const sql = `(SELECT ${list} FROM (${ranked.join(' UNION ALL ')}) ORDER BY ${DELTA.name}, __part, _tp_sn)`
    return [this.#table(sql)]
  }

  /** The right side's changes with the left rows as they were. */
  async #rightChanged(leftChanged: boolean, changes: Relation): Promise<string[]> {
    const { left, right } = this
    const rightKeys = this.condition.keys.map((key) => key.right)
    const leftKeys = this.condition.keys.map((key) => key.left)
    const changed = right.rows.table(changes.sql)
    const before = left.rows.table((leftChanged ? left.live.before() : left.live.current()).sql)
    const met = await left.rows.meeting(before, leftKeys, changed, rightKeys)
    const fresh = right.rows.table(renamed(right, changes, RIGHT_DELTA))
    const pairs = await this.#pairs('inner', met, fresh, RIGHT_DELTA)
    if (this.join.join !== 'left') return [pairs]
    const [old, now] = await Promise.all(
      [right.live.before(), right.live.current()].map(({ sql }) =>
        right.rows.meeting(right.rows.table(sql), rightKeys, changed, rightKeys),
      ),
    )
    return [
      await this.#alone(await this.#matched(met, old!, now!), -1),
      pairs,
      await this.#alone(await this.#matched(met, now!, old!), 1),
    ]
  }

  /** The left side's changes with the right rows as they are. */
  async #leftChanged(changes: Relation): Promise<string> {
    const { left, right } = this
    const rightKeys = this.condition.keys.map((key) => key.right)
    const leftKeys = this.condition.keys.map((key) => key.left)
    const current = right.rows.table(right.live.current().sql)
    const met = await right.rows.meeting(current, rightKeys, left.rows.table(changes.sql), leftKeys)
    return this.#pairs(this.join.join, left.rows.table(renamed(left, changes, LEFT_DELTA)), met, LEFT_DELTA)
  }

  /** Left rows without a match in one relation of right rows, and with one in the other. */
  async #matched(rows: TableExpr, without: TableExpr, within: TableExpr): Promise<TableExpr> {
    const { left } = this
    const columns = left.rows.columns.map(({ name, expr }): Expr => ({ kind: 'alias', expr, name }))
    const filter = async (from: TableExpr, strictness: 'semi' | 'anti', right: TableExpr) => {
      const join: Join = { kind: 'join', join: 'left', strictness, left: from, right, on: this.on }
      return left.rows.table(`(${(await this.pipe.translate(selectFrom(join, columns))).sql})`)
    }
    return filter(await filter(rows, 'anti', without), 'semi', within)
  }

  /** Left rows with nothing on the right. */
  #alone(rows: TableExpr, sign: number): Promise<string> {
    return this.#pairs('left', rows, this.right.empty(), String(sign))
  }

  async #pairs(kind: Join['join'], left: TableExpr, right: TableExpr, delta: string): Promise<string> {
    const names = this.#names
    const exprs = [...this.left.rows.columns, ...this.right.rows.columns].map((c, i): Expr => {
      const expr = this.#qualified(c.expr, i < this.left.rows.columns.length)
      return { kind: 'alias', expr, name: names[i]! }
    })
    const join: Join = { kind: 'join', join: kind, left, right, on: this.on }
    const more: Expr[] = [
      { kind: 'alias', expr: { kind: 'raw', sql: `toInt8(${delta})` }, name: DELTA.name },
      {
        kind: 'alias',
        expr: { kind: 'raw', sql: ORDERED.has(delta) ? `${delta}_order` : 'toUInt64(0)' },
        name: '_tp_sn',
      },
    ]
    return (await this.pipe.translate(selectFrom(join, [...exprs, ...more]))).sql
  }

  /** A column of a side that is one relation, with the relation's name. */
  #qualified(expr: Expr, isLeft: boolean): Expr {
    const { relations } = (isLeft ? this.left : this.right).rows
    return relations.length === 1 && expr.kind === 'column'
      ? column(relations[0]!.alias!, ...expr.path)
      : expr
  }

  get #names(): string[] {
    return [this.left, this.right].flatMap(({ rows }) =>
      rows.relations.length === 1
        ? rows.names.map((name) => `${rows.relations[0]!.alias}.${name}`)
        : rows.names,
    )
  }

  #table(sql: string): TableExpr {
    this.pipe.ordered.add(sql)
    return { kind: 'raw_table', sql, columns: [...this.#names, DELTA.name], relations: this.side.relations }
  }
}

const ORDERED = new Set([LEFT_DELTA, RIGHT_DELTA])

/** A side's changes with `_tp_delta` and their order under names that no side has. */
function renamed(side: LiveSide, changes: Relation, name: string): string {
  const list = side.rows.names.map(id)
  return `(SELECT ${[...list, `${DELTA.name} AS ${name}`, `_tp_sn AS ${name}_order`].join(', ')} FROM ${changes.sql})`
}
