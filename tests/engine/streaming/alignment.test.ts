import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../engine/clock.js'
import { Bench, type Tail, until } from './harness.js'

const clock = new ManualClock()
let bench: Bench
beforeAll(async () => {
  bench = await Bench.open({ clock: () => clock })
})
afterAll(() => bench.close())

let count = 0
/** Two streams, and how to put a row into each: its value, and seconds of event time. */
async function sides(keyed = false) {
  const [l, r] = [`l${++count}`, `r${count}`]
  await bench.stream(l, { k: 'int32', v: 'string' })
  await bench.stream(r, { k: 'int32', v: 'string' }, keyed ? { mode: 'versioned_kv', primaryKey: ['k'] } : {})
  const put = (name: string) => (v: string, seconds: number) =>
    bench.insert(name, [{ k: 1, v, _tp_time: `2024-01-01 00:00:${String(seconds).padStart(2, '0')}` }])
  return { l, r, left: put(l), right: put(r) }
}

/** The rows that have come, once all that can be done has been done; those of one emission in any order. */
async function settled(tail: Tail, expected: unknown[][]): Promise<void> {
  await until(() => tail.rows.length >= expected.length || tail.error !== undefined)
  // Whatever came too early would be there by now.
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(tail.error).toBeUndefined()
  expect(tail.rows.map(String).sort()).toEqual(expected.map(String).sort())
}

const SETTINGS = 'SETTINGS join_quiesce_threshold_ms = 20000'

describe('lag_behind', () => {
  it('lets a left row meet what is on the right at its time, over a restart too', async () => {
    const { l, r, left, right } = await sides(true)
    const query = `SELECT a.v, b.v FROM ${l} AS a LEFT ASOF JOIN ${r} AS b ON a.k = b.k AND a._tp_time > b._tp_time
      AND lag_behind(1ms, a._tp_time, b._tp_time) ${SETTINGS}`
    const first = await bench.subscribe(l, query)
    await left('t1', 4)
    await settled(first, [])
    await right('t2', 6)
    await settled(first, [['t1', '']])
    await left('tt1', 5)
    await left('ttt1', 8)
    await settled(first, [
      ['t1', ''],
      ['tt1', ''],
    ])
    await bench.restart()
    await first.done
    const second = await bench.recover(l)
    await right('tt2', 7)
    await left('tttt1', 9)
    await settled(second, [])
    await right('ttt2', 10)
    await settled(second, [
      ['ttt1', 'tt2'],
      ['tttt1', 'tt2'],
    ])
    await second.stop()
  })

  it('keeps both sides of an ALL join in step, whichever is written first', async () => {
    const { l, r, left, right } = await sides()
    const tail = await bench.query(
      `SELECT a.v, b.v FROM ${l} AS a JOIN ${r} AS b ON a.k = b.k AND lag_behind(2s, b._tp_time, a._tp_time) ${SETTINGS}`,
    )
    await left('a', 5)
    await right('b', 4)
    // The right lags behind by two seconds: at four it has to wait for a left row of six.
    await settled(tail, [])
    await left('c', 7)
    await settled(tail, [['a', 'b']])
    await tail.stop()
  })

  it('does not wait for a side that is quiet', async () => {
    const { l, r, left, right } = await sides()
    const tail = await bench.query(
      `SELECT a.v, b.v FROM ${l} AS a LEFT LATEST JOIN ${r} AS b ON a.k = b.k AND lag_behind(1s, a._tp_time, b._tp_time) ${SETTINGS}`,
    )
    await left('a', 5)
    await settled(tail, [])
    clock.advance(20_000)
    await settled(tail, [['a', '']])
    await right('b', 4)
    await left('c', 6)
    clock.advance(20_000)
    await settled(tail, [
      ['a', ''],
      ['c', 'b'],
    ])
    await tail.stop()
  })

  it('is refused where it means nothing', async () => {
    const { l, r } = await sides()
    const fails = (lag: string) =>
      expect(bench.query(`SELECT a.v FROM ${l} AS a JOIN ${r} AS b ON a.k = b.k AND ${lag}`)).rejects
    await fails('lag_behind(1ms) AND lag_behind(2ms)').toMatchObject({ code: 403 })
    await fails('lag_behind(1h, a._tp_time, b._tp_time)').toMatchObject({ code: 48 })
    await fails('lag_behind(7, a._tp_time, b._tp_time)').toMatchObject({ code: 62 })
    await fails('lag_behind(1ms, a._tp_time)').toMatchObject({ code: 62 })
    await fails('lag_behind(1ms, a._tp_time, a._tp_time)').toMatchObject({ code: 403 })
    await fails('lag_behind(1ms, a.v, b.v)').toMatchObject({ code: 997 })
  })
})
