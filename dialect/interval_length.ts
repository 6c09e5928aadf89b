import type { Expr } from './ast.js'

const UNIT_MS: Record<string, number> = {
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
}

/** Length of an interval in ms; undefined for months, quarters and years, which have none, and for what is no interval. */
export function intervalLength(expr: Expr): number | undefined {
  if (expr.kind !== 'interval') return undefined
  const unit = UNIT_MS[expr.unit]
  const value = literalNumber(expr.value)
  return unit === undefined || value === undefined ? undefined : unit * value
}

/** The value of a number, with its sign. */
export function literalNumber(expr: Expr): number | undefined {
  if (expr.kind === 'unary' && expr.op === '-') {
    const value = literalNumber(expr.expr)
    return value === undefined ? undefined : -value
  }
  return expr.kind === 'literal' && expr.type === 'number' ? Number(expr.text) : undefined
}
