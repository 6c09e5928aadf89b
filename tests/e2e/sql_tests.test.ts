import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Coverage } from '../../cli/sqltest/coverage.js'
import type { TestResult } from '../../cli/sqltest/run.js'
import { ProtonClient } from '../../driver/index.js'
import { startEngine } from '../../engine/engine.js'
import { eventually, ROOT, run, start, temporaryFolder, writeProject } from './support.js'

interface Report {
  passed: number
  failed: number
  skipped: number
  tests: TestResult[]
  coverage?: Coverage
}

async function report(args: string[]): Promise<{ code: number; report: Report }> {
  const { code, stdout } = await run(['test', '--json', ...args])
  return { code, report: JSON.parse(stdout) as Report }
}

const names = (tests: TestResult[]) => tests.map(({ name }) => name).sort()

describe('the flagship', () => {
  it('passes all of its tests, and they reach every view and every branch', async () => {
    const { code, report: all } = await report(['--coverage'])
    expect(all.tests.filter(({ passed }) => !passed)).toEqual([])
    expect(code).toBe(0)
    expect(all.passed).toBeGreaterThanOrEqual(40)
    expect(all.coverage).toMatchObject({
      views: { untested: [] },
      branches: { missed: [] },
      unmeasured: [],
    })
    expect(all.coverage!.branches.total).toBeGreaterThanOrEqual(10)
  })

  it('a broken view makes exactly those tests fail that are about what is broken', async () => {
    const dir = temporaryFolder()
    for (const part of ['sql', 'udfs', 'tests/pipeline', 'bootstrap', 'dialect', 'tpctl.config.ts'])
      cpSync(join(ROOT, part), join(dir, part), { recursive: true })
    cpSync(join(ROOT, 'package.json'), join(dir, 'package.json'))
    const view = join(dir, 'sql/views/mv_tokens_banned.sql')
    const text = readFileSync(view, 'utf8')
    // Bans can no longer be lifted.
    const broken = text.replaceAll('banned AS is_banned', 'true AS is_banned')
    expect(broken).not.toBe(text)
    writeFileSync(view, broken)
    const { code, report: all } = await report(['--project', dir, '--filter', 'classes.test.yaml'])
    expect(code).toBe(1)
    expect(names(all.tests.filter(({ passed }) => !passed))).toEqual([
      'a ban that is lifted counts no more, and the list under it shows again',
    ])
    const [failed] = all.tests.filter(({ passed }) => !passed)
    expect(failed!.failures[0]).toMatchObject({
      what: 'in trending_categorized (exact)',
      where: expect.stringMatching(/^tests\/pipeline\/classes\.test\.yaml:\d+:\d+$/),
      detail: expect.stringContaining(
        "jup_token_type is 'banned' instead of 'all', banned is true instead of false",
      ),
    })
  })
})

const SMALL = {
  'sql/readings.sql': 'CREATE STREAM readings (device string, value float64)',
  'sql/hot.sql': 'CREATE STREAM hot (device string, level string)',
  'sql/mv_hot.sql':
    "CREATE MATERIALIZED VIEW mv_hot INTO hot AS SELECT device, if(value > 90, 'fire', 'warm') AS level FROM readings WHERE value > 50",
  'sql/latest.sql':
    "CREATE STREAM latest (device string, value float64) PRIMARY KEY device SETTINGS mode = 'versioned_kv'",
}

describe('a project', () => {
  const project = writeProject({
    ...SMALL,
    'tests/good.test.yaml': `
given:
  - { stream: readings, at: "2026-01-01", every: 1s, rows: [{ device: a, value: 60 }, { device: b, value: 10 }] }
tests:
  - name: warm ones are written
    expect:
      - { in: hot, rows: [{ device: a, level: warm }] }
      - { sql: "SELECT max(_tp_time) AS t FROM readings", rows: [{ t: "2026-01-01 00:00:01" }] }
  - name: a global aggregate speaks without anybody waiting
    query: SELECT count() AS n, sum(value) AS total FROM readings
    expect:
      - { emitted: true, rows: [{ n: 2, total: 70 }], tolerance: 0.001 }
  - name: windows follow the event time of the test
    query: SELECT window_start, count() AS n FROM tumble(readings, 5s) GROUP BY window_start
    given:
      - { stream: readings, at: "2026-01-01 00:00:07", rows: [{ device: c, value: 1 }] }
    expect:
      - { emitted: true, rows: [{ window_start: "2026-01-01 00:00:00", n: 2 }] }
  - name: what is due in an hour comes when the test says so
    query: SELECT count() AS n FROM readings EMIT PERIODIC 1h
    given: [{ advance: 59m }]
    expect: [{ emitted: true, count: 0 }]
  - name: and not before
    query: SELECT count() AS n FROM readings EMIT PERIODIC 1h
    given: [{ advance: 1h }]
    expect: [{ emitted: true, rows: [{ n: 2 }] }]
  - name: a changelog takes the old value back
    query: SELECT count() AS n, _tp_delta FROM readings EMIT CHANGELOG PERIODIC 1s
    given:
      - advance: 1s
      - { stream: readings, rows: [{ device: z, value: 1 }] }
    expect:
      - { emitted: true, rows: [{ n: 2, _tp_delta: 1 }, { n: 2, _tp_delta: -1 }, { n: 3, _tp_delta: 1 }] }
  - name: keyed streams hold the last row of a key
    given:
      - { stream: latest, rows: [{ device: a, value: 1 }] }
      - { stream: latest, rows: [{ device: a, value: 2 }] }
    expect: [{ in: latest, rows: [{ device: a, value: 2 }] }]
  - name: errors can be what is expected
    query: SELECT nope FROM readings
    expect: [{ error: { code: 47, message: nope } }]
  - name: statements of the test itself
    given:
      - sql: CREATE VIEW doubled AS SELECT value * 2 AS v FROM readings; INSERT INTO readings (device, value) VALUES ('s', 50)
    expect: [{ sql: SELECT max(v) AS v FROM doubled, rows: [{ v: 120 }] }]
`,
  })

  it('has its event time and its clock driven by the test', async () => {
    const { code, stdout } = await run(['--project', project, 'test'])
    expect(stdout).toContain('9 passed, 0 failed')
    expect(code).toBe(0)
  })

  it('runs on a server too, and leaves nothing there', async () => {
    const small = writeProject({
      ...SMALL,
      'sql/twice.sql': 'CREATE FUNCTION twice AS (x) -> x * 2',
      'tests/server.test.yaml': `
tests:
  - name: warm ones are written
    query: SELECT twice(value) FROM readings
    given: [{ stream: readings, rows: [{ device: a, value: 60 }, { device: b, value: 10 }] }]
    expect:
      - { in: hot, rows: [{ device: a, level: warm }] }
      - { emitted: true, rows: [{ "twice(value)": 120 }, { "twice(value)": 20 }] }
  - name: an hour is not waited for
    given: [{ advance: 1h }]
    expect: [{ in: hot, count: 0 }]
`,
    })
    const engine = await startEngine({
      dir: temporaryFolder(),
      ports: { http: 0, stream: 0, metrics: 0, kafka: 0 },
    })
    const client = new ProtonClient({ url: engine.url, streamUrl: engine.streamUrl })
    const env = { TPCTL_URL: engine.url, TPCTL_STREAM_URL: engine.streamUrl, TPCTL_BROKERS: engine.brokers }
    try {
      const { code, stdout } = await run(['--project', small, 'test', '--target', 'embedded', '--json'], {
        env,
      })
      const { tests } = JSON.parse(stdout) as Report
      const [warm, hour] = tests
      expect(warm).toMatchObject({ passed: true, failures: [] })
      expect(hour).toMatchObject({ passed: false, skipped: expect.stringContaining('clock') })
      expect(code).toBe(0)
      const databases = await client.rows<{ name: string }>('SHOW DATABASES')
      const functions = await client.rows<{ name: string }>(
        "SELECT name FROM system.functions WHERE origin != 'System'",
      )
      expect([...databases, ...functions].filter(({ name }) => name.startsWith('tpctl_test'))).toEqual([])
    } finally {
      await client.close()
      await engine.close()
    }
  })

  it('knows which branches of bounded views and of groups no row takes', async () => {
    const branches = writeProject({
      ...SMALL,
      'sql/now.sql':
        "CREATE VIEW now_hot AS SELECT device, if(value > 0, 'up', 'down') AS sign FROM table(readings)",
      'sql/counted.sql':
        "CREATE VIEW counted AS SELECT device, CASE WHEN count() > 1 THEN 'often' ELSE 'once' END AS how FROM readings GROUP BY device",
      'sql/never.sql': 'CREATE VIEW never AS SELECT device FROM readings',
      'tests/one.test.yaml': `
tests:
  - name: warm
    given: [{ stream: readings, rows: [{ device: a, value: 60 }, { device: a, value: 70 }] }]
    expect:
      - { in: hot, count: 2 }
      - { in: now_hot, count: 2 }
      - { in: counted, rows: [{ device: a, how: often }] }
`,
    })
    const { report: all } = await report(['--project', branches, '--coverage'])
    expect(all.failed).toBe(0)
    expect(all.coverage!.unmeasured).toEqual([])
    expect(all.coverage!.views.untested).toEqual(['never'])
    expect(all.coverage!.branches).toMatchObject({ total: 6, taken: 3 })
    expect(all.coverage!.branches.missed.map(({ where }) => where)).toEqual([
      'sql/counted.sql:1:79',
      'sql/mv_hot.sql:1:75',
      'sql/now.sql:1:59',
    ])
  })

  it('says what is wrong, for people and for CI, and starts again when a file changes', async () => {
    const bad = writeProject({
      ...SMALL,
      'tests/bad.test.yaml': `
tests:
  - name: never right
    given: [{ stream: readings, rows: [{ device: a, value: 95 }] }]
    expect: [{ in: hot, rows: [{ device: a, level: warm }] }]
  - name: right
    given: [{ stream: readings, rows: [{ device: a, value: 5 }] }]
    expect: [{ in: hot, count: 0 }]
  - name: a view that cannot be
    given: [{ sql: CREATE VIEW wrong AS SELECT nope FROM readings }]
    expect: [{ in: hot, count: 0 }]
`,
    })
    const junit = join(bad, 'out.xml')
    const watching = start(['--project', bad, 'test', '--watch', '--junit', junit])
    watching.catch(() => {})
    let seen = ''
    watching.stdout!.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
    })
    await eventually(
      async () => seen,
      (text) => text.includes('Waiting for changes'),
    )
    expect(seen).toContain("~ device: 'a': level is 'fire' instead of 'warm'")
    expect(seen).toContain('Code 47')
    expect(seen).toContain('1 passed, 2 failed')
    expect(readFileSync(junit, 'utf8')).toContain(
      '<testsuite name="tpctl test" tests="3" failures="2" skipped="0">',
    )
    writeFileSync(join(bad, 'sql/mv_hot.sql'), SMALL['sql/mv_hot.sql'].replace("'fire'", "'warm'"))
    await eventually(
      async () => seen,
      (text) => text.includes('2 passed, 1 failed'),
    )
    watching.kill('SIGINT')
    const { exitCode } = await watching
    expect(exitCode).toBe(1)
  })
})
