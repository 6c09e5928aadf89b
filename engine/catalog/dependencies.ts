import { dependencies } from '../../dialect/index.js'
import type { CatalogObject } from '../contracts.js'

/** Streams and views that an object reads or writes, with their databases. */
export function relationsOf(object: CatalogObject): { database: string; name: string }[] {
  if (object.kind !== 'view' && object.kind !== 'materialized_view') return []
  const used = dependencies(object.statement).map((name) => ({
    database: name.database ?? object.name.database,
    name: name.name,
  }))
  return object.kind === 'materialized_view' ? [...used, object.target] : used
}
