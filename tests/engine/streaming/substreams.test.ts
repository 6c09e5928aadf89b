import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../../engine/clock.js'
import { Bench, type Tail, until } from './harness.js'

const clock = new ManualClock(1_800_000_000_000)
let bench: Bench
beforeAll(async () => {
  bench = await Bench.open({ clock: () => clock })
})
afterAll(() => bench.close())

let stream = ''
let count = 0
beforeEach(async () => {
  stream = `p${++count}`
  await bench.stream(stream, { k: 'nullable(string)', g: 'string', v: 'int32' })
})

const quiet = () => until(() => bench.runtime.quiet('default'))

async function send(...rows: [k: string | null, g: string, v: number][]): Promise<void> {
  await bench.insert(
    stream,
    rows.map(([k, g, v]) => ({ k, g, v })),
  )
  await quiet()
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms)
  await quiet()
}

/** The rows that came since it was asked last, in any order. */
function newsOf(tail: Tail): () => unknown[][] {
  let seen = 0
  return () => {
    const rows = tail.rows.slice(seen)
    seen = tail.rows.length
    return rows.sort((a, b) => String(a).localeCompare(String(b)))
  }
}

describe('PARTITION BY without windows', () => {
  it('each substream speaks at once when it comes, then a period after it was due, if it has news', async () => {
    const tail = await bench.query(
      `SELECT g, count() OVER (PARTITION BY k), sum(v) OVER (PARTITION BY k) FROM ${stream} GROUP BY g`,
    )
    const news = newsOf(tail)
    // Sooner than a period after the start all wait for its end.
    await pass(500)
    await send(['a', 'x', 1])
    expect(news()).toEqual([])
    await pass(1_500)
    expect(news()).toEqual([['x', '1', '1']])
    await pass(1_000)
    await send(['b', 'x', 10], [null, 'y', 100])
    expect(news()).toEqual([
      ['x', '1', '10'],
      ['y', '1', '100'],
    ])
    await send(['b', 'y', 20], ['a', 'x', 2])
    expect(news()).toEqual([])
    // a is due now, b a second later, with all of its groups.
    await pass(1_000)
    expect(news()).toEqual([['x', '2', '3']])
    await pass(1_000)
    expect(news()).toEqual([
      ['x', '1', '10'],
      ['y', '1', '20'],
    ])
    // One that was idle waits for its next turn.
    await pass(20_500)
    await send([null, 'y', 100])
    expect(news()).toEqual([])
    await pass(1_500)
    expect(news()).toEqual([['y', '2', '200']])
    await tail.stop()
  })

  it('ON UPDATE with a period shows the groups of a substream that changed, also by an alias', async () => {
    const tail = await bench.query(
      `SELECT upper(k) AS key, g, sum(v) FROM ${stream} PARTITION BY key GROUP BY g EMIT PERIODIC 1s ON UPDATE`,
    )
    const news = newsOf(tail)
    await pass(1_000)
    await send(['a', 'x', 1], ['a', 'y', 2])
    expect(news()).toEqual([
      ['A', 'x', '1'],
      ['A', 'y', '2'],
    ])
    await send(['b', 'x', 5])
    expect(news()).toEqual([['B', 'x', '5']])
    await send(['a', 'y', 3], ['b', 'z', 7])
    await pass(1_000)
    expect(news()).toEqual([
      ['A', 'y', '5'],
      ['B', 'z', '7'],
    ])
    await tail.stop()
  })

  it('EMIT CHANGELOG takes back what the substream said before', async () => {
    const tail = await bench.query(
      `SELECT k, sum(v) AS s, _tp_delta FROM ${stream} PARTITION BY k EMIT CHANGELOG PERIODIC 1s`,
    )
    const news = newsOf(tail)
    await pass(1_000)
    await send(['a', 'x', 1])
    await send(['b', 'x', 2], ['a', 'x', 4])
    expect(news()).toEqual([
      ['a', '1', 1],
      ['b', '2', 1],
    ])
    await pass(1_000)
    expect(news()).toEqual([
      ['a', '1', -1],
      ['a', '5', 1],
    ])
    await tail.stop()
  })

  it('keeps its timers when it is recovered', async () => {
    const id = `substreams of ${stream}`
    const first = await bench.subscribe(id, `SELECT k, sum(v) FROM ${stream} PARTITION BY k`)
    await pass(2_500)
    await send(['a', 'x', 1])
    expect(await first.take(1)).toEqual([['a', '1']])
    await send(['a', 'x', 2])
    await bench.restart()
    const second = await bench.recover(id)
    await pass(1_999)
    expect(second.rows).toEqual([])
    await pass(1)
    expect(await second.take(1)).toEqual([['a', '3']])
    await second.stop()
    await bench.runtime.unsubscribe(id)
  })
})

describe('PARTITION BY over windows', () => {
  const noon = Date.UTC(2024, 0, 1, 12)
  const at = (seconds: number) => new Date(noon + seconds * 1000).toISOString().slice(0, 23)

  beforeEach(async () => {
    await bench.stream(`w${count}`, { k: 'string', v: 'int32', ts: "datetime64(3, 'UTC')" })
  })

  async function put(...rows: [seconds: number, k: string, v: number][]): Promise<void> {
    await bench.insert(
      `w${count}`,
      rows.map(([seconds, k, v]) => ({ k, v, ts: at(seconds) })),
    )
    await quiet()
  }

  const windows = (emit: string) =>
    bench.query(
      `SELECT k, date_diff('second', '2024-01-01 12:00:00'::datetime, window_start), sum(v) FROM tumble(w${count}, ts, 5s) PARTITION BY k GROUP BY window_start EMIT ${emit}`,
    )

  it('TIMEOUT closes the windows of a substream that has been silent, and what comes for them is late', async () => {
    const tail = await windows('TIMEOUT 2s')
    const news = newsOf(tail)
    await put([1, 'a', 1], [1, 'b', 10])
    await pass(1_000)
    await put([2, 'b', 20])
    await pass(1_000)
    expect(news()).toEqual([['a', '0', '1']])
    // In the window that is over, and before what was seen: neither is shown.
    await put([4, 'a', 2], [0, 'a', 4], [7, 'a', 8])
    await pass(1_000)
    expect(news()).toEqual([['b', '0', '30']])
    await put([13, 'a', 16])
    expect(news()).toEqual([['a', '5', '8']])
    await pass(2_000)
    expect(news()).toEqual([['a', '10', '16']])
    await pass(10_000)
    expect(news()).toEqual([])
    await tail.stop()
  })

  it('PERIODIC shows the open windows of each substream by its timer, and closed ones a last time', async () => {
    const tail = await windows('PERIODIC 1s')
    const news = newsOf(tail)
    await pass(1_000)
    await put([1, 'a', 1], [6, 'a', 2])
    expect(news()).toEqual([
      ['a', '0', '1'],
      ['a', '5', '2'],
    ])
    await put([7, 'a', 4], [1, 'b', 10])
    expect(news()).toEqual([['b', '0', '10']])
    await pass(1_000)
    expect(news()).toEqual([['a', '5', '6']])
    await put([11, 'a', 8])
    await pass(1_000)
    expect(news()).toEqual([
      ['a', '10', '8'],
      ['a', '5', '6'],
    ])
    await put([12, 'a', 16])
    await pass(1_000)
    expect(news()).toEqual([['a', '10', '24']])
    await tail.stop()
  })

  it('ON UPDATE shows the windows that rows came for', async () => {
    const tail = await windows('ON UPDATE')
    const news = newsOf(tail)
    await put([1, 'a', 1], [1, 'b', 10])
    expect(news()).toEqual([
      ['a', '0', '1'],
      ['b', '0', '10'],
    ])
    await put([2, 'a', 2], [6, 'a', 4])
    expect(news()).toEqual([
      ['a', '0', '3'],
      ['a', '5', '4'],
    ])
    // Late for a, not for b.
    await put([3, 'a', 8], [3, 'b', 20])
    expect(news()).toEqual([['b', '0', '30']])
    await tail.stop()
  })
})
