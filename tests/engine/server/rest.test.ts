import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

describe('REST', () => {
  it('defines, lists, changes and drops streams', async () => {
    const created = await engine.rest('POST', '/proton/v1/ddl/streams', {
      name: 'rs',
      columns: [
        { name: 'a', type: 'int', nullable: true },
        { name: 'b', type: 'string', default: "it's" },
        { name: 'c', type: 'int64', default: 'to_int64(1) + 1' },
      ],
      shards: 2,
    })
    expect(created.status).toBe(200)
    await engine.run('INSERT INTO rs (a) VALUES (null)')
    expect(await engine.rows('SELECT a, b, c FROM table(rs)')).toEqual([{ a: null, b: "it's", c: '2' }])
    const { json } = await engine.rest('GET', '/proton/v1/ddl/streams')
    expect(json.data).toMatchObject([
      {
        name: 'rs',
        engine: 'Stream',
        mode: 'append',
        shards: 2,
        columns: [
          { name: 'a', type: 'nullable(int32)', nullable: true },
          { name: 'b', type: 'string', default: "'it\\'s'" },
          { name: 'c', type: 'int64' },
          { name: '_tp_time' },
        ],
      },
    ])
    await engine.rest('PATCH', '/proton/v1/ddl/streams/rs', {
      ttl_expression: 'to_datetime(_tp_time) + INTERVAL 1 DAY',
    })
    expect((await engine.rows('SHOW CREATE rs'))[0]!.statement).toContain('TTL to_datetime(_tp_time)')
    expect((await engine.rest('DELETE', '/proton/v1/ddl/streams/rs')).status).toBe(200)
    expect((await engine.rest('DELETE', '/proton/v1/ddl/streams/rs')).json).toMatchObject({ code: 60 })
  })

  it('cannot be talked into SQL by names and types', async () => {
    const bad = await engine.rest('POST', '/proton/v1/ddl/streams', {
      name: 'x',
      columns: [{ name: 'a', type: 'int) ENGINE = File(TSV); --' }],
    })
    expect(bad.status).toBe(400)
    const odd = await engine.rest('POST', '/proton/v1/ddl/streams', {
      name: 'odd`; DROP STREAM y',
      columns: [{ name: 'a`) b', type: 'int' }],
    })
    expect(odd.status).toBe(200)
    expect((await engine.rows('SELECT name FROM system.tables'))[0]).toEqual({ name: 'odd`; DROP STREAM y' })
    await engine.rest('DELETE', `/proton/v1/ddl/streams/${encodeURIComponent('odd`; DROP STREAM y')}`)
  })

  it('lists streams by database and name', async () => {
    await engine.run('CREATE STREAM listed (i int)')
    const list = (path: string) => engine.rest('GET', `/proton/v1/ddl/streams/${path}`)
    expect((await list('default/listed')).json.data).toMatchObject([{ name: 'listed', engine: 'Stream' }])
    expect((await list('neutron')).json.data).toEqual([])
    expect(await list('nowhere')).toMatchObject({
      status: 404,
      json: { code: 81, error_msg: 'Databases nowhere does not exist.' },
    })
    expect(await list('neutron/listed')).toMatchObject({
      status: 404,
      json: { code: 60, error_msg: "No stream named 'listed' in database 'neutron'" },
    })
  })

  it('lays a statement out as Proton does', async () => {
    const query =
      "with t as (select a from s) select max(timestamp) as m from hop(t, timestamp, interval 1 second, 5s) as h join table(u) as v on h.a = v.a where a = 1 or b > 2 or c + d * 2 = 3 and x like 'y' group by window_start"
    expect((await engine.rest('POST', '/proton/v1/sqlformat', { query })).json.query).toBe(
      `WITH t AS
  (
    SELECT
      a
    FROM
      s
  )
SELECT
  max(timestamp) AS m
FROM
  hop(t, timestamp, INTERVAL 1 SECOND, 5s) AS h
INNER JOIN table(u) AS v ON h.a = v.a
WHERE
  (a = 1) OR (b > 2) OR (((c + (d * 2)) = 3) AND (x LIKE 'y'))
GROUP BY
  window_start`,
    )
  })

  it('searches by pages, formats, analyses', async () => {
    const search = await engine.rest('POST', '/proton/v1/search', {
      query: 'SELECT number AS n FROM numbers(100) ORDER BY n',
      page_size: 3,
      offset: 10,
    })
    expect(search.json).toMatchObject({
      meta: [{ name: 'n', type: 'uint64' }],
      data: [['10'], ['11'], ['12']],
      rows: 3,
    })
    expect((await engine.rest('POST', '/proton/v1/search', { query: 'DROP STREAM x' })).json.code).toBe(80)
    expect(
      (await engine.rest('POST', '/proton/v1/search', { query: 'SELECT 1', page_size: -1 })).json.code,
    ).toBe(36)
    expect((await engine.rest('POST', '/proton/v1/sqlformat', { query: 'select   1' })).json.query).toBe(
      'SELECT\n  1',
    )
    expect((await engine.rest('POST', '/proton/v1/sqlformat', { query: 'select   (' })).json.code).toBe(62)
    await engine.run('CREATE STREAM an (i int, s string)')
    const { json } = await engine.rest('POST', '/proton/v1/sqlanalyzer', {
      query: 'SELECT s, count() AS c FROM an GROUP BY s',
    })
    expect(json).toMatchObject({
      result_columns: [
        { column: 's', column_type: 'string' },
        { column: 'c', column_type: 'uint64' },
      ],
      query_type: 'SELECT',
      is_streaming: true,
      has_aggr: true,
      has_table_join: false,
    })
  })

  it('defines functions', async () => {
    const body = {
      name: 'thrice',
      type: 'javascript',
      arguments: [{ name: 'v', type: 'int32' }],
      return_type: 'int32',
      source: 'function thrice(v){return v.map(x=>x*3)}',
    }
    expect((await engine.rest('POST', '/proton/v1/udfs', body)).status).toBe(200)
    expect(await engine.rows('SELECT thrice(14) AS x')).toEqual([{ x: 42 }])
    expect((await engine.rest('GET', '/proton/v1/udfs/thrice')).json.data).toMatchObject(body)
    expect((await engine.rest('POST', '/proton/v1/udfs', { ...body, source: 'function (' })).json.code).toBe(
      2530,
    )
    expect((await engine.rest('DELETE', '/proton/v1/udfs/thrice')).status).toBe(200)
    expect((await engine.rest('DELETE', '/proton/v1/udfs/thrice')).json.code).toBe(46)
  })

  it('answers unknown paths and methods', async () => {
    expect((await fetch(`${engine.engine.streamUrl}/proton/v1/nope`)).status).toBe(404)
    expect((await engine.rest('GET', '/proton/v1/search')).status).toBeGreaterThanOrEqual(400)
    expect((await fetch(`${engine.engine.url}/ping`)).status).toBe(200)
  })
})

describe('external streams', () => {
  it('write to and read from the broker, in views too; what cannot be parsed is a dead letter', async () => {
    const { brokers } = engine.engine
    const kafka = (columns: string) =>
      `(${columns}) SETTINGS type = 'kafka', brokers = '${brokers}', topic = 'events', data_format = 'JSONEachRow', one_message_per_row = true`
    await engine.run(`CREATE EXTERNAL STREAM out_k ${kafka('id int, name string')}`).catch(async () => {
      // Creating checks the topic: it is made by the first message, as brokers do by default.
      const { Kafka, logLevel } = await import('kafkajs')
      const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
      await admin.connect()
      await admin.createTopics({ topics: [{ topic: 'events' }] })
      await admin.disconnect()
      await engine.run(`CREATE EXTERNAL STREAM out_k ${kafka('id int, name string')}`)
    })
    await engine.run(
      "CREATE MATERIALIZED VIEW from_k AS SELECT id, name FROM out_k SETTINGS seek_to = 'earliest'",
    )
    await engine.run("INSERT INTO out_k (id, name) VALUES (1, 'a'), (2, 'b')")
    await until(async () =>
      (await engine.rows('SELECT * FROM table(from_k)')).length === 2 ? true : undefined,
    )
    expect(await engine.rows('SELECT id, name FROM table(out_k) ORDER BY id')).toEqual([
      { id: 1, name: 'a' },
      { id: 2, name: 'b' },
    ])
    const { Kafka, logLevel } = await import('kafkajs')
    const producer = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).producer()
    await producer.connect()
    await producer.send({
      topic: 'events',
      messages: [{ value: 'no json' }, { value: '{"id":3,"name":"c"}' }],
    })
    await producer.disconnect()
    await until(async () =>
      (await engine.rows('SELECT * FROM table(from_k)')).length === 3 ? true : undefined,
    )
    const letters = await until(async () => {
      const rows = await engine.rows('SELECT source, topic, offset, raw FROM system.dead_letters')
      return rows.length > 0 ? rows : undefined
    })
    expect(letters).toEqual([{ source: 'default.out_k', topic: 'events', offset: '2', raw: 'no json' }])
    await engine.restart()
    await engine.run('DROP VIEW from_k')
  })
})
