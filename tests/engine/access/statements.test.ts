import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM s (a int, b int, secret string)')
  await engine.run('CREATE STREAM t (a int, b int)')
  await engine.run("INSERT INTO s (a, b, secret) VALUES (1, 10, 'x'), (2, 20, 'y')")
  await engine.run('CREATE VIEW v AS SELECT a, secret FROM s')
  await engine.run('CREATE MATERIALIZED VIEW mv INTO t AS SELECT a, b FROM s')
  await engine.run('CREATE DATABASE other')
  await engine.run('CREATE STREAM other.s (a int)')
  await engine.run("CREATE USER ann IDENTIFIED WITH plaintext_password BY 'pw'")
})
afterAll(() => engine?.close())

/** As a user, on the snapshot port unless it is said. */
async function as(
  user: string,
  sql: string,
  options: { stream?: boolean; params?: Record<string, string> } = {},
) {
  const key = user === 'default' ? '' : 'pw'
  return engine.sql(sql, { ...options, headers: { 'x-timeplus-user': user, 'x-timeplus-key': key } })
}
const ann = (sql: string) => as('ann', sql)

async function code(answer: Promise<{ status: number; text: string }>): Promise<string> {
  const { status, text } = await answer
  return status === 200 ? 'done' : (/^Code: (\d+)/.exec(text)?.[1] ?? text)
}

async function lines(sql: string, user = 'default'): Promise<string[]> {
  const answer = await as(user, sql)
  expect(answer.status, answer.text).toBe(200)
  return answer.text
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
}

/** Statement → the grant that is missing, and what else it takes besides the grants that it names. */
const CASES: [statement: string, ...needs: string[]][] = [
  ['SELECT a FROM s', 'SELECT(a) ON default.s'],
  ['SELECT * FROM s', 'SELECT(a, b, secret, _tp_time) ON default.s'],
  ['SELECT count() FROM s', 'SELECT ON default.s'],
  ['SELECT 1 IN (SELECT a FROM s)', 'SELECT(a) ON default.s'],
  ['SELECT x.b FROM s AS x WHERE x.a > 0', 'SELECT(b, a) ON default.s'],
  ['WITH c AS (SELECT b FROM s) SELECT * FROM c', 'SELECT(b) ON default.s'],
  ['SELECT s.a, t.b FROM s INNER JOIN t ON s.a = t.a', 'SELECT(a) ON default.s', 'SELECT(a, b) ON default.t'],
  ['SELECT count() FROM tumble(s, 5s) GROUP BY window_start', 'SELECT ON default.s'],
  ['SELECT a FROM v', 'SELECT(a) ON default.v'],
  ['SELECT a FROM mv', 'SELECT(a) ON default.mv'],
  ['EXPLAIN SELECT a FROM s', 'SELECT(a) ON default.s'],
  ['SELECT a FROM other.s', 'SELECT(a) ON other.s'],
  ['INSERT INTO t (a) VALUES (1)', 'INSERT(a) ON default.t'],
  ['INSERT INTO t (a) SELECT b FROM s', 'INSERT(a) ON default.t', 'SELECT(b) ON default.s'],
  ['CREATE STREAM made (a int)', 'CREATE TABLE ON default.made'],
  ['CREATE RANDOM STREAM made_r (a int)', 'CREATE TABLE ON default.made_r'],
  ['CREATE VIEW made_v AS SELECT a FROM s', 'CREATE VIEW ON default.made_v', 'SELECT(a) ON default.s'],
  [
    'CREATE MATERIALIZED VIEW made_mv INTO t AS SELECT a FROM s',
    'CREATE VIEW ON default.made_mv',
    'INSERT ON default.t',
    'SELECT(a) ON default.s',
  ],
  [
    'ALTER VIEW made_mv MODIFY QUERY SELECT a, a AS b FROM s',
    'ALTER VIEW MODIFY QUERY ON default.made_mv',
    'SELECT(a) ON default.s',
  ],
  ['SYSTEM PAUSE MATERIALIZED VIEW made_mv', 'SYSTEM VIEWS ON default.made_mv'],
  ['DROP VIEW made_v', 'DROP VIEW ON default.made_v'],
  ['DROP VIEW made_mv', 'DROP VIEW ON default.made_mv'],
  ['CREATE FUNCTION plus AS (x) -> x + 1', 'CREATE FUNCTION ON *.*'],
  ['DROP FUNCTION plus', 'DROP FUNCTION ON *.*'],
  ['CREATE DATABASE made_db', 'CREATE DATABASE ON made_db.*'],
  ['DROP DATABASE made_db', 'DROP DATABASE ON made_db.*'],
  ['ALTER STREAM made ADD COLUMN b int', 'ALTER ADD COLUMN ON default.made'],
  ["ALTER STREAM made MODIFY COMMENT 'x'", 'ALTER MODIFY COMMENT ON default.made'],
  ['ALTER STREAM made MODIFY TTL to_datetime(_tp_time) + INTERVAL 1 DAY', 'ALTER TTL ON default.made'],
  ['ALTER STREAM made MODIFY SETTING logstore_retention_ms = 1000', 'ALTER SETTINGS ON default.made'],
  ['ALTER STREAM made ADD INDEX i a', 'ALTER ADD INDEX ON default.made'],
  ['DELETE FROM made WHERE a = 1', 'ALTER DELETE ON default.made'],
  ['OPTIMIZE STREAM made', 'OPTIMIZE ON default.made'],
  ['TRUNCATE STREAM made', 'TRUNCATE ON default.made'],
  [
    'RENAME STREAM made TO made2',
    'SELECT ON default.made',
    'DROP TABLE ON default.made',
    'CREATE TABLE ON default.made2',
    'INSERT ON default.made2',
  ],
  ['DROP STREAM made2', 'DROP TABLE ON default.made2'],
  ['DESCRIBE s', 'SHOW COLUMNS ON default.s'],
  ['SHOW CREATE s', 'SHOW COLUMNS ON default.s'],
  ['EXISTS s', 'SHOW TABLES ON default.s'],
  ['USE other', 'SHOW DATABASES ON other.*'],
  ['CREATE USER made_u', 'CREATE USER ON *.*'],
  ['ALTER USER made_u DEFAULT ROLE NONE', 'ALTER USER ON *.*'],
  ['SHOW CREATE USER made_u', 'SHOW USERS ON *.*'],
  ['SHOW GRANTS FOR made_u', 'SHOW USERS ON *.*'],
  ['DROP USER made_u', 'DROP USER ON *.*'],
  ['CREATE ROLE made_role', 'CREATE ROLE ON *.*'],
  ['DROP ROLE made_role', 'DROP ROLE ON *.*'],
  ['CREATE ROW POLICY made_p ON other.s USING 1 TO ALL', 'CREATE ROW POLICY ON other.s'],
  ['DROP ROW POLICY made_p ON other.s', 'DROP ROW POLICY ON other.s'],
  ['SYSTEM RELOAD FUNCTIONS', 'SYSTEM RELOAD ON *.*'],
]

describe('a statement needs its grants, each of them, and no others', () => {
  it.each(CASES)('%s', async (statement, ...needs) => {
    for (const need of needs) {
      const { status, text } = await ann(statement)
      expect(text).toContain(
        `ann: Not enough privileges. To execute this query it's necessary to have grant ${need}`,
      )
      expect(status).toBe(500)
      expect(text).toMatch(/^Code: 497\. /)
      await engine.run(`GRANT ${need} TO ann`)
    }
    const { status, text } = await ann(statement)
    expect(text).not.toMatch(/^Code: /)
    expect(status).toBe(200)
    await engine.run('REVOKE ALL ON *.* FROM ann')
  })
})

describe('what needs no grant', () => {
  it.each([
    'SELECT 1',
    'SELECT count() FROM system.settings',
    'SHOW STREAMS',
    'SHOW GRANTS',
    'SET max_threads = 1',
  ])('%s', async (statement) => {
    expect(await code(ann(statement))).toBe('done')
  })

  it('shows nothing of what one may not know', async () => {
    expect(await lines('SELECT name FROM system.tables', 'ann')).toEqual([])
    expect(await lines('SELECT name FROM system.columns', 'ann')).toEqual([])
    expect(await lines('SELECT name FROM system.databases', 'ann')).toEqual([])
    expect(await lines('SELECT name FROM system.users', 'ann')).toEqual(['ann'])
    await engine.run('GRANT SELECT(a) ON s TO ann')
    expect(await lines('SHOW STREAMS', 'ann')).toEqual(['s'])
    expect(await lines("SELECT name FROM system.columns WHERE table = 's'", 'ann')).toEqual(['a'])
    expect(await lines('SHOW DATABASES', 'ann')).toEqual(['default'])
    await engine.run('REVOKE ALL ON *.* FROM ann')
  })
})

describe('every way in', () => {
  const rest = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(engine.engine.streamUrl + path, {
      method,
      headers: { authorization: `Basic ${btoa('ann:pw')}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, text: await response.text() }
  }

  it('REST: ingest, search, analysis, definitions, functions', async () => {
    const calls: [string, string, unknown][] = [
      ['POST', '/proton/v1/ingest/streams/t', { columns: ['a'], data: [[1]] }],
      ['POST', '/proton/v1/search', { query: 'SELECT secret FROM s' }],
      ['POST', '/proton/v1/sqlanalyzer', { query: 'SELECT secret FROM s' }],
      ['POST', '/proton/v1/ddl/streams', { name: 'r', columns: [{ name: 'a', type: 'int' }] }],
      ['DELETE', '/proton/v1/ddl/streams/t', undefined],
      ['PATCH', '/proton/v1/ddl/streams/t', { logstore_retention_ms: 1 }],
      ['DELETE', '/proton/v1/udfs/plus', undefined],
      [
        'POST',
        '/proton/v1/udfs',
        {
          type: 'javascript',
          name: 'f',
          arguments: [{ name: 'x', type: 'int' }],
          return_type: 'int',
          source: 'function f(x) { return x }',
        },
      ],
    ]
    for (const [method, path, body] of calls) {
      const { status, text } = await rest(method, path, body)
      expect(text, path).toContain('Not enough privileges')
      expect(JSON.parse(text).code, path).toBe(497)
      expect(status).toBeGreaterThanOrEqual(400)
    }
    expect(JSON.parse((await rest('GET', '/proton/v1/ddl/streams')).text).data).toEqual([])
    await engine.run('GRANT INSERT(a) ON t TO ann')
    expect((await rest('POST', '/proton/v1/ingest/streams/t', { columns: ['a'], data: [[7]] })).status).toBe(
      200,
    )
    expect(
      (await rest('POST', '/proton/v1/ingest/streams/t', { columns: ['b'], data: [[7]] })).text,
    ).toContain('INSERT(b)')
    await engine.run('REVOKE ALL ON *.* FROM ann')
  })

  it('streaming queries, and subscriptions of others', async () => {
    expect(await code(as('ann', 'SELECT a FROM s', { stream: true }))).toBe('497')
    expect(await code(as('ann', 'SUBSCRIBE TO SELECT a FROM s', { stream: true }))).toBe('497')
    await engine.run('GRANT SELECT(a, _tp_time) ON s TO ann')
    const own = await as('ann', 'SELECT a FROM s WHERE _tp_time > earliest_ts() LIMIT 2', { stream: true })
    expect(own.text).toBe('1\n2\n')
    await engine.run('REVOKE ALL ON *.* FROM ann')
  })

  it('a view gives what its maker could read', async () => {
    await engine.run('GRANT SELECT ON v TO ann')
    expect(await lines('SELECT secret FROM v ORDER BY a', 'ann')).toEqual(['x', 'y'])
    await engine.run('REVOKE ALL ON *.* FROM ann')
  })

  it('queries of others are seen and killed with the grant only', async () => {
    const waiting = engine.sql('SELECT a FROM s', { stream: true, params: { query_id: 'of-default' } })
    await until(
      async () => (await lines('SELECT query_id FROM system.processes')).includes('of-default') || undefined,
    )
    expect(await lines('SELECT query_id FROM system.processes', 'ann')).not.toContain('of-default')
    expect(await code(ann("KILL QUERY WHERE query_id = 'of-default'"))).toBe('497')
    await engine.run('GRANT KILL QUERY ON *.* TO ann')
    expect(await lines("KILL QUERY WHERE query_id = 'of-default'", 'ann')).toHaveLength(1)
    expect((await waiting).text).toContain('Code: 394')
    await engine.run('REVOKE ALL ON *.* FROM ann')
  })
})

describe('users', () => {
  it('are asked for their password; it is never shown', async () => {
    await engine.run("CREATE USER bob IDENTIFIED WITH sha256_password BY 'sesam'")
    const login = (password: string) =>
      engine.sql('SELECT current_user()', {
        headers: { 'x-timeplus-user': 'bob', 'x-timeplus-key': password },
      })
    expect((await login('sesam')).text).toBe('bob\n')
    const wrong = await login('sesame')
    expect([wrong.status, wrong.text]).toEqual([
      403,
      'Code: 516. DB::Exception: bob: Authentication failed: password is incorrect or there is no user with such name. (AUTHENTICATION_FAILED) (version 1.6.1)\n',
    ])
    expect(await lines('SHOW CREATE USER bob')).toEqual(['CREATE USER bob IDENTIFIED WITH sha256_password'])
    await engine.run("ALTER USER bob IDENTIFIED BY 'other'")
    expect([(await login('sesam')).status, (await login('other')).status]).toEqual([403, 200])
    await engine.restart()
    expect([(await login('sesam')).status, (await login('other')).status]).toEqual([403, 200])
    // Nothing in the folder reads like the password.
    expect(JSON.stringify(await engine.rows('SELECT * FROM system.users'))).not.toContain('other')
    await engine.run(
      "ALTER USER bob IDENTIFIED WITH sha256_hash BY 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9'",
    )
    expect((await login('hello world')).text).toBe('bob\n')
    await engine.run('DROP USER bob')
    expect((await login('hello world')).status).toBe(403)
  })

  it('errors have their codes', async () => {
    const cases: [sql: string, code: string][] = [
      ['DROP USER nobody', '192'],
      ['DROP USER IF EXISTS nobody', 'done'],
      ["ALTER USER nobody IDENTIFIED BY 'x'", '192'],
      ['GRANT SELECT ON s TO nobody', '192'],
      ['CREATE USER ann', '493'],
      ['CREATE USER IF NOT EXISTS ann', 'done'],
      ['CREATE USER default', '493'],
      ['DROP USER default', '495'],
      ['GRANT SELECT ON s TO default', '495'],
      ['DROP ROLE nothing', '511'],
      ['GRANT nothing TO ann', '511'],
      ['GRANT KILL QUERY ON default.* TO ann', '509'],
      ['GRANT FLY ON s TO ann', '62'],
      ['GRANT SELECT ON s', '62'],
      ['DROP ROW POLICY p ON s', '523'],
      ["CREATE USER x IDENTIFIED WITH kerberos BY 'x'", '36'],
      ["CREATE USER x HOST IP '10.0.0.1'", '48'],
      ['CREATE QUOTA q FOR INTERVAL 1 hour MAX queries = 1 TO ann', '48'],
      ['CREATE SETTINGS PROFILE p SETTINGS max_threads = 1', '48'],
    ]
    for (const [sql, expected] of cases)
      expect([sql, await code(as('default', sql))]).toEqual([sql, expected])
  })

  it("one may change one's own password, and pass on what one has WITH GRANT OPTION", async () => {
    await engine.run("CREATE USER cat IDENTIFIED BY 'pw'")
    expect(await code(ann('GRANT SELECT ON s TO cat'))).toBe('497')
    await engine.run('GRANT SELECT ON s TO ann')
    expect((await ann('GRANT SELECT ON s TO cat')).text).toContain('SELECT ON default.s WITH GRANT OPTION')
    await engine.run('GRANT SELECT ON s TO ann WITH GRANT OPTION')
    expect(await code(ann('GRANT SELECT(a) ON s TO cat'))).toBe('done')
    expect(await lines('SHOW GRANTS FOR cat')).toEqual(['GRANT SELECT(a) ON default.s TO cat'])
    expect(await code(as('cat', "ALTER USER cat IDENTIFIED BY 'pw'"))).toBe('done')
    expect(await code(as('cat', "ALTER USER ann IDENTIFIED BY 'pw'"))).toBe('497')
    await engine.run('REVOKE ALL ON *.* FROM ann')
    await engine.run('DROP USER cat')
  })
})

describe('roles', () => {
  it('give what they have, are nested, set and revoked, and outlive a restart', async () => {
    await engine.run('CREATE ROLE reader')
    await engine.run('CREATE ROLE writer')
    await engine.run('GRANT SELECT ON default.* TO reader')
    await engine.run('GRANT INSERT ON t TO writer')
    await engine.run('GRANT reader TO writer')
    await engine.run('GRANT writer TO ann')
    await engine.restart()
    expect(await code(ann('SELECT a FROM s'))).toBe('done')
    expect(await code(ann('INSERT INTO t (a) VALUES (1)'))).toBe('done')
    expect((await lines('SHOW CURRENT ROLES', 'ann')).sort()).toEqual(['reader', 'writer'])
    expect(await lines('SHOW GRANTS FOR ann')).toEqual(['GRANT writer TO ann'])
    expect(await lines('SHOW GRANTS FOR reader')).toEqual(['GRANT SELECT ON default.* TO reader'])
    const params = { session_id: 'roles' }
    expect(await code(as('ann', 'SET ROLE NONE', { params }))).toBe('done')
    expect(await code(as('ann', 'SELECT a FROM s', { params }))).toBe('497')
    expect(await code(ann('SELECT a FROM s'))).toBe('done')
    expect(await code(as('ann', 'SET ROLE DEFAULT', { params }))).toBe('done')
    expect(await code(as('ann', 'SELECT a FROM s', { params }))).toBe('done')
    expect(await code(ann('SET ROLE reader'))).toBe('512')
    await engine.run('SET DEFAULT ROLE NONE TO ann')
    expect(await code(ann('SELECT a FROM s'))).toBe('497')
    expect(await lines('SHOW CREATE USER ann')).toEqual([
      'CREATE USER ann IDENTIFIED WITH plaintext_password DEFAULT ROLE NONE',
    ])
    await engine.run('SET DEFAULT ROLE ALL TO ann')
    await engine.run('REVOKE writer FROM ann')
    expect(await code(ann('SELECT a FROM s'))).toBe('497')
    await engine.run('GRANT reader TO ann WITH ADMIN OPTION')
    await engine.run("CREATE USER dan IDENTIFIED BY 'pw'")
    expect(await code(ann('GRANT reader TO dan'))).toBe('done')
    expect(await code(ann('GRANT writer TO dan'))).toBe('497')
    await engine.run('DROP ROLE reader, writer')
    expect(await code(ann('SELECT a FROM s'))).toBe('497')
    await engine.run('DROP USER dan')
  })
})

describe('row policies', () => {
  it('hide rows in every table query, and nothing can be made of what they hide', async () => {
    await engine.run('GRANT SELECT, CREATE VIEW ON default.* TO ann')
    await engine.run('CREATE ROW POLICY mine ON s USING a > 1 TO ann')
    await engine.run('CREATE ROW POLICY rest ON s USING 1 TO ALL EXCEPT ann')
    for (const from of ['s', 'table(s)', '(SELECT * FROM s)']) {
      expect([from, await lines(`SELECT a FROM ${from} ORDER BY a`, 'ann')]).toEqual([from, ['2']])
    }
    expect(await lines('SELECT 1 IN (SELECT a FROM s), 2 IN (SELECT a FROM s)', 'ann')).toEqual([
      'false\ttrue',
    ])
    expect(await lines('SELECT count() FROM t INNER JOIN s ON t.a = s.a WHERE s.a = 1', 'ann')).toEqual(['0'])
    expect(await lines('SELECT a FROM s ORDER BY a')).toEqual(['1', '2'])
    expect((await as('ann', 'SELECT a FROM s', { stream: true })).text).toMatch(
      /^Code: 497.*row policies hold for table queries only/,
    )
    expect((await as('ann', 'SELECT a FROM table(s)', { stream: true })).text).toBe('2\n')
    expect(await code(ann('CREATE VIEW leak AS SELECT * FROM s'))).toBe('497')
    expect(await lines('SHOW CREATE ROW POLICY mine ON s')).toEqual([
      'CREATE ROW POLICY mine ON default.s FOR SELECT USING a > 1 AS PERMISSIVE TO ann',
    ])
    await engine.restart()
    expect(await lines('SELECT a FROM s', 'ann')).toEqual(['2'])
    await engine.run('CREATE ROW POLICY never ON s AS RESTRICTIVE USING b < 15 TO ann')
    expect(await lines('SELECT a FROM s', 'ann')).toEqual([])
    await engine.run('ALTER ROW POLICY never ON s USING b > 15')
    expect(await lines('SELECT a FROM s', 'ann')).toEqual(['2'])
    // Proton's default: whoever no policy names sees nothing.
    await engine.run('DROP ROW POLICY rest ON s')
    expect(await lines('SELECT a FROM s')).toEqual([])
    await engine.run('DROP POLICY mine ON s')
    await engine.run('DROP POLICY never ON s')
    expect(await lines('SELECT a FROM s ORDER BY a', 'ann')).toEqual(['1', '2'])
    expect(await lines('SHOW ROW POLICIES')).toEqual([])
  })
})
