import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Context } from '../../cli/context.js'
import { withLetters } from '../../cli/dlq/box.js'
import { exitCodeOf } from '../../cli/exit.js'
import { createOutput } from '../../cli/output.js'
import { lockRunner, outsideFolders } from '../../cli/outside/folders.js'
import { alertMetrics, taskMetrics } from '../../cli/outside/metrics.js'
import { type RunnerBench, type RunnerOptions, withRunner } from '../../cli/outside/runner.js'
import { type AlertLetter, LetterFolder } from '../../scripts/index.js'

let dir: string
let stateDir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tpctl-outside-'))
  stateDir = join(dir, '.tpctl')
  mkdirSync(join(dir, 'sql'))
  writeFileSync(
    join(dir, 'tpctl.config.ts'),
    `export default { name: 'o', target: 'old', targets: { old: { edition: 'oss-1.6' }, newer: { edition: 'oss-3' } } }`,
  )
  writeFileSync(
    join(dir, 'sql/all.sql'),
    `CREATE STREAM s (a int32);
     CREATE TASK one SCHEDULE 5m INTO s AS SELECT 1 AS a;
     CREATE TASK two SCHEDULE 5m INTO s AS SELECT 2 AS a;`,
  )
})
afterAll(() => rmSync(dir, { recursive: true }))

function contextOf(target?: string): Context {
  const signal = new AbortController().signal
  return { output: createOutput({ quiet: true }), projectDir: dir, stateDir, target, debug: false, signal }
}

async function benchOf(options: Partial<RunnerOptions> = {}, target?: string) {
  let bench: RunnerBench<{ name: string }> | undefined
  const code = await withRunner(contextOf(target), 'task', { retries: 3, ...options }, async (given) => {
    bench = given
    return { failed: false }
  })
  return { code, jobs: bench?.jobs.map(({ name }) => name) }
}

describe('a runner', () => {
  it('gets the jobs of its kind, or those that are named', async () => {
    expect(await benchOf()).toEqual({ code: 0, jobs: ['one', 'two'] })
    expect(await benchOf({ only: ['two'] })).toEqual({ code: 0, jobs: ['two'] })
    expect(await withRunner(contextOf(), 'alert', { retries: 3 }, async () => ({ failed: true }))).toBe(0)
    expect(await withRunner(contextOf(), 'task', { retries: 3 }, async () => ({ failed: true }))).toBe(1)
  })

  it('is refused what it cannot do, with the exit code that fits', async () => {
    const refused = async (options: Partial<RunnerOptions>, target?: string) => {
      const error = await benchOf(options, target).catch((cause: unknown) => cause)
      return [(error as { code: string }).code, exitCodeOf(error)]
    }
    expect(await refused({ only: ['three'] })).toEqual(['JOB_UNKNOWN', 2])
    expect(await refused({}, 'newer')).toEqual(['RUNNER_NOT_NEEDED', 1])
    const lock = lockRunner(outsideFolders(stateDir, 'old').task, 'old', 'run-tasks')
    expect(await refused({})).toEqual(['RUNNER_RUNS', 1])
    lock.release()
    expect((await benchOf()).code).toBe(0)
  })
})

it('every metric of the runners is in docs/outside.md', async () => {
  const registry = new Registry()
  taskMetrics(registry)
  alertMetrics(registry)
  const page = readFileSync(new URL('../../docs/outside.md', import.meta.url), 'utf8')
  const names = (await registry.getMetricsAsJSON()).map(({ name }) => name)
  expect(names).toHaveLength(9)
  for (const name of names) expect(page).toContain(name)
})

describe('dead letters for Proton 1.6', () => {
  const letter: AlertLetter = {
    ...{ time: '2026-01-01T00:00:00.000Z', alert: 'big', stream: 'orders', sn: 7, error: 'refused' },
    ...{
      columns: ['id', 'note'],
      events: [
        ['1', 'a'],
        ['2', 'b'],
      ],
    },
  }

  it('are those of the runner of alerts, and those whose alert is gone stay', async () => {
    const folder = new LetterFolder(outsideFolders(stateDir, 'old').letters)
    await folder.add(letter, 1)
    await folder.add({ ...letter, sn: 10, time: '2026-01-02T00:00:00.000Z', error: 'again' }, 1)
    await folder.add({ ...letter, alert: 'other' }, 1)
    await withLetters(contextOf(), async (box) => {
      expect(await box.summarize({})).toEqual([
        {
          ...{ source: 'big', topic: 'orders', letters: 2, lastError: 'again' },
          ...{ first: letter.time, last: '2026-01-02T00:00:00.000Z' },
        },
        expect.objectContaining({ source: 'other', letters: 1 }),
      ])
      const [first] = await box.read({ source: 'big' }, 1)
      expect(first).toMatchObject({ partition: 0, offset: 7, error: 'refused' })
      expect(JSON.parse(first!.raw)).toEqual([
        { id: '1', note: 'a' },
        { id: '2', note: 'b' },
      ])
      const { replayed, kept } = await box.replay({ offset: 10 })
      expect([replayed, kept.map(({ reason }) => reason)]).toEqual([
        0,
        [expect.stringContaining('no such alert')],
      ])
      expect(await box.drop({ source: 'big' })).toBe(2)
      expect(await box.read({})).toMatchObject([{ source: 'other' }])
    })
  })

  it('are not looked for where the engine has its own', async () => {
    await expect(withLetters(contextOf('newer'), async () => {})).rejects.toMatchObject({
      code: 'DLQ_UNSUPPORTED',
      suggestion: expect.stringContaining('enable_dlq'),
    })
  })
})
