import type { Change, CompiledObject, Deployment, LedgerEntry, Live, ObjectKey, Plan } from './model.js'
import { judge } from './plan/judge.js'
import { operationsOf } from './plan/operations.js'
import { spread } from './plan/spread.js'
import type { Verdict } from './plan/verdict.js'

/** Compares what should be with what is. Pure: reads nothing, changes nothing. */
export function planDeployment(deployment: Deployment, live: Live): Plan {
  const verdicts = new Map<ObjectKey, Verdict>()
  for (const object of deployment.objects)
    verdicts.set(
      object.key,
      judge(object, live.objects.get(object.key), live.ledger.get(object.key), deployment),
    )
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
    drifted: changes.some(({ found }) => found !== undefined),
    secrets: deployment.secrets,
  }
}

function changeOf(
  object: CompiledObject,
  verdict: Verdict,
  entry: LedgerEntry | undefined,
  deployment: Deployment,
): Omit<Change, 'steps'> {
  const { key, name, kind, source } = object
  const { action, how, risk, reason, found } = verdict
  return {
    key,
    name,
    kind,
    action,
    how,
    risk,
    reason,
    drift: verdict.drift ?? false,
    source,
    before: entry?.sql,
    after: deployment.secrets.redact(object.sql),
    known: verdict.known,
    found: found === undefined ? undefined : deployment.secrets.redact(found),
    cost: {},
    downstream: verdict.followedBy ?? [],
  }
}

function dropChange({ key, name, kind, sql }: LedgerEntry, live: Live): Omit<Change, 'steps'> {
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
    before: sql,
    cost: {},
    downstream: [],
  }
}
