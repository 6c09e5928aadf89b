import { join } from 'node:path'
import { type BenchCase, byHand, seconds, withEngine } from '../harness.js'

/** The best of so many counts: others use the machine as well. */
const ROUNDS = 3

/** A JavaScript function over many rows, against the bare mechanism underneath. */
export const udf: BenchCase = {
  name: 'udf',
  async run({ dir, scale }) {
    const rows = Math.max(10_000, Math.round(4_000_000 * scale))
    const engine = await withEngine(dir, async ({ client }) => {
      await client.exec(
        'CREATE FUNCTION plus_js(x int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$ function plus_js(xs) { return xs.map((x) => (x * 2 + 1) | 0) } $$',
      )
      await client.rows('SELECT sum(plus_js(to_int32(number))) AS s FROM numbers(1000)')
      const call = () => client.rows(`SELECT sum(plus_js(to_int32(number))) AS s FROM numbers(${rows})`)
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i < ROUNDS; i++) best = Math.min(best, await seconds(call))
      return best
    })
    const hand = await byHand<{ seconds: number }>('executable', {
      dir: join(dir, 'hand'),
      rows,
      rounds: ROUNDS,
    })
    return [
      {
        what: `JavaScript function, ${rows} rows`,
        unit: 'rows/s',
        engine: rows / engine,
        byHand: rows / hand.seconds,
        baseline: 'chDB: executable_pool over RowBinary, loop written by hand',
        moreIsBetter: true,
        limit: { of: 'ratio', bound: 0.6 },
      },
    ]
  },
}
