import type { Expr, FunctionCall, WindowDef } from '../../../dialect/ast.js'
import { EngineError } from '../../errors.js'
import { overText } from './calls.js'
import { exprText, windowText } from './expression.js'
import type { Scope } from './scope.js'

/** Functions over the neighbours of a row. In Proton they follow arrival, with or without OVER. */
export const WINDOW_FUNCTIONS: ReadonlySet<string> = new Set([
  'row_number',
  'rank',
  'dense_rank',
  'percent_rank',
  'cume_dist',
  'ntile',
  'nth_value',
  'lag',
  'lags',
  'lag_in_frame',
  'lead_in_frame',
  'lead',
])

/** What a function without OVER looks at: all rows before, in the order of arrival. */
function overAll(call: FunctionCall, scope: Scope): string {
  if (call.over !== undefined) return overText(call, scope)
  const order = scope.arrival === undefined ? '' : `ORDER BY ${scope.arrival} `
  return ` OVER (${order}ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`
}

/** `lag` sees the whole partition, whatever the frame of its window would be. */
function overPartition(call: FunctionCall, scope: Scope, end: 'current_row' | 'unbounded_following'): string {
  if (typeof call.over === 'object' && !call.over.frame) {
    const frame: WindowDef['frame'] = {
      unit: 'rows',
      start: { kind: 'unbounded_preceding' },
      end: { kind: end },
    }
    return ` OVER ${windowText({ ...call.over, frame }, scope)}`
  }
  return overAll(call, scope)
}

export function windowFunctionText(name: string, call: FunctionCall, scope: Scope): string {
  const args = call.args.map((arg) => exprText(arg, scope))
  switch (name) {
    case 'lag':
    case 'lag_in_frame':
      return `lagInFrame(${args.join(', ')})${overPartition(call, scope, 'current_row')}`
    case 'lead':
    case 'lead_in_frame':
      return `leadInFrame(${args.join(', ')})${overPartition(call, scope, 'unbounded_following')}`
    case 'lags':
      return lagsText(call, args, scope)
    case 'nth_value':
      return `nth_value(${args.join(', ')})${overAll(call, scope)}`
    default:
      return `${name}(${args.join(', ')})${overAll(call, scope)}`
  }
}

/** `lags(x, from, to[, default])`: an array of the values `from … to` rows before. */
function lagsText(call: FunctionCall, args: string[], scope: Scope): string {
  const [from, to] = [integer(call.args[1]), integer(call.args[2])]
  if (from === undefined || to === undefined || from > to || to - from > 1000) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      'Function lags needs two constant integers as its range: lags(x, from, to[, default])',
    )
  }
  const over = overPartition(call, scope, 'current_row')
  const fallback = args[3] === undefined ? '' : `, ${args[3]}`
  const items: string[] = []
  for (let offset = from; offset <= to; offset++)
    items.push(`lagInFrame(${args[0]}, ${offset}${fallback})${over}`)
  return `[${items.join(', ')}]`
}

function integer(expr: Expr | undefined): number | undefined {
  if (expr?.kind !== 'literal' || expr.type !== 'number' || !/^\d+$/.test(expr.text)) return undefined
  return Number(expr.text)
}
