import type { Expr, Select, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier } from '../chdb/pool.js'
import type { OutputColumn, Relation } from '../contracts.js'
import { EngineError } from '../errors.js'
import { type AggregateSplit, BATCH, splitAggregate } from '../planner/index.js'
import { anyOrder } from './any_order.js'
import { identity } from './identity.js'
import type { Batch, Delta, Source } from './operator.js'
import type { Pipe } from './pipe.js'
import { over } from './project.js'
import { functionsOf } from './syntax.js'
import { traced } from './traced.js'

/** Batch that last touched a group. */
const SEQ = '_seq'
/** Raised when all open groups were closed at once: groups of an older epoch are over. */
const EPOCH = '_epoch'

/** Functions of the store whose answer depends on the order in which they see their values, or partials. */
const ORDERED =
  /^(?:groupArray|groupConcat|arg(?:Min|Max)|any|first_value|last_value|delta|exponential|simpleLinear)/

/** A column that the partials carry besides keys and states, kept at its largest value. */
export interface ExtraColumn {
  name: string
  /** The store's SQL over the FROM of the aggregation. */
  sql: string
  chType: string
  /** Part of the group's identity: it comes first in the table's order. */
  key?: boolean
}

/** The groups of an aggregation without windows: what came, what changed, and the answers. */
export interface GroupState {
  readonly columns: OutputColumn[]
  readonly keys: string[]
  readonly split: AggregateSplit
  /** Emissions so far. */
  version: number
  /** Adds a batch's rows. Whether there were any. */
  add(batch: Batch, bindings: TableExpr[]): Promise<boolean>
  /** Names of the keys that stand for these expressions; empty where one of them is no key. */
  keysOf(exprs: Expr[]): string[]
  /** The groups' keys, each with the last batch that touched it, `_seq`. */
  readonly touches: string
  /** These keys of a group as one value, for IN. */
  identityOf(keys: readonly string[]): string
  /** Groups that a batch later than `seq` touched, as a condition on groups. */
  touchedSince(seq: number): string
  /** The next emission: the answer for the groups that satisfy the condition. */
  emit(condition: string): Promise<Delta | undefined>
  /** The answer for the groups that satisfy the condition. */
  answer(condition: string): Promise<Delta>
  settle?(batch: Batch): Promise<void>
}

/**
 * Partial aggregates of the groups of one aggregation, in a table of the store that merges the partials of a
 * group by itself. Each batch adds its partials in one insert.
 */
export class AggregateState implements GroupState {
  readonly columns: OutputColumn[] = []
  readonly split: AggregateSplit
  epoch = 0
  version = 0
  readonly #countsEmissions: boolean
  #table = ''
  #names: string[] = []
  readonly #types = new Map<string, string>()

  private constructor(
    readonly pipe: Pipe,
    readonly operator: number,
    select: Select,
    source: Source,
    readonly extras: ExtraColumn[],
    readonly isTraced: boolean,
  ) {
    this.#countsEmissions = functionsOf({ ...select, from: undefined }).has('emit_version')
    const own = emitsItself(select, pipe)
    this.split = splitAggregate({ ...(over(select, source.sample()) as Select) }, pipe.env)
    if (own && this.split.states.length > 1) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'User Defined Aggregate function with own emit strategy cannot be used with other aggregate functions',
      )
    }
  }

  static async create(
    pipe: Pipe,
    operator: number,
    select: Select,
    source: Source,
    extras: ExtraColumn[] = [],
    /** See `traced`. */
    isTraced = false,
  ): Promise<AggregateState> {
    const state = new AggregateState(pipe, operator, select, source, extras, isTraced)
    await state.#createTable(source.sample())
    const { columns } = await pipe.describe(state.#final(state.partials()))
    state.columns.push(...columns)
    return state
  }

  get keys(): string[] {
    return this.split.keys.map((key) => key.name)
  }

  /** What tells the groups apart, as one value; undefined where there is but one group. */
  get identity(): string | undefined {
    const names = [...this.#identity, ...this.keys]
    if (names.length === 0) return undefined
    return this.identityOf(names)
  }

  /** The store's type of a key. */
  typeOf(key: string): string {
    return this.#types.get(key) ?? ''
  }

  async add(batch: Batch, bindings: TableExpr[]): Promise<boolean> {
    if (bindings.length === 0) return false
    const parts: string[] = []
    const settings = this.#isOrdered ? undefined : anyOrder(batch)
    for (const from of bindings) {
      const { sql } = await this.pipe.translate({ ...this.#partial(from), settings })
      parts.push(`SELECT * FROM (${sql.replaceAll(BATCH, String(batch.seq))})`)
    }
    const select = `SELECT *, toUInt64(${batch.seq}), toUInt32(${this.epoch}) FROM (${parts.join(' UNION ALL ')})`
    await this.pipe.insertState(this.#table, this.#names, select, `${batch.seq}:state${this.operator}`)
    const [row] = await this.pipe.deps.chdb.rows<[string]>(
      `SELECT count() FROM ${this.#table} WHERE ${SEQ} = ${batch.seq}`,
    )
    return Number(row![0]) > 0
  }

  keysOf(exprs: Expr[]): string[] {
    return keysOf(this.split, exprs)
  }

  get touches(): string {
    return this.stored()
  }

  identityOf(keys: readonly string[]): string {
    return identity(
      keys.map(quoteIdentifier),
      keys.map((key) => this.typeOf(key)),
    )
  }

  touchedSince(seq: number): string {
    const group = this.identity
    if (group === undefined) return '1'
    return `${group} IN (SELECT ${group} FROM ${this.#table} WHERE ${SEQ} > ${seq} AND ${EPOCH} = ${this.epoch})`
  }

  /** The stored partials of the current epoch that satisfy a condition of the store. */
  partials(condition = '1'): Relation {
    const columns = [...this.keys, ...this.split.states]
    const list = columns.length === 0 ? '1' : columns.map(quoteIdentifier).join(', ')
    // Without a limit the store takes an order below a GROUP BY for needless.
    const order = this.#isOrdered ? ` ORDER BY ${SEQ} LIMIT ${Number.MAX_SAFE_INTEGER}` : ''
    return {
      sql: `(SELECT ${list} FROM ${this.#table} WHERE ${EPOCH} = ${this.epoch} AND ${condition}${order})`,
      columns,
    }
  }

  /** The table with its open groups, to be joined. */
  stored(): string {
    return `(SELECT * FROM ${this.#table} WHERE ${EPOCH} = ${this.epoch})`
  }

  /** The next emission: the answer for the groups that satisfy the condition. Nothing, where they are counted and there are none. */
  async emit(condition: string, order?: Expr[]): Promise<Delta | undefined> {
    if (this.#countsEmissions && (await this.rows('1', `(${condition}) LIMIT 1`)).length === 0)
      return undefined
    const delta = await this.answer(condition, order)
    this.version++
    return delta
  }

  answer(condition: string, order?: Expr[]): Promise<Delta> {
    return this.answerOver(this.partials(condition).sql, order)
  }

  /** The answer from a relation with the partials' columns. */
  async answerOver(sql: string, order?: Expr[]): Promise<Delta> {
    const final = this.#final({ sql, columns: this.partials().columns })
    // Without a key there is one row even over nothing: only groups that have rows answer.
    const having = this.keys.length === 0 ? { having: both(ROWS, final.having) } : {}
    const orderBy =
      order && !final.orderBy ? { orderBy: order.map((expr) => ({ expr, descending: false })) } : {}
    this.pipe.emitVersion = this.version
    const translated = await this.pipe.translate({ ...final, ...having, ...orderBy })
    return { sql: `(${translated.sql})`, columns: this.columns.map((c) => c.name) }
  }

  #final(partials: Relation): Select {
    const final = this.split.final(partials)
    return this.isTraced ? traced(final, this.keys, 'count()') : final
  }

  /** Removes groups that no answer will need. Runs in the background. */
  async forget(condition: string): Promise<void> {
    await this.pipe.deps.chdb.run(
      `ALTER TABLE ${this.#table} DELETE WHERE ${condition} OR ${EPOCH} < ${this.epoch} SETTINGS mutations_sync = 0`,
      { format: 'Null' },
    )
  }

  async rows(columns: string, condition: string): Promise<unknown[][]> {
    return this.pipe.deps.chdb.rows(
      `SELECT ${columns} FROM ${this.#table} WHERE ${EPOCH} = ${this.epoch} AND ${condition}`,
    )
  }

  /** A group's partials are merged into one of its last batch only with their neighbours, so batches tell their order. */
  get #isOrdered(): boolean {
    return this.split.states.some((state) => ORDERED.test(this.split.meaning[state] ?? ''))
  }

  get #identity(): string[] {
    return this.extras.filter((extra) => extra.key).map((extra) => extra.name)
  }

  /** The partial SELECT over other rows; it gives no row where none passes the filter. */
  #partial(from: TableExpr): Select {
    const { partial } = this.split
    const columns = [...partial.columns, ...this.extras.map((e) => aliased(`max(${e.sql})`, e.name))]
    return { ...partial, from, columns, having: ROWS }
  }

  async #createTable(sample: TableExpr): Promise<void> {
    const { sql } = await this.pipe.translate(this.#partial(sample))
    const types = await this.pipe.deps.chdb.describe(sql)
    for (const { name, type } of types) this.#types.set(name, type)
    const extra = new Map(this.extras.map((e) => [e.name, e]))
    const definitions = types.map(({ name, type }) => {
      const of = extra.get(name)
      if (of && !of.key) return `${quoteIdentifier(name)} SimpleAggregateFunction(max, ${of.chType})`
      return `${quoteIdentifier(name)} ${of?.chType ?? type}`
    })
    definitions.push(`${SEQ} SimpleAggregateFunction(max, UInt64)`, `${EPOCH} UInt32`)
    const order = [EPOCH, ...this.#identity, ...this.keys].map(quoteIdentifier).join(', ')
    this.#table = await this.pipe.table(
      `state${this.operator}`,
      `(${definitions.join(', ')}) ENGINE = AggregatingMergeTree ORDER BY (${order}) ` +
        'SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1',
      { meaning: this.split.meaning },
    )
    this.#names = [...types.map((t) => t.name), SEQ, EPOCH]
  }
}

/** Whether a function with an emit strategy of its own is among the aggregates. */
export function emitsItself(select: Select, pipe: Pipe): boolean {
  return [...functionsOf({ ...select, from: undefined })].some((name) => {
    const target = pipe.env.lookup(name)
    return target?.kind === 'aggregate' && target.customEmit
  })
}

function aliased(sql: string, name: string): Expr {
  return { kind: 'alias', expr: { kind: 'raw', sql }, name }
}

/** Names of the keys that stand for these expressions; empty where one of them is no key. */
export function keysOf(split: AggregateSplit, exprs: Expr[]): string[] {
  const names = exprs.map((expr) => split.keyOf(expr))
  return names.every((name) => name !== undefined) ? names : []
}

const ROWS: Expr = { kind: 'raw', sql: 'count() > 0' }

function both(left: Expr, right: Expr | undefined): Expr {
  return right ? { kind: 'binary', op: 'and', left, right } : left
}
