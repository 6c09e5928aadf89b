import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from '../engine/server/harness.js'
import { installed, queriesRunning, run, start } from './programs.js'

describe.skipIf(!installed('curl', '--version'))('curl', () => {
  let engine: TestEngine
  let url: string
  let streamUrl: string
  beforeAll(async () => {
    engine = await TestEngine.start()
    url = engine.engine.url
    streamUrl = engine.engine.streamUrl
  })
  afterAll(() => engine.close())

  const curl = async (...args: string[]) => (await run('curl', ['-sS', ...args])).out

  it('pings', async () => {
    expect(await curl(`${url}/ping`)).toBe('Ok.\n')
    expect(JSON.parse(await curl(`${streamUrl}/proton/ping`))).toEqual({ status: 'UP' })
  })

  it('creates, inserts and selects, on either port', async () => {
    expect(await curl(url, '-d', 'CREATE STREAM trades (symbol string, price float64)')).toBe('')
    await curl(url, '-d', "INSERT INTO trades (symbol, price) VALUES ('SOL', 150.5), ('JUP', 0.7)")
    const data = '{"symbol":"BONK","price":1e-5}\n{"symbol":"WIF","price":2}\n'
    await curl(
      `${streamUrl}/?query=INSERT%20INTO%20trades%20(symbol,price)%20FORMAT%20JSONEachRow`,
      '--data-binary',
      data,
    )
    const select = 'SELECT symbol, price FROM table(trades) ORDER BY symbol'
    const expected = 'BONK\t0.00001\nJUP\t0.7\nSOL\t150.5\nWIF\t2\n'
    expect(await curl(url, '-d', select)).toBe(expected)
    expect(await curl(streamUrl, '-d', select)).toBe(expected)
  })

  it.each([
    ['CSV', '"SOL",150.5\n'],
    ['CSVWithNames', '"symbol","price"\n"SOL",150.5\n'],
    ['TSVWithNamesAndTypes', 'symbol\tprice\nstring\tfloat64\nSOL\t150.5\n'],
    ['JSONEachRow', '{"symbol":"SOL","price":150.5}\n'],
    ['JSONCompactEachRow', '["SOL", 150.5]\n'],
    ['Values', "('SOL',150.5)"],
  ])('gets %s', async (format, expected) => {
    const select = `SELECT symbol, price FROM table(trades) WHERE symbol = 'SOL'`
    expect(await curl(url, '-d', `${select} FORMAT ${format}`)).toBe(expected)
    expect(await curl(`${url}/?default_format=${format}`, '-d', select)).toBe(expected)
  })

  it('gets JSON with column types and row counts', async () => {
    const answer = JSON.parse(
      await curl(url, '-d', 'SELECT symbol FROM table(trades) ORDER BY symbol LIMIT 1 FORMAT JSON'),
    )
    expect(answer).toMatchObject({
      meta: [{ name: 'symbol', type: 'string' }],
      data: [{ symbol: 'BONK' }],
      rows: 1,
    })
  })

  it('binds parameters, and nothing in them ends the literal', async () => {
    const sql = 'SELECT price FROM table(trades) WHERE symbol = {s:string} AND price > {p:float64}'
    expect(
      await curl('-G', url, '--data-urlencode', `query=${sql}`, '-d', 'param_s=SOL', '-d', 'param_p=1'),
    ).toBe('150.5\n')
    const evil = "param_s=SOL' OR 1=1 --"
    expect(
      await curl('-G', url, '--data-urlencode', `query=${sql}`, '--data-urlencode', evil, '-d', 'param_p=1'),
    ).toBe('')
  })

  it('gets Proton’s error: status, header and text', async () => {
    const answer = await curl('-i', url, '-d', 'SELECT * FROM table(nowhere)')
    expect(answer).toMatch(/^HTTP\/1.1 404/)
    expect(answer.toLowerCase()).toContain('x-timeplus-exception-code: 60')
    expect(answer).toContain('Code: 60. DB::Exception:')
    expect(answer).not.toMatch(/\n\s+at /)
  })

  it('sends compressed data and takes a compressed answer', async () => {
    const select = 'SELECT count() FROM table(trades)'
    expect(await curl('--compressed', `${url}/?enable_http_compression=1`, '-d', select)).toBe('4\n')
  })

  it('a streaming query sees what is inserted while it runs, until it is killed', async () => {
    const live = start('curl', [
      '-sSN',
      streamUrl,
      '-d',
      "SELECT symbol, price FROM trades WHERE symbol != 'x' FORMAT JSONEachRow",
    ])
    await queriesRunning(url, 'FROM trades WHERE symbol', 1)
    await curl(url, '-d', "INSERT INTO trades (symbol, price) VALUES ('live', 1), ('x', 2)")
    expect(await live.hasLines(1)).toEqual(['{"symbol":"live","price":1}'])
    await curl(url, '-d', "INSERT INTO trades (symbol, price) VALUES ('more', 3)")
    expect(await live.hasLines(2)).toEqual(['{"symbol":"live","price":1}', '{"symbol":"more","price":3}'])
    await live.kill()
    await queriesRunning(url, 'FROM trades WHERE symbol', 0)
  })

  it('ends a streaming query of another client by its id', async () => {
    const live = start('curl', ['-sSN', `${streamUrl}/?query_id=mine`, '-d', 'SELECT symbol FROM trades'])
    await queriesRunning(url, 'SELECT symbol FROM trades', 1)
    await curl(url, '-d', "KILL QUERY WHERE query_id = 'mine'")
    await live.ended
    expect(live.out).toContain('Code: 394')
  })

  it('ingests over REST; the same idempotent id counts once', async () => {
    await curl(url, '-d', 'CREATE STREAM ticks (id uint64, note string)')
    const ingest = (id: string, ...rows: unknown[][]) =>
      curl(
        ...[
          '-X',
          'POST',
          `${streamUrl}/proton/v1/ingest/streams/ticks`,
          '-H',
          `x-timeplus-idempotent-id: ${id}`,
        ],
        ...['-d', JSON.stringify({ columns: ['id', 'note'], data: rows })],
      )
    expect(JSON.parse(await ingest('a', [1, 'one'], [2, 'two']))).toHaveProperty('request_id')
    await ingest('a', [1, 'one'], [2, 'two'])
    await ingest('b', ['18446744073709551615', "it's"])
    expect(await curl(url, '-d', 'SELECT id, note FROM table(ticks) ORDER BY id')).toBe(
      "1\tone\n2\ttwo\n18446744073709551615\tit\\'s\n",
    )
    const refused = JSON.parse(
      await curl(`${streamUrl}/proton/v1/ingest/streams/ticks`, '-d', '{"columns":["id"],"data":[['),
    )
    expect(refused).toMatchObject({ code: 117 })
  })
})
