import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM t (i int, s string)')
  await engine.run("INSERT INTO t (i, s) VALUES (1, 'a'), (2, 'b')")
})
afterAll(() => engine?.close())

const tail = (sql: string, params?: Record<string, string>) => engine.tail(sql, params)
const running = async (id: string) =>
  (
    await engine.rows(`SELECT query_id, query, is_streaming FROM system.processes WHERE query_id = '${id}'`)
  )[0]

describe('shards', () => {
  it('are those of Proton for integers', async () => {
    await engine.run("CREATE STREAM sharded (id int) SETTINGS shards = 3, sharding_expr = 'weak_hash32(id)'")
    await engine.run('INSERT INTO sharded (id) VALUES (1), (2), (3)')
    const rows = await engine.rows('SELECT id, _tp_shard AS shard FROM table(sharded) ORDER BY id')
    expect(rows.map(({ shard }) => shard)).toEqual([0, 0, 2])
  })

  it('of a random stream are filled in turn', async () => {
    await engine.run('CREATE RANDOM STREAM turns (i int) SETTINGS eps = 1000, shards = 3')
    const query = await tail('SELECT _tp_shard FROM turns LIMIT 6', { default_format: 'CSV' })
    await query.ended
    expect(query.state.text).toBe('0\n1\n2\n0\n1\n2\n')
  })
})

describe('paths of a json column', () => {
  it('have the types of their values', async () => {
    await engine.run('CREATE STREAM doc (j json)')
    await engine.run(`INSERT INTO doc (j) VALUES ('{"a": {"n": 100, "big": 5000000000, "s": "x"}}')`)
    await engine.run(`INSERT INTO doc (j) VALUES ('{"a": {"n": 1.5}}')`)
    const paths = 'SELECT j.a.n AS n, j.a.big AS big, j.a.s AS s FROM'
    const expected = [
      '["n", "big", "s"]',
      '["float64", "int64", "string"]',
      '[100, "5000000000", "x"]',
      '[1.5, "0", ""]',
    ]
    const format = { default_format: 'JSONCompactEachRowWithNamesAndTypes' }
    expect((await engine.sql(`${paths} table(doc)`, { params: format })).text.trim().split('\n')).toEqual(
      expected,
    )
    const query = await tail(`${paths} doc WHERE _tp_time > earliest_ts() LIMIT 2`, format)
    await query.ended
    expect(query.state.text.trim().split('\n')).toEqual(expected)
    expect(
      await engine.rows('SELECT j.a.n AS n, count() AS c FROM table(doc) GROUP BY j.a.n ORDER BY n'),
    ).toEqual([
      { n: 1.5, c: '1' },
      { n: 100, c: '1' },
    ])
  })
})

describe('streaming queries', () => {
  it('end with the failure of an aggregate of the user', async () => {
    await engine.run(
      "CREATE AGGREGATE FUNCTION fails(a int) RETURNS int LANGUAGE JAVASCRIPT AS $$ { initialize() {}, process(a) {}, finalize() { throw new Error('at the end') } } $$",
    )
    const query = await tail('SELECT s, fails(i) FROM t WHERE _tp_time > earliest_ts() GROUP BY s')
    await query.ended
    expect(query.state.text).toMatch(/Code: 2533\.[\s\S]*at the end/)
  })

  it('give an aggregate of the user every change, also beside others that follow what is in force', async () => {
    await engine.run(
      'CREATE AGGREGATE FUNCTION net(v float64) RETURNS float64 LANGUAGE JAVASCRIPT AS $$ { initialize() { this.n = 0 }, process(v, delta) { v.forEach((x, i) => { this.n += x * delta[i] }) }, finalize() { return this.n }, serialize() { return JSON.stringify(this.n) }, deserialize(s) { this.n = JSON.parse(s) }, merge(s) { this.n += JSON.parse(s) } } $$',
    )
    await engine.run(
      "CREATE STREAM net_kv (k int, g string, v int) PRIMARY KEY k SETTINGS mode = 'versioned_kv'",
    )
    const query = await tail(
      'SELECT g, count() AS c, net(v + 1) AS n, max(v), n - c FROM net_kv GROUP BY g HAVING n > 0 ORDER BY g EMIT ON UPDATE',
      { default_format: 'CSV' },
    )
    await engine.run("INSERT INTO net_kv (k, g, v) VALUES (1, 'a', 10), (2, 'a', 20), (3, 'b', 5)")
    await until(async () => (query.state.text.split('\n').length > 2 ? true : undefined))
    await engine.run("INSERT INTO net_kv (k, g, v) VALUES (2, 'b', 1)")
    await until(async () => (query.state.text.split('\n').length > 4 ? true : undefined))
    expect(query.state.text).toBe('"a",2,32,20,30\n"b",1,6,5,5\n"a",1,11,10,10\n"b",2,8,5,6\n')
    await query.leave()
  })

  it('call a function of the user over what aggregates give', async () => {
    await engine.run(
      'CREATE FUNCTION plus_five(v int) RETURNS int LANGUAGE JAVASCRIPT AS $$ function plus_five(v) { return v.map((x) => x + 5) } $$',
    )
    const query = await tail(
      'SELECT plus_five(count()::int), plus_five(max(i)), plus_five(null) FROM t WHERE _tp_sn < 2 EMIT ON UPDATE',
      { default_format: 'CSV' },
    )
    await until(async () => (query.state.text.includes('\n') ? true : undefined))
    expect(query.state.text).toBe('7,7,\\N\n')
    await query.leave()
  })

  it('let an aggregate with an emit strategy of its own speak for each append, once', async () => {
    await engine.run(
      'CREATE AGGREGATE FUNCTION tens(v int) RETURNS int LANGUAGE JAVASCRIPT AS $$ { has_customized_emit: true, initialize() { this.n = 0; this.out = [] }, process(v) { for (const x of v) { this.n += x; if (this.n >= 10) { this.out.push(this.n); this.n = 0 } } return this.out.length }, finalize() { const out = this.out; this.out = []; return out } } $$',
    )
    await engine.run('CREATE STREAM tens_s (g string, v int)')
    const query = await tail('SELECT g, tens(v) FROM tens_s GROUP BY g', { default_format: 'CSV' })
    await engine.run("INSERT INTO tens_s (g, v) VALUES ('a', 4), ('b', 12), ('a', 7)")
    await until(async () => (query.state.text.split('\n').length > 2 ? true : undefined))
    await engine.run("INSERT INTO tens_s (g, v) VALUES ('a', 9)")
    await engine.run("INSERT INTO tens_s (g, v) VALUES ('a', 1), ('a', 30)")
    await until(async () => (query.state.text.split('\n').length > 4 ? true : undefined))
    expect(query.state.text.trim().split('\n').sort()).toEqual(['"a",10', '"a",11', '"a",30', '"b",12'])
    await query.leave()
  })

  it('answer at once and then row by row', async () => {
    const query = await tail('SELECT i, s FROM t', { default_format: 'JSONEachRow', query_id: 'tail-1' })
    expect(query.status).toBe(200)
    expect(await running('tail-1')).toEqual({
      query_id: 'tail-1',
      query: 'SELECT i, s FROM t',
      is_streaming: true,
    })
    await engine.run("INSERT INTO t (i, s) VALUES (3, 'c')")
    await until(async () => (query.state.text === '{"i":3,"s":"c"}\n' ? true : undefined))
    await engine.run("INSERT INTO t (i, s) VALUES (4, 'd')")
    await until(async () => (query.state.text.endsWith('{"i":4,"s":"d"}\n') ? true : undefined))
    await query.leave()
    await until(async () => ((await running('tail-1')) === undefined ? true : undefined))
  })

  it('begin with the current rows of a keyed stream, in the order of its keys', async () => {
    await engine.run("CREATE STREAM kv (k string, v int) PRIMARY KEY k SETTINGS mode = 'versioned_kv'")
    await engine.run("INSERT INTO kv (k, v) VALUES ('b', 1), ('a', 2), ('c', 3)")
    await engine.run("INSERT INTO kv (k, v) VALUES ('b', 4)")
    const query = await tail('SELECT k, v FROM kv LIMIT 4', { default_format: 'CSV' })
    await until(async () => (query.state.text.split('\n').length > 3 ? true : undefined))
    await engine.run("INSERT INTO kv (k, v) VALUES ('a', 5)")
    await query.ended
    expect(query.state.text).toBe('"a",2\n"b",4\n"c",3\n"a",5\n')
  })

  it('begin a format with one header', async () => {
    const query = await tail('SELECT i FROM t WHERE _tp_time > earliest_ts() LIMIT 2', {
      default_format: 'CSVWithNames',
    })
    await query.ended
    expect(query.state.text).toBe('"i"\n1\n2\n')
  })

  it('make one JSON document when they end', async () => {
    const query = await tail('SELECT i FROM t WHERE _tp_time > earliest_ts() LIMIT 3', {
      default_format: 'JSON',
    })
    await query.ended
    expect(JSON.parse(query.state.text)).toMatchObject({
      meta: [{ name: 'i', type: 'int32' }],
      data: [{ i: 1 }, { i: 2 }, { i: 3 }],
    })
  })

  it('end with 394 when killed', async () => {
    const query = await tail('SELECT i FROM t', { query_id: 'kill-me' })
    await until(async () => running('kill-me'))
    expect(await engine.rows("KILL QUERY WHERE query_id = 'kill-me'")).toEqual([
      { kill_status: 'waiting', query_id: 'kill-me', user: 'default', query: 'SELECT i FROM t' },
    ])
    await query.ended
    expect(query.state.text).toContain('Code: 394. DB::Exception: Query was cancelled. (QUERY_WAS_CANCELLED)')
    await until(async () => ((await running('kill-me')) === undefined ? true : undefined))
  })

  it('and bounded ones, inserts too, stop in the store when killed', async () => {
    await engine.run('CREATE STREAM heavy (n uint64)')
    const kill = async (id: string) => {
      await until(async () => running(id))
      await engine.run(`KILL QUERY WHERE query_id = '${id}'`)
    }
    const work = 'SELECT sum(cityHash64(number)) FROM numbers(100000000000)'.replace(
      'cityHash64',
      'city_hash64',
    )
    for (const [id, sql] of [
      ['kill-bounded', work],
      ['kill-pretty', `${work} FORMAT Pretty`],
      ['kill-insert', `INSERT INTO heavy (n) ${work}`],
    ] as const) {
      const [answer] = await Promise.all([engine.sql(sql, { params: { query_id: id } }), kill(id)])
      expect([answer.status, answer.headers.get('x-timeplus-exception-code')], id).toEqual([500, '394'])
    }
    expect(await engine.rows('SELECT n FROM table(heavy)')).toEqual([])
  })

  it('end when their source does', async () => {
    await engine.run('CREATE RANDOM STREAM some (n int DEFAULT monotonic(1)) SETTINGS eps = 0, shards = 2')
    await engine.run('CREATE STREAM taken (n int, shard int)')
    const insert = 'INSERT INTO taken (n, shard) SELECT n, _tp_shard FROM some SETTINGS max_events = 100000'
    expect((await engine.sql(insert, { stream: true })).status).toBe(200)
    const total = 'SELECT count(), max(n), sum(shard) FROM'
    expect((await engine.sql(`${total} table(taken)`)).text).toBe('100000\t100000\t50000\n')
    // What is still to be said is said before.
    const last = await engine.sql(
      `${total} (SELECT n, _tp_shard AS shard FROM some) EMIT PERIODIC 300ms SETTINGS max_events = 10`,
      { stream: true },
    )
    expect(last.text).toBe('10\t10\t5\n')
  })

  it('of one id run once: 216', async () => {
    const query = await tail('SELECT i FROM t', { query_id: 'twice' })
    const second = await engine.sql('SELECT 1', { params: { query_id: 'twice' } })
    expect([second.status, second.headers.get('x-timeplus-exception-code')]).toEqual([500, '216'])
    await query.leave()
  })
})

describe('bounded results', () => {
  it('of many chunks are one JSON document with exact 64-bit numbers', async () => {
    const answer = await engine.sql(
      'SELECT number, number + 9007199254740993 AS n FROM numbers(300000) ORDER BY number',
      { params: { default_format: 'JSONCompact' } },
    )
    const parsed = JSON.parse(answer.text) as { rows: number; data: string[][] }
    expect(parsed.rows).toBe(300_000)
    expect(parsed.data.length).toBe(300_000)
    expect(parsed.data[299_999]).toEqual(['299999', '9007199255040992'])
  })

  it('of many chunks join in XML, Values and with names', async () => {
    const xml = (await engine.sql('SELECT number AS n FROM numbers(200000) FORMAT XML')).text
    expect(xml.match(/<row>/g)?.length).toBe(200_000)
    expect(xml.match(/<result>/g)?.length).toBe(1)
    const values = (await engine.sql('SELECT number AS n FROM numbers(200000) ORDER BY n FORMAT Values')).text
    expect(values.split('),(').length).toBe(200_000)
    const csv = (await engine.sql('SELECT number AS n FROM numbers(200000) FORMAT CSVWithNamesAndTypes')).text
    expect(csv.split('\n').length).toBe(200_003)
    expect(csv.startsWith('"n"\n"uint64"\n')).toBe(true)
  })

  it('without rows still have their frame', async () => {
    const answer = await engine.sql('SELECT i FROM table(t) WHERE 0', { params: { default_format: 'JSON' } })
    expect(JSON.parse(answer.text)).toMatchObject({ meta: [{ name: 'i', type: 'int32' }], data: [], rows: 0 })
    expect((await engine.sql('SELECT i FROM table(t) WHERE 0 FORMAT TSVWithNames')).text).toBe('i\n')
  })

  it('print times with their zone at any depth', async () => {
    const [row] = await engine.rows(
      "SELECT to_datetime64('2026-01-02 03:04:05.5', 1, 'Asia/Kolkata') AS a, [to_datetime64('2026-01-02 03:04:05', 0, 'UTC')] AS b, to_datetime('2026-01-02 03:04:05') AS c, tuple_cast(1, to_datetime('2026-01-02 03:04:05', 'UTC')) AS d",
    )
    expect(row).toEqual({
      a: '2026-01-02 03:04:05.5+05:30',
      b: ['2026-01-02 03:04:05Z'],
      c: '2026-01-02 03:04:05',
      d: [1, '2026-01-02 03:04:05Z'],
    })
  })

  it('of one stream come in the order of arrival', async () => {
    await engine.run('CREATE STREAM ordered (i int)')
    for (let i = 0; i < 8; i++) await engine.run(`INSERT INTO ordered (i) VALUES (${i})`)
    expect((await engine.rows('SELECT i FROM table(ordered)')).map((row) => row.i)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ])
    expect((await engine.rows('SELECT i, _tp_time FROM table(ordered) LIMIT 3')).map((row) => row.i)).toEqual(
      [0, 1, 2],
    )
  })

  it('end a broken result with the error as text', async () => {
    const answer = await engine.sql('SELECT throw_if(number = 900000) FROM numbers(1000000)')
    expect(answer.text).toMatch(/Code: 395\. DB::Exception: /)
  })
})

describe('requests', () => {
  it('may be gzipped, and answers too where asked', async () => {
    const response = await engine.sql(gzipSync('SELECT 42'), { headers: { 'content-encoding': 'gzip' } })
    expect(response.text).toBe('42\n')
    const url = `${engine.engine.url}/?enable_http_compression=1&query=SELECT+42`
    const raw = await fetch(url, { headers: { 'accept-encoding': 'gzip' } })
    expect(raw.headers.get('content-encoding')).toBe('gzip')
    expect(await raw.text()).toBe('42\n')
    expect(gunzipSync(gzipSync('x')).toString()).toBe('x')
  })

  it('carry settings and SET of a session', async () => {
    const params = { session_id: 's1' }
    await engine.sql("SET max_block_size = 7, query_mode = 'table'", { params })
    const [row] = (
      await engine.sql("SELECT value FROM system.settings WHERE name = 'max_block_size'", { params })
    ).text.split('\n')
    expect(row).toBe('7')
    expect((await engine.sql('SELECT count() FROM ordered', { params, stream: true })).text).toBe('8\n')
    expect((await engine.sql('SET no_such_setting = 1')).headers.get('x-timeplus-exception-code')).toBe('115')
    expect((await engine.sql('SELECT 1', { params: { no_such_setting: '1' } })).status).toBe(404)
  })

  it('USE and database choose where names are looked up', async () => {
    await engine.run('CREATE DATABASE other')
    await engine.run('CREATE STREAM other.t (x string)')
    expect((await engine.sql('SHOW STREAMS', { params: { database: 'other' } })).text).toBe('t\n')
    await engine.sql('USE other', { params: { session_id: 's2' } })
    expect((await engine.sql('DESCRIBE t', { params: { session_id: 's2' } })).text).toMatch(/^x\tstring/)
    expect((await engine.sql('USE nope')).headers.get('x-timeplus-exception-code')).toBe('81')
    expect((await engine.sql('SELECT 1', { params: { database: 'nope' } })).status).toBe(404)
  })

  it('by GET only read', async () => {
    const response = await fetch(
      `${engine.engine.url}/?query=${encodeURIComponent('CREATE STREAM x (i int)')}`,
    )
    expect([response.status, response.headers.get('x-timeplus-exception-code')]).toEqual([500, '164'])
  })

  it('need a known user', async () => {
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
    expect((await engine.sql('SELECT 1', { headers: basic('proton:proton@t+') })).status).toBe(200)
    expect((await engine.sql('SELECT 1', { headers: basic('proton:wrong') })).status).toBe(403)
    expect(
      (
        await engine.sql('SELECT 1', {
          headers: { 'x-timeplus-user': 'proton', 'x-timeplus-key': 'proton@t+' },
        })
      ).status,
    ).toBe(200)
    expect(
      (await engine.sql('SELECT current_user()', { params: { user: 'proton', password: 'proton@t+' } })).text,
    ).toBe('proton\n')
  })

  it('of pages of other sites are refused', async () => {
    const status = async (origin: string) => (await engine.sql('SELECT 1', { headers: { origin } })).status
    expect(await status('https://example.com')).toBe(403)
    expect(await status('null')).toBe(403)
    expect(await status('http://localhost:3000')).toBe(200)
  })

  it('that reach outside the engine are refused', async () => {
    for (const sql of [
      "SELECT * FROM file('/etc/passwd', 'LineAsString')",
      "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
      "SELECT 1 INTO OUTFILE '/tmp/x'",
      "INSERT INTO t (s) FROM INFILE '/etc/passwd' FORMAT LineAsString",
      "INSERT INTO t (s) VALUES (file('/etc/passwd'))",
      "INSERT INTO t (s) FORMAT Values (file('/etc/passwd'))",
      "SELECT * FROM executable('id', 'TSV', 'x string')",
      'SELECT * FROM `/etc/passwd`',
    ]) {
      const answer = await engine.sql(sql)
      expect(answer.status, `${sql}: ${answer.text}`).toBeGreaterThanOrEqual(400)
      expect(answer.text).toMatch(/^Code: \d+\. DB::Exception: /)
      expect(answer.text).not.toContain('root:')
    }
  })

  it('of any bytes end in an answer', async () => {
    for (const body of [
      Buffer.from([0, 255, 254, 1]),
      Buffer.from("SELECT '"),
      Buffer.from('('.repeat(50_000)),
      Buffer.alloc(300_000, 'x'),
    ]) {
      const answer = await engine.sql(body)
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.text).toMatch(/^Code: \d+\. DB::Exception: /)
    }
    expect((await engine.sql('SELECT 1')).text).toBe('1\n')
  })
})
