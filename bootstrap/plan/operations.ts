import { quoteName } from '../../dialect/index.js'
import { granting, revokingAll } from '../access.js'
import { dependencyOrder, dependents } from '../graph.js'
import type {
  CompiledObject,
  DeployedKind,
  Deployment,
  LedgerEntry,
  Live,
  LiveObject,
  ObjectKey,
  Operation,
} from '../model.js'
import type { CarriedOver } from '../replace/carry_over.js'
import { isOpen, nextName, renaming, wasName } from '../replace/note.js'
import type { RebuildTask } from '../replace/task.js'
import { dropStatement, parsedEntry } from '../statements.js'
import type { Verdict } from './verdict.js'

/**
 * Everything that is to be done, in order: drops from the end of the pipeline, then what is made, from its start, then
 * drops of what was still read until then.
 */
export function operationsOf(
  deployment: Deployment,
  live: Live,
  verdicts: Map<ObjectKey, Verdict>,
  gone: LedgerEntry[],
  { task, scans }: CarriedOver,
): Operation[] {
  const together = new Set([
    ...(task?.members ?? []).map(({ object }) => object.key),
    ...(task?.readers ?? []).map(({ object }) => object.key),
  ])
  const wayOf = (key: ObjectKey) => verdicts.get(key)?.strategy?.name
  /** What the old view is asked for before it is dropped. */
  const handoverOf = (key: ObjectKey): Pick<Operation, 'handover'> => {
    if (wayOf(key) === 'handover') return { handover: { sources: sourcesOf(key), from: 'where it stops' } }
    return wayOf(key) === 'overwrite' ? { handover: { sources: sourcesOf(key), from: 'the beginning' } } : {}
  }
  // Keyed sources begin with their current rows anyway.
  const sourcesOf = (key: ObjectKey) =>
    (scans.get(key) ?? []).filter(({ keyed }) => !keyed || wayOf(key) !== 'overwrite').map(({ name }) => name)
  const isAside = (key: ObjectKey, name: string) => {
    const { action, strategy } = verdicts.get(key) ?? {}
    return (
      (action === 'replace' && strategy?.name === 'copy') ||
      (isOpen(live.asides.get(name)) && live.relations.has(wasName(name)))
    )
  }
  const drops = new Map<ObjectKey, LiveObject>()
  for (const { key } of deployment.objects) {
    const { action, statements } = verdicts.get(key)!
    const there = live.objects.get(key)
    if (action === 'replace' && !statements && there && !together.has(key)) drops.set(key, there)
  }
  const staying = new Set(
    [...live.ledger.values()]
      .filter(({ key }) => live.objects.has(key) && verdicts.has(key) && !drops.has(key))
      .flatMap((entry) => parsedEntry(entry)?.dependsOn ?? []),
  )
  const late = new Set<ObjectKey>()
  for (const { key } of gone) {
    const there = live.objects.get(key)
    if (there) drops.set(key, there)
    if (there && staying.has(key)) late.add(key)
  }
  const dropping = dropOrder(deployment, live, drops).map(
    ({ key, name, kind, shown }): Operation => ({
      key,
      name,
      kind,
      type: 'drop',
      statements: kind === 'grant' ? revokingAll(shown) : [dropStatement(kind, name)],
      ...handoverOf(key),
      ...(isAside(key, name)
        ? { statements: [`RENAME STREAM ${quoteName(name)} TO ${quoteName(wasName(name))}`], aside: true }
        : {}),
    }),
  )
  const dropped = dropping.filter(({ key }) => !late.has(key))
  const forgotten = gone
    .filter(({ key }) => !live.objects.has(key))
    .map(({ key, name, kind }): Operation => ({ key, name, kind, type: 'forget', statements: [] }))
  const made = makingOrder(deployment, together).flatMap((object): Operation[] => {
    if (object === undefined) return task ? [rebuildOperation(task)] : []
    const { action, statements, record } = verdicts.get(object.key)!
    if (action === 'unchanged') return []
    const { key, name, kind } = object
    const aside = isAside(key, name) ? { aside: true } : {}
    // The new stream is there, and not all rows of the old one are in it yet.
    if (record && aside.aside)
      return [{ key, name, kind, type: 'create', statements: [], object, aside: true }]
    if (record) return [{ key, name, kind, type: 'record', statements: [], object }]
    const type = action === 'alter' ? 'alter' : 'create'
    const stopped = type === 'create' && live.handovers.get(name)?.phase === 'stopped'
    const handover: Pick<Operation, 'handover'> =
      wayOf(key) === 'handover' || wayOf(key) === 'overwrite' || stopped
        ? { handover: { sources: sourcesOf(key), from: 'where it stops' } }
        : {}
    const creation = kind === 'grant' ? granting(object.sql) : [object.sql]
    return [{ key, name, kind, type, statements: statements ?? creation, object, ...handover, ...aside }]
  })
  return [...dropped, ...forgotten, ...made, ...dropping.filter(({ key }) => late.has(key))]
}

/** Objects so that each comes after what it needs; those that are made together are one place, `undefined`. */
function makingOrder(
  { objects }: Deployment,
  together: ReadonlySet<ObjectKey>,
): (CompiledObject | undefined)[] {
  if (together.size === 0) return objects
  const place = (key: ObjectKey) => (together.has(key) ? TOGETHER : key)
  const graph = new Map<string, string[]>()
  for (const { key, dependsOn } of objects) {
    const needs = dependsOn.map(place).filter((need) => need !== place(key))
    graph.set(place(key), [...(graph.get(place(key)) ?? []), ...needs])
  }
  const ordered = dependencyOrder(graph)
  // What stands between members is a member: a circle would be a mistake in choosing them.
  if ('cycle' in ordered) throw new Error(`made together in a circle: ${ordered.cycle.join(' → ')}`)
  const byKey = new Map(objects.map((object) => [object.key, object]))
  return ordered.order.map((key) => byKey.get(key))
}

const TOGETHER = '@together'

function rebuildOperation(task: RebuildTask): Operation {
  const { object } =
    task.members.find((member) => member.object.kind === 'materialized_view') ?? task.members[0]!
  const { key, name, kind } = object
  // For people to see: the task knows itself what it does.
  const statements = [...task.members.map(({ sql }) => sql), renaming(task.members.flatMap(exchanged))]
  return { key, name, kind, type: 'replace', statements, object, task }
}

function exchanged({ object: { name } }: RebuildTask['members'][number]): [string, string][] {
  return [
    [name, wasName(name)],
    [nextName(name), name],
  ]
}

/** Every object that a step is about. */
export function keysOf({ key, task }: Operation): ObjectKey[] {
  if (!task) return [key]
  if (task.task !== 'rebuild') return task.note.members.map((member) => member.key)
  return [...task.members, ...task.readers].map(({ object }) => object.key)
}

/** What stands on others goes first. Old dependencies are read from the ledger, new ones from the project. */
function dropOrder(deployment: Deployment, live: Live, drops: Map<ObjectKey, LiveObject>): LiveObject[] {
  const graph = new Map<ObjectKey, readonly ObjectKey[]>()
  const planned = new Map(deployment.objects.map(({ key, dependsOn }) => [key, dependsOn]))
  for (const key of drops.keys()) {
    const entry = live.ledger.get(key)
    graph.set(key, (entry && parsedEntry(entry)?.dependsOn) ?? planned.get(key) ?? [])
  }
  const rank = (key: ObjectKey): number => dependents(graph, [key]).size
  return [...drops.values()].sort((a, b) => rank(a.key) - rank(b.key) || order(a.kind) - order(b.kind))
}

const FIRST: DeployedKind[] = ['grant', 'row_policy', 'alert', 'task', 'materialized_view', 'view']
const LAST: DeployedKind[] = ['function', 'format_schema', 'named_collection', 'user', 'role']

/** Among equals: what runs goes first, what others may call goes last, whether or not a graph says so. */
function order(kind: DeployedKind): number {
  const first = FIRST.indexOf(kind)
  if (first >= 0) return first
  return FIRST.length + 1 + LAST.indexOf(kind)
}
