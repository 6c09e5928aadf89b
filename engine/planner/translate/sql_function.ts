import type { Expr, FunctionCall } from '../../../dialect/ast.js'
import type { CallTarget } from '../../contracts.js'
import { EngineError } from '../../errors.js'
import { exprParts } from '../walk.js'

/** Bodies that may be written for one expression: functions of functions grow fast. */
const MAX_INLINED = 10_000

interface Inlining {
  lookup(name: string): CallTarget | undefined
  /** Functions whose body is being written, outermost first. */
  open: readonly string[]
  count: { bodies: number }
}

/**
 * SQL functions replaced by their bodies, with the calls' arguments for parameters. Throws 42 for a wrong
 * number of arguments, 1 for a function that calls itself.
 */
export function inlineSqlFunctions(expr: Expr, env: Pick<Inlining, 'lookup'>): Expr {
  return inline(expr, { lookup: (name) => env.lookup(name), open: [], count: { bodies: 0 } })
}

/** Throws 42. */
export function checkArguments(name: string, passed: number, wanted: number): void {
  if (passed === wanted) return
  throw new EngineError(
    'NUMBER_OF_ARGUMENTS_DOESNT_MATCH',
    `Number of arguments for function ${name} doesn't match: passed ${passed}, should be ${wanted}`,
  )
}

function inline(expr: Expr, state: Inlining): Expr {
  const inner = exprParts(
    expr,
    (child) => inline(child, state),
    (query) => query,
  )
  const target = inner.kind === 'call' ? state.lookup(inner.name) : undefined
  return target?.kind === 'sql' && inner.kind === 'call' ? bodyOf(inner, target, state) : inner
}

function bodyOf(call: FunctionCall, fn: Extract<CallTarget, { kind: 'sql' }>, state: Inlining): Expr {
  checkArguments(call.name, call.args.length, fn.params.length)
  const open = [...state.open, call.name]
  if (state.open.includes(call.name) || ++state.count.bodies > MAX_INLINED) {
    throw new EngineError(
      'UNSUPPORTED_METHOD',
      `Function ${call.name} calls itself or too many others: ${open.join(' → ')}`,
    )
  }
  const values = new Map(fn.params.map((param, i) => [param, call.args[i]!]))
  return substitute(inline(fn.body, { ...state, open }), values)
}

/** Replaces names by expressions; parameters of lambdas inside hide them. `a.b` of a replaced `a` becomes an element. */
export function substitute(expr: Expr, values: ReadonlyMap<string, Expr>): Expr {
  if (expr.kind === 'column') {
    const value = values.get(expr.path[0]!)
    if (!value) return expr
    if (value.kind === 'column') return { ...value, path: [...value.path, ...expr.path.slice(1)] }
    return expr.path
      .slice(1)
      .reduce<Expr>((inner, element) => ({ kind: 'tuple_element', expr: inner, element }), value)
  }
  if (expr.kind === 'lambda') {
    const visible = new Map([...values].filter(([name]) => !expr.params.includes(name)))
    return { ...expr, body: substitute(expr.body, visible) }
  }
  return exprParts(
    expr,
    (child) => substitute(child, values),
    (query) => query,
  )
}
