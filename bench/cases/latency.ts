import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../cli/package_root.js'
import { feedTokens } from '../../scripts/index.js'
import {
  type BenchCase,
  type BenchEngine,
  byHand,
  deployFlagship,
  percentile,
  withEngine,
} from '../harness.js'
import { withProducer } from '../produce.js'

/** Events per second while latency is measured. */
const RATE = 50

/** From a message's sending to its signal at a client: Kafka, three views, two functions. */
export const latency: BenchCase = {
  name: 'latency',
  async run({ dir, scale }) {
    const events = Math.max(20, Math.round(500 * scale))
    const ms = await withEngine(dir, async (engine) => {
      await deployFlagship(engine)
      const list = join(packageRoot(), 'tests/fixtures/tokens/strict.csv')
      await feedTokens({ client: engine.client, list: 'strict', source: 'file', file: list })
      return eventToSignal(engine, events)
    })
    const hand = await byHand<{ ms: number[] }>('chain', { dir: join(dir, 'hand'), events })
    return [0.5, 0.99].map((p) => ({
      what: `event → signal, p${p * 100}, ${RATE} events/s`,
      unit: 'ms',
      engine: percentile(ms, p),
      byHand: percentile(hand.ms, p),
      baseline: 'chDB: one row through five INSERTs in a row, without Kafka and functions',
      moreIsBetter: false,
    }))
  },
}

async function eventToSignal({ client, engine }: BenchEngine, events: number): Promise<number[]> {
  const tokens = await client.rows<{ address: string }>(
    'SELECT address FROM token_strict_raw ORDER BY address LIMIT 100',
  )
  const sent = new Map<string, number>()
  const arrived = new Map<string, number>()
  const keyOf = (ts: string, address: string) => `${ts.slice(0, 23).replace(' ', 'T')}|${address}`
  const result = await client.query<{ ts: string; address: string }>(
    'SELECT ts, address FROM trending_signals',
    { mode: 'stream' },
  )
  const reading = (async () => {
    for await (const { ts, address } of result.rows) arrived.set(keyOf(ts, address), performance.now())
  })()
  let clock = Date.UTC(2026, 0, 1)
  await withProducer(engine.brokers, async (send) => {
    const message = (address: string) => {
      const ts = new Date(clock++).toISOString().slice(0, 23)
      sent.set(keyOf(ts, address), performance.now())
      return JSON.stringify({
        ts,
        source: 'bench',
        window: '5m',
        rank: 1,
        address,
        liquidity_usd: 1e6,
        volume_24h_usd: 1e6,
      })
    }
    // Which tokens pass the screen is known after the first round, which warms everything up as well.
    await send(
      'trending_5m',
      tokens.map(({ address }) => message(address)),
    )
    await sleep(3_000)
    const passing = [...arrived.keys()].map((key) => key.split('|')[1]!)
    if (passing.length === 0) throw new Error('no token passed the screen')
    sent.clear()
    arrived.clear()
    for (let i = 0; i < events; i++) {
      await Promise.all([send('trending_5m', [message(passing[i % passing.length]!)]), sleep(1000 / RATE)])
    }
  })
  for (let i = 0; i < 500 && arrived.size < events; i++) await sleep(20)
  await result.abort()
  await reading
  if (arrived.size < events) throw new Error(`${events - arrived.size} of ${events} signals are missing`)
  return [...arrived].map(([key, at]) => at - sent.get(key)!)
}
