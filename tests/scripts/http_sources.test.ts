import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UserError } from '../../dialect/user_error.js'
import { syntheticToken } from '../../scripts/generate-tokens.js'
import { Upstream, type UpstreamOptions, waitOf } from '../../scripts/http.js'
import { feedTokens } from '../../scripts/index.js'
import { type FakeServer, fakeServer, type Recorded } from '../driver/fake_server.js'
import { type FakeTarget, fakeTarget } from './fake_target.js'

type Answer = (request: Recorded, response: ServerResponse, index: number) => void
let answer: Answer
let api: FakeServer
let target: FakeTarget

beforeEach(async () => {
  api = await fakeServer((request, response, index) => answer(request, response, index))
  target = await fakeTarget(['token_strict_raw', 'token_all_raw', 'token_banned_raw'])
})
afterEach(async () => {
  await api.close()
  await target.close()
})

const QUICK: Partial<UpstreamOptions> = {
  requestsPerSecond: 10_000,
  backoffMs: 1,
  timeoutMs: 150,
  retries: 2,
}

const v2 = (i: number, more: object = {}) => {
  const { address, logoURI, symbol, name, decimals } = syntheticToken(i)
  return { id: address, icon: logoURI, symbol, name, decimals, tags: ['verified'], isVerified: true, ...more }
}

const json = (response: ServerResponse, value: unknown, headers: Record<string, string> = {}) => {
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(value))
}

function feed(list: 'strict' | 'all' | 'banned', more: object = {}) {
  return feedTokens({
    list,
    source: 'jupiter',
    jupiterUrl: api.url,
    apiKey: 'secret-key',
    client: target.client,
    http: QUICK,
    ...more,
  })
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(UserError)
  expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toContain(
    'secret-key',
  )
  return error as UserError
}

describe('Jupiter lists', () => {
  it('strict is the verified tag, taken as the whole list', async () => {
    let tokens = [v2(1), v2(2), v2(3)]
    answer = (_, response) => json(response, tokens)
    expect(await feed('strict')).toMatchObject({ fetched: 3, written: 3 })
    expect(api.requests.map((r) => r.url.pathname + r.url.search)).toEqual(['/tokens/v2/tag?query=verified'])
    expect(api.requests[0]!.headers['x-api-key']).toBe('secret-key')
    tokens = [v2(1), v2(2)]
    expect(await feed('strict')).toMatchObject({ unchanged: 2, removed: 1 })
    tokens = []
    expect(await feed('strict')).toMatchObject({ removed: 0, warnings: [expect.stringContaining('2 of 2')] })
  })

  it('all is the union, where tokens overlap and none is missed', async () => {
    answer = (request, response) => {
      const tag = request.url.searchParams.get('query')
      json(response, tag === 'verified' ? [v2(1)] : tag ? [v2(2)] : [v2(1, { name: 'renamed' }), v2(3)])
    }
    const summary = await feed('all')
    expect(api.requests.map((r) => r.url.pathname)).toContain('/tokens/v2/toptrending/24h')
    expect(summary).toMatchObject({ valid: 3, written: 3, removed: 0, rejected: 0 })
    expect(summary.fetched).toBe(summary.valid + summary.duplicates)
  })

  it('banned takes those flagged as suspicious, which are the only ones with the flag', async () => {
    answer = (_, response) =>
      json(response, [
        v2(1),
        v2(2, { audit: { isSus: true } }),
        v2(3, { audit: { mintAuthorityDisabled: true } }),
      ])
    expect(await feed('banned')).toMatchObject({ valid: 1, written: 1 })
    expect([...target.rows('token_banned_raw').values()]).toMatchObject([
      { address: v2(2).id, banned: true, reason: expect.stringContaining('isSus') },
    ])
  })

  it('a list at any address', async () => {
    answer = (_, response) => response.end(`Mint,Reasons\n${v2(1).id},fake\n`)
    expect(await feed('banned', { source: 'url', url: `${api.url}/list.csv` })).toMatchObject({ written: 1 })
    expect((await failure(feed('banned', { source: 'url', url: 'nonsense' }))).code).toBe('USAGE')
    answer = (_, response) => {
      response.write(`Mint,Reasons\n${v2(2).id},fake\n${String(v2(3).id).slice(0, 10)}`)
      setTimeout(() => response.destroy(), 20)
    }
    expect((await failure(feed('banned', { source: 'url', url: api.url }))).code).toBe('UPSTREAM_UNREACHABLE')
    expect(target.rows('token_banned_raw').size).toBe(2)
  })
})

describe('an upstream in trouble', () => {
  it.each<[string, (response: ServerResponse) => void, string, number]>([
    ['HTTP 500', (r: ServerResponse) => void r.writeHead(500).end('{"error":"oops"}'), 'UPSTREAM_FAILED', 3],
    [
      'HTTP 401',
      (r: ServerResponse) => void r.writeHead(401).end('{"error":"bad key"}'),
      'UPSTREAM_DENIED',
      1,
    ],
    [
      'HTTP 400',
      (r: ServerResponse) => void r.writeHead(400).end('{"error":"bad request"}'),
      'UPSTREAM_FAILED',
      1,
    ],
    [
      'a web page',
      (r: ServerResponse) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
      'UPSTREAM_NOT_JSON',
      3,
    ],
    ['silence', () => {}, 'UPSTREAM_STALLED', 3],
    ['silence in the middle', (r: ServerResponse) => void r.write('[{"id":'), 'UPSTREAM_STALLED', 3],
    ['a closed connection', (r: ServerResponse) => void r.destroy(), 'UPSTREAM_UNREACHABLE', 3],
    ['truncated JSON', (r: ServerResponse) => void r.end('[{"id":"abc"'), 'UPSTREAM_NOT_JSON', 1],
    ['JSON of another kind', (r: ServerResponse) => void r.end('{"data":[]}'), 'UPSTREAM_NOT_JSON', 1],
    [
      'an exhausted quota',
      (r: ServerResponse) =>
        void r.writeHead(400).end('{"success":false,"message":"Compute units usage limit exceeded"}'),
      'QUOTA_EXHAUSTED',
      1,
    ],
  ] as const)(
    '%s: a clear error, after as many attempts as make sense',
    async (_, respond, code, attempts) => {
      answer = (_request, response) => respond(response)
      const error = await failure(feed('strict'))
      expect(error.code).toBe(code)
      expect(error.message).toMatch(/Jupiter/)
      expect(api.requests).toHaveLength(attempts)
      expect(target.inserted).toEqual([])
    },
  )

  it('comes back: nothing is lost', async () => {
    answer = (_, response, index) => {
      if (index === 0) response.writeHead(503).end()
      else if (index === 1) response.destroy()
      else json(response, [v2(1)])
    }
    expect(await feed('strict')).toMatchObject({ written: 1 })
  })

  it('asks for a pause with 429: obeyed when short, an error that names it when long', async () => {
    const waits: number[] = []
    answer = (_, response, index) => {
      if (index === 0)
        response.writeHead(429, { 'retry-after': '0.2' }).end('[API Gateway] Too many requests')
      else json(response, [v2(1)])
    }
    const http = { ...QUICK, onWait: (_: string, ms: number) => waits.push(ms) }
    expect(await feed('strict', { http })).toMatchObject({ written: 1 })
    expect(waits[0]).toBeGreaterThanOrEqual(200)
    answer = (_, response) => void response.writeHead(429, { 'retry-after': '3600' }).end('slow down')
    expect(await failure(feed('strict'))).toMatchObject({
      code: 'RATE_LIMITED',
      message: expect.stringContaining('3600 s'),
    })
  })

  it('says when its rate window ends: the next request waits for it', async () => {
    const waits: number[] = []
    const upstream = new Upstream({ name: 'X', ...QUICK, maxWaitMs: 300, onWait: (_, ms) => waits.push(ms) })
    const times: number[] = []
    answer = (_, response) => {
      times.push(performance.now())
      json(response, [], {
        'x-ratelimit-remaining': '-1',
        'x-ratelimit-reset': String(Date.now() / 1000 + 0.25),
      })
    }
    await upstream.json(api.url)
    await upstream.json(api.url)
    await upstream.close()
    expect(times[1]! - times[0]!).toBeGreaterThan(150)
  })

  it('pauses are read from Retry-After in seconds or as a date, else from the window', () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    expect(waitOf({ headers: { 'retry-after': '7' } }, now)).toBe(7000)
    expect(waitOf({ headers: { 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' } }, now)).toBe(9000)
    expect(waitOf({ headers: { 'x-ratelimit-reset': String(now / 1000 + 5) } }, now)).toBe(5000)
    expect(waitOf({ headers: {} }, now)).toBeUndefined()
  })

  it('a request to stop ends the wait', async () => {
    answer = () => {}
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 50)
    const summary = await feed('strict', { signal: controller.signal, http: { ...QUICK, timeoutMs: 60_000 } })
    expect(summary).toMatchObject({ interrupted: true, written: 0 })
  })
})
