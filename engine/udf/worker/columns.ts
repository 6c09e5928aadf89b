import { type Input, makeReader } from './decode.js'
import { makeWriter, type Output } from './encode.js'
import type { ValueType } from './spec.js'

/**
 * A whole block of one column at once. Numbers of a fixed width are copied and converted in one loop; everything else
 * goes value by value. Evaluated inside the sandbox, as decode.ts is.
 */
type Numbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array

/** The array that holds a type's values as they lie in RowBinary, which is little-endian as the machines are. */
function arrayOf(type: ValueType): (new (length: number) => Numbers) | undefined {
  if (type.kind === 'float') return type.bits === 32 ? Float32Array : Float64Array
  if (type.kind !== 'int') return undefined
  switch (type.bits) {
    case 8:
      return type.signed ? Int8Array : Uint8Array
    case 16:
      return type.signed ? Int16Array : Uint16Array
    case 32:
      return type.signed ? Int32Array : Uint32Array
    default:
      return undefined
  }
}

/** Reads a block of rows: a column for each type. */
export function makeColumnsReader(types: ValueType[]): (input: Input, rows: number) => unknown[][] {
  const Fixed = types.length === 1 ? arrayOf(types[0]!) : undefined
  const readers = types.map((type) => makeReader(type))
  if (!Fixed) {
    return (input, rows) => {
      const columns: unknown[][] = readers.map(() => [])
      for (let row = 0; row < rows; row++) {
        for (let i = 0; i < readers.length; i++) columns[i]!.push(readers[i]!(input))
      }
      return columns
    }
  }
  return (input, rows) => {
    const values = new Fixed(rows)
    const bytes = values.byteLength
    if (input.end - input.offset < bytes) input.fill(bytes)
    new Uint8Array(values.buffer).set(input.buffer.subarray(input.offset, input.offset + bytes))
    input.offset += bytes
    const column = new Array<number>(rows)
    for (let row = 0; row < rows; row++) column[row] = values[row]!
    return [column]
  }
}

/** Writes a block of results. */
export function makeColumnWriter(type: ValueType): (output: Output, values: unknown[]) => void {
  const Fixed = arrayOf(type)
  const write = makeWriter(type)
  const oneByOne = (output: Output, values: unknown[]) => {
    for (let row = 0; row < values.length; row++) write(output, values[row])
  }
  if (!Fixed) return oneByOne
  return (output, values) => {
    const numbers = new Fixed(values.length)
    for (let row = 0; row < values.length; row++) {
      const value = values[row]
      // Anything else is converted, or refused, by the writer of single values.
      if (typeof value !== 'number') return oneByOne(output, values)
      numbers[row] = value
    }
    const bytes = numbers.byteLength
    if (output.buffer.length - output.offset < bytes) output.grow(bytes)
    output.buffer.set(new Uint8Array(numbers.buffer), output.offset)
    output.offset += bytes
  }
}
