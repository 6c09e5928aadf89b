import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UserError } from '../../dialect/user_error.js'
import { type Broker, type BrokerRecord, startBroker } from '../../engine/broker/index.js'
import { syntheticToken } from '../../scripts/generate-tokens.js'
import { type FeedTrendingOptions, feedTrending, type TrendingRecord } from '../../scripts/index.js'
import { type FakeServer, fakeServer, type Recorded } from '../driver/fake_server.js'
import { TestBroker } from '../kafka/broker.js'

const FIXTURES = join(import.meta.dirname, '../fixtures/trending')
const TOPIC = 'trending_5m'

let dir: string
let broker: TestBroker
let api: FakeServer | undefined

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tpctl-trending-'))
  broker = await TestBroker.start()
})
afterEach(async () => {
  await broker.close()
  await api?.close()
  api = undefined
  await rm(dir, { recursive: true, force: true })
})

function feed(options: Partial<FeedTrendingOptions>) {
  return feedTrending({
    source: 'replay',
    brokers: [broker.brokers],
    rejectsFile: join(dir, 'rejects.jsonl'),
    ...options,
  })
}

interface Sent {
  partition: number
  key: string
  value: TrendingRecord
}

async function messages(): Promise<Sent[]> {
  return (await broker.records(TOPIC)).map((record) => parsed(record.partition, record))
}

const parsed = (partition: number, { key, value }: BrokerRecord): Sent => ({
  partition,
  key: String(key),
  value: JSON.parse(String(value)) as TrendingRecord,
})

const record = (i: number, ts: string, more: object = {}): TrendingRecord => {
  const { address, symbol, name } = syntheticToken(i) as { address: string; symbol: string; name: string }
  const none = {
    mcap: null,
    fdv: null,
    volume_24h_usd: null,
    price_change_5m_pct: null,
    holder_count: null,
    organic_score: null,
  }
  const counts = { buys_5m: null, sells_5m: null, traders_5m: null }
  return {
    ts,
    source: 'recorded',
    window: '5m',
    rank: i + 1,
    address,
    symbol,
    name,
    decimals: 6,
    price_usd: 1,
    liquidity_usd: 2,
    volume_5m_usd: 3,
    ...none,
    ...counts,
    ...more,
  }
}

const scan = (n: number, minute: number) =>
  Array.from({ length: n }, (_, i) => record(i, `2026-05-01 00:${String(minute).padStart(2, '0')}:00.000`))

async function recording(records: unknown[]): Promise<string> {
  const path = join(dir, 'scans.jsonl')
  await writeFile(path, `${records.map((r) => (typeof r === 'string' ? r : JSON.stringify(r))).join('\n')}\n`)
  return path
}

async function serve(
  answer: (request: Recorded, response: ServerResponse, index: number) => void,
): Promise<string> {
  api = await fakeServer(answer)
  return api.url
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(UserError)
  return error as UserError
}

describe('replay', () => {
  it.each(['recorded_5m.jsonl', 'demo_mix_5m.jsonl'])(
    'sends %s as it is, key = address, and nothing the second time',
    async (name) => {
      const file = join(FIXTURES, name)
      const lines = (await readFile(file, 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as TrendingRecord)
      const summary = await feed({ file })
      expect(summary).toMatchObject({
        fetched: lines.length,
        written: lines.length,
        duplicates: 0,
        rejected: 0,
        scans: 27,
      })
      const sent = await messages()
      const order = (a: TrendingRecord, b: TrendingRecord) => (a.ts + a.address < b.ts + b.address ? -1 : 1)
      expect(sent.map((m) => m.value).sort(order)).toEqual(lines.sort(order))
      const partitions = new Map<string, number>()
      for (const { key, value, partition } of sent) {
        expect(key).toBe(value.address)
        expect(partitions.get(key) ?? partition).toBe(partition)
        partitions.set(key, partition)
      }
      expect(await feed({ file })).toMatchObject({ written: 0, duplicates: lines.length })
    },
  )

  it('goes on where an interrupted one stopped', async () => {
    const file = await recording([...scan(5, 0), ...scan(5, 5), ...scan(5, 10)])
    const controller = new AbortController()
    const first = await feed({
      file,
      speed: 1e9,
      signal: controller.signal,
      progress: () => controller.abort(),
    })
    expect(first).toMatchObject({ written: 5, interrupted: true, lastScan: '2026-05-01 00:00:00.000' })
    expect(await feed({ file })).toMatchObject({ written: 10, duplicates: 5 })
    expect(await messages()).toHaveLength(15)
  })

  it('keeps the recorded pauses, shortened', async () => {
    const file = await recording([...scan(1, 0), ...scan(1, 5)])
    const started = performance.now()
    await feed({ file, speed: 600 })
    expect(performance.now() - started).toBeGreaterThan(490)
    expect((await failure(feed({ file, speed: 0 }))).code).toBe('USAGE')
  })

  it('counts what is no record, and sends the rest', async () => {
    const good = scan(3, 0)
    const file = await recording([
      good[0],
      '{"ts": "2026',
      { ...good[1], ts: 'yesterday' },
      { ...good[2], rank: -1 },
      good[2],
    ])
    expect(await feed({ file })).toMatchObject({ fetched: 5, written: 2, rejected: 3 })
    const rejects = (await readFile(join(dir, 'rejects.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rejects.map(({ line, reason }) => [line, reason.split(':')[0]])).toEqual([
      [2, 'not JSON'],
      [3, 'ts'],
      [4, 'rank'],
    ])
    expect(await failure(feed({ file: join(dir, 'nope') }))).toMatchObject({ code: 'SOURCE_NOT_READABLE' })
  })
})

describe('polling', () => {
  const jupiterToken = (i: number, more: object = {}) => {
    const { address, symbol, name, decimals } = syntheticToken(i)
    return {
      id: address,
      symbol,
      name,
      decimals,
      usdPrice: 1.5,
      liquidity: 10,
      mcap: 20,
      fdv: 30,
      holderCount: 40,
      organicScore: 50.5,
      stats5m: { priceChange: -1, buyVolume: 2, sellVolume: 3, numBuys: 4, numSells: 5, numTraders: 6 },
      stats24h: { buyVolume: 7 },
      updatedAt: '2999-01-01T00:00:00.123456789Z',
      ...more,
    }
  }

  it('makes messages of Jupiter tokens, at the time of their five minutes, once', async () => {
    const url = await serve((_, response) =>
      response.end(
        JSON.stringify([
          jupiterToken(0),
          jupiterToken(1, { stats5m: undefined, holderCount: null }),
          { id: 'x' },
        ]),
      ),
    )
    const before = Date.now()
    const summary = await feed({ source: 'jupiter', url, once: true })
    expect(summary).toMatchObject({ scans: 1, fetched: 3, written: 2, rejected: 1 })
    expect(api!.requests[0]!.url.pathname + api!.requests[0]!.url.search).toBe(
      '/tokens/v2/toptrending/5m?limit=100',
    )
    const sent = (await messages()).map((m) => m.value).sort((a, b) => a.rank - b.rank)
    expect(sent[0]).toMatchObject({
      source: 'jupiter',
      window: '5m',
      rank: 1,
      address: jupiterToken(0).id,
      price_usd: 1.5,
      liquidity_usd: 10,
      mcap: 20,
      fdv: 30,
      volume_5m_usd: 5,
      volume_24h_usd: 7,
      price_change_5m_pct: -1,
      buys_5m: 4,
      sells_5m: 5,
      traders_5m: 6,
      holder_count: 40,
      organic_score: 50.5,
    })
    expect(sent[1]).toMatchObject({ rank: 2, volume_5m_usd: null, buys_5m: null, holder_count: null })
    const at = Date.parse(`${sent[0]!.ts.replace(' ', 'T')}Z`)
    expect(at % 300_000).toBe(0)
    expect(at).toBeLessThanOrEqual(Date.now())
    expect(at).toBeGreaterThan(before - 300_001)
  })

  it('polls at every slot, and goes on after a failed one', async () => {
    const url = await serve((_, response, index) => {
      if (index === 1) response.end('<html>')
      else response.end(JSON.stringify([jupiterToken(0)]))
    })
    const controller = new AbortController()
    const errors: unknown[] = []
    const summary = await feed({
      source: 'jupiter',
      url,
      pollMs: 100,
      signal: controller.signal,
      http: { retries: 0 },
      onError: (error) => errors.push((error as UserError).code),
      progress: ({ scans }) => scans === 3 && controller.abort(),
    })
    expect(summary).toMatchObject({ scans: 3, interrupted: true })
    expect(errors).toEqual(['UPSTREAM_NOT_JSON'])
    const times = new Set((await messages()).map((m) => m.value.ts))
    expect(times.size).toBe(summary.written)
    for (const ts of times) expect(Number(ts.slice(-3)) % 100).toBe(0)
  })

  it("takes BirdEye pages, whose scan time is BirdEye's", async () => {
    const tokens = Array.from({ length: 25 }, (_, i) => {
      const { address, symbol, name } = syntheticToken(i)
      return {
        address,
        symbol,
        name: i === 3 ? null : name,
        decimals: 6,
        logoURI: null,
        rank: i + 1,
        price: 2,
        liquidity: 3,
        volume24hUSD: 4,
        volume24hChangePercent: null,
        fdv: 5,
        marketcap: 6,
      }
    })
    const url = await serve((request, response) => {
      const offset = Number(request.url.searchParams.get('offset'))
      response.end(
        JSON.stringify({
          success: true,
          data: { updateUnixTime: 1_777_777_777, total: 25, tokens: tokens.slice(offset, offset + 20) },
        }),
      )
    })
    const options = {
      source: 'birdeye',
      url,
      once: true,
      apiKey: 'k',
      http: { requestsPerSecond: 1000 },
    } as const
    expect(await feed(options)).toMatchObject({ scans: 1, written: 25 })
    expect(await feed(options)).toMatchObject({ written: 0, duplicates: 25 })
    expect(api!.requests[0]!.headers).toMatchObject({ 'x-api-key': 'k', 'x-chain': 'solana' })
    const [first] = (await messages()).map((m) => m.value).filter((r) => r.rank === 1)
    expect(first).toMatchObject({
      ts: '2026-05-03 03:09:37.000',
      source: 'birdeye',
      window: '1h',
      volume_5m_usd: null,
      volume_24h_usd: 4,
      mcap: 6,
    })
  })

  it.each<[string, (response: ServerResponse) => void, string]>([
    [
      'HTTP 429',
      (r) => void r.writeHead(429, { 'retry-after': '7200' }).end('{"success":false}'),
      'RATE_LIMITED',
    ],
    ['HTTP 500', (r) => void r.writeHead(500).end('{"success":false,"message":"oops"}'), 'UPSTREAM_FAILED'],
    ['a web page', (r) => void r.end('<html>'), 'UPSTREAM_NOT_JSON'],
    ['silence', () => {}, 'UPSTREAM_STALLED'],
    ['JSON that is no list', (r) => void r.end('{"success":true}'), 'UPSTREAM_NOT_JSON'],
    ['truncated JSON', (r) => void r.end('{"success":true,"data":{"tok'), 'UPSTREAM_NOT_JSON'],
  ])('BirdEye and Jupiter answering with %s: a clear error', async (_, respond, code) => {
    const url = await serve((_request, response) => respond(response))
    const http = { requestsPerSecond: 1000, retries: 1, backoffMs: 1, timeoutMs: 100 }
    for (const source of ['birdeye', 'jupiter'] as const) {
      const error = await failure(feed({ source, url, once: true, apiKey: 'very-secret', http }))
      expect(error.code).toBe(code)
      expect(error.message).toMatch(/BirdEye|Jupiter/)
      expect(JSON.stringify([error, error.stack])).not.toContain('very-secret')
    }
  })

  it('BirdEye without a key, and with its quota used up, are errors that say what to do', async () => {
    const key = process.env.BIRDEYE_API_KEY
    delete process.env.BIRDEYE_API_KEY
    expect(await failure(feed({ source: 'birdeye', once: true }))).toMatchObject({
      code: 'API_KEY_MISSING',
      suggestion: expect.stringContaining('BIRDEYE_API_KEY'),
    })
    if (key !== undefined) process.env.BIRDEYE_API_KEY = key
    const url = await serve(
      (_, response) =>
        void response.writeHead(400).end('{"success":false,"message":"Compute units usage limit exceeded"}'),
    )
    expect((await failure(feed({ source: 'birdeye', url, once: true, apiKey: 'k' }))).code).toBe(
      'QUOTA_EXHAUSTED',
    )
  })
})

/** A broker in a process of its own, so that it can be killed. Resolves with a function that starts one. */
async function brokerProcess() {
  const script = join(dir, 'broker.mjs')
  const index = join(import.meta.dirname, '../../engine/broker/index.ts')
  const source = `import { startBroker } from ${JSON.stringify(index)}
    startBroker({ dir: ${JSON.stringify(join(dir, 'broker'))}, port: Number(process.argv[2]) }).then((b) => process.send(b.port))`
  await build({
    stdin: { contents: source, resolveDir: dir },
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  })
  return async (port: number) => {
    const child = fork(script, [String(port)], { execArgv: [] })
    const [actual] = (await once(child, 'message')) as [number]
    const kill = async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    return { port: actual, kill }
  }
}

describe('a broker that comes and goes', () => {
  let own: Broker
  const startOwn = async (port = 0) => {
    own = await startBroker({ dir: join(dir, 'broker'), port })
  }
  afterEach(() => own?.close())

  function stored(): Sent[] {
    const all: Sent[] = []
    for (const [partition, end] of own.endOffsets(TOPIC).entries()) {
      for (let offset = 0; offset < end; ) {
        const { records, nextOffset } = own.read(TOPIC, partition, offset, 10_000_000)
        all.push(...records.map((record) => parsed(partition, record)))
        offset = nextOffset
      }
    }
    return all
  }

  it('none there: a clear error within the patience', async () => {
    const file = await recording(scan(1, 0))
    const error = await failure(feed({ file, brokers: ['127.0.0.1:1'], startPatienceMs: 200 }))
    expect(error.code).toBe('BROKER_UNREACHABLE')
    expect(error.suggestion).toContain('tpctl up')
  })

  it('restarted again and again in the middle of a feed: every record is there once', async () => {
    const scans = Array.from({ length: 40 }, (_, minute) => scan(25, minute)).flat()
    const file = await recording(scans)
    await startOwn()
    const { port, brokers } = own
    let restarts = 0
    let restarting = Promise.resolve()
    const summary = await feed({
      file,
      brokers: [brokers],
      speed: 100_000,
      progress: ({ scans: done }) => {
        if (done % 10 !== 5) return
        restarting = restarting.then(async () => {
          await own.close()
          await new Promise((resolve) => setTimeout(resolve, 150))
          await startOwn(port)
          restarts++
        })
      },
    })
    await restarting
    expect(restarts).toBe(4)
    expect(summary.interrupted).toBe(false)
    const sent = stored()
    const keys = new Set(sent.map(({ value }) => `${value.ts}|${value.address}`))
    expect(sent).toHaveLength(1000)
    expect(keys.size).toBe(1000)
  })

  it('killed (SIGKILL) again and again in the middle of a feed: every record is there once', async () => {
    const start = await brokerProcess()
    let running = await start(0)
    const { port } = running
    const scans = Array.from({ length: 40 }, (_, minute) => scan(25, minute)).flat()
    let kills = 0
    let restarting = Promise.resolve()
    const summary = await feed({
      file: await recording(scans),
      brokers: [`127.0.0.1:${port}`],
      speed: 50_000,
      progress: ({ scans: done }) => {
        if (done % 10 !== 5) return
        restarting = restarting.then(async () => {
          await running.kill()
          running = await start(port)
          kills++
        })
      },
    })
    await restarting
    await running.kill()
    await startOwn()
    expect(kills).toBe(4)
    expect(summary).toMatchObject({ interrupted: false, fetched: 1000 })
    const sent = stored()
    expect(new Set(sent.map(({ value }) => `${value.ts}|${value.address}`)).size).toBe(1000)
    expect(sent).toHaveLength(1000)
  })

  it('gone for good in the middle: an error that says how much is written', async () => {
    const file = await recording([...scan(3, 0), ...scan(3, 5)])
    await startOwn()
    const brokers = [own.brokers]
    const error = await failure(
      feed({ file, brokers, speed: 1000, patienceMs: 300, progress: () => void own.close() }),
    )
    expect(error).toMatchObject({
      code: 'BROKER_UNREACHABLE',
      message: expect.stringContaining('3 records are written'),
    })
  })
})
