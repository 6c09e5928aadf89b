import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../engine/clock.js'
import type { AdhocQuery } from '../../../engine/streaming/adhoc.js'
import { Bench, type Tail, until } from './harness.js'

const clock = new ManualClock()
let bench: Bench
beforeAll(async () => {
  bench = await Bench.open({ clock: () => clock })
})
afterAll(() => bench.close())

let count = 0
/** Rows one, two, and two at once five seconds after noon; then one more after a minute. */
async function past(): Promise<string> {
  const name = `r${++count}`
  await bench.stream(name, { v: 'int32', ts: "datetime64(3, 'UTC')" })
  const at = (seconds: number) => new Date(Date.UTC(2024, 0, 1, 12, 0, seconds)).toISOString().slice(0, 19)
  await bench.insert(name, [
    { v: 1, ts: at(0) },
    { v: 2, ts: at(2) },
    { v: 3, ts: at(5) },
    { v: 4, ts: at(5) },
  ])
  await bench.insert(name, [{ v: 5, ts: at(60) }])
  return name
}

const values = (tail: Tail) => tail.rows.map(([v]) => v)
/** The rows that have come when time has moved on. */
async function later(tail: Tail, ms: number, expected: unknown[]): Promise<void> {
  clock.advance(ms)
  await until(() => values(tail).length >= expected.length)
  // Whatever came too early would be there by now.
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(values(tail)).toEqual(expected)
}

describe('a replay', () => {
  it('gives the rows of one time together, and pauses as long as times are apart', async () => {
    const s = await past()
    const tail = await bench.query(
      `SELECT v FROM ${s} WHERE _tp_time > earliest_ts() SETTINGS replay_speed = 2, replay_time_column = 'ts'`,
    )
    await later(tail, 0, [1])
    await later(tail, 999, [1])
    await later(tail, 1, [1, 2])
    await later(tail, 1500, [1, 2, 3, 4])
    await later(tail, 27_500, [1, 2, 3, 4, 5])
    // The present comes when it comes.
    await bench.insert(s, [{ v: 6, ts: '2030-01-01 00:00:00' }])
    await later(tail, 0, [1, 2, 3, 4, 5, 6])
    await tail.stop()
  })

  it('of a part of the past ends with it', async () => {
    const s = await past()
    const tail = await bench.query(
      `SELECT v FROM ${s} WHERE _tp_time > earliest_ts() SETTINGS replay_speed = 1, replay_time_column = 'ts',
       replay_start_time = '2024-01-01 12:00:02', replay_end_time = '2024-01-01 12:00:05'`,
    )
    await later(tail, 0, [2])
    await later(tail, 3000, [2, 3, 4])
    await tail.done
    expect(tail.error).toBeUndefined()
  })

  it('is news to an aggregation, and goes on after a restart', async () => {
    const s = await past()
    const sql = `SELECT sum(v) FROM ${s} WHERE _tp_time > earliest_ts() EMIT ON UPDATE SETTINGS replay_speed = 1, replay_time_column = 'ts'`
    const first = await bench.subscribe(s, sql)
    await later(first, 0, ['1'])
    await bench.restart()
    await first.done
    const second = await bench.recover(s)
    await later(second, 2000, ['3'])
    await later(second, 3000, ['3', '10'])
    await second.stop()
  })

  it('falls due for periodic emissions only with its rows', async () => {
    const s = await past()
    const tail = await bench.query(
      `SELECT count() FROM ${s} WHERE _tp_time > earliest_ts() EMIT PERIODIC 1s SETTINGS replay_speed = 1, replay_time_column = 'ts'`,
    )
    await until(() => (tail.query as AdhocQuery).pump.scans[0]!.position === 1)
    await later(tail, 1900, [])
    await later(tail, 100, ['2'])
    await later(tail, 3000, ['2', '4'])
    await tail.stop()
  })

  it('is refused where it makes no sense', async () => {
    const s = await past()
    await bench.stream('kv', { k: 'string' }, { mode: 'versioned_kv', primaryKey: ['k'] })
    const fails = (query: string) => expect(bench.query(query)).rejects
    await fails(`SELECT v FROM ${s} SETTINGS replay_speed = 1, replay_time_column = 'nope'`).toMatchObject({
      code: 471,
    })
    await fails(`SELECT v FROM ${s} SETTINGS replay_speed = 1, replay_time_column = 'v'`).toMatchObject({
      code: 471,
    })
    await fails('SELECT k FROM kv SETTINGS replay_speed = 1').toMatchObject({ code: 48 })
    await bench.insert(s, [{ v: 9, ts: '2020-01-01 00:00:00' }])
    const tail = await bench.query(
      `SELECT v FROM ${s} WHERE _tp_time > earliest_ts() SETTINGS replay_speed = 1000000, replay_time_column = 'ts'`,
    )
    clock.advance(1000)
    await until(() => {
      clock.advance(1)
      return tail.error !== undefined
    })
    expect(tail.error).toMatchObject({ code: 49, message: expect.stringContaining('unordered') })
  })
})

it('virtual columns count rows from 0 and times in milliseconds', async () => {
  const s = await past()
  const tail = await bench.query(
    `SELECT v, _tp_sn, to_type_name(_tp_append_time), _tp_process_time >= _tp_append_time, _tp_append_time > 1700000000000
     FROM ${s} WHERE _tp_sn >= 3`,
  )
  expect(await tail.take(2)).toEqual([
    [4, '3', 'int64', true, true],
    [5, '4', 'int64', true, true],
  ])
  await tail.stop()
})
