import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench, until } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

/** Seconds after noon. */
const at = (seconds: number) =>
  new Date(Date.UTC(2024, 0, 1, 12, 0, 0, seconds * 1000)).toISOString().slice(0, 23)
const clock = (text: unknown) => String(text).slice(11, 19)

async function events(name: string) {
  await bench.stream(name, { k: 'string', v: 'int32', ts: "datetime64(3, 'UTC')" })
  return async (...rows: [seconds: number, k: string, v: number][]) =>
    bench.insert(
      name,
      rows.map(([seconds, k, v]) => ({ k, v, ts: at(seconds) })),
    )
}

describe('windows', () => {
  it('close when the watermark reaches their end; the closing event belongs to a later one', async () => {
    const send = await events('w1')
    const tail = await bench.query(
      'SELECT window_start, window_end, k, sum(v) AS s, count() AS c FROM tumble(w1, ts, 5s) GROUP BY window_start, window_end, k ORDER BY k',
    )
    await send([0, 'a', 1], [1, 'b', 2])
    await send([4.999, 'a', 3])
    expect(tail.rows).toEqual([])
    await send([5, 'a', 100])
    expect((await tail.take(2)).map(([s, e, ...rest]) => [clock(s), clock(e), ...rest])).toEqual([
      ['12:00:00', '12:00:05', 'a', '4', '2'],
      ['12:00:00', '12:00:05', 'b', '2', '1'],
    ])
    // Late against the watermark as it stood before the block; in the block that moves it, not yet.
    await send([4, 'late', 1])
    await send([20, 'a', 7], [6, 'b', 1])
    expect((await tail.take(4)).slice(2).map(([s, , ...rest]) => [clock(s), ...rest])).toEqual([
      ['12:00:05', 'a', '100', '1'],
      ['12:00:05', 'b', '1', '1'],
    ])
    await tail.stop()
  })

  it('WITH DELAY 2s closes [0,5) at an event of 7', async () => {
    const send = await events('w2')
    const tail = await bench.query(
      'SELECT window_start, sum(v) FROM tumble(w2, ts, 5s) GROUP BY window_start EMIT AFTER WINDOW CLOSE WITH DELAY 2s',
    )
    await send([1, 'a', 1])
    await send([6.9, 'a', 10])
    await send([4, 'a', 2])
    await send([3, 'a', 4])
    expect(tail.rows).toEqual([])
    await send([7, 'a', 20])
    expect((await tail.take(1)).map(([s, v]) => [clock(s), v])).toEqual([['12:00:00', '7']])
    await tail.stop()
  })

  it('hop puts a row into each of its windows', async () => {
    const send = await events('w3')
    const tail = await bench.query(
      'SELECT window_start, window_end, sum(v) FROM hop(w3, ts, 2s, 4s) GROUP BY window_start, window_end',
    )
    await send([1, 'a', 1])
    await send([3, 'a', 2])
    await send([8, 'a', 0])
    expect((await tail.take(3)).map(([s, e, v]) => [clock(s), clock(e), v])).toEqual([
      ['11:59:58', '12:00:02', '1'],
      ['12:00:00', '12:00:04', '3'],
      ['12:00:02', '12:00:06', '2'],
    ])
    await tail.stop()
  })

  it('TIMEOUT closes what is open', async () => {
    const send = await events('w4')
    const tail = await bench.query(
      'SELECT window_start, count() FROM tumble(w4, ts, 5s) GROUP BY window_start EMIT AFTER WINDOW CLOSE AND TIMEOUT 200ms',
    )
    await send([1, 'a', 1], [6, 'a', 1])
    expect((await tail.take(2)).map(([s, c]) => [clock(s), c])).toEqual([
      ['12:00:00', '1'],
      ['12:00:05', '1'],
    ])
    await tail.stop()
  })

  it('ON UPDATE shows the windows that changed', async () => {
    const send = await events('w5')
    const tail = await bench.query(
      'SELECT window_start, k, sum(v) FROM tumble(w5, ts, 5s) GROUP BY window_start, k EMIT ON UPDATE',
    )
    await send([1, 'a', 1])
    await tail.take(1)
    await send([2, 'b', 5])
    await tail.take(2)
    await send([3, 'a', 2])
    expect((await tail.take(3)).map(([, k, v]) => [k, v])).toEqual([
      ['a', '1'],
      ['b', '5'],
      ['a', '3'],
    ])
    await tail.stop()
  })

  it('PERIODIC shows the open windows', async () => {
    const send = await events('w6')
    const tail = await bench.query(
      'SELECT window_start, sum(v) FROM tumble(w6, ts, 5s) GROUP BY window_start EMIT PERIODIC 100ms',
    )
    await send([1, 'a', 1])
    await tail.take(1)
    await send([6, 'a', 2])
    expect((await tail.take(3)).slice(1).map(([s, v]) => [clock(s), v])).toEqual([
      ['12:00:00', '1'],
      ['12:00:05', '2'],
    ])
    await tail.stop()
  })

  it('filters, having and expressions around; rows that are filtered out still move the watermark', async () => {
    const send = await events('w7')
    const tail = await bench.query(
      `SELECT upper(k) AS key, round(avg(v), 1) AS mean FROM tumble(w7, ts, 5s) WHERE v < 50
       GROUP BY window_start, window_end, key HAVING count() > 1`,
    )
    await send([0, 'a', 1], [1, 'a', 2], [2, 'b', 3], [3, 'a', 1000])
    await send([9, 'z', 99])
    expect(await tail.take(1)).toEqual([['A', 1.5]])
    await tail.stop()
  })

  it('PARTITION BY gives every key its own watermark', async () => {
    const send = await events('w8')
    const tail = await bench.query(
      'SELECT k, window_start, sum(v) FROM tumble(w8, ts, 5s) PARTITION BY k GROUP BY window_start EMIT AFTER WINDOW CLOSE WITH DELAY 1s',
    )
    await send([1, 'a', 1], [1, 'b', 10])
    await send([7, 'a', 2])
    expect((await tail.take(1)).map(([k, s, v]) => [k, clock(s), v])).toEqual([['a', '12:00:00', '1']])
    // Late for a, in time for b.
    await send([2, 'a', 4], [2, 'b', 40])
    await send([30, 'b', 0], [12, 'a', 0])
    expect(
      (await tail.take(3))
        .slice(1)
        .map(([k, s, v]) => [k, clock(s), v])
        .sort(),
    ).toEqual([
      ['a', '12:00:05', '2'],
      ['b', '12:00:00', '50'],
    ])
    await tail.stop()
  })

  it('while the past is read nothing is late, and closed windows show at its end', async () => {
    for (const partition of ['', 'PARTITION BY k']) {
      const name = `w9${partition === '' ? 'a' : 'b'}`
      const send = await events(name)
      await send([20, 'a', 1])
      await send([1, 'a', 2])
      await send([2, 'a', 4])
      const tail = await bench.query(
        `SELECT window_start, sum(v) FROM tumble(${name}, ts, 5s) WHERE _tp_time > earliest_ts() ${partition} GROUP BY window_start`,
      )
      expect((await tail.take(1)).map(([s, v]) => [clock(s), v])).toEqual([['12:00:00', '6']])
      await tail.stop()
    }
  })

  it('pass through joins, subqueries and CTEs', async () => {
    await bench.stream('w8', { k: 'string', v: 'int32', ts: "datetime64(3, 'UTC')" })
    await bench.stream('d8', { k: 'string', name: 'string' })
    await bench.insert('d8', [{ k: 'a', name: 'A' }])
    const joined = await bench.query(
      'SELECT d.name, sum(w.v), window_start FROM tumble(w8, ts, 5s) AS w JOIN table(d8) AS d ON w.k = d.k GROUP BY d.name, window_start, window_end',
    )
    const nested = await bench.query(
      'WITH raw AS (SELECT k, v * 10 AS v, ts FROM w8) SELECT sum(v), emit_version() FROM (SELECT v, window_start, window_end FROM tumble(raw, ts, 5s)) GROUP BY window_start, window_end',
    )
    await bench.insert('w8', [
      { k: 'a', v: 1, ts: '2024-01-01 00:00:01' },
      { k: 'b', v: 2, ts: '2024-01-01 00:00:02' },
    ])
    await bench.insert('w8', [{ k: 'a', v: 3, ts: '2024-01-01 00:00:06' }])
    await bench.insert('w8', [{ k: 'a', v: 4, ts: '2024-01-01 00:00:11' }])
    expect(await joined.take(2)).toEqual([
      ['A', '1', '2024-01-01 00:00:00.000'],
      ['A', '3', '2024-01-01 00:00:05.000'],
    ])
    expect(await nested.take(2)).toEqual([
      ['30', '0'],
      ['30', '1'],
    ])
    await joined.stop()
    await nested.stop()
  })

  it('need a window in GROUP BY', async () => {
    await expect(bench.query('SELECT k, count() FROM tumble(w7, ts, 5s) GROUP BY k')).rejects.toMatchObject({
      code: 2002,
    })
  })
})

describe('global aggregation', () => {
  it('over the answers of another one takes each answer by itself', async () => {
    const send = await events('g9')
    const tail = await bench.query(
      `WITH per AS (SELECT k, max(v) AS top FROM g9 GROUP BY k EMIT PERIODIC 50ms)
       SELECT emit_version(), count(), sum(top) FROM per`,
    )
    await send([1, 'a', 1])
    expect(await tail.take(1)).toEqual([['0', '1', '1']])
    await send([2, 'b', 5])
    expect(await tail.take(2)).toEqual([
      ['0', '1', '1'],
      ['1', '2', '6'],
    ])
    await tail.stop()
  })

  it('says nothing of groups that a WHERE above leaves out', async () => {
    const send = await events('g11')
    await bench.view('CREATE VIEW tops AS SELECT k, max(v) AS top FROM g11 GROUP BY k EMIT ON UPDATE')
    const tail = await bench.query(
      "SELECT t.k, top, emit_version() FROM tops AS t WHERE t.k != 'a' AND top > 0 GROUP BY t.k, top",
    )
    await send([1, 'a', 1])
    await send([2, 'b', 5])
    await send([3, 'a', 9])
    await send([4, 'c', 7])
    expect(await tail.take(2)).toEqual([
      ['b', 5, '0'],
      ['c', 7, '1'],
    ])
    await tail.stop()
  })

  it('that depends on the order of rows keeps it over all batches', async () => {
    const send = await events('g10')
    const tail = await bench.query('SELECT moving_sum(v), max_k(v, 2, k) FROM g10 EMIT ON UPDATE')
    let expected: number[] = []
    for (const [i, v] of [4, 9, 2, 9, 7, 1].entries()) {
      await send([i, `k${i}`, v])
      expected = [...expected, (expected.at(-1) ?? 0) + v]
      const rows = await tail.take(i + 1)
      expect((rows.at(-1)![0] as unknown[]).map(Number)).toEqual(expected)
    }
    // Of equal values the one that came first counts.
    expect(tail.rows.at(-1)![1]).toEqual([
      [9, 'k1'],
      [9, 'k3'],
    ])
    await tail.stop()
  })

  it('PERIODIC gives all groups at a tick, and nothing when nothing came', async () => {
    const send = await events('g1')
    const tail = await bench.query(
      'SELECT k, sum(v), count() FROM g1 GROUP BY k ORDER BY k EMIT PERIODIC 100ms',
    )
    await send([0, 'a', 1], [0, 'b', 2])
    await until(() => tail.emissions.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 250))
    await send([0, 'a', 5])
    await until(() => tail.emissions.length === 2)
    expect(tail.emissions).toEqual([
      [
        ['a', '1', '1'],
        ['b', '2', '1'],
      ],
      [
        ['a', '6', '2'],
        ['b', '2', '1'],
      ],
    ])
    await tail.stop()
  })

  it('ON UPDATE gives the groups that changed', async () => {
    const send = await events('g2')
    const tail = await bench.query('SELECT k, max(v) FROM g2 GROUP BY k EMIT ON UPDATE')
    await send([0, 'a', 1], [0, 'b', 2])
    await tail.take(2)
    await send([0, 'b', 7])
    expect((await tail.take(3)).slice(2)).toEqual([['b', 7]])
    await tail.stop()
  })

  it('ON UPDATE shows the group of NULL too', async () => {
    await bench.stream('gn', { k: 'nullable(string)' })
    const tail = await bench.query('SELECT k, count() FROM gn GROUP BY k EMIT ON UPDATE')
    await bench.insert('gn', [{ k: null }])
    expect(await tail.take(1)).toEqual([[null, '1']])
    await tail.stop()
  })

  it('CHANGELOG takes back what was said before', async () => {
    const send = await events('gc')
    const tail = await bench.query(
      'SELECT k, _tp_delta, sum(v) AS s FROM gc GROUP BY k EMIT CHANGELOG PERIODIC 50ms',
    )
    expect(tail.query.columns.map((c) => c.name)).toEqual(['k', '_tp_delta', 's'])
    await send([0, 'a', 1], [0, 'b', 2])
    expect((await tail.take(2)).map(String).sort()).toEqual(['a,1,1', 'b,1,2'])
    await send([0, 'b', 5])
    expect((await tail.take(4)).slice(2)).toEqual([
      ['b', -1, '2'],
      ['b', 1, '7'],
    ])
    await tail.stop()
    await expect(bench.query('SELECT k, count() FROM gc GROUP BY k EMIT CHANGELOG')).rejects.toMatchObject({
      code: 80,
    })
  })

  it('counts everything from the earliest row at once, then goes on', async () => {
    const send = await events('g3')
    await send([0, 'a', 1], [0, 'b', 2])
    const tail = await bench.query('SELECT count() FROM g3 WHERE _tp_time > earliest_ts() EMIT PERIODIC 10s')
    expect(await tail.take(1)).toEqual([['2']])
    await tail.stop()
  })

  it('DISTINCT counts every value once, however it is spelled and however often it is emitted', async () => {
    const send = await events('g7')
    const calls = [
      'sum_distinct(v)',
      'sum(DISTINCT v)',
      'sum_distinct_streaming(v)',
      'avg_distinct_if(v, v > 1)',
      'count_distinct(k, v)',
      'count(DISTINCT k)',
      'count_distinct_streaming(k)',
      'sum(v)',
    ].join(', ')
    const all = await bench.query(`SELECT ${calls} FROM g7 EMIT ON UPDATE`)
    const windows = await bench.query(
      `SELECT k, sum_distinct_streaming(v) AS s FROM tumble(g7, ts, 5s) GROUP BY window_start, k ORDER BY k`,
    )
    await send([0, 'a', 1], [0, 'b', 3], [0, 'a', 1])
    await all.take(1)
    await send([0, 'a', 3], [1, 'b', 3], [9, 'b', 5])
    expect(await all.take(2)).toEqual([
      ['4', '4', '4', 3, '2', '2', '2', '5'],
      ['9', '9', '9', 4, '4', '2', '2', '16'],
    ])
    expect(await windows.take(2)).toEqual([
      ['a', '4'],
      ['b', '3'],
    ])
    await expect(bench.query('SELECT sum_distinct_retract(v) FROM g7')).rejects.toMatchObject({ code: 446 })
    await expect(bench.query('SELECT emit_version(), v FROM g7')).rejects.toMatchObject({ code: 997 })
    await all.stop()
    await windows.stop()
  })

  it('PARTITION BY is one more key, and aggregates of aggregates work', async () => {
    const send = await events('g4')
    const tail = await bench.query(
      'SELECT max(c) FROM (SELECT count() AS c FROM g4 PARTITION BY k EMIT ON UPDATE) EMIT ON UPDATE',
    )
    await send([0, 'a', 1], [0, 'b', 2], [0, 'a', 2])
    expect(await tail.take(1)).toEqual([['2']])
    await tail.stop()
  })

  it('over a keyed stream counts current rows, also for ON UPDATE', async () => {
    await bench.stream('kv', { k: 'string', city: 'string' }, { mode: 'mutable', primaryKey: ['k'] })
    await bench.insert('kv', [
      { k: '1', city: 'Rome' },
      { k: '2', city: 'Rome' },
      { k: '3', city: 'Oslo' },
    ])
    const periodic = await bench.query(
      'SELECT city, count() FROM kv GROUP BY city ORDER BY city EMIT PERIODIC 100ms',
    )
    const updates = await bench.query('SELECT city, count() FROM kv GROUP BY city EMIT ON UPDATE')
    await until(() => periodic.emissions.length === 1 && updates.emissions.length === 1)
    await bench.insert('kv', [{ k: '2', city: 'Oslo' }])
    await until(() => periodic.emissions.length === 2 && updates.emissions.length === 2)
    expect(periodic.emissions).toEqual([
      [
        ['Oslo', '1'],
        ['Rome', '2'],
      ],
      [
        ['Oslo', '2'],
        ['Rome', '1'],
      ],
    ])
    await bench.insert('kv', [{ k: '4', city: 'Bonn' }])
    await until(() => updates.emissions.length === 3)
    expect(updates.emissions[2]).toEqual([['Bonn', '1']])
    await periodic.stop()
    await updates.stop()
  })
})

describe('session windows', () => {
  it('close after the idle time, per substream', async () => {
    const send = await events('ss1')
    const tail = await bench.query(
      'SELECT max(v), window_start, window_end, k FROM session(ss1, ts, 2s) PARTITION BY k GROUP BY window_start, window_end',
    )
    const shown = () => tail.rows.map(([v, s, e, k]) => [v, clock(s), clock(e), k])
    await send([0, 'a', 57], [0, 'b', 58])
    await send([2, 'a', 66])
    await tail.take(1)
    await send([15, 'a', 67])
    await tail.take(2)
    // Late for a, but not for b.
    await send([14, 'a', 99], [1, 'b', 60])
    await send([3, 'b', 1])
    await tail.take(3)
    expect(shown()).toEqual([
      [57, '12:00:00', '12:00:02', 'a'],
      [66, '12:00:02', '12:00:12', 'a'],
      [60, '12:00:00', '12:00:03', 'b'],
    ])
    await tail.stop()
  })

  it('have a largest size, five idle times unless given, and group inside a session', async () => {
    const send = await events('ss2')
    const tail = await bench.query(
      'SELECT k, count(), window_start, window_end FROM session(ss2, ts, 2s, 3s) GROUP BY k, window_start, window_end ORDER BY k',
    )
    await send([0, 'a', 1], [1, 'b', 1], [2, 'a', 1], [3, 'a', 1])
    expect((await tail.take(2)).map(([k, c, s, e]) => [k, c, clock(s), clock(e)])).toEqual([
      ['a', '2', '12:00:00', '12:00:03'],
      ['b', '1', '12:00:00', '12:00:03'],
    ])
    await tail.stop()
  })

  it('open and close by conditions, with either row in or out', async () => {
    const send = await events('ss3')
    const ask = (range: string) =>
      bench.query(
        `SELECT count(), min(v), max(v) FROM session(ss3, ts, 5s, ${range}) GROUP BY window_start, window_end`,
      )
    const both = await ask("[k = 'go', k = 'stop']")
    const open = await ask("(k = 'go', k = 'stop')")
    await send([0, 'x', 0], [1, 'go', 1], [2, 'x', 2], [3, 'x', 3], [4, 'stop', 4], [5, 'x', 5])
    expect(await both.take(1)).toEqual([['4', 1, 4]])
    expect(await open.take(1)).toEqual([['2', 2, 3]])
    await both.stop()
    await open.stop()
  })

  it('show open sessions on update, and join what they stand beside', async () => {
    await bench.stream('ss6', { k: 'string', v: 'int32', ts: "datetime64(3, 'UTC')" })
    await bench.stream('sd6', { k: 'string', name: 'string' })
    await bench.insert('sd6', [{ k: 'a', name: 'A' }])
    const updates = await bench.query(
      'SELECT sum(v), window_end FROM session(ss6, ts, 5m) GROUP BY window_start, window_end EMIT ON UPDATE',
    )
    const joined = await bench.query(
      'SELECT d.name, sum(s.v), emit_version() FROM session(ss6, ts, 5s) AS s JOIN table(sd6) AS d ON s.k = d.k PARTITION BY s.k GROUP BY d.name, window_start, window_end',
    )
    await bench.insert('ss6', [{ k: 'a', v: 1, ts: '2024-01-01 00:00:00' }])
    await bench.insert('ss6', [{ k: 'a', v: 2, ts: '2024-01-01 00:00:03' }])
    await bench.insert('ss6', [{ k: 'a', v: 4, ts: '2024-01-01 00:01:00' }])
    expect(await updates.take(3)).toEqual([
      ['1', '2024-01-01 00:00:00.001'],
      ['3', '2024-01-01 00:00:03.001'],
      ['7', '2024-01-01 00:01:00.001'],
    ])
    expect(await joined.take(1)).toEqual([['A', '3', '0']])
    await updates.stop()
    await joined.stop()
  })

  it('rows that WHERE drops do not extend a session', async () => {
    const send = await events('ss5')
    const tail = await bench.query(
      'SELECT count() FROM session(ss5, ts, 2s) AS e WHERE e.v > 0 GROUP BY window_start, window_end',
    )
    await send([0, 'a', 1], [1, 'a', 0], [2.5, 'a', 1])
    expect(await tail.take(1)).toEqual([['1']])
    await tail.stop()
  })

  it('TIMEOUT closes what is open', async () => {
    const send = await events('ss4')
    const tail = await bench.query(
      'SELECT sum(v) FROM session(ss4, ts, 5s) GROUP BY window_start, window_end EMIT AFTER WINDOW CLOSE AND TIMEOUT 200ms',
    )
    await send([0, 'a', 1], [1, 'a', 2])
    expect(await tail.take(1)).toEqual([['3']])
    await tail.stop()
  })
})
