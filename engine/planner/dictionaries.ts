import { quoteIdentifier } from '../chdb/pool.js'
import type { Catalog, DictionaryObject, Relation } from '../contracts.js'
import { EngineError } from '../errors.js'
import { dictionaryTable } from '../storage/tables.js'

/** A dictionary as a relation: all its keys. */
export function dictionaryRelation(dictionary: DictionaryObject): Relation {
  const columns = dictionary.columns.map((column) => column.name)
  return {
    sql: `(SELECT ${columns.map(quoteIdentifier).join(', ')} FROM ${dictionaryTable(dictionary)})`,
    columns,
  }
}

/** What the store calls the dictionary of `dict_get('d', …)`, `dict_get('db.d', …)`. Throws 36. */
export function storedDictionary(written: string, catalog: Catalog, database: string): string {
  const [first, second] = written.split('.')
  const name = second === undefined ? { name: first! } : { database: first!, name: second }
  const found = catalog.find(name, database)
  if (found?.kind !== 'dictionary') {
    throw new EngineError('BAD_ARGUMENTS', `Dictionary (\`${written}\`) not found`)
  }
  return dictionaryTable(found)
}
