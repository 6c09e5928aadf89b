/** A column of a result, type in Proton's spelling: `nullable(uint64)`. */
export interface ColumnInfo {
  name: string
  type: string
}

export type Row = Record<string, unknown>

/**
 * How integers wider than 53 bits arrive. They travel quoted, so neither way loses a digit.
 * `string` (the default): as sent; such rows can be passed to `JSON.stringify`.
 * `bigint`: as bigint, in arrays, tuples, maps and nullables too.
 */
export type IntegerMode = 'string' | 'bigint'

type Convert = (value: unknown) => unknown

const WIDE = /^u?int(64|128|256)$/

/** Splits the arguments of a parametric type at its top level: `string, array(uint64)`. */
function splitArguments(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  let quote = ''
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    if (quote) {
      if (c === '\\') i++
      else if (c === quote) quote = ''
    } else if (c === "'" || c === '`') quote = c
    else if (c === '(') depth++
    else if (c === ')') depth--
    else if (c === ',' && depth === 0) {
      parts.push(text.slice(start, i).trim())
      start = i + 1
    }
  }
  parts.push(text.slice(start).trim())
  return parts
}

/** The conversion a type needs to turn quoted wide integers into bigint; undefined where it holds none. */
export function bigintConverter(type: string): Convert | undefined {
  if (WIDE.test(type)) return (value) => (value === null ? null : BigInt(value as string | number))
  const parametric = /^([a-z_0-9]+)\((.*)\)$/s.exec(type)
  if (!parametric) return undefined
  const args = splitArguments(parametric[2]!)
  switch (parametric[1]) {
    case 'nullable':
    case 'low_cardinality': {
      const inner = bigintConverter(args[0]!)
      return inner && ((value) => (value === null ? null : inner(value)))
    }
    case 'array': {
      const inner = bigintConverter(args[0]!)
      return inner && ((value) => (value as unknown[]).map(inner))
    }
    case 'map': {
      const inner = bigintConverter(args[1] ?? '')
      if (!inner) return undefined
      return (value) => Object.fromEntries(Object.entries(value as Row).map(([k, v]) => [k, inner(v)]))
    }
    case 'tuple':
      return tupleConverter(args)
    default:
      return undefined
  }
}

/** Named tuples arrive as objects, others as arrays. */
function tupleConverter(args: string[]): Convert | undefined {
  const named = args.map((arg) => /^(`(?:[^`\\]|\\.)*`|\w+)\s+(.+)$/s.exec(arg))
  const inner = args.map((arg, i) => bigintConverter(named[i]?.[2] ?? arg))
  if (inner.every((convert) => !convert)) return undefined
  const names = named.map((match) => match?.[1]?.replace(/^`|`$/g, '') ?? '')
  return (value) => {
    if (Array.isArray(value)) return value.map((v, i) => inner[i]?.(v) ?? v)
    const object = { ...(value as Row) }
    names.forEach((name, i) => {
      const convert = inner[i]
      if (convert && name in object) object[name] = convert(object[name])
    })
    return object
  }
}

/** Makes rows as objects out of rows as arrays. */
export function rowBuilder(
  columns: readonly ColumnInfo[],
  integers: IntegerMode,
): (values: unknown[]) => Row {
  const names = columns.map((column) => column.name)
  const converters = columns.map((column) =>
    integers === 'bigint' ? bigintConverter(column.type) : undefined,
  )
  const plain = converters.every((convert) => !convert)
  return (values) => {
    const row: Row = {}
    for (let i = 0; i < names.length; i++) {
      const value = plain ? values[i] : (converters[i]?.(values[i]) ?? values[i])
      const name = names[i]!
      // A column may bear any name; assigning this one would set the prototype instead.
      if (name === '__proto__')
        Object.defineProperty(row, name, { value, enumerable: true, writable: true, configurable: true })
      else row[name] = value
    }
    return row
  }
}
