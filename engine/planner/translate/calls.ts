import type { Expr, FunctionCall } from '../../../dialect/ast.js'
import { quoteIdentifier } from '../../chdb/pool.js'
import { scalarCallText } from '../../udf/call_text.js'
import { aggregateModel, modelText } from './aggregates.js'
import { exprText, type Mode, truth, windowText } from './expression.js'
import { allowedFunction, isPredicate } from './functions.js'
import type { Scope } from './scope.js'
import { SPECIAL } from './special.js'
import { checkArguments, inlineSqlFunctions } from './sql_function.js'
import { WINDOW_FUNCTIONS, windowFunctionText } from './window_functions.js'

/** A call as the store's text. Throws 46 for unknown functions, 48 for refused ones, 42 for wrong counts. */
export function callText(call: FunctionCall, scope: Scope, mode: Mode): string {
  const udf = scope.env.lookup(call.name)
  if (udf?.kind === 'sql') return exprText(inlineSqlFunctions(call, scope.env), scope, mode)
  if (udf?.kind === 'scalar') {
    checkArguments(call.name, call.args.length, udf.argTypes.length)
    return scalarCallText(udf, texts(call.args, scope))
  }

  const name = call.name.toLowerCase()
  if (WINDOW_FUNCTIONS.has(name)) return windowFunctionText(name, call, scope)
  const special = SPECIAL[name]
  if (special) {
    const text = special(call.args, scope, mode)
    return isPredicate(name) ? truth(text, mode) : text
  }

  const model = aggregateModel(call, scope)
  if (model) return modelText(model, overText(call, scope))

  const store = allowedFunction(call.name)
  const parameters = call.parameters ? `(${texts(call.parameters, scope).join(', ')})` : ''
  const distinct = call.distinct ? 'DISTINCT ' : ''
  const text = `${store}${parameters}(${distinct}${texts(call.args, scope).join(', ')})${overText(call, scope)}`
  return isPredicate(name) ? truth(text, mode) : text
}

function texts(args: Expr[], scope: Scope): string[] {
  return args.map((arg) => exprText(arg, scope))
}

export function overText(call: FunctionCall, scope: Scope): string {
  if (call.over === undefined) return ''
  return ` OVER ${typeof call.over === 'string' ? quoteIdentifier(call.over) : windowText(call.over, scope)}`
}
