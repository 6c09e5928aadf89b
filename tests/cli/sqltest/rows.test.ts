import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readTestFile, type Step } from '../../../cli/sqltest/format.js'
import { generateRows } from '../../../cli/sqltest/generate.js'
import { stepMessages, stepRows } from '../../../cli/sqltest/rows.js'
import { parseType } from '../../../dialect/index.js'

const dir = mkdtempSync(join(tmpdir(), 'tpctl-rows-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const write = (name: string, text: string): string => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}

/** The only step of a file, as the format reads it. */
function step(yaml: string): Step {
  const path = write('one.test.yaml', `tests: [{name: t, given: [${yaml}], expect: [{in: s, count: 0}]}]`)
  return readTestFile(path, 'one.test.yaml').value.tests[0]!.given[0]!
}

const COLUMNS = [
  { name: 'n', type: parseType('uint8') },
  { name: 's', type: parseType('nullable(string)') },
  { name: 'ok', type: parseType('bool') },
  { name: 'tags', type: parseType('array(string)') },
]
const PLACE = { file: join(dir, 'one.test.yaml'), where: 'one.test.yaml:1:1' }

describe('rows of a step', () => {
  it('stand in the file, or are CSV with the types of the columns', () => {
    expect(stepRows(step('{stream: s, rows: [{n: 1}]}'), COLUMNS, PLACE)).toEqual([{ n: 1 }])
    const csv = JSON.stringify({ stream: 's', csv: 'n,s,ok\n1,\\N,true\n2,x,no\n' })
    expect(stepRows(step(csv), COLUMNS, PLACE)).toEqual([
      { n: '1', s: null, ok: true },
      { n: '2', s: 'x', ok: 'no' },
    ])
  })

  it('come from a file beside the test', () => {
    write('rows.csv', 'n,tags\n1,"[""a"", ""b""]"\n')
    write('rows.ndjson', '{"n": 1}\n\n{"n": 2}\n')
    expect(stepRows(step('{stream: s, file: rows.csv}'), COLUMNS, PLACE)).toEqual([
      { n: '1', tags: ['a', 'b'] },
    ])
    expect(stepRows(step('{stream: s, file: rows.ndjson}'), COLUMNS, PLACE)).toEqual([{ n: 1 }, { n: 2 }])
    expect(() => stepRows(step('{stream: s, file: none.csv}'), COLUMNS, PLACE)).toThrowError(
      expect.objectContaining({ code: 'TEST_DATA_MISSING', where: PLACE.where }),
    )
  })

  it('have the event time that the step gives them', () => {
    const rows = stepRows(
      step('{stream: s, at: "2026-01-01", every: 1m, rows: [{n: 1}, {n: 2, _tp_time: x}, {n: 3}]}'),
      COLUMNS,
      PLACE,
    )
    expect(rows.map(({ _tp_time }) => _tp_time)).toEqual([
      new Date('2026-01-01T00:00:00Z'),
      'x',
      new Date('2026-01-01T00:02:00Z'),
    ])
  })

  it('are messages for a topic, whether or not they can be parsed', () => {
    const messages = step(
      '{stream: k, at: "2026-01-01", messages: [broken, {value: {a: 1}, key: k, headers: {h: x}}]}',
    )
    expect(stepMessages(messages, COLUMNS, PLACE)).toEqual([
      { value: 'broken', at: Date.UTC(2026, 0, 1) },
      { value: '{"a":1}', key: 'k', headers: { h: 'x' }, at: Date.UTC(2026, 0, 1) },
    ])
  })
})

describe('generated rows', () => {
  const spec = { rows: 50, seed: 3, columns: {} }
  const types =
    "int8 | uint64 | float64 | string | bool | date | datetime64(3) | nullable(int32) | array(uint8) | map(string, int8) | tuple(a int8, b string) | enum8('x' = 1, 'y' = 2) | uuid | ipv4 | fixed_string(3) | low_cardinality(string)"
  const columns = types.split(' | ').map((type, i) => ({ name: `c${i}`, type: parseType(type) }))

  it('are the same for the same seed, and others for another', () => {
    expect(generateRows(spec, columns)).toEqual(generateRows(spec, columns))
    expect(generateRows({ ...spec, seed: 4 }, columns)).not.toEqual(generateRows(spec, columns))
  })

  it('have values of their types', () => {
    for (const row of generateRows(spec, columns)) {
      expect(row.c0).toBeGreaterThanOrEqual(-128)
      expect(row.c0).toBeLessThan(128)
      expect(Number.isSafeInteger(row.c1)).toBe(true)
      expect(row.c5).toMatch(/^2026-\d\d-\d\d$/)
      expect(['x', 'y']).toContain(row.c11)
      expect(row.c12).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      expect(row.c14).toHaveLength(3)
    }
  })

  it('follow what a column is told', () => {
    const rows = generateRows(
      {
        rows: 4,
        seed: 1,
        columns: {
          c0: { sequence: 10, step: 2 },
          c3: { cycle: ['a', 'b'] },
          c2: { between: [5, 5] },
          _tp_time: { value: '2026-01-01' },
        },
      },
      columns,
    )
    expect(rows.map(({ c0, c2, c3, _tp_time }) => [c0, c2, c3, _tp_time])).toEqual([
      [10, 5, 'a', '2026-01-01'],
      [12, 5, 'b', '2026-01-01'],
      [14, 5, 'a', '2026-01-01'],
      [16, 5, 'b', '2026-01-01'],
    ])
  })
})

describe('a file that is not right', () => {
  it.each([
    ['tests: []', 'tests'],
    ['tests: [{name: a, expect: [{in: s}]}]', 'rows or count'],
    ['tests: [{name: a, expect: [{in: s, emitted: true, count: 1}]}]', 'one of in, sql'],
    [
      'tests: [{name: a, given: [{rows: [{a: 1}]}], expect: [{in: s, count: 1}]}]',
      'one of stream, sql and advance',
    ],
    ['tests: [{name: a, given: [{stream: s}], expect: [{in: s, count: 1}]}]', 'one of rows, csv'],
    ['tests: [{name: a, given: [{advance: soon}], expect: [{in: s, count: 1}]}]', 'duration'],
    [
      'tests: [{name: a, given: [{stream: s, at: noon, rows: [{a: 1}]}], expect: [{in: s, count: 1}]}]',
      'time such as',
    ],
    ['tests: [{name: a, expect: [{in: s, count: many}]}]', '>= 3'],
    ['tests: [{name: a, expects: []}]', 'expects'],
    ['tests: {', 'YAML'],
  ])('%s', (yaml, said) => {
    const path = write('bad.test.yaml', yaml)
    expect(() => readTestFile(path, 'tests/bad.test.yaml')).toThrowError(
      expect.objectContaining({
        code: 'TEST_FILE_INVALID',
        message: expect.stringContaining(said),
        where: expect.stringMatching(/^tests\/bad\.test\.yaml(:\d+:\d+)?$/),
      }),
    )
  })
})
