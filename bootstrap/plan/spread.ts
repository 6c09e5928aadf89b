import { dependents } from '../graph.js'
import { traitsOf } from '../kinds.js'
import { riskOfDrop } from '../means.js'
import type { CompiledObject, Deployment, Live, ObjectKey } from '../model.js'
import type { Verdict } from './verdict.js'

type Verdicts = Map<ObjectKey, Verdict>

/**
 * Views carry the shape of what they read, and tasks and alerts run on it: whatever is dropped or redefined takes
 * along all that stands on it. What is `settled` has its own way.
 */
export function spread(
  deployment: Deployment,
  live: Live,
  verdicts: Verdicts,
  settled: ReadonlySet<ObjectKey>,
): void {
  const graph = new Map(deployment.objects.map(({ key, dependsOn }) => [key, dependsOn]))
  for (const object of deployment.objects) {
    const verdict = verdicts.get(object.key)!
    if (verdict.action !== 'replace' || settled.has(object.key) || !changesShape(object, verdict)) continue
    const affected = dependents(graph, [object.key])
    const followers = deployment.objects.filter(
      ({ key, kind }) =>
        affected.has(key) && !settled.has(key) && live.objects.has(key) && traitsOf(kind).follows,
    )
    for (const follower of followers) follow(follower, object, verdicts)
    const rebuilt = followers.some(
      ({ key, kind }) => traitsOf(kind).holds === 'state' && verdicts.get(key)!.risk !== 'safe',
    )
    verdicts.set(object.key, {
      ...verdict,
      followedBy: followers.map(({ key }) => key),
      ...(rebuilt && verdict.risk === 'safe'
        ? { risk: 'rebuilds', reason: `${verdict.reason}; views on it are rebuilt` }
        : {}),
    })
    // A relation that others stand on can only be dropped after them. That goes for a view replaced in place as
    // well: some engines drop the old one behind the scenes, and refuse while another view stands on it.
    const viewsOnIt = followers.some(({ kind }) => kind === 'view')
    if (viewsOnIt) makeAnew(object.key, verdicts)
    if (!verdict.statements || viewsOnIt)
      for (const { key } of followers) if (verdicts.get(key)!.action === 'replace') makeAnew(key, verdicts)
  }
}

/** Functions, format schemas and the like are replaced under those who use them. */
function changesShape({ kind }: CompiledObject, { statements }: Verdict): boolean {
  return traitsOf(kind).relation && !(kind === 'dictionary' && statements)
}

function follow(follower: CompiledObject, leader: CompiledObject, verdicts: Verdicts): void {
  if (verdicts.get(follower.key)!.action === 'replace') return
  const reason = `stands on ${leader.name}, which is replaced`
  const { key, kind } = follower
  if (kind === 'view') {
    verdicts.set(key, { action: 'replace', how: 'replacement', risk: 'safe', reason })
    return
  }
  const risk = riskOfDrop(kind, follower)
  const how = risk === 'destructive' ? 'destructive' : 'replacement'
  verdicts.set(key, { action: 'replace', how, risk, reason })
}

/** Dropped and created, instead of replaced in place. */
function makeAnew(key: ObjectKey, verdicts: Verdicts): void {
  const { statements: _, ...verdict } = verdicts.get(key)!
  verdicts.set(key, { ...verdict, how: verdict.how === 'in_place' ? 'replacement' : verdict.how })
}
