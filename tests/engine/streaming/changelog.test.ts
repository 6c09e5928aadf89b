import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench, until } from './harness.js'

let bench: Bench
let n = 0
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

const fails = (sql: string, code: number) => expect(bench.query(sql)).rejects.toMatchObject({ code })

async function keyed(mode: 'versioned_kv' | 'changelog_kv' | 'mutable' = 'versioned_kv'): Promise<string> {
  const name = `kv${++n}`
  await bench.stream(name, { k: 'string', v: 'int32', ...delta(mode) }, { mode, primaryKey: ['k'] })
  return name
}

async function plain(mode: 'append' | 'changelog' = 'append'): Promise<string> {
  const name = `s${++n}`
  await bench.stream(name, { k: 'string', v: 'int32', ...delta(mode) }, { mode })
  return name
}

/** As the catalog declares it for these modes. */
function delta(mode: string): Record<string, string> {
  return mode.startsWith('changelog') ? { _tp_delta: 'int8' } : {}
}

describe('changelog()', () => {
  it('takes the old value of a key back before it shows the new one', async () => {
    const s = await plain()
    const tail = await bench.query(`SELECT k, v, _tp_delta FROM changelog(${s}, k)`)
    await bench.insert(s, [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ])
    await tail.take(2)
    await bench.insert(s, [
      { k: 'a', v: 3 },
      { k: 'a', v: 4 },
    ])
    expect(await tail.take(4)).toEqual([
      ['a', 1, 1],
      ['b', 2, 1],
      ['a', 1, -1],
      ['a', 4, 1],
    ])
    await tail.stop()
  })

  it('drops rows with an older version where it is told to', async () => {
    const s = await plain()
    const tail = await bench.query(`SELECT v, _tp_delta FROM changelog(${s}, k, v, true)`)
    const sizes = [1, 1, 3, 5]
    for (const [i, v] of [5, 3, 5, 7].entries()) {
      await bench.insert(s, [{ k: 'a', v }])
      await tail.take(sizes[i]!)
    }
    expect(await tail.take(5)).toEqual([
      [5, 1],
      [5, -1],
      [5, 1],
      [5, -1],
      [7, 1],
    ])
    // Within one batch the largest version counts, of equal ones the last row.
    await bench.insert(s, [
      { k: 'b', v: 2 },
      { k: 'b', v: 1 },
    ])
    expect((await tail.take(6)).at(-1)).toEqual([2, 1])
    await tail.stop()
  })

  it('reads a keyed stream by its primary key, deletions included', async () => {
    const kv = await keyed('mutable')
    await bench.insert(kv, [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ])
    const tail = await bench.query(`SELECT k, v, _tp_delta FROM changelog(${kv})`)
    await tail.take(2)
    await bench.store.delete(bench.streamNamed(kv), "k = 'a'")
    expect((await tail.take(3)).at(-1)).toEqual(['a', 1, -1])
    await tail.stop()
  })

  it('refuses what it has no keys for', async () => {
    const [s, kv, ckv] = [await plain(), await keyed(), await keyed('changelog_kv')]
    await fails(`SELECT _tp_delta FROM changelog(${s})`, 42)
    await fails(`SELECT _tp_delta FROM changelog(${s}, k, true)`, 42)
    await fails(`SELECT _tp_delta FROM changelog(${kv}, k)`, 42)
    await fails(`SELECT _tp_delta FROM changelog(${ckv}, k)`, 42)
    await fails(`SELECT _tp_delta FROM changelog(${s}, v + 1)`, 36)
    await fails(`SELECT k FROM changelog(${s}, k)`, 80)
  })
})

describe('joins of changelogs', () => {
  it('keyed with keyed: pairs come and go with either side', async () => {
    const [l, r] = [await keyed(), await keyed()]
    const tail = await bench.query(
      `SELECT l.k, l.v, r.v, _tp_delta FROM ${l} AS l JOIN ${r} AS r ON l.v = r.v`,
    )
    await bench.insert(l, [{ k: 'x', v: 1 }])
    await bench.insert(r, [
      { k: 'p', v: 1 },
      { k: 'q', v: 1 },
    ])
    await tail.take(2)
    await bench.insert(l, [{ k: 'y', v: 1 }])
    await tail.take(4)
    await bench.insert(r, [{ k: 'p', v: 2 }])
    await tail.take(6)
    await bench.insert(l, [{ k: 'x', v: 2 }])
    const rows = (await tail.take(8)).map(String)
    expect(rows.slice(0, 2)).toEqual(['x,1,1,1', 'x,1,1,1'])
    expect(rows.slice(2, 4)).toEqual(['y,1,1,1', 'y,1,1,1'])
    expect(rows.slice(4, 6).sort()).toEqual(['x,1,1,-1', 'y,1,1,-1'])
    expect(rows.slice(6)).toEqual(['x,1,1,-1', 'x,2,2,1'])
    await tail.stop()
  })

  it('LEFT: a row without a pair stands alone until the first one comes, and again after the last one went', async () => {
    const [l, r] = [await keyed(), await keyed('mutable')]
    const tail = await bench.query(
      `SELECT l.k, r.v, _tp_delta FROM ${l} AS l LEFT JOIN ${r} AS r ON l.k = r.k`,
    )
    await bench.insert(l, [{ k: 'x', v: 1 }])
    await tail.take(1)
    await bench.insert(r, [{ k: 'x', v: 7 }])
    await tail.take(3)
    await bench.insert(r, [{ k: 'x', v: 8 }])
    await tail.take(5)
    await bench.store.delete(bench.streamNamed(r), "k = 'x'")
    expect((await tail.take(7)).map(String)).toEqual([
      'x,0,1',
      'x,0,-1',
      'x,7,1',
      'x,7,-1',
      'x,8,1',
      'x,8,-1',
      'x,0,1',
    ])
    await tail.stop()
  })

  it('three streams, with all columns: one _tp_delta, at the end', async () => {
    const [a, b, c] = [await keyed(), await keyed(), await plain('changelog')]
    const tail = await bench.query(
      `SELECT * FROM ${a} AS a JOIN ${b} AS b ON a.k = b.k JOIN ${c} AS c ON b.v = c.v`,
    )
    expect(tail.query.columns.map((column) => column.name)).toEqual([
      'k',
      'v',
      '_tp_time',
      'b.k',
      'b.v',
      'b._tp_time',
      'c.k',
      'c.v',
      'c._tp_time',
      '_tp_delta',
    ])
    await bench.insert(c, [{ k: 'z', v: 5, _tp_delta: 1 }])
    await bench.insert(b, [{ k: 'x', v: 5 }])
    await bench.insert(a, [{ k: 'x', v: 1 }])
    await tail.take(1)
    await bench.insert(b, [{ k: 'x', v: 6 }])
    const rows = await tail.take(2)
    expect(rows.map((row) => [row[0], row[4], row[7], row[9]])).toEqual([
      ['x', 5, 5, 1],
      ['x', 5, 5, -1],
    ])
    await tail.stop()
  })

  it('an append stream looks up what is in force of a changelog on its right', async () => {
    const [s, c] = [await plain(), await plain('changelog')]
    const tail = await bench.query(`SELECT s.v, c.v FROM ${s} AS s LEFT JOIN ${c} AS c ON s.k = c.k`)
    await bench.insert(c, [{ k: 'x', v: 10, _tp_delta: 1 }])
    await bench.insert(s, [{ k: 'x', v: 1 }])
    await tail.take(1)
    await bench.insert(c, [
      { k: 'x', v: 10, _tp_delta: -1 },
      { k: 'x', v: 20, _tp_delta: 1 },
    ])
    await bench.insert(s, [{ k: 'x', v: 2 }])
    await tail.take(2)
    await bench.insert(c, [{ k: 'x', v: 20, _tp_delta: -1 }])
    await bench.insert(s, [{ k: 'x', v: 3 }])
    expect(await tail.take(3)).toEqual([
      [1, 10],
      [2, 20],
      [3, 0],
    ])
    await tail.stop()
  })

  it('with a table on the right the changes of the left pass', async () => {
    const [kv, t] = [await keyed(), await plain()]
    await bench.insert(t, [{ k: 'x', v: 10 }])
    const tail = await bench.query(
      `SELECT * FROM (SELECT k, v FROM ${kv}) AS l LEFT JOIN table(${t}) AS t ON l.k = t.k`,
    )
    expect(tail.query.columns.at(-1)?.name).toBe('_tp_delta')
    await bench.insert(kv, [{ k: 'x', v: 1 }])
    await tail.take(1)
    await bench.insert(kv, [{ k: 'x', v: 2 }])
    const rows = await tail.take(3)
    expect(rows.map((row) => [row[1], row[3], row.at(-1)])).toEqual([
      [1, 10, 1],
      [1, 10, -1],
      [2, 10, 1],
    ])
    await tail.stop()
  })

  it('are refused outside the matrix', async () => {
    const [s, kv, ckv] = [await plain(), await keyed(), await keyed('changelog_kv')]
    await fails(`SELECT _tp_delta FROM ${kv} AS l JOIN ${s} AS r ON l.k = r.k`, 48)
    await fails(`SELECT _tp_delta FROM ${kv} AS l LATEST JOIN ${kv} AS r ON l.k = r.k`, 48)
    await fails(`SELECT s.k FROM ${s} AS s LATEST JOIN ${ckv} AS r ON s.k = r.k`, 48)
    await fails(`SELECT s.k FROM ${s} AS s ASOF JOIN changelog(${s}, k) AS r ON s.k = r.k AND s.v > r.v`, 48)
    await fails(`SELECT l.k FROM ${kv} AS l JOIN ${kv} AS r ON l.k = r.k`, 80)
    await fails(`SELECT _tp_delta FROM ${s} AS l EMIT CHANGELOG`, 48)
  })
})

describe('semantics', () => {
  it('UNION takes keyed and append streams together, but no changelog with others', async () => {
    const [s, kv, c] = [await plain(), await keyed(), await plain('changelog')]
    const tail = await bench.query(`SELECT k, v FROM ${s} UNION SELECT k, v FROM ${kv}`)
    await bench.insert(s, [{ k: 'a', v: 1 }])
    await tail.take(1)
    await bench.insert(kv, [{ k: 'b', v: 2 }])
    expect(await tail.take(2)).toEqual([
      ['a', 1],
      ['b', 2],
    ])
    await fails(`SELECT k, _tp_delta FROM ${c} UNION SELECT k, v FROM ${s}`, 48)
    await tail.stop()
  })

  it('enforce_append_only takes every row for a fact', async () => {
    const kv = await keyed()
    const tail = await bench.query(
      `SELECT count() FROM ${kv} EMIT ON UPDATE SETTINGS enforce_append_only = true`,
    )
    await bench.insert(kv, [{ k: 'a', v: 1 }])
    await tail.take(1)
    await bench.insert(kv, [{ k: 'a', v: 2 }])
    expect(await tail.take(2)).toEqual([['1'], ['2']])
    await tail.stop()
  })
})

describe('aggregation over a changelog', () => {
  it('forgets what no longer holds; a group that lost its rows answers as over nothing', async () => {
    const kv = await keyed()
    const tail = await bench.query(
      `SELECT v, count(), max(k), group_uniq_array(k) FROM ${kv} WHERE v < 100 GROUP BY v ORDER BY v EMIT PERIODIC 30ms`,
    )
    await bench.insert(kv, [
      { k: 'b', v: 1 },
      { k: 'a', v: 1 },
    ])
    await until(() => tail.emissions.length === 1)
    await bench.insert(kv, [{ k: 'b', v: 2 }])
    await until(() => tail.emissions.length === 2)
    await bench.insert(kv, [{ k: 'a', v: 200 }])
    await until(() => tail.emissions.length === 3)
    await bench.insert(kv, [{ k: 'a', v: 300 }])
    await bench.insert(kv, [{ k: 'c', v: 1 }])
    await until(() => tail.emissions.length === 4)
    expect(tail.emissions).toEqual([
      [[1, '2', 'b', ['a', 'b']]],
      [
        [1, '1', 'a', ['a']],
        [2, '1', 'b', ['b']],
      ],
      [
        [1, '0', '', []],
        [2, '1', 'b', ['b']],
      ],
      [
        [1, '1', 'c', ['c']],
        [2, '1', 'b', ['b']],
      ],
    ])
    await tail.stop()
  })

  it('over a join of keyed streams', async () => {
    const [l, r] = [await keyed(), await keyed()]
    const tail = await bench.query(
      `SELECT l.k, count(), sum(r.v) FROM ${l} AS l JOIN ${r} AS r ON l.k = r.k GROUP BY l.k EMIT ON UPDATE`,
    )
    await bench.insert(l, [
      { k: 'x', v: 1 },
      { k: 'y', v: 1 },
    ])
    await bench.insert(r, [{ k: 'x', v: 5 }])
    await tail.take(1)
    await bench.insert(r, [{ k: 'x', v: 6 }])
    await tail.take(2)
    await bench.insert(r, [{ k: 'y', v: 9 }])
    expect(await tail.take(3)).toEqual([
      ['x', '1', '5'],
      ['x', '1', '6'],
      ['y', '1', '9'],
    ])
    await tail.stop()
  })

  it('PARTITION BY: only substreams with something new speak', async () => {
    const s = await plain()
    const tail = await bench.query(
      `SELECT max(v), k FROM changelog(${s}, k) PARTITION BY k EMIT PERIODIC 30ms`,
    )
    for (const [k, v] of [
      ['a', 5],
      ['b', 2],
      ['a', 3],
    ] as const) {
      const before = tail.emissions.length
      await bench.insert(s, [{ k, v }])
      await until(() => tail.emissions.length === before + 1)
    }
    expect(tail.emissions).toEqual([[[5, 'a']], [[2, 'b']], [[3, 'a']]])
    await tail.stop()
  })

  it('that names none of the columns counts what is in force', async () => {
    const kv = await keyed()
    const tail = await bench.query(
      `SELECT count() FROM (SELECT v, count() FROM ${kv} GROUP BY v EMIT CHANGELOG ON UPDATE) EMIT ON UPDATE`,
    )
    await bench.insert(kv, [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ])
    expect((await tail.take(1)).at(-1)).toEqual(['2'])
    await bench.insert(kv, [{ k: 'b', v: 1 }])
    await until(() => tail.rows.at(-1)![0] === '1')
    await tail.stop()
  })

  it('keeps no more of a row than its aggregates need: a retraction may differ in the rest', async () => {
    const c = await plain('changelog')
    const tail = await bench.query(
      `SELECT count() FROM ${c} WHERE v > 0 PARTITION BY k GROUP BY v % 2 EMIT ON UPDATE`,
    )
    await bench.insert(c, [
      { k: 'a', v: 1, _tp_delta: 1 },
      { k: 'a', v: 3, _tp_delta: 1 },
    ])
    await tail.take(1)
    await bench.insert(c, [{ k: 'a', v: 5, _tp_delta: -1 }])
    expect(await tail.take(2)).toEqual([['2'], ['1']])
    await tail.stop()
  })

  it('EMIT CHANGELOG takes the old answer back; HAVING and an empty group end it', async () => {
    const kv = await keyed()
    const tail = await bench.query(
      `SELECT v, count() AS c, _tp_delta FROM ${kv} GROUP BY v HAVING c < 3 EMIT CHANGELOG ON UPDATE`,
    )
    const steps: [string, number][] = [
      ['a', 1],
      ['b', 1],
      ['c', 1],
      ['c', 2],
      ['c', 1],
    ]
    const sizes = [1, 3, 4, 6, 8]
    for (const [i, [k, v]] of steps.entries()) {
      await bench.insert(kv, [{ k, v }])
      await tail.take(sizes[i]!)
    }
    expect(tail.emissions.map((rows) => rows.map(String).sort())).toEqual([
      ['1,1,1'],
      ['1,1,-1', '1,2,1'],
      ['1,2,-1'],
      ['1,2,1', '2,1,1'],
      ['1,2,-1', '2,1,-1'],
    ])
    await tail.stop()
  })

  it('an aggregation of an aggregation starts anew with each complete answer, and follows a changelog', async () => {
    const kv = await keyed()
    const inner = `SELECT v, count() AS c FROM ${kv} GROUP BY v`
    const anew = await bench.query(`SELECT count(), sum(c) FROM (${inner} EMIT PERIODIC 30ms)`)
    const follows = await bench.query(
      `SELECT count(), sum(c) FROM (${inner} EMIT CHANGELOG ON UPDATE) EMIT ON UPDATE`,
    )
    await bench.insert(kv, [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
    ])
    await anew.take(1)
    await follows.take(1)
    await bench.insert(kv, [{ k: 'c', v: 3 }])
    const expected = [
      ['2', '2'],
      ['3', '3'],
    ]
    expect(await anew.take(2)).toEqual(expected)
    expect(await follows.take(2)).toEqual(expected)
    await anew.stop()
    await follows.stop()
  })

  it('refuses functions that cannot forget, and windows', async () => {
    const kv = await keyed()
    for (const call of ['latest(v)', 'earliest(v)', 'top_k(v, 2)', 'quantile(v, 0.9)', 'sum_or_null(v)']) {
      await fails(`SELECT ${call} FROM ${kv}`, 48)
    }
    await fails(`SELECT count() FROM tumble(${kv}, 5s) GROUP BY window_start`, 48)
  })
})
