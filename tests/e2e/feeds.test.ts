import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import bs58 from 'bs58'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FIXTURES } from './fixtures.js'
import { eventually, isAlive, onState, ROOT, run, temporaryFolder, writeProject } from './support.js'

const flagship = (name: string) => readFileSync(join(ROOT, 'sql', 'streams', `${name}.sql`))

/** The streams that feeders write to, and nothing behind them. */
const project = writeProject({
  'tpctl.config.ts': `import { defineConfig } from 'tpctl'
export default defineConfig({ name: 'feeds', sql: 'sql', target: 'embedded', topics: [{ name: 'trending_5m', partitions: 3 }],
  targets: { embedded: { edition: 'embedded' },
             away: { edition: 'oss-3', url: 'http://127.0.0.1:9', streamUrl: 'http://127.0.0.1:9', brokers: '127.0.0.1:9' } } })`,
  ...Object.fromEntries(
    ['token_strict_raw', 'token_all_raw', 'token_banned_raw', 'trending'].map((name) => [
      `sql/${name}.sql`,
      flagship(name),
    ]),
  ),
})
const { state, ...engine } = onState(project)

/** An address of a token that nobody has: 32 bytes. */
const mint = (n: number) =>
  bs58.encode(Uint8Array.from({ length: 32 }, (_, i) => (i < 4 ? (n >> (8 * i)) & 255 : 7)))
const token = (n: number, name = `Token ${n}`) => ({
  id: mint(n),
  name,
  symbol: `T${n}`,
  decimals: 6,
  icon: null,
})

let server: Server
let base: string
const asked: string[] = []

/** Plays an upstream that misbehaves as the first part of the path says; `/slow/…` keeps silent the first time. */
beforeAll(async () => {
  server = createServer((request, response) => {
    const [, how] = request.url!.split('/')
    const again = asked.filter((path) => path.startsWith(`/${how}/`)).length
    asked.push(request.url!)
    const send = (status: number, body: string, headers: Record<string, string> = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
    const good = JSON.stringify([token(900), token(901)])
    if (how === 'good') send(200, good)
    else if (how === 'limited')
      again === 0 ? send(429, '{"error":"Too many requests"}', { 'retry-after': '1' }) : send(200, good)
    else if (how === 'slow') again === 0 ? undefined : send(200, good)
    else if (how === 'down') send(500, '{"error":"internal"}')
    else if (how === 'page')
      send(200, '<!DOCTYPE html><title>Maintenance</title>', { 'content-type': 'text/html' })
    else if (how === 'cut') send(200, good.slice(0, -20))
    else if (how === 'denied') send(401, '{"error":"Invalid API key"}')
    else if (how === 'quota') send(400, '{"success":false,"message":"Compute units usage limit exceeded"}')
    else send(404, '{"error":"not found"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await engine.up()
  expect(await engine.tpctl(['bootstrap'])).toMatchObject({ code: 0 })
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await engine.down()
})

interface Summary {
  fetched: number
  valid: number
  rejected: number
  written: number
  warnings: string[]
}

const count = async (from: string) =>
  Number((await engine.rows<{ n: number }>(`SELECT count() AS n FROM ${from}`))[0]!.n)

describe('an upstream that misbehaves', () => {
  const jupiter = (how: string) =>
    engine.tpctl(['feed-tokens', '--list', 'strict', '--json'], { env: { JUPITER_URL: `${base}/${how}` } })

  it('is asked again where that helps, and named where not', async () => {
    const [limited, slow, down, page, cut, denied] = await Promise.all(
      ['limited', 'slow', 'down', 'page', 'cut', 'denied'].map(jupiter),
    )
    for (const { code, stdout, stderr } of [limited!, slow!]) {
      expect({ code, stderr }).toMatchObject({ code: 0 })
      expect(JSON.parse(stdout)).toMatchObject({ fetched: 2, valid: 2, rejected: 0 })
    }
    expect(limited!.stderr).toContain('HTTP 429')
    expect(slow!.stderr).toContain('silent for 5000 ms')
    for (const [answer, code] of [
      [down!, 'UPSTREAM_FAILED'],
      [page!, 'UPSTREAM_NOT_JSON'],
      [cut!, 'UPSTREAM_NOT_JSON'],
      [denied!, 'UPSTREAM_DENIED'],
    ] as const) {
      expect(answer.code).toBe(1)
      expect(JSON.parse(answer.stdout)).toMatchObject({ error: { code, suggestion: expect.any(String) } })
    }
    // A key that is refused is not tried again.
    expect(asked.filter((path) => path.startsWith('/denied/'))).toHaveLength(1)
    expect(asked.filter((path) => path.startsWith('/down/')).length).toBeGreaterThan(1)
    // Only good answers left something behind.
    expect(await count('table(token_strict_raw)')).toBe(2)
  })

  it('says when the quota is used up, and that a key is missing', async () => {
    const trending = ['feed-trending', '--source', 'birdeye', '--once', '--json']
    const quota = await engine.tpctl(trending, {
      env: { BIRDEYE_URL: `${base}/quota`, BIRDEYE_API_KEY: 'e2e-key' },
    })
    expect(quota.code).toBe(1)
    expect(JSON.parse(quota.stdout)).toMatchObject({ error: { code: 'QUOTA_EXHAUSTED' } })
    expect(quota.stdout + quota.stderr).not.toContain('e2e-key')
    expect(asked.filter((path) => path.startsWith('/quota/'))).toHaveLength(1)
    const keyless = await engine.tpctl(trending)
    expect(keyless.code).toBe(1)
    expect(JSON.parse(keyless.stdout)).toMatchObject({
      error: { code: 'API_KEY_MISSING', suggestion: expect.stringContaining('BIRDEYE_API_KEY') },
    })
  })
})

describe('records that are no tokens', () => {
  const feed = async (name: string, content: string | Uint8Array) => {
    const file = join(temporaryFolder(), name)
    writeFileSync(file, content)
    const rejects = join(temporaryFolder(), 'rejects.ndjson')
    const result = await engine.tpctl([
      'feed-tokens',
      '--list',
      'all',
      '--file',
      file,
      '--rejects',
      rejects,
      '--json',
    ])
    const refused = () =>
      readFileSync(rejects, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { line: number; reason: string })
    return { ...result, summary: JSON.parse(result.stdout) as Summary, refused }
  }
  const line = (value: unknown) => `${JSON.stringify(value)}\n`

  it('are counted and kept with line and reason, and the others go through', async () => {
    const before = await count('table(token_all_raw)')
    const { code, summary, refused } = await feed(
      'mixed.ndjson',
      Buffer.concat([
        Buffer.from(line(token(1))),
        Buffer.from('{"id": "cut off\n'),
        Buffer.from(line({ ...token(2), id: 'not base58 0OIl' })),
        Buffer.from(line({ ...token(3), decimals: 300 })),
        Buffer.from(line({ ...token(4), name: 'bell\u0007' })),
        Buffer.from(line(token(5)).replace('Token', 'caf\xe9'), 'latin1'),
        Buffer.from('{"id": "'),
        Buffer.alloc(50_000_000, 'x'),
        Buffer.from('"}\n'),
        Buffer.from(line(token(6))),
      ]),
    )
    expect(code).toBe(0)
    expect(summary).toMatchObject({ fetched: 8, valid: 2, rejected: 6, written: 2 })
    expect(refused().map(({ line: at }) => at)).toEqual([2, 3, 4, 5, 6, 7])
    for (const { reason } of refused()) expect(reason).not.toBe('')
    expect(await count('table(token_all_raw)')).toBe(before + 2)
  })

  it('cannot smuggle SQL in: a name is only a name', async () => {
    const names = [
      "'); DROP STREAM token_all_raw; --",
      "x' OR '1'='1",
      '\\',
      '`${KAFKA_BROKERS}`',
      '😀 \u00e9"; --',
      '$$',
    ]
    const { code, summary } = await feed(
      'names.ndjson',
      names.map((name, i) => line(token(100 + i, name))).join(''),
    )
    expect(code).toBe(0)
    expect(summary.valid).toBe(names.length)
    const stored = await engine.rows<{ address: string; name: string }>(
      'SELECT address, name FROM table(token_all_raw)',
    )
    const byMint = new Map(stored.map(({ address, name }) => [address, name]))
    expect(names.map((_, i) => byMint.get(mint(100 + i)))).toEqual(names)
  })
})

describe('brokers', () => {
  it('that are not there: said, with exit code 4', async () => {
    const file = join(FIXTURES, 'trending', 'demo_mix_5m.jsonl')
    const result = await run([
      '--project',
      project,
      '--target',
      'away',
      '--json',
      'feed-trending',
      '--file',
      file,
    ])
    expect(result.code).toBe(4)
    expect(JSON.parse(result.stdout)).toMatchObject({
      error: { code: 'BROKER_UNREACHABLE', suggestion: expect.any(String) },
    })
  })

  it('killed in the middle of a feed: every message is there once', async () => {
    const file = join(FIXTURES, 'trending', 'demo_mix_5m.jsonl')
    const messages = readFileSync(file, 'utf8').trimEnd().split('\n').length
    const feed = engine.start(['feed-trending', '--file', file, '--speed', '60000', '--json'])
    await eventually(
      () => count('trending'),
      (arrived) => arrived > 0,
    )
    const { pid } = JSON.parse(readFileSync(join(state, 'engine.json'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
    await eventually(
      async () => isAlive(pid),
      (alive) => !alive,
    )
    await sleep(500)
    await engine.up()
    const { exitCode, stdout, stderr } = await feed
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 })
    expect(JSON.parse(stdout)).toMatchObject({ interrupted: false, fetched: messages })
    const [held] = await engine.rows<{ n: number; distinct: number }>(
      'SELECT count() AS n, unique_exact(ts, address) AS distinct FROM trending',
    )
    expect([Number(held!.n), Number(held!.distinct)]).toEqual([messages, messages])
  })

  it('fed until Ctrl-C: what is sent counts, and the same command goes on', async () => {
    const scans = join(temporaryFolder(), 'scans.jsonl')
    const recorded = readFileSync(join(FIXTURES, 'trending', 'demo_mix_5m.jsonl'), 'utf8')
    writeFileSync(scans, recorded.replaceAll('"ts":"2026-', '"ts":"2025-'))
    const before = await count('trending')
    const feed = engine.start(['feed-trending', '--file', scans, '--speed', '20000'])
    await eventually(
      () => count('trending'),
      (arrived) => arrived > before,
    )
    feed.kill('SIGINT')
    const { exitCode, stdout, stderr } = await feed
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: expect.stringContaining('same command again'),
    })
    const written = Number(/(\d+) written/.exec(stdout)![1])
    expect(await count('trending')).toBe(before + written)
    expect(written).toBeLessThan(before)
    const rest = await engine.json<{ written: number; duplicates: number }>([
      'feed-trending',
      '--file',
      scans,
    ])
    expect(rest).toMatchObject({ written: before - written, duplicates: written })
  })
})
