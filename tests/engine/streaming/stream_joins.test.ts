import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench, until } from './harness.js'

let bench: Bench
let n = 0
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

async function pair(): Promise<[left: string, right: string]> {
  const names: [string, string] = [`l${++n}`, `r${n}`]
  await bench.stream(names[0], { k: 'string', a: 'int32', ts: "datetime64(3, 'UTC')" })
  await bench.stream(names[1], { k: 'string', b: 'int32', ts: "datetime64(3, 'UTC')" })
  return names
}

describe('joins of append streams', () => {
  it('INNER ALL: both sides trigger, each pair once', async () => {
    const [l, r] = await pair()
    const tail = await bench.query(`SELECT l.k, l.a, r.b FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k`)
    await bench.insert(l, [{ k: 'x', a: 1 }])
    await bench.insert(r, [
      { k: 'x', b: 10 },
      { k: 'y', b: 20 },
    ])
    await tail.take(1)
    await bench.insert(l, [
      { k: 'x', a: 2 },
      { k: 'y', a: 3 },
    ])
    await tail.take(3)
    await bench.insert(r, [{ k: 'x', b: 11 }])
    expect((await tail.take(5)).map(String).sort()).toEqual([
      'x,1,10',
      'x,1,11',
      'x,2,10',
      'x,2,11',
      'y,3,20',
    ])
    await tail.stop()
  })

  it('LEFT ALL shows an unmatched left row at once', async () => {
    const [l, r] = await pair()
    const tail = await bench.query(`SELECT l.k, r.b FROM ${l} AS l LEFT JOIN ${r} AS r USING (k)`)
    await bench.insert(l, [{ k: 'x', a: 1 }])
    await tail.take(1)
    await bench.insert(r, [{ k: 'x', b: 10 }])
    expect(await tail.take(2)).toEqual([
      ['x', 0],
      ['x', 10],
    ])
    await tail.stop()
  })

  it('LATEST and ASOF: left rows trigger, the last arrived and the closest row match', async () => {
    const [l, r] = await pair()
    const latest = await bench.query(`SELECT l.a, r.b FROM ${l} AS l LEFT LATEST JOIN ${r} AS r ON l.k = r.k`)
    const asof = await bench.query(
      `SELECT l.a, r.b FROM ${l} AS l ASOF JOIN (SELECT k, b, b * 2 AS twice FROM ${r}) AS r ON l.k = r.k AND l.a >= r.twice`,
    )
    await bench.insert(r, [
      { k: 'x', b: 10 },
      { k: 'x', b: 30 },
      { k: 'x', b: 20 },
    ])
    await bench.insert(l, [
      { k: 'x', a: 50 },
      { k: 'z', a: 99 },
    ])
    expect(await latest.take(2)).toEqual([
      [50, 20],
      [99, 0],
    ])
    expect(await asof.take(1)).toEqual([[50, 20]])
    await latest.stop()
    await asof.stop()
  })

  it('range joins by time', async () => {
    const [l, r] = await pair()
    const tail = await bench.query(
      `SELECT l.a, r.b FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k AND date_diff_within(2m, l.ts, r.ts)`,
    )
    await bench.insert(l, [
      { k: 'x', a: 1, ts: '2024-01-01 00:00:00' },
      { k: 'x', a: 2, ts: '2024-01-01 00:03:00' },
    ])
    await bench.insert(r, [{ k: 'x', b: 9, ts: '2024-01-01 00:01:30' }])
    await bench.insert(r, [{ k: 'x', b: 8, ts: '2024-01-01 00:05:01' }])
    await bench.insert(l, [{ k: 'x', a: 3, ts: '2024-01-01 00:05:00' }])
    expect((await tail.take(3)).map(String).sort()).toEqual(['1,9', '2,9', '3,8'])
    await tail.stop()
  })

  it('range joins by event time where no columns are said', async () => {
    const [l, r] = await pair()
    const tail = await bench.query(
      `SELECT l.a, r.b FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k AND date_diff_within(1m)`,
    )
    await bench.insert(l, [{ k: 'x', a: 1, _tp_time: '2024-01-01 00:00:00' }])
    await bench.insert(r, [{ k: 'x', b: 9, _tp_time: '2024-01-01 00:01:30' }])
    await bench.insert(r, [{ k: 'x', b: 8, _tp_time: '2024-01-01 00:00:30' }])
    expect(await tail.take(1)).toEqual([[1, 8]])
    await tail.stop()
  })

  it('take date_diff in ON as left minus right, as Proton does', async () => {
    const [l, r] = await pair()
    const tail = await bench.query(
      `SELECT l.a, r.b FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k AND date_diff('second', l.ts, r.ts) > 0 AND date_diff('second', l.ts, r.ts) < 10`,
    )
    await bench.insert(l, [{ k: 'x', a: 1, ts: '2024-01-01 00:00:10' }])
    await bench.insert(r, [
      { k: 'x', b: 5, ts: '2024-01-01 00:00:09' },
      { k: 'x', b: 6, ts: '2024-01-01 00:00:10' },
      { k: 'x', b: 7, ts: '2024-01-01 00:00:12' },
    ])
    expect(await tail.take(1)).toEqual([[1, 5]])
    await tail.stop()
  })

  it.each([
    ["date_diff('second', l.ts, r.ts) > -10 AND date_diff('second', l.ts, r.ts) < -2", 62],
    ["date_diff('second', l.ts, r.ts) > -10", 62],
    ["date_diff('second', l.ts, r.ts) BETWEEN -200 AND 200", 62],
    ["date_diff('hour', l.ts, r.ts) BETWEEN -1 AND 1", 48],
    ['date_diff_within(0s, l.ts, r.ts)', 457],
  ])('refuse the range %s', async (range, code) => {
    const [l, r] = await pair()
    await expect(
      bench.query(`SELECT l.a FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k AND ${range}`),
    ).rejects.toMatchObject({ code })
  })

  it('ASOF needs a column with distances', async () => {
    const [l, r] = await pair()
    await expect(
      bench.query(`SELECT l.a FROM ${l} AS l ASOF JOIN ${r} AS r ON l.a = r.b AND l.k > r.k`),
    ).rejects.toMatchObject({ code: 169 })
  })

  it('aggregates over a join, and rewinds each side by its own condition', async () => {
    const [l, r] = await pair()
    await bench.insert(l, [{ k: 'x', a: 1 }])
    await bench.insert(r, [
      { k: 'x', b: 5 },
      { k: 'x', b: 6 },
    ])
    const tail = await bench.query(
      `SELECT l.k, sum(r.b) FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k WHERE l._tp_time > earliest_ts() AND r._tp_time > earliest_ts() GROUP BY l.k EMIT ON UPDATE`,
    )
    expect(await tail.take(1)).toEqual([['x', '11']])
    await bench.insert(l, [{ k: 'x', a: 2 }])
    expect((await tail.take(2))[1]).toEqual(['x', '22'])
    await tail.stop()
  })

  it('in a view each pair comes exactly once, also when it dies in between', async () => {
    for (const point of ['recorded', 'before side', 'after side', 'stepped', 'written']) {
      const [l, r] = await pair()
      const [view, out] = [`mvj${n}`, `out${n}`]
      await bench.stream(out, { a: 'int32', b: 'int32' })
      await bench.materialize(
        `CREATE MATERIALIZED VIEW ${view} INTO ${out} AS SELECT l.a AS a, r.b AS b FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k`,
      )
      await bench.insert(l, [{ k: 'x', a: 1 }])
      await bench.insert(r, [{ k: 'x', b: 10 }])
      await bench.settled(view)
      let died = false
      bench.fault = (at) => {
        died ||= at.startsWith(`default.${view}:${point}`)
        if (died && at.startsWith(`default.${view}:`)) throw new Error('crash')
      }
      await bench.insert(l, [{ k: 'x', a: 2 }])
      await until(() => died)
      await bench.runtime.close()
      bench.fault = undefined
      await bench.insert(r, [{ k: 'x', b: 20 }])
      await bench.start()
      await bench.settled(view)
      expect(await bench.rows(out, 'a, b'), point).toEqual([
        [1, 10],
        [1, 20],
        [2, 10],
        [2, 20],
      ])
    }
  })
})
