import type { Join, TableExpr } from '../../dialect/ast.js'
import type { JoinCondition, Side } from './join_keys.js'
import type { JoinSide } from './join_side.js'
import type { Batch, Operator, Source } from './operator.js'

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
    this.operators = [...left.operators, ...right.operators]
    this.side = { relations: [...left.from.relations, ...right.from.relations] }
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
      const met = await this.right.from.meeting(this.right.rows('all'), rightKeys, rows, leftKeys)
      bindings.push(this.#joined(rows, met, this.join.join))
    }
    if (right) {
      const rows = this.right.rows('new')
      const met = await this.left.from.meeting(this.left.rows('old'), leftKeys, rows, rightKeys)
      bindings.push(this.#joined(met, rows, 'inner'))
    }
    return bindings
  }

  #joined(left: TableExpr, right: TableExpr, kind: Join['join']): TableExpr {
    return { ...this.join, join: kind, strictness: undefined, left, right }
  }
}
