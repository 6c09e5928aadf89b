/** What a view keeps of rows that are through: nothing that grows with them. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { STATE_DATABASE } from '../../../engine/streaming/pipe.js'
import { Bench } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

const BATCHES = 80
const GROUPS = 20

/** Every batch closes the window of the one before. */
const rowsOf = (batch: number) =>
  Array.from({ length: GROUPS }, (_, k) => ({
    k: String(k),
    v: batch,
    ts: new Date(Date.UTC(2024, 0, 1, 0, 0, batch)).toISOString().slice(0, 23),
  }))

it('state is of what is open, and a batch leaves one record, however many rows went through', {
  timeout: 120_000,
}, async () => {
  await bench.stream('s', { k: 'string', v: 'int64', ts: "datetime64(3, 'UTC')" })
  await bench.stream('windows', { k: 'string', n: 'int64' })
  await bench.stream('totals', { k: 'string', n: 'int64' })
  await bench.materialize(
    'CREATE MATERIALIZED VIEW by_window INTO windows AS SELECT k, count() AS n FROM tumble(s, ts, 1s) GROUP BY k, window_start',
  )
  await bench.materialize(
    'CREATE MATERIALIZED VIEW by_key INTO totals AS SELECT k, count() AS n FROM s GROUP BY k EMIT ON UPDATE',
  )
  for (let batch = 0; batch < BATCHES; batch++) {
    await bench.insert('s', rowsOf(batch))
    // Batches of one append each, so that there are as many.
    if (batch % 10 === 9) for (const view of ['by_window', 'by_key']) await bench.settled(view)
  }
  const total = bench.status('by_window')!
  expect(total.batches).toBeGreaterThan(BATCHES / 20)
  const [[tables]] = (await bench.chdb.rows(
    `SELECT count() FROM system.tables WHERE database = '${STATE_DATABASE}' AND engine = 'AggregatingMergeTree'`,
  )) as [[string]]
  expect(tables).toBe('2')
  // Merging and deleting go on in the background.
  const kept = async () => {
    const rows = await bench.chdb.rows<[string]>(
      `SELECT name FROM system.tables WHERE database = '${STATE_DATABASE}' AND engine = 'AggregatingMergeTree'`,
    )
    let sum = 0
    for (const [name] of rows) {
      await bench.chdb.run(`OPTIMIZE TABLE ${STATE_DATABASE}.\`${name}\` FINAL`)
      const [[count]] = (await bench.chdb.rows(`SELECT count() FROM ${STATE_DATABASE}.\`${name}\``)) as [
        [string],
      ]
      sum += Number(count)
    }
    return sum
  }
  // Twenty groups of the sums; of the windows, those that closed since state was last cleared.
  await expect.poll(kept, { timeout: 20_000 }).toBeLessThan(GROUPS * (BATCHES - 20))
  await bench.restart()
  await bench.insert('s', rowsOf(BATCHES))
  for (const view of ['by_window', 'by_key']) await bench.settled(view)
  expect(await bench.rows('windows', 'count(), sum(n)', '')).toEqual([
    [String(GROUPS * BATCHES), String(GROUPS * BATCHES)],
  ])
  // Of all that went through before, the last batch is run again at most.
  expect(bench.status('by_key')!.batches).toBeLessThanOrEqual(2)
})
