import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { askServer } from '../../bootstrap/edition.js'
import { readLive } from '../../bootstrap/live.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { loadProject } from '../../bootstrap/project.js'
import { connect } from '../../bootstrap/target.js'
import { ensureTopics } from '../../bootstrap/topics.js'
import { type Engine, startEngine } from '../../engine/engine.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The embedded engine refuses what 1.6 does not have, and tells that it is one. */
describe('the flagship on an engine that answers as Proton 1.6', () => {
  let dir: string
  let engine: Engine
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tpctl-as-1.6-'))
    engine = await startEngine({
      dir,
      edition: 'oss-1.6',
      ports: { http: 0, stream: 0, metrics: 0, kafka: 0 },
    })
  })
  afterAll(async () => {
    await engine?.close()
    await rm(dir, { recursive: true, force: true })
  })

  it('is found to be of edition oss-1.6, deployed, and nothing is left to do', async () => {
    const { url, streamUrl, brokers } = engine
    const overrides = { url, streamUrl, brokers, edition: 'auto' as const }
    const project = await loadProject(ROOT, { env: {}, overrides })
    expect(project.target.edition).toBe('oss-1.6')
    const client = connect(project.target)
    try {
      expect(await askServer(client)).toMatchObject({ edition: 'oss-1.6', version: '1.6.1' })
      await ensureTopics(project.target, project.topics)
      const deployment = compile(project)
      await applyPlan(planDeployment(deployment, await readLive(client, deployment.objects)), client)
      expect(planDeployment(deployment, await readLive(client, deployment.objects)).empty).toBe(true)
    } finally {
      await client.close()
    }
  })
})
