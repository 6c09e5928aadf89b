import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseStatement, printStatement } from '../../../dialect/index.js'
import { withoutLast } from '../../../engine/streaming/emit_last.js'
import { Bench } from './harness.js'

const env = { lookup: () => undefined }

function rewritten(sql: string, settings: Record<string, string> = {}): string {
  const statement = parseStatement(sql)
  if (statement.kind !== 'query' || statement.query.kind !== 'select')
    throw new Error('a SELECT was expected')
  return printStatement({ kind: 'query', query: withoutLast(statement.query, env, settings) })
}

const SINCE = "_tp_time >= now64(3, 'UTC') - 1h"

describe('EMIT LAST stands for', () => {
  it.each([
    ['SELECT a FROM s EMIT LAST 1h', `SELECT a FROM s WHERE ${SINCE}`],
    ['SELECT a FROM s WHERE a > 1 EMIT LAST 1h', `SELECT a FROM s WHERE a > 1 AND ${SINCE}`],
    ['SELECT a FROM s EMIT LAST 1h ON PROCTIME', 'SELECT a FROM s'],
    [
      'SELECT count() FROM tumble(s, 5s) GROUP BY window_start EMIT AFTER WINDOW CLOSE WITH DELAY 1s AND LAST 1h',
      `SELECT count() FROM tumble(s, 5s) WHERE ${SINCE} GROUP BY window_start EMIT AFTER WINDOW CLOSE WITH DELAY 1s`,
    ],
    [
      'SELECT k, count() FROM s GROUP BY k EMIT PERIODIC 1m AND LAST 1h',
      `SELECT k, count() FROM hop(s, _tp_time, 60s, 3600s) WHERE ${SINCE} GROUP BY k, window_end`,
    ],
    [
      'SELECT count() FROM (SELECT a FROM s) AS x EMIT LAST 10m ON PROCTIME',
      "SELECT count() FROM hop((SELECT a FROM s), now64(3, 'UTC'), 2s, 600s) AS x WHERE _tp_time >= now64(3, 'UTC') - 10m GROUP BY window_end",
    ],
  ])('%s', (sql, expected) => {
    expect(rewritten(sql)).toBe(expected)
  })

  it.each([
    ['SELECT count() FROM s EMIT LAST 1h', /^Too big range/],
    ['SELECT count() FROM s EMIT LAST 1M', /^Cannot convert between periodic interval/],
    ['SELECT count() FROM tumble(s, 1M) GROUP BY window_start EMIT LAST 1h', /^Cannot convert between win/],
    ['SELECT count() FROM a JOIN b ON a.i = b.i EMIT LAST 1h AND PERIODIC 1m', /^No support several tables/],
  ])('nothing: %s', (sql, message) => {
    expect(() => rewritten(sql)).toThrow(message)
  })

  it('as many windows as the setting max_windows allows', () => {
    expect(rewritten('SELECT count() FROM s EMIT LAST 1h', { max_windows: '1800' })).toMatch(/3600s/)
  })
})

describe('a query with EMIT LAST', () => {
  let bench: Bench
  beforeAll(async () => {
    bench = await Bench.open()
  })
  afterAll(() => bench.close())

  it('begins with the rows of that time', async () => {
    await bench.stream('recent', { v: 'int32' })
    const ago = (ms: number) => new Date(Date.now() - ms).toISOString().slice(0, 23)
    await bench.insert('recent', [
      { v: 1, _tp_time: ago(3_600_000) },
      { v: 2, _tp_time: ago(60_000) },
    ])
    const tail = await bench.query('SELECT v FROM recent EMIT LAST 10m')
    expect(await tail.take(1)).toEqual([[2]])
    await tail.stop()
  })
})
