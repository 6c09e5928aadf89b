import type { TypeNode } from '../../../dialect/ast.js'
import { toClickHouseType } from '../../../dialect/index.js'
import { quoteString } from '../../chdb/pool.js'
import { EngineError } from '../../errors.js'

/** Types that cannot be wrapped in Nullable. */
const NEVER_NULL = new Set([
  'array',
  'map',
  'tuple',
  'nested',
  'nullable',
  'low_cardinality',
  'json',
  'nothing',
])

/**
 * Arguments cast to the declared types, as Proton does before it calls a user's function.
 * `cast` takes a NULL for granted not to come (see `notNull`), `keepNull` lets it through as NULL.
 * Throws 42 for a wrong number of arguments.
 */
export function udfArguments(
  name: string,
  args: string[],
  types: TypeNode[],
): { cast: string[]; keepNull: string[]; notNull: string } {
  if (args.length !== types.length) {
    throw new EngineError(
      'NUMBER_OF_ARGUMENTS_DOESNT_MATCH',
      `Number of arguments for function ${name} doesn't match: passed ${args.length}, should be ${types.length}`,
    )
  }
  const cast = args.map((arg, i) => {
    const type = types[i]!
    const value = type.name === 'nullable' ? arg : `assumeNotNull(${arg})`
    return `CAST(${value}, ${quoteString(toClickHouseType(type))})`
  })
  const keepNull = args.map((arg, i) => {
    const type = types[i]!
    const store = toClickHouseType(type)
    if (NEVER_NULL.has(type.name)) return `CAST(${arg}, ${quoteString(store)})`
    // The type of the argument is known to the store only; `toTypeName` is a constant there.
    const wanted = `if(position(toTypeName(${arg}), 'Nullable') = 1, ${quoteString(`Nullable(${store})`)}, ${quoteString(store)})`
    return `CAST(${arg}, ${wanted})`
  })
  const nullable = args.filter((_, i) => types[i]!.name !== 'nullable')
  const notNull = nullable.length === 0 ? '1' : nullable.map((arg) => `isNotNull(${arg})`).join(' AND ')
  return { cast, keepNull, notNull: nullable.length > 1 ? `(${notNull})` : notNull }
}
