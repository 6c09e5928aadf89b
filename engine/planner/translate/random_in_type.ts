import type { Expr, TypeNode } from '../../../dialect/ast.js'
import { canonicalType, parseType, printType, toClickHouseType } from '../../../dialect/index.js'
import { quoteString } from '../../chdb/pool.js'
import { EngineError } from '../../errors.js'
import { exprText } from './expression.js'
import type { Scope } from './scope.js'
import { substitute } from './sql_function.js'

/** Two equal calls of a random function are one to the store: each gets a number of its own. */
let calls = 0

/**
 * `random_in_type('uint8'[, number of different values][, x -> …])`, the last two in any order: a random number
 * below the given count, as a value of the type, or what the lambda makes of it.
 */
export function randomInTypeText(args: Expr[], scope: Scope): string {
  const [first, ...options] = args
  if (first?.kind !== 'literal' || first.type !== 'string' || options.length > 2) {
    throw new EngineError(
      'ILLEGAL_TYPE_OF_ARGUMENT',
      'First argument of function random_in_type should be constant type string',
    )
  }
  const type = canonicalType(parseType(first.value))
  const lambda = options.find((arg) => arg.kind === 'lambda')
  const count = options.find((arg) => arg.kind !== 'lambda')
  const random = `rand64(${++calls})${count ? ` % ${exprText(count, scope)}` : ''}`
  if (lambda?.kind !== 'lambda') return valueText(type, `(${random})`)
  const body = substitute(lambda.body, new Map([[lambda.params[0]!, { kind: 'raw', sql: `(${random})` }]]))
  return `CAST(${exprText(body, scope)}, ${quoteString(toClickHouseType(type))})`
}

function valueText(type: TypeNode, random: string): string {
  const store = quoteString(toClickHouseType(type))
  switch (type.name) {
    case 'string':
      return `lower(hex(${random}))`
    case 'fixed_string': {
      const [size] = type.args
      const length = size?.kind === 'number' ? size.text : '1'
      return `toFixedString(substring(lower(hex(${random})), 1, ${length}), ${length})`
    }
    case 'bool':
      return `CAST(${random} % 2, ${store})`
    case 'date':
    case 'date32':
      return `CAST(toDate(${random} % 49710), ${store})`
    case 'datetime':
    case 'datetime64':
      return `CAST(toDateTime(${random} % 4294967296), ${store})`
    case 'decimal':
      return `CAST(${random} % 1000000 / 1000, ${store})`
    case 'uuid':
      return `reinterpret(toUInt128(${random}), 'UUID')`
    case 'ipv4':
      return `CAST(toUInt32(${random} % 4294967296), 'IPv4')`
    case 'ipv6':
      return `toIPv6(toString(CAST(toUInt32(${random} % 4294967296), 'IPv4')))`
    default:
      if (!/^(?:u?int|float)\d+$/.test(type.name)) {
        throw new EngineError(
          'BAD_ARGUMENTS',
          `The random_in_type doesn't support argument type '${printType(type)}'`,
        )
      }
      return `CAST(${random}, ${store})`
  }
}
