import type { ProtonClient } from '../driver/index.js'
import { type ApplyEvent, type ApplyOptions, type ApplySummary, applyPlan } from './apply.js'
import { LEDGER } from './ledger.js'
import { assertReachable, readLive } from './live.js'
import type { Deployment, Plan } from './model.js'
import { planDeployment } from './plan.js'
import { shownObject } from './shown.js'
import { dropStatement } from './statements.js'
import { until } from './until.js'

/** What `destroy` would do: drop everything that the ledger knows, whether or not the project still has it. */
export async function planDestroy(
  deployment: Deployment,
  client: ProtonClient,
  signal?: AbortSignal,
): Promise<Plan> {
  const live = await readLive(client, [], signal)
  return planDeployment({ ...deployment, objects: [] }, live)
}

/**
 * Drops what tpctl made, views before what they read, then the ledger. Objects of others stay.
 * @throws UserError PLAN_NEEDS_CONSENT unless `allowDestructive`, and what applyPlan throws
 */
export async function destroy(
  plan: Plan,
  client: ProtonClient,
  options: ApplyOptions = {},
  onEvent?: (event: ApplyEvent) => void,
): Promise<ApplySummary> {
  const summary = await applyPlan(plan, client, options, onEvent)
  await assertReachable(client, options.signal)
  if ((await shownObject(client, 'stream', LEDGER, options.signal)) !== undefined) {
    await client.exec(dropStatement('stream', LEDGER), { signal: options.signal })
    await until(
      async () =>
        (await shownObject(client, 'stream', LEDGER, options.signal)) === undefined ? true : undefined,
      { what: 'the ledger to be gone', signal: options.signal },
    )
  }
  return summary
}
