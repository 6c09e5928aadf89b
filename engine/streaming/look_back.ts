import type { Expr, FunctionCall, Select } from '../../dialect/ast.js'
import { columnName } from '../../dialect/index.js'
import { literalNumber } from '../../dialect/interval_length.js'
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { OutputColumn } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import { rewriteExpr, visitExpr } from '../planner/walk.js'
import { VIRTUAL_COLUMNS } from './bounded.js'
import { Keep } from './keep.js'
import type { Batch, Delta, Operator, SavedState, Semantic } from './operator.js'
import { type Pipe, rawTable } from './pipe.js'
import { over } from './project.js'
import type { OperatorSource } from './source.js'
import { column, columnsOf, number, VOLATILE } from './syntax.js'

/** Functions of a row and the ones that came before it. */
export const LOOK_BACK: ReadonlySet<string> = new Set(['lag', 'lags', 'neighbor', 'row_number', 'monotonic'])

/** How far back a function may look. */
const MAX_DISTANCE = 10_000
/** Batches between two removals of rows that are too far back. */
const SWEEP_EVERY = 200

/** The row's number, by which the functions are ordered. */
const ROW = '_tp_sn'
const OUT = '__tp_row'

/**
 * SELECT with `lag`, `lags`, `neighbor`, `row_number` or `monotonic` over a stream. The last rows that the functions can look back
 * to are kept; each batch is answered over them and its own rows. WHERE comes first: what it drops is not seen.
 */
export class LookBack implements Operator {
  readonly children: Operator[]
  readonly costly = false
  readonly semantic: Semantic
  /** Rows so far. */
  #rows = 0

  private constructor(
    readonly pipe: Pipe,
    readonly number: number,
    readonly input: Operator,
    readonly select: Select,
    readonly table: string,
    /** Columns of the input that are kept. */
    readonly kept: string[],
    /** The store's SQL of the substreams' keys, over the kept columns. */
    readonly keys: string[],
    readonly distance: number,
    readonly filter: (rows: Delta) => Promise<string>,
    /** Whether it leaves rows out. */
    readonly filters: boolean,
    readonly alias: string | undefined,
    readonly columns: OutputColumn[],
    readonly sample: Delta,
  ) {
    this.children = [input]
    this.semantic = input.semantic
  }

  static async create(pipe: Pipe, written: Select, source: OperatorSource): Promise<LookBack> {
    const operator = pipe.nextOperator()
    const child = source.operator
    const partitions = partitionsOf(written)
    const { where, prewhere, ...rest } = written
    const { select, fixed } = withFrames(rest, partitions)
    const used = new Set(referenced(written))
    const kept = [
      ...child.columns.map((c) => c.name),
      ...VIRTUAL_COLUMNS.filter((name) => name !== ROW && used.has(name)),
    ]
    const list = [...kept.map((name): Expr => column(name)), ...fixed]
    kept.push(...fixed.map(({ name }) => name))
    const filter = async (rows: Delta) => {
      const from = rawTable(rows, source.alias)
      const query: Select = { kind: 'select', with: written.with, columns: list, from, where, prewhere }
      return (await pipe.translate(query)).sql
    }
    const types = await pipe.deps.chdb.describe(await filter(child.sample))
    const definitions = types
      .map((t) => `${id(t.name)} ${t.type}`)
      .filter((d) => !d.startsWith(`${id(ROW)} `))
    const table = await pipe.table(
      `rows${operator}`,
      `(${[...definitions, `${ROW} UInt64`].join(', ')}) ENGINE = MergeTree ORDER BY ${ROW} ` +
        'SETTINGS non_replicated_deduplication_window = 1000',
    )
    const stored = kept.filter((name) => name !== ROW)
    const sql = relation(table, stored, '0')
    const { translated, columns } = await pipe.describe(
      over(select, rawTable({ sql, columns: child.columns.map((c) => c.name) }, source.alias)),
    )
    const sample = { sql: `(${translated.sql})`, columns: columns.map((c) => c.name) }
    const keys = partitions.map((key) => translateExpr(plain(key), pipe.env))
    const input = await Keep.around(pipe, child)
    const distance = distanceOf(written)
    return new LookBack(
      pipe,
      operator,
      input,
      select,
      table,
      stored,
      keys,
      distance,
      filter,
      where !== undefined || prewhere !== undefined,
      source.alias,
      columns,
      sample,
    )
  }

  async step(batch: Batch): Promise<Delta | undefined> {
    const rows = await this.input.step(batch)
    if (!rows) return undefined
    const before = this.#rows
    const list = this.kept.map(id).join(', ')
    await this.pipe.insertState(
      this.table,
      [...this.kept, ROW],
      `SELECT ${list}, toUInt64(${before + 1} + rowNumberInAllBlocks()) FROM (${await this.filter(rows)})`,
      `${batch.seq}:rows${this.number}`,
    )
    const [row] = await this.pipe.deps.chdb.rows<[string]>(`SELECT max(${ROW}) FROM ${this.table}`)
    const last = Math.max(before, Number(row![0]))
    if (last === before) return undefined
    this.#rows = last
    const sql = relation(this.table, this.kept, this.#within(before))
    this.pipe.ordered.add(sql)
    const select = { ...this.select, columns: [...this.select.columns, OUT_COLUMN] }
    const from = rawTable({ sql, columns: this.input.columns.map((c) => c.name) }, this.alias)
    const translated = await this.pipe.translate(over(select, from))
    const names = this.columns.map((c) => c.name)
    return {
      sql: `(SELECT ${names.map(id).join(', ')} FROM (${translated.sql}) WHERE ${OUT} > ${before} ORDER BY ${OUT})`,
      columns: names,
    }
  }

  save(): SavedState {
    return { rows: this.#rows }
  }

  load(state: SavedState): void {
    this.#rows = state.rows as number
  }

  async settle(batch: Batch): Promise<void> {
    if (batch.seq % SWEEP_EVERY !== 0) return
    await this.pipe.deps.chdb.run(
      `ALTER TABLE ${this.table} DELETE WHERE NOT (${this.#within(this.#rows)}) SETTINGS mutations_sync = 0`,
      { format: 'Null' },
    )
  }

  /** The rows behind `before`, and those that they can look back to. */
  #within(before: number): string {
    if (this.keys.length === 0) return `${ROW} > ${before - this.distance}`
    const near = `SELECT ${ROW} FROM ${this.table} WHERE ${ROW} <= ${before} ORDER BY ${ROW} DESC LIMIT ${this.distance} BY ${this.keys.join(', ')}`
    return `(${ROW} > ${before} OR ${ROW} IN (${near}))`
  }
}

const OUT_COLUMN: Expr = { kind: 'alias', expr: { kind: 'raw', sql: ROW }, name: OUT }

function relation(table: string, columns: string[], condition: string): string {
  return `(SELECT ${[...columns.map(id), ROW].join(', ')} FROM ${table} WHERE ${condition} ORDER BY ${ROW})`
}

/** Whether a SELECT asks for rows before; only in its columns may it. */
export function looksBack(select: Select): boolean {
  return callsOf(select).length > 0
}

function callsOf(select: Select): FunctionCall[] {
  const found: FunctionCall[] = []
  const exprs = [
    ...select.columns,
    ...select.with.flatMap((item) => (item.kind === 'expr' ? [item.expr] : [])),
  ]
  for (const expr of exprs) {
    visitExpr(expr, (e) => {
      if (e.kind === 'call' && LOOK_BACK.has(e.name.toLowerCase())) found.push(e)
      return undefined
    })
  }
  return found
}

function referenced(select: Select): string[] {
  const exprs = [...select.columns, select.where, select.prewhere, ...(select.partitionBy ?? [])]
  return exprs.flatMap((e) => (e ? columnsOf(e).map((ref) => ref.path.at(-1)!) : []))
}

/** PARTITION BY of the SELECT, or the one that all functions name in OVER. */
function partitionsOf(select: Select): Expr[] {
  const written = callsOf(select).map((call) => (typeof call.over === 'object' ? call.over.partitionBy : []))
  const named = written.filter((keys) => keys.length > 0)
  if (select.partitionBy) return select.partitionBy
  const first = named[0]
  if (!first) return []
  const print = JSON.stringify(first)
  if (named.length < written.length || named.some((keys) => JSON.stringify(keys) !== print)) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'Functions over different PARTITION BY in one streaming SELECT are not supported',
    )
  }
  return first
}

/**
 * Each function in the form that the planner orders: over the partition, by the number of the row. `fixed`: what is
 * evaluated once when a row comes, because it would be another value when the row is looked back to.
 */
function withFrames(select: Select, partitions: Expr[]): { select: Select; fixed: Alias[] } {
  const fixed = new Map<string, Alias>()
  const fix = (expr: Expr): Expr => {
    const name = `__tp_${columnName(expr)}`
    fixed.set(name, { kind: 'alias', expr, name })
    return column(name)
  }
  const frame = { partitionBy: partitions, orderBy: [{ expr: ORDER, descending: false }] }
  const rewrite = {
    expr: (expr: Expr): Expr | undefined => {
      if (expr.kind !== 'call') return undefined
      const name = expr.name.toLowerCase()
      if (VOLATILE.has(name)) return fix(expr)
      if (!LOOK_BACK.has(name)) return undefined
      if (name === 'monotonic') return { kind: 'raw', sql: `toInt64(${ROW} + ${startOf(expr) - 1})` }
      if (name === 'row_number') {
        if (partitions.length > 0) {
          throw new EngineError(
            'NOT_IMPLEMENTED',
            'row_number by partition in a streaming query is not supported',
          )
        }
        return ORDER
      }
      const args =
        name === 'neighbor' ? [expr.args[0]!, number(offsetOf(expr)), ...expr.args.slice(2)] : expr.args
      return {
        ...expr,
        name: name === 'neighbor' ? 'lag' : name,
        args: args.map((arg) => rewriteExpr(arg, rewrite)),
        over: frame,
      }
    },
  }
  const written = {
    ...select,
    with: select.with.map((item) =>
      item.kind === 'expr' ? { ...item, expr: rewriteExpr(item.expr, rewrite) } : item,
    ),
    columns: select.columns.map((item) => {
      if (item.kind === 'alias' || item.kind !== 'call') return rewriteExpr(item, rewrite)
      return { kind: 'alias' as const, expr: rewriteExpr(item, rewrite), name: columnName(item) }
    }),
  }
  return { select: written, fixed: [...fixed.values()] }
}

type Alias = Extract<Expr, { kind: 'alias' }>

/** Where `monotonic` begins to count. */
function startOf({ args }: FunctionCall): number {
  const start = args.length === 1 ? literalNumber(args[0]!) : undefined
  if (start !== undefined && Number.isInteger(start)) return start
  throw new EngineError('BAD_ARGUMENTS', 'Function monotonic requires constant argument')
}

const ORDER: Expr = { kind: 'raw', sql: ROW }

function distanceOf(select: Select): number {
  return Math.max(1, ...callsOf(select).map(offsetOf))
}

/** How many rows back a function looks. Throws 48 for a distance that is no constant, or lies ahead. */
function offsetOf(call: FunctionCall): number {
  const name = call.name.toLowerCase()
  if (name === 'row_number' || name === 'monotonic') return 0
  const at = name === 'lags' ? 2 : 1
  const given = call.args[at]
  if (!given && name === 'lag') return 1
  const value = given && literalNumber(given)
  const distance = name === 'neighbor' ? -(value ?? 1) : value
  if (distance === undefined || distance < 0 || distance > MAX_DISTANCE) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      `Function ${call.name} in a streaming query looks back by a constant number of rows, at most ${MAX_DISTANCE}`,
    )
  }
  return distance
}

function plain(key: Expr): Expr {
  return key.kind === 'column' ? { ...key, path: key.path.slice(-1) } : key
}
