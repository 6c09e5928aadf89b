import { readdir, readFile, stat } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { scalarCallText } from '../../../engine/udf/index.js'
import { functionObject, type Harness, openHarness, signature, type } from './harness.js'

interface Call {
  headers: IncomingHttpHeaders
  body: Record<string, unknown[]>
}

let h: Harness
let server: Server
let url: string
let calls: Call[] = []
/** What the peer does with a call; undefined = never answers. */
let answer: (call: Call) => { status: number; text: string } | undefined

beforeAll(async () => {
  h = await openHarness()
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const call = {
        headers: request.headers,
        body: JSON.parse(Buffer.concat(chunks).toString()) as Call['body'],
      }
      calls.push(call)
      const reply = answer(call)
      if (reply) response.writeHead(reply.status, { 'content-type': 'application/json' }).end(reply.text)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  calls = []
})
afterAll(async () => {
  await h.close()
  server.closeAllConnections()
  server.close()
})

async function define(
  name: string,
  args: string,
  returns: string,
  extra: { executionTimeoutMs?: string; url?: string; authKey?: string } = {},
): Promise<string> {
  await h.registry.define(
    functionObject(name, false, {
      language: 'remote',
      args: signature(args),
      returns: type(returns),
      url: `${url}/${name}`,
      ...(extra.authKey ? { authMethod: 'auth_header', authHeader: 'X-Udf-Key' } : {}),
      ...extra,
    }),
  )
  const target = h.registry.lookup(name)
  if (target?.kind !== 'scalar') throw new Error('not a scalar function')
  return target.chName
}

const results = (values: unknown) => ({ status: 200, text: JSON.stringify({ result: values }) })

describe('a remote function', () => {
  it('posts columns and takes one result per row', async () => {
    const f = await define('shout', 'a string, n int64', 'string', { authKey: 'the-secret-key' })
    answer = ({ body }) => results(body.a!.map((text, i) => `${String(text).toUpperCase()}${body.n![i]}`))
    expect(
      await h.rows(`SELECT ${f}(a, n) FROM values('a String, n Int64', ('x', 9007199254740993), ('é"', -1))`),
    ).toEqual([['X9007199254740993'], ['É"-1']])
    expect(calls).toHaveLength(1)
    expect(calls[0]!.body).toEqual({ a: ['x', 'é"'], n: ['9007199254740993', '-1'] })
    expect(calls[0]!.headers).toMatchObject({
      'content-type': 'application/json',
      'x-udf-key': 'the-secret-key',
    })
    expect(calls[0]!.headers['x-timeplus-query-id']).toMatch(/^from-/)
  })

  it('is called once per block, over one connection', async () => {
    const f = await define('twice', 'n uint32', 'uint64')
    answer = ({ body }) => results(body.n!.map((n) => Number(n) * 2))
    expect(
      await h.rows(`SELECT sum(${f}(toUInt32(number))) FROM numbers(100000) SETTINGS max_threads = 1`),
    ).toEqual([['9999900000']])
    expect(calls.length).toBeLessThan(5)
  })

  it('keeps 64-bit integers, dates and tuples', async () => {
    const f = await define(
      'mixed',
      "at datetime64(3, 'UTC'), day date",
      'tuple(id int64, tags array(string))',
    )
    answer = () => ({
      status: 200,
      text: '{"result": [{"id": 9223372036854775807, "tags": ["1234567890123456789", "b"]}]}',
    })
    expect(
      await h.rows(`SELECT ${f}(toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC'), toDate('2026-01-02'))`),
    ).toEqual([[{ id: '9223372036854775807', tags: ['1234567890123456789', 'b'] }]])
    expect(calls[0]!.body).toEqual({ at: ['2026-01-02 03:04:05.678'], day: ['2026-01-02'] })
  })

  it('is not called for no rows', async () => {
    const f = await define('unused', 'a string', 'string')
    await h.rows(`SELECT ${f}(toString(number)) FROM numbers(0)`)
    await h.rows(`SELECT if(number > 5, ${f}(toString(number)), '') FROM numbers(3)`)
    expect(calls).toEqual([])
  })

  it('is not called when a statement is only described, though its arguments are constants', async () => {
    await define('described', 'a string', 'string')
    const target = h.registry.lookup('described')
    if (target?.kind !== 'scalar') throw new Error('not a scalar function')
    const sql = `SELECT ${scalarCallText(target, ["'x'"])} AS r`
    answer = ({ body }) => results(body.a)
    expect(await h.chdb.describe(sql)).toEqual([{ name: 'r', type: 'String' }])
    expect(calls).toEqual([])
    expect(await h.rows(sql)).toEqual([['x']])
    expect(calls).toHaveLength(1)
  })

  it('fails with 2526 for another status, an absent peer and a late answer', async () => {
    const f = await define('failing', 'a string', 'string', { executionTimeoutMs: '300' })
    answer = () => ({ status: 503, text: 'try later' })
    await expect(h.rows(`SELECT ${f}('x')`)).rejects.toMatchObject({
      code: 2526,
      message: `Call remote uri ${url}/failing failed, message: try later, http_status: 503`,
    })
    answer = () => undefined
    await expect(h.rows(`SELECT ${f}('x')`)).rejects.toMatchObject({
      code: 2526,
      message: expect.stringContaining('no answer within 300 ms'),
    })
    const absent = await define('absent', 'a string', 'string', { url: 'http://127.0.0.1:1/x' })
    await expect(h.rows(`SELECT ${absent}('x')`)).rejects.toMatchObject({
      code: 2526,
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('fails for a wrong length, no JSON, and a value of another type', async () => {
    const f = await define('odd', 'a string', 'uint8')
    answer = () => results([1, 2])
    await expect(h.rows(`SELECT ${f}('x')`)).rejects.toMatchObject({
      code: 2504,
      message: "Function 'odd': wrong result, expected 1 row(s), actual 2",
    })
    answer = () => ({ status: 200, text: '<html>' })
    await expect(h.rows(`SELECT ${f}('x')`)).rejects.toMatchObject({ code: 27 })
    answer = () => results(['not a number'])
    await expect(h.rows(`SELECT ${f}('x')`)).rejects.toMatchObject({ code: 53 })
  })

  it('is refused with a bad URL or half an authentication', async () => {
    await expect(define('bad1', 'a string', 'string', { url: 'file:///etc/passwd' })).rejects.toMatchObject({
      code: 36,
    })
    await expect(
      h.registry.define(
        functionObject('bad2', false, {
          language: 'remote',
          args: signature('a string'),
          returns: type('string'),
          url,
          authMethod: 'auth_header',
        }),
      ),
    ).rejects.toMatchObject({ code: 36 })
  })
})

describe('secrets', () => {
  it('are neither in argv nor in a file that others read', async () => {
    const f = await define('secretive', 'a string', 'string', { authKey: 'do-not-show' })
    answer = ({ body }) => results(body.a)
    await h.rows(`SELECT ${f}('x')`)
    const config = h.registry.connectionArgs[0]!.replace('--config-file=', '')
    const dir = join(config, '..')
    expect((await stat(dir)).mode & 0o077).toBe(0)
    for (const name of await readdir(join(dir, 'specs'))) {
      expect((await stat(join(dir, 'specs', name))).mode & 0o077).toBe(0)
    }
    for (const name of await readdir(join(dir, 'functions'))) {
      expect(await readFile(join(dir, 'functions', name), 'utf8')).not.toContain('do-not-show')
    }
    if (process.platform === 'linux') {
      const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))
      const lines = await Promise.all(
        pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
      )
      const children = lines.filter((line) => line.includes('udf_secretive_v'))
      expect(children.length).toBeGreaterThan(0)
      expect(children.join()).not.toContain('do-not-show')
    }
  })
})
