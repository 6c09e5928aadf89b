import type { Expr } from '../../dialect/ast.js'
import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { translateExpr } from '../planner/index.js'
import { SHOWN_SN } from '../storage/tables.js'
import type { Pipe } from './pipe.js'
import { isKeyed, type Start } from './scan.js'
import { columnsOf } from './syntax.js'

const COMPARISONS = new Set(['>', '>=', '<', '<=', '=', '!='])

/** Columns that tell where in a stream a row is. */
const POSITIONS = ['_tp_time', '_tp_sn']

/**
 * The comparisons of `_tp_time` and `_tp_sn` with constants among the terms of a WHERE, with the column unqualified.
 * Any of them makes the scan begin in the past (Proton's EventPredicateVisitor). `qualified`: a plain name is
 * another relation's.
 */
export function timeConditions(terms: Expr[], aliases: string[], qualified = false): Expr[] {
  const result: Expr[] = []
  for (const term of terms) {
    if (term.kind === 'binary' && COMPARISONS.has(term.op)) {
      const [left, right] = [
        position(term.left, aliases, qualified),
        position(term.right, aliases, qualified),
      ]
      if (left && isConstant(term.right)) result.push({ ...term, left })
      else if (right && isConstant(term.left)) result.push({ ...term, right })
    } else if (term.kind === 'between' && !term.not && isConstant(term.low)) {
      const expr = position(term.expr, aliases, qualified)
      if (expr) result.push({ ...term, expr })
    }
  }
  return result
}

function position(expr: Expr, aliases: string[], qualified: boolean): Expr | undefined {
  const name = expr.kind === 'column' ? expr.path.at(-1)! : ''
  if (expr.kind !== 'column' || !POSITIONS.includes(name)) return undefined
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
  if (seek !== undefined && seek !== '' && seek !== 'latest') {
    if (seek === 'earliest') return { start: { kind: 'after', sn: 0 } }
    if (/^\d+$/.test(seek)) return { start: { kind: 'after', sn: Math.min(Number(seek), last) } }
    const [row] = await pipe.deps.chdb.rows<[string]>(
      `SELECT toString(toDateTime64(${seekTime(seek)}, 3, 'UTC'))`,
    )
    const filter = `_tp_time >= toDateTime64(${quoteString(row![0])}, 3, 'UTC')`
    return { start: await firstMatching(pipe, stream, filter), filter }
  }
  if (isKeyed(stream)) {
    const backfill = settings.enable_backfill_from_historical_store !== '0'
    return { start: backfill ? { kind: 'snapshot', sn: last } : { kind: 'after', sn: last } }
  }
  if (time.length === 0) return { start: { kind: 'after', sn: last } }
  const filter = time.map((term) => `(${translateExpr(term, pipe.env)})`).join(' AND ')
  return { start: await firstMatching(pipe, stream, filter) }
}

/** Just before the first stored row that passes; at the end where none does. */
async function firstMatching(pipe: Pipe, stream: StreamObject, filter: string): Promise<Start> {
  const last = pipe.deps.store.lastSn(stream)
  const names = [...stream.columns.map((column) => column.name), '_tp_shard', '_tp_append_time']
  const show = [...names.map(quoteIdentifier), SHOWN_SN, '__t._tp_sn AS __tp_stored']
  const [row] = await pipe.deps.chdb.rows<[string, string]>(
    `SELECT count(), min(__tp_stored) FROM ${pipe.deps.store.slice(stream, 0, last, { show }).sql} WHERE ${filter}`,
  )
  return { kind: 'after', sn: Number(row![0]) === 0 ? last : Number(row![1]) - 1 }
}

const RELATIVE = /^-(\d+)(ms|s|m|h|d)$/
const UNITS: Record<string, string> = { ms: 'MILLISECOND', s: 'SECOND', m: 'MINUTE', h: 'HOUR', d: 'DAY' }

function seekTime(seek: string): string {
  const relative = RELATIVE.exec(seek)
  if (relative) return `now64(3, 'UTC') - INTERVAL ${relative[1]} ${UNITS[relative[2]!]}`
  if (!/^\d{4}-\d{2}-\d{2}/.test(seek)) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Invalid seek_to '${seek}': expected 'earliest', 'latest', a sequence number, a timestamp or an interval such as '-2h'`,
    )
  }
  return `parseDateTime64BestEffort(${quoteString(seek)}, 3, 'UTC')`
}
