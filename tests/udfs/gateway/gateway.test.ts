import { createHash } from 'node:crypto'
import bs58 from 'bs58'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { birdeyeTokenSecurity } from '../../../udfs/index.js'
import { type Gateway, type GatewayOptions, startGateway } from '../../../udfs/runtime/gateway/index.js'
import { type CacheStore, streamCache } from '../../../udfs/runtime/gateway/stream_cache.js'
import { FakeBirdeye, misbehaviours, security } from './fake_birdeye.js'

const KEY = 'key-of-the-account'
const AUTH = { header: 'X-Udf-Key', key: 'key-of-the-gateway' }

let birdeye: FakeBirdeye
const gateways: Gateway[] = []
beforeEach(async () => {
  birdeye = await new FakeBirdeye().start()
})
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close()
  await birdeye.stop()
})

/** 32 bytes in base58: a token's address as far as its form goes. */
function address(index: number): string {
  return bs58.encode(createHash('sha256').update(`token ${index}`).digest())
}

async function open(options: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const gateway = await startGateway({
    port: 0,
    remotes: [birdeyeTokenSecurity],
    environment: { BIRDEYE_API_KEY: KEY, BIRDEYE_URL: birdeye.url },
    rate: 1000,
    backoffMs: 1,
    ...options,
  })
  gateways.push(gateway)
  return gateway
}

async function post(
  gateway: Gateway,
  body: string,
  headers: Record<string, string> = {},
  name = 'birdeye_token_security',
) {
  const response = await fetch(`${gateway.url}/${name}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
  return { status: response.status, body: (await response.json()) as { result?: string[]; error?: string } }
}

interface Answer {
  provider?: string
  success?: boolean
  error?: string
  data?: Record<string, unknown>
}

async function ask(gateway: Gateway, addresses: unknown[]): Promise<Answer[]> {
  const { status, body } = await post(gateway, JSON.stringify({ address: addresses }))
  expect(status).toBe(200)
  expect(body.result).toHaveLength(addresses.length)
  return body.result!.map((text) => JSON.parse(text) as Answer)
}

/** A keyed stream that outlives gateways. */
class FakeStream implements CacheStore {
  readonly rowsByKey = new Map<string, Record<string, string>>()
  failures = 0
  reads = 0

  async rows(sql: string): Promise<Record<string, unknown>[]> {
    this.reads++
    if (this.failures > 0) {
      this.failures--
      throw new Error('the engine is away')
    }
    expect(sql).toContain('table(token_security)')
    return [...this.rowsByKey.values()]
  }

  async insert(stream: string, rows: Record<string, string>[]): Promise<void> {
    expect(stream).toBe('token_security')
    if (this.failures > 0) {
      this.failures--
      throw new Error('the engine is away')
    }
    for (const row of rows) this.rowsByKey.set(row.address!, row)
  }
}

const cacheOn = (store: CacheStore, extra: Partial<Parameters<typeof streamCache>[0]> = {}) =>
  streamCache({ store, table: birdeyeTokenSecurity.cache!, flushMs: 1, ...extra })

describe('a call', () => {
  it('is answered in its order, pretty-printed body or not', async () => {
    const gateway = await open()
    const pretty = `{\n\t"address": [\n\t\t"${address(1)}",\n\t\t"${address(2)}"\n\t]\n}`
    const { body } = await post(gateway, pretty)
    expect(body.result!.map((text) => JSON.parse(text))).toEqual([
      { provider: 'birdeye', ...security(address(1)) },
      { provider: 'birdeye', ...security(address(2)) },
    ])
    expect(birdeye.seen[0]!.headers).toMatchObject({
      'x-api-key': KEY,
      'x-chain': 'solana',
      accept: 'application/json',
    })
  })

  it('takes a body of whatever content type', async () => {
    const gateway = await open()
    const { body } = await post(gateway, JSON.stringify({ address: [address(1)] }), {
      'content-type': 'text/plain',
    })
    expect(body.result).toHaveLength(1)
  })

  it('without the key is 401 and asks nobody', async () => {
    const gateway = await open({ auth: AUTH })
    const body = JSON.stringify({ address: [address(1)] })
    expect((await post(gateway, body)).status).toBe(401)
    expect((await post(gateway, body, { 'x-udf-key': 'wrong' })).status).toBe(401)
    expect(birdeye.seen).toEqual([])
    expect((await post(gateway, body, { 'x-udf-key': AUTH.key })).status).toBe(200)
  })

  it('that is none is 400 or 404', async () => {
    const gateway = await open()
    for (const body of ['', 'null', '[]', '{', '{"other": []}', '{"address": "x"}']) {
      expect((await post(gateway, body)).status, body).toBe(400)
    }
    expect((await post(gateway, '{"address": []}', {}, 'nope')).status).toBe(404)
    expect((await post(gateway, '{"address": []}')).body).toEqual({ result: [] })
  })

  it('spends no request on what is no address', async () => {
    const gateway = await open()
    const answers = await ask(gateway, [
      '',
      'x',
      "'; DROP STREAM t; --",
      '0x52908400098527886E0F7030069857D2E4169EE7',
      null,
      5,
    ])
    for (const answer of answers) expect(answer.error).toBeTruthy()
    expect(birdeye.seen).toEqual([])
  })
})

describe('requests to the provider', () => {
  it('are one per address: 1,000 concurrent calls for 50 addresses make 50, at no more than the rate', async () => {
    const rate = 100
    const gateway = await open({ rate })
    const begin = performance.now()
    const answers = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => ask(gateway, [address(i % 50), address((i * 7) % 50)])),
    )
    expect(birdeye.seen).toHaveLength(50)
    expect(new Set(birdeye.seen.map((one) => one.address)).size).toBe(50)
    answers.forEach(([first, second], i) => {
      expect(first!.data!.creatorAddress).toBe(`creator of ${address(i % 50)}`)
      expect(second!.data!.creatorAddress).toBe(`creator of ${address((i * 7) % 50)}`)
    })
    // The n-th request cannot have left before n - 1 intervals had passed.
    for (const [n, one] of birdeye.seen.entries()) {
      expect(one.at - begin).toBeGreaterThanOrEqual((n * 1000) / rate)
    }
  })

  it('are none after a restart with a persisted cache', async () => {
    const stream = new FakeStream()
    const addresses = Array.from({ length: 50 }, (_, i) => address(i))
    const first = await open({ cache: cacheOn(stream) })
    const before = await ask(first, addresses)
    await first.close()
    expect(stream.rowsByKey.size).toBe(50)
    const second = await open({ cache: cacheOn(stream) })
    expect(await ask(second, addresses)).toEqual(before)
    expect(birdeye.seen).toHaveLength(50)
  })

  it('are made again when the answer is old or of another provider', async () => {
    const stream = new FakeStream()
    const recorded = await open({ provider: 'recorded', cache: cacheOn(stream) })
    expect(recorded.providers).toEqual({ birdeye_token_security: 'recorded' })
    expect((await ask(recorded, [address(1)]))[0]).toMatchObject({ provider: 'recorded', synthetic: true })
    await recorded.close()
    const real = await open({ cache: cacheOn(stream) })
    expect((await ask(real, [address(1)]))[0]).toMatchObject({ provider: 'birdeye' })
    await real.close()
    const impatient = await open({ cache: cacheOn(stream), ttlMs: -1 })
    await ask(impatient, [address(1)])
    expect(birdeye.seen).toHaveLength(2)
  })
})

describe('answers that cost nothing', () => {
  it('do not displace those that did', async () => {
    const stream = new FakeStream()
    const real = await open({ cache: cacheOn(stream) })
    const [paid] = await ask(real, [address(1)])
    await real.close()
    const recorded = await open({ provider: 'recorded', cache: cacheOn(stream) })
    const [free] = await ask(recorded, [address(1), address(2)])
    expect(free).toMatchObject({ provider: 'recorded' })
    await recorded.close()
    expect(stream.rowsByKey.get(address(2))).toMatchObject({ provider: 'recorded' })
    const again = await open({ cache: cacheOn(stream) })
    expect(await ask(again, [address(1)])).toEqual([paid])
    expect(birdeye.seen).toHaveLength(1)
  })
})

describe('a provider in trouble', () => {
  const passing = ['tooMany', 'broken', 'html', 'cutOff', 'shortJson', 'hangUp'] as const
  for (const what of passing) {
    it(`is asked again: ${what}`, async () => {
      birdeye.script.push(misbehaviours[what], misbehaviours[what])
      const gateway = await open()
      expect((await ask(gateway, [address(1)]))[0]).toMatchObject({ provider: 'birdeye', success: true })
      expect(birdeye.seen).toHaveLength(3)
    })
  }

  it('that stalls is given up and asked again', async () => {
    birdeye.script.push(misbehaviours.stall)
    const gateway = await open({ requestTimeoutMs: 500 })
    expect((await ask(gateway, [address(1)]))[0]).toMatchObject({ success: true })
    expect(birdeye.seen).toHaveLength(2)
  })

  it('that never recovers makes an error row, not an error', async () => {
    birdeye.normal = misbehaviours.broken
    const gateway = await open({ attempts: 3 })
    expect(await ask(gateway, [address(1)])).toEqual([
      { error: 'BirdEye answered 500: Internal', provider: 'birdeye' },
    ])
    expect(birdeye.seen).toHaveLength(3)
  })

  it('obeys Retry-After for all addresses', async () => {
    birdeye.script.push((response) =>
      response
        .writeHead(429, { 'retry-after': '1', 'content-type': 'application/json' })
        .end('{"success":false}'),
    )
    // So slow that the refusal is back before the next address has its turn.
    const gateway = await open({ rate: 2 })
    await ask(gateway, [address(1), address(2)])
    const [first, ...others] = birdeye.seen
    expect(others).toHaveLength(2)
    for (const one of others) expect(one.at - first!.at).toBeGreaterThanOrEqual(995)
  })

  it('does not ask again for an address that was refused', async () => {
    birdeye.normal = misbehaviours.badAddress
    const gateway = await open()
    const expected = {
      error: 'BirdEye refused the address (400): address is invalid format',
      provider: 'birdeye',
    }
    expect(await ask(gateway, [address(1)])).toEqual([expected])
    expect(await ask(gateway, [address(1)])).toEqual([expected])
    expect(birdeye.seen).toHaveLength(1)
  })

  for (const what of ['quota', 'badKey'] as const) {
    it(`is parked and the cache goes on: ${what}`, async () => {
      const gateway = await open({ ttlMs: 0, rate: 5, burst: 1 })
      const [known] = await ask(gateway, [address(0)])
      birdeye.normal = misbehaviours[what]
      const answers = await ask(
        gateway,
        Array.from({ length: 30 }, (_, i) => address(i)),
      )
      expect(answers[0]).toEqual(known)
      for (const answer of answers.slice(1)) {
        expect(answer.error).toMatch(what === 'quota' ? /quota exhausted/ : /refused the key/)
      }
      const spent = birdeye.seen.length
      // Those already on their way when the first refusal came; by far not thirty, and nobody waited for a turn.
      expect(spent).toBeLessThan(20)
      await ask(gateway, [address(100), address(0)])
      expect(birdeye.seen).toHaveLength(spent)
      const health = (await (await fetch(`${gateway.url}/healthz`)).json()) as {
        status: string
        functions: Record<string, { parked_seconds: number; parked_because: string }>
      }
      expect(health.status).toBe('ok')
      expect(health.functions.birdeye_token_security!.parked_seconds).toBeGreaterThan(3000)
      expect(JSON.stringify(health)).not.toContain(KEY)
      expect(await gateway.metrics()).toContain('udf_gateway_parked{function="birdeye_token_security"} 1')
    })
  }

  it('is tried again when it was parked long enough', async () => {
    birdeye.script.push(misbehaviours.quota)
    const gateway = await open({ parkMs: 20 })
    expect((await ask(gateway, [address(1)]))[0]!.error).toMatch(/quota/)
    await expect.poll(async () => (await ask(gateway, [address(1)]))[0]!.success).toBe(true)
  })
})

describe('the deadline', () => {
  it('is kept: what is not ready is an error row, is fetched on, and is there next time', async () => {
    const gateway = await open({ rate: 5, deadlineMs: 300 })
    const addresses = Array.from({ length: 6 }, (_, i) => address(i))
    await expect.poll(async () => (await ask(gateway, [address(0)]))[0]!.success).toBe(true)
    const first = await ask(gateway, addresses)
    expect(first[0]!.success).toBe(true)
    expect(first.at(-1)!.error).toMatch(/no answer in time/)
    await expect.poll(() => birdeye.seen.length, { timeout: 5000 }).toBe(6)
    await expect
      .poll(async () => (await ask(gateway, addresses)).every((answer) => answer.success), { timeout: 5000 })
      .toBe(true)
    expect(birdeye.seen).toHaveLength(6)
  })
})

describe('the persisted cache', () => {
  it('that cannot be read or written stops nothing, and catches up', async () => {
    const stream = new FakeStream()
    stream.failures = 2
    const errors: string[] = []
    const cache = cacheOn(stream, { onError: (what) => errors.push(what), reloadMs: 60_000 })
    const gateway = await open({ cache })
    expect((await ask(gateway, [address(1)]))[0]!.success).toBe(true)
    await cache.flush()
    expect(errors).toEqual(['reading the cache', 'writing the cache'])
    await cache.flush()
    expect(stream.rowsByKey.size).toBe(1)
    expect(stream.rowsByKey.get(address(1))).toMatchObject({
      provider: 'birdeye',
      security: expect.stringContaining('creator of'),
    })
  })

  it('is read once, not once a call', async () => {
    const stream = new FakeStream()
    const gateway = await open({ cache: cacheOn(stream) })
    for (let i = 0; i < 5; i++) await ask(gateway, [address(i)])
    expect(stream.reads).toBe(1)
  })
})

describe('a gateway', () => {
  it('needs a key for the real provider only', async () => {
    const without = await open({ environment: {} })
    expect(without.providers).toEqual({ birdeye_token_security: 'recorded' })
    await expect(open({ environment: {}, provider: 'birdeye' })).rejects.toMatchObject({
      code: 'BIRDEYE_NO_KEY',
    })
    await expect(open({ provider: 'nope' })).rejects.toMatchObject({ code: 'UDF_UNKNOWN_PROVIDER' })
    await expect(open({ environment: { BIRDEYE_API_KEY: KEY, BIRDEYE_PLAN: 'gold' } })).rejects.toMatchObject(
      { code: 'BIRDEYE_PLAN' },
    )
  })

  it('says so when its port is in use', async () => {
    const first = await open()
    await expect(open({ port: Number(new URL(first.url).port) })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    })
  })

  it('counts what it does, without keys', async () => {
    const gateway = await open()
    await ask(gateway, [address(1), address(1), address(2)])
    await ask(gateway, [address(1)])
    const text = await (await fetch(`${gateway.url}/metrics`)).text()
    expect(text).toContain('udf_gateway_rows_total{function="birdeye_token_security"} 4')
    expect(text).toContain('udf_gateway_cache_total{function="birdeye_token_security",result="hit"} 1')
    expect(text).toContain(
      'udf_gateway_upstream_requests_total{function="birdeye_token_security",provider="birdeye",outcome="ok"} 2',
    )
    expect(text).not.toContain(KEY)
  })

  it('closes while requests are under way', async () => {
    birdeye.normal = misbehaviours.stall
    const gateway = await open({ deadlineMs: 20 })
    await ask(gateway, [address(1)])
    await gateway.close()
    gateways.length = 0
    await expect(fetch(gateway.url)).rejects.toThrow()
  })
})
