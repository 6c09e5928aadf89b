import type { Expr, Join, TableExpr } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { rewriteExpr } from '../planner/walk.js'
import { column, intervalMs, number } from './syntax.js'

/** Default of the setting `max_join_range`, in seconds. */
const MAX_JOIN_RANGE = 300

/** `date_diff_within(2m[, l.ts, r.ts])` in ON → the times differ by no more than that. Throws 48, 36. */
export function withinRange(on: Expr, join: Join, settings: Record<string, string>): Expr {
  return rewriteExpr(on, {
    expr: (expr) => {
      if (expr.kind !== 'call' || expr.name.toLowerCase() !== 'date_diff_within') return undefined
      if ((join.strictness ?? 'all') !== 'all') {
        throw new EngineError('NOT_IMPLEMENTED', 'A range join is supported for ALL joins only')
      }
      const [interval, left, right] = expr.args
      const range = interval ? intervalMs(interval) : 0
      const max = Number(settings.max_join_range ?? MAX_JOIN_RANGE)
      if (range <= 0 || range > max * 1000) {
        throw new EngineError(
          'BAD_ARGUMENTS',
          `The range of date_diff_within must be positive and at most ${max} seconds`,
        )
      }
      const times = [
        left ?? column(nameOf(join.left), '_tp_time'),
        right ?? column(nameOf(join.right), '_tp_time'),
      ]
      const millis = times.map(
        (time): Expr => ({ kind: 'call', name: 'to_unix_timestamp64_milli', args: [precise(time)] }),
      )
      const difference: Expr = { kind: 'binary', op: '-', left: millis[0]!, right: millis[1]! }
      const negative: Expr = { kind: 'unary', op: '-', expr: number(range) }
      return { kind: 'between', expr: difference, low: negative, high: number(range), not: false }
    },
  })
}

function precise(time: Expr): Expr {
  return { kind: 'cast', expr: time, type: { name: 'datetime64', args: [{ kind: 'number', text: '3' }] } }
}

function nameOf(table: TableExpr): string {
  if ('alias' in table && table.alias !== undefined) return table.alias
  return table.kind === 'table' ? table.name.name : ''
}
