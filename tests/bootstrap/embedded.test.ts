import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApplyOptions, applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { destroy, planDestroy } from '../../bootstrap/destroy.js'
import { doctor } from '../../bootstrap/doctor.js'
import { DEPLOYABLE, type DeployedKind } from '../../bootstrap/kinds.js'
import { readLive } from '../../bootstrap/live.js'
import type { Deployment, Plan } from '../../bootstrap/model.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { loadProject } from '../../bootstrap/project.js'
import { renderScript } from '../../bootstrap/render.js'
import { connect } from '../../bootstrap/target.js'
import { ensureTopics, listTopics } from '../../bootstrap/topics.js'
import { until } from '../../bootstrap/until.js'
import { parseStatements, printStatement } from '../../dialect/index.js'
import type { ProtonClient } from '../../driver/index.js'
import { type Engine, startEngine } from '../../engine/engine.js'
import { PIPELINE, projectFolder } from './project_folder.js'

/** What the embedded engine does not have, and what has no statement of its own. */
const LACKING = new Set<DeployedKind>(['external_table', 'table'])

/** The same questions as of the fake, asked of a real engine. */
let dir: string
let engine: Engine
let client: ProtonClient

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tpctl-bootstrap-'))
  engine = await startEngine({ dir, ports: { http: 0, stream: 0, metrics: 0, kafka: 0 } })
  client = connect((await load({})).target)
})

afterAll(async () => {
  await client.close()
  await engine.close()
  await rm(dir, { recursive: true, force: true })
})

async function load(files: Record<string, string>) {
  const { url, streamUrl, brokers } = engine
  return loadProject(await projectFolder(files), { env: {}, overrides: { url, streamUrl, brokers } })
}

async function planned(files: Record<string, string>): Promise<{ deployment: Deployment; plan: Plan }> {
  const deployment = compile(await load(files))
  return { deployment, plan: planDeployment(deployment, await readLive(client, deployment.objects)) }
}

async function deploy(files: Record<string, string>, options: ApplyOptions = {}): Promise<string[]> {
  const { plan } = await planned(files)
  await applyPlan(plan, client, options)
  expect((await planned(files)).plan.changes.filter(({ action }) => action !== 'unchanged')).toEqual([])
  return plan.changes
    .filter(({ action }) => action !== 'unchanged')
    .map(({ key, action, risk }) => `${action} ${key} ${risk}`)
}

const WITH_FUNCTION = {
  ...PIPELINE,
  'sql/f.sql':
    'CREATE FUNCTION cents(price float64) RETURNS float64 LANGUAGE JAVASCRIPT AS $$ function cents(p) { return p.map((x) => x * 100) } $$',
  'sql/views/in_cents.sql': 'CREATE VIEW in_cents AS SELECT symbol, cents(price) AS price FROM pricey',
}

async function bigRows(): Promise<string[]> {
  const rows = await client.rows<{ symbol: string }>('SELECT symbol FROM table(big) ORDER BY symbol')
  return rows.map(({ symbol }) => symbol)
}

describe('bootstrap on the embedded engine', () => {
  it('applies a project, and a second time finds nothing to do', async () => {
    expect(await deploy(WITH_FUNCTION)).toHaveLength(6)
  })

  it('takes a view on a changed one along, and keeps the rows of streams', async () => {
    await client.insert('trades', [{ symbol: 'a', price: 50 }])
    await until(async () => ((await bigRows()).length === 1 ? true : undefined), { what: 'the row' })
    const files = {
      ...WITH_FUNCTION,
      'sql/views/pricey.sql': 'CREATE VIEW pricey AS SELECT symbol, price FROM trades WHERE price > 100',
    }
    expect(await deploy(files)).toEqual(['replace pricey safe', 'replace in_cents safe', 'alter mv_big safe'])
    await client.insert('trades', [
      { symbol: 'b', price: 50 },
      { symbol: 'c', price: 150 },
    ])
    await until(async () => ((await bigRows()).includes('c') ? true : undefined), { what: 'the row' })
    expect(await bigRows()).toEqual(['a', 'c'])
    await deploy(WITH_FUNCTION, { allowDestructive: true })
  })

  it('adds a column and keeps the rows', async () => {
    const files = {
      ...WITH_FUNCTION,
      'sql/streams/trades.sql':
        "CREATE STREAM trades (symbol string, price float64, venue string DEFAULT 'here')",
    }
    expect(await deploy(files)).toEqual(['alter trades safe'])
    const rows = await client.rows('SELECT symbol, venue FROM table(trades) ORDER BY symbol')
    expect(rows).toHaveLength(3)
    expect(rows[0]).toEqual({ symbol: 'a', venue: 'here' })
  })

  it('sees what somebody else did to the engine', async () => {
    const files = {
      ...WITH_FUNCTION,
      'sql/streams/trades.sql':
        "CREATE STREAM trades (symbol string, price float64, venue string DEFAULT 'here')",
    }
    await client.exec('CREATE OR REPLACE VIEW in_cents AS SELECT symbol FROM pricey')
    const { plan } = await planned(files)
    expect(plan.changes.find(({ key }) => key === 'in_cents')).toMatchObject({
      action: 'replace',
      drift: true,
    })
    expect(await deploy(files, { overwriteDrift: true })).toEqual(['replace in_cents safe'])
  })

  it('says what the engine refused, with the place in the file', async () => {
    const files = {
      'sql/a.sql': 'CREATE STREAM only_here (x int32)',
      'sql/b.sql': '\n CREATE VIEW wrong AS SELECT nope FROM only_here',
    }
    const { plan } = await planned(files)
    await expect(applyPlan(plan, client, { allowDestructive: true })).rejects.toMatchObject({
      code: 'APPLY_FAILED',
      where: 'sql/b.sql:2:2',
      detail: expect.stringMatching(/Code 47.*nope/s),
    })
    // What the first attempt dropped and made is not done again.
    const fixed = { ...files, 'sql/b.sql': 'CREATE VIEW wrong AS SELECT x FROM only_here' }
    expect(await deploy(fixed)).toEqual(['create wrong safe'])
  })

  it('destroys what it made, and only that', async () => {
    await client.exec('CREATE STREAM theirs (x int32)')
    const { deployment } = await planned({})
    const plan = await planDestroy(deployment, client)
    expect(plan.destructive).toBe(true)
    await destroy(plan, client, { allowDestructive: true })
    const left = await client.rows<{ name: string }>('SHOW STREAMS')
    expect(left.map(({ name }) => name)).toEqual(['theirs'])
    expect((await planDestroy(deployment, client)).empty).toBe(true)
  })

  it('deploys an object of every kind, finds nothing to do then, and takes all of them away', async () => {
    const { url, streamUrl, brokers } = engine
    const folder = fileURLToPath(new URL('../../examples/every-kind', import.meta.url))
    const project = await loadProject(folder, { env: {}, overrides: { url, streamUrl, brokers } })
    await ensureTopics({ brokers }, project.topics)
    const deployment = compile(project)
    const plan = async () => planDeployment(deployment, await readLive(client, deployment.objects))
    await applyPlan(await plan(), client)
    expect(await plan()).toMatchObject({ empty: true, drifted: false })
    expect(new Set(deployment.objects.map(({ kind }) => kind))).toEqual(
      new Set(DEPLOYABLE.filter((kind) => !LACKING.has(kind))),
    )
    const languages = deployment.objects.flatMap(({ statement }) =>
      statement.kind === 'create_function' ? [`${statement.body.language}${statement.aggregate}`] : [],
    )
    expect(new Set(languages)).toEqual(
      new Set(['sqlfalse', 'javascriptfalse', 'javascripttrue', 'remotefalse']),
    )
    await destroy(await planDestroy(deployment, client), client, { allowDestructive: true })
    expect(await client.rows('SELECT name FROM system.roles')).toEqual([])
  })

  it('makes topics that are missing, once', async () => {
    const topics = [{ name: 'made_here', partitions: 2, replicationFactor: 1 }]
    expect(await ensureTopics(engine, topics)).toEqual(['made_here'])
    expect(await ensureTopics(engine, topics)).toEqual([])
    expect(await listTopics(engine)).toContain('made_here')
  })

  it('no broker is an error that says so', async () => {
    await expect(listTopics({ brokers: '127.0.0.1:1' })).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
  })

  it('renders a script whose statements can be sent one by one', async () => {
    const script = renderScript((await planned(WITH_FUNCTION)).deployment)
    for (const { statement } of parseStatements(script))
      await client.text(printStatement(statement), 'TabSeparated')
    await client.insert('trades', [{ symbol: 'z', price: 99 }])
    await until(async () => ((await bigRows()).includes('z') ? true : undefined), { what: 'the row' })
  })

  it('the doctor finds a running engine well', async () => {
    const { config, target, topics } = await load({})
    const checks = await doctor({ config, target, topics, env: {}, client, dataDirs: [dir] })
    expect(checks.filter(({ status }) => status !== 'ok')).toEqual([])
    expect(checks.map(({ id }) => id)).toEqual([
      'node',
      'disk',
      'target',
      'version',
      'clock',
      'stream-port',
      'broker',
    ])
  })
})
