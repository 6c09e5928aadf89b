import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start({ edition: 'oss-1.6' })
  await engine.run('CREATE STREAM s (a int, b string)')
})
afterAll(() => engine?.close())

const PROTON = { 'x-timeplus-user': 'proton', 'x-timeplus-key': 'proton@t+' }

describe('an engine that stands in for Proton 1.6', () => {
  it.each([
    ['CREATE MUTABLE STREAM m (k string) PRIMARY KEY k', 'MUTABLE', 8],
    ['CREATE OR REPLACE TASK t SCHEDULE 5s INTO s AS SELECT 1 AS a', 'TASK', 19],
    ['CREATE NAMED COLLECTION c AS a = 1', 'NAMED', 8],
    ['/* all */ SHOW FUNCTIONS', 'FUNCTIONS', 16],
    ['SHOW CREATE FUNCTION f', 'f', 22],
    ['SYSTEM PAUSE MATERIALIZED VIEW mv', 'PAUSE', 8],
    ['DROP TASK t', 'TASK', 6],
    ['ALTER VIEW mv MODIFY QUERY SETTING max_threads = 1', 'VIEW', 7],
    ['DELETE FROM s WHERE a = 1', 'DELETE', 1],
  ])('does not read %s', async (sql, word, position) => {
    const { status, text } = await engine.sql(sql, { headers: PROTON })
    expect(status).toBe(400)
    expect(text).toContain(
      `Code: 62. DB::Exception: Syntax error: failed at position ${position} ('${word}'): `,
    )
  })

  it('tells of what came later inside a statement, and does not do it', async () => {
    const answer = await engine.sql('SELECT a FROM s GROUP BY ALL')
    expect([answer.status, answer.text]).toEqual([
      501,
      expect.stringMatching(/^Code: 48\..*Proton 1\.6 has no/),
    ])
    expect((await engine.sql('CREATE VIEW v AS SELECT a FROM s WHERE b = {x:string}')).status).toBe(501)
    expect((await engine.sql('SELECT count() FROM s EMIT PERIODIC 1s REPEAT')).status).toBe(501)
    const setting = await engine.sql(
      'CREATE MATERIALIZED VIEW m AS SELECT a FROM s SETTINGS enable_dlq = true',
    )
    expect(setting.text).toMatch(
      /^Code: 115\. DB::Exception: Proton 1\.6 does not know the setting enable_dlq\./,
    )
  })

  it('runs what 1.6 runs', async () => {
    await engine.run("CREATE STREAM kv (k string, v int) PRIMARY KEY k SETTINGS mode = 'versioned_kv'")
    await engine.run(
      'CREATE MATERIALIZED VIEW mv AS SELECT a, count() AS c FROM s GROUP BY a EMIT PERIODIC 1s',
    )
    await engine.run('DROP VIEW mv')
    await engine.run('RENAME STREAM s TO s2')
    await engine.run('RENAME STREAM s2 TO s')
    await engine.run("INSERT INTO s (a, b) VALUES (1, 'x')")
    expect(await engine.rows('SELECT a, b FROM table(s)')).toEqual([{ a: 1, b: 'x' }])
    await engine.run('CREATE FUNCTION twice AS (x) -> x * 2')
    expect((await engine.sql('SELECT twice(2)')).text).toBe('4\n')
  })

  it('gives the user default one database, and proton all', async () => {
    expect((await engine.sql('CREATE DATABASE d')).text).toContain(
      'Code: 497. DB::Exception: default: Not enough',
    )
    expect((await engine.sql("CREATE USER u IDENTIFIED WITH plaintext_password BY 'x'")).text).toContain(
      'Code: 497.',
    )
    expect((await engine.sql('CREATE DATABASE d', { headers: PROTON })).status).toBe(200)
    expect((await engine.sql('SHOW DATABASES')).text).toBe('default\n')
    expect((await engine.sql('SHOW DATABASES', { headers: PROTON })).text).toBe('d\ndefault\n')
    expect((await engine.sql('SHOW GRANTS')).text).toMatch(
      /GRANT .*SELECT.* ON default\.\* TO default WITH GRANT OPTION/,
    )
  })

  it('introduces itself as Proton, without /ping', async () => {
    const info = (await (await fetch(`${engine.engine.streamUrl}/proton/info`)).json()) as Record<
      string,
      object
    >
    expect(info.build).toMatchObject({ edition: 'oss', version: 'v1.6.1' })
    expect((await engine.sql("SELECT value FROM system.build_options WHERE name = 'EDITION'")).text).toBe(
      'oss\n',
    )
    expect((await fetch(`${engine.engine.url}/ping`)).status).toBe(404)
  })

  it('stays what it is after a syntax error of any kind', async () => {
    expect((await engine.sql('SELEC 1')).text).toContain('Code: 62.')
    expect((await engine.sql('SELECT 1')).text).toBe('1\n')
  })
})
