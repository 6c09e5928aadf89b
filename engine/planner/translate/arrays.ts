import type { Expr, FunctionCall } from '../../../dialect/ast.js'

const GIVES_ARRAY =
  /^(?:group_(?:uniq_)?array(?:_\w+)?|array_(?:cast|map|filter|sort|reverse_sort|reverse|concat|distinct|slice|compact|flatten|zip|enumerate|push_back|push_front|pop_back|pop_front|cum_sum|difference|intersect|resize)|split_by_\w+|map_keys|map_values|range|json_extract_array(?:_raw)?|json_extract_keys|(?:min|max|top)_k(?:_\w+)?|lags|extract_all)$/

/** Whether an expression can be seen to be an array; `definitions` are the aliases. Types of columns are not known here. */
export function isArray(expr: Expr, definitions?: ReadonlyMap<string, Expr>, depth = 0): boolean {
  if (expr.kind === 'array') return true
  if (expr.kind === 'alias') return isArray(expr.expr, definitions, depth)
  if (expr.kind === 'cast') return expr.type.name === 'array'
  if (expr.kind === 'call') return GIVES_ARRAY.test(expr.name.toLowerCase())
  const definition =
    expr.kind === 'column' && expr.path.length === 1 ? definitions?.get(expr.path[0]!) : undefined
  return definition !== undefined && depth < 16 && isArray(definition, definitions, depth + 1)
}

/** `map_cast(keys, values)` of two arrays is another function than `map_cast(k1, v1, …)`. */
export function withArrayMap(call: FunctionCall): FunctionCall {
  if (call.name.toLowerCase() !== 'map_cast' || call.args.length !== 2) return call
  return call.args.every((arg) => isArray(arg)) ? { ...call, name: 'map_from_arrays' } : call
}
