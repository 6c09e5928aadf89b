/**
 * The engine is killed (SIGKILL) at 20 random moments while 50,000 trending messages are fed to it, and each message has
 * to pass through every stage of the flagship exactly once. `FAULT_SEED=<number>` repeats a run's moments.
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse as parseCsv } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  feedTokens,
  feedTrending,
  syntheticScans,
  syntheticToken,
  type TokenList,
  type TrendingRecord,
  writeSyntheticScans,
} from '../../scripts/index.js'
import { Deployment, eventually, randomOf } from './deployment.js'

const ROOT = resolve(import.meta.dirname, '../..')
const FIXTURES = join(ROOT, 'tests/fixtures/tokens')
const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000)
const random = randomOf(seed)

const MESSAGES = 50_000
const PER_SCAN = 250
const SCAN_MS = 300_000
const KILLS = 20
/** After these kills, the engine that starts again is killed while it does. */
const TWICE = new Set([3, 9, 15])
/** Time that the feed takes beside the engine's absences: what all kills have to fit into. */
const FEED_MS = 16_000
const WATERMARK_DELAY_MS = 10_000

const LISTS: { list: TokenList; file: string }[] = [
  { list: 'strict', file: 'strict.csv' },
  { list: 'all', file: 'all.jsonl' },
  { list: 'banned', file: 'banned.csv' },
]

let deployment: Deployment
/** Addresses of each list, read from the files without the feeder. */
const listed = {} as Record<TokenList, Set<string>>
let sent: TrendingRecord[]
let alerts = 0

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist/engine/daemon.js'))) throw new Error('run `npm run build` first')
  deployment = await Deployment.start()
  await deployment.tpctl('bootstrap')
  const { client } = deployment
  for (const { list, file } of LISTS) {
    listed[list] = await addressesOf(file)
    const summary = await feedTokens({ client, list, source: 'file', file: join(FIXTURES, file) })
    expect(summary.written).toBe(listed[list].size)
  }
  await eventually(
    'the lists to arrive',
    60_000,
    async () => (await deployment.count('jupiter_tokens')) >= tokens(),
  )
  await client.exec('CREATE STREAM alerts (id uint64)')
  const unknown = Array.from({ length: 200 }, (_, i) => syntheticToken(i).address as string)
  const known = new Set([...listed.strict, ...listed.all, ...listed.banned])
  // Spread by the middle of the address, so that each scan has tokens of every class.
  const addresses = [...known, ...unknown].sort((a, b) => (a.slice(9) < b.slice(9) ? -1 : 1))
  const scans = { messages: MESSAGES, perScan: PER_SCAN, addresses }
  sent = [...syntheticScans(scans)].flat()
  await writeSyntheticScans(join(deployment.stateDir, 'scans.jsonl'), scans)
}, 180_000)
afterAll(() => deployment?.stop())

async function addressesOf(file: string): Promise<Set<string>> {
  const text = await readFile(join(FIXTURES, file), 'utf8')
  const rows: Record<string, string>[] = file.endsWith('.csv')
    ? parseCsv(text, { columns: true })
    : text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, string>)
  // A few addresses of the old list are of another chain.
  return new Set(
    rows.map((row) => row.Mint ?? row.address!).filter((address) => !address.startsWith('terra')),
  )
}

const tokens = () => listed.strict.size + listed.all.size + listed.banned.size

const keyOf = (row: { ts: string; address: string }) => `${row.ts} ${row.address}`

function classOf(address: string): string {
  if (listed.strict.has(address)) return 'strict'
  if (listed.banned.has(address)) return 'banned'
  return listed.all.has(address) ? 'all' : 'unknown'
}

/** How the rows of a relation differ from those that are due, by scan and token, with a few examples of each. */
async function differences(from: string, due: { ts: string; address: string }[]) {
  const rows = await deployment.client.rows<{ key: string; n: string }>(
    `SELECT concat(to_string(ts), ' ', address) AS key, count() AS n FROM ${from} GROUP BY key`,
  )
  const found = new Map(rows.map(({ key, n }) => [key, Number(n)]))
  const expected = new Set(due.map(keyOf))
  expect(expected.size).toBe(due.length)
  const summary = (list: string[]) => ({ count: list.length, first: list.slice(0, 3) })
  return {
    missing: summary([...expected].filter((key) => !found.has(key))),
    doubled: summary([...found].filter(([, n]) => n > 1).map(([key, n]) => `${key}: ${n}`)),
    unexpected: summary([...found.keys()].filter((key) => !expected.has(key))),
  }
}
const NONE = { count: 0, first: [] }
const EXACTLY_ONCE = { missing: NONE, doubled: NONE, unexpected: NONE }

/** Rows inserted one by one for as long as the feed runs, each repeated with its id until it is acknowledged. */
async function insertAlerts(isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const id = alerts + 1
    try {
      const answer = await fetch(
        `http://127.0.0.1:${deployment.ports.stream}/proton/v1/ingest/streams/alerts`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-timeplus-idempotent-id': `alert-${id}` },
          body: JSON.stringify({ columns: ['id'], data: [[id]] }),
        },
      )
      if (answer.ok) alerts = id
      await answer.text()
    } catch {
      await sleep(20)
    }
  }
}

describe(`kill -9 at ${KILLS} random moments of a feed of ${MESSAGES} messages (FAULT_SEED=${seed})`, () => {
  it('the feed survives it', { timeout: 300_000 }, async () => {
    let progress = 0
    let ended = false
    const feed = feedTrending({
      source: 'replay',
      file: join(deployment.stateDir, 'scans.jsonl'),
      speed: (SCAN_MS * (MESSAGES / PER_SCAN)) / FEED_MS,
      brokers: [deployment.brokers],
      // What is in doubt after a failure is the last 500 messages.
      dedupeMessages: 5_000,
      progress: ({ written, duplicates }) => {
        progress = written + duplicates
      },
    }).finally(() => {
      ended = true
    })
    feed.catch(() => {})
    const inserting = insertAlerts(() => ended)
    const recovery: number[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      // One in each twentieth of the feed, so that they do not all fall together.
      const moment = ((kill + random()) / KILLS) * 0.98 * MESSAGES
      while (progress < moment && !ended) await sleep(1)
      expect(ended).toBe(false)
      await sleep(random() * 80)
      await deployment.killEngine()
      if (TWICE.has(kill)) await deployment.killWhileStarting(random() * 1_000)
      recovery.push(await deployment.restartEngine())
    }
    const summary = await feed
    await inserting
    expect(summary).toMatchObject({ written: MESSAGES, duplicates: 0, rejected: 0 })
    recovery.sort((a, b) => a - b)
    const [median, worst] = [recovery[KILLS / 2]!, recovery.at(-1)!].map((ms) => `${ms.toFixed(0)} ms`)
    console.log(`FAULT_SEED=${seed}: engine back ${median} (median), ${worst} (worst) after a kill`)
  })

  it('every message is in the topic and categorized exactly once, in the right class', {
    timeout: 120_000,
  }, async () => {
    const categorized = () => deployment.count('trending_categorized')
    await eventually('all messages to be categorized', 60_000, async () => (await categorized()) >= MESSAGES)
    expect(await differences('trending', sent)).toEqual(EXACTLY_ONCE)
    expect(await differences('trending_categorized', sent)).toEqual(EXACTLY_ONCE)
    const classes = await deployment.client.rows<{ address: string; class: string }>(
      'SELECT DISTINCT address, jup_token_type AS class FROM trending_categorized',
    )
    expect(classes.filter((row) => row.class !== classOf(row.address))).toEqual([])
    expect(new Set(classes.map((row) => row.class))).toEqual(new Set(['strict', 'all', 'banned', 'unknown']))
    expect(await deployment.count('system.dead_letters')).toBe(0)
  })

  it('those ranked below 20 are enriched exactly once', { timeout: 120_000 }, async () => {
    const top = sent.filter(({ rank }) => rank < 20)
    const enriched = () => deployment.count('trending_enriched')
    await eventually('enrichment', 60_000, async () => (await enriched()) >= top.length)
    expect(await differences('trending_enriched', top)).toEqual(EXACTLY_ONCE)
  })

  it('those that pass the screen are signals exactly once', { timeout: 120_000 }, async () => {
    const screened = await deployment.client.rows<{ key: string }>(
      "SELECT concat(to_string(ts), ' ', address) AS key FROM trending_screened",
    )
    const due = new Set(screened.map(({ key }) => key))
    expect(due.size).toBeGreaterThan(100)
    const signals = () => deployment.count('trending_signals')
    await eventually('signals', 60_000, async () => (await signals()) >= due.size)
    expect(
      await differences(
        'trending_signals',
        sent.filter((row) => due.has(keyOf(row))),
      ),
    ).toEqual(EXACTLY_ONCE)
  })

  it('the windows of signals add up', { timeout: 120_000 }, async () => {
    const { client } = deployment
    const signals = await client.rows<{ ms: string; class: string }>(
      'SELECT to_unix_timestamp64_milli(ts) AS ms, jup_token_type AS class FROM trending_signals ORDER BY _tp_sn',
    )
    // Partitions of a topic are not read in step, so a row may come after its window has closed. Which rows did
    // depends on how they were batched: those that are not behind any row before them surely did not.
    const total = new Map<string, number>()
    const inTime = new Map<string, number>()
    let newest = 0
    for (const row of signals) {
      const ms = Number(row.ms)
      const key = `${ms - (ms % SCAN_MS)} ${row.class}`
      total.set(key, (total.get(key) ?? 0) + 1)
      if (ms >= newest - WATERMARK_DELAY_MS) inTime.set(key, (inTime.get(key) ?? 0) + 1)
      newest = Math.max(newest, ms)
    }
    const isClosed = (key: string) => Number(key.split(' ')[0]) + SCAN_MS <= newest - WATERMARK_DELAY_MS
    const due = [...inTime.keys()].filter(isClosed)
    expect(due.length).toBeGreaterThan(50)
    await eventually('windows', 60_000, async () => (await deployment.count('signals_5m')) >= due.length)
    const windows = await client.rows<{ key: string; signals: string }>(
      "SELECT concat(to_string(to_unix_timestamp64_milli(window_start)), ' ', jup_token_type) AS key, signals FROM signals_5m",
    )
    const found = new Map(windows.map(({ key, signals }) => [key, Number(signals)]))
    expect(found.size).toBe(windows.length)
    expect(due.filter((key) => !found.has(key))).toEqual([])
    const wrong = [...found].filter(
      ([key, n]) => !isClosed(key) || n > (total.get(key) ?? 0) || n < (inTime.get(key) ?? 0),
    )
    expect(wrong).toEqual([])
    // Partitions are read in the order of their messages' time, so hardly any is late.
    const sum = (counts: Map<string, number>) =>
      [...counts].reduce((all, [key, n]) => all + (isClosed(key) ? n : 0), 0)
    expect(sum(found)).toBeGreaterThan(0.95 * sum(total))
  })

  it('the token lists are as they were', async () => {
    for (const { list } of LISTS) expect(await deployment.count(`token_${list}_raw`)).toBe(listed[list].size)
    expect(await deployment.count('jupiter_tokens')).toBe(tokens())
  })

  it('of the rows inserted meanwhile with an idempotent id, each is there once', async () => {
    const [row] = await deployment.client.rows<Record<string, string>>(
      'SELECT count() AS n, unique_exact(id) AS ids, max(id) AS last FROM alerts',
    )
    expect(alerts).toBeGreaterThan(KILLS)
    expect(row).toEqual({ n: String(alerts), ids: String(alerts), last: String(alerts) })
  })
})
