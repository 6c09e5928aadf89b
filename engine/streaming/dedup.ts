import type { TableFunction } from '../../dialect/ast.js'
import { quoteIdentifier } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import { identity } from './identity.js'
import { Keep } from './keep.js'
import type { Batch, Delta, Operator, Semantic } from './operator.js'
import type { Pipe } from './pipe.js'
import { intervalMs, limitNumber } from './syntax.js'

interface Key {
  sql: string
  name: string
}

/** Keys that `dedup` remembers unless it says otherwise. */
const DEFAULT_LIMIT = 10_000

/**
 * `dedup(src, key…[, ttl][, limit])`: the first row of a key passes. A key is forgotten after the time to
 * live (of the wall clock), and the oldest ones go when there are more than the limit.
 */
export class Dedup implements Operator {
  readonly children: Operator[]
  readonly semantic: Semantic
  readonly columns: OutputColumn[]
  readonly costly = false
  readonly sample: Delta

  private constructor(
    readonly pipe: Pipe,
    readonly input: Operator,
    readonly number: number,
    readonly table: string,
    /** The store's SQL of the keys over the input, and their names in the table. */
    readonly keys: Key[],
    /** Keys that are remembered; undefined: all. */
    readonly limit: number | undefined,
    readonly ttlMs: number | undefined,
    /** Types of the keys in the store. */
    readonly types: string[],
  ) {
    this.children = [input]
    this.semantic = input.semantic
    this.columns = input.columns
    this.sample = input.sample
  }

  static async create(pipe: Pipe, child: Operator, table: TableFunction): Promise<Dedup> {
    const keys: Key[] = []
    let ttlMs: number | undefined
    let limit = DEFAULT_LIMIT
    for (const arg of table.args.slice(1)) {
      if (arg.kind === 'table_arg' || arg.kind === 'session_range') continue
      if (arg.kind === 'interval') ttlMs = intervalMs(arg)
      else if (arg.kind === 'literal' && arg.type === 'number')
        limit = limitNumber(arg, 'The limit of dedup') ?? limit
      else keys.push({ sql: translateExpr(arg, pipe.env), name: `_k${keys.length}` })
    }
    if (keys.length === 0) {
      throw new EngineError('BAD_ARGUMENTS', 'Table function dedup needs at least one column')
    }
    return Dedup.#over(pipe, child, keys, limit, ttlMs)
  }

  static async #over(
    pipe: Pipe,
    child: Operator,
    keys: Key[],
    limit: number | undefined,
    ttlMs: number | undefined,
  ): Promise<Dedup> {
    const types = await pipe.deps.chdb.describe(
      `SELECT ${keys.map((k) => `${k.sql} AS ${k.name}`).join(', ')} FROM ${child.sample.sql}`,
    )
    const number = pipe.nextOperator()
    const state = await pipe.table(
      `keys${number}`,
      `(${types.map((t) => `${t.name} ${t.type}`).join(', ')}, _seq UInt64, _row UInt64, _at Int64) ENGINE = MergeTree ` +
        `ORDER BY (${keys.map((k) => k.name).join(', ')}) SETTINGS non_replicated_deduplication_window = 1000, allow_nullable_key = 1`,
    )
    const kept = await Keep.around(pipe, child)
    return new Dedup(
      pipe,
      kept,
      number,
      state,
      keys,
      limit,
      ttlMs,
      types.map((t) => t.type),
    )
  }

  /** SELECT DISTINCT: every row once, for as long as the query runs. */
  static async distinct(pipe: Pipe, child: Operator): Promise<Dedup> {
    const keys = child.columns.map((c, i) => ({ sql: quoteIdentifier(c.name), name: `_k${i}` }))
    return Dedup.#over(pipe, child, keys, undefined, undefined)
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const delta = await this.input.step(batch)
    if (!delta) return undefined
    const names = this.keys.map((k) => k.name)
    const here = identity(
      this.keys.map((k) => k.sql),
      this.types,
    )
    const there = identity(names, this.types)
    const alive = this.ttlMs === undefined ? '' : ` AND _at > ${batch.now - this.ttlMs}`
    const limit = this.limit === undefined ? '' : ` LIMIT ${this.limit}`
    const known = `SELECT ${there} FROM (SELECT * FROM ${this.table} WHERE _seq < ${batch.seq}${alive} ORDER BY _seq DESC, _row DESC${limit})`
    const fresh = `SELECT ${this.keys.map((k) => `${k.sql} AS ${k.name}`).join(', ')} FROM ${delta.sql} WHERE ${here} NOT IN (${known}) LIMIT 1 BY ${names.join(', ')}`
    await this.pipe.insertState(
      this.table,
      [...names, '_seq', '_row', '_at'],
      `SELECT *, ${batch.seq}, rowNumberInAllBlocks(), toInt64(${batch.now}) FROM (${fresh})`,
      `${batch.seq}:keys${this.number}`,
    )
    const passed = `SELECT ${there} FROM ${this.table} WHERE _seq = ${batch.seq}`
    const sql = `(SELECT * FROM ${delta.sql} WHERE ${here} IN (${passed}) LIMIT 1 BY ${this.keys.map((k) => k.sql).join(', ')})`
    if (this.pipe.ordered.has(delta.sql)) this.pipe.ordered.add(sql)
    return { sql, columns: this.columns.map((c) => c.name) }
  }

  /** Keys that are beyond the limit or too old go, now and then. */
  async settle(batch: Batch): Promise<void> {
    if (batch.seq % 500 !== 0 || this.limit === undefined) return
    const old = this.ttlMs === undefined ? '' : ` OR _at <= ${batch.now - this.ttlMs}`
    const kept = `SELECT (_seq, _row) FROM ${this.table} ORDER BY _seq DESC, _row DESC LIMIT ${this.limit}`
    await this.pipe.deps.chdb.run(
      `ALTER TABLE ${this.table} DELETE WHERE _seq < ${batch.seq} AND ((_seq, _row) NOT IN (${kept})${old}) SETTINGS mutations_sync = 0`,
      { format: 'Null' },
    )
  }
}
