import type { Alter, CreateNamedCollection } from '../../dialect/ast.js'
import { quoteName, quoteString } from '../../dialect/index.js'
import { may } from '../access/control.js'
import { type CollectionKey, noCollection } from '../catalog/named_collections.js'
import type { QueryContext, Relation } from '../contracts.js'
import { EngineError } from '../errors.js'
import { literalText, type StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { jsonRelation } from './json_rows.js'
import { isSecret } from './secrets.js'

export async function createNamedCollection(
  { name: { name }, entries, ifNotExists, orReplace, comment }: CreateNamedCollection,
  { collections }: StatementDeps,
): Promise<void> {
  if (collections.get(name) && !orReplace) {
    if (ifNotExists) return
    throw EngineError.withCode(
      670,
      'NAMED_COLLECTION_ALREADY_EXISTS',
      `A named collection \`${name}\` already exists`,
    )
  }
  await collections.put(name, { keys: entries.map(keyOf), ...(comment === undefined ? {} : { comment }) })
}

function keyOf({ name, value, overridable }: CreateNamedCollection['entries'][number]): CollectionKey {
  return { name, value: literalText(value), ...(overridable === undefined ? {} : { overridable }) }
}

/** `SET k = v, …`, `DELETE k, …`: what is open keeps its settings until it is opened again. */
export async function alterNamedCollection(
  { name: { name }, actions }: Alter,
  { collections }: StatementDeps,
): Promise<void> {
  const collection = collections.get(name)
  if (!collection) throw noCollection(name)
  let { keys } = collection
  for (const action of actions) {
    if (action.kind === 'set_keys') {
      for (const entry of action.entries) {
        const before = keys.find((key) => key.name === entry.name)
        const changed = { ...before, ...keyOf(entry) }
        keys = before ? keys.map((key) => (key === before ? changed : key)) : [...keys, changed]
      }
    } else if (action.kind === 'delete_keys') {
      keys = keys.filter((key) => !action.names.includes(key.name))
    } else throw notSupported('This change of a named collection')
  }
  await collections.put(name, { ...collection, keys })
}

/** As in Timeplus nothing is asked of the streams that use it: they fail when they are opened next. */
export async function dropNamedCollection(
  name: string,
  ifExists: boolean,
  { collections }: StatementDeps,
): Promise<void> {
  if (collections.get(name)) return collections.remove(name)
  if (!ifExists) throw noCollection(name)
}

/** Without its secrets. */
export function namedCollectionText(name: string, { collections }: StatementDeps): string {
  const collection = collections.get(name)
  if (!collection) throw noCollection(name)
  const keys = collection.keys.map((key) => {
    const flag = key.overridable === undefined ? '' : key.overridable ? ' OVERRIDABLE' : ' NOT OVERRIDABLE'
    return `${quoteName(key.name)} = ${quoteString(shown(key))}${flag}`
  })
  const comment = collection.comment === undefined ? '' : ` COMMENT ${quoteString(collection.comment)}`
  return `CREATE NAMED COLLECTION ${quoteName(name)} AS ${keys.join(', ')}${comment}`
}

function shown({ name, value }: CollectionKey): string {
  return isSecret(name) || (name === 'properties' && isSecret(value)) ? '[HIDDEN]' : value
}

export function namedCollectionRelation(context: QueryContext, deps: StatementDeps): Relation {
  const sees = may(deps.guard.accessOf(context), 'SHOW NAMED COLLECTIONS')
  const rows = (sees ? deps.collections.list() : []).map(([name, { keys }]) => [
    name,
    Object.fromEntries(keys.map((key) => [key.name, shown(key)])),
    namedCollectionText(name, deps),
  ])
  return jsonRelation({ name: 'string', collection: 'map(string, string)', create_query: 'string' }, rows)
}
