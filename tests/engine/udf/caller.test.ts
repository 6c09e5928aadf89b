import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type CreateFunction, parseStatement } from '../../../dialect/index.js'
import { type FunctionCaller, openCaller } from '../../../engine/udf/caller.js'

let dir: string
const open: FunctionCaller[] = []
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caller-'))
})
afterAll(async () => {
  for (const caller of open) await caller.close()
  await rm(dir, { recursive: true, force: true })
})

async function caller(sql: string, timeLimitMs?: number): Promise<FunctionCaller> {
  const opened = await openCaller(parseStatement(sql) as CreateFunction, {
    dir: join(dir, `${open.length}`),
    timeLimitMs,
  })
  open.push(opened)
  return opened
}

it('gives a JavaScript function whole columns of JSON values, and its results back', async () => {
  const f =
    await caller(`CREATE FUNCTION f(n uint64, at datetime64(3, 'UTC'), tags array(string), big int64) RETURNS string LANGUAGE JAVASCRIPT AS $$
    let calls = 0
    function f(ns, ats, tags, bigs) {
      calls++
      return ns.map((n, i) => [calls, n, ats[i].toISOString(), tags[i].join('+'), typeof bigs[i], typeof fetch].join(' '))
    } $$`)
  expect(f.arity).toBe(4)
  const row = ['7', '2026-01-02T03:04:05.678Z', ['a', 'b'], '1']
  expect(await f.call([row, [8, '2026-01-02 03:04:05', [], null]])).toEqual([
    '1 7 2026-01-02T03:04:05.678Z a+b number undefined',
    '1 8 2026-01-02T03:04:05.000Z  number undefined',
  ])
  // One child for all calls.
  expect(await f.call([row])).toEqual(['2 7 2026-01-02T03:04:05.678Z a+b number undefined'])
})

it('says what went wrong in the words of a statement, and answers the next call', async () => {
  const f = await caller(
    `CREATE FUNCTION g(n int32) RETURNS int64 LANGUAGE JAVASCRIPT AS $$
      function g(ns) { if (ns[0] === 1) throw 'one'; if (ns[0] === 2) for (;;) {} return ns[0] === 3 ? [] : ns } $$`,
    100,
  )
  await expect(f.call([[1]])).rejects.toMatchObject({ code: 2533, message: expect.stringContaining('one') })
  await expect(f.call([[2]])).rejects.toMatchObject({ code: 159 })
  await expect(f.call([[3]])).rejects.toMatchObject({ code: 2504 })
  await expect(f.call([['x']])).rejects.toMatchObject({ code: 53 })
  expect(await f.call([[4], [5]])).toEqual(['4', '5'])
  const broken = await caller(
    'CREATE FUNCTION h(n int32) RETURNS int32 LANGUAGE JAVASCRIPT AS $$ function ( $$',
  )
  await expect(broken.call([[1]])).rejects.toMatchObject({ code: 2530 })
  await broken.close()
  expect(existsSync(join(dir, '1'))).toBe(true)
  expect(existsSync(join(dir, '2'))).toBe(false)
})

it('calls a remote function with its key, and names the status that it was refused with', async () => {
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      asked.push([request.headers['x-key'], JSON.parse(body)])
      response.writeHead(asked.length === 1 ? 200 : 503).end('{"result":["a","b"]}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const f = await caller(
    `CREATE REMOTE FUNCTION r(k string) RETURNS string URL '${url}' AUTH_METHOD 'auth_header' AUTH_HEADER 'x-key' AUTH_KEY 'secret'`,
  )
  expect(await f.call([['x'], ['y']])).toEqual(['a', 'b'])
  expect(asked).toEqual([['secret', { k: ['x', 'y'] }]])
  await expect(f.call([['x'], ['y']])).rejects.toMatchObject({
    code: 2526,
    message: expect.stringContaining('503'),
  })
  server.closeAllConnections()
  server.close()
})
