import { describe, expect, it } from 'vitest'
import { adopt } from '../../bootstrap/adopt.js'
import { applyPlan } from '../../bootstrap/apply.js'
import { fingerprint } from '../../bootstrap/fingerprint.js'
import { readLive } from '../../bootstrap/live.js'
import { planDeployment } from '../../bootstrap/plan.js'
import {
  assertCurrent,
  type PlanDocument,
  parsePlanDocument,
  planDocument,
} from '../../bootstrap/plan_document.js'
import { UserError } from '../../dialect/index.js'
import { actions, deploy, deploymentOf, planOf } from './deploying.js'
import { FakeEngine } from './fake_engine.js'
import { PIPELINE } from './project_folder.js'

async function saved(files: Record<string, string>, engine: FakeEngine): Promise<PlanDocument> {
  const deployment = await deploymentOf(files)
  const live = await readLive(engine.client, deployment.objects)
  return planDocument(planDeployment(deployment, live), deployment, live, 'embedded', new Date(0))
}

describe('an upgrade of tpctl', () => {
  it('goes on with a ledger that kept less, and texts that were spelled in another way', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const later = ['shown', 'secrets_hash']
    engine.ledgerColumns = engine.ledgerColumns.filter((name) => !later.includes(name))
    for (const [key, { shown: _, secrets_hash: __, ...row }] of engine.ledger)
      engine.ledger.set(key, { ...row, sql_hash: 'of another printer', sql: `${row.sql} ` })
    engine.ledger.get('trades')!.sql =
      'create stream if not exists `trades` (`symbol` varchar, `price` double)'
    expect((await planOf(PIPELINE, engine)).empty).toBe(true)
    const files = { ...PIPELINE, 'sql/streams/more.sql': 'CREATE STREAM more (x int32)' }
    await deploy(files, engine)
    expect(engine.ledgerColumns).toEqual(expect.arrayContaining(later))
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('takes another layout by the engine for what it is', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    for (const relation of engine.relations.values()) relation.shown = relation.shown.replace(/\s+/g, ' ')
    expect((await planOf(PIPELINE, engine)).empty).toBe(true)
  })
})

describe('a function that only REST tells of', () => {
  const files = {
    'sql/f.sql':
      'CREATE FUNCTION f(x int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$ function f(x) { return x } $$',
  }

  it('drifts when somebody replaces it', async () => {
    const engine = new FakeEngine()
    engine.restOnly = true
    await deploy(files, engine)
    expect((await planOf(files, engine)).empty).toBe(true)
    await engine.exec(files['sql/f.sql'].replace('return x', 'return [1]'))
    expect(await planOf(files, engine)).toMatchObject({ empty: false, drifted: true })
  })

  it('has not drifted only because an earlier version could not be told', async () => {
    const engine = new FakeEngine()
    engine.restOnly = true
    await deploy(files, engine)
    const entry = engine.ledger.get('f()')!
    engine.ledger.set('f()', { ...entry, shown: '', shown_hash: fingerprint('') })
    expect((await planOf(files, engine)).empty).toBe(true)
  })
})

describe('rights given by hand', () => {
  const files = {
    'sql/access.sql': `CREATE STREAM s (id int32); CREATE ROLE reader; GRANT SELECT ON s TO reader;
      CREATE USER bob IDENTIFIED WITH sha256_password BY 'written in the file'`,
  }

  it('are drift, and taken away on request', async () => {
    const engine = new FakeEngine()
    await deploy(files, engine)
    await engine.exec('GRANT INSERT ON s TO reader')
    const plan = await planOf(files, engine)
    expect(actions(plan)).toEqual({ 'grant:reader': 'replace safe' })
    await expect(applyPlan(plan, engine.client)).rejects.toMatchObject({ code: 'PLAN_DRIFT' })
    engine.executed = []
    await applyPlan(plan, engine.client, { overwriteDrift: true })
    expect(engine.executed).toEqual(['REVOKE INSERT ON s FROM reader'])
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('and passwords written out are hidden', async () => {
    const engine = new FakeEngine()
    const document = JSON.stringify(await saved(files, engine))
    await deploy(files, engine)
    expect(engine.executed.join()).toContain('written in the file')
    for (const text of [document, JSON.stringify([...engine.ledger.values()])]) {
      expect(text).toContain('***')
      expect(text).not.toContain('written in the file')
    }
    const other = { 'sql/access.sql': files['sql/access.sql'].replace('written', 'changed') }
    expect(actions(await planOf(other, engine))).toEqual({ 'user:bob': 'replace safe' })
  })
})

describe('adoption', () => {
  const adoptAll = async (files: Record<string, string>, engine: FakeEngine) => {
    const deployment = await deploymentOf(files)
    const live = await readLive(engine.client, deployment.objects)
    return adopt(planDeployment(deployment, live), deployment, live, engine.client)
  }

  it('of an object of somebody else that is as wanted: nothing to do', async () => {
    const engine = new FakeEngine()
    await engine.exec('CREATE STREAM trades (symbol string, price float64) SETTINGS shards = 1')
    expect((await planOf(PIPELINE, engine)).drifted).toBe(true)
    expect(await adoptAll(PIPELINE, engine)).toMatchObject([{ name: 'trades', was: 'foreign' }])
    expect(actions(await planOf(PIPELINE, engine))).not.toHaveProperty('trades')
  })

  it('of one that differs: it is brought to the project from what it is', async () => {
    const engine = new FakeEngine()
    await engine.exec('CREATE STREAM trades (symbol string)')
    await adoptAll(PIPELINE, engine)
    const plan = await planOf(PIPELINE, engine)
    expect(actions(plan)).toMatchObject({ trades: 'alter safe' })
    await applyPlan(plan, engine.client)
    expect((await planOf(PIPELINE, engine)).empty).toBe(true)
  })

  it('not of another kind of object', async () => {
    const engine = new FakeEngine()
    await engine.exec('CREATE VIEW trades AS SELECT 1')
    await expect(adoptAll(PIPELINE, engine)).rejects.toMatchObject({ code: 'ADOPT_KIND' })
  })
})

describe('a saved plan', () => {
  const staleness = (before: PlanDocument, after: PlanDocument) => {
    try {
      assertCurrent(before, after)
    } catch (error) {
      return error instanceof UserError ? `${error.code} ${error.detail}` : error
    }
    return undefined
  }

  it('fits as long as nothing changed, and survives its file', async () => {
    const engine = new FakeEngine()
    const document = await saved(PIPELINE, engine)
    expect(parsePlanDocument(JSON.stringify(document), 'p')).toEqual(JSON.parse(JSON.stringify(document)))
    expect(staleness(document, await saved(PIPELINE, engine))).toBeUndefined()
  })

  it.each([
    ['no JSON', '{'],
    ['something else', '{"format": "other"}'],
  ])('%s is no plan', (_, content) => {
    expect(() => parsePlanDocument(content, 'p')).toThrowError(expect.objectContaining({ code: 'PLAN_FILE' }))
  })

  it('says what changed since', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const changed = {
      ...PIPELINE,
      'sql/views/pricey.sql': 'CREATE VIEW pricey AS SELECT 1 AS symbol FROM trades',
    }
    const document = await saved(changed, engine)
    expect(staleness(document, await saved(PIPELINE, engine))).toBe(
      "PLAN_STALE pricey: the project's definition changed",
    )
    engine.relations.delete('mv_big')
    engine.relations.get('big')!.shown += ' altered'
    expect(staleness(document, await saved(changed, engine))).toBe(
      'PLAN_STALE big: it changed in the target\nmv_big: it was dropped in the target',
    )
    expect(staleness({ ...document, target: 'other' }, await saved(changed, engine))).toContain(
      'it is for the target other, not embedded',
    )
  })
})
