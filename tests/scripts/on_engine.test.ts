import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { ProtonClient, ProtonError } from '../../driver/index.js'
import { type Engine, startEngine } from '../../engine/engine.js'
import { feedTokens, feedTrending } from '../../scripts/index.js'
import { TestBroker } from '../kafka/broker.js'

const FIXTURES = join(import.meta.dirname, '../fixtures')

let dir: string
let engine: Engine
let client: ProtonClient

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tpctl-on-engine-'))
  engine = await startEngine({ dir, ports: { http: 0, stream: 0, metrics: 0, kafka: 0 } })
  client = new ProtonClient({ url: engine.url, streamUrl: engine.streamUrl })
  const token = `address string, symbol string, name string, decimals uint8, logo_uri string, tags array(string),
    listed bool, updated_at datetime64(3, 'UTC')`
  for (const list of ['strict', 'all'])
    await client.exec(
      `CREATE MUTABLE STREAM token_${list}_raw (${token}) PRIMARY KEY address SETTINGS version_column = 'updated_at'`,
    )
  await client.exec(
    "CREATE MUTABLE STREAM token_banned_raw (address string, reason string, banned bool, updated_at datetime64(3, 'UTC')) PRIMARY KEY address",
  )
})
afterAll(async () => {
  await client?.close()
  await engine?.close()
  await rm(dir, { recursive: true, force: true })
})

it.each([
  ['strict', 'strict.csv', 781],
  ['all', 'all.jsonl', 1239],
  ['banned', 'banned.csv', 56],
] as const)(
  'the %s list: as many rows as distinct valid mints, and none written again',
  async (list, name, count) => {
    const feed = () =>
      feedTokens({ list, source: 'file', file: join(FIXTURES, 'tokens', name), client, batchRows: 300 })
    expect(await feed()).toMatchObject({ valid: count, written: count })
    expect(await client.rows(`SELECT count() AS n FROM table(token_${list}_raw)`)).toEqual([
      { n: String(count) },
    ])
    expect(await feed()).toMatchObject({ written: 0, unchanged: count })
  },
)

it('what was fed comes out as it went in', async () => {
  const name = `'); DROP STREAM token_all_raw; -- \\ " \` $$ {x:string} €`
  const address = '4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R'
  const row = {
    address,
    symbol: "' OR 1=1",
    name,
    decimals: 255,
    logo_uri: '',
    tags: ["a'b", 'ü'],
    listed: true,
    updated_at: new Date(),
  }
  await client.insert('token_all_raw', [row], { columns: Object.keys(row) })
  const sql =
    'SELECT symbol, name, decimals, tags, listed FROM table(token_all_raw) WHERE address = {address:string} AND symbol = {symbol:string}'
  expect(await client.rows(sql, { parameters: { address, symbol: row.symbol } })).toEqual([
    { symbol: row.symbol, name, decimals: 255, tags: row.tags, listed: true },
  ])
})

it('recorded scans arrive in a stream that reads the topic, once', async () => {
  const broker = await TestBroker.start()
  onTestFinished(() => broker.close())
  const file = join(FIXTURES, 'trending/recorded_5m.jsonl')
  const feed = () => feedTrending({ source: 'replay', file, brokers: [broker.brokers] })
  expect(await feed()).toMatchObject({ written: 526 })
  expect(await feed()).toMatchObject({ written: 0 })
  await client.exec(
    `CREATE EXTERNAL STREAM trending (ts datetime64(3, 'UTC'), address string, rank uint32, volume_5m_usd nullable(float64))
     SETTINGS type = 'kafka', brokers = '${broker.brokers}', topic = 'trending_5m', data_format = 'JSONEachRow'`,
  )
  const lines = (await readFile(file, 'utf8')).trim().split('\n')
  const wanted = lines.map((line) => JSON.parse(line)).map((r) => `${r.ts} ${r.address} ${r.rank}`)
  const got: string[] = []
  const { rows } = await client.query(
    "SELECT ts, address, rank FROM trending SETTINGS seek_to = 'earliest'",
    { mode: 'stream' },
  )
  for await (const row of rows) {
    got.push(`${String(row.ts).slice(0, 23)} ${row.address} ${row.rank}`)
    if (got.length === wanted.length) break
  }
  expect(got.sort()).toEqual(wanted.sort())
})

it('a streaming query gives rows as they are written, and is gone from the engine after abort', async () => {
  await client.exec('CREATE STREAM ticks (n int64, s string)')
  const { rows, columns, abort, queryId } = await client.query('SELECT n, s FROM ticks', {
    mode: 'stream',
    integers: 'bigint',
  })
  expect(await columns).toEqual([
    { name: 'n', type: 'int64' },
    { name: 's', type: 'string' },
  ])
  const big = 2n ** 62n + 1n
  const seen: unknown[] = []
  const reading = (async () => {
    for await (const row of rows) {
      seen.push(row)
      if (seen.length === 3) await abort()
    }
  })()
  async function* source() {
    for (const n of [big, big + 1n, big + 2n]) yield [n, `tick ${n}`]
  }
  await client.insert('ticks', source(), { columns: ['n', 's'], batchRows: 2 })
  await reading
  expect(seen).toEqual([big, big + 1n, big + 2n].map((n) => ({ n, s: `tick ${n}` })))
  const running = () =>
    client.rows('SELECT query_id FROM system.processes WHERE query_id = {id:string}', {
      parameters: { id: queryId },
    })
  for (let i = 0; i < 50 && (await running()).length > 0; i++) await sleep(50)
  expect(await running()).toEqual([])
})

it('an idempotent id drops what came before', async () => {
  await client.exec('CREATE STREAM events (n int64)')
  const rows = Array.from({ length: 25 }, (_, n) => [n])
  const options = { columns: ['n'], batchRows: 10, idempotentId: 'load-1' }
  expect(await client.insert('events', rows, options)).toEqual({ rows: 25, batches: 3 })
  await client.insert('events', rows, options)
  const data = { columns: ['n'], data: [[100], [101]] }
  for (let i = 0; i < 2; i++) await client.ingest('events', data, { idempotentId: 'rest-1', mode: 'sync' })
  expect(await client.rows('SELECT count() AS total, max(n) AS top FROM table(events)')).toEqual([
    { total: '27', top: '101' },
  ])
})

it('errors of the engine are errors of the driver', async () => {
  const error = await client.rows('SELECT * FROM table(nope)').then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(ProtonError)
  expect(error).toMatchObject({ code: 60, codeName: 'UNKNOWN_STREAM', httpStatus: 404 })
  expect(await client.ping()).toBe(true)
})

it('a result of a million rows is read in a bounded heap', async () => {
  const { batches } = await client.query('SELECT number AS n, to_string(number) AS s FROM numbers(1000000)')
  let count = 0
  let largest = 0
  for await (const batch of batches) {
    count += batch.length
    largest = Math.max(largest, batch.length)
  }
  expect(count).toBe(1_000_000)
  expect(largest).toBeLessThan(200_000)
})
