import type { ObjectKind } from '../dialect/index.js'
import { streamAlterations } from './alter.js'
import { dependents } from './graph.js'
import type {
  Action,
  Change,
  CompiledObject,
  Deployment,
  How,
  LedgerEntry,
  Live,
  LiveObject,
  ObjectKey,
  Operation,
  Plan,
  Risk,
} from './model.js'
import { createOrReplace, dropStatement, parsedEntry } from './statements.js'

/** What is to be done about one object, before looking at the others. */
interface Verdict {
  action: Action
  risk: Risk
  reason: string
  drift?: boolean
  /** With `alter`: the statements. */
  statements?: string[]
  /** `replace` without a drop in between. */
  inPlace?: boolean
  /** Nothing to do but to write down what an interrupted apply did. */
  record?: boolean
  /** Views that are made anew because this one is replaced. */
  followedBy?: ObjectKey[]
}

/** Compares what should be with what is. Pure: reads nothing, changes nothing. */
export function planDeployment(deployment: Deployment, live: Live): Plan {
  const verdicts = new Map<ObjectKey, Verdict>()
  for (const object of deployment.objects)
    verdicts.set(object.key, judge(object, live.objects.get(object.key), live.ledger.get(object.key)))
  spread(deployment, live, verdicts)

  const gone = [...live.ledger.values()].filter((entry) => !verdicts.has(entry.key))
  const operations = operationsOf(deployment, live, verdicts, gone)
  const stepsOf = (key: ObjectKey) => operations.flatMap((step, at) => (step.key === key ? [at + 1] : []))
  const changes = [
    ...deployment.objects.map((object) =>
      changeOf(object, verdicts.get(object.key)!, live.ledger.get(object.key), deployment),
    ),
    ...gone.map((entry) => dropChange(entry, live)),
  ].map((change): Change => ({ ...change, steps: stepsOf(change.key) }))
  return {
    project: deployment.project,
    edition: deployment.edition,
    changes,
    operations,
    empty: operations.length === 0,
    destructive: changes.some(({ action, risk }) => action !== 'unchanged' && risk !== 'safe'),
    redact: deployment.redact,
  }
}

function judge(
  object: CompiledObject,
  there: LiveObject | undefined,
  entry: LedgerEntry | undefined,
): Verdict {
  if (!there) return absent(entry)
  if (!entry) return foreign(object, there)
  if (there.kind !== object.kind && object.kind !== 'table')
    return {
      action: 'replace',
      risk: riskOfDrop(there.kind),
      reason: `is a ${words(there.kind)} and becomes a ${words(object.kind)}`,
    }
  if (entry.shownHash === '') return interrupted(object, entry)
  const drift = entry.shownHash !== there.shownHash
  const changed = entry.sqlHash !== object.hash
  if (!drift && !changed) return { action: 'unchanged', risk: 'safe', reason: 'as applied' }
  const why = drift
    ? `the engine shows something else than after the last apply${changed ? ', and its SQL changed' : ''}`
    : 'its SQL changed'
  return { ...replacement(object, drift ? undefined : entry, why), drift }
}

function absent(entry: LedgerEntry | undefined): Verdict {
  if (!entry || entry.shownHash === '') return { action: 'create', risk: 'safe', reason: 'is not there yet' }
  return { action: 'create', risk: 'safe', reason: 'was dropped since the last apply', drift: true }
}

function foreign(object: CompiledObject, there: LiveObject): Verdict {
  return {
    action: 'replace',
    risk: riskOfDrop(there.kind),
    reason: `a ${words(there.kind)} of this name exists, and tpctl did not make it`,
    inPlace: object.kind === 'function' && there.kind === 'function',
  }
}

/** The last apply stopped between doing this and writing down that it was done. */
function interrupted(object: CompiledObject, entry: LedgerEntry): Verdict {
  if (entry.action === 'creating' && entry.sqlHash === object.hash)
    return {
      action: 'create',
      risk: 'safe',
      reason: 'was made by an apply that was interrupted',
      record: true,
    }
  return replacement(object, entry, `an apply stopped while ${entry.action} it`)
}

/** How to turn what is there into `object`; `before` says what was applied, if that is known and still true. */
function replacement(object: CompiledObject, before: LedgerEntry | undefined, why: string): Verdict {
  switch (object.kind) {
    case 'function':
      return {
        action: 'replace',
        risk: 'safe',
        reason: `${why}; views keep the old code until they restart`,
        inPlace: true,
      }
    case 'view':
      return { action: 'replace', risk: 'safe', reason: why, inPlace: true }
    case 'external_stream':
    case 'external_table':
    case 'random_stream':
      return { action: 'replace', risk: 'safe', reason: `${why}; it stores nothing itself` }
    case 'stream': {
      if (object.statement.kind !== 'create_stream') break
      const previous = before && parsedEntry(before)?.statement
      if (previous?.kind !== 'create_stream')
        return { action: 'replace', risk: 'destructive', reason: `${why}; its rows are lost` }
      const alterations = streamAlterations(previous, object.statement)
      if ('obstacle' in alterations)
        return {
          action: 'replace',
          risk: 'destructive',
          reason: `${alterations.obstacle}, which cannot be altered; its rows are lost`,
        }
      if (alterations.statements.length === 0)
        return { action: 'create', risk: 'safe', reason: why, record: true }
      return {
        action: 'alter',
        risk: 'safe',
        reason: alterations.summary,
        statements: alterations.statements,
      }
    }
  }
  return {
    action: 'replace',
    risk: riskOfDrop(object.kind, object),
    reason: `${why}; it is dropped and created anew, and starts over`,
  }
}

/** Views carry the shape of what they read: whatever is dropped or redefined takes along all that is built on it. */
function spread(deployment: Deployment, live: Live, verdicts: Map<ObjectKey, Verdict>): void {
  const graph = new Map(deployment.objects.map(({ key, dependsOn }) => [key, dependsOn]))
  for (const object of deployment.objects) {
    const verdict = verdicts.get(object.key)!
    if (verdict.action !== 'replace' || object.kind === 'function') continue
    const affected = dependents(graph, [object.key])
    const followedBy: ObjectKey[] = []
    let rebuilt = false
    for (const other of deployment.objects) {
      const existing = live.objects.get(other.key)
      if (!affected.has(other.key) || !existing) continue
      const its = verdicts.get(other.key)!
      if (other.kind === 'view' || other.kind === 'materialized_view') followedBy.push(other.key)
      const reason = `stands on ${object.name}, which is replaced`
      if (other.kind === 'view' && its.action !== 'replace')
        verdicts.set(other.key, { action: 'replace', risk: 'safe', reason, inPlace: true })
      else if (other.kind === 'materialized_view') {
        rebuilt = true
        if (its.action !== 'replace')
          verdicts.set(other.key, { action: 'replace', risk: riskOfDrop(other.kind, other), reason })
      }
    }
    verdicts.set(object.key, { ...verdict, followedBy })
    if (rebuilt && verdict.risk === 'safe')
      verdicts.set(object.key, {
        ...verdict,
        followedBy,
        risk: 'rebuilds',
        reason: `${verdict.reason}; views on it are rebuilt`,
      })
    // A relation that others stand on can only be dropped after them. That goes for a view replaced in place as
    // well: some engines drop the old one behind the scenes, and refuse while another view stands on it.
    const viewsOnIt = deployment.objects.some(
      ({ key, kind }) => kind === 'view' && affected.has(key) && live.objects.has(key),
    )
    if (viewsOnIt) verdicts.set(object.key, { ...verdicts.get(object.key)!, inPlace: false })
    if (!verdict.inPlace || viewsOnIt)
      for (const key of affected) {
        const its = verdicts.get(key)!
        if (its.action === 'replace' && its.inPlace) verdicts.set(key, { ...its, inPlace: false })
      }
  }
}

function operationsOf(
  deployment: Deployment,
  live: Live,
  verdicts: Map<ObjectKey, Verdict>,
  gone: LedgerEntry[],
): Operation[] {
  const drops = new Map<ObjectKey, LiveObject>()
  for (const object of deployment.objects) {
    const verdict = verdicts.get(object.key)!
    if (verdict.action !== 'replace' || verdict.inPlace) continue
    const there = live.objects.get(object.key)
    if (there) drops.set(object.key, there)
  }
  for (const entry of gone) {
    const there = live.objects.get(entry.key)
    if (there) drops.set(entry.key, there)
  }
  const dropped = [...dropOrder(deployment, live, drops)].map(
    (there): Operation => ({
      key: there.key,
      name: there.name,
      kind: there.kind,
      type: 'drop',
      statements: [dropStatement(there.kind, there.name)],
    }),
  )
  const forgotten = gone
    .filter((entry) => !live.objects.has(entry.key))
    .map(
      (entry): Operation => ({
        key: entry.key,
        name: entry.name,
        kind: entry.kind,
        type: 'forget',
        statements: [],
      }),
    )
  const made = deployment.objects.flatMap((object): Operation[] => {
    const verdict = verdicts.get(object.key)!
    if (verdict.action === 'unchanged') return []
    const { key, name, kind } = object
    if (verdict.record) return [{ key, name, kind, type: 'record', statements: [], object }]
    if (verdict.action === 'alter')
      return [{ key, name, kind, type: 'alter', statements: verdict.statements!, object }]
    const sql = verdict.inPlace ? createOrReplace(object.statement, deployment.edition) : object.sql
    return [{ key, name, kind, type: 'create', statements: [sql], object }]
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

/** Functions last: a view that calls one has to go first, and the graph of a foreign object may not say so. */
function order(kind: ObjectKind): number {
  return kind === 'materialized_view' ? 0 : kind === 'view' ? 1 : kind === 'function' ? 3 : 2
}

function changeOf(
  object: CompiledObject,
  verdict: Verdict,
  entry: LedgerEntry | undefined,
  deployment: Deployment,
): Omit<Change, 'steps'> {
  const { key, name, kind, source } = object
  const { action, risk, reason } = verdict
  return {
    key,
    name,
    kind,
    action,
    how: howOf(verdict),
    risk,
    reason,
    drift: verdict.drift ?? false,
    source,
    before: entry?.sql,
    after: deployment.redact(object.sql),
    cost: {},
    downstream: verdict.followedBy ?? [],
  }
}

function howOf({ action, risk, inPlace }: Verdict): How | undefined {
  switch (action) {
    case 'unchanged':
      return undefined
    case 'create':
      return 'in_place'
    case 'alter':
      return 'alter'
    default:
      return risk === 'destructive' ? 'destructive' : inPlace ? 'in_place' : 'replacement'
  }
}

function dropChange(entry: LedgerEntry, live: Live): Omit<Change, 'steps'> {
  const { key, name, kind } = entry
  const there = live.objects.has(key)
  return {
    key,
    name,
    kind,
    action: 'drop',
    how: there ? 'destructive' : 'in_place',
    risk: there ? 'destructive' : 'safe',
    reason: there ? 'is no longer in the project' : 'is no longer in the project, and gone already',
    drift: !there,
    before: entry.sql,
    cost: {},
    downstream: [],
  }
}

/** What is lost when an object of this kind is dropped. A materialized view with INTO keeps its rows in the target. */
function riskOfDrop(kind: ObjectKind, object?: CompiledObject): Risk {
  if (kind === 'materialized_view') {
    const into = object?.statement.kind === 'create_materialized_view' && object.statement.into !== undefined
    return into ? 'rebuilds' : 'destructive'
  }
  return kind === 'stream' || kind === 'dictionary' || kind === 'database' ? 'destructive' : 'safe'
}

function words(kind: ObjectKind): string {
  return kind.replaceAll('_', ' ')
}
