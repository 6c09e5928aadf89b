import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench } from './harness.js'

let bench: Bench

beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(async () => bench.close())

let count = 0

async function stream(): Promise<string> {
  const name = `look${++count}`
  await bench.stream(name, { k: 'string', v: 'int32' })
  return name
}

describe('functions of earlier rows', () => {
  it('look over the bounds of inserts', async () => {
    const s = await stream()
    const tail = await bench.query(
      `SELECT v, lag(v), lag(v, 2, -1), lags(v, 1, 2), neighbor(v, -2, 7), row_number() FROM ${s}`,
    )
    await bench.insert(s, [{ k: 'a', v: 1 }])
    await bench.insert(s, [
      { k: 'a', v: 2 },
      { k: 'b', v: 3 },
    ])
    expect(await tail.take(3)).toEqual([
      [1, 0, -1, [0, 0], 7, '1'],
      [2, 1, -1, [1, 0], 7, '2'],
      [3, 2, 1, [2, 1], 1, '3'],
    ])
    await tail.stop()
  })

  it('see only rows of their substream, and none that WHERE drops', async () => {
    const s = await stream()
    const tail = await bench.query(`SELECT k, v, lag(v) AS last FROM ${s} WHERE v > 0 PARTITION BY k`)
    await bench.insert(s, [
      { k: 'a', v: 1 },
      { k: 'b', v: 10 },
      { k: 'a', v: -5 },
    ])
    await bench.insert(s, [
      { k: 'b', v: 20 },
      { k: 'a', v: 2 },
    ])
    expect(await tail.take(4)).toEqual([
      ['a', 1, 0],
      ['b', 10, 0],
      ['b', 20, 10],
      ['a', 2, 1],
    ])
    await tail.stop()
  })

  it('refuse distances that are not constant', async () => {
    const s = await stream()
    await expect(bench.query(`SELECT lag(v, v) FROM ${s}`)).rejects.toMatchObject({ code: 48 })
  })
})

describe('what is told when a row comes', () => {
  it('monotonic counts over all batches', async () => {
    const s = await stream()
    const tail = await bench.query(`SELECT v, monotonic(100) FROM ${s} WHERE v != 2`)
    for (const v of [1, 2, 3]) await bench.insert(s, [{ k: 'a', v }])
    expect(await tail.take(2)).toEqual([
      [1, '100'],
      [3, '101'],
    ])
    await tail.stop()
    await expect(bench.query(`SELECT monotonic(v) FROM ${s}`)).rejects.toMatchObject({ code: 36 })
  })

  it('the time of a row is the time at which it came, also when it is looked back to', async () => {
    const s = await stream()
    const tail = await bench.query(`SELECT v, lag(now64(3)) AS before, now64(3) AS at, * FROM ${s}`)
    await bench.insert(s, [{ k: 'a', v: 1 }])
    const [first] = await tail.take(1)
    await bench.insert(s, [{ k: 'a', v: 2 }])
    const second = (await tail.take(2))[1]!
    expect(second[1]).toBe(first![2])
    expect(String(second[2]) > String(second[1])).toBe(true)
    // The value that is kept is no column of the stream.
    expect(second).toHaveLength(3 + 3)
    await tail.stop()
  })
})

describe('limits over all batches', () => {
  it('LIMIT in a subquery counts its rows', async () => {
    const s = await stream()
    const tail = await bench.query(`SELECT v * 10 FROM (SELECT v FROM ${s} LIMIT 2 OFFSET 1)`)
    for (const v of [1, 2, 3, 4]) await bench.insert(s, [{ k: 'a', v }])
    expect(await tail.take(2)).toEqual([['20'], ['30']])
    await tail.stop()
  })

  it('LIMIT BY passes the first rows of a key', async () => {
    const s = await stream()
    const tail = await bench.query(`SELECT k, v FROM ${s} LIMIT 1 BY k`)
    await bench.insert(s, [
      { k: 'a', v: 1 },
      { k: 'a', v: 2 },
      { k: 'b', v: 3 },
    ])
    await bench.insert(s, [
      { k: 'b', v: 4 },
      { k: 'c', v: 5 },
    ])
    expect(await tail.take(3)).toEqual([
      ['a', 1],
      ['b', 3],
      ['c', 5],
    ])
    await tail.stop()
  })
})

describe('over a join', () => {
  it('earlier joined rows are looked back to', async () => {
    const [s, names] = [await stream(), await stream()]
    await bench.insert(names, [
      { k: 'a', v: 100 },
      { k: 'b', v: 200 },
    ])
    const join = `FROM ${s} AS s JOIN ${names} AS n ON s.k = n.k WHERE s.v > 0 AND n._tp_time > earliest_ts()`
    const tails = [
      await bench.query(`SELECT s.v, lag(s.v), lags(n.v, 1, 2) AS before, before[1] ${join}`),
      await bench.query(`SELECT s.v AS v, lag(v) OVER (PARTITION BY n.k) AS w ${join}`),
      await bench.query(
        `SELECT * EXCEPT (_tp_time), lag(n.v) ${join} SETTINGS asterisk_include_reserved_columns = 0`,
      ),
    ]
    await bench.insert(s, [
      { k: 'a', v: 1 },
      { k: 'b', v: -1 },
    ])
    for (const tail of tails) await tail.take(1)
    await bench.insert(s, [{ k: 'b', v: 2 }])
    await bench.insert(s, [{ k: 'a', v: 3 }])
    const rows = []
    for (const tail of tails) rows.push(await tail.take(3))
    expect(rows).toEqual([
      [
        [1, 0, [0, 0], 0],
        [2, 1, [100, 0], 100],
        [3, 2, [200, 100], 200],
      ],
      [
        [1, 0],
        [2, 0],
        [3, 1],
      ],
      [
        ['a', 1, 'a', 100, 0],
        ['b', 2, 'b', 200, 100],
        ['a', 3, 'a', 100, 200],
      ].map((row) => expect.arrayContaining(row)),
    ])
    for (const tail of tails) await tail.stop()
  })
})

describe('aggregates over a partition', () => {
  it('are aggregates of substreams', async () => {
    const s = await stream()
    const tail = await bench.query(
      `SELECT k, sum(v) OVER (PARTITION BY k) FROM ${s} GROUP BY k EMIT ON UPDATE`,
    )
    await bench.insert(s, [
      { k: 'a', v: 1 },
      { k: 'a', v: 2 },
    ])
    expect(await tail.take(1)).toEqual([['a', '3']])
    await tail.stop()
  })

  it('may be written with OVER, without, and with both where the SELECT is partitioned', async () => {
    const s = await stream()
    const tail = await bench.query(
      `SELECT k, count(), sum(v) OVER (PARTITION BY k) FROM ${s} PARTITION BY k EMIT ON UPDATE`,
    )
    await bench.insert(s, [{ k: 'a', v: 3 }])
    expect(await tail.take(1)).toEqual([['a', '1', '3']])
    await tail.stop()
    const fails = (columns: string, tail = '', code = 48) =>
      expect(bench.query(`SELECT ${columns} FROM ${s} ${tail}`)).rejects.toMatchObject({ code })
    await fails('sum(v) OVER (PARTITION BY v)', 'PARTITION BY k')
    await fails('sum(v) OVER w', 'WINDOW w AS (PARTITION BY k)')
    await fails('sum(v) OVER (PARTITION BY k ORDER BY v)')
    await fails('sum(v) OVER ()')
    await fails('lag(v) OVER ()')
    await fails('sum(v) OVER (PARTITION BY k ROWS 1 PRECEDING)', '', 997)
  })

  it('speak when their substream has something new', async () => {
    const s = await stream()
    const tail = await bench.query(`SELECT k, sum(v) FROM ${s} PARTITION BY k EMIT PERIODIC 100ms`)
    await bench.insert(s, [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ])
    expect((await tail.take(2)).map(String).sort()).toEqual(['a,1', 'b,2'])
    await bench.insert(s, [{ k: 'b', v: 3 }])
    expect((await tail.take(3)).slice(2)).toEqual([['b', '5']])
    await bench.insert(s, [{ k: 'a', v: 4 }])
    expect((await tail.take(4)).slice(3)).toEqual([['a', '5']])
    await tail.stop()
  })
})
