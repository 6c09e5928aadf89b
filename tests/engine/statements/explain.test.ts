import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM s (a int, b string)')
  await engine.run("INSERT INTO s (a, b) VALUES (1, 'x'), (2, 'y')")
})
afterAll(() => engine?.close())

/** The lines of a plan. */
async function plan(sql: string, stream = false): Promise<string[]> {
  const answer = await engine.sql(sql, { stream, params: { default_format: 'JSONEachRow' } })
  expect(answer.status, answer.text).toBe(200)
  const rows = answer.text.trimEnd().split('\n')
  return rows.map((row) => (JSON.parse(row) as { explain: string }).explain)
}

describe('EXPLAIN of a query over stored rows', () => {
  it('names steps and streams as Proton does', async () => {
    expect(await plan('EXPLAIN SELECT a FROM table(s)')).toEqual([
      'Expression ((Projection + Before ORDER BY))',
      '  ReadFromMergeTree (default.s)',
    ])
    const sorted = 'SELECT b, count() AS c FROM table(s) GROUP BY b HAVING c > 1 ORDER BY c LIMIT 3'
    expect(await plan(`EXPLAIN PLAN ${sorted}`)).toEqual([
      'Expression (Projection)',
      '  Limit (preliminary LIMIT)',
      '    Sorting (Sorting for ORDER BY)',
      '      Expression (Before ORDER BY)',
      '        Filter (HAVING)',
      '          Aggregating',
      '            Expression (Before GROUP BY)',
      '              ReadFromMergeTree (default.s)',
    ])
    expect(await plan('EXPLAIN SELECT x FROM (SELECT a AS x FROM table(s)) WHERE x > 1')).toEqual([
      'Expression ((Projection + Before ORDER BY))',
      '  Filter ((WHERE + (Projection + Before ORDER BY)))',
      '    ReadFromMergeTree (default.s)',
    ])
  })

  it('takes the options of Proton and no others', async () => {
    expect(await plan('EXPLAIN header = 1 SELECT a FROM table(s)')).toContain('  Header: a Int32')
    expect((await plan('EXPLAIN json = 1 SELECT a FROM table(s)')).join('\n')).toContain('"default.s"')
    expect((await engine.sql('EXPLAIN nope = 1 SELECT 1')).text).toContain('Code: 115.')
    expect((await engine.sql('EXPLAIN header = 2 SELECT 1')).text).toContain('Code: 471.')
    expect((await engine.sql('EXPLAIN AST header = 1 SELECT 1')).text).toContain('Code: 115.')
  })

  it('estimates what is read, by stream', async () => {
    expect(await engine.rows('EXPLAIN ESTIMATE SELECT a FROM table(s)')).toEqual([
      { database: 'default', table: 's', parts: '1', rows: '2', marks: '1' },
    ])
    expect((await engine.sql('EXPLAIN ESTIMATE SELECT a FROM s', { stream: true })).text).toBe(
      'default\ts\t1\t2\t1\n',
    )
  })

  it('shows the statement itself, and how its work is spread', async () => {
    expect(await plan('EXPLAIN SYNTAX select a from s')).toEqual(['SELECT', '  a', 'FROM', '  s'])
    expect((await plan('EXPLAIN PIPELINE SELECT a FROM table(s)')).join('\n')).toContain('ReadFromMergeTree')
    expect((await engine.sql('EXPLAIN INSERT INTO s (a) VALUES (1)')).status).toBe(501)
  })
})
