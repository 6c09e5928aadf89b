import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

/** Code and text of a statement that must fail. */
async function failure(sql: string): Promise<string> {
  const answer = await engine.sql(sql)
  expect(answer.status, sql).toBeGreaterThanOrEqual(400)
  return answer.text.replace(/^Code: (\d+)\. DB::Exception: /, '$1 ').trim()
}
const text = async (sql: string) => (await engine.sql(sql)).text

describe('streams', () => {
  it('SHOW CREATE can be executed again', async () => {
    await engine.run(`CREATE STREAM sc (k string, j int COMMENT 'it''s', v int64 DEFAULT j * 2, a string ALIAS upper(k), INDEX ix j TYPE minmax GRANULARITY 1)
      PRIMARY KEY (k, j) SETTINGS mode = 'versioned_kv', version_column = 'v', shards = 3, sharding_expr = 'weak_hash32(k)'`)
    const [first] = await engine.rows('SHOW CREATE sc')
    await engine.run('DROP STREAM sc')
    await engine.run(first!.statement as string)
    expect(await engine.rows('SHOW CREATE sc')).toEqual([first])
    expect(first!.statement).toContain('ENGINE = Stream(3, 1, weak_hash32(k))')
  })

  it('MUTABLE: upserts, versions, DELETE', async () => {
    await engine.run(
      `CREATE MUTABLE STREAM m (k string, t string, v int, ver int64, INDEX by_t t) PRIMARY KEY (k) SETTINGS version_column = 'ver', shards = 3`,
    )
    await engine.run(`INSERT INTO m (k, t, v, ver) VALUES ('a', 'x', 1, 5), ('b', 'y', 2, 1)`)
    await engine.run(`INSERT INTO m (k, t, v, ver) VALUES ('a', 'old', 0, 4), ('b', 'z', 3, 1)`)
    const rows = () => engine.rows('SELECT k, t, v FROM table(m) ORDER BY k')
    expect(await rows()).toEqual([
      { k: 'a', t: 'x', v: 1 },
      { k: 'b', t: 'z', v: 3 },
    ])
    await engine.run("DELETE FROM m WHERE k = 'a' AND v > 0")
    expect(await rows()).toEqual([{ k: 'b', t: 'z', v: 3 }])
    await engine.restart()
    expect(await rows()).toEqual([{ k: 'b', t: 'z', v: 3 }])
    expect(await text('SHOW CREATE m')).toContain('CREATE MUTABLE STREAM default.m')
  })

  it('are refused with a reason', async () => {
    expect(await failure('CREATE MUTABLE STREAM x (k string)')).toMatch(/^62 .*PRIMARY KEY/)
    expect(await failure("CREATE STREAM x (k string) SETTINGS mode = 'versioned_kv'")).toMatch(/^62 /)
    expect(
      await failure(
        "CREATE STREAM x (k string, v string) PRIMARY KEY k SETTINGS mode = 'versioned_kv', version_column = 'v'",
      ),
    ).toMatch(/^169 /)
    expect(
      await failure(
        "CREATE STREAM x (k int) PRIMARY KEY k SETTINGS mode = 'versioned_kv', version_column = 'k'",
      ),
    ).toMatch(/^36 /)
    expect(await failure('CREATE STREAM x (k string, k int)')).toMatch(/^44 /)
    expect(await failure('CREATE STREAM x (k string DEFAULT nope)')).toMatch(/^47 /)
    expect(await failure('CREATE STREAM x (k string DEFAULT nope(1))')).toMatch(/^46 /)
    expect(await failure('CREATE STREAM no_db.x (k string)')).toMatch(/^81 /)
    expect(await failure('CREATE STREAM x (k string) SETTINGS shards = 0')).toMatch(/^36 /)
    expect(await failure('CREATE QUOTA q FOR INTERVAL 1 hour MAX queries = 1 TO ALL')).toMatch(
      /^48 .*not supported by the embedded engine/,
    )
    expect(await text('SHOW STREAMS')).not.toContain('x\n')
  })

  it('ALTER: columns, settings, TTL, comments, indexes', async () => {
    await engine.run('CREATE STREAM al (i int)')
    await engine.run('INSERT INTO al (i) VALUES (1)')
    await engine.run("ALTER STREAM al ADD COLUMN s string DEFAULT concat('n', to_string(i))")
    await engine.run('ALTER STREAM al ADD COLUMN IF NOT EXISTS s string')
    await engine.run('INSERT INTO al (i) VALUES (2)')
    expect(await engine.rows('SELECT i, s FROM table(al) ORDER BY i')).toEqual([
      { i: 1, s: 'n1' },
      { i: 2, s: 'n2' },
    ])
    await engine.run('ALTER STREAM al MODIFY TTL to_datetime(_tp_time) + INTERVAL 1 DAY')
    await engine.run('ALTER STREAM al MODIFY SETTING logstore_retention_ms = 1000')
    await engine.run("ALTER STREAM al COMMENT COLUMN s 'text'")
    await engine.run('ALTER STREAM al ADD INDEX ix i TYPE minmax GRANULARITY 1')
    await engine.restart()
    const [shown] = await engine.rows('SHOW CREATE al')
    expect(shown!.statement).toMatch(/TTL to_datetime\(_tp_time\)/)
    expect(shown!.statement).toMatch(/logstore_retention_ms = 1000/)
    expect(shown!.statement).toMatch(/COMMENT 'text'/)
    expect(shown!.statement).toMatch(/INDEX ix i TYPE minmax/)
    expect(await failure('ALTER STREAM al ADD COLUMN s string')).toMatch(/^44 /)
    expect(await failure('ALTER STREAM al DROP COLUMN s')).toMatch(/^48 /)
    expect(await failure("ALTER STREAM al MODIFY SETTING mode = 'changelog'")).toMatch(/^48 /)
  })

  it('RENAME and TRUNCATE keep what they should', async () => {
    await engine.run('CREATE STREAM rn (i int)')
    await engine.run('INSERT INTO rn (i) VALUES (1)')
    await engine.run('RENAME STREAM rn TO rn2')
    await engine.restart()
    expect(await engine.rows('SELECT i FROM table(rn2)')).toEqual([{ i: 1 }])
    expect(await failure('SELECT i FROM table(rn)')).toMatch(/^60 /)
    await engine.run('TRUNCATE STREAM rn2')
    await engine.run('INSERT INTO rn2 (i) VALUES (2)')
    expect(await engine.rows('SELECT i, _tp_sn FROM table(rn2)')).toEqual([{ i: 2, _tp_sn: '1' }])
  })

  it('EXISTS and SHOW with LIKE, WHERE, FROM', async () => {
    await engine.run('CREATE STREAM ex_a (i int)')
    await engine.run('CREATE VIEW ex_b AS SELECT i FROM ex_a')
    expect(await text('EXISTS STREAM ex_a')).toBe('1\n')
    expect(await text('EXISTS VIEW ex_a')).toBe('0\n')
    expect(await text('EXISTS STREAM nope')).toBe('0\n')
    expect(await text("SHOW STREAMS LIKE 'ex%'")).toBe('ex_a\nex_b\n')
    expect(await text("SHOW STREAMS WHERE name = 'ex_a'")).toBe('ex_a\n')
    expect(await text('SHOW STREAMS FROM default LIMIT 1')).toMatch(/^\w+\n$/)
    expect(await text('SHOW VIEWS')).toContain('ex_b\n')
  })
})

describe('views', () => {
  beforeAll(async () => {
    await engine.run('CREATE STREAM src (k string, v int)')
    await engine.run("INSERT INTO src (k, v) VALUES ('a', 1)")
  })

  it('of both kinds survive a restart; inner streams stay hidden', async () => {
    await engine.run('CREATE VIEW pv AS SELECT k, v * 2 AS w FROM src')
    await engine.run('CREATE MATERIALIZED VIEW pmv AS SELECT k, v + 1 AS n FROM src')
    await engine.run("INSERT INTO src (k, v) VALUES ('b', 2)")
    const seen = () => engine.rows('SELECT k, n FROM table(pmv) ORDER BY k')
    await until(async () => ((await seen()).length === 1 ? true : undefined))
    await engine.restart()
    await engine.run("INSERT INTO src (k, v) VALUES ('c', 3)")
    await until(async () => ((await seen()).length === 2 ? true : undefined))
    expect(await seen()).toEqual([
      { k: 'b', n: '3' },
      { k: 'c', n: '4' },
    ])
    expect(await engine.rows('SELECT k, w FROM pv ORDER BY k')).toEqual([
      { k: 'a', w: '2' },
      { k: 'b', w: '4' },
      { k: 'c', w: '6' },
    ])
    expect(await text('SHOW STREAMS')).not.toContain('.inner')
    const status = await engine.rows(
      "SELECT name, state, lag, rows_in, last_error FROM system.view_status WHERE name = 'pmv'",
    )
    expect(status).toEqual([{ name: 'pmv', state: 'running', lag: '0', rows_in: '2', last_error: '' }])
    await engine.run('DROP VIEW pmv')
    expect(await failure('SELECT * FROM table(pmv)')).toMatch(/^60 /)
  })

  it('INTO: columns by name, unknown ones dropped, missing ones take defaults', async () => {
    await engine.run("CREATE STREAM into_t (n int64, k string, d string DEFAULT 'dflt')")
    await engine.run(
      'CREATE MATERIALIZED VIEW into_mv INTO into_t AS SELECT k, v AS n, v AS unknown FROM src',
    )
    await engine.run("INSERT INTO src (k, v) VALUES ('z', 26)")
    const rows = () => engine.rows('SELECT n, k, d FROM table(into_t)')
    await until(async () => ((await rows()).length === 1 ? true : undefined))
    expect(await rows()).toEqual([{ n: '26', k: 'z', d: 'dflt' }])
    expect(await failure('DROP STREAM into_t')).toMatch(/^630 .*default\.into_mv/)
    expect(await failure('DROP STREAM src')).toMatch(/^630 /)
    await engine.run('SYSTEM PAUSE MATERIALIZED VIEW into_mv')
    expect(await text("SELECT state FROM system.view_status WHERE name = 'into_mv'")).toBe('paused\n')
    await engine.run("INSERT INTO src (k, v) VALUES ('y', 25)")
    await engine.run('SYSTEM RESUME MATERIALIZED VIEW into_mv')
    await until(async () => ((await rows()).length === 2 ? true : undefined))
    await engine.run('DROP VIEW into_mv')
    await engine.run('DROP STREAM into_t')
  })

  it('can be made again from what SHOW CREATE says', async () => {
    await engine.run('CREATE VIEW again_v AS SELECT k, v FROM src WHERE v > 0')
    await engine.run('CREATE MATERIALIZED VIEW again_mv AS SELECT k, v * 2 AS w FROM src')
    await engine.run(
      "CREATE RANDOM STREAM again_r (i int DEFAULT rand() % 5, s string DEFAULT 'x') SETTINGS eps = 10",
    )
    for (const name of ['again_v', 'again_mv', 'again_r']) {
      const [first] = await engine.rows(`SHOW CREATE ${name}`)
      await engine.run(`DROP STREAM ${name}`)
      await engine.run(first!.statement as string)
      expect(await engine.rows(`SHOW CREATE ${name}`)).toEqual([first])
      await engine.run(`DROP STREAM ${name}`)
    }
  })

  it('OR REPLACE changes a view; dependency checks can be switched off', async () => {
    await engine.run('CREATE VIEW orv AS SELECT 1 AS x')
    await engine.run('CREATE OR REPLACE VIEW orv AS SELECT 2 AS y')
    expect(await engine.rows('SELECT * FROM orv')).toEqual([{ y: 2 }])
    expect(await failure('CREATE VIEW orv AS SELECT 3')).toMatch(/^57 /)
    expect(await failure('CREATE OR REPLACE VIEW src AS SELECT 3')).toMatch(/^57 /)
    await engine.run('CREATE VIEW on_orv AS SELECT y FROM orv')
    expect(await failure('DROP VIEW orv')).toMatch(/^630 /)
    await engine.run('DROP VIEW orv SETTINGS enable_dependency_check = false')
    expect(await failure('SELECT * FROM on_orv')).toMatch(/^60 /)
  })

  it('are refused with a reason', async () => {
    expect(await failure('CREATE VIEW bad AS SELECT nope FROM src')).toMatch(/^47 /)
    expect(await failure('CREATE VIEW bad AS SELECT * FROM nope')).toMatch(/^60 /)
    expect(await failure('CREATE MATERIALIZED VIEW bad AS SELECT nope FROM src')).toMatch(/^47 /)
    expect(await failure('CREATE MATERIALIZED VIEW bad INTO nope AS SELECT k FROM src')).toMatch(/^60 /)
    await engine.run('CREATE VIEW orv_src AS SELECT k FROM src')
    expect(await failure('CREATE MATERIALIZED VIEW bad INTO src AS SELECT k FROM orv_src')).toMatch(
      /^80 .*come back/,
    )
    expect(await failure('CREATE MATERIALIZED VIEW bad AS SELECT 1')).toMatch(/^80 /)
    expect(await failure('CREATE MATERIALIZED VIEW bad AS SELECT nope(k) FROM src')).toMatch(/^46 /)
    expect(await text('SHOW STREAMS')).not.toContain('bad\n')
    // A failed creation leaves nothing behind: the name is free.
    await engine.run('CREATE MATERIALIZED VIEW bad AS SELECT k FROM src')
    await engine.run('DROP VIEW bad')
  })
})

describe('functions', () => {
  it('survive a restart, are shown and dropped', async () => {
    await engine.run('CREATE FUNCTION twice AS (x) -> x * 2')
    await engine.run(
      'CREATE FUNCTION shout(s string) RETURNS string LANGUAGE JAVASCRIPT AS $$ function shout(s) { return s.map((x) => x.toUpperCase()) } $$',
    )
    await engine.restart()
    expect(await engine.rows("SELECT twice(4) AS a, shout('x') AS b")).toEqual([{ a: 8, b: 'X' }])
    expect(await text('SHOW FUNCTIONS')).toBe('shout\ntwice\n')
    expect(await text('SHOW CREATE FUNCTION twice')).toBe('CREATE FUNCTION twice AS x -> x * 2\n')
    await engine.run('DROP FUNCTION shout')
    expect(await failure("SELECT shout('x')")).toMatch(/^46 /)
  })
})

describe('system relations', () => {
  it('tell of rows, sequence numbers and columns', async () => {
    await engine.run('CREATE STREAM sys_t (i int)')
    await engine.run('INSERT INTO sys_t (i) VALUES (1), (2), (3)')
    expect(
      await engine.rows("SELECT kind, mode, rows, last_sn FROM system.stream_metrics WHERE name = 'sys_t'"),
    ).toEqual([{ kind: 'stream', mode: 'append', rows: '3', last_sn: '3' }])
    expect(await engine.rows("SELECT name, type FROM system.columns WHERE table = 'sys_t'")).toEqual([
      { name: 'i', type: 'int32' },
      { name: '_tp_time', type: "datetime64(3, 'UTC')" },
    ])
    expect(await engine.rows("SELECT total_rows FROM system.tables WHERE name = 'sys_t'")).toEqual([
      { total_rows: '3' },
    ])
    expect(await engine.rows('SELECT count() AS c FROM system.dead_letters')).toEqual([{ c: '0' }])
    expect((await engine.rows("SELECT name FROM system.functions WHERE name = 'to_int32'")).length).toBe(1)
    expect((await engine.engine.status()).find((object) => object.name === 'default.sys_t')).toMatchObject({
      rows: 3,
      lastSn: 3,
    })
  })
})
