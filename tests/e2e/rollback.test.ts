import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PlanDocument } from '../../bootstrap/plan_document.js'
import { eventually, onState, writeProject } from './support.js'

const SUMS = (aggregate: string) =>
  `CREATE MATERIALIZED VIEW mv_sums INTO sums AS SELECT symbol, ${aggregate} AS total FROM trades GROUP BY symbol EMIT PERIODIC 100ms`

/** The steps build on one another. */
const project = writeProject({
  'sql/trades.sql': 'CREATE STREAM trades (symbol string, price float64);',
  'sql/dear.sql': 'CREATE STREAM dear (symbol string, price float64);',
  'sql/mv_dear.sql':
    'CREATE MATERIALIZED VIEW mv_dear INTO dear AS SELECT symbol, price FROM trades WHERE price > 10;',
  'sql/sums.sql': 'CREATE STREAM sums (symbol string, total float64);',
  'sql/mv_sums.sql': SUMS('sum(price)'),
})
const { tpctl, json, rows, up, down } = onState(project)
const edit = (file: string, sql: string) => writeFileSync(join(project, 'sql', file), sql)
const insert = (symbol: string, price: number) =>
  rows(`INSERT INTO trades (symbol, price) VALUES ('${symbol}', ${price})`)
const total = async (symbol: string) => {
  const [row] = await rows<{ total: number }>(
    `SELECT arg_max(total, _tp_time) AS total FROM table(sums) WHERE symbol = '${symbol}'`,
  )
  return row?.total
}
const dear = async () =>
  (await rows<{ symbol: string }>('SELECT symbol FROM table(dear) ORDER BY symbol')).map(
    ({ symbol }) => symbol,
  )
const changed = ({ changes }: PlanDocument) =>
  Object.fromEntries(
    changes
      .filter(({ action }) => action !== 'unchanged')
      .map(({ key, action, strategy }) => [key, strategy ? `${action} by ${strategy.name}` : action]),
  )

beforeAll(async () => {
  await up()
  expect(await tpctl(['bootstrap'])).toMatchObject({ code: 0 })
  await insert('a', 5)
  await insert('b', 50)
  await eventually(
    () => total('b'),
    (value) => value === 50,
  )
})
afterAll(() => down())

describe('rollback', () => {
  it('brings former definitions back, and the rows that came since', async () => {
    edit(
      'mv_dear.sql',
      'CREATE MATERIALIZED VIEW mv_dear INTO dear AS SELECT symbol, price FROM trades WHERE price > 1000;',
    )
    edit('mv_sums.sql', SUMS('max(price)'))
    edit('extra.sql', 'CREATE VIEW extra AS SELECT symbol FROM trades')
    await json(['bootstrap', '--allow-destructive'])
    await insert('b', 7)
    await insert('c', 70)
    await eventually(
      () => total('c'),
      (value) => value === 70,
    )
    expect(await total('b')).toBe(50)

    const shown = await json<PlanDocument>(['rollback', '--dry-run'])
    expect(changed(shown)).toEqual({
      mv_dear: 'alter by modify',
      sums: 'replace by rebuild',
      mv_sums: 'replace by rebuild',
      extra: 'drop',
    })
    expect(await json<PlanDocument>(['rollback', '--allow-destructive'])).toMatchObject({ applied: true })
    // Rows that came while the other version was in force are in the former one too.
    await eventually(
      () => total('b'),
      (value) => value === 57,
    )
    expect(await total('c')).toBe(70)
    expect(await rows("SELECT name FROM system.tables WHERE name = 'extra'")).toEqual([])
    await insert('d', 80)
    expect(await eventually(dear, (symbols) => symbols.includes('d'))).toEqual(['b', 'd'])
  })

  it('leaves the project ahead of the target, as plan says', async () => {
    const plan = await json<PlanDocument>(['plan'])
    expect(Object.keys(changed(plan)).sort()).toEqual(['extra', 'mv_dear', 'mv_sums', 'sums'])
  })

  it('a second time does it again', async () => {
    await json(['rollback', '--allow-destructive'])
    expect(await json<PlanDocument>(['plan'])).toMatchObject({ empty: true, notices: [] })
    await eventually(
      () => total('b'),
      (value) => value === 50,
    )
    expect(await rows("SELECT name FROM system.tables WHERE name = 'extra'")).toEqual([{ name: 'extra' }])
  })

  it('leaves nothing that destroy does not take along', async () => {
    const kept = () => rows("SELECT name FROM system.tables WHERE name LIKE '%__was'")
    expect(await kept()).toHaveLength(2)
    expect((await tpctl(['status'])).stdout).toContain('Former versions of sums, mv_sums are kept')
    expect(await tpctl(['destroy', '--allow-destructive'])).toMatchObject({ code: 0 })
    expect(await rows("SELECT name FROM system.tables WHERE database = 'default'")).toEqual([])
  })
})
