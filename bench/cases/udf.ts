import { join } from 'node:path'
import { type BenchCase, byHand, seconds, withEngine } from '../harness.js'

/** Both sides take turns so often, with so many calls each time, and the best of each counts: others use the machine as well. */
const ROUNDS = 3
const CALLS = 3

/** A JavaScript function over many rows, against the bare mechanism underneath. */
export const udf: BenchCase = {
  name: 'udf',
  async run({ dir, scale }) {
    const rows = Math.max(10_000, Math.round(4_000_000 * scale))
    const best = { engine: Number.POSITIVE_INFINITY, byHand: Number.POSITIVE_INFINITY }
    await withEngine(dir, async ({ client }) => {
      await client.exec(
        'CREATE FUNCTION plus_js(x int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$ function plus_js(xs) { return xs.map((x) => (x * 2 + 1) | 0) } $$',
      )
      await client.rows('SELECT sum(plus_js(to_int32(number))) AS s FROM numbers(1000)')
      const call = () => client.rows(`SELECT sum(plus_js(to_int32(number))) AS s FROM numbers(${rows})`)
      for (let round = 0; round < ROUNDS; round++) {
        for (let i = 0; i < CALLS; i++) best.engine = Math.min(best.engine, await seconds(call))
        const folder = join(dir, `hand-${round}`)
        const hand = await byHand<{ seconds: number }>('executable', { dir: folder, rows, rounds: CALLS })
        best.byHand = Math.min(best.byHand, hand.seconds)
      }
    })
    return [
      {
        what: `JavaScript function, ${rows} rows`,
        unit: 'rows/s',
        engine: rows / best.engine,
        byHand: rows / best.byHand,
        baseline: 'chDB: executable_pool over RowBinary, loop written by hand',
        moreIsBetter: true,
        limit: { of: 'ratio', bound: 0.6 },
      },
    ]
  },
}
