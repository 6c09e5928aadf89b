import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RowSource, StreamObject } from '../../../engine/contracts.js'
import { Bench } from '../streaming/harness.js'

let bench: Bench
let stream: StreamObject
beforeAll(async () => {
  bench = await Bench.open()
  stream = await bench.stream('s', { i: 'int32' })
})
afterAll(() => bench?.close())

const rows = (text: string, count: number, format = 'Values'): RowSource => ({
  kind: 'data',
  format,
  data: Buffer.from(text),
  columns: ['i'],
  count,
})

const stored = () =>
  bench.chdb.rows<[string, number]>(
    `SELECT _tp_sn, i FROM ${bench.store.slice(stream, 0, 1_000_000, { show: ['_tp_sn', 'i'] }).sql} ORDER BY _tp_sn`,
  )

it('appends that wait for each other are told their own numbers', async () => {
  const results = await Promise.all([
    bench.store.append(stream, rows('(1),(2)', 2)),
    bench.store.append(stream, rows('(3)', 1)),
    bench.store.append(stream, rows('[4]\n[5]\n[6]', 3, 'JSONCompactEachRow')),
    bench.store.append(stream, rows('(7)', 1)),
  ])
  const all = await stored()
  expect(all.map(([sn]) => Number(sn))).toEqual([1, 2, 3, 4, 5, 6, 7])
  for (const [i, [from, to]] of [
    [1, 2],
    [3, 3],
    [4, 6],
    [7, 7],
  ].entries()) {
    const { first, last, rows: count } = results[i]!
    expect(count).toBe(last - first + 1)
    const own = all.filter(([sn]) => Number(sn) >= first && Number(sn) <= last).map(([, value]) => value)
    expect(own).toEqual(Array.from({ length: to! - from! + 1 }, (_, k) => from! + k))
  }
})

it('the appends of a group are told apart by whoever reads append by append', async () => {
  const before = bench.store.lastSn(stream)
  // The first takes the stream; the others wait for it together.
  const sizes = [1, 2, 1, 3]
  const all = await Promise.all(
    sizes.map((size) => bench.store.append(stream, rows(Array(size).fill('(9)').join(','), size))),
  )
  expect(bench.store.appendsAfter(stream, before)).toEqual(all.map(({ last }) => last).sort((a, b) => a - b))
})

it('what cannot be read fails for its sender alone', async () => {
  const before = bench.store.lastSn(stream)
  const results = await Promise.allSettled([
    bench.store.append(stream, rows('(10)', 1)),
    bench.store.append(stream, rows("('no number')", 1)),
    bench.store.append(stream, rows('(11)', 1)),
    bench.store.append(stream, rows('(12)', 1)),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  const values = (await stored()).filter(([sn]) => Number(sn) > before).map(([, value]) => value)
  expect(values.sort((a, b) => a - b)).toEqual([10, 11, 12])
})

it('whoever holds the stream appends at once', async () => {
  const own = await bench.store.withWriter(stream, async (next) => {
    const { first } = await bench.store.append(stream, rows('(21)', 1))
    return first === next
  })
  expect(own).toBe(true)
})
