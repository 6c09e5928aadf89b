import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

const at = (seconds: number) => new Date(Date.UTC(2024, 0, 1, 12, 0, seconds)).toISOString().slice(0, 23)

async function readings(name: string) {
  await bench.stream(name, { k: 'string', v: 'int32', ts: "datetime64(3, 'UTC')" })
  return (...rows: [seconds: number, k: string, v: number][]) =>
    bench.insert(
      name,
      rows.map(([seconds, k, v]) => ({ k, v, ts: at(seconds) })),
    )
}

describe('lag over what an aggregation emits', () => {
  it('reaches the rows of earlier emissions', async () => {
    const send = await readings('lg1')
    const tail = await bench.query(
      'SELECT sum(v) AS s, lag(s) AS before, lag(sum(v), 1, -1) FROM tumble(lg1, ts, 5s) GROUP BY window_start',
    )
    await send([1, 'a', 1], [2, 'a', 2])
    await send([6, 'a', 10])
    await send([11, 'a', 20])
    expect(await tail.take(2)).toEqual([
      ['3', '0', '-1'],
      ['10', '3', '3'],
    ])
    await tail.stop()
  })

  it('HAVING on the earlier row filters what was looked back over', async () => {
    const send = await readings('lg2')
    const tail = await bench.query(
      'SELECT k, lag(v) AS before FROM tumble(lg2, ts, 5s) GROUP BY k, v, window_start HAVING before < v ORDER BY k',
    )
    await send([1, 'a', 3], [1, 'b', 2], [1, 'c', 5])
    await send([7, 'x', 1])
    expect(await tail.take(2)).toEqual([
      ['a', 0],
      ['c', 2],
    ])
    await tail.stop()
  })

  it('HAVING on the group drops rows before they are looked back to', async () => {
    const send = await readings('lg3')
    const tail = await bench.query(
      'SELECT k, sum(v) AS s, lag(s) FROM tumble(lg3, ts, 5s) GROUP BY k, window_start HAVING s != 2 ORDER BY k',
    )
    await send([1, 'a', 1], [1, 'b', 2], [1, 'c', 5])
    await send([7, 'x', 1])
    expect(await tail.take(2)).toEqual([
      ['a', '1', '0'],
      ['c', '5', '1'],
    ])
    await tail.stop()
  })

  it('is refused for groups of a partition', async () => {
    await readings('lg4')
    for (const sql of [
      'SELECT k, max(v), lag(v), emit_version() FROM lg4 PARTITION BY k',
      'SELECT k, sum(v) OVER (PARTITION BY k) AS s, lag(s) FROM lg4',
      'SELECT k, max(v), row_number() FROM lg4 PARTITION BY k',
    ]) {
      await expect(bench.query(sql)).rejects.toMatchObject({ code: 48 })
    }
  })
})
