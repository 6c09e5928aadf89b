/**
 * Types of Proton as declarations: `'uint32'`, `'array(string)'`, `"datetime64(3, 'UTC')"`, or an object for a
 * named tuple: `{ score: 'uint8', reasons: 'array(string)' }`. What a function's code sees is inferred from them.
 *
 * This file goes into the code that runs in the engine: it imports nothing.
 */

export type TypeDeclaration = string | { readonly [element: string]: TypeDeclaration }
export type ArgDeclarations = { readonly [name: string]: TypeDeclaration }

type SmallInt =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'byte'
  | 'smallint'
  | 'int'
  | 'integer'
  | 'uint'
type BigInts = 'int64' | 'uint64' | 'bigint'
type Float = 'float32' | 'float64' | 'float' | 'double'
type Text = 'string' | 'varchar' | `fixed_string(${string})`
type Time = 'date' | 'date32' | 'datetime' | `datetime(${string})` | 'datetime64' | `datetime64(${string})`

type FromText<T, Int64> = T extends `nullable(${infer Inner})`
  ? FromText<Inner, Int64> | null
  : T extends `array(${infer Inner})`
    ? FromText<Inner, Int64>[]
    : T extends `low_cardinality(${infer Inner})`
      ? FromText<Inner, Int64>
      : T extends SmallInt | Float
        ? number
        : T extends BigInts
          ? Int64
          : T extends 'bool' | 'boolean'
            ? boolean
            : T extends Text
              ? string
              : T extends Time
                ? Date
                : never

type Value<T, Int64> = T extends string
  ? FromText<T, Int64>
  : { -readonly [K in keyof T]: Value<T[K], Int64> }

/** What an argument of the declared type is in the engine: 64-bit integers are numbers there (rounded above 2^53). */
export type ArgValue<T> = Value<T, number>
/** What may be returned: a 64-bit integer also as BigInt, on engines that take it. */
export type ReturnValue<T> = Value<T, number | bigint>
/** One row of arguments. */
export type Row<A extends ArgDeclarations> = { -readonly [K in keyof A]: ArgValue<A[K]> }

const SIMPLE =
  /^(u?int(8|16|32|64)?|byte|smallint|integer|bigint|float(32|64)?|double|bool|boolean|string|varchar|date|date32|datetime)$/
const WITH_ARGUMENTS = /^(fixed_string\(\d+\)|datetime\('[\w/+-]+'\)|datetime64(\(\d(, ?'[\w/+-]+')?\))?)$/

/** The declaration as Proton writes it, or undefined for one that cannot cross into JavaScript. */
export function typeText(type: TypeDeclaration): string | undefined {
  if (typeof type !== 'string') {
    const elements = Object.entries(type).map(([name, element]) => {
      const text = typeText(element)
      return text === undefined ? undefined : `${name} ${text}`
    })
    return elements.length === 0 || elements.includes(undefined) ? undefined : `tuple(${elements.join(', ')})`
  }
  const wrapped = /^(nullable|array|low_cardinality)\((.*)\)$/.exec(type)
  if (wrapped) {
    const inner = typeText(wrapped[2]!)
    return inner === undefined ? undefined : `${wrapped[1]}(${inner})`
  }
  return SIMPLE.test(type) || WITH_ARGUMENTS.test(type) ? type : undefined
}
