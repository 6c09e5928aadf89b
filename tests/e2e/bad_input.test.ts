import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, FREE_PORTS, isAlive, onState, run, temporaryFolder, writeProject } from './support.js'

const views = ['fine', 'throws', 'short', 'loops'] as const
const BODIES = {
  fine: 'return x.map((value) => value + 1)',
  throws: "throw new Error('boom')",
  short: 'return [1]',
  loops: 'while (true) {}',
}

/** A source, and beside a view that works three that cannot. */
const project = writeProject({
  'sql/src.sql': 'CREATE STREAM src (a int32);',
  ...Object.fromEntries(
    views.flatMap((name) => [
      [
        `sql/f_${name}.sql`,
        `CREATE FUNCTION f_${name}(x int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$\nfunction f_${name}(x) { ${BODIES[name]} }\n$$;`,
      ],
      [`sql/out_${name}.sql`, `CREATE STREAM out_${name} (a int32);`],
      [
        `sql/mv_${name}.sql`,
        `CREATE MATERIALIZED VIEW mv_${name} INTO out_${name} AS SELECT f_${name}(a) AS a FROM src;`,
      ],
    ]),
  ),
})
const { state, ...engine } = onState(project)

beforeAll(async () => {
  await engine.up()
  expect(await engine.tpctl(['bootstrap'])).toMatchObject({ code: 0 })
  await engine.rows('INSERT INTO src (a) VALUES (1), (2), (3)')
})
afterAll(() => engine.down())

const STACK = /\n {4}at .+\.js:\d+:\d+/

describe('a project that cannot be deployed', () => {
  const mistakes: {
    what: string
    files: Record<string, string | Uint8Array>
    code: string
    where?: string
    says: string
  }[] = [
    {
      what: 'a missing variable',
      files: { 'sql/s.sql': '-- a stream\nCREATE STREAM s (a int DEFAULT ${NOPE});' },
      code: 'VARIABLE_MISSING',
      where: 'sql/s.sql:2:32',
      says: 'NOPE',
    },
    {
      what: 'views in a circle',
      files: {
        'sql/a.sql': 'CREATE VIEW a AS SELECT * FROM b',
        'sql/b.sql': 'CREATE VIEW b AS SELECT * FROM a',
      },
      code: 'PROJECT_CYCLE',
      where: 'sql/a.sql:1:1',
      says: 'a → b → a',
    },
    {
      what: 'two objects of one name',
      files: {
        'sql/a.sql': 'CREATE VIEW twice AS SELECT 1 AS a',
        'sql/b.sql': 'CREATE STREAM twice (a int)',
      },
      code: 'PROJECT_DUPLICATE',
      says: "'twice'",
    },
    {
      what: 'an unknown stream',
      files: {
        'sql/s.sql': 'CREATE STREAM orders (a int)',
        'sql/v.sql': 'CREATE VIEW v AS\nSELECT * FROM ordres',
      },
      code: 'PROJECT_UNKNOWN_NAME',
      where: 'sql/v.sql:2:15',
      says: "'ordres'",
    },
    {
      what: 'broken SQL',
      files: { 'sql/v.sql': 'CREATE VIEW v AS\nSELECT * FORM x' },
      code: 'SQL_SYNTAX',
      where: 'sql/v.sql:2:10',
      says: 'FORM',
    },
    {
      what: 'a statement that creates nothing',
      files: { 'sql/v.sql': 'SELECT 1' },
      code: 'PROJECT_STATEMENT',
      says: 'create',
    },
    {
      what: 'a file in another encoding',
      files: { 'sql/v.sql': Buffer.from('CREATE VIEW caf\xe9', 'latin1') },
      code: 'FILE_ENCODING',
      says: 'UTF-8',
    },
    {
      what: 'a config that throws',
      files: { 'tpctl.config.ts': "throw new Error('no luck')" },
      code: 'CONFIG_LOAD',
      says: 'cannot be loaded',
    },
  ]

  it.each(mistakes)('$what: named, located, nothing done', async ({ files, code, where, says }) => {
    const dir = writeProject(files)
    const text = await run(['--project', dir, '--state', state, 'plan'])
    expect(text).toMatchObject({ code: 1, stdout: '' })
    expect(text.stderr).toContain(`error [${code}]`)
    expect(text.stderr).toContain(says)
    if (where !== undefined) expect(text.stderr).toContain(`at ${where}`)
    expect(text.stderr).not.toMatch(STACK)
  })

  it('unknown column, bad type and broken JavaScript: what the engine says, and where it stands', async () => {
    const own = { 'sql/src.sql': 'CREATE STREAM src (a int32);' }
    const cases = [
      {
        file: 'sql/bad_v.sql',
        sql: 'CREATE VIEW bad_v AS SELECT a, nix FROM src',
        says: 'Code 47 (UNKNOWN_IDENTIFIER)',
      },
      { file: 'sql/bad_s.sql', sql: 'CREATE STREAM bad_s (a integerr)', says: 'Code 50 (UNKNOWN_TYPE)' },
      {
        file: 'sql/bad_f.sql',
        sql: 'CREATE FUNCTION bad_f(x int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$ function bad_f(x) { return ( } $$',
        says: 'Code 2530',
      },
    ]
    for (const { file, sql, says } of cases) {
      const scratch = onState(writeProject({ ...own, [file]: sql }), state)
      // What the other project deployed would be dropped, which is never done unasked.
      expect(await scratch.tpctl(['bootstrap', '--json'])).toMatchObject({
        code: 1,
        stdout: expect.stringContaining('PLAN_NEEDS_CONSENT'),
      })
      const name = file.slice(4, -4)
      const whole = onState(project, state)
      writeFileSync(join(project, file), sql)
      const failed = await whole.tpctl(['bootstrap', '--json'])
      writeFileSync(join(project, file), '')
      expect(failed.code).toBe(1)
      const { error } = JSON.parse(failed.stdout) as { error: Record<string, string> }
      expect(error).toMatchObject({ code: 'APPLY_FAILED', where: `${file}:1:1` })
      expect(error.message).toContain(name)
      expect(error.detail).toContain(says)
      expect(error.suggestion).toBeDefined()
    }
  })
})

describe('functions that fail', () => {
  const errorOf = async (view: string) =>
    (
      await engine.rows<{ last_error: string }>(
        `SELECT last_error FROM system.view_status WHERE name = '${view}'`,
      )
    )[0]!.last_error

  it('stop only the views that call them, which say why', async () => {
    const rows = await eventually(
      () => engine.rows<{ a: number }>('SELECT a FROM table(out_fine) ORDER BY a'),
      (found) => found.length === 3,
    )
    expect(rows.map(({ a }) => a)).toEqual([2, 3, 4])
    const because = (code: number) => (error: string) => error.includes(`Code: ${code}`)
    await eventually(() => errorOf('mv_throws'), because(2533))
    await eventually(() => errorOf('mv_short'), because(2504))
    await eventually(() => errorOf('mv_loops'), because(159))

    const status = await engine.tpctl(['status'])
    expect(status.code).toBe(0)
    expect(status.stdout).toMatch(/^mv_short: .*f_short.*wrong result, expected 3 row\(s\), actual 1/m)
    expect(status.stdout).toMatch(/^mv_throws: .*boom/m)

    // The engine is as it was, and the view that works goes on.
    await engine.rows('INSERT INTO src (a) VALUES (10)')
    await eventually(
      () => engine.rows('SELECT a FROM table(out_fine)'),
      (found) => found.length === 4,
    )
    expect(engine.pids().every(isAlive)).toBe(true)
  })

  it('are reported where somebody asks', async () => {
    const asked = await engine.tpctl(['sql', '-e', 'SELECT f_short(a) FROM table(src) LIMIT 3'])
    expect(asked).toMatchObject({ code: 1, stdout: '' })
    expect(asked.stderr).toContain('error [PROTON_2504]')
    expect(asked.stderr).not.toMatch(STACK)
  })
})

describe('what is taken already', () => {
  it('a port: said with its number and how to take another', async () => {
    const other = onState(project)
    const { url } = JSON.parse(readFileSync(join(state, 'engine.json'), 'utf8')) as { url: string }
    const { port } = new URL(url)
    const refused = await other.tpctl(['up', ...FREE_PORTS, '--http-port', port])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('[ENGINE_PORT_IN_USE]')
    expect(refused.stderr).toContain(port)
    expect(refused.stderr).toContain('--http-port 0')
    expect(refused.stderr).not.toMatch(STACK)
    expect(other.pids()).toEqual([])
  })

  it('an engine of another edition: said, with how to change it', async () => {
    const refused = await engine.tpctl(['up', '--edition', 'oss-1.6'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('[ENGINE_OTHER_EDITION] The embedded engine runs here as embedded.')
    expect(refused.stderr).toContain('npx tpctl down')
  })

  it('the folder of a running engine: the second one is refused, the first goes on', async () => {
    const config = join(temporaryFolder(), 'second.json')
    const ports = { http: 0, stream: 0, metrics: 0, kafka: 0 }
    const readyFile = join(temporaryFolder(), 'ready.json')
    writeFileSync(config, JSON.stringify({ dir: join(state, 'engine'), ports, readyFile }))
    const daemon = new URL('../../dist/engine/daemon.js', import.meta.url).pathname
    const second = await execa(process.execPath, [daemon, config], { reject: false, timeout: 30_000 })
    expect(second.exitCode).toBe(1)
    expect(second.stdout).toContain('ENGINE_FOLDER_IN_USE')
    expect(await engine.rows('SELECT 1 AS one')).toEqual([{ one: 1 }])
  })
})

describe('the command line itself', () => {
  it.each([
    { args: ['frobnicate'], code: 2, says: "unknown command 'frobnicate'" },
    { args: ['plan', '--wat'], code: 2, says: "unknown option '--wat'" },
    {
      args: ['feed-tokens', '--list', 'gold'],
      code: 2,
      says: 'Allowed choices are strict, all, banned, every',
    },
    { args: ['feed-tokens', '--file', 'some.csv'], code: 2, says: 'Add --list strict' },
    { args: ['up', '--http-port', '70000'], code: 2, says: 'port from 0 to 65535' },
    { args: ['--target', 'embeded', 'status'], code: 2, says: "Did you mean 'embedded'?" },
    { args: ['sql', '-f', '/no/such.sql'], code: 1, says: 'no such file' },
    { args: ['tail', 'nothing'], code: 1, says: "default.nothing doesn't exist" },
  ])('$args', async ({ args, code, says }) => {
    const [text, json] = await Promise.all([engine.tpctl(args), engine.tpctl([...args, '--json'])])
    expect(text).toMatchObject({ code, stdout: '' })
    expect(text.stderr).toContain(says)
    expect(text.stderr).not.toMatch(STACK)

    expect(json.code).toBe(code)
    const document = JSON.parse(json.stdout) as { error: { code: string; message: string } }
    expect(Object.keys(document)).toEqual(['error'])
    expect(document.error.code).toMatch(/^[A-Z_0-9]+$/)
  })

  it('shows a stack trace with --debug, and only then', async () => {
    const failed = await engine.tpctl(['--debug', 'tail', 'nothing'])
    expect(failed.stderr).toMatch(STACK)
  })

  it('tells an unreachable target apart: exit code 4', async () => {
    const config = `import { defineConfig } from 'tpctl'
export default defineConfig({ name: 'x', sql: 'sql', target: 'away', targets: { away: {
  edition: 'enterprise', url: 'http://127.0.0.1:9', streamUrl: 'http://127.0.0.1:9', brokers: '127.0.0.1:9' } } })`
    const dir = writeProject({
      'tpctl.config.ts': config,
      'tests/smoke.yaml': 'checks:\n  - view: v\n    rows: 1\n',
    })
    const commands = [['plan'], ['status'], ['sql', '-e', 'SELECT 1'], ['smoke'], ['tail', 'x']]
    const answers = await Promise.all(commands.map((args) => run(['--project', dir, '--json', ...args])))
    expect(answers.map(({ code }) => code)).toEqual(commands.map(() => 4))
    for (const { stdout } of answers) {
      expect(JSON.parse(stdout)).toMatchObject({
        error: { code: 'TARGET_UNREACHABLE', suggestion: expect.any(String) },
      })
    }
  })
})
