import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { readLive } from '../../bootstrap/live.js'
import type { Plan } from '../../bootstrap/model.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { loadProject } from '../../bootstrap/project.js'
import { connect, type TargetOverrides } from '../../bootstrap/target.js'
import { ensureTopics } from '../../bootstrap/topics.js'
import { EDITIONS } from '../../dialect/index.js'
import type { ProtonClient } from '../../driver/index.js'
import { startEngine } from '../../engine/engine.js'
import { casesFor, isOf } from './changes/case.js'
import { CHANGES } from './changes/index.js'
import { actions } from './deploying.js'
import { FakeEngine } from './fake_engine.js'
import { projectFolder } from './project_folder.js'

/** Where an edition is deployed to: the embedded one for real, the others to a target that only remembers. */
interface Place {
  client: ProtonClient
  overrides: TargetOverrides
  close(): Promise<void>
}

async function embedded(): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), 'tpctl-changes-'))
  const engine = await startEngine({ dir, ports: { http: 0, stream: 0, metrics: 0, kafka: 0 } })
  const { url, streamUrl, brokers } = engine
  const overrides: TargetOverrides = { edition: 'embedded', url, streamUrl, brokers }
  const project = await loadProject(await projectFolder({}), { env: {}, overrides })
  const client = connect(project.target)
  await ensureTopics(
    engine,
    ['changes', 'changes2'].map((name) => ({ name, partitions: 1, replicationFactor: 1 })),
  )
  return {
    client,
    overrides,
    async close() {
      await client.close()
      await engine.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

it('knows at least 60 changes for each edition', () => {
  for (const edition of EDITIONS) expect(casesFor(CHANGES, edition).length).toBeGreaterThanOrEqual(60)
})

describe.each(EDITIONS)('changes on %s', (edition) => {
  const cases = casesFor(CHANGES, edition)
  let place: Place
  let plan: Plan
  let after: Plan

  /** All cases in one project: one deployment shows them all. */
  async function planned(side: 'before' | 'after'): Promise<Plan> {
    const files = Object.fromEntries(cases.map((one, at) => [`sql/${at}.sql`, one[side]]))
    const project = await loadProject(await projectFolder(files), { env: {}, overrides: place.overrides })
    const deployment = compile(project, edition)
    return planDeployment(deployment, await readLive(place.client, deployment.objects))
  }

  beforeAll(async () => {
    place =
      edition === 'embedded'
        ? await embedded()
        : { client: new FakeEngine(edition).client, overrides: { edition }, close: async () => {} }
    await applyPlan(await planned('before'), place.client)
    plan = await planned('after')
    await applyPlan(plan, place.client, { allowDestructive: true })
    after = await planned('after')
  }, 300_000)
  afterAll(() => place?.close())

  it.each(cases.map((one) => [`${one.kind}: ${one.what}`, one] as const))('%s', (_, one) => {
    const own = (key: string) => isOf(one, key)
    const changed = Object.fromEntries(Object.entries(actions(plan)).filter(([key]) => own(key)))
    expect(changed).toEqual(one.expected)
    for (const [key, sql] of Object.entries(one.sends ?? {}))
      expect(plan.operations.filter((step) => step.key === key).flatMap((step) => step.statements)).toEqual(
        sql,
      )
    expect(after.changes.filter(({ key, action }) => own(key) && action !== 'unchanged')).toEqual([])
  })

  it('nothing is left to do', () => {
    expect(after).toMatchObject({ empty: true, drifted: false })
  })
})
