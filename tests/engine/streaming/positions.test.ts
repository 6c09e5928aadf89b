import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseQuery } from '../../../dialect/index.js'
import { Bench, until } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
  for (const name of ['l', 'r']) {
    await bench.stream(name, { i: 'int32', s: 'string' })
    for (const i of [1, 2, 2, 3])
      await bench.insert(name, [{ i, s: `${name}${i}`, _tp_time: `2024-01-01 00:00:0${i}` }])
  }
  await bench.stream(
    'sharded',
    { i: 'int32', _tp_time: "datetime64(3, 'UTC')" },
    { shards: 3, shardingExpr: 'i' },
  )
  await bench.insert(
    'sharded',
    [0, 1, 2, 10, 30, 4, 33].map((i) => ({ i })),
  )
})
afterAll(() => bench.close())

/** What a query shows of the past, sorted, or the code of its error. */
async function past(sql: string, rows?: number): Promise<unknown> {
  try {
    const tail = await bench.query(sql)
    if (rows !== undefined) await tail.take(rows)
    await until(() => bench.runtime.quiet('default'))
    await tail.stop()
    return tail.rows.map((row) => (row.length === 1 ? row[0] : row)).sort()
  } catch (error) {
    return (error as { code?: number }).code ?? error
  }
}

describe('conditions on the position of a row', () => {
  it('rewind also where they are a part of a term', async () => {
    expect(await past('SELECT i FROM l WHERE _tp_sn = 0 OR _tp_sn >= 3')).toEqual([1, 3])
    expect(await past('SELECT i FROM l WHERE NOT (_tp_sn < 2)')).toEqual([2, 3])
    expect(await past("SELECT i FROM l WHERE if(_tp_time > '2024-01-01 00:00:01', i > 2, false)")).toEqual([
      3,
    ])
    expect(await past('SELECT i FROM l WHERE i > 1')).toEqual([])
  })

  it('pass through subqueries and CTEs under other names', async () => {
    expect(await past('SELECT i FROM (SELECT i, _tp_sn AS n FROM l) WHERE n >= 2')).toEqual([2, 3])
    expect(
      await past(
        "WITH c AS (SELECT i, _tp_time AS t FROM l), d AS (SELECT i, t FROM c) SELECT c.i FROM c WHERE c.t > '2024-01-01 00:00:02'",
      ),
    ).toEqual([3])
    expect(await past('SELECT i FROM (SELECT i, i AS t FROM l) WHERE t > 1')).toEqual([])
  })

  it('compare with constants, also by name or computed by a query', async () => {
    expect(await past('WITH 3 AS n SELECT i FROM l WHERE _tp_sn >= n')).toEqual([3])
    expect(await past('SELECT i FROM l WHERE _tp_sn > (SELECT max(_tp_sn) - 1 FROM table(l))')).toEqual([3])
    for (const wrong of [
      '_tp_time > s',
      '_tp_sn >= i',
      '_tp_sn > -1',
      "_tp_sn > '1'",
      '_tp_time < earliest_ts()',
      'earliest_ts() > _tp_time',
    ]) {
      expect([wrong, await past(`SELECT i FROM l WHERE ${wrong}`)]).toEqual([wrong, 183])
    }
    expect(await past('SELECT l.i FROM l JOIN r ON l.i = r.i WHERE l._tp_time > r._tp_time')).toEqual(183)
  })

  it('on a number in a join are the right side’s, whichever side they name; each side begins where its own says', async () => {
    const join = 'FROM l JOIN r ON l.i = r.i WHERE'
    expect(await past(`SELECT l.s, r.s ${join} l._tp_sn > 1 AND r._tp_sn >= 2`)).toEqual([
      ['l2', 'r2'],
      ['l2', 'r2'],
      ['l3', 'r3'],
    ])
    expect(await past(`SELECT l._tp_sn, r._tp_sn ${join} l._tp_sn >= 3 AND r._tp_sn >= 0`)).toEqual([
      ['3', '3'],
    ])
    expect(
      await past(`SELECT count(), max(l._tp_sn) ${join} l._tp_sn >= 0 AND r._tp_sn < 3 EMIT ON UPDATE`),
    ).toEqual([['5', '2']])
    // A subquery's column is one of the two sides like any other.
    expect(
      await past(
        'SELECT a._tp_sn FROM (SELECT i, _tp_sn FROM l WHERE _tp_sn >= 0) AS a JOIN r ON a.i = r.i WHERE r._tp_sn >= 3',
      ),
    ).toEqual(['3'])
  })
})

describe('seek_to', () => {
  const seek = (to: string, stream = 'l') => past(`SELECT i FROM ${stream} SETTINGS seek_to = '${to}'`)

  it('takes numbers, times and distances', async () => {
    expect(await seek('2')).toEqual([2, 3])
    expect(await seek('2024-01-01T00:00:02Z')).toEqual([2, 2, 3])
    expect(await seek('2024-01-01T02:00:03.000+02:00')).toEqual([3])
    for (const unit of ['s', 'm', 'h', 'd', 'M', 'q']) expect(await seek(`-1${unit}`)).toEqual([])
    expect(await seek('-90y')).toEqual([1, 2, 2, 3])
    for (const wrong of ['abc', '5s', '1,2', '2024-13-01']) {
      expect([wrong, await seek(wrong)]).toEqual([wrong, 36])
    }
    expect(await seek('2024-01-01,2024-01-02')).toEqual(48)
    expect(await seek('-1h,5')).toEqual(997)
  })

  it('counts in each shard by itself', async () => {
    // 0: 0 30 33; 1: 1 10 4; 2: 2
    expect(await seek('1', 'sharded')).toEqual([10, 30, 33, 4])
    expect(await seek('2,earliest,0', 'sharded')).toEqual([1, 10, 2, 33, 4])
    expect(await seek('latest,2,7', 'sharded')).toEqual([4])
    expect(await seek('1,2', 'sharded')).toEqual(36)
  })
})

describe('a CTE in a list', () => {
  it('is found from another CTE', async () => {
    const sql =
      "WITH one AS (SELECT 1), two AS (SELECT * FROM one UNION ALL SELECT 2), marked AS (SELECT i, multi_if(i IN (two), 'yes', 'no') AS m FROM l WHERE m = 'yes') SELECT i, m FROM marked SETTINGS seek_to = 'earliest'"
    expect(parseQuery(sql).kind).toBe('select')
    expect(await past(sql)).toEqual([
      [1, 'yes'],
      [2, 'yes'],
      [2, 'yes'],
    ])
  })
})
