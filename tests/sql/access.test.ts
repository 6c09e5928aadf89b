import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { readLive } from '../../bootstrap/live.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { loadProject } from '../../bootstrap/project.js'
import { connect } from '../../bootstrap/target.js'
import { TestEngine } from '../engine/server/harness.js'

const ROOT = new URL('../..', import.meta.url).pathname
const PASSWORDS = { TPCTL_FEEDER_PASSWORD: 'feed-me', TPCTL_READER_PASSWORD: 'read-me' }

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

async function planned(env: Record<string, string>) {
  const { url, streamUrl, brokers } = engine.engine
  const project = await loadProject(ROOT, { env, overrides: { url, streamUrl, brokers } })
  // The streams and the folder itself: what it is about needs no gateway and no topic.
  const files = project.files.filter(({ path }) => path.startsWith('sql/access/') || path.includes('/token_'))
  const deployment = compile({
    ...project,
    files: files.filter(({ path }) => !path.startsWith('sql/views/')),
    functions: [],
  })
  const client = connect(project.target)
  const plan = planDeployment(deployment, await readLive(client, deployment.objects))
  return { project, plan, client }
}

describe('the roles of the flagship', () => {
  it('are deployed with the users whose passwords are known, and a second plan is empty', async () => {
    const { project, plan, client } = await planned(PASSWORDS)
    expect(project.leftOut.map(({ file }) => file.path)).toEqual(['sql/access/jupiter_deployer.sql'])
    expect(JSON.stringify(plan.changes)).not.toMatch(/feed-me|read-me/)
    await applyPlan(plan, client)
    await client.close()
    const again = await planned(PASSWORDS)
    await again.client.close()
    expect(again.plan.empty).toBe(true)
    // Without the passwords nothing is taken away.
    const without = await planned({})
    await without.client.close()
    expect(without.plan.empty).toBe(true)
    const other = await planned({ ...PASSWORDS, TPCTL_FEEDER_PASSWORD: 'another' })
    await other.client.close()
    expect(other.plan.changes.filter(({ action }) => action !== 'unchanged').map(({ key }) => key)).toEqual([
      'user:jupiter_feeder',
    ])
  })

  it('let each do its work and nothing else', async () => {
    const { project, client } = await planned(PASSWORDS)
    await client.close()
    const feeder = connect(project.target, 'feeder')
    const reader = connect(project.target, 'reader')
    const row = { address: 'x', reason: 'why', banned: false, updated_at: '2026-01-01 00:00:00' }
    await feeder.insert('token_banned_raw', [row])
    expect(await feeder.rows('SELECT address FROM table(token_banned_raw)')).toEqual([{ address: 'x' }])
    expect(await reader.rows('SELECT count() AS n FROM table(token_strict_raw)')).toEqual([{ n: '0' }])
    // The row policy: whose ban is lifted is not shown to readers.
    expect(await reader.rows('SELECT address FROM table(token_banned_raw)')).toEqual([])
    await expect(reader.insert('token_banned_raw', [row])).rejects.toThrow(/INSERT/)
    await expect(reader.text('DROP STREAM token_banned_raw', 'TSV')).rejects.toThrow(/DROP TABLE/)
    await expect(feeder.text('CREATE STREAM x (a int)', 'TSV')).rejects.toThrow(/CREATE TABLE/)
    await feeder.close()
    await reader.close()
  })
})
