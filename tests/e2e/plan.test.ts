import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PlanDocument, planDocumentSchema } from '../../bootstrap/plan_document.js'
import { onState, temporaryFolder, writeProject } from './support.js'

const VIEW = 'CREATE VIEW pricey AS SELECT symbol, price FROM trades WHERE price > ${MIN_PRICE:-10};'

const MV = 'CREATE MATERIALIZED VIEW mv_big INTO big AS SELECT symbol, price FROM pricey;'

/** Plans, drift and saved plans, as a person at a terminal has them. The steps build on one another. */
const project = writeProject({
  'sql/trades.sql': 'CREATE STREAM trades (symbol string, price float64);',
  'sql/big.sql': 'CREATE STREAM big (symbol string, price float64);',
  'sql/pricey.sql': VIEW,
  'sql/mv_big.sql': MV,
})
const saved = join(temporaryFolder(), 'plan.json')
const { tpctl, json, rows, up, down } = onState(project)
const edit = (file: string, sql: string) => writeFileSync(join(project, 'sql', file), sql)
const plan = () => json<PlanDocument>(['plan'])

/** What somebody does at a console of the engine. */
const byHand = (sql: string) => rows(sql)
const changeByHand = (price: number) =>
  byHand(`CREATE OR REPLACE VIEW pricey AS SELECT symbol, price FROM trades WHERE price > ${price}`)
const filterInTarget = async () =>
  JSON.stringify(await rows('SHOW CREATE pricey')).match(/price > (\d+)/)?.[1]

beforeAll(async () => {
  await up()
  expect(await tpctl(['bootstrap'])).toMatchObject({ code: 0 })
})
afterAll(() => down())

describe('plan', () => {
  it('is empty after an apply, also when files are laid out anew and variables renamed', async () => {
    expect(await tpctl(['plan', '--detailed-exitcode'])).toMatchObject({ code: 0 })
    edit(
      'pricey.sql',
      '-- dear\ncreate view if not exists pricey as\n select symbol , price\n from trades where (price > ${FLOOR:-10})',
    )
    edit('trades.sql', 'CREATE STREAM trades (\n  symbol varchar, -- ticker\n  price double\n)')
    const document = await plan()
    expect(document).toMatchObject({ empty: true, operations: [] })
    expect(planDocumentSchema.safeParse(document)).toMatchObject({ success: true })
  })

  it('shows how and at what cost, and the difference in SQL', async () => {
    await byHand("INSERT INTO trades (symbol, price) VALUES ('a', 1), ('b', 2)")
    edit('pricey.sql', VIEW.replace('10', '20'))
    edit('mv_big.sql', `-- @replace restart\n${MV}`)
    const { code, stdout } = await tpctl(['plan', '--detailed-exitcode', '--out', saved])
    expect(code).toBe(3)
    expect(stdout).toMatch(/replace view pricey {2}its SQL changed/)
    expect(stdout).toMatch(/replace materialized view mv_big \[rebuilds\]/)
    expect(stdout).toMatch(/by restart: its file says @replace restart/)
    expect(stdout).toMatch(/followed by mv_big/)
    expect(stdout).toMatch(/-\s+price > 10\n\s+\+\s+price > 20/)
    expect(stdout).toMatch(/2 rows in its sources to read again/)
    expect(stdout).toMatch(/1\. drop materialized view mv_big\n\s+2\. create view pricey/)
  })
})

describe('a saved plan', () => {
  it('is refused when the target has changed since', async () => {
    await changeByHand(99)
    const stale = await tpctl(['apply', saved, '--allow-destructive'])
    expect(stale.code).toBe(1)
    expect(stale.stderr).toContain('PLAN_STALE')
    expect(stale.stderr).toContain('pricey: it changed in the target')
    expect(await filterInTarget()).toBe('99')
  })

  it('is carried out once: then the target has outgrown it', async () => {
    await changeByHand(10)
    expect(await tpctl(['apply', saved])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PLAN_NEEDS_CONSENT'),
    })
    expect(await tpctl(['apply', saved, '--allow-destructive'])).toMatchObject({ code: 0 })
    expect(await filterInTarget()).toBe('20')
    expect(await tpctl(['apply', saved, '--allow-destructive'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PLAN_STALE'),
    })
    expect((await plan()).empty).toBe(true)
  })
})

describe('drift', () => {
  it('is found and shown, and stops a deployment', async () => {
    await changeByHand(50)
    const { stdout } = await tpctl(['plan'])
    expect(stdout).toContain('[drift]')
    expect(stdout).toMatch(/changed in the target:\n[\s\S]*-\s+price > 20\n\s+\+\s+price > 50/)
    expect(await tpctl(['bootstrap', '--allow-destructive'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('PLAN_DRIFT'),
    })
    expect(await filterInTarget()).toBe('50')
  })

  it('is adopted: what is there counts as known', async () => {
    expect(await tpctl(['adopt', 'prizey'])).toMatchObject({ stderr: expect.stringContaining("'pricey'") })
    const { stdout } = await tpctl(['adopt', 'pricey'])
    expect(stdout).toContain('price > 50')
    expect(await plan()).toMatchObject({ empty: true, drifted: false })
    expect(await filterInTarget()).toBe('50')
  })

  it('is overwritten on request', async () => {
    await changeByHand(60)
    expect(await tpctl(['bootstrap', '--allow-destructive', '--overwrite-drift'])).toMatchObject({ code: 0 })
    expect(await filterInTarget()).toBe('20')
    expect((await plan()).empty).toBe(true)
  })
})
