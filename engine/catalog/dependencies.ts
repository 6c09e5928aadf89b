import { dependencies } from '../../dialect/index.js'
import type { CatalogObject } from '../contracts.js'

/** Streams and views that an object reads or writes, with their databases. */
export function relationsOf(object: CatalogObject): { database: string; name: string }[] {
  if (object.kind !== 'view' && object.kind !== 'materialized_view' && object.kind !== 'dictionary') return []
  const used = dependencies(object.statement).map((name) => ({
    database: name.database ?? object.name.database,
    name: name.name,
  }))
  return object.kind === 'materialized_view' ? [...used, object.target] : used
}

/** Streams and views that the query of a view reads. */
export function readsOf(object: CatalogObject): string[] {
  if (object.kind !== 'view' && object.kind !== 'materialized_view') return []
  return dependencies({ kind: 'query', query: object.statement.query }).map(
    (name) => `${name.database ?? object.name.database}.${name.name}`,
  )
}

/** Everything that rows written to `start` reach: through views, materialized views and their targets. */
export function downstream(start: string, objects: CatalogObject[]): Set<string> {
  const reached = new Set([start])
  const queue = [start]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const object of objects) {
      if (!readsOf(object).includes(name)) continue
      const next = [`${object.name.database}.${object.name.name}`]
      if (object.kind === 'materialized_view') next.push(`${object.target.database}.${object.target.name}`)
      for (const found of next) {
        if (reached.has(found)) continue
        reached.add(found)
        queue.push(found)
      }
    }
  }
  return reached
}

/** How many materialized views a row goes through on its longest way into and through this one. */
export function viewsOnTheWay(
  view: CatalogObject,
  objects: CatalogObject[],
  below: ReadonlySet<CatalogObject> = new Set(),
): number {
  const path = new Set([...below, view])
  const read = new Set(readsOf(view))
  const feeds = (object: CatalogObject) => {
    const { database, name } = object.kind === 'materialized_view' ? object.target : object.name
    return read.has(`${database}.${name}`) || read.has(`${object.name.database}.${object.name.name}`)
  }
  const longest = objects
    .filter((object) => !path.has(object) && feeds(object))
    .map((object) => viewsOnTheWay(object, objects, path))
  return Math.max(0, ...longest) + (view.kind === 'materialized_view' ? 1 : 0)
}
