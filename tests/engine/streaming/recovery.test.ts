import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench, until } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
  await bench.stream(
    'kv',
    { k: 'string', name: 'string', ver: 'uint64' },
    { mode: 'mutable', primaryKey: ['k'], versionColumn: 'ver' },
  )
  await bench.insert('kv', [
    { k: 'a', name: 'Anna', ver: 1 },
    { k: 'b', name: 'Bert', ver: 2 },
  ])
})
afterAll(() => bench.close())

/** Seconds after noon. */
const at = (seconds: number) => new Date(Date.UTC(2024, 0, 1, 12, 0, seconds)).toISOString().slice(0, 19)

let count = 0

interface Case {
  /** Between INTO target AS and the end. */
  query: (source: string) => string
  target: Record<string, string>
  columns: string
  expected: unknown[][]
  points: string[]
}

const POINTS = ['recorded', 'stepped', 'written']
const STATE = ['before state', 'after state']

const CASES: Record<string, Case> = {
  'a filter': {
    query: (s) => `SELECT k, v FROM ${s} WHERE v > 0`,
    target: { k: 'string', v: 'int32' },
    columns: 'k, v',
    expected: [
      ['a', 1],
      ['a', 3],
      ['a', 4],
      ['b', 2],
      ['b', 5],
    ],
    points: POINTS,
  },
  'an enrichment': {
    query: (s) =>
      `SELECT kv.name AS name, t.v AS v FROM (SELECT k, v, to_uint64(4611686018427387904) + to_uint64(v) AS big FROM ${s}) AS t
       LEFT ASOF JOIN kv ON t.k = kv.k AND t.big >= kv.ver WHERE t.v > 0 SETTINGS keep_versions = 1`,
    target: { name: 'string', v: 'int32' },
    columns: 'name, v',
    expected: [
      ['Anna', 1],
      ['Anna', 3],
      ['Anna', 4],
      ['Bert', 2],
      ['Bert', 5],
    ],
    points: POINTS,
  },
  'a tumbling window': {
    query: (s) =>
      `SELECT k, sum(v) AS total, count() AS n FROM tumble(${s}, ts, 5s) GROUP BY window_start, k`,
    target: { k: 'string', total: 'int64', n: 'int64' },
    columns: 'k, total, n',
    // Windows [0,5) and [5,10): the row at 12 leaves [10,15) open.
    expected: [
      ['a', '4', '2'],
      ['a', '4', '1'],
      ['b', '2', '1'],
    ].sort(),
    points: [...POINTS, ...STATE],
  },
  'windows of substreams': {
    query: (s) =>
      `SELECT k, sum(v) AS total, count() AS n FROM tumble(${s}, ts, 3s) PARTITION BY k GROUP BY window_start`,
    target: { k: 'string', total: 'int64', n: 'int64' },
    columns: 'k, total, n',
    // a: [0,3) closes at 4, [3,6) at 6; b: [0,3) at 12.
    expected: [
      ['a', '1', '1'],
      ['a', '3', '1'],
      ['b', '2', '1'],
    ],
    points: [...POINTS, ...STATE, 'before closing', 'after closing', 'before marks', 'after marks'],
  },
  'a session window': {
    query: (s) =>
      `SELECT k, sum(v) AS total, count() AS n FROM session(${s}, ts, 3s) PARTITION BY k GROUP BY window_start`,
    target: { k: 'string', total: 'int64', n: 'int64' },
    columns: 'k, total, n',
    // a: rows at 1, 4 (3 s later: a new session) and 6, which stays open; b: 2, then 12.
    expected: [
      ['a', '1', '1'],
      ['b', '2', '1'],
    ],
    points: [...POINTS, ...STATE],
  },
  'a global aggregation': {
    query: (s) => `SELECT k, sum(v) AS total, count() AS n FROM ${s} WHERE v > 0 GROUP BY k EMIT ON UPDATE`,
    target: { k: 'string', total: 'int64', n: 'int64' },
    columns: 'k, total, n',
    expected: [
      ['a', '1', '1'],
      ['a', '4', '2'],
      ['a', '8', '3'],
      ['b', '2', '1'],
      ['b', '7', '2'],
    ],
    points: [...POINTS, ...STATE],
  },
}

describe.each(Object.entries(CASES))('a view with %s', (_name, test) => {
  it.each(test.points)('gives every row exactly once when it dies at "%s"', async (point) => {
    const source = `src${++count}`
    const target = `dst${count}`
    const view = `mv${count}`
    await bench.stream(source, { k: 'string', v: 'int32', ts: "datetime64(3, 'UTC')" })
    await bench.stream(target, test.target)
    await bench.materialize(`CREATE MATERIALIZED VIEW ${view} INTO ${target} AS ${test.query(source)}`)
    await bench.insert(source, [
      { k: 'a', v: 1, ts: at(1) },
      { k: 'b', v: 2, ts: at(2) },
    ])
    await bench.settled(view)

    // From here on everything of this view fails, as if the process were gone.
    let died = false
    bench.fault = (at) => {
      died ||= at.startsWith(`default.${view}:${point}`)
      if (died && at.startsWith(`default.${view}:`)) throw new Error('crash')
    }
    await bench.insert(source, [{ k: 'a', v: 3, ts: at(4) }])
    await until(() => died)
    await bench.runtime.close()
    bench.fault = undefined
    // More rows arrive before the view is back.
    await bench.start()
    await bench.insert(source, [{ k: 'a', v: 4, ts: at(6) }])
    await bench.settled(view)
    await bench.insert(source, [{ k: 'b', v: 5, ts: at(12) }])
    await bench.settled(view)
    expect(await bench.rows(target, test.columns)).toEqual(test.expected)
    // Once more from the record of an idle view: nothing is repeated.
    await bench.restart()
    await bench.insert(source, [{ k: 'z', v: 0, ts: at(13) }])
    await bench.settled(view)
    expect(await bench.rows(target, test.columns)).toEqual(test.expected)
  })
})

describe('a failing batch', () => {
  it('is retried, with the error in the status, until it works', async () => {
    await bench.stream('flaky', { v: 'int32' })
    await bench.stream('flaky_out', { v: 'int32' })
    await bench.materialize('CREATE MATERIALIZED VIEW mv_flaky INTO flaky_out AS SELECT v FROM flaky')
    let failures = 0
    bench.fault = (point) => {
      if (point === 'default.mv_flaky:stepped' && ++failures <= 2) throw new Error('not yet')
    }
    await bench.insert('flaky', [{ v: 1 }])
    await until(() => bench.status('mv_flaky')?.state === 'retrying')
    expect(bench.status('mv_flaky')?.lastError).toContain('not yet')
    await bench.settled('mv_flaky')
    bench.fault = undefined
    expect(bench.status('mv_flaky')?.lastError).toBeUndefined()
    expect(await bench.rows('flaky_out', 'v')).toEqual([[1]])
  })

  it('of a best_effort view loses the offending row only, to the dead letters', async () => {
    await bench.stream('poison', { s: 'string' })
    await bench.stream('poison_out', { v: 'int32' })
    await bench.materialize(
      `CREATE MATERIALIZED VIEW mv_poison INTO poison_out AS SELECT to_int32(s) AS v FROM poison SETTINGS recovery_policy = 'best_effort'`,
    )
    await bench.insert(
      'poison',
      ['1', '2', 'x', '4', '5', '6'].map((s) => ({ s })),
    )
    await bench.settled('mv_poison')
    expect(await bench.rows('poison_out', 'v')).toEqual([[1], [2], [4], [5], [6]])
    expect(bench.letters).toMatchObject([{ view: 'default.mv_poison', source: 'poison', sn: 3 }])
    expect(JSON.parse(bench.letters[0]!.rowJson)).toMatchObject({ s: 'x' })
  })
})

describe('life of a view', () => {
  it('pause holds it, resume goes on where it stood, drop leaves nothing', async () => {
    await bench.stream('life', { v: 'int32' })
    await bench.stream('life_out', { v: 'int32', n: 'int64' })
    const view = await bench.materialize(
      'CREATE MATERIALIZED VIEW mv_life INTO life_out AS SELECT v, count() AS n FROM life GROUP BY v EMIT ON UPDATE',
    )
    await bench.insert('life', [{ v: 1 }])
    await bench.settled('mv_life')
    await bench.runtime.pauseView(view)
    expect(bench.status('mv_life')?.state).toBe('paused')
    await bench.insert('life', [{ v: 1 }])
    expect(await bench.rows('life_out', 'v, n')).toEqual([[1, '1']])
    await bench.runtime.resumeView(view)
    await bench.settled('mv_life')
    expect(await bench.rows('life_out', 'v, n')).toEqual([
      [1, '1'],
      [1, '2'],
    ])
    await bench.runtime.dropView(view)
    await bench.catalog.remove(view)
    expect(
      await bench.chdb.rows(
        `SELECT name FROM system.tables WHERE database = 'tp_state' AND name LIKE 'v${view.id}\\_%'`,
      ),
    ).toEqual([])
  })

  it('starts at the rows that came after its creation, even if it never ran before the restart', async () => {
    await bench.stream('start', { v: 'int32' })
    await bench.stream('start_out', { v: 'int32' })
    await bench.insert('start', [{ v: 1 }])
    await bench.materialize('CREATE MATERIALIZED VIEW mv_start INTO start_out AS SELECT v FROM start')
    await bench.runtime.close()
    await bench.insert('start', [{ v: 2 }])
    await bench.start()
    await bench.settled('mv_start')
    expect(await bench.rows('start_out', 'v')).toEqual([[2]])
  })
})
