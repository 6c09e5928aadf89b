import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { compile } from '../../bootstrap/compile.js'
import { lintProject } from '../../bootstrap/lint/lint.js'
import { loadProject } from '../../bootstrap/project.js'
import { TEMPLATES } from '../../cli/init/template.js'
import { createProgram } from '../../cli/program.js'
import { EDITIONS } from '../../dialect/index.js'
import { ROOT, run, temporaryFolder } from './support.js'

describe.each(TEMPLATES)('tpctl init --template %s', (template) => {
  it('makes a project that passes its own tests, is clean, and compiles for every edition', async () => {
    const dir = join(temporaryFolder(), 'My Pipeline')
    const made = await run(['init', dir, '--template', template, '--json'])
    expect(made.code).toBe(0)
    const { files } = JSON.parse(made.stdout) as { files: string[] }
    expect(files).toEqual(expect.arrayContaining(['tpctl.config.ts', 'package.json', '.gitignore']))
    expect(files).toContain(join('.github', 'workflows', 'tpctl.yml'))
    expect(JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))).toMatchObject({ name: 'my-pipeline' })
    for (const file of files) expect(readFileSync(join(dir, file), 'utf8'), file).not.toContain('__PROJECT')

    const tests = await run(['--project', dir, 'test', '--json'])
    expect(JSON.parse(tests.stdout)).toMatchObject({ failed: 0, skipped: 0 })
    expect(tests.code).toBe(0)

    for (const edition of EDITIONS) {
      const project = await loadProject(dir, { env: {}, overrides: { edition } })
      expect(compile(project).objects.length).toBeGreaterThan(3)
      expect(lintProject(project)).toEqual([])
    }

    const again = await run(['init', dir, '--template', template, '--json'])
    expect(again.code).toBe(1)
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'INIT_EXISTS' } })
  })
})

it('the workflow is one: lint and tests, the plan as a comment, apply on merge, with commands and options that exist', async () => {
  const text = readFileSync(join(ROOT, 'templates/common/github/workflows/tpctl.yml'), 'utf8')
  const { on, jobs } = parse(text) as {
    on: Record<string, unknown>
    jobs: Record<string, { needs?: string; if?: string; steps: { run?: string; uses?: string }[] }>
  }
  expect(Object.keys(on)).toEqual(['pull_request', 'push'])
  expect(Object.keys(jobs)).toEqual(['check', 'plan', 'apply'])
  expect(jobs.plan!.needs).toBe('check')
  expect(jobs.apply).toMatchObject({ needs: 'check', if: "github.event_name == 'push'" })
  const program = await createProgram()
  const calls = (job: string) =>
    jobs[job]!.steps.flatMap(({ run = '' }) =>
      [...run.matchAll(/npx tpctl ([^\n|>&]*)/g)].map((match) => match[1]!.trim()),
    )
  expect(calls('check')).toHaveLength(2)
  expect(calls('plan')).toHaveLength(1)
  for (const call of Object.keys(jobs).flatMap(calls)) {
    const [name, ...words] = call.split(/\s+/)
    const command = program.commands.find((one) => one.name() === name)
    expect(command, call).toBeDefined()
    const known = [...command!.options, ...program.options].map(({ long }) => long)
    for (const word of words.filter((one) => one.startsWith('--'))) expect(known, call).toContain(word)
  }
  for (const { uses } of Object.values(jobs).flatMap(({ steps }) => steps))
    if (uses !== undefined) expect(uses).toMatch(/^actions\/[a-z-]+@v\d+$/)
})

describe('tpctl codegen', () => {
  const dir = temporaryFolder()
  mkdirSync(join(dir, 'sql'))
  writeFileSync(join(dir, 'tpctl.config.ts'), "export default { name: 'typed' }")
  writeFileSync(
    join(dir, 'sql/all.sql'),
    `CREATE STREAM s (id uint64, n nullable(int32), tags array(string), m map(string, float64), kind enum8('a' = 1, 'b' = 2),
       pair tuple(x int8, y string), at datetime64(3), ok bool DEFAULT true, \`odd name\` string COMMENT 'as it came');
     CREATE VIEW v AS SELECT id, to_string(n) AS text, n > 0 AS positive FROM s;`,
  )
  const out = join(dir, 'streams.ts')

  it('writes types that the compiler holds programs to', async () => {
    const { code, stderr } = await run(['--project', dir, 'codegen', '--out', out])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    mkdirSync(join(dir, 'node_modules/@types'), { recursive: true })
    symlinkSync(ROOT, join(dir, 'node_modules/tpctl'))
    symlinkSync(join(ROOT, 'node_modules/@types/node'), join(dir, 'node_modules/@types/node'))
    writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
    writeFileSync(
      join(dir, 'program.ts'),
      `import { Client, type S } from './streams.js'
const client = new Client({ port: 1 })
export async function right(): Promise<string> {
  await client.insert('s', [{ id: 1n, n: null, tags: [], m: { a: 1 }, kind: 'a', pair: { x: 1, y: '' }, at: new Date(), 'odd name': '' }])
  const [row] = await client.rows('v', { where: 'positive', limit: 1 })
  const whole: S = (await client.rows('s'))[0]!
  const kind: 'a' | 'b' = whole.kind
  return row!.id + (row!.positive ? whole.pair.y : kind) + whole['odd name']
}
export async function wrong() {
  // @ts-expect-error a column is missing
  await client.insert('s', [{ id: 1n }])
  // @ts-expect-error there is no such stream
  await client.rows('nope')
  // @ts-expect-error views take no rows
  await client.insert('v', [])
  // @ts-expect-error 64-bit integers are text
  const id: number = (await client.rows('s'))[0]!.id
  return id
}
`,
    )
    writeFileSync(
      join(dir, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'ES2023',
          lib: ['ES2023', 'ESNext.Disposable'],
          module: 'NodeNext',
          types: ['node'],
          strict: true,
          noUncheckedIndexedAccess: true,
          skipLibCheck: true,
          noEmit: true,
        },
        files: ['program.ts'],
      }),
    )
    const { stdout, exitCode } = await execa(join(ROOT, 'node_modules/.bin/tsc'), ['-p', dir], {
      reject: false,
    })
    expect(stdout).toBe('')
    expect(exitCode).toBe(0)
  })

  it('--check fails once the SQL has moved on', async () => {
    const args = ['--project', dir, 'codegen', '--check', '--out', out, '--json']
    expect((await run(args)).code).toBe(0)
    writeFileSync(join(dir, 'sql/more.sql'), 'CREATE STREAM more (x int8)')
    const { code, stdout } = await run(args)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'CODEGEN_STALE' } })
  })
})

it('tpctl help tells of a command, and of none that there is not', async () => {
  const { code, stdout } = await run(['help', 'dlq', 'replay'])
  expect(code).toBe(0)
  for (const word of ['Behaviour', 'Side effects', 'Recovery', 'Exit codes', '--into'])
    expect(stdout).toContain(word)
  const wrong = await run(['help', 'boostrap'])
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain("Did you mean 'bootstrap'?")
})
