import type { Expr, FunctionCall, Join } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { type Side, sideOf } from './join_keys.js'
import { conjuncts, intervalMs } from './syntax.js'

/** What `lag_behind` in ON asks for. */
export interface Lag {
  /** The left side is joined when the right one is so far ahead of it; negative: the other way round. */
  ms: number
  /** A side that sends nothing for so long is not waited for. */
  quiesceMs: number
  /** The times that are compared; undefined: when the rows came. */
  times?: { left: Expr; right: Expr }
}

/** Shortest time after which a side counts as quiet, unless the settings give one. */
const QUIESCE_MS = 500

/** ON without `lag_behind(10ms[, l.ts, r.ts])`: it is no condition on rows, it tells in which order they are joined. */
export function withoutLag(join: Join): { join: Join; call?: FunctionCall } {
  const terms = conjuncts(join.on)
  const calls = terms.filter(isLag)
  if (calls.length === 0) return { join }
  if (calls.length > 1) {
    throw new EngineError('INVALID_JOIN_ON_EXPRESSION', 'Multiple `lag_behind()` are detected in ON section')
  }
  const rest = terms.filter((term) => !isLag(term))
  const on =
    rest.length === 0 ? undefined : rest.reduce((left, right) => ({ kind: 'binary', op: 'and', left, right }))
  return { join: { ...join, on }, call: calls[0]! as FunctionCall }
}

function isLag(term: Expr): boolean {
  return term.kind === 'call' && term.name.toLowerCase() === 'lag_behind'
}

export function lagOf(call: FunctionCall, left: Side, right: Side, settings: Record<string, string>): Lag {
  const [interval, first, second, ...more] = call.args
  if (interval?.kind !== 'interval') {
    throw new EngineError(
      'SYNTAX_ERROR',
      'First argument of function lag_behind shall be a time interval (examples, 1ms, 2s, 3m etc)',
    )
  }
  if (!['millisecond', 'second', 'minute'].includes(interval.unit)) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'First argument of function lag_behind only supports millisecond, second or minute time interval (examples, 1ms, 1s, 2m etc)',
    )
  }
  const ms = intervalMs(interval)
  const given = Number(settings.join_quiesce_threshold_ms ?? 0)
  const quiesceMs = given > 0 ? given : Math.max(Math.abs(ms) / 2, QUIESCE_MS)
  if (!first) return { ms, quiesceMs }
  if (!second || more.length > 0) {
    throw new EngineError(
      'SYNTAX_ERROR',
      `Function lag_behind takes 1 or 3 arguments, but got ${call.args.length}`,
    )
  }
  if (ms <= 0) {
    throw new EngineError(
      'BAD_QUERY_PARAMETER',
      'First argument of function lag_behind shall be a positive time interval (examples, 1ms, 2s, 3m etc)',
    )
  }
  const sides = `${sideOf(first, left, right)} ${sideOf(second, left, right)}`
  if (sides === 'left right') return { ms, quiesceMs, times: { left: first, right: second } }
  if (sides === 'right left') return { ms: -ms, quiesceMs, times: { left: second, right: first } }
  throw new EngineError(
    'INVALID_JOIN_ON_EXPRESSION',
    'The times of lag_behind() must be one of the left and one of the right stream',
  )
}
