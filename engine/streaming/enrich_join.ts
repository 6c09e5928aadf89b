import type { Expr, Join, Query, TableExpr } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { anyOrder } from './any_order.js'
import type { JoinCondition, Side } from './join_keys.js'
import { joinCondition } from './join_keys.js'
import { namesInExpressions } from './names_in.js'
import { type Batch, type Operator, ORIGIN, type Semantic, type Source } from './operator.js'
import { column, columnsOf, number, selectFrom, tuple } from './syntax.js'

/** Name under which a right side shows the order of arrival of its rows. */
export const ARRIVAL = '__tp_arrival'

/** A source as the left of a join, with what can be named in it. */
export interface JoinInput {
  source: Source
  side: Side
}

/** The right of an enrichment: rows that are looked up, and never trigger anything. */
export interface Lookup {
  alias: string
  columns: string[]
  /** As a step of a plan. */
  described: string
  /** Rows that exist now; with `ARRIVAL` among them where the order of arrival is known. */
  current(): Promise<TableExpr>
  /** The column whose largest value per primary key is the current row. */
  versionColumn?: string
  hasArrival: boolean
  /** Columns of which no two current rows have the same values. */
  unique?: readonly string[]
  /** What feeds it, where it is fed batch by batch. */
  operators?: Operator[]
  /** Takes the batch's rows before the left ones look them up. */
  prepare?(batch: Batch): Promise<void>
}

/**
 * Rows of a stream, completed from a keyed stream or a table. Only left rows trigger; each batch looks up
 * the keys that occur in it, in what is committed on the right when the batch runs.
 */
export class EnrichJoin implements Source {
  readonly operators: Operator[]
  readonly semantic: Semantic
  readonly costly = true
  readonly side: Side
  /** What its condition may name. */
  readonly #named: ReadonlySet<string> | undefined

  constructor(
    readonly join: Join,
    readonly left: JoinInput,
    readonly right: Lookup,
    readonly keepVersions: number,
    readonly condition: JoinCondition,
    /** A sample of the right side, reduced as a batch would. */
    readonly emptyRight: TableExpr,
  ) {
    this.operators = [...left.source.operators, ...(right.operators ?? [])]
    this.semantic = left.source.semantic
    this.side = { relations: [...left.side.relations, { alias: right.alias, columns: right.columns }] }
    this.#named = namesInExpressions([...(join.using ?? []), ...(join.on ? [join.on] : [])])
  }

  static async create(join: Join, left: JoinInput, right: Lookup, keepVersions: number): Promise<EnrichJoin> {
    const condition = joinCondition(join, left.side, { relations: [right] })
    if ((join.strictness === 'latest' || join.strictness === 'any') && !right.hasArrival) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'LATEST JOIN with this right side is not supported: its rows have no order of arrival',
      )
    }
    return new EnrichJoin(join, left, right, keepVersions, condition, await right.current())
  }

  sample(): TableExpr {
    const left = this.left.source.sample()
    return this.#joined(left, this.#reduced(this.emptyRight, left, NO_BATCH))
  }

  async bind(batch: Batch, wanted?: ReadonlySet<string>): Promise<TableExpr[]> {
    const bindings: TableExpr[] = []
    const needed = wanted && this.#named && new Set([...wanted, ...this.#named])
    await this.right.prepare?.(batch)
    for (const left of await this.left.source.bind(batch, needed)) {
      bindings.push(this.#joined(left, this.#reduced(await this.right.current(), left, batch, needed)))
    }
    return bindings
  }

  get oneForOne(): boolean {
    const { join, strictness = 'all' } = this.join
    const meetsOne = strictness !== 'all' || this.#meetsOneAtMost
    return (
      join === 'left' && meetsOne && !this.right.operators?.length && (this.left.source.oneForOne ?? false)
    )
  }

  /** Only what is written with its alias is surely the left's. */
  origin(batch: Batch, path: string[]): string | undefined {
    if (path.length !== 2 || path[0] === this.right.alias) return undefined
    return this.left.source.origin?.(batch, path)
  }

  /** The keys of the join hold what tells the current rows apart. */
  get #meetsOneAtMost(): boolean {
    const keys = this.condition.keys.map(({ right }) =>
      right.kind === 'column' ? right.path.at(-1) : undefined,
    )
    return this.right.unique?.every((name) => keys.includes(name)) === true
  }

  #joined(left: TableExpr, right: TableExpr): TableExpr {
    const { strictness, ...join } = this.join
    return { ...join, ...(strictness === 'asof' ? { strictness } : {}), left, right }
  }

  /** The condition that leaves the right rows with a key that the left rows may have. */
  #meets(left: TableExpr, batch: Batch): Expr {
    const { keys } = this.condition
    const origins = keyOrigins(this.left.source, this.condition, batch)
    if (!origins) {
      const wanted = selectFrom(branch(left, this.condition), [tuple(keys.map((k) => k.left))])
      return isIn(tuple(keys.map((k) => k.right)), wanted)
    }
    return keys
      .map((key, i) =>
        isIn(key.right, everything({ kind: 'raw_table', sql: origins[i]!, columns: [ORIGIN] })),
      )
      .reduce((one, other) => ({ kind: 'binary', op: 'and', left: one, right: other }))
  }

  /** The right rows that the left rows can meet: at most one per key for LATEST, `keep_versions` for ASOF. */
  #reduced(rows: TableExpr, left: TableExpr, batch: Batch, needed?: ReadonlySet<string>): TableExpr {
    const keys = this.condition.keys.map((k) => k.right)
    const where = this.#meets(left, batch)
    const { alias } = this.right
    const columns = this.right.columns
      .filter((name) => needed === undefined || needed.has(name))
      .map((name): Expr => ({ kind: 'alias', expr: column(alias, name), name }))
    const newest = this.right.hasArrival ? [{ expr: column(ARRIVAL), descending: true }] : []
    const { inequality } = this.condition
    const settings = anyOrder(batch)
    if ((this.join.strictness ?? 'all') === 'all' || this.#meetsOneAtMost) {
      return { kind: 'subquery_table', query: selectFrom(rows, columns, { where, settings }), alias }
    }
    if (!inequality) {
      const query = selectFrom(rows, columns, {
        where,
        orderBy: newest,
        limitBy: { limit: number(1), by: keys },
        settings,
      })
      return { kind: 'subquery_table', query, alias }
    }
    const order = [{ expr: inequality.right, descending: true }, ...newest]
    const limitBy = { limit: number(this.keepVersions), by: keys }
    const best = { where, orderBy: order, limitBy, settings }
    if (this.keepVersions === 1)
      return { kind: 'subquery_table', query: selectFrom(rows, columns, best), alias }
    const kept = selectFrom(rows, [...columns, ...(this.right.hasArrival ? [column(ARRIVAL)] : [])], best)
    // Among equal values of the inequality's column the newest row counts.
    const untied = selectFrom({ kind: 'subquery_table', query: kept, alias }, columns, {
      orderBy: order,
      limitBy: { limit: number(1), by: [...keys, inequality.right] },
    })
    return { kind: 'subquery_table', query: untied, alias }
  }
}

const NO_BATCH: Batch = { seq: 0, now: 0, ranges: {} }

/** For each key a relation of the values it may have on the left; undefined where only the left rows themselves tell. */
function keyOrigins(left: Source, { keys }: JoinCondition, batch: Batch): string[] | undefined {
  const origins = keys.map((key) =>
    key.left.kind === 'column' ? left.origin?.(batch, key.left.path) : undefined,
  )
  return origins.includes(undefined) ? undefined : (origins as string[])
}

/** Whether a join with this condition looks up keys without reading the left rows twice. */
export function knowsKeys(left: Source, condition: JoinCondition): boolean {
  return keyOrigins(left, condition, NO_BATCH) !== undefined
}

function isIn(expr: Expr, query: Query): Expr {
  return { kind: 'in', expr, list: { kind: 'subquery', query }, not: false, global: false }
}

/** `SELECT * FROM table`. */
export function everything(table: TableExpr): Query {
  return selectFrom(table, [{ kind: 'star' }])
}

/** The part of a joined left side that all left keys come from, so that looking up keys does not run its joins again. */
function branch(left: TableExpr, condition: JoinCondition): TableExpr {
  if (left.kind !== 'join') return left
  const refs = condition.keys.flatMap((k) => columnsOf(k.left))
  const alias = refs[0]?.path.length === 2 ? refs[0].path[0] : undefined
  if (alias === undefined || refs.some((ref) => ref.path.length !== 2 || ref.path[0] !== alias)) return left
  const found = [left.left, left.right].find(
    (side) => side.kind !== 'join' && 'alias' in side && side.alias === alias,
  )
  if (found) return found
  return left.left.kind === 'join' ? branch(left.left, condition) : left
}
