import { afterEach, beforeEach, expect, it } from 'vitest'
import type { RowSource, StreamObject } from '../../../engine/contracts.js'
import { Bench } from '../streaming/harness.js'

let bench: Bench
let stream: StreamObject
beforeEach(async () => {
  bench = await Bench.open()
  stream = await bench.stream('s', { i: 'int32' })
})
afterEach(() => bench?.close())

const piece = (
  token: string,
  from: number,
  count: number,
  known: number | undefined = count,
  where = '1',
) => ({
  token,
  rows: {
    kind: 'select',
    select: `SELECT toInt32(number) AS i FROM numbers(${from}, ${count}) WHERE ${where}`,
    columns: ['i'],
    count: () => known,
  } satisfies RowSource,
})

const stored = async () =>
  (
    await bench.chdb.rows<[string, number]>(
      `SELECT _tp_sn, i FROM ${bench.store.slice(stream, 0, 1_000_000, { show: ['_tp_sn', 'i'] }).sql} ORDER BY _tp_sn`,
    )
  ).map(([sn, i]) => [Number(sn), i])

it('numbers follow the pieces, whichever is written first', async () => {
  const result = await bench.store.appendPieces(stream, [piece('a:0', 0, 3), piece('a:1', 3, 2)])
  expect(result).toEqual({ rows: 5, first: 1, last: 5 })
  expect(await stored()).toEqual([0, 1, 2, 3, 4].map((i) => [i + 1, i]))
  expect(bench.store.appendsAfter(stream, 0)).toEqual([3, 5])
  expect(bench.store.isWhole(stream, 0)).toBe(true)
})

it('pieces of unknown size come one after the other', async () => {
  const unknown = (from: number) => {
    const { token, rows } = piece(`b:${from}`, from, 4, undefined, 'number % 2 = 0')
    return { token, rows: { ...rows, count: () => undefined } }
  }
  expect((await bench.store.appendPieces(stream, [unknown(0), unknown(4)])).rows).toBe(4)
  expect(await stored()).toEqual([0, 2, 4, 6].map((i, n) => [n + 1, i]))
})

it('a piece that fails is written when all are tried again, the others not twice', async () => {
  const broken = piece('c:0', 0, 2, 2, "throwIf(number = 1, 'broken') = 0")
  await expect(bench.store.appendPieces(stream, [broken, piece('c:1', 2, 2)])).rejects.toThrow('broken')
  expect(await stored()).toEqual([
    [3, 2],
    [4, 3],
  ])
  expect(bench.store.lastSn(stream)).toBe(4)
  // The numbers 1 and 2 are left out: nobody may conclude the number of rows from them.
  expect(bench.store.isWhole(stream, 0)).toBe(false)
  expect(bench.store.isWhole(stream, 4)).toBe(true)
  const again = [piece('c:0', 0, 2), piece('c:1', 2, 2)].map(({ token, rows }) => ({
    token,
    rows: { ...rows, count: () => undefined },
  }))
  expect((await bench.store.appendPieces(stream, again)).rows).toBe(2)
  expect((await stored()).map(([, i]) => i).sort()).toEqual([0, 1, 2, 3])
})

it('after a restart gaps are known, also those that nobody could note', async () => {
  await bench.store.appendPieces(stream, [piece('d:0', 0, 2), piece('d:1', 2, 2)])
  await bench.restart()
  expect(bench.store.isWhole(stream, 0)).toBe(true)
  // As if the process had ended when only the second of two pieces was written.
  await bench.chdb.run(`INSERT INTO tp.s_${stream.id} (i, _tp_sn) VALUES (9, 8)`)
  await bench.restart()
  expect(bench.store.isWhole(stream, 0)).toBe(false)
  expect(bench.store.isWhole(stream, 8)).toBe(true)
  expect(bench.store.lastSn(stream)).toBe(8)
})
