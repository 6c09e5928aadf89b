import { appendFileSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Column, RowSource, StreamObject } from '../../../engine/contracts.js'
import { Bench } from '../streaming/harness.js'

let bench: Bench
beforeEach(async () => {
  bench = await Bench.open()
})
afterEach(() => bench?.close())

const json = (rows: object[], columns: string[]): RowSource => ({
  kind: 'data',
  format: 'JSONEachRow',
  data: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')),
  columns,
})
const numbers = (from: number, count: number) =>
  json(
    Array.from({ length: count }, (_, i) => ({ i: from + i })),
    ['i'],
  )

/** As all readers see it. */
async function seen(stream: StreamObject, from = 0, to = 1_000_000): Promise<unknown[]> {
  const { sql } = bench.store.slice(stream, from, to, { show: ['_tp_sn', 'i'], ordered: true })
  return (await bench.chdb.rows<[string, number]>(`SELECT * FROM ${sql}`)).map(([sn, i]) => [Number(sn), i])
}
const inTable = async (stream: StreamObject) =>
  Number((await bench.chdb.rows(`SELECT toUInt32(count()) FROM tp.s_${stream.id}`))[0]![0])

it('few rows wait in the log, and are read like all others', async () => {
  const stream = await bench.stream('s', { i: 'int32' })
  await bench.store.append(stream, numbers(1, 2))
  await bench.store.append(stream, numbers(3, 1))
  expect(await inTable(stream)).toBe(0)
  expect(await seen(stream)).toEqual([1, 2, 3].map((i) => [i, i]))
  expect(await seen(stream, 1, 2)).toEqual([[2, 2]])
  const whole = () =>
    bench.chdb.rows(`SELECT i, _tp_shard FROM ${bench.store.current(stream).sql} ORDER BY i`)
  expect(await whole()).toEqual([1, 2, 3].map((i) => [i, 0]))
  const times = async () =>
    bench.chdb.rows(
      `SELECT toString(_tp_time), toString(_tp_append_time) FROM ${bench.store.current(stream).sql}`,
    )
  const before = await times()
  await bench.store.settle(stream)
  expect(await inTable(stream)).toBe(3)
  expect(await times()).toEqual(before)
  await bench.store.append(stream, numbers(4, 1))
  expect(await inTable(stream)).toBe(3)
  expect(await seen(stream)).toEqual([1, 2, 3, 4].map((i) => [i, i]))
  expect(await seen(stream, 2, 4)).toEqual([
    [3, 3],
    [4, 4],
  ])
  expect(await whole()).toHaveLength(4)
})

it('what was written with a statement reads the same when the rows have moved meanwhile', async () => {
  const stream = await bench.stream('s', { i: 'int32' })
  await bench.store.append(stream, numbers(1, 2))
  const before = bench.store.slice(stream, 0, 2).sql
  await bench.store.settle(stream)
  await bench.store.append(stream, numbers(3, 1))
  const across = bench.store.slice(stream, 0, 3).sql
  await bench.store.settle(stream)
  const count = async (sql: string) => (await bench.chdb.rows(`SELECT toUInt32(count()) FROM ${sql}`))[0]
  expect([await count(before), await count(across)]).toEqual([[2], [3]])
})

it('many rows go behind those that wait', async () => {
  const stream = await bench.stream('s', { i: 'int32' })
  await bench.store.append(stream, numbers(1, 2))
  await bench.store.append(stream, {
    kind: 'select',
    select: 'SELECT toInt32(number + 3) AS i FROM numbers(3)',
    columns: ['i'],
  })
  expect(await inTable(stream)).toBe(5)
  expect(await seen(stream)).toEqual([1, 2, 3, 4, 5].map((i) => [i, i]))
})

it('what waits when the process ends is there after the start, once', async () => {
  const stream = await bench.stream('s', { i: 'int32' })
  await bench.store.append(stream, numbers(1, 2), { token: 'v9:4:out', few: true })
  const log = join(bench.dir, 'hot.log')
  const copy = join(bench.dir, 'copy.log')
  copyFileSync(log, copy)
  await bench.store.settle(stream)
  bench.store.close()
  // The process ended behind the write into the table, before that was noted.
  copyFileSync(copy, log)
  await bench.restart()
  expect(await seen(stream)).toEqual([1, 2].map((i) => [i, i]))
  // Its writer repeats the batch.
  expect(await bench.store.append(stream, numbers(1, 2), { token: 'v9:4:out' })).toMatchObject({ rows: 0 })
  await bench.store.append(stream, numbers(3, 1), { token: 'v9:5:out', few: true })
  bench.store.close()
  // And here in the middle of a record.
  appendFileSync(log, readFileSync(log).subarray(0, 20))
  await bench.restart()
  expect(await seen(stream)).toEqual([1, 2, 3].map((i) => [i, i]))
  expect(await bench.store.append(stream, numbers(3, 1), { token: 'v9:5:out' })).toMatchObject({ rows: 0 })
  expect(bench.store.lastSn(stream)).toBe(3)
  expect(bench.store.isWhole(stream, 0)).toBe(true)
})

it('values of all plain types are what an INSERT makes of them', async () => {
  const types = {
    i8: 'int8',
    u64: 'uint64',
    f: 'float64',
    b: 'bool',
    s: 'string',
    fs: 'fixed_string(4)',
    d: 'date',
    dt: "datetime('UTC')",
    dt64: "datetime64(6, 'UTC')",
    de: 'decimal(20, 4)',
    e: "enum8('x' = 1, 'y' = 2)",
    n: 'nullable(int32)',
    lc: 'low_cardinality(string)',
    a: 'array(nullable(string))',
    m: 'map(string, int32)',
    t: 'tuple(p int8, q string)',
    id: 'uuid',
    ip: 'ipv4',
  }
  const row = {
    ...{ i8: -5, u64: '18446744073709551615', f: 0.1, b: true, s: "a'\\\n ü", fs: 'ab', d: '2026-01-02' },
    ...{ dt: '2026-01-02 03:04:05', dt64: '2026-01-02 03:04:05.678901', de: '12345.6789', e: 'y', n: null },
    ...{ lc: 'low', a: ['x', null], m: { k: 1 }, t: { p: 1, q: 'z' } },
    ...{ id: '61f0c404-5cb3-11e7-907b-a6006ad3dba0', ip: '10.1.2.3' },
  }
  const rows = [row, { i8: 1 }]
  const hot = await bench.stream('hot', types)
  const cold = await bench.stream('cold', types)
  await bench.store.append(hot, json(rows, Object.keys(types)))
  await bench.store.append(cold, json(rows, Object.keys(types)), { few: false })
  expect([await inTable(hot), await inTable(cold)]).toEqual([0, 2])
  const list = Object.keys(types).join(', ')
  const read = async (stream: StreamObject) => {
    const { sql } = bench.store.current(stream)
    return Buffer.from(
      await bench.chdb.run(`SELECT ${list} FROM ${sql} ORDER BY i8`, { format: 'JSONEachRow' }),
    ).toString()
  }
  const written = await read(hot)
  expect(written).toBe(await read(cold))
  await bench.store.settle(hot)
  expect(await read(hot)).toBe(written)
})

it('statements about the table take the rows that wait along', async () => {
  const stream = await bench.stream('s', { i: 'int32' })
  await bench.store.append(stream, numbers(1, 3))
  await bench.store.delete(stream, 'i = 2')
  expect(await seen(stream)).toEqual([
    [1, 1],
    [3, 3],
  ])
  await bench.store.append(stream, numbers(4, 1))
  await bench.store.truncate(stream)
  expect(await seen(stream)).toEqual([])
  await bench.store.append(stream, numbers(5, 1))
  expect(await seen(stream)).toEqual([[5, 5]])
  await bench.store.drop(stream)
})

it('a column that is added has its default also in rows of writers that do not know it', async () => {
  const stream = await bench.stream('s', { i: 'int32' })
  await bench.store.append(stream, numbers(1, 1))
  const column = {
    name: 'j',
    type: 'int32',
    chType: 'Int32',
    default: { kind: 'default', sql: 'i + 1', chSql: '`i` + 1' },
  }
  await bench.store.addColumn(stream, column as Column)
  const altered = { ...stream, columns: [...stream.columns, column as Column] }
  await bench.store.append(stream, numbers(2, 1))
  await bench.store.append(altered, json([{ i: 3, j: 7 }], ['i', 'j']))
  await bench.store.append(stream, numbers(4, 1))
  expect(await inTable(stream)).toBe(1)
  expect(await seen(stream)).toEqual([1, 2, 3, 4].map((i) => [i, i]))
  const all = () => bench.chdb.rows(`SELECT i, j FROM ${bench.store.current(altered).sql} ORDER BY i`)
  const expected = [
    [1, 2],
    [2, 3],
    [3, 7],
    [4, 5],
  ]
  expect(await all()).toEqual(expected)
  await bench.store.settle(stream)
  expect(await all()).toEqual(expected)
})
