import type { CompiledObject, Deployment } from '../../bootstrap/model.js'
import { objectKey } from '../../bootstrap/model.js'
import { needsOf } from '../../bootstrap/needs.js'

/** Where the rows of a test come in, and where they are looked for. */
export interface TestScope {
  given: ReadonlySet<string>
  wanted: ReadonlySet<string>
  /** Functions that the test itself calls. */
  functions: ReadonlySet<string>
}

/**
 * The objects of a project that a test needs, in an order in which they can be created: what is looked at, what that
 * reads, and the materialized views on the way from the streams that get rows. Views that no given row can reach are
 * left out, and so is everything behind what is looked at.
 */
export function neededObjects(deployment: Deployment, scope: TestScope): CompiledObject[] {
  /** Streams and views by their names, and what has no name among them by its key. */
  const byKey = new Map(
    deployment.objects.filter(({ kind }) => kind !== 'function').map((object) => [object.key, object]),
  )
  const writers = new Map<string, CompiledObject[]>()
  for (const object of byKey.values()) {
    const target = targetOf(object)
    if (target !== undefined) writers.set(target, [...(writers.get(target) ?? []), object])
  }
  const readBy = (object: CompiledObject) => {
    const target = targetOf(object)
    return object.dependsOn.filter((key) => byKey.has(key) && key !== target)
  }

  const fed = new Map<string, boolean>()
  const isFed = (name: string): boolean => {
    const known = fed.get(name)
    if (known !== undefined) return known
    fed.set(name, false)
    const object = byKey.get(name)
    const sources = object && object.kind !== 'stream' ? readBy(object) : []
    const answer =
      scope.given.has(name) ||
      sources.some(isFed) ||
      (writers.get(name) ?? []).some((writer) => isFed(writer.key))
    fed.set(name, answer)
    return answer
  }

  const needed = new Set<string>()
  const need = (name: string): void => {
    const object = byKey.get(name)
    if (!object || needed.has(name)) return
    needed.add(name)
    for (const source of object.dependsOn) if (byKey.has(source)) need(source)
    for (const writer of writers.get(name) ?? []) if (isFed(writer.key)) need(writer.key)
  }
  for (const name of [...scope.given, ...scope.wanted]) need(name)

  const functions = new Set([...scope.functions].map((name) => objectKey('function', name)))
  for (const name of needed)
    for (const called of needsOf(byKey.get(name)!.statement).functions)
      functions.add(objectKey('function', called))
  return deployment.objects.filter(({ key, kind }) =>
    kind === 'function' ? functions.has(key) : needed.has(key),
  )
}

/** Where a materialized view writes. */
function targetOf(object: CompiledObject): string | undefined {
  return object.statement.kind === 'create_materialized_view' ? object.statement.into?.name : undefined
}
