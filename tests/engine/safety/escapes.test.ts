/**
 * Ways out of the store: to files, hosts and commands. Each is tried over HTTP as a client would, against a folder
 * with a secret in it. None may give the secret away, write, or be taken for something else in silence.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from '../server/harness.js'

const SECRET = 'the-secret-of-this-machine'
const outside = mkdtempSync(join(tmpdir(), 'outside-'))
const secret = join(outside, 'secret.csv')
const out = join(outside, 'out')

let engine: TestEngine
let trap: Server
let trapUrl = ''
let visits = 0

beforeAll(async () => {
  writeFileSync(secret, SECRET)
  trap = createServer((_, response) => {
    visits++
    response.end(SECRET)
  })
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
  trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/x`
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM s (i int, t string)')
  await engine.run("INSERT INTO s (i, t) VALUES (1, 'a')")
})
afterAll(async () => {
  await engine?.close()
  trap?.close()
  rmSync(outside, { recursive: true, force: true })
})

type Attempt = [name: string, sql: () => string, code: number]

const REFUSED: Attempt[] = [
  ['file() as a table', () => `SELECT * FROM file('${secret}', 'LineAsString')`, 48],
  ['file() as a value', () => `SELECT file('${secret}')`, 48],
  ['file() in any case', () => `SELECT FiLe('${secret}')`, 48],
  ['file() under a quoted name', () => `SELECT \`file\`('${secret}')`, 48],
  ['file() inside table()', () => `SELECT * FROM table(file('${secret}', 'LineAsString'))`, 48],
  ['a path as a table', () => `SELECT * FROM \`${secret}\``, 60],
  ['a path as a string', () => `SELECT * FROM '${secret}'`, 62],
  ['a path in a join', () => `SELECT * FROM table(s) AS s JOIN \`${secret}\` AS f ON s.t = f.c1`, 60],
  ['url()', () => `SELECT * FROM url('${trapUrl}', 'LineAsString')`, 48],
  ['remote()', () => "SELECT * FROM remote('127.0.0.1', system.one)", 48],
  ['cluster()', () => "SELECT * FROM cluster('default', system.one)", 48],
  ['s3()', () => `SELECT * FROM s3('${trapUrl}', 'LineAsString')`, 48],
  ['hdfs()', () => "SELECT * FROM hdfs('hdfs://127.0.0.1:1/x', 'LineAsString')", 48],
  ['mysql()', () => "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')", 48],
  ['postgresql()', () => "SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')", 48],
  ['jdbc()', () => "SELECT * FROM jdbc('x', 'y', 'z')", 48],
  ['sqlite()', () => `SELECT * FROM sqlite('${secret}', 't')`, 48],
  ['executable()', () => "SELECT * FROM executable('id', 'TSV', 'a string')", 48],
  ['python()', () => "SELECT * FROM python('x')", 48],
  ['input()', () => "INSERT INTO s (i) SELECT a FROM input('a int')", 48],
  ['merge() over the tables of the store', () => "SELECT * FROM merge('tp', '.*')", 48],
  ['the tables of the store by name', () => 'SELECT * FROM tp.catalog', 60],
  ['INFILE', () => `INSERT INTO s (t) FROM INFILE '${secret}' FORMAT LineAsString`, 48],
  ['OUTFILE', () => `SELECT 1 INTO OUTFILE '${out}'`, 48],
  ['OUTFILE behind a UNION', () => `SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '${out}' FORMAT CSV`, 48],
  ['INSERT INTO FUNCTION file()', () => `INSERT INTO FUNCTION file('${out}', 'CSV', 'a int') VALUES (1)`, 48],
  ['ENGINE = File', () => 'CREATE STREAM f (a int) ENGINE = File(CSV)', 48],
  ['ENGINE = URL', () => `CREATE STREAM f (a int) ENGINE = URL('${trapUrl}', CSV)`, 48],
  [
    'ENGINE = EmbeddedRocksDB with a path',
    () => `CREATE STREAM f (a int) ENGINE = EmbeddedRocksDB(0, '${out}') PRIMARY KEY a`,
    48,
  ],
  [
    'a table with ENGINE = MergeTree on a disk',
    () =>
      `CREATE TABLE f (a Int32) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = local, path = '${out}/')`,
    48,
  ],
  ['storage on a disk of the statement', () => `CREATE STREAM f (a int) SETTINGS disk = 'x'`, 115],
  ['CREATE DISK', () => `CREATE DISK d disk(type = 'local', path = '${out}')`, 48],
  ['a database over a folder', () => `CREATE DATABASE f ENGINE = Filesystem('${outside}')`, 48],
  [
    'a database of another server',
    () => "CREATE DATABASE f SETTINGS type = 'mysql', address = '127.0.0.1:1'",
    48,
  ],
  ...(
    [
      "EXECUTABLE(COMMAND 'id' FORMAT 'TSV')",
      "FILE(PATH '/etc/passwd' FORMAT 'TSV')",
      "HTTP(URL 'http://127.0.0.1:1' FORMAT 'TSV')",
      "MYSQL(HOST '127.0.0.1' PORT 1)",
    ] as const
  ).map(
    (source): Attempt => [
      `a dictionary over ${source.split('(')[0]}`,
      () =>
        `CREATE DICTIONARY d (k int32, v string) PRIMARY KEY k SOURCE(${source}) LAYOUT(FLAT()) LIFETIME(0)`,
      48,
    ],
  ),
  ['the default of a column', () => `CREATE STREAM f (a string DEFAULT file('${secret}'))`, 48],
  ['an alias column', () => `CREATE STREAM f (a string, b string ALIAS file('${secret}'))`, 48],
  ['a TTL', () => `CREATE STREAM f (a int) TTL to_datetime(file('${secret}'))`, 48],
  [
    'a sharding expression',
    () => `CREATE STREAM f (a int) SETTINGS shards = 2, sharding_expr = 'length(file(\\'${secret}\\'))'`,
    48,
  ],
  [
    'the time of events',
    () => `CREATE STREAM f (a int) SETTINGS event_time_column = 'to_time(file(\\'${secret}\\'))'`,
    48,
  ],
  ['ADD COLUMN with a default', () => `ALTER STREAM s ADD COLUMN x string DEFAULT file('${secret}')`, 48],
  ['a random stream', () => `CREATE RANDOM STREAM f (a string DEFAULT file('${secret}'))`, 48],
  ['a value of INSERT', () => `INSERT INTO s (t) VALUES (file('${secret}'))`, 48],
  ['a CTE', () => `WITH f AS (SELECT * FROM file('${secret}', 'LineAsString')) SELECT * FROM f`, 48],
  [
    'a subquery of an expression',
    () => `SELECT (SELECT line FROM file('${secret}', 'LineAsString')) AS x`,
    48,
  ],
  ['IN', () => `SELECT 1 IN (SELECT * FROM file('${secret}', 'CSV'))`, 48],
  ['a lambda', () => `SELECT array_map(x -> file(x), ['${secret}'])`, 48],
  ['ORDER BY', () => `SELECT i FROM table(s) ORDER BY file('${secret}')`, 48],
  ['LIMIT BY', () => `SELECT i FROM table(s) LIMIT 1 BY file('${secret}')`, 48],
  ['a window', () => `SELECT count() OVER (PARTITION BY file('${secret}')) FROM table(s)`, 48],
  ['a join condition', () => `SELECT 1 FROM table(s) AS a JOIN table(s) AS b ON a.t = file('${secret}')`, 48],
  ['a join get', () => "SELECT join_get('tp.s_1', 'i', 1)", 48],
  ['a view', () => `CREATE VIEW f AS SELECT file('${secret}') AS x FROM s`, 48],
  ['a materialized view', () => `CREATE MATERIALIZED VIEW f AS SELECT file('${secret}') AS x FROM s`, 48],
  ['EXPLAIN', () => `EXPLAIN SELECT * FROM file('${secret}', 'LineAsString')`, 48],
  ['DESCRIBE', () => `DESCRIBE file('${secret}', 'LineAsString')`, 48],
  ['KILL QUERY', () => `KILL QUERY WHERE query_id = file('${secret}')`, 48],
  [
    'the schema of a format',
    () => `SELECT 1 AS a FORMAT Protobuf SETTINGS format_schema = '${secret}:M'`,
    2611,
  ],
  ['a template', () => `SELECT 1 AS a SETTINGS format_template_resultset = '${secret}' FORMAT Template`, 73],
  [
    'the schema of an INSERT',
    () => `INSERT INTO s (i) SETTINGS format_schema = '${secret}:M' FORMAT Protobuf x`,
    2611,
  ],
  ['array_reduce with a name of its own', () => `SELECT array_reduce('file', ['${secret}'])`, 63],
  ['SYSTEM', () => 'SYSTEM SHUTDOWN', 48],
  ['BACKUP', () => `BACKUP DATABASE default TO File('${out}')`, 48],
  ['ATTACH', () => `ATTACH TABLE f FROM '${outside}' (a Int32) ENGINE = MergeTree ORDER BY a`, 48],
]

describe('refused', () => {
  it.each(REFUSED)('%s', async (_, sql, code) => {
    const before = visits
    for (const stream of [false, true]) {
      const { text, status } = await engine.sql(sql(), { stream })
      expect(text).toMatch(new RegExp(`^Code: ${code}\\.`))
      expect(status).not.toBe(200)
      expect(text).not.toContain(SECRET)
    }
    expect(readdirSync(outside)).toEqual(['secret.csv'])
    expect(existsSync(out)).toBe(false)
    expect(visits).toBe(before)
  })

  it('a function of a user that calls file()', async () => {
    await engine.run('CREATE FUNCTION peek AS x -> file(x)')
    expect((await engine.sql(`SELECT peek('${secret}')`)).text).toMatch(/^Code: 48\./)
    await engine.run('CREATE FUNCTION peek_twice AS x -> peek(x)')
    expect((await engine.sql(`SELECT peek_twice('${secret}')`)).text).toMatch(/^Code: 48\./)
  })

  it('a function of a user under the name of a table function', async () => {
    await engine.sql(
      'CREATE FUNCTION file(a string) RETURNS string LANGUAGE JAVASCRIPT AS $$ function file(a){ return a } $$',
    )
    expect((await engine.sql(`SELECT file('${secret}')`)).text).not.toContain(SECRET)
    expect((await engine.sql(`SELECT * FROM file('${secret}', 'LineAsString')`)).text).toMatch(/^Code: 48\./)
    await engine.sql('DROP FUNCTION file')
  })

  it('parameters: their values stay values', async () => {
    const params = { param_t: secret, param_f: `file('${secret}')`, param_x: `1) FROM file('${secret}'` }
    expect((await engine.sql('SELECT * FROM {t:identifier}', { params })).text).toMatch(/^Code: \d+\./)
    expect((await engine.sql('SELECT {f:string} AS x', { params })).text).toBe(`file(\\'${secret}\\')\n`)
    expect((await engine.sql('SELECT {x:int32}', { params })).text).toMatch(/^Code: \d+\./)
  })

  it('names: whatever stands in quotes is a name', async () => {
    const odd = "x`, (SELECT * FROM file('y'))) --"
    await engine.run(
      `CREATE STREAM \`${odd.replaceAll('`', '\\`')}\` (\`a') FROM file('${secret}') --\` int)`,
    )
    const { text } = await engine.sql(
      `SELECT * EXCEPT _tp_time FROM table(\`${odd.replaceAll('`', '\\`')}\`)`,
    )
    expect(text).toBe('')
  })

  it('formats and settings of a request', async () => {
    const requests: Record<string, string>[] = [
      { default_format: `CSV INTO OUTFILE '${out}'` },
      { default_format: 'Protobuf', format_schema: `${secret}:M` },
      { default_format: 'Template', format_template_resultset: secret },
    ]
    for (const params of requests) {
      expect((await engine.sql('SELECT 1', { params })).text).toMatch(/^Code: (?:73|2611)\./)
    }
    const settings = {
      max_threads: `1, log_comment = 'x' INTO OUTFILE '${out}'`,
      output_format_csv_null_representation: "' FORMAT CSV",
    }
    for (const [name, value] of Object.entries(settings)) {
      await engine.sql('SELECT 1', { params: { [name]: value } })
      expect(existsSync(out)).toBe(false)
    }
  })

  it('REST: names and types of columns, expressions', async () => {
    const bodies = [
      { name: 'r1', columns: [{ name: 'a', type: `string default file('${secret}')` }] },
      { name: 'r2', columns: [{ name: 'a', type: 'int', default: `length(file('${secret}'))` }] },
      { name: 'r3', columns: [{ name: 'a', type: 'int' }], ttl_expression: `to_datetime(file('${secret}'))` },
      { name: 'r4', columns: [{ name: 'a', type: 'int' }], order_by_expression: `file('${secret}')` },
      { name: 'r5', columns: [{ name: 'a', type: 'int' }], event_time_column: `to_time(file('${secret}'))` },
    ]
    for (const body of bodies) {
      const { status, json } = await engine.rest('POST', '/proton/v1/ddl/streams', body)
      expect(status, body.name).toBe(400)
      expect(JSON.stringify(json)).not.toContain(SECRET)
    }
    for (const path of ['search', 'sqlanalyzer']) {
      const query = `SELECT * FROM file('${secret}', 'LineAsString')`
      const { json } = await engine.rest('POST', `/proton/v1/${path}`, { query })
      expect(json.code).toBe(48)
    }
  })
})
