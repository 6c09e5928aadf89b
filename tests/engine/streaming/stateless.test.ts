import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

describe('elements of a JSON array in a string', () => {
  it('are texts, wherever the string comes from', async () => {
    await bench.stream('jsons', { raw: 'string', tags: 'array(string)', m: 'map(string, int32)' })
    await bench.stream('names', { raw: 'low_cardinality(string)' })
    const queries = [
      "SELECT raw[*], raw[1], raw[-1], array_element(raw, 2), tags[*], tags[1], m['k'] FROM jsons",
      "WITH c AS (SELECT raw AS r, m FROM jsons) SELECT r[2]:q, m['k'] FROM c",
      'SELECT j.raw[1], n.raw[1] FROM jsons AS j JOIN names AS n ON j.raw = n.raw',
      'SELECT max(raw)[1], max(tags)[1] FROM jsons EMIT ON UPDATE',
    ]
    const tails = []
    for (const sql of queries) tails.push(await bench.query(sql))
    const raw = '["x",{"q":7}]'
    await bench.insert('names', [{ raw }])
    await bench.insert('jsons', [{ raw, tags: ['t'], m: { k: 5 } }])
    const rows = []
    for (const tail of tails) rows.push(...(await tail.take(1)))
    expect(rows).toEqual([
      [['x', '{"q":7}'], 'x', '{"q":7}', '{"q":7}', ['t'], 't', 5],
      ['7', 5],
      ['x', 'x'],
      ['x', 't'],
    ])
    for (const tail of tails) await tail.stop()
  })
})

describe('tail queries', () => {
  it('begin at the latest row and filter what comes', async () => {
    await bench.stream('s1', { k: 'string', v: 'int32' })
    await bench.insert('s1', [{ k: 'old', v: 100 }])
    const tail = await bench.query('SELECT k, v * 2 AS d FROM s1 WHERE v > 1')
    expect(tail.query.columns.map((c) => [c.name, c.type])).toEqual([
      ['k', 'string'],
      ['d', 'int64'],
    ])
    await bench.insert('s1', [
      { k: 'a', v: 1 },
      { k: 'b', v: 2 },
      { k: 'c', v: 3 },
    ])
    expect(await tail.take(2)).toEqual([
      ['b', '4'],
      ['c', '6'],
    ])
    await tail.stop()
  })

  it('rewind by _tp_time, also through a view', async () => {
    await bench.stream('s2', { v: 'int32' })
    await bench.insert('s2', [{ v: 1 }, { v: 2 }])
    await bench.view('CREATE VIEW v2 AS SELECT v + 1 AS w, _tp_time FROM s2')
    const tail = await bench.query('SELECT w FROM v2 WHERE _tp_time > earliest_ts()')
    await bench.insert('s2', [{ v: 3 }])
    expect(await tail.take(3)).toEqual([['2'], ['3'], ['4']])
    await tail.stop()
  })

  it('seek_to a sequence number, the earliest row and a time', async () => {
    await bench.stream('s3', { v: 'int32', _tp_time: "datetime64(3, 'UTC')" })
    await bench.insert('s3', [
      { v: 1, _tp_time: '2024-01-01 00:00:00' },
      { v: 2, _tp_time: '2024-01-02 00:00:00' },
    ])
    const seek = async (to: string, count: number) => {
      const tail = await bench.query(`SELECT v FROM s3 SETTINGS seek_to='${to}'`)
      const rows = await tail.take(count)
      await tail.stop()
      return rows
    }
    expect(await seek('earliest', 2)).toEqual([[1], [2]])
    expect(await seek('1', 1)).toEqual([[2]])
    expect(await seek('2024-01-01 12:00:00', 1)).toEqual([[2]])
  })

  it('LIMIT and OFFSET count over all emissions and end the query', async () => {
    await bench.stream('s4', { v: 'int32' })
    const tail = await bench.query('SELECT v FROM s4 LIMIT 3 OFFSET 1')
    await bench.insert('s4', [{ v: 1 }, { v: 2 }])
    await tail.take(1)
    await bench.insert('s4', [{ v: 3 }, { v: 4 }, { v: 5 }])
    await tail.done
    expect(tail.rows).toEqual([[2], [3], [4]])
  })

  it('read a keyed stream: the current rows first, then the changes', async () => {
    await bench.stream('kv1', { k: 'string', v: 'int32' }, { mode: 'versioned_kv', primaryKey: ['k'] })
    await bench.insert('kv1', [{ k: 'a', v: 1 }])
    await bench.insert('kv1', [
      { k: 'a', v: 2 },
      { k: 'b', v: 3 },
    ])
    const tail = await bench.query('SELECT k, v FROM kv1')
    expect(await tail.take(2)).toEqual([
      ['a', 2],
      ['b', 3],
    ])
    await bench.insert('kv1', [{ k: 'a', v: 4 }])
    expect((await tail.take(3)).slice(2)).toEqual([['a', 4]])
    await tail.stop()
  })

  it('union streams, follow CTEs and subqueries, and look up IN lists in stored rows', async () => {
    await bench.stream('s5', { k: 'string' })
    await bench.stream('s6', { k: 'string' })
    await bench.stream('allowed', { k: 'string' }, { mode: 'versioned_kv', primaryKey: ['k'] })
    await bench.insert('allowed', [{ k: 'x' }, { k: 'y' }])
    const tail = await bench.query(
      `WITH both AS (SELECT k, 's5' AS o FROM s5 UNION ALL SELECT k, 's6' AS o FROM s6)
       SELECT o, k FROM (SELECT * FROM both) WHERE k IN (SELECT k FROM table(allowed))`,
    )
    await bench.insert('s5', [{ k: 'x' }, { k: 'no' }])
    await tail.take(1)
    await bench.insert('s6', [{ k: 'y' }, { k: 'no' }])
    expect(await tail.take(2)).toEqual([
      ['s5', 'x'],
      ['s6', 'y'],
    ])
    await tail.stop()
  })

  it('begin in the past with any comparison of _tp_time or _tp_sn', async () => {
    await bench.stream('s9', { v: 'int32' })
    for (const v of [1, 2, 3]) await bench.insert('s9', [{ v, _tp_time: `2024-01-01 00:00:0${v}` }])
    const rows = async (where: string, count: number) => {
      const tail = await bench.query(`SELECT v FROM (SELECT *, _tp_sn FROM s9) WHERE ${where}`)
      const found = await tail.take(count)
      await tail.stop()
      return found.map(([v]) => v)
    }
    expect(await rows("_tp_time < '2024-01-01 00:00:03'", 2)).toEqual([1, 2])
    expect(await rows("_tp_time != '2024-01-01 00:00:02'", 2)).toEqual([1, 3])
    expect(await rows('_tp_sn >= 0', 3)).toEqual([1, 2, 3])
  })

  it('refuse what they cannot do', async () => {
    const fails = (sql: string) => expect(bench.query(sql)).rejects
    await fails('SELECT v FROM tumble(s4, 5s) EMIT PERIODIC 1s').toMatchObject({ code: 80 })
    await fails('SELECT count() FROM s4 EMIT PERIODIC 1w').toMatchObject({ code: 43 })
    await fails('SELECT nope FROM s4').toMatchObject({ code: 47 })
  })
})

describe('materialized views', () => {
  it('match columns by name, drop unknown ones and leave defaults for the rest', async () => {
    await bench.stream('m1', { a: 'int32', b: 'string' })
    await bench.stream('m1_out', { b: 'string', c: 'int64', twice: 'int64' })
    await bench.materialize(
      'CREATE MATERIALIZED VIEW mv1 INTO m1_out AS SELECT a * 2 AS twice, b, a AS unknown FROM m1',
    )
    await bench.insert('m1', [
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ])
    await bench.settled('mv1')
    expect(await bench.rows('m1_out', 'b, c, twice')).toEqual([
      ['x', '0', '2'],
      ['y', '0', '4'],
    ])
    expect(bench.status('mv1')).toMatchObject({ rowsIn: 2, rowsOut: 2, state: 'running' })
  })

  it('chain, and are read as their targets', async () => {
    await bench.stream('m2', { a: 'int32' })
    await bench.stream('m2_mid', { a: 'int32' })
    await bench.stream('m2_out', { a: 'int32' })
    await bench.materialize('CREATE MATERIALIZED VIEW mv2a INTO m2_mid AS SELECT a + 1 AS a FROM m2')
    await bench.materialize('CREATE MATERIALIZED VIEW mv2b INTO m2_out AS SELECT a * 10 AS a FROM mv2a')
    await bench.insert('m2', [{ a: 1 }, { a: 2 }])
    await bench.settled('mv2b')
    expect(await bench.rows('m2_out', 'a')).toEqual([[20], [30]])
  })
})
