import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readSmokeFile, smokeCases } from '../../../cli/smoke/checks.js'
import { runSmoke } from '../../../cli/smoke/run.js'

const dir = mkdtempSync(join(tmpdir(), 'tpctl-smoke-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function file(text: string): string {
  const path = join(dir, 'smoke.yaml')
  writeFileSync(path, text)
  return path
}

describe('the smoke file', () => {
  it('gives one question per expectation', () => {
    const parsed = readSmokeFile(
      file(`
deadline: 5s
checks:
  - view: signals
    rows: between 1 and 500
    freshness: { column: ts, within: 10m }
    unique: [ts, address]
    not_null: symbol
`),
    )
    expect(parsed.deadline).toBe(5000)
    expect(smokeCases(parsed).map((c) => c.sql)).toEqual([
      'SELECT count() AS value FROM signals',
      "SELECT date_diff('second', max(ts), now()) AS value FROM signals",
      'SELECT count() AS value FROM (SELECT ts, address FROM signals GROUP BY ts, address HAVING count() > 1)',
      'SELECT count_if(is_null(symbol)) AS value FROM signals',
    ])
  })

  it.each([
    ['>= 3', [3, 99], [2]],
    ['= 3', [3], [2, 4]],
    ['between 2 and 3', [2, 3], [1, 4]],
  ])('rows %s', (rows, passing, failing) => {
    const [rowCase] = smokeCases(readSmokeFile(file(`checks: [{view: v, rows: "${rows}"}]`)))
    expect(passing.map((value) => rowCase!.passes(value))).toEqual(passing.map(() => true))
    expect(failing.map((value) => rowCase!.passes(value))).toEqual(failing.map(() => false))
  })

  it.each([
    ['checks: [{view: v, rows: "many"}]', 'smoke.yaml:1:26'],
    ['checks:\n  - view: "x; drop stream y"\n    rows: 1', 'smoke.yaml:2:11'],
    ['checks:\n  - view: v\n    rowz: 1', 'smoke.yaml:3:11'],
    ['checks: [', 'smoke.yaml:1:'],
  ])('refuses %j and says where', (text, where) => {
    expect(() => readSmokeFile(file(text))).toThrowError(
      expect.objectContaining({ code: 'SMOKE_FILE_INVALID', where: expect.stringContaining(where) }),
    )
  })
})

describe('running it', () => {
  const cases = smokeCases(readSmokeFile(file('checks: [{view: v, rows: ">= 2", not_null: a}]')))

  it('asks again until the rows are there', async () => {
    let asked = 0
    const results = await runSmoke(cases, async (sql) => (sql.includes('is_null') ? 0 : ++asked), {
      deadlineMs: 10_000,
    })
    expect(results.map((r) => r.passed)).toEqual([true, true])
    expect(asked).toBe(2)
  })

  it('says what is missing at the deadline', async () => {
    const results = await runSmoke(
      cases,
      async (sql) => {
        if (sql.includes('is_null')) throw new Error('no such column <a>')
        return 1
      },
      { deadlineMs: 0 },
    )
    expect(results.map((r) => r.message)).toEqual(['has 1 rows, 1 missing', 'no such column <a>'])
  })
})
