import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

async function failure(sql: string): Promise<string> {
  const answer = await engine.sql(sql)
  expect(answer.status, sql).toBeGreaterThanOrEqual(400)
  return answer.text.replace(/^Code: (\d+)\. DB::Exception: /, '$1 ').trim()
}

const insert = (stream: string, values: number[]) =>
  engine.run(`INSERT INTO ${stream} (v) VALUES ${values.map((v) => `(${v})`).join(', ')}`)

/** Rows once there are so many. */
const rows = (sql: string, count: number) =>
  until(async () => {
    const found = await engine.rows(sql)
    return found.length >= count ? found : undefined
  })

const state = async (view: string) =>
  (await engine.rows(`SELECT state FROM system.materialized_views WHERE name = '${view}'`))[0]!.state

describe('ALTER VIEW … MODIFY QUERY', () => {
  it('goes on with the first row that the old query has not processed, also after a restart', async () => {
    await engine.run('CREATE STREAM a (v int)')
    await engine.run('CREATE STREAM a_out (v int, w int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_a INTO a_out AS SELECT v FROM a')
    await insert('a', [1, 2])
    await rows('SELECT v FROM table(a_out)', 2)
    await engine.run('ALTER VIEW mv_a MODIFY QUERY SELECT v, v * 10 AS w FROM a WHERE v != 4')
    await insert('a', [3, 4])
    await rows('SELECT v FROM table(a_out)', 3)
    expect((await engine.sql('SHOW CREATE mv_a')).text).toContain('v * 10')
    await engine.restart()
    await insert('a', [5])
    expect(await rows('SELECT v, w FROM table(a_out) ORDER BY v', 4)).toEqual([
      { v: 1, w: 0 },
      { v: 2, w: 0 },
      { v: 3, w: 30 },
      { v: 5, w: 50 },
    ])
  })

  it('neither loses nor doubles rows that arrive meanwhile', async () => {
    await engine.run('CREATE STREAM load (v int)')
    await engine.run('CREATE STREAM load_out (v int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_load INTO load_out AS SELECT v FROM load')
    let last = 0
    const feed = (async () => {
      for (; last < 150; last += 5)
        await insert(
          'load',
          [1, 2, 3, 4, 5].map((n) => last + n),
        )
    })()
    for (let i = 1; i <= 5; i++) {
      await engine.run(`ALTER VIEW mv_load MODIFY QUERY SELECT v FROM load WHERE v > -${i}`)
    }
    await feed
    const found = await rows('SELECT v FROM table(load_out) ORDER BY v', 150)
    expect(found.map(({ v }) => v)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1))
  })

  it('goes on at the offset of a topic', async () => {
    const { brokers } = engine.engine
    const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'k', numPartitions: 1 }] })
    await admin.disconnect()
    await engine.run(
      `CREATE EXTERNAL STREAM k (v int) SETTINGS type='kafka', brokers='${brokers}', topic='k', data_format='JSONEachRow'`,
    )
    await engine.run('CREATE STREAM k_out (v int, w int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_k INTO k_out AS SELECT v FROM k')
    await insert('k', [1, 2])
    await rows('SELECT v FROM table(k_out)', 2)
    await engine.run('SYSTEM PAUSE MATERIALIZED VIEW mv_k')
    await insert('k', [3])
    await engine.run('ALTER VIEW mv_k MODIFY QUERY SELECT v, v * 2 AS w FROM k')
    await engine.run('SYSTEM RESUME MATERIALIZED VIEW mv_k')
    await insert('k', [4])
    expect(await rows('SELECT v, w FROM table(k_out) ORDER BY v', 4)).toEqual([
      { v: 1, w: 0 },
      { v: 2, w: 0 },
      { v: 3, w: 6 },
      { v: 4, w: 8 },
    ])
  })

  it('keeps what is aggregated, and begins added aggregates empty', async () => {
    await engine.run('CREATE STREAM g (v int)')
    await engine.run('CREATE STREAM g_out (n uint64, s int64, m int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_g INTO g_out AS SELECT count() AS n FROM g EMIT ON UPDATE')
    await insert('g', [1, 2])
    await rows('SELECT n FROM table(g_out)', 1)
    await engine.run(
      'ALTER VIEW mv_g MODIFY QUERY SELECT max(v) AS m, sum(v) AS s, count() AS n FROM g EMIT ON UPDATE',
    )
    await insert('g', [5])
    await rows('SELECT n FROM table(g_out)', 2)
    await engine.restart()
    await insert('g', [3])
    await rows('SELECT n FROM table(g_out)', 3)
    expect(await engine.rows('SELECT n, s, m FROM table(g_out) ORDER BY _tp_time')).toEqual([
      { n: '2', s: '0', m: 0 },
      { n: '3', s: '5', m: 5 },
      { n: '4', s: '8', m: 5 },
    ])
  })

  it('keeps open windows', async () => {
    await engine.run('CREATE STREAM w (v int, ts datetime64(3))')
    await engine.run('CREATE STREAM w_out (n uint64, big uint64)')
    const query = (columns: string) => `SELECT ${columns} FROM tumble(w, ts, 10s) GROUP BY window_start`
    await engine.run(`CREATE MATERIALIZED VIEW mv_w INTO w_out AS ${query('count() AS n')}`)
    const put = (v: number, second: number) =>
      engine.run(`INSERT INTO w (v, ts) VALUES (${v}, '2024-01-01 00:00:${String(second).padStart(2, '0')}')`)
    await put(1, 1)
    await until(async () => (await lag('mv_w')) === 0 || undefined)
    await engine.run(
      `ALTER VIEW mv_w MODIFY QUERY ${query('count() AS n, n * 100 AS big')} SETTINGS recovery_policy = 'best_effort'`,
    )
    await put(2, 2)
    await put(3, 12)
    expect(await rows('SELECT n, big FROM table(w_out)', 1)).toEqual([{ n: '2', big: '200' }])
  })

  it('is refused where rows or state would be lost, and the view goes on', async () => {
    await engine.run('CREATE STREAM r (v int, k string)')
    await engine.run('CREATE STREAM r_out (k string, n uint64, s int64)')
    await engine.run(
      'CREATE MATERIALIZED VIEW mv_r INTO r_out AS SELECT k, count() AS n, sum(v) AS s FROM r GROUP BY k EMIT ON UPDATE',
    )
    const refused = async (query: string) => failure(`ALTER VIEW mv_r MODIFY QUERY ${query}`)
    expect(await refused('SELECT k, count() AS n FROM r GROUP BY k EMIT ON UPDATE')).toMatch(
      /^80 .*does not give column s/,
    )
    expect(
      await refused('SELECT k, count() AS n, to_int64(0) AS s FROM r GROUP BY k EMIT ON UPDATE'),
    ).toMatch(/^48 .*an aggregate of the old query is missing/)
    expect(
      await refused('SELECT lower(k) AS k, count() AS n, sum(v) AS s FROM r GROUP BY k EMIT ON UPDATE'),
    ).toMatch(/^48 .*groups by something else/)
    expect(
      await refused(
        'SELECT k, count() AS n, sum(v) AS s FROM tumble(r, 5s) GROUP BY k, window_start EMIT AFTER WINDOW CLOSE',
      ),
    ).toMatch(/^48 .*what it reads/)
    expect(await refused('SELECT k, to_uint64(1) AS n, to_int64(v) AS s FROM r')).toMatch(
      /^48 .*state of another kind/,
    )
    expect(await refused('SELECT k, count() AS n, sum(v) AS s FROM table(r) GROUP BY k')).toMatch(/^80 /)
    expect(await refused('SELECT k, n, s FROM r_out')).toMatch(/^80 .*come back/)
    await engine.run("INSERT INTO r (v, k) VALUES (2, 'x')")
    expect(await rows('SELECT k, n, s FROM table(r_out)', 1)).toEqual([{ k: 'x', n: '1', s: '2' }])
  })

  it('keeps the columns of a view without INTO', async () => {
    await engine.run('CREATE STREAM i (v int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_i AS SELECT v FROM i')
    expect(await failure('ALTER VIEW mv_i MODIFY QUERY SELECT v, 1 AS more FROM i')).toMatch(
      /^80 .*column more/,
    )
    expect(await failure('ALTER VIEW mv_i MODIFY QUERY SELECT to_string(v) AS v FROM i')).toMatch(/^53 /)
    await engine.run('ALTER VIEW mv_i MODIFY QUERY SELECT to_int32(v + 1) AS v FROM i')
    await insert('i', [1])
    expect(await rows('SELECT v FROM table(mv_i)', 1)).toEqual([{ v: 2 }])
  })

  it('mends a view whose query fails, and the row that failed is not lost', async () => {
    await engine.run('CREATE STREAM f (s string)')
    await engine.run('CREATE STREAM f_out (v int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_f INTO f_out AS SELECT to_int32(s) AS v FROM f')
    await engine.run("INSERT INTO f (s) VALUES ('x')")
    await until(async () => (await state('mv_f')) === 'retrying' || undefined)
    await engine.run('ALTER VIEW mv_f MODIFY QUERY SELECT to_int32_or_zero(s) AS v FROM f')
    expect(await rows('SELECT v FROM table(f_out)', 1)).toEqual([{ v: 0 }])
  })

  it('MODIFY and RESET QUERY SETTING', async () => {
    await engine.run('CREATE STREAM q (v int)')
    await engine.run('CREATE STREAM q_out (v int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_q INTO q_out AS SELECT v FROM q')
    await engine.run('ALTER VIEW mv_q MODIFY QUERY SETTING checkpoint_interval = 600')
    expect((await engine.sql('SHOW CREATE mv_q')).text).toContain('checkpoint_interval = 600')
    expect(await failure('ALTER VIEW mv_q MODIFY QUERY SETTING no_such_thing = 1')).toMatch(/^115 /)
    await engine.run('ALTER VIEW mv_q RESET QUERY SETTING checkpoint_interval')
    expect((await engine.sql('SHOW CREATE mv_q')).text).not.toContain('checkpoint_interval')
    await engine.run("ALTER VIEW mv_q MODIFY COMMENT 'copies'")
    await insert('q', [7])
    expect(await rows('SELECT v FROM table(q_out)', 1)).toEqual([{ v: 7 }])
  })
})

it('a join that keeps other rows since a plain view below was replaced is refused, and the view goes on', async () => {
  await engine.run(
    "CREATE STREAM listed (id int, note string, ver uint64) PRIMARY KEY id SETTINGS mode = 'versioned_kv', version_column = 'ver'",
  )
  await engine.run('CREATE STREAM heard (id int, at uint64)')
  await engine.run('CREATE STREAM told (id int, note string)')
  const joined = (where: string) =>
    `AS SELECT h.id AS id, l.note AS note FROM heard AS h LEFT ASOF JOIN (SELECT id, note, ver FROM listed WHERE ${where}) AS l ` +
    'ON h.id = l.id AND h.at >= l.ver SETTINGS keep_versions = 1'
  await engine.run(`CREATE VIEW known ${joined('id > 0')}`)
  await engine.run('CREATE MATERIALIZED VIEW mv_told INTO told AS SELECT * FROM known')
  await engine.run("INSERT INTO listed (id, note, ver) VALUES (1, 'one', 1)")
  // Not of the key: rows of before are needed where the current one does not pass.
  await engine.run(`CREATE OR REPLACE VIEW known ${joined("note != 'none'")}`)
  const answer = await engine.sql('ALTER VIEW mv_told MODIFY QUERY SELECT * FROM known')
  expect(answer.text).toMatch(/^Code: 48.*how its rows are joined/)
  await engine.run('INSERT INTO heard (id, at) VALUES (1, 5)')
  expect(await rows('SELECT id, note FROM table(told)', 1)).toEqual([{ id: 1, note: 'one' }])
})

const lag = async (view: string) =>
  Number((await engine.rows(`SELECT lag FROM system.materialized_views WHERE name = '${view}'`))[0]!.lag)

describe('SYSTEM … MATERIALIZED VIEW', () => {
  it('PAUSE lasts until the restart, PERMANENT beyond it, and nothing is lost', async () => {
    await engine.run('CREATE STREAM p (v int)')
    for (const n of [1, 2]) {
      await engine.run(`CREATE STREAM p_out${n} (v int)`)
      await engine.run(`CREATE MATERIALIZED VIEW mv_p${n} INTO p_out${n} AS SELECT v FROM p`)
    }
    await engine.run('SYSTEM PAUSE MATERIALIZED VIEW mv_p1')
    await engine.run('SYSTEM PAUSE MATERIALIZED VIEW mv_p2 PERMANENT')
    await insert('p', [1])
    expect([await state('mv_p1'), await state('mv_p2')]).toEqual(['paused', 'paused'])
    await engine.restart()
    expect(await rows('SELECT v FROM table(p_out1)', 1)).toEqual([{ v: 1 }])
    expect(await state('mv_p2')).toBe('paused')
    await engine.run('SYSTEM RESUME MATERIALIZED VIEW mv_p2 PERMANENT')
    expect(await rows('SELECT v FROM table(p_out2)', 1)).toEqual([{ v: 1 }])
    await engine.run(
      'CREATE MATERIALIZED VIEW mv_p3 INTO p_out2 AS SELECT v FROM p SETTINGS pause_on_start = true',
    )
    expect(await state('mv_p3')).toBe('paused')
  })

  it('ABORT stops, RECOVER starts again; a paused view can be changed and stays paused', async () => {
    await engine.run('CREATE STREAM ab (v int)')
    await engine.run('CREATE STREAM ab_out (v int)')
    await engine.run('CREATE MATERIALIZED VIEW mv_ab INTO ab_out AS SELECT v FROM ab')
    await engine.run('SYSTEM ABORT MATERIALIZED VIEW mv_ab')
    await insert('ab', [1])
    await engine.run('ALTER VIEW mv_ab MODIFY QUERY SELECT v + 1 AS v FROM ab')
    expect(await state('mv_ab')).toBe('paused')
    await engine.run('SYSTEM RECOVER MATERIALIZED VIEW mv_ab')
    expect(await rows('SELECT v FROM table(ab_out)', 1)).toEqual([{ v: 2 }])
    expect(await failure('SYSTEM PAUSE MATERIALIZED VIEW ab')).toMatch(/^80 /)
  })
})
