import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseStatement, parseType, toClickHouseType } from '../../../dialect/index.js'
import type { Column } from '../../../engine/contracts.js'
import { createExternalSources, DeadLetters, InboxRegistry } from '../../../engine/external/index.js'
import { Bench } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open({}, undefined, async (b) =>
    createExternalSources({
      chdb: b.chdb,
      store: b.store,
      nextId: () => b.catalog.nextId(),
      registry: await InboxRegistry.open(b.chdb),
      deadLetters: await DeadLetters.open(b.chdb),
      schemas: new Map(),
    }),
  )
})
afterAll(() => bench.close())

describe('random streams', () => {
  it('feed queries and views, also after a restart', async () => {
    const statement = parseStatement('CREATE RANDOM STREAM r (v int32 DEFAULT 7) SETTINGS eps = 200')
    if (statement.kind !== 'create_random_stream') throw new Error('unexpected')
    const column: Column = {
      name: 'v',
      type: 'int32',
      chType: toClickHouseType(parseType('int32')),
      default: { kind: 'default', sql: '7', chSql: '7' },
    }
    await bench.catalog.put({
      kind: 'random_stream',
      id: bench.catalog.nextId(),
      uuid: randomUUID(),
      name: { database: 'default', name: 'r' },
      sql: '',
      createdAt: 0,
      columns: [column],
      settings: { eps: '200' },
      statement,
    })
    const tail = await bench.query('SELECT v * 2 FROM r LIMIT 5')
    await tail.done
    expect(tail.rows).toEqual(Array.from({ length: 5 }, () => ['14']))
    const total = await bench.query('SELECT count() > 0, min(v) FROM r EMIT PERIODIC 100ms')
    expect((await total.take(1))[0]).toEqual([true, 7])
    await total.stop()

    await bench.stream('r_out', { v: 'int32' })
    await bench.materialize('CREATE MATERIALIZED VIEW mvr INTO r_out AS SELECT v FROM r')
    await bench.grows('r_out')
    await bench.restart()
    await bench.grows('r_out')
  })
})

describe('dedup', () => {
  it('lets the first row of a key pass, for the time to live and up to the limit', async () => {
    await bench.stream('d', { k: 'string', v: 'int32' })
    const all = await bench.query('SELECT k, v FROM dedup(d, k)')
    const two = await bench.query('SELECT k, v FROM dedup(d, k, 1h, 2)')
    for (const [k, v] of [
      ['a', 1],
      ['a', 2],
      ['b', 3],
      ['c', 4],
      ['a', 5],
      ['c', 6],
    ]) {
      await bench.insert('d', [{ k, v }])
      // One batch each, so that the limit counts from row to row.
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
    expect(await two.take(4)).toEqual([
      ['a', 1],
      ['b', 3],
      ['c', 4],
      ['a', 5],
    ])
    expect(await all.take(3)).toEqual([
      ['a', 1],
      ['b', 3],
      ['c', 4],
    ])
    await all.stop()
    await two.stop()
  })

  it('DISTINCT gives a row once, NULL included', async () => {
    await bench.stream('dist', { k: 'nullable(string)', v: 'int32' })
    const tail = await bench.query('SELECT DISTINCT k FROM dist WHERE v > 0')
    await bench.insert('dist', [
      { k: 'a', v: 1 },
      { k: null, v: 1 },
      { k: 'a', v: 2 },
    ])
    await tail.take(2)
    await bench.insert('dist', [
      { k: null, v: 1 },
      { k: 'b', v: 0 },
      { k: 'c', v: 1 },
    ])
    expect(await tail.take(3)).toEqual([['a'], [null], ['c']])
    await tail.stop()
  })

  it('works below a window', async () => {
    await bench.stream('dw', { id: 'string', ts: "datetime64(3, 'UTC')" })
    const tail = await bench.query('SELECT count() FROM tumble(dedup(dw, id), ts, 5s) GROUP BY window_start')
    await bench.insert('dw', [
      { id: 'a', ts: '2024-01-01 00:00:01' },
      { id: 'a', ts: '2024-01-01 00:00:01' },
      { id: 'b', ts: '2024-01-01 00:00:02' },
    ])
    await bench.insert('dw', [{ id: 'c', ts: '2024-01-01 00:00:06' }])
    expect(await tail.take(1)).toEqual([['2']])
    await tail.stop()
  })
})

describe('other parts of FROM', () => {
  it('ARRAY JOIN unfolds the rows of a stream', async () => {
    await bench.stream('aj', { k: 'string', xs: 'array(int32)' })
    const tail = await bench.query('SELECT k, x FROM aj ARRAY JOIN xs AS x WHERE x > 1')
    await bench.insert('aj', [{ k: 'a', xs: [1, 2, 3] }])
    expect(await tail.take(2)).toEqual([
      ['a', 2],
      ['a', 3],
    ])
    await tail.stop()
  })

  it('earliest and latest follow arrival; arrays keep it', async () => {
    await bench.stream('ord', { k: 'string', v: 'int32' })
    const tail = await bench.query(
      'SELECT k, earliest(v), latest(v), group_array(v) FROM ord GROUP BY k EMIT ON UPDATE',
    )
    await bench.insert('ord', [{ k: 'a', v: 3 }])
    await tail.take(1)
    await bench.insert('ord', [
      { k: 'a', v: 1 },
      { k: 'a', v: 2 },
    ])
    expect((await tail.take(2))[1]).toEqual(['a', 3, 2, [3, 1, 2]])
    await tail.stop()
  })

  it('a view with a list of columns renames them', async () => {
    await bench.stream('ren', { a: 'int32' })
    await bench.stream('ren_out', { x: 'int32', y: 'int64' })
    await bench.materialize(
      'CREATE MATERIALIZED VIEW mv_ren INTO ren_out (x int32, y int64) AS SELECT a, a * 2 FROM ren',
    )
    await bench.insert('ren', [{ a: 4 }])
    await bench.settled('mv_ren')
    expect(await bench.rows('ren_out', 'x, y')).toEqual([[4, '8']])
  })
})
