import { type CreateStream, parseStatement, type Statement, UserError } from '../dialect/index.js'
import { streamAlterations } from './alter.js'
import { dependencyOrder } from './graph.js'
import type { CompiledObject, Deployment, LedgerEntry, Live, ObjectKey } from './model.js'
import { neededKeys, needsOf } from './needs.js'
import type { NotedChange } from './replace/note.js'

/**
 * What was deployed before the last apply, as a deployment of its own: to be planned and applied like any other.
 * Objects that the project defines in the same way come from there, since only the project knows secrets. Pure.
 * @throws UserError ROLLBACK_NOTHING, ROLLBACK_SECRET
 */
export function deploymentBefore(project: Deployment, live: Live): Deployment {
  const last = live.deployment
  if (!last || last.changes.length === 0)
    throw new UserError('ROLLBACK_NOTHING', 'No apply has written down what it changed.', {
      suggestion: 'Only what `tpctl bootstrap` or `tpctl apply` changed can be undone.',
    })
  const wanted = new Map<ObjectKey, CompiledObject>()
  // An entry without text is of an apply that was interrupted, and among the changes.
  for (const entry of live.ledger.values())
    if (entry.sql !== '') wanted.set(entry.key, applied(entry, project))
  for (const change of last.changes) {
    const object = objectBefore(change, project, live)
    if (object) wanted.set(change.key, object)
    else if (!change.before) wanted.delete(change.key)
  }
  return { ...project, objects: inOrder(wanted), topics: [] }
}

function applied({ key, name, kind, sql, sqlHash, secretsHash }: LedgerEntry, project: Deployment) {
  return (
    fromProject(project, key, sqlHash) ?? objectOf({ key, name, kind }, { sql, hash: sqlHash, secretsHash })
  )
}

/** Nothing where it was not there, or stays as it is. */
function objectBefore(change: NotedChange, project: Deployment, live: Live): CompiledObject | undefined {
  const { key, before } = change
  if (!before) return undefined
  const known = fromProject(project, key, before.hash)
  if (known) return known
  if (before.secretsHash !== '')
    throw new UserError('ROLLBACK_SECRET', `The former definition of ${change.name} holds a secret.`, {
      detail:
        'Secrets are not written down in the target, so the definition cannot be made again from there.',
      suggestion: 'Check out the former state of the project and deploy that.',
    })
  const object = objectOf(change, before)
  const kept = live.rebuild?.phase === 'kept' && live.rebuild.members.some((one) => one.key === key)
  return !kept && onlyGrew(object.statement, live.ledger.get(key), project.database) ? undefined : object
}

/** Columns that were added to a stream stay: rows have them, and the former views do not mind. */
function onlyGrew(before: Statement, entry: LedgerEntry | undefined, database: string): boolean {
  const now = entry && parseStatement(entry.sql)
  if (before.kind !== 'create_stream' || now?.kind !== 'create_stream') return false
  const can = (from: CreateStream, to: CreateStream) => 'statements' in streamAlterations(from, to, database)
  return can(before, now) && !can(now, before)
}

function fromProject({ objects }: Deployment, key: ObjectKey, hash: string): CompiledObject | undefined {
  const object = objects.find((one) => one.key === key)
  return object?.hash === hash ? object : undefined
}

function objectOf(
  { key, name, kind }: Pick<CompiledObject, 'key' | 'name' | 'kind'>,
  { sql, hash, secretsHash }: NonNullable<NotedChange['before']>,
): CompiledObject {
  const statement = parseStatement(sql)
  const dependsOn = neededKeys(needsOf(statement))
  return {
    key,
    name,
    kind,
    statement,
    sql,
    hiddenSql: sql,
    hash,
    secretsHash,
    dependsOn,
    source: 'the former deployment',
    notes: [],
  }
}

function inOrder(objects: ReadonlyMap<ObjectKey, CompiledObject>): CompiledObject[] {
  const graph = new Map([...objects].map(([key, { dependsOn }]) => [key, dependsOn]))
  const ordered = dependencyOrder(graph)
  return 'cycle' in ordered ? [...objects.values()] : ordered.order.map((key) => objects.get(key)!)
}
