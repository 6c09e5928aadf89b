import type { Expr } from '../../../dialect/ast.js'
import { isJsonArrayPath } from './json.js'
import type { Scope } from './scope.js'

const GIVES_STRING =
  /^(?:to_string|to_fixed_string|concat|concat_ws|lower|upper|trim|trim_left|trim_right|trim_both|substr(?:ing)?|replace(?:_one|_all|_regexp_one|_regexp_all)?|json_value|json_query|json_extract_(?:string|raw)|base64_(?:en|de)code|decode_url_component|hex|unhex|reverse|format|extract)$/

/** Functions that give one of the values that they are given. */
const GIVES_ARGUMENT =
  /^(?:any|any_last|min|max|earliest|latest|first_value|last_value|arg_min|arg_max|lag|coalesce|if_null|assume_not_null|to_nullable|to_low_cardinality|materialize|identity)$/

/** How far aliases are followed. */
const MAX_DEPTH = 16

/** Whether an expression can be seen to be a string. Columns tell it where their relations do. */
export function isString(expr: Expr, scope: Scope, depth = 0): boolean {
  switch (expr.kind) {
    case 'literal':
      return expr.type === 'string'
    case 'alias':
      return isString(expr.expr, { ...scope, defining: expr.name }, depth)
    case 'cast':
      return expr.type.name === 'string'
    case 'json_path':
      return !isJsonArrayPath(expr.path)
    case 'subscript':
      return expr.index.kind !== 'star' && isString(expr.expr, scope, depth)
    case 'call': {
      const name = expr.name.toLowerCase()
      const [first] = expr.args
      return (
        GIVES_STRING.test(name) || (GIVES_ARGUMENT.test(name) && !!first && isString(first, scope, depth))
      )
    }
    case 'column':
      return isStringColumn(expr.path, scope, depth)
    default:
      return false
  }
}

function isStringColumn(path: readonly string[], scope: Scope, depth: number): boolean {
  const name = path.at(-1)!
  if (path.length > 1) return scope.sources.some((s) => s.alias === path.at(-2) && s.strings?.has(name))
  if (scope.lambda.has(name)) return false
  const definition = scope.aliases.has(name) && scope.defining !== name && scope.definitions?.get(name)
  if (definition) {
    return depth < MAX_DEPTH && isString(definition, { ...scope, defining: name }, depth + 1)
  }
  return scope.sources.find((source) => source.columns.includes(name))?.strings?.has(name) === true
}
