import { dependents } from '../graph.js'
import type {
  DeployedKind,
  Deployment,
  LedgerEntry,
  Live,
  LiveObject,
  ObjectKey,
  Operation,
} from '../model.js'
import { dropStatement, parsedEntry } from '../statements.js'
import type { Verdict } from './verdict.js'

/** Everything that is to be done, in order: drops from the end of the pipeline, then what is made, from its start. */
export function operationsOf(
  deployment: Deployment,
  live: Live,
  verdicts: Map<ObjectKey, Verdict>,
  gone: LedgerEntry[],
): Operation[] {
  const drops = new Map<ObjectKey, LiveObject>()
  for (const { key } of deployment.objects) {
    const { action, statements } = verdicts.get(key)!
    const there = live.objects.get(key)
    if (action === 'replace' && !statements && there) drops.set(key, there)
  }
  for (const { key } of gone) {
    const there = live.objects.get(key)
    if (there) drops.set(key, there)
  }
  const dropped = dropOrder(deployment, live, drops).map(
    ({ key, name, kind }): Operation => ({
      key,
      name,
      kind,
      type: 'drop',
      statements: [dropStatement(kind, name)],
    }),
  )
  const forgotten = gone
    .filter(({ key }) => !live.objects.has(key))
    .map(({ key, name, kind }): Operation => ({ key, name, kind, type: 'forget', statements: [] }))
  const made = deployment.objects.flatMap((object): Operation[] => {
    const { action, statements, record } = verdicts.get(object.key)!
    if (action === 'unchanged') return []
    const { key, name, kind } = object
    if (record) return [{ key, name, kind, type: 'record', statements: [], object }]
    const type = action === 'alter' ? 'alter' : 'create'
    return [{ key, name, kind, type, statements: statements ?? [object.sql], object }]
  })
  return [...dropped, ...forgotten, ...made]
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

const FIRST: DeployedKind[] = ['alert', 'task', 'materialized_view', 'view']
const LAST: DeployedKind[] = ['function', 'format_schema', 'named_collection']

/** Among equals: what runs goes first, what others may call goes last, whether or not a graph says so. */
function order(kind: DeployedKind): number {
  const first = FIRST.indexOf(kind)
  if (first >= 0) return first
  return FIRST.length + 1 + LAST.indexOf(kind)
}
