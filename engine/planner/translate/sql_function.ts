import type { Expr, FunctionCall } from '../../../dialect/ast.js'
import type { CallTarget } from '../../contracts.js'
import { EngineError } from '../../errors.js'
import { exprParts } from '../walk.js'

type SqlFunction = Extract<CallTarget, { kind: 'sql' }>

/** The body of a SQL function with the call's arguments in place of its parameters. Throws 42. */
export function inlineSqlFunction(call: FunctionCall, fn: SqlFunction): Expr {
  if (call.args.length !== fn.params.length) {
    throw new EngineError(
      'NUMBER_OF_ARGUMENTS_DOESNT_MATCH',
      `Number of arguments for function ${call.name} doesn't match: passed ${call.args.length}, should be ${fn.params.length}`,
    )
  }
  const values = new Map(fn.params.map((param, i) => [param, call.args[i]!]))
  return substitute(fn.body, values)
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
