import type { TypeNode } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import type { ValueType } from './worker/spec.js'

const INTEGER = /^(u?)int(8|16|32|64)$/
/** Other names that the dialect has for the same types. */
const ALIASES: Record<string, string> = {
  byte: 'int8',
  smallint: 'int16',
  int: 'int32',
  integer: 'int32',
  uint: 'uint32',
  bigint: 'int64',
  float: 'float32',
  double: 'float64',
  boolean: 'bool',
  varchar: 'string',
  datetime32: 'datetime',
}
const SIMPLE = new Set(['bool', 'string', 'date', 'date32'] as const)

/** A declared type as the functions' codec knows it; NOT_IMPLEMENTED (48) for one that cannot cross. */
export function valueType(node: TypeNode): ValueType {
  const name = ALIASES[node.name.toLowerCase()] ?? node.name.toLowerCase()
  const integer = INTEGER.exec(name)
  if (integer) {
    return { kind: 'int', signed: integer[1] === '', bits: Number(integer[2]) as 8 | 16 | 32 | 64 }
  }
  if (SIMPLE.has(name as 'bool')) return { kind: name as 'bool' }
  switch (name) {
    case 'float32':
      return { kind: 'float', bits: 32 }
    case 'float64':
      return { kind: 'float', bits: 64 }
    case 'fixed_string':
      return { kind: 'fixed_string', size: numberArg(node, 0) ?? 1 }
    case 'datetime':
      return { kind: 'datetime', timezone: textArg(node, 0) }
    case 'datetime64':
      return { kind: 'datetime64', scale: numberArg(node, 0) ?? 3, timezone: textArg(node, 1) }
    case 'array':
      return { kind: 'array', of: valueType(typeArg(node, 0)) }
    case 'nullable':
      return { kind: 'nullable', of: valueType(typeArg(node, 0)) }
    case 'low_cardinality':
      return valueType(typeArg(node, 0))
    case 'map':
      return { kind: 'map', key: valueType(typeArg(node, 0)), value: valueType(typeArg(node, 1)) }
    case 'tuple':
      return {
        kind: 'tuple',
        names: node.args.map((arg, i) => (arg.kind === 'named' ? arg.name : String(i + 1))),
        of: node.args.map((_, i) => valueType(typeArg(node, i))),
      }
    default:
      throw new EngineError('NOT_IMPLEMENTED', `JavaScript UDF does not support data type: ${node.name}`)
  }
}

/** The same type in the store's words. */
export function storeType(type: ValueType): string {
  switch (type.kind) {
    case 'int':
      return `${type.signed ? '' : 'U'}Int${type.bits}`
    case 'float':
      return `Float${type.bits}`
    case 'bool':
      return 'Bool'
    case 'string':
      return 'String'
    case 'fixed_string':
      return `FixedString(${type.size})`
    case 'date':
      return 'Date'
    case 'date32':
      return 'Date32'
    case 'datetime':
      return type.timezone === undefined ? 'DateTime' : `DateTime(${quote(type.timezone)})`
    case 'datetime64':
      return `DateTime64(${type.scale}${type.timezone === undefined ? '' : `, ${quote(type.timezone)}`})`
    case 'array':
      return `Array(${storeType(type.of)})`
    case 'nullable':
      return `Nullable(${storeType(type.of)})`
    case 'map':
      return `Map(${storeType(type.key)}, ${storeType(type.value)})`
    case 'tuple': {
      const unnamed = type.names.every((name, i) => name === String(i + 1))
      const elements = type.of.map((element, i) =>
        unnamed
          ? storeType(element)
          : `\`${type.names[i]!.replace(/[\\`]/g, '\\$&')}\` ${storeType(element)}`,
      )
      return `Tuple(${elements.join(', ')})`
    }
  }
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}

function typeArg(node: TypeNode, index: number): TypeNode {
  const arg = node.args[index]
  if (arg?.kind === 'type' || arg?.kind === 'named') return arg.type
  throw new EngineError('BAD_ARGUMENTS', `Data type ${node.name} lacks its argument ${index + 1}`)
}

function numberArg(node: TypeNode, index: number): number | undefined {
  const arg = node.args[index]
  return arg?.kind === 'number' ? Number(arg.text) : undefined
}

function textArg(node: TypeNode, index: number): string | undefined {
  const arg = node.args[index]
  return arg?.kind === 'string' ? arg.value : undefined
}
