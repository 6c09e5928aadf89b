import type { Expr, Join, TableExpr } from '../../dialect/ast.js'
import type { JoinCondition, Side } from './join_keys.js'
import type { JoinSide } from './join_side.js'
import type { Batch, Operator, Source } from './operator.js'
import { column, selectFrom, tuple } from './syntax.js'

/**
 * Two append streams, every match of all rows since the query started: what is new on the left meets
 * everything on the right, and what is new on the right meets what was on the left before. A left row of a
 * LEFT JOIN shows without a match when it finds none at its arrival.
 */
export class StreamJoin implements Source {
  readonly operators: Operator[]
  readonly semantic = 'append'
  readonly costly = true
  readonly side: Side

  constructor(
    readonly join: Join,
    readonly left: JoinSide,
    readonly right: JoinSide,
    readonly condition: JoinCondition,
  ) {
    this.operators = [left.operator, right.operator]
    this.side = { relations: [left, right].map(({ alias, columns }) => ({ alias, columns })) }
  }

  sample(): TableExpr {
    return this.#joined(this.left.sample(), this.right.sample(), this.join.join)
  }

  async bind(batch: Batch): Promise<TableExpr[]> {
    const left = await this.left.add(batch)
    const right = await this.right.add(batch)
    const [leftKeys, rightKeys] = [
      this.condition.keys.map((k) => k.left),
      this.condition.keys.map((k) => k.right),
    ]
    const bindings: TableExpr[] = []
    if (left) {
      const rows = this.left.rows('new')
      const met = meeting(this.right, 'all', rightKeys, rows, leftKeys)
      bindings.push(this.#joined(rows, met, this.join.join))
    }
    if (right) {
      const rows = this.right.rows('new')
      const met = meeting(this.left, 'old', leftKeys, rows, rightKeys)
      bindings.push(this.#joined(met, rows, 'inner'))
    }
    return bindings
  }

  #joined(left: TableExpr, right: TableExpr, kind: Join['join']): TableExpr {
    return { ...this.join, join: kind, strictness: undefined, left, right }
  }
}

/** Rows of one side whose keys occur in the other's. */
function meeting(
  side: JoinSide,
  which: 'all' | 'old',
  keys: Expr[],
  others: TableExpr,
  otherKeys: Expr[],
): TableExpr {
  const columns = side.columns.map((name): Expr => ({ kind: 'alias', expr: column(side.alias, name), name }))
  const where: Expr = {
    kind: 'in',
    expr: tuple(keys),
    list: { kind: 'subquery', query: selectFrom(others, [tuple(otherKeys)]) },
    not: false,
    global: false,
  }
  return {
    kind: 'subquery_table',
    query: selectFrom(side.rows(which), columns, { where }),
    alias: side.alias,
  }
}
