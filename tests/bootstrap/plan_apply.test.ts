import { describe, expect, it } from 'vitest'
import { type ApplyEvent, applyPlan } from '../../bootstrap/apply.js'
import { destroy, planDestroy } from '../../bootstrap/destroy.js'
import { readLive } from '../../bootstrap/live.js'
import { deploymentBefore } from '../../bootstrap/rollback.js'
import { ProtonError } from '../../driver/index.js'
import { actions, deploy, deploymentOf, planOf } from './deploying.js'
import { FakeEngine } from './fake_engine.js'
import { PIPELINE } from './project_folder.js'

describe('a first apply', () => {
  it('creates everything in order, and leaves nothing to do', async () => {
    const engine = new FakeEngine()
    const plan = await deploy(PIPELINE, engine)
    expect(plan.changes.every(({ action, risk }) => action === 'create' && risk === 'safe')).toBe(true)
    expect([...engine.relations.keys()].filter((name) => name !== 'tpctl_ledger')).toHaveLength(4)
    const position = (name: string) => engine.executed.findIndex((sql) => sql.includes(` ${name} `))
    expect(position('trades')).toBeLessThan(position('pricey'))
    expect(position('pricey')).toBeLessThan(position('mv_big'))
    expect(position('big')).toBeLessThan(position('mv_big'))
    expect((await planOf(PIPELINE, engine)).empty).toBe(true)
  })

  it('leaves nothing to do on an engine that shows new rows and functions late', async () => {
    const engine = new FakeEngine()
    engine.lag = 3
    const files = { ...PIPELINE, 'sql/f.sql': 'CREATE FUNCTION twice AS (x) -> x * 2;' }
    await deploy(files, engine)
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('reports each step and its end', async () => {
    const engine = new FakeEngine()
    const events: ApplyEvent[] = []
    await applyPlan(await planOf(PIPELINE, engine), engine.client, {}, (event) => events.push(event))
    expect(events[0]).toMatchObject({ type: 'start', total: 4 })
    expect(events.filter(({ type }) => type === 'step')).toHaveLength(4)
    expect(events.at(-1)).toMatchObject({ type: 'done', index: 4, name: 'mv_big' })
  })

  it('ignores formatting, comments and IF NOT EXISTS', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const files = {
      ...PIPELINE,
      'sql/streams/trades.sql':
        "-- trades\ncreate stream if not exists trades\n(symbol string comment 'ticker',\n price float64)",
    }
    expect((await planOf(files, engine)).empty).toBe(true)
  })
})

describe('changes', () => {
  it('a view is replaced in place, the materialized view on it rebuilt, and that needs consent', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const files = {
      ...PIPELINE,
      'sql/views/pricey.sql': PIPELINE['sql/views/pricey.sql']!.replace('10', '20'),
    }
    const plan = await planOf(files, engine)
    expect(actions(plan)).toEqual({ pricey: 'replace rebuilds', mv_big: 'replace rebuilds' })
    await expect(applyPlan(plan, engine.client)).rejects.toMatchObject({ code: 'PLAN_NEEDS_CONSENT' })
    engine.executed = []
    await applyPlan(plan, engine.client, { allowDestructive: true })
    expect(engine.executed.map((sql) => sql.split(/ AS | \(/)[0])).toEqual([
      'DROP VIEW IF EXISTS mv_big',
      'CREATE OR REPLACE VIEW pricey',
      'CREATE MATERIALIZED VIEW mv_big INTO big',
    ])
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('views on a changed view are dropped before it and created after it', async () => {
    const engine = new FakeEngine()
    const files = { ...PIPELINE, 'sql/views/leaders.sql': 'CREATE VIEW leaders AS SELECT symbol FROM pricey' }
    await deploy(files, engine)
    engine.executed = []
    await deploy(
      { ...files, 'sql/views/pricey.sql': PIPELINE['sql/views/pricey.sql']!.replace('10', '20') },
      engine,
      true,
    )
    const steps = engine.executed.map((sql) => sql.split(/ AS /)[0])
    expect(new Set(steps.slice(0, 2))).toEqual(
      new Set(['DROP VIEW IF EXISTS mv_big', 'DROP VIEW IF EXISTS leaders']),
    )
    expect(steps[2]).toBe('DROP VIEW IF EXISTS pricey')
    expect(steps[3]).toBe('CREATE VIEW pricey')
    expect(steps).toHaveLength(6)
  })

  it('a view that nothing stands on is replaced without asking', async () => {
    const engine = new FakeEngine()
    const { 'sql/views/mv_big.sql': _, ...files } = PIPELINE
    await deploy(files, engine)
    const plan = await planOf(files, engine)
    expect(plan.empty).toBe(true)
    const changed = { ...files, 'sql/views/pricey.sql': 'CREATE VIEW pricey AS SELECT symbol FROM trades' }
    expect(actions(await deploy(changed, engine))).toEqual({ pricey: 'replace safe' })
  })

  it('a new column is added in place', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const files = {
      ...PIPELINE,
      'sql/streams/trades.sql': 'CREATE STREAM trades (symbol string, price float64, size uint32 DEFAULT 1);',
    }
    engine.executed = []
    expect(actions(await deploy(files, engine))).toEqual({ trades: 'alter safe' })
    expect(engine.executed).toEqual(['ALTER STREAM trades ADD COLUMN IF NOT EXISTS size uint32 DEFAULT 1'])
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it.each([
    ['a column taken away', 'CREATE STREAM trades (symbol string)', 'column price was taken away'],
    [
      'a column of another type',
      'CREATE STREAM trades (symbol string, price float32)',
      'column price changed',
    ],
    [
      'a key',
      'CREATE MUTABLE STREAM trades (symbol string, price float64) PRIMARY KEY symbol',
      'its key, mode',
    ],
    [
      'a fixed setting',
      'CREATE STREAM trades (symbol string, price float64) SETTINGS shards = 3',
      'setting shards',
    ],
  ])('%s means a new stream, and rebuilds what stands on it', async (_what, sql, reason) => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const files = { ...PIPELINE, 'sql/streams/trades.sql': sql }
    const plan = await planOf(files, engine)
    expect(actions(plan)).toEqual({
      trades: 'replace rebuilds',
      pricey: expect.stringMatching(/^replace/),
      mv_big: 'replace rebuilds',
    })
    expect(plan.changes.find(({ key }) => key === 'trades')!.reason).toContain(reason)
    engine.executed = []
    await applyPlan(plan, engine.client, { allowDestructive: true })
    expect(engine.executed.slice(0, 3)).toEqual([
      'DROP VIEW IF EXISTS mv_big',
      'DROP VIEW IF EXISTS pricey',
      'RENAME STREAM trades TO trades__was',
    ])
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('a TTL and a retention are changed in place', async () => {
    const engine = new FakeEngine()
    const before = { 'sql/s.sql': 'CREATE STREAM s (i int32) TTL to_datetime(_tp_time) + INTERVAL 7 DAY' }
    await deploy(before, engine)
    const files = {
      'sql/s.sql':
        'CREATE STREAM s (i int32) TTL to_datetime(_tp_time) + INTERVAL 9 DAY SETTINGS logstore_retention_ms = 1000',
    }
    expect(actions(await deploy(files, engine))).toEqual({ s: 'alter safe' })
    expect(engine.executed.filter((sql) => sql.startsWith('ALTER'))).toHaveLength(2)
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('what is no longer in the project is dropped, last what others stand on', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const plan = await planOf({ 'sql/streams/big.sql': PIPELINE['sql/streams/big.sql']! }, engine)
    expect(actions(plan)).toEqual({
      trades: 'drop destructive',
      pricey: 'drop destructive',
      mv_big: 'drop destructive',
    })
    engine.executed = []
    await applyPlan(plan, engine.client, { allowDestructive: true })
    expect(engine.executed).toEqual([
      'DROP VIEW IF EXISTS mv_big',
      'DROP VIEW IF EXISTS pricey',
      'DROP STREAM IF EXISTS trades',
    ])
    expect((await planOf({ 'sql/streams/big.sql': PIPELINE['sql/streams/big.sql']! }, engine)).empty).toBe(
      true,
    )
  })

  it('a function is replaced in place', async () => {
    const engine = new FakeEngine()
    await deploy({ 'sql/f.sql': 'CREATE FUNCTION twice AS (x) -> x * 2' }, engine)
    const files = { 'sql/f.sql': 'CREATE FUNCTION twice AS (x) -> x + x' }
    expect(actions(await deploy(files, engine))).toEqual({ 'twice()': 'replace safe' })
    expect(engine.functions.get('twice')).toContain('OR REPLACE')
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('an object that becomes another kind is dropped as what it was', async () => {
    const engine = new FakeEngine()
    await deploy(
      { 'sql/a.sql': 'CREATE STREAM a (i int32)', 'sql/b.sql': 'CREATE STREAM b (i int32)' },
      engine,
    )
    const files = {
      'sql/a.sql': 'CREATE STREAM a (i int32)',
      'sql/b.sql': 'CREATE VIEW b AS SELECT i FROM a',
    }
    expect(actions(await deploy(files, engine, true))).toEqual({ b: 'replace destructive' })
    expect(engine.executed.slice(-2)[0]).toBe('DROP STREAM IF EXISTS b')
    expect((await planOf(files, engine)).empty).toBe(true)
  })

  it('two changes together drop and create each object once', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const files = {
      ...PIPELINE,
      'sql/streams/big.sql': 'CREATE STREAM big (symbol string)',
      'sql/streams/trades.sql': 'CREATE STREAM trades (symbol string, price float32)',
    }
    engine.executed = []
    await deploy(files, engine, true)
    expect(new Set(engine.executed).size).toBe(engine.executed.length)
    expect(engine.executed.filter((sql) => sql.includes('mv_big'))).toHaveLength(2)
    expect((await planOf(files, engine)).empty).toBe(true)
  })
})

describe('what others did to the engine', () => {
  it('an object dropped behind our back is created again', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    engine.relations.delete('mv_big')
    const plan = await planOf(PIPELINE, engine)
    expect(plan.changes.find(({ key }) => key === 'mv_big')).toMatchObject({ action: 'create', drift: true })
    await applyPlan(plan, engine.client)
    expect((await planOf(PIPELINE, engine)).empty).toBe(true)
  })

  it('an object that shows something else than after our apply has drifted', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    engine.relations.get('pricey')!.shown = 'CREATE VIEW default.pricey AS SELECT 1'
    const plan = await planOf(PIPELINE, engine)
    expect(plan.changes.find(({ key }) => key === 'pricey')).toMatchObject({
      action: 'replace',
      drift: true,
      found: 'CREATE VIEW pricey AS\nSELECT\n  1',
    })
    await expect(applyPlan(plan, engine.client, { allowDestructive: true })).rejects.toMatchObject({
      code: 'PLAN_DRIFT',
    })
    await applyPlan(plan, engine.client, { allowDestructive: true, overwriteDrift: true })
    expect((await planOf(PIPELINE, engine)).empty).toBe(true)
  })

  it('a drifted stream is not altered on guesses', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    engine.relations.get('big')!.shown += ' altered'
    expect(actions(await planOf(PIPELINE, engine))).toMatchObject({ big: 'replace destructive' })
  })

  it('a foreign object of our name is not touched without consent', async () => {
    const engine = new FakeEngine()
    await engine.exec('CREATE STREAM trades (x int32)')
    const plan = await planOf(PIPELINE, engine)
    expect(actions(plan)).toMatchObject({ trades: 'replace destructive' })
    await expect(applyPlan(plan, engine.client)).rejects.toMatchObject({ code: 'PLAN_NEEDS_CONSENT' })
    expect(engine.executed).toHaveLength(1)
  })

  it('foreign objects of other names are left alone, by destroy too', async () => {
    const engine = new FakeEngine()
    await engine.exec('CREATE STREAM theirs (x int32)')
    const deployment = await deploymentOf(PIPELINE)
    await deploy(PIPELINE, engine)
    await destroy(await planDestroy(deployment, engine.client), engine.client, { allowDestructive: true })
    expect([...engine.relations.keys()]).toEqual(['theirs'])
  })
})

describe('interruption', () => {
  it.each([0, 1, 2, 3])(
    'after %i of 4 statements: the next apply goes on and nothing is done twice',
    async (count) => {
      const engine = new FakeEngine()
      let left = count
      engine.failOn = (sql) =>
        !sql.includes('tpctl_ledger') && left-- === 0 ? new Error('the process was killed') : undefined
      await expect(deploy(PIPELINE, engine)).rejects.toMatchObject({ code: 'APPLY_FAILED' })
      engine.failOn = () => undefined
      await deploy(PIPELINE, engine)
      expect(engine.executed).toHaveLength(4)
      expect((await planOf(PIPELINE, engine)).empty).toBe(true)
    },
  )

  it('between doing and writing down: what was made is only recorded', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const entry = engine.ledger.get('trades')!
    engine.ledger.set('trades', { ...entry, action: 'creating', shown_hash: '' })
    engine.executed = []
    const plan = await deploy(PIPELINE, engine)
    expect(plan.operations.map(({ type }) => type)).toEqual(['record'])
    expect(engine.executed).toEqual([])
    expect((await planOf(PIPELINE, engine)).empty).toBe(true)
  })

  it('an aborted apply stops before the next step', async () => {
    const engine = new FakeEngine()
    const controller = new AbortController()
    const plan = await planOf(PIPELINE, engine)
    const applied = applyPlan(plan, engine.client, { signal: controller.signal }, (event) => {
      if (event.type === 'done' && event.index === 2) controller.abort()
    })
    await expect(applied).rejects.toThrow()
    expect(engine.executed).toHaveLength(2)
    await deploy(PIPELINE, engine)
    expect(engine.executed).toHaveLength(4)
  })
})

describe('failures', () => {
  it('a target that is not there', async () => {
    const engine = new FakeEngine()
    engine.up = false
    await expect(planOf(PIPELINE, engine)).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
  })

  it('a refused statement names the object, its file and the engine’s words', async () => {
    const engine = new FakeEngine()
    engine.failOn = (sql) =>
      sql.includes('VIEW pricey')
        ? new ProtonError("Missing columns: 'prize'", { code: 47, codeName: 'UNKNOWN_IDENTIFIER' })
        : undefined
    await expect(deploy(PIPELINE, engine)).rejects.toMatchObject({
      code: 'APPLY_FAILED',
      message: expect.stringContaining('pricey'),
      where: 'sql/views/pricey.sql:1:1',
      detail: expect.stringContaining('Code 47'),
    })
  })

  it('shows no secret: not in errors, plans or the ledger', async () => {
    const engine = new FakeEngine()
    const files = {
      'tpctl.config.ts': `export default { name: 'x', secrets: ['PASSWORD'] }`,
      'sql/e.sql':
        "CREATE EXTERNAL STREAM e (raw string) SETTINGS type = 'kafka', brokers = 'b:9092', topic = 't', password = '${PASSWORD}'",
    }
    const secret = "s3cr'et"
    const plan = await planOf(files, engine, { PASSWORD: secret })
    engine.failOn = (sql) => (sql.includes('EXTERNAL') ? new Error(`cannot do ${sql}`) : undefined)
    const error = await applyPlan(plan, engine.client).catch((caught) => caught)
    engine.failOn = () => undefined
    await applyPlan(plan, engine.client)
    expect(engine.executed[0]).toContain("s3cr\\'et")
    expect(error.cause).toBeUndefined()
    for (const text of [`${error.message}${error.detail}`, JSON.stringify([...engine.ledger.values()])]) {
      expect(text).toContain('***')
      expect(text).not.toContain('s3cr')
    }
    expect((await planOf(files, engine, { PASSWORD: secret })).empty).toBe(true)
    expect(actions(await planOf(files, engine, { PASSWORD: 'other' }))).toEqual({ e: 'replace safe' })
  })
})

describe('what was deployed before', () => {
  it('is known only after something was deployed', async () => {
    const engine = new FakeEngine()
    const former = async () => {
      const deployment = await deploymentOf(PIPELINE)
      return deploymentBefore(deployment, await readLive(engine.client, deployment.objects))
    }
    await expect(former()).rejects.toMatchObject({ code: 'ROLLBACK_NOTHING' })
    await deploy(PIPELINE, engine)
    expect((await former()).objects).toEqual([])
    await deploy({ ...PIPELINE, 'sql/f.sql': 'CREATE FUNCTION twice AS (x) -> x * 2;' }, engine)
    expect((await former()).objects.map(({ key }) => key).sort()).toEqual([
      'big',
      'mv_big',
      'pricey',
      'trades',
    ])
  })

  it('goes together where an apply was interrupted and continued', async () => {
    const engine = new FakeEngine()
    await deploy(PIPELINE, engine)
    const files = {
      ...PIPELINE,
      'sql/a.sql': 'CREATE STREAM a (x int8);',
      'sql/b.sql': 'CREATE STREAM b (x int8);',
    }
    engine.failOn = (sql) => (sql.startsWith('CREATE STREAM b') ? new Error('no') : undefined)
    await expect(deploy(files, engine)).rejects.toMatchObject({ code: 'APPLY_FAILED' })
    engine.failOn = () => undefined
    await deploy(files, engine)
    const deployment = await deploymentOf(files)
    const before = deploymentBefore(deployment, await readLive(engine.client, deployment.objects))
    expect(before.objects.map(({ key }) => key).sort()).toEqual(['big', 'mv_big', 'pricey', 'trades'])
  })
})
