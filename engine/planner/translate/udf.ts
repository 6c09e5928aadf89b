import type { TypeNode } from '../../../dialect/ast.js'
import { toClickHouseType } from '../../../dialect/index.js'
import { quoteString } from '../../chdb/pool.js'
import { checkArguments } from './sql_function.js'

/**
 * Arguments of an aggregate function cast to the declared types, and the condition under which a row counts:
 * rows with a NULL never reach a user's function. Throws 42 for a wrong number of arguments.
 */
export function aggregateArguments(
  name: string,
  args: string[],
  types: TypeNode[],
): { cast: string[]; notNull: string | undefined } {
  checkArguments(name, args.length, types.length)
  const cast = args.map((arg, i) => {
    const type = types[i]!
    const value = type.name === 'nullable' ? arg : `assumeNotNull(${arg})`
    return `CAST(${value}, ${quoteString(toClickHouseType(type))})`
  })
  const checks = args.filter((_, i) => types[i]!.name !== 'nullable').map((arg) => `isNotNull(${arg})`)
  return { cast, notNull: checks.length === 0 ? undefined : checks.join(' AND ') }
}
