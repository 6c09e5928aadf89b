import { describe, expect, it } from 'vitest'
import { lintExample } from '../../bootstrap/lint/example.js'
import type { Finding } from '../../bootstrap/lint/lint.js'
import { ProtonClient, ProtonError } from '../../driver/index.js'
import { startEngine } from '../../engine/engine.js'
import { run, temporaryFolder, writeProject } from './support.js'

const FREE = { http: 0, stream: 0, metrics: 0, kafka: 0 }

const project = writeProject({
  'sql/a.sql': '-- what comes in\nCREATE STREAM readings (device string, value float64)',
  'sql/b.sql': 'CREATE STREAM hot (device string) TTL to_datetime(_tp_time) + INTERVAL ${DAYS:-30} DAY',
  'sql/c.sql': 'CREATE MATERIALIZED VIEW mv_hot INTO hot AS\nSELECT device, value\nFROM readings',
})

describe('tpctl lint', () => {
  it('shows each finding with its place and what to do, and ends with 1 where one is an error', async () => {
    const { code, stdout } = await run(['--project', project, 'lint', '--no-color'])
    expect(code).toBe(1)
    expect(stdout).toContain(
      'sql/a.sql:2:15  warning readings keeps its rows until the disk is full. [NO_TTL]',
    )
    expect(stdout).toContain('sql/c.sql:2:16  error hot has no column value')
    expect(stdout).toContain('  2 | SELECT device, value\n                     ^')
    expect(stdout).toContain('try: ')
    expect(stdout).toContain('1 errors, 1 warnings in 3 files')
  })

  it('warnings alone are no failure, but with --strict', async () => {
    const args = ['--project', writeProject({ 'sql/a.sql': 'CREATE STREAM s (x int8)' }), 'lint', '--json']
    const lax = await run(args)
    expect(lax.code).toBe(0)
    expect((JSON.parse(lax.stdout) as { findings: Finding[] }).findings.map(({ code }) => code)).toEqual([
      'NO_TTL',
    ])
    expect((await run([...args, '--strict'])).code).toBe(1)
  })

  it('finds nothing in the flagship', async () => {
    const { code, stdout } = await run(['lint', '--strict', '--json'])
    expect(JSON.parse(stdout)).toMatchObject({ errors: 0, warnings: 0, findings: [] })
    expect(code).toBe(0)
  })

  it('refuses exactly the joins that the engine refuses', async () => {
    const streams = {
      a: 'CREATE STREAM a (k string, x int32)',
      b: 'CREATE STREAM b (k string, x int32)',
      m: 'CREATE MUTABLE STREAM m (k string, x int32) PRIMARY KEY k',
      kv: "CREATE STREAM kv (k string, x int32) PRIMARY KEY k SETTINGS mode = 'versioned_kv'",
      ck: "CREATE STREAM ck (k string, x int32) PRIMARY KEY k SETTINGS mode = 'changelog_kv'",
      cl: "CREATE STREAM cl (k string, x int32) SETTINGS mode = 'changelog'",
    }
    const joins = ['a', 'm', 'ck', 'cl'].flatMap((left) =>
      ['b', 'kv', 'ck', 'cl', 'table(b)']
        .filter((right) => right !== left)
        .flatMap((right) =>
          ['LEFT', 'LEFT ASOF', 'LEFT LATEST', 'RIGHT', 'FULL'].map((kind) => ({ left, right, kind })),
        ),
    )
    const engine = await startEngine({ dir: temporaryFolder(), ports: FREE })
    const client = new ProtonClient({ url: engine.url, streamUrl: engine.streamUrl })
    try {
      for (const sql of Object.values(streams)) await client.exec(sql)
      const differing: string[] = []
      for (const { left, right, kind } of joins) {
        const range = kind.endsWith('ASOF') ? ' AND l.x >= r.x' : ''
        const view = `CREATE MATERIALIZED VIEW v AS SELECT l.x AS x FROM ${left} AS l ${kind} JOIN ${right} AS r ON l.k = r.k${range}`
        const sql = [...Object.values(streams), view].join(';\n')
        const found = lintExample({ sql, edition: 'embedded' }).some(
          ({ code }) => code === 'JOIN_UNSUPPORTED',
        )
        const refused = await client.exec(view).then(
          () => client.exec('DROP VIEW v').then(() => false),
          (error: unknown) => error instanceof ProtonError && error.code === 48,
        )
        if (found !== refused)
          differing.push(`${left} ${kind} JOIN ${right}: ${refused ? 'refused' : 'taken'}`)
      }
      expect(differing).toEqual([])
    } finally {
      await client.close()
      await engine.close()
    }
  })

  it('plan shows the same', async () => {
    const engine = await startEngine({
      dir: temporaryFolder(),
      ports: FREE,
    })
    try {
      const env = { TPCTL_URL: engine.url, TPCTL_STREAM_URL: engine.streamUrl, TPCTL_BROKERS: engine.brokers }
      const { code, stdout } = await run(['--project', project, 'plan', '--no-color'], { env })
      expect(code).toBe(0)
      expect(stdout).toContain('3 to create')
      expect(stdout).toContain('[COLUMN_DROPPED]')
    } finally {
      await engine.close()
    }
  })
})
