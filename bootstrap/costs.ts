import { type ProtonClient, quoteStream } from '../driver/index.js'
import { traitsOf } from './kinds.js'
import type { Change, Cost, Deployment, Live, ObjectKey, Plan } from './model.js'

/**
 * The plan with its costs: rows that go with what is dropped, and rows that rebuilt views would have to read again.
 * Only what the plan touches is counted; what cannot be counted, external streams for one, stays unknown.
 */
export async function withCosts(
  plan: Plan,
  deployment: Deployment,
  live: Live,
  client: ProtonClient,
  signal?: AbortSignal,
): Promise<Plan> {
  const counts = new Map<ObjectKey, Promise<number | undefined>>()
  const count = (key: ObjectKey): Promise<number | undefined> => {
    const name = live.objects.get(key)?.name
    const known = counts.get(key) ?? (name ? countRows(client, name, signal) : Promise.resolve(undefined))
    counts.set(key, known)
    return known
  }
  const sources = sourcesIn(deployment)
  const changes: Change[] = []
  for (const change of plan.changes) {
    const cost: Cost = {}
    if (losesRows(change, live)) cost.rowsLost = await count(change.key)
    const readsAgain = change.action === 'replace' && change.strategy?.name !== 'handover'
    if (change.kind === 'materialized_view' && readsAgain) {
      const rows = await Promise.all(sources(change.key).map(count))
      if (rows.some((one) => one !== undefined))
        cost.rowsToBackfill = rows.reduce<number>((sum, one) => sum + (one ?? 0), 0)
    }
    changes.push({ ...change, cost })
  }
  return { ...plan, changes }
}

function losesRows({ key, how }: Change, live: Live): boolean {
  const kind = live.objects.get(key)?.kind
  return how === 'destructive' && kind !== undefined && traitsOf(kind).holds !== 'nothing'
}

/** The relations with rows that a view reads, directly or through views; the one it writes into is none of them. */
function sourcesIn({ objects }: Deployment): (key: ObjectKey) => ObjectKey[] {
  const byKey = new Map(objects.map((object) => [object.key, object]))
  return (view) => {
    const found = new Set<ObjectKey>()
    const seen = new Set<ObjectKey>()
    const walk = (key: ObjectKey): void => {
      const object = byKey.get(key)
      if (!object || seen.has(key)) return
      seen.add(key)
      const into =
        object.statement.kind === 'create_materialized_view' ? object.statement.into?.name : undefined
      for (const need of object.dependsOn) {
        const kind = byKey.get(need)?.kind
        if (need === into || kind === undefined) continue
        if (kind === 'view') walk(need)
        else if (kind === 'stream' || kind === 'materialized_view') found.add(need)
      }
    }
    walk(view)
    return [...found]
  }
}

async function countRows(
  client: ProtonClient,
  name: string,
  signal?: AbortSignal,
): Promise<number | undefined> {
  try {
    const [row] = await client.rows<{ rows: string | number }>(
      `SELECT count() AS rows FROM table(${quoteStream(name)})`,
      { signal },
    )
    return row && Number(row.rows)
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}
