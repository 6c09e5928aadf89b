import type { TypeArg, TypeNode } from '../../dialect/index.js'

/**
 * The TypeScript type of a column's values as the driver gives them: 64-bit integers and decimals are text, since a
 * number would lose digits, and so are times.
 */
export function tsType(type: TypeNode): string {
  const integer = /^u?int(\d+)?$/.exec(type.name)
  if (integer) return Number(integer[1] ?? 32) <= 32 ? 'number' : 'string'
  switch (type.name) {
    case 'float32':
    case 'float64':
    case 'float':
    case 'double':
    case 'decimal':
    case 'decimal32':
    case 'decimal64':
    case 'byte':
    case 'smallint':
    case 'integer':
      return 'number'
    case 'bool':
    case 'boolean':
      return 'boolean'
    case 'nullable':
      return `${tsType(inner(type, 0))} | null`
    case 'low_cardinality':
      return tsType(inner(type, 0))
    case 'array':
      return `Array<${tsType(inner(type, 0))}>`
    case 'map':
      return `Record<string, ${tsType(inner(type, 1))}>`
    case 'tuple':
    case 'nested':
      return tupleType(type)
    case 'enum':
    case 'enum8':
    case 'enum16': {
      const values = type.args.flatMap((arg) =>
        arg.kind === 'enum' || arg.kind === 'string' ? [arg.value] : [],
      )
      return values.map((value) => JSON.stringify(value)).join(' | ') || 'string'
    }
    case 'json':
      return 'Record<string, unknown>'
    default:
      return 'string'
  }
}

function inner(type: TypeNode, position: number): TypeNode {
  const arg: TypeArg | undefined = type.args[position]
  return arg && 'type' in arg ? arg.type : { name: 'string', args: [] }
}

/** Elements with names are an object, others stand in their order. */
function tupleType(type: TypeNode): string {
  const elements = type.args.flatMap((arg) => (arg.kind === 'named' || arg.kind === 'type' ? [arg] : []))
  const named = elements.every((arg) => arg.kind === 'named')
  const text = named
    ? `{ ${elements.map((arg) => `${propertyName(arg.kind === 'named' ? arg.name : '')}: ${tsType(arg.type)}`).join('; ')} }`
    : `[${elements.map((arg) => tsType(arg.type)).join(', ')}]`
  return type.name === 'nested' ? `Array<${text}>` : text
}

export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
}

/** What may be written: dates as such, and wide integers in any of the ways that keep their digits. */
export function insertType(type: TypeNode): string {
  if (/^date/.test(type.name)) return 'Date | string'
  if (/^u?int(64|128|256)$/.test(type.name) || type.name === 'bigint') return 'bigint | number | string'
  if (type.name === 'nullable') return `${insertType(inner(type, 0))} | null`
  if (type.name === 'low_cardinality') return insertType(inner(type, 0))
  if (type.name === 'array') return `Array<${insertType(inner(type, 0))}>`
  return tsType(type)
}
