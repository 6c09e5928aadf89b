import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BenchCase, byHand, percentile, withEngine } from '../harness.js'

const RATE = 100
const VIEWS = 4

/** One row at a time through four views, each on the one before, to a client that follows the last. */
export const chain: BenchCase = {
  name: 'chain',
  async run({ dir, scale }) {
    const events = Math.max(100, Math.round(1_000 * scale))
    const ms = await withEngine(dir, async ({ client, engine: { url } }) => {
      await client.exec('CREATE STREAM s0 (n uint64, v float64)')
      for (let i = 1; i <= VIEWS; i++) {
        await client.exec(`CREATE STREAM s${i} (n uint64, v float64)`)
        await client.exec(`CREATE MATERIALIZED VIEW mv${i} INTO s${i} AS SELECT n, v + 1 AS v FROM s${i - 1}`)
      }
      const arrived = new Map<number, number>()
      const result = await client.query<{ n: string }>(`SELECT n FROM s${VIEWS}`, { mode: 'stream' })
      const reading = (async () => {
        for await (const { n } of result.rows) arrived.set(Number(n), performance.now())
      })()
      const sent = new Map<number, number>()
      const insert = async (n: number) => {
        sent.set(n, performance.now())
        const answer = await fetch(url, { method: 'POST', body: `INSERT INTO s0 (n, v) VALUES (${n}, 1.5)` })
        if (!answer.ok) throw new Error(await answer.text())
        await answer.arrayBuffer()
      }
      const feed = async (from: number, to: number) => {
        const started = performance.now()
        const inserts: Promise<void>[] = []
        for (let n = from; n < to; n++) {
          await sleep(Math.max(0, started + ((n - from) * 1000) / RATE - performance.now()))
          inserts.push(insert(n))
        }
        await Promise.all(inserts)
        for (let i = 0; i < 1_000 && arrived.size < to; i++) await sleep(20)
      }
      const warm = Math.ceil(events / 5)
      await feed(0, warm)
      await feed(warm, warm + events)
      await result.abort()
      await reading
      if (arrived.size < warm + events) throw new Error(`${warm + events - arrived.size} events are missing`)
      return [...arrived].filter(([n]) => n >= warm).map(([n, at]) => at - sent.get(n)!)
    })
    const hand = await byHand<{ ms: number[] }>('chain', { dir: join(dir, 'hand'), events })
    return [
      { p: 0.5, bound: 60 },
      { p: 0.99, bound: 150 },
    ].map(({ p, bound }) => ({
      what: `event through ${VIEWS} views to a client, p${p * 100}, ${RATE} events/s`,
      unit: 'ms',
      engine: percentile(ms, p),
      byHand: percentile(hand.ms, p),
      baseline: 'chDB: one row through five INSERTs, one after the other',
      moreIsBetter: false,
      limit: { of: 'engine', bound },
    }))
  },
}
