import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import bs58 from 'bs58'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ProtonClient } from '../../../driver/index.js'
import { type Engine, startEngine } from '../../../engine/engine.js'
import { birdeyeTokenSecurity, tokenRiskScore } from '../../../udfs/index.js'
import { driverStore, type Gateway, startGateway, streamCache } from '../../../udfs/runtime/gateway/index.js'
import { renderFunction } from '../../../udfs/runtime/index.js'
import { FakeBirdeye, misbehaviours } from './fake_birdeye.js'

const STREAM = join(import.meta.dirname, '../../../sql/streams/token_security.sql')
const address = (index: number) => bs58.encode(createHash('sha256').update(`mint ${index}`).digest())

let dir: string
let engine: Engine
let client: ProtonClient
let birdeye: FakeBirdeye
let gateway: Gateway

async function openGateway(): Promise<Gateway> {
  return startGateway({
    port: 0,
    remotes: [birdeyeTokenSecurity],
    environment: { BIRDEYE_API_KEY: 'key', BIRDEYE_URL: birdeye.url },
    rate: 1000,
    cache: (remote) => streamCache({ store: driverStore(client), table: remote.cache! }),
  })
}

async function createFunctions(): Promise<void> {
  for (const definition of [birdeyeTokenSecurity, tokenRiskScore]) {
    await client.exec(await renderFunction(definition, 'embedded', { gatewayUrl: gateway.url }))
  }
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gateway-'))
  birdeye = await new FakeBirdeye().start()
  engine = await startEngine({ dir, ports: { http: 0, stream: 0, metrics: 0, kafka: 0 } })
  client = new ProtonClient({ url: engine.url, streamUrl: engine.streamUrl })
  await client.exec((await readFile(STREAM, 'utf8')).replace(/\$\{\w+:-(\w+)\}/g, '$1'))
  await client.exec('CREATE STREAM mints (address string)')
  await client.exec('CREATE STREAM scored (address string, security string, level string)')
  gateway = await openGateway()
  await createFunctions()
  await client.exec(
    `CREATE MATERIALIZED VIEW mv_scored INTO scored AS
       SELECT address, security, json_extract_string(token_risk_score(security), 'level') AS level
       FROM (SELECT address, birdeye_token_security(address) AS security FROM mints)`,
  )
})
afterAll(async () => {
  await client?.close()
  await engine?.close()
  await gateway?.close()
  await birdeye?.stop()
  await rm(dir, { recursive: true, force: true })
})

async function scored(): Promise<{ address: string; security: string; level: string }[]> {
  return client.rows('SELECT address, security, level FROM table(scored) ORDER BY _tp_sn')
}

describe('a view that calls the gateway', () => {
  it('pays for each address once, across restarts of the gateway', async () => {
    await client.insert(
      'mints',
      Array.from({ length: 60 }, (_, i) => ({ address: address(i % 20) })),
    )
    await expect.poll(async () => (await scored()).length, { timeout: 20_000 }).toBe(60)
    expect(birdeye.seen).toHaveLength(20)
    expect((await scored()).every((row) => row.level === 'low')).toBe(true)

    await gateway.close()
    expect(await client.rows('SELECT count() AS n FROM table(token_security)')).toEqual([{ n: '20' }])
    gateway = await openGateway()
    await createFunctions()
    const again = await client.rows<{ s: string }>(`SELECT birdeye_token_security('${address(3)}') AS s`)
    expect(JSON.parse(again[0]!.s)).toMatchObject({ provider: 'birdeye', success: true })
    // The view that runs takes the new version of its function: the gateway has another port now.
    await client.insert('mints', [{ address: address(4) }])
    await expect.poll(async () => (await scored()).length, { timeout: 20_000 }).toBe(61)
    expect(birdeye.seen).toHaveLength(20)
  })

  it('and its functions survive a restart of the engine', async () => {
    await client.close()
    await engine.close()
    engine = await startEngine({ dir, ports: { http: 0, stream: 0, metrics: 0, kafka: 0 } })
    client = new ProtonClient({ url: engine.url, streamUrl: engine.streamUrl })
    await client.insert('mints', [{ address: address(5) }])
    await expect.poll(async () => (await scored()).length, { timeout: 20_000 }).toBe(62)
    expect((await scored()).at(-1)).toMatchObject({ address: address(5), level: 'low' })
    expect(birdeye.seen).toHaveLength(20)
  })

  it('goes on when the quota is used up: known tokens as before, others unknown', async () => {
    birdeye.normal = misbehaviours.quota
    await client.insert('mints', [
      { address: address(1) },
      { address: address(100) },
      { address: address(101) },
    ])
    await expect.poll(async () => (await scored()).length, { timeout: 20_000 }).toBe(65)
    const last = (await scored()).slice(-3)
    expect(last.map((row) => row.level)).toEqual(['low', 'unknown', 'unknown'])
    expect(last[1]!.security).toContain('quota exhausted')
    await client.insert('mints', [{ address: address(2) }])
    await expect.poll(async () => (await scored()).length, { timeout: 20_000 }).toBe(66)
    expect(birdeye.seen.length).toBeLessThanOrEqual(22)
  })
})
