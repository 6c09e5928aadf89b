/**
 * kill -9 of the engine at random moments over pipelines of each kind. Rows and messages are sent again until they are
 * acknowledged; whatever the engine was doing when it died, each must count once. `npm run faults -- --kills 100
 * --seed 7` is the same, longer; a seed repeats the moments.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Daemon, type Ready, sql } from '../engine/daemon/process.js'
import { eventually, randomOf } from './deployment.js'
import { ACCOUNTS, type Fed, PIPELINES, SOURCES } from './pipelines.js'

const KILLS = Number(process.env.FAULT_KILLS ?? 4)
const seed = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000)
const random = randomOf(seed)
/** The longest time from the engine's readiness to its end, and how many of its starts are cut short. */
const LIFE_MS = 2_500
const KILLED_WHILE_STARTING = 0.15
const SETTLED_WITHIN_MS = 90_000
const SCRIPT = join(resolve(import.meta.dirname, '../..'), 'dist/engine/daemon.js')

let dir: string
let daemon: Daemon
let ready: Ready
const fed: Fed = { n: 0, messages: 0 }

beforeAll(async () => {
  if (!existsSync(SCRIPT)) throw new Error('run `npm run build` first')
  dir = await mkdtemp(join(tmpdir(), 'tpctl-exactly-once-'))
  daemon = await Daemon.spawn(SCRIPT, dir)
  ready = await daemon.ready()
  const kafka = new Kafka({ brokers: [ready.brokers], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'messages', numPartitions: 3 }] })
  await admin.disconnect()
  for (const statement of SOURCES) await sql(ready.url, statement)
  const keys = Array.from({ length: ACCOUNTS }, (_, i) => i)
  await ingest(
    'names',
    ['k', 'name'],
    keys.map((i) => [String(i), `of ${i}`]),
    'names',
  )
  await ingest(
    'rates',
    ['k', 'ver', 'rate'],
    keys.map((i) => [String(i), 0, i]),
    'rates',
  )
  for (const { statements } of PIPELINES) {
    for (const statement of statements(ready.brokers)) await sql(ready.url, statement)
  }
})
afterAll(async () => {
  await daemon?.end('SIGTERM')
  await rm(dir, { recursive: true, force: true })
})

/** Sends a block again until it is acknowledged, under one id. */
async function ingest(stream: string, columns: string[], data: unknown[][], id: string): Promise<void> {
  for (;;) {
    try {
      const answer = await fetch(`${ready.streamUrl}/proton/v1/ingest/streams/${stream}`, {
        method: 'POST',
        headers: { 'x-timeplus-idempotent-id': id },
        body: JSON.stringify({ columns, data }),
      })
      const text = await answer.text()
      if (answer.ok) return
      if (answer.status < 500) throw new Error(text)
    } catch (cause) {
      if (cause instanceof Error && cause.message.includes('DB::Exception')) throw cause
    }
    await sleep(20)
  }
}

/** Every 50 rows there is a pause of their time, which ends a session. */
const rowOf = (v: number) => {
  const ms = Date.UTC(2026, 0, 1) + v * 20 + Math.floor(v / 50) * 10_000
  return [v, String(v % ACCOUNTS), new Date(ms).toISOString().slice(0, 23).replace('T', ' ')]
}

async function feedRows(isOver: () => boolean): Promise<void> {
  for (let block = 0; !isOver(); block++) {
    const count = 1 + ((block * 37) % 120)
    const rows = Array.from({ length: count }, (_, i) => rowOf(fed.n + 1 + i))
    await ingest('src', ['v', 'k', 'ts'], rows, `src-${block}`)
    const balances = rows.slice(-ACCOUNTS).map(([v, k]) => [k, v])
    await ingest('accounts', ['k', 'balance'], balances, `accounts-${block}`)
    fed.n += count
    await sleep(30)
  }
}

async function feedMessages(producer: Producer, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const from = fed.messages
    const messages = Array.from({ length: 30 }, (_, i) => ({
      partition: (from + i) % 3,
      value: `{"v":${from + i + 1}}`,
    }))
    await producer.send({ topic: 'messages', messages })
    fed.messages += messages.length
    await sleep(30)
  }
}

/** kill -9, perhaps again while the engine starts; milliseconds until it was ready again. */
async function killAndRestart(): Promise<number> {
  await daemon.end('SIGKILL')
  while (random() < KILLED_WHILE_STARTING) {
    const starting = await Daemon.spawn(SCRIPT, dir, ready.ports)
    await sleep(random() * 1_000)
    await starting.end('SIGKILL')
  }
  const started = performance.now()
  daemon = await Daemon.spawn(SCRIPT, dir, ready.ports)
  ready = await daemon.ready()
  return performance.now() - started
}

it(`${KILLS} times kill -9 (FAULT_SEED=${seed}): nothing lost, nothing double, in pipelines of each kind`, {
  timeout: 120_000 + KILLS * 15_000,
}, async () => {
  const retry = { initialRetryTime: 20, maxRetryTime: 100, retries: 10_000 }
  const kafka = new Kafka({ brokers: [ready.brokers], logLevel: logLevel.NOTHING, retry })
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  let over = false
  const feeding = Promise.all([feedRows(() => over), feedMessages(producer, () => over)])
  feeding.catch(() => {})
  const recovery: number[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(random() * LIFE_MS)
    recovery.push(await killAndRestart())
  }
  over = true
  await feeding
  await producer.disconnect()
  // Closes all windows but its own.
  fed.n++
  const last = [fed.n, String(fed.n % ACCOUNTS), '2030-01-01 00:00:00.000']
  await ingest('src', ['v', 'k', 'ts'], [last], 'last')
  await ingest('accounts', ['k', 'balance'], [[last[1], last[0]]], 'last')

  const answers = async () =>
    Object.fromEntries(
      await Promise.all(
        PIPELINES.map(async ({ kind, check }) => {
          const row = JSON.parse(await sql(ready.url, check)) as unknown[]
          return [kind, row.map(String)] as const
        }),
      ),
    )
  const due = Object.fromEntries(PIPELINES.map(({ kind, due }) => [kind, due(fed)]))
  await eventually('all rows to be through', SETTLED_WITHIN_MS, async () => {
    return JSON.stringify(await answers()) === JSON.stringify(due)
  }).catch(() => {})
  expect(await answers()).toEqual(due)
  expect(fed.n).toBeGreaterThan(KILLS)
  expect(fed.messages).toBeGreaterThan(KILLS)
  recovery.sort((a, b) => a - b)
  const [median, worst] = [recovery[recovery.length >> 1]!, recovery.at(-1)!].map(
    (ms) => `${ms.toFixed(0)} ms`,
  )
  console.log(
    `FAULT_SEED=${seed}: ${KILLS} kills, ${fed.n} rows and ${fed.messages} messages through ${PIPELINES.length} pipelines, 0 lost, 0 double; back after ${median} (median), ${worst} (worst)`,
  )
})
