import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { isRead, ProtonClient, type ProtonClientOptions } from '../../driver/index.js'
import { fakeServer, rowsBody } from './fake_server.js'
import { cleanup, failure, setup } from './setup.js'

describe('queries', () => {
  it('gives rows as objects with their columns, and sends what Proton reads', async () => {
    const { server, client } = await setup((_, response) => {
      response.end(
        rowsBody(
          [
            ['a', 'uint8'],
            ['b', 'string'],
          ],
          [
            [1, 'x'],
            [2, 'ü\n'],
          ],
        ),
      )
    })
    const result = await client.query('SELECT a, b FROM table(t)', {
      parameters: { name: "it's\ta \\", n: 5n, list: ["a'b", 'c'], none: null },
      settings: { max_threads: 2, flag: true },
      database: 'db1',
    })
    const rows = []
    for await (const row of result.rows) rows.push(row)
    expect(rows).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'ü\n' },
    ])
    expect(await result.columns).toEqual([
      { name: 'a', type: 'uint8' },
      { name: 'b', type: 'string' },
    ])
    const { url, body, method } = server.requests[0]!
    expect(method).toBe('POST')
    expect(body).toBe('SELECT a, b FROM table(t)')
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      default_format: 'JSONCompactEachRowWithNamesAndTypes',
      query_id: result.queryId,
      database: 'db1',
      max_threads: '2',
      flag: '1',
      param_name: "it's\\ta \\\\",
      param_n: '5',
      param_list: "['a\\'b','c']",
      param_none: '\\N',
    })
  })

  it('keeps every digit of wide integers, as string or as bigint', async () => {
    const { client } = await setup((_, response) => {
      response.end(
        rowsBody(
          [
            ['k', 'uint64'],
            ['n', 'nullable(int128)'],
            ['l', "array(tuple(int64, string, datetime64(3, 'UTC')))"],
            ['m', 'map(string, uint64)'],
            ['t', 'tuple(x int64, `y z` string)'],
            ['s', 'int32'],
          ],
          [
            [
              '18446744073709551615',
              null,
              [['-9007199254740993', 'a', '2026-01-02']],
              { q: '9007199254740993' },
              { x: '1', 'y z': '2' },
              7,
            ],
          ],
        ),
      )
    })
    expect((await client.rows('SELECT 1'))[0]).toMatchObject({ k: '18446744073709551615', s: 7 })
    expect(await client.rows('SELECT 1', { integers: 'bigint' })).toEqual([
      {
        k: 18446744073709551615n,
        n: null,
        l: [[-9007199254740993n, 'a', '2026-01-02']],
        m: { q: 9007199254740993n },
        t: { x: 1n, 'y z': '2' },
        s: 7,
      },
    ])
  })

  it('reads rows cut anywhere, also inside a character', async () => {
    const bytes = Buffer.from(rowsBody([['s', 'string']], [['äöü€'], ['second'], ['']]))
    const { client } = await setup(async (_, response) => {
      for (let i = 0; i < bytes.length; i += 3) {
        response.write(bytes.subarray(i, i + 3))
        await sleep(1)
      }
      response.end()
    })
    expect(await client.rows('SELECT s')).toEqual([{ s: 'äöü€' }, { s: 'second' }, { s: '' }])
  })

  it('reads JSONEachRow where the statement asks for it, and refuses formats without rows', async () => {
    const { client } = await setup((request, response) => {
      const format = request.body.includes('CSV') ? 'CSV' : 'JSONEachRow'
      response.setHeader('x-timeplus-format', format)
      response.end('{"a":"1"}\n{"a":"2"}\n')
    })
    expect(await client.rows('SELECT a FORMAT JSONEachRow')).toEqual([{ a: '1' }, { a: '2' }])
    expect((await failure(client.rows('SELECT a FORMAT CSV'))).message).toContain('use text()')
  })

  it('a column named __proto__ is a value like any other', async () => {
    const { client } = await setup((_, response) => {
      response.end(rowsBody([['__proto__', 'string']], [['x']]))
    })
    const [row] = await client.rows('SELECT 1')
    expect(Object.keys(row!)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype)
  })

  it('holds a large result back while nobody reads it', async () => {
    let sent = 0
    let finished = false
    const line = `${JSON.stringify(['x'.repeat(1000)])}\n`
    const { client } = await setup(async (_, response) => {
      response.write('["s"]\n["string"]\n')
      for (let i = 0; i < 60_000 && !response.destroyed; i++) {
        sent++
        if (!response.write(line)) await once(response, 'drain')
      }
      finished = true
      response.end()
    })
    const { rows } = await client.query('SELECT s')
    let read = 0
    for await (const _ of rows) {
      if (++read === 1) await sleep(300)
      if (read === 1) expect(finished).toBe(false)
      if (read === 1) expect(sent).toBeLessThan(40_000)
    }
    expect(read).toBe(60_000)
  })
})

describe('errors', () => {
  it('carry code, name, text and status of the server', async () => {
    const { client } = await setup((_, response) => {
      response.writeHead(404, { 'x-timeplus-exception-code': '60' })
      response.end(
        "Code: 60. DB::Exception: Stream default.nope doesn't exist. (UNKNOWN_STREAM) (version 1.6.1)\n",
      )
    })
    const error = await failure(client.query('SELECT * FROM nope'))
    expect(error).toMatchObject({
      code: 60,
      codeName: 'UNKNOWN_STREAM',
      httpStatus: 404,
      message: "Stream default.nope doesn't exist.",
    })
  })

  it.each([
    ['in a line of its own', '["a"]\n["uint8"]\n[1]\n'],
    ['after half a row', '["a"]\n["uint8"]\n[1]\n[2'],
    ['in place of the head', ''],
  ])('are found behind status 200, %s', async (_, before) => {
    const { client } = await setup((_, response) => {
      response.end(
        `${before}Code: 241. DB::Exception: Memory limit\nexceeded. (MEMORY_LIMIT_EXCEEDED) (version 1.6.1)\n`,
      )
    })
    const seen: unknown[] = []
    const error = await failure(
      (async () => {
        for await (const row of (await client.query('SELECT a')).rows) seen.push(row)
      })(),
    )
    expect(error).toMatchObject({ code: 241, codeName: 'MEMORY_LIMIT_EXCEEDED', httpStatus: 200 })
    expect(error.message).toBe('Memory limit\nexceeded.')
    expect(seen).toEqual(before ? [{ a: 1 }] : [])
  })

  it('are found at the end of a text, but not in its middle', async () => {
    const text = 'Code: 6. DB::Exception: cited (CANNOT_PARSE_TEXT) (version 1)'
    const { client } = await setup((request, response) => {
      response.end(request.body.includes('bad') ? `1\n2\n${text}\n` : `${text}\tcited by a row\n`)
    })
    expect(await client.text('SELECT good', 'TabSeparated')).toContain('cited by a row')
    expect(await failure(client.text('SELECT bad', 'TabSeparated'))).toMatchObject({
      code: 6,
      message: 'cited',
    })
  })

  it('of REST are read from JSON', async () => {
    const { client } = await setup((_, response) => {
      response.writeHead(404, { 'content-type': 'application/json' })
      response.end(
        '{"code":60,"error_msg":"Code: 60. DB::Exception: No stream. (UNKNOWN_STREAM) (version 1.6.1)","request_id":""}',
      )
    })
    const error = await failure(client.ingest('nope', { columns: ['i'], data: [[7]] }))
    expect(error).toMatchObject({ code: 60, codeName: 'UNKNOWN_STREAM', message: 'No stream.' })
  })

  it('tell an absent server from a silent and a foreign one', async () => {
    const { server, client } = await setup((request, response) => {
      if (request.body === 'SELECT slow') return
      response.writeHead(500)
      response.end('<html>proxy</html>')
    })
    expect(await failure(client.text('SELECT slow', 'CSV', { timeoutMs: 50 }))).toMatchObject({
      codeName: 'TIMEOUT',
      code: 0,
    })
    expect(await failure(client.text('SELECT html', 'CSV'))).toMatchObject({
      codeName: 'UNEXPECTED_ANSWER',
      httpStatus: 500,
    })
    await server.close()
    const error = await failure(client.text('SELECT gone', 'CSV'))
    expect(error.unreachable).toBe(true)
    expect(error.message).toContain(server.url)
    expect(await client.ping()).toBe(false)
  })

  it('never show the password', async () => {
    const { client, server } = await setup(
      (_, response) => {
        response.writeHead(403, { 'x-timeplus-exception-code': '516' })
        response.end(
          'Code: 516. DB::Exception: nobody: Authentication failed. (AUTHENTICATION_FAILED) (version 1.6.1)',
        )
      },
      { username: 'nobody', password: 'geheim€' },
    )
    const error = await failure(client.exec('SELECT 1'))
    expect(error.codeName).toBe('AUTHENTICATION_FAILED')
    expect(JSON.stringify([error, error.message, error.stack])).not.toContain('geheim')
    const header = server.requests[0]!.headers.authorization!
    expect(Buffer.from(header.slice(6), 'base64').toString('utf8')).toBe('nobody:geheim€')
    expect(() => new ProtonClient({ url: 'http://a:b@c' })).toThrow(/as options/)
  })
})

describe('repeating', () => {
  it('repeats a read after a broken connection and a 503, not a write', async () => {
    const { server, client } = await setup((request, response, index) => {
      if (request.body.startsWith('DROP') || index === 0) return void response.destroy()
      if (index === 1) return void response.writeHead(503).end()
      response.end('1\n')
    })
    expect(await client.text('-- a comment\n(SELECT 1)', 'CSV')).toBe('1\n')
    expect(server.requests).toHaveLength(3)
    expect((await failure(client.exec('DROP STREAM x'))).codeName).toBe('BROKEN')
    expect(server.requests).toHaveLength(4)
  })

  it('does not repeat what the server refused, nor a result that broke after its first rows', async () => {
    const { server, client } = await setup((request, response) => {
      if (request.body === 'SELECT refused') {
        response.writeHead(500, { 'x-timeplus-exception-code': '43' })
        response.end('Code: 43. DB::Exception: Illegal. (ILLEGAL_TYPE_OF_ARGUMENT) (version 1.6.1)')
      } else if (request.body.startsWith('KILL')) response.end()
      else {
        response.write('["a"]\n["uint8"]\n[1]\n')
        setTimeout(() => response.destroy(), 30)
      }
    })
    expect((await failure(client.rows('SELECT refused'))).code).toBe(43)
    expect(server.requests).toHaveLength(1)
    expect((await failure(client.rows('SELECT a'))).codeName).toBe('BROKEN')
    expect(server.requests.filter((r) => r.body === 'SELECT a')).toHaveLength(1)
  })

  it('knows what only reads', () => {
    for (const sql of [
      'select 1',
      ' /* c */ WITH x AS (SELECT 1) SELECT 1',
      '((SELECT 1))',
      'SHOW STREAMS',
      '--c\nDESC t',
    ])
      expect(isRead(sql), sql).toBe(true)
    for (const sql of [
      'INSERT INTO t SELECT 1',
      'DROP STREAM t',
      'selected',
      '',
      'CREATE VIEW v AS SELECT 1',
    ])
      expect(isRead(sql), sql).toBe(false)
  })
})

describe('streaming queries', () => {
  it('use the other endpoint, are killed on abort, and end their loop quietly', async () => {
    let open: import('node:http').ServerResponse | undefined
    const streaming = await fakeServer((_, response) => {
      open = response
      response.write('["a"]\n["uint8"]\n')
      response.write('[1]\n')
    })
    cleanup.push(() => streaming.close())
    const { server, client } = await setup((_, response) => void response.end(), { streamUrl: streaming.url })
    const { rows, abort, queryId } = await client.query('SELECT a FROM t', { mode: 'stream' })
    const closed = once(open!, 'close')
    const seen: unknown[] = []
    for await (const row of rows) {
      seen.push(row)
      await abort()
    }
    expect(seen).toEqual([{ a: 1 }])
    await closed
    expect(server.requests.map((r) => r.body)).toEqual([`KILL QUERY WHERE query_id = '${queryId}'`])
    expect(streaming.requests[0]!.url.searchParams.get('query_mode')).toBeNull()
  })

  it('leaving the loop kills too; an aborted signal is an error', async () => {
    const { server, client } = await setup((request, response) => {
      if (request.body.startsWith('KILL')) return void response.end()
      response.write('["a"]\n["uint8"]\n[1]\n[2]\n')
    })
    for await (const row of (await client.query('SELECT a FROM t', { mode: 'stream' })).rows) {
      expect(row).toEqual({ a: 1 })
      break
    }
    expect(server.requests[1]!.body).toContain('KILL QUERY')
    expect(server.requests[0]!.url.searchParams.get('query_mode')).toBe('streaming')

    const controller = new AbortController()
    const { rows } = await client.query('SELECT a FROM t', { mode: 'stream', signal: controller.signal })
    const error = await failure(
      (async () => {
        for await (const _ of rows) controller.abort()
      })(),
    )
    expect(error.aborted).toBe(true)
    expect(server.requests.filter((r) => r.body.startsWith('KILL'))).toHaveLength(2)
  })

  it('tell their columns before any row is asked for, or has come', async () => {
    const { client } = await setup((request, response) => {
      if (request.body.startsWith('KILL')) response.end()
      else if (request.body === 'SELECT bad')
        response.end('Code: 1. DB::Exception: no. (UNSUPPORTED_METHOD) (version 1)')
      else response.write('["a"]\n["uint8"]\n')
    })
    const { columns, rows, abort } = await client.query('SELECT a FROM t', { mode: 'stream' })
    expect(await columns).toEqual([{ name: 'a', type: 'uint8' }])
    await abort()
    for await (const _ of rows) throw new Error('no row was sent')
    const bad = await client.query('SELECT bad')
    expect((await failure(bad.columns)).code).toBe(1)
    expect(
      (
        await failure(
          (async () => {
            for await (const _ of bad.rows);
          })(),
        )
      ).code,
    ).toBe(1)
  })

  it('stand before their first row has come', async () => {
    let release!: () => void
    const { client } = await setup(async (request, response) => {
      if (request.body.startsWith('KILL')) return void response.end()
      await new Promise<void>((resolve) => {
        release = resolve
      })
      response.end(rowsBody([['a', 'uint8']], [[5]]))
    })
    const { rows } = await client.query('SELECT a FROM t', { mode: 'stream' })
    release()
    const seen = []
    for await (const row of rows) seen.push(row)
    expect(seen).toEqual([{ a: 5 }])
  })
})

describe('endpoints', () => {
  it.each([
    [{}, 'http://127.0.0.1:8123', 'http://127.0.0.1:3218'],
    [{ host: 'h', port: 3218 }, 'http://h:3218', 'http://h:3218'],
    [{ host: '::1', streamPort: 1 }, 'http://[::1]:8123', 'http://[::1]:1'],
    [{ url: 'https://h/', streamUrl: 'https://s:9' }, 'https://h', 'https://s:9'],
    [{ host: 'h', port: 1, tls: {} }, 'https://h:1', 'https://h:1'],
  ] as [ProtonClientOptions, string, string][])('%j', async (options, url, streamUrl) => {
    const client = new ProtonClient(options)
    cleanup.push(() => client.close())
    expect([client.url, client.streamUrl]).toEqual([url, streamUrl])
  })
})
