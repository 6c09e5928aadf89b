import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench, until } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open({ manyRows: 3 })
})
afterAll(() => bench.close())

describe('an aggregation over a changelog', () => {
  it('of many rows computes only the groups that changed, also after a restart and without any row left', async () => {
    await bench.stream(
      'many',
      { id: 'int32', g: 'nullable(string)', v: 'int32', _tp_delta: 'int8' },
      { mode: 'changelog_kv', primaryKey: ['id'] },
    )
    await bench.stream('out', { g: 'nullable(string)', c: 'uint64', s: 'int64', m: 'int32' })
    await bench.materialize(
      'CREATE MATERIALIZED VIEW groups INTO out AS SELECT g, count() AS c, sum(v) AS s, max(v) AS m FROM many GROUP BY g EMIT PERIODIC 50ms',
    )
    const change = async (_tp_delta: number, ...rows: [id: number, g: string | null, v: number][]) => {
      const before = bench.store.lastSn(bench.streamNamed('out'))
      await bench.insert(
        'many',
        rows.map(([id, g, v]) => ({ id, g, v, _tp_delta })),
      )
      await until(() => bench.store.lastSn(bench.streamNamed('out')) > before)
      return bench.rows('out', 'g, c, s, m', `WHERE _tp_sn > ${before} ORDER BY g`)
    }
    expect(await change(1, [1, 'a', 10], [2, 'a', 20], [3, 'b', 5], [4, null, 7])).toEqual([
      ['a', '2', '30', 20],
      ['b', '1', '5', 5],
      [null, '1', '7', 7],
    ])
    expect(await change(-1, [2, 'a', 20])).toEqual([
      ['a', '1', '10', 10],
      ['b', '1', '5', 5],
      [null, '1', '7', 7],
    ])
    await bench.restart()
    expect(await change(1, [5, null, 1])).toEqual([
      ['a', '1', '10', 10],
      ['b', '1', '5', 5],
      [null, '2', '8', 7],
    ])
    expect((await change(-1, [1, 'a', 10])).slice(0, 2)).toEqual([
      ['a', '0', '0', 0],
      ['b', '1', '5', 5],
    ])
  })
})
