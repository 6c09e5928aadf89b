import { describe, expect, it } from 'vitest'
import type { Finding } from '../../bootstrap/lint/lint.js'
import { startEngine } from '../../engine/engine.js'
import { run, temporaryFolder, writeProject } from './support.js'

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

  it('plan shows the same', async () => {
    const engine = await startEngine({
      dir: temporaryFolder(),
      ports: { http: 0, stream: 0, metrics: 0, kafka: 0 },
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
