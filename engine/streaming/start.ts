import type { Expr } from '../../dialect/ast.js'
import { literalNumber } from '../../dialect/interval_length.js'
import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { visitExpr } from '../planner/walk.js'
import { SHOWN_SN } from '../storage/tables.js'
import { type Pipe, rawTable } from './pipe.js'
import { isKeyed, type Start } from './scan.js'
import { columnsOf, selectFrom } from './syntax.js'

const COMPARISONS = new Set(['>', '>=', '<', '<=', '=', '!='])

/** Columns that tell where in a stream a row is. */
export const POSITIONS: readonly string[] = ['_tp_time', '_tp_sn']
const NONE: ReadonlySet<string> = new Set()

/**
 * The comparisons of `_tp_time` and `_tp_sn` with constants among the terms of a WHERE, with the column unqualified.
 * Any of them makes the scan begin in the past, also one that is but a part of a term (Proton's EventPredicateVisitor):
 * then the first row for which one of the parts holds is where it begins. `qualified`: a plain name is another
 * relation's. `renamed`: further names that the columns go by. Throws 183 for a comparison with anything else.
 */
export function timeConditions(
  terms: Expr[],
  aliases: string[],
  qualified = false,
  renamed: ReadonlySet<string> = NONE,
): Expr[] {
  const find = (expr: Expr) => position(expr, aliases, qualified, renamed)
  const result: Expr[] = []
  for (const term of terms) {
    const parts: Expr[] = []
    visitExpr(term, (expr) => {
      const part = comparison(expr, find)
      if (part) parts.push(part)
      return part === undefined
    })
    const [first, ...more] = parts
    if (first) result.push(more.reduce((left, right) => ({ kind: 'binary', op: 'or', left, right }), first))
  }
  return result
}

/** One comparison of a position with a constant. */
function comparison(expr: Expr, find: (expr: Expr) => Expr | undefined): Expr | undefined {
  if (expr.kind === 'between') {
    const column = find(expr.expr)
    if (!column) return undefined
    for (const bound of [expr.low, expr.high]) checkConstant(expr.expr, bound)
    return { ...expr, expr: column }
  }
  if (expr.kind !== 'binary' || !COMPARISONS.has(expr.op)) return undefined
  const left = find(expr.left)
  const right = find(expr.right)
  if (left) checkConstant(expr.left, expr.right, LATER.has(expr.op))
  if (right) checkConstant(expr.right, expr.left, EARLIER.has(expr.op))
  if (left) return { ...expr, left }
  return right ? { ...expr, right } : undefined
}

const LATER = new Set(['>', '>='])
const EARLIER = new Set(['<', '<='])

function checkConstant(column: Expr, value: Expr, isLater = true): void {
  const name = column.kind === 'column' ? column.path.at(-1)! : ''
  const isNumber = name === '_tp_sn'
  const isWrong = isNumber ? literalNumber(value)! < 0 || isText(value) : isEarliest(value) && !isLater
  if ((isConstant(value) && !isWrong) || !POSITIONS.includes(name)) return
  throw new EngineError(
    'UNEXPECTED_EXPRESSION',
    isNumber
      ? 'The event sequence id predicate expression must be a constant number greater than or equal to 0'
      : 'The event time predicate expression must be constant timestamp string or expression',
  )
}

function isText(expr: Expr): boolean {
  return expr.kind === 'literal' && expr.type === 'string'
}

function isEarliest(expr: Expr): boolean {
  return expr.kind === 'call' && /^earliest_(?:ts|timestamp)$/i.test(expr.name)
}

function position(
  expr: Expr,
  aliases: string[],
  qualified: boolean,
  renamed: ReadonlySet<string>,
): Expr | undefined {
  const name = expr.kind === 'column' ? expr.path.at(-1)! : ''
  if (expr.kind !== 'column' || !(POSITIONS.includes(name) || renamed.has(name))) return undefined
  const here = expr.path.length === 1 ? !qualified : aliases.includes(expr.path.at(-2)!)
  return here ? { kind: 'column', path: [name] } : undefined
}

function isConstant(expr: Expr): boolean {
  return columnsOf(expr).length === 0
}

/** Where a native stream is read from, and a condition that `seek_to` adds. */
export async function startOf(
  pipe: Pipe,
  stream: StreamObject,
  time: Expr[],
  settings: Record<string, string>,
): Promise<{ start: Start; filter?: string }> {
  const last = pipe.deps.store.lastSn(stream)
  const seek = settings.seek_to
  if (seek !== undefined && seek !== '' && seek !== 'latest') return seekStart(pipe, stream, seek)
  if (isKeyed(stream)) {
    const backfill = settings.enable_backfill_from_historical_store !== '0'
    return { start: backfill ? { kind: 'snapshot', sn: last } : { kind: 'after', sn: last } }
  }
  if (time.length === 0) return { start: { kind: 'after', sn: last } }
  return { start: await firstMatching(pipe, stream, time) }
}

/** Just before the first stored row that passes; at the end where none does. */
async function firstMatching(pipe: Pipe, stream: StreamObject, conditions: Expr[]): Promise<Start> {
  const last = pipe.deps.store.lastSn(stream)
  const names = [...stream.columns.map((column) => column.name), '_tp_shard', '_tp_append_time']
  const show = [...names.map(quoteIdentifier), SHOWN_SN, '__t._tp_sn AS __tp_stored']
  const rows = rawTable({ sql: pipe.deps.store.slice(stream, 0, last, { show }).sql, columns: names })
  const where = conditions.reduce((left, right) => ({ kind: 'binary', op: 'and', left, right }))
  const counted: Expr[] = [
    { kind: 'raw', sql: 'count()' },
    { kind: 'raw', sql: 'min(__tp_stored)' },
  ]
  const { sql } = await pipe.translate(selectFrom(rows, counted, { where }))
  const [row] = await pipe.deps.chdb.rows<[string, string]>(sql)
  return { kind: 'after', sn: Number(row![0]) === 0 ? last : Number(row![1]) - 1 }
}

/** Where another view stopped: behind so many rows of all shards, in the order in which they came. */
const ROWS_OF_ALL = /^(\d+) rows$/

/** `seek_to`: one position for the stream, or one for each of its shards. */
async function seekStart(
  pipe: Pipe,
  stream: StreamObject,
  seek: string,
): Promise<{ start: Start; filter?: string }> {
  const [, rows] = ROWS_OF_ALL.exec(seek) ?? []
  if (rows) return { start: { kind: 'after', sn: Math.min(Number(rows), pipe.deps.store.lastSn(stream)) } }
  const points = seek.split(',').map((point) => point.trim())
  const times = points.filter((point) => !/^(?:earliest|latest|\d+)$/.test(point))
  if (times.length > 0 && times.length < points.length) {
    throw new EngineError(
      'UNSUPPORTED',
      `Mixing times and sequence numbers in seek_to '${seek}' is not supported`,
    )
  }
  if (times.length > 1) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      "It doesn't support time based `seek_to` settings for multiple shards",
    )
  }
  if (times.length === 1) {
    const filter = `_tp_time >= ${await seekTime(pipe, seek)}`
    return { start: await firstMatching(pipe, stream, [{ kind: 'raw', sql: filter }]), filter }
  }
  if (points.length !== 1 && points.length !== stream.shards) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Invalid seek_to '${seek}': one position is expected, or one for each of the ${stream.shards} shards`,
    )
  }
  const last = pipe.deps.store.lastSn(stream)
  if (stream.shards === 1) {
    const [point] = points
    const sn = point === 'earliest' ? 0 : point === 'latest' ? last : Math.min(Number(point), last)
    return { start: { kind: 'after', sn } }
  }
  const behind: number[] = []
  for (let shard = 0; shard < stream.shards; shard++) {
    behind.push(await behindInShard(pipe, stream, shard, points[shard] ?? points[0]!))
  }
  const filter = `__t._tp_sn > arrayElement([${behind.join(', ')}], __t._tp_shard + 1)`
  return { start: { kind: 'after', sn: Math.min(...behind) }, filter }
}

/** The number of the last row that comes before a position of a shard. */
async function behindInShard(
  pipe: Pipe,
  stream: StreamObject,
  shard: number,
  point: string,
): Promise<number> {
  const last = pipe.deps.store.lastSn(stream)
  if (point === 'earliest') return 0
  if (point === 'latest') return last
  const show = ['__t._tp_sn AS __tp_stored']
  const rows = pipe.deps.store.slice(stream, 0, last, { show, where: [`__t._tp_shard = ${shard}`] })
  const [row] = await pipe.deps.chdb.rows<[string]>(
    `SELECT __tp_stored FROM ${rows.sql} ORDER BY __tp_stored LIMIT 1 OFFSET ${point}`,
  )
  return row ? Number(row[0]) - 1 : last
}

const RELATIVE = /^-?(\d+)([smhdMqy])$/
const UNITS: Record<string, string> = {
  s: 'SECOND',
  m: 'MINUTE',
  h: 'HOUR',
  d: 'DAY',
  M: 'MONTH',
  q: 'QUARTER',
  y: 'YEAR',
}

/** `-2h` or a timestamp as a constant of the store. Throws 36. */
async function seekTime(pipe: Pipe, seek: string): Promise<string> {
  const relative = RELATIVE.exec(seek)
  const isRelative = relative !== null && (seek.startsWith('-') || Number(relative[1]) === 0)
  const time = isRelative
    ? `now64(3, 'UTC') - INTERVAL ${relative[1]} ${UNITS[relative[2]!]}`
    : seek.includes('-')
      ? `parseDateTime64BestEffortOrNull(${quoteString(seek)}, 3, 'UTC')`
      : 'NULL'
  const [row] = await pipe.deps.chdb.rows<[string | null]>(`SELECT toString(toDateTime64(${time}, 3, 'UTC'))`)
  if (row![0] === null) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Invalid seek_to '${seek}': expected 'earliest', 'latest', a sequence number, a timestamp or an interval such as '-2h'`,
    )
  }
  return `toDateTime64(${quoteString(row![0])}, 3, 'UTC')`
}
