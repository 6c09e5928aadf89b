import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  applyPlan,
  compile,
  connect,
  ensureTopics,
  loadProject,
  planDeployment,
  readLive,
  until,
} from '../../bootstrap/index.js'
import type { ProtonClient } from '../../driver/index.js'
import { type Engine, startEngine } from '../../engine/engine.js'

/**
 * The flagship on the embedded engine, from the raw lists and the topic to the signals. The tests stand in one
 * order: each goes on where the one before stopped, as the pipeline does.
 */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const TOPIC = 'trending_5m'
const T0 = Date.UTC(2026, 3, 30, 12, 0, 0)
const SCAN_MS = 300_000

let dir: string
let engine: Engine
let client: ProtonClient
let gateway: Server
const asked: string[] = []

/** 40 letters: what counts here is that they differ. */
const mint = (letter: string) => letter.repeat(40)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tpctl-flagship-'))
  gateway = await startGateway()
  await up()
  const { deployment, plan } = await planned()
  expect(plan.changes.every(({ action }) => action === 'create')).toBe(true)
  await applyPlan(plan, client)
  expect(deployment.objects.length).toBe(plan.operations.length)
})

afterAll(async () => {
  await down()
  gateway.close()
  await rm(dir, { recursive: true, force: true })
})

async function startGateway(): Promise<Server> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      const { address } = JSON.parse(body) as { address: string[] }
      asked.push(...address)
      const result = address.map((one) => JSON.stringify(securityOf(one)))
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ result }))
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return server
}

/** Token R can be minted and frozen by its owner, who holds nearly all of it. */
function securityOf(address: string): object {
  const risky = address === mint('R')
  const data = risky
    ? { ownerAddress: 'x', freezeable: true, top10HolderPercent: 0.95, mutableMetadata: true }
    : { ownerAddress: null, freezeable: false, top10HolderPercent: 0.1, mutableMetadata: false }
  return { provider: 'test', success: true, data }
}

async function up(): Promise<void> {
  // After a restart on the same ports: the external stream knows its broker by them.
  engine = await startEngine({ dir, ports: engine?.ports ?? { http: 0, stream: 0, metrics: 0, kafka: 0 } })
  client = connect((await project()).target)
}

async function down(): Promise<void> {
  await client.close()
  await engine.close()
}

function project() {
  const { url, streamUrl, brokers } = engine
  const gatewayUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`
  return loadProject(root, {
    env: {},
    target: 'embedded',
    overrides: { url, streamUrl, brokers, gatewayUrl },
  })
}

async function planned() {
  const loaded = await project()
  await ensureTopics(loaded.target, loaded.topics)
  const deployment = compile(loaded)
  return { deployment, plan: planDeployment(deployment, await readLive(client, deployment.objects)) }
}

const token = (letter: string, ms: number, listed = true) => ({
  address: mint(letter),
  symbol: `${letter}L`,
  name: `Token ${letter}`,
  decimals: 6,
  logo_uri: '',
  tags: ['verified'],
  listed,
  updated_at: new Date(T0 + ms),
})
const ban = (letter: string, ms: number, banned = true) => ({
  address: mint(letter),
  reason: 'test',
  banned,
  updated_at: new Date(T0 + ms),
})

async function count(stream: string): Promise<number> {
  const [row] = await client.rows<{ n: string }>(`SELECT count() AS n FROM table(${stream})`)
  return Number(row!.n)
}

async function reaches(stream: string, rows: number): Promise<void> {
  const enough = async () => ((await count(stream)) >= rows ? true : undefined)
  await until(enough, { what: `${rows} rows in ${stream}` })
}

/** All that was written to the raw lists has gone through the views. */
async function settled(strict: number, all: number, banned: number): Promise<void> {
  await until(
    async () => {
      const rows = new Map((await engine.status()).map(({ name, view }) => [name, view?.rowsIn ?? 0]))
      const taken = ['strict', 'all', 'banned'].map((list) => rows.get(`default.mv_tokens_${list}`) ?? 0)
      return taken[0]! >= strict && taken[1]! >= all && taken[2]! >= banned ? true : undefined
    },
    { what: 'the lists to pass' },
  )
}

let scans = 0
let produced = 0

/** One scan: the letters in order of rank, with what makes a message pass the screen unless told otherwise. */
async function produce(letters: string[], fields: Record<string, unknown> = {}): Promise<void> {
  const kafka = new Kafka({ brokers: [engine.brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  const ts = new Date(T0 + scans++ * SCAN_MS).toISOString().replace('T', ' ').replace('Z', '')
  await producer.send({
    topic: TOPIC,
    messages: letters.map((letter, index) => ({
      key: mint(letter),
      value: JSON.stringify({
        ts,
        source: 'test',
        window: '5m',
        rank: index + 1,
        address: mint(letter),
        symbol: `${letter}M`,
        name: 'as the message says',
        decimals: 9,
        price_usd: 1.5,
        liquidity_usd: 50_000,
        volume_24h_usd: 100_000,
        holder_count: 1_000,
        ...fields,
      }),
    })),
  })
  await producer.disconnect()
  produced += letters.length
  await reaches('trending_categorized', produced)
}

async function classesOfScan(scan: number): Promise<Record<string, string>> {
  const rows = await client.rows<{ address: string; jup_token_type: string; banned: boolean }>(
    `SELECT address, jup_token_type, banned FROM table(trending_categorized) WHERE ts = to_datetime64('${new Date(T0 + scan * SCAN_MS).toISOString().slice(0, 19).replace('T', ' ')}', 3, 'UTC')`,
  )
  return Object.fromEntries(
    rows.map(({ address, jup_token_type, banned }) => [address[0], `${jup_token_type}${banned ? '!' : ''}`]),
  )
}

async function classesInView(): Promise<Record<string, string>> {
  const rows = await client.rows<{ address: string; jup_token_type: string; banned: boolean }>(
    'SELECT address, jup_token_type, banned FROM token_classes',
  )
  return Object.fromEntries(
    rows.map(({ address, jup_token_type, banned }) => [address[0], `${jup_token_type}${banned ? '!' : ''}`]),
  )
}

describe('the flagship on the embedded engine', () => {
  it('has nothing to do after it was applied', async () => {
    expect((await planned()).plan.changes.filter(({ action }) => action !== 'unchanged')).toEqual([])
  })

  it('gives each message the class of its token: strict, banned, all or unknown', async () => {
    await client.insert(
      'token_strict_raw',
      ['S', 'F', 'R'].map((letter) => token(letter, 0)),
    )
    await client.insert(
      'token_all_raw',
      ['S', 'A', 'B', 'U', 'G'].map((letter) => token(letter, 0)),
    )
    await client.insert(
      'token_banned_raw',
      ['B', 'F', 'U'].map((letter) => ban(letter, 0)),
    )
    await settled(3, 5, 3)
    await produce(['S', 'F', 'A', 'B', 'U', 'G', 'X', 'R'])
    expect(await classesOfScan(0)).toEqual({
      S: 'strict',
      F: 'strict!',
      A: 'all',
      B: 'banned!',
      U: 'banned!',
      G: 'all',
      X: 'unknown',
      R: 'strict',
    })
    const { X: _, ...known } = await classesOfScan(0)
    expect(await classesInView()).toEqual(known)
  })

  it('lifts bans, forgets tokens that left the list, but never what was strict', async () => {
    await client.insert('token_banned_raw', [ban('U', 10, false), ban('B', -10, false)])
    await client.insert('token_all_raw', [token('G', 10, false), token('S', 5_000)])
    await client.insert('token_strict_raw', [token('S', 10, false)])
    await settled(4, 7, 5)
    await produce(['S', 'A', 'B', 'U', 'G'])
    // B: the lifting is older than the ban, and so does not count.
    const expected = { S: 'strict', A: 'all', B: 'banned!', U: 'all', G: 'unknown' }
    expect(await classesOfScan(1)).toEqual(expected)
    const { G: _, ...known } = expected
    expect(await classesInView()).toEqual({ ...known, F: 'strict!', R: 'strict' })
  })

  it('strict stays strict through a later row of all, a restart, and an older row of all', async () => {
    await down()
    await up()
    await client.insert('token_all_raw', [token('S', -5_000), token('R', -5_000)])
    await client.insert('token_banned_raw', [ban('R', 99_000)])
    await reaches('jupiter_tokens', 13)
    await produce(['S', 'R', 'A'])
    expect(await classesOfScan(2)).toEqual({ S: 'strict', R: 'strict!', A: 'all' })
    expect(await classesInView()).toMatchObject({ S: 'strict', R: 'strict!', A: 'all' })
  })

  it('keeps symbol and decimals of the list, and of the message where no list knows the token', async () => {
    const rows = await client.rows<{ address: string; symbol: string; decimals: number }>(
      'SELECT address, any(symbol) AS symbol, any(decimals) AS decimals FROM table(trending_categorized) GROUP BY address',
    )
    const of = (letter: string) => rows.find(({ address }) => address === mint(letter))
    expect(of('A')).toMatchObject({ symbol: 'AL', decimals: 6 })
    expect(of('X')).toMatchObject({ symbol: 'XM', decimals: 9 })
  })

  it('has every message exactly once', async () => {
    expect(await count('trending_categorized')).toBe(produced)
    const [row] = await client.rows<{ n: string }>(
      'SELECT count() AS n FROM (SELECT ts, address FROM table(trending_categorized) GROUP BY ts, address)',
    )
    expect(Number(row!.n)).toBe(produced)
  })

  it('asks for the security of ranks below 20 only, and scores it', async () => {
    const many = Array.from('abcdefghijkmnopqrstuvwxyz')
    await produce(many)
    await reaches('trending_enriched', produced - (many.length - 19))
    expect(new Set(asked)).toContain(mint(many[18]!))
    for (const letter of many.slice(19)) expect(asked).not.toContain(mint(letter))
    const scores = await client.rows<{ address: string; risk_score: number; risk_level: string }>(
      'SELECT DISTINCT address, risk_score, risk_level FROM table(trending_enriched)',
    )
    const of = (letter: string) => scores.find(({ address }) => address === mint(letter))!
    expect(of('S')).toMatchObject({ risk_score: 0, risk_level: 'low' })
    expect(of('R').risk_score).toBeGreaterThan(50)
    expect(of('R').risk_level).toBe('high')
  })

  it('signals what passes the screen: no ban, no unknown class, no risk, no dry market', async () => {
    await produce(['A'], { liquidity_usd: 10 })
    await produce(['A'], { volume_24h_usd: null })
    await produce(['A'], { holder_count: 3 })
    await produce(['A'], { holder_count: null })
    await reaches('trending_signals', 9)
    const rows = await client.rows<{ address: string; n: string }>(
      'SELECT address, count() AS n FROM table(trending_signals) GROUP BY address',
    )
    // Scans 0, 1, 2 and the last one, whose holders nobody counted; U since its ban was lifted; G before it left.
    expect(Object.fromEntries(rows.map(({ address, n }) => [address[0], Number(n)]))).toEqual({
      S: 3,
      A: 4,
      U: 1,
      G: 1,
    })
  })

  it('counts signals per class in windows of scan time', async () => {
    await until(async () => ((await count('signals_5m')) >= 5 ? true : undefined), {
      what: 'the windows of the first three scans',
    })
    const rows = await client.rows<{
      start: string
      jup_token_type: string
      signals: string
      tokens: string
    }>(
      'SELECT window_start AS start, jup_token_type, signals, tokens FROM table(signals_5m) ORDER BY start, jup_token_type',
    )
    expect(rows.slice(0, 6).map(({ jup_token_type, signals }) => `${jup_token_type} ${signals}`)).toEqual([
      'all 2',
      'strict 1',
      'all 2',
      'strict 1',
      'all 1',
      'strict 1',
    ])
    expect(rows[0]!.start).toContain('2026-04-30 12:00:00')
  })

  it('tells how long a token has been trending', async () => {
    const rows = await client.rows<{ address: string; streak: number; appearances: string }>(
      `SELECT address, streak, appearances FROM trending_streaks WHERE address IN ('${mint('S')}', '${mint('A')}', '${mint('G')}')`,
    )
    const of = (letter: string) => rows.find(({ address }) => address === mint(letter))
    // A: scans 0, 1, 2, then not in 3, then 4 to 7.
    expect(of('A')).toMatchObject({ streak: 4, appearances: '7' })
    expect(of('S')).toMatchObject({ streak: 3, appearances: '3' })
    expect(of('G')).toMatchObject({ streak: 2, appearances: '2' })
  })

  it('still has nothing to do, with all that data in it', async () => {
    expect((await planned()).plan.empty).toBe(true)
  })
})
