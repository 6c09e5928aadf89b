import type { Change, CompiledObject, Deployment, LedgerEntry, Live, ObjectKey, Plan } from './model.js'
import { RUNNERS } from './outside.js'
import { judge } from './plan/judge.js'
import { keysOf, operationsOf } from './plan/operations.js'
import { spread } from './plan/spread.js'
import type { Verdict } from './plan/verdict.js'
import { carryOver } from './replace/carry_over.js'
import { afterSwitch, cleanup, cleanupOperation, wake } from './replace/interruption.js'

/** Compares what should be with what is. Pure: reads nothing, changes nothing. */
export function planDeployment(deployment: Deployment, given: Live, now = Date.now()): Plan {
  const live = afterSwitch(given)
  const verdicts = new Map<ObjectKey, Verdict>()
  for (const object of deployment.objects)
    verdicts.set(
      object.key,
      judge(object, live.objects.get(object.key), live.ledger.get(object.key), deployment),
    )
  const carried = carryOver(deployment, live, verdicts)
  spread(deployment, live, verdicts, carried.settled)
  const woken = wake(live, verdicts)

  const gone = [...live.ledger.values()].filter(
    (entry) => !verdicts.has(entry.key) && !deployment.leftOut.includes(entry.key),
  )
  const steps = operationsOf(deployment, live, verdicts, gone, carried)
  const dropped = new Set(steps.filter(({ type }) => type === 'drop').map(({ name }) => name))
  const { first, notices } = cleanup(deployment, live, carried, dropped, now)
  const operations = [...first.map(cleanupOperation), ...steps]
  const stepsOf = (key: ObjectKey) =>
    operations.flatMap((step, at) => (keysOf(step).includes(key) ? [at + 1] : []))
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
    notices: [...notices, ...woken],
    outside: deployment.outside.map(({ kind, name }) => ({ kind, name, command: RUNNERS[kind] })),
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
    after: object.hiddenSql,
    known: verdict.known,
    found: found === undefined ? undefined : deployment.secrets.redact(found),
    cost: {},
    downstream: verdict.followedBy ?? [],
    ...(verdict.strategy ? { strategy: verdict.strategy } : {}),
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
