/** Catalog objects ↔ the JSON that is kept of them. Statements are kept as SQL and parsed when loaded. */
import type { Statement } from '../../dialect/ast.js'
import { parseStatement } from '../../dialect/index.js'
import type { CatalogObject } from '../contracts.js'
import { EngineError } from '../errors.js'

/** The statement kind that each kind of object is created by. */
const STATEMENT_OF: Record<CatalogObject['kind'], Statement['kind']> = {
  stream: 'create_stream',
  external_stream: 'create_external_stream',
  random_stream: 'create_random_stream',
  view: 'create_view',
  materialized_view: 'create_materialized_view',
  dictionary: 'create_dictionary',
  function: 'create_function',
}

export function encodeObject(object: CatalogObject): string {
  const { statement: _, ...rest } = object
  return JSON.stringify(rest)
}

/** Throws LOGICAL_ERROR for what this version of the engine did not write. */
export function decodeObject(json: string): CatalogObject {
  const object = JSON.parse(json) as CatalogObject
  if (object.sql === '') return object
  const statement = parseStatement(object.sql)
  if (statement.kind !== STATEMENT_OF[object.kind]) {
    throw new EngineError(
      'LOGICAL_ERROR',
      `The catalog keeps ${object.kind} ${object.name.name} with another statement`,
    )
  }
  return { ...object, statement } as CatalogObject
}
