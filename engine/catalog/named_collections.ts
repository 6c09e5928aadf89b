import type { Chdb } from '../contracts.js'
import { EngineError } from '../errors.js'
import { StoredMap } from './stored_map.js'

export interface CollectionKey {
  name: string
  value: string
  overridable?: boolean
}

/** Settings that several external streams share. */
export interface NamedCollection {
  keys: CollectionKey[]
  comment?: string
}

export type NamedCollections = StoredMap<NamedCollection>

export function openNamedCollections(chdb: Chdb): Promise<NamedCollections> {
  return StoredMap.open<NamedCollection>(chdb, 'named_collection')
}

/** Settings with those of their `named_collection` put in; what stands in the statement wins. Throws 36, 669. */
export function withCollection(
  settings: Record<string, string>,
  collections: Pick<NamedCollections, 'get'>,
): Record<string, string> {
  const { named_collection: name, ...own } = settings
  if (name === undefined) return settings
  const collection = collections.get(name)
  if (!collection) throw noCollection(name)
  const fixed = collection.keys.find((key) => key.overridable === false && key.name in own)
  if (fixed) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Override not allowed for '${fixed.name}' of named collection ${name}`,
    )
  }
  const shared = collection.keys.filter((key) => key.name !== 'type')
  return { ...Object.fromEntries(shared.map((key) => [key.name, key.value])), ...own }
}

export function noCollection(name: string): EngineError {
  return EngineError.withCode(
    669,
    'NAMED_COLLECTION_DOESNT_EXIST',
    `There is no named collection \`${name}\`. Create it with CREATE NAMED COLLECTION`,
  )
}
