import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, onState, ROOT, run, start, temporaryFolder, writeProject } from './support.js'

const project = writeProject({
  'sql/events.sql': 'CREATE STREAM events (id int32, name string);',
  'sql/big.sql': 'CREATE VIEW big AS SELECT id, name FROM events WHERE id > 100;',
  'sql/plus_one.sql': 'CREATE FUNCTION plus_one AS (x) -> x + 1;',
})
const { state, ...engine } = onState(project)
const sql = (...args: string[]) => engine.tpctl(['sql', ...args])
/** What is typed, through a pipe. */
const typed = (lines: string[], args: string[] = []) =>
  engine.tpctl(['sql', ...args], { input: `${lines.join('\n')}\n` })

beforeAll(async () => {
  await engine.up()
  expect(await engine.tpctl(['bootstrap'])).toMatchObject({ code: 0 })
  expect(
    await sql('-e', "INSERT INTO events (id, name) VALUES (1, 'one'), (2, 'semi;colon'), (200, 'x')"),
  ).toEqual({
    code: 0,
    stdout: '',
    stderr: '',
  })
})
afterAll(() => engine.down())

describe('sql from the command line', () => {
  const QUERY =
    "SELECT id, name, NULL AS nothing, to_uint64('18446744073709551615') AS big FROM table(events) ORDER BY id LIMIT 2"

  it('prints in each format, 64-bit numbers whole', async () => {
    const [table, json, csv, tsv] = await Promise.all(
      ['table', 'json', 'csv', 'tsv'].map((format) => sql('--format', format, '-e', QUERY)),
    )
    expect(table!.stdout.split('\n')).toHaveLength(4)
    expect(table!.stdout).toMatch(/^ *1 +one +ᴺᵁᴸᴸ +18446744073709551615$/m)
    expect(json!.stdout.split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
      { id: 1, name: 'one', nothing: null, big: '18446744073709551615' },
      { id: 2, name: 'semi;colon', nothing: null, big: '18446744073709551615' },
    ])
    expect(csv!.stdout.split('\n').slice(0, 2)).toEqual([
      '"id","name","nothing","big"',
      '1,"one",\\N,18446744073709551615',
    ])
    expect(tsv!.stdout.split('\n')[2]).toBe('2\tsemi;colon\t\\N\t18446744073709551615')
  })

  it('runs several statements and a file, and stops at the first that fails', async () => {
    const several = await sql('--format', 'csv', '-e', 'SELECT 1 AS a; SELECT 2 AS a', '-e', 'SELECT 3 AS a')
    expect(several.stdout.split('\n').filter((line) => /^\d$/.test(line))).toEqual(['1', '2', '3'])

    const file = join(temporaryFolder(), 'script.sql')
    writeFileSync(file, "-- one; two\nSELECT 'a;b' AS t; /* ; */\nSELECT nope;\nSELECT 'never' AS t;\n")
    const script = await sql('--format', 'json', '-f', file)
    expect(script).toMatchObject({ code: 1, stdout: '{"t":"a;b"}' })
    expect(script.stderr).toContain("[PROTON_47] Missing columns: 'nope'")
  })

  it("says the server's words and number", async () => {
    const failed = await engine.tpctl(['sql', '-e', 'SELECT * FROM table(event)', '--json'])
    expect(failed.code).toBe(1)
    expect(JSON.parse(failed.stdout)).toMatchObject({
      error: { code: 'PROTON_60', message: expect.stringContaining("default.event doesn't exist") },
    })
  })

  it('a query on a stream runs until Ctrl-C and is then gone from the server', async () => {
    const query = engine.start(['sql', '--format', 'json', '-e', 'SELECT id FROM events'])
    const running = () =>
      engine.rows<{ query_id: string }>(
        "SELECT query_id FROM system.processes WHERE query LIKE '%FROM events%' AND query NOT LIKE '%processes%'",
      )
    await eventually(running, (found) => found.length === 1)
    await engine.rows("INSERT INTO events (id, name) VALUES (300, 'live')")
    let seen = ''
    query.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await eventually(
      async () => seen,
      (text) => text.includes('300'),
    )
    query.kill('SIGINT')
    const { exitCode, stderr } = await query
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    await eventually(running, (found) => found.length === 0)
  })

  it('tail begins in the past, filters and ends after its limit', async () => {
    const tail = await engine.tpctl([
      'tail',
      'events',
      '--since',
      '1h',
      '--where',
      'id > 100',
      '--limit',
      '1',
      '--format',
      'csv',
    ])
    expect(tail.code).toBe(0)
    expect(tail.stdout.split('\n')[1]).toMatch(/^200,"x",/)
  })
})

describe('the console', () => {
  it('takes statements over several lines, backslash commands, and goes on after an error', async () => {
    const { code, stdout, stderr } = await typed([
      'SELECT id,',
      '  name',
      '\\timing',
      "FROM table(events) WHERE name = 'semi;colon';",
      'SELECT nope;',
      '\\format tsv',
      'SELECT 7 AS seven;',
      '\\format parchment',
      '\\wat',
      'SELECT 8 AS last',
    ])
    // Some statement failed, so a script that pipes into the console notices.
    expect(code).toBe(1)
    expect(stdout).toMatch(/^ *2 {2}semi;colon$/m)
    expect(stdout).toContain('seven\n7')
    expect(stdout).toContain('last\n8')
    expect(stderr).toMatch(/1 row\. Elapsed: [\d.]+ s/)
    expect(stderr).toContain('Code: 47.')
    expect(stderr).toContain("There is no format 'parchment'.")
    expect(stderr).toContain('No command \\wat.')
  })

  it('describes what is there', async () => {
    const { code, stdout } = await typed(
      ['\\d', '\\dt', '\\dv', '\\df', '\\d events', '\\?'],
      ['--format', 'csv'],
    )
    expect(code).toBe(0)
    const lines = stdout.split('\n')
    expect(lines.filter((line) => line.startsWith('"events"'))).toHaveLength(2)
    expect(lines.filter((line) => line.startsWith('"big","View"'))).toHaveLength(2)
    expect(stdout).toMatch(/^"plus_one"/m)
    expect(stdout).toMatch(/^"id","int32"/m)
    expect(stdout).toContain('\\timing')
  })

  it('shows what the system tables hold', async () => {
    const names = ['tables', 'functions', 'processes', 'stream_metrics', 'columns', 'databases', 'settings']
    const { code, stdout, stderr } = await sql(
      ...['--format', 'json'],
      ...names.flatMap((name) => ['-e', `SELECT '${name}' AS system_table, * FROM system.${name} LIMIT 1`]),
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(rows.map((row) => row.system_table)).toEqual(names)
    for (const row of rows) expect(Object.keys(row).length).toBeGreaterThan(1)
  })
})

describe('without an engine', () => {
  it('render prints each edition, and marks what it had to change', async () => {
    const [own, old, enterprise] = await Promise.all(
      ['embedded', 'oss-1.6', 'enterprise'].map((edition) => run(['render', '--edition', edition])),
    )
    for (const script of [own!, old!, enterprise!]) expect(script.code).toBe(0)
    expect(own!.stdout).toContain('CREATE MUTABLE STREAM jupiter_tokens')
    expect(enterprise!.stdout).toContain('CREATE MUTABLE STREAM jupiter_tokens')
    expect(old!.stdout).not.toContain('MUTABLE STREAM ')
    expect(old!.stdout).toContain("mode = 'versioned_kv'")
    expect(old!.stderr).toContain('becomes a versioned_kv stream')
  })

  it('udf list and udf render show the functions', async () => {
    const list = await run(['udf', 'list', '--json'])
    expect(
      (JSON.parse(list.stdout) as { functions: { name: string }[] }).functions.map(({ name }) => name),
    ).toEqual(['birdeye_token_security', 'consecutive_appearances', 'token_risk_score'])
    const one = await run(['udf', 'render', 'token_risk_score'])
    expect(one.stdout).toMatch(/^CREATE OR REPLACE FUNCTION token_risk_score\(/)
    expect(await run(['udf', 'render', 'nope'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('It has: birdeye_token_security'),
    })
  })

  it('udf serve answers with its key only, and ends on SIGTERM', async () => {
    const served = start(
      ['--project', ROOT, '--state', temporaryFolder(), 'udf', 'serve', '--port', '0', '--json'],
      {
        env: { UDF_GATEWAY_KEY: 'e2e-key' },
      },
    )
    let printed = ''
    served.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
    await eventually(
      async () => printed,
      (text) => text.includes('\n'),
    )
    const { url, providers } = JSON.parse(printed) as { url: string; providers: Record<string, string> }
    expect(providers).toEqual({ birdeye_token_security: 'recorded' })
    const call = (headers: Record<string, string>) =>
      fetch(`${url}/birdeye_token_security`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ address: ['So11111111111111111111111111111111111111112', 'nonsense'] }),
      })
    expect((await call({})).status).toBe(401)
    const answer = (await (await call({ 'x-udf-key': 'e2e-key' })).json()) as { result: string[] }
    expect(answer.result.map((text) => Object.keys(JSON.parse(text) as object)[0])).toEqual([
      'provider',
      'error',
    ])
    served.kill('SIGTERM')
    expect((await served).exitCode).toBe(0)
  })
})
