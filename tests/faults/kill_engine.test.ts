/**
 * The engine is killed (SIGKILL) at 20 random moments while 50,000 trending messages are fed to it, and each message has
 * to pass through every stage of the flagship exactly once. `FAULT_SEED=<number>` repeats a run's moments.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { feedTokens, feedTrending, syntheticScans, syntheticToken, type TokenList, writeSyntheticScans } from '../../scripts/index.js'
import { Deployment, eventually, randomOf } from './deployment.js'

const ROOT = resolve(import.meta.dirname, '../..')
const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000)
const random = randomOf(seed)

const MESSAGES = 50_000
const PER_SCAN = 100
const KILLS = 20
/** Time that the feed takes beside the engine's absences: what all kills have to fit into. */
const FEED_MS = 16_000
const LISTS: { list: TokenList; file: string }[] = [
  { list: 'strict', file: 'tokens/strict.csv' },
  { list: 'all', file: 'tokens/all.jsonl' },
  { list: 'banned', file: 'tokens/banned.csv' },
]

let deployment: Deployment
const listed: Record<string, number> = {}
let scans: { messages: number; perScan: number; addresses: string[] }

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist/engine/daemon.js'))) throw new Error('run `npm run build` first')
  deployment = await Deployment.start()
  await deployment.tpctl('bootstrap')
  const { client } = deployment
  for (const { list, file } of LISTS) {
    const path = join(ROOT, 'tests/fixtures', file)
    listed[list] = (await feedTokens({ client, list, source: 'file', file: path })).valid
  }
  const total = listed.strict! + listed.all! + listed.banned!
  await eventually('the lists to arrive', 20_000, async () => (await deployment.count('jupiter_tokens')) >= total)
  const known = await client.rows<{ address: string }>('SELECT address FROM token_classes ORDER BY address')
  const unknown = Array.from({ length: 200 }, (_, i) => syntheticToken(i).address as string)
  // Spread, so that each scan has tokens of every class.
  const addresses = [...known.map((row) => row.address), ...unknown].sort((a, b) => (a.slice(-6) < b.slice(-6) ? -1 : 1))
  scans = { messages: MESSAGES, perScan: PER_SCAN, addresses }
  await writeSyntheticScans(join(deployment.stateDir, 'scans.jsonl'), scans)
})
afterAll(() => deployment?.stop())

const keyOf = (row: { ts: string; address: string }) => `${row.ts} ${row.address}`

/** How the rows of a relation differ from those that were sent, with a few examples of each. */
async function differences(from: string, sent: { ts: string; address: string }[]) {
  const rows = await deployment.client.rows<{ key: string; n: string }>(
    `SELECT concat(to_string(ts), ' ', address) AS key, count() AS n FROM ${from} GROUP BY key`,
  )
  const found = new Map(rows.map(({ key, n }) => [key, Number(n)]))
  const expected = new Set(sent.map(keyOf))
  expect(expected.size).toBe(sent.length)
  const summary = (list: string[]) => ({ count: list.length, first: list.slice(0, 3) })
  return {
    missing: summary([...expected].filter((key) => !found.has(key))),
    doubled: summary([...found].filter(([, n]) => n > 1).map(([key, n]) => `${key}: ${n}`)),
    unexpected: summary([...found.keys()].filter((key) => !expected.has(key))),
  }
}
const NONE = { count: 0, first: [] }
const EXACTLY_ONCE = { missing: NONE, doubled: NONE, unexpected: NONE }

describe(`kill -9 at ${KILLS} random moments of a feed of ${MESSAGES} messages (FAULT_SEED=${seed})`, () => {
  const recovered: number[] = []

  it('the feed survives it', { timeout: 150_000 }, async () => {
    let sent = 0
    let ended = false
    const feed = feedTrending({
      source: 'replay',
      file: join(deployment.stateDir, 'scans.jsonl'),
      speed: (300_000 * (MESSAGES / PER_SCAN)) / FEED_MS,
      brokers: [deployment.brokers],
      progress: ({ written, duplicates }) => {
        sent = written + duplicates
      },
    }).finally(() => {
      ended = true
    })
    feed.catch(() => {})
    const start = performance.now()
    for (let kill = 0; kill < KILLS; kill++) {
      // One in each twentieth of the feed, so that they do not all fall together.
      const moment = ((kill + random()) / KILLS) * 0.98 * MESSAGES
      while (sent < moment && !ended) await sleep(1)
      expect(ended).toBe(false)
      await sleep(random() * 30)
      const t0 = performance.now()
      await deployment.killEngine()
      const t1 = performance.now()
      recovered.push(await deployment.restartEngine())
      console.log(kill, sent, Math.round(t1 - t0), Math.round(recovered.at(-1)!), Math.round(performance.now() - start))
    }
    const summary = await feed
    expect(summary.written + summary.duplicates).toBe(MESSAGES)
    const sorted = [...recovered].sort((a, b) => a - b)
    console.log(
      `FAULT_SEED=${seed}: ${KILLS} kills, engine back after ${sorted[KILLS / 2]!.toFixed(0)} ms (median), ${sorted.at(-1)!.toFixed(0)} ms (worst); feed ${summary.seconds.toFixed(1)} s`,
    )
  })

  it('every message is categorized exactly once', async () => {
    await eventually('all messages to be categorized', 30_000, async () => (await deployment.count('trending_categorized')) >= MESSAGES)
    const sent = [...syntheticScans(scans)].flat()
    expect(await differences('trending', sent)).toEqual(EXACTLY_ONCE)
    expect(await differences('trending_categorized', sent)).toEqual(EXACTLY_ONCE)
  })

  it('of those ranked below 20, each is enriched exactly once', async () => {
    const top = [...syntheticScans(scans)].flat().filter(({ rank }) => rank < 20)
    await eventually('enrichment', 30_000, async () => (await deployment.count('trending_enriched')) >= top.length)
    expect(await differences('trending_enriched', top)).toEqual(EXACTLY_ONCE)
  })
})
