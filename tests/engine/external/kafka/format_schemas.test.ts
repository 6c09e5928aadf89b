import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../../server/harness.js'

let engine: TestEngine
let kafka: Kafka
let producer: Producer
beforeAll(async () => {
  engine = await TestEngine.start()
  kafka = new Kafka({ brokers: [engine.engine.brokers], logLevel: logLevel.NOTHING })
  producer = kafka.producer()
  await producer.connect()
  await engine.run(
    `CREATE FORMAT SCHEMA orders AS 'syntax = "proto3"; message Order { uint64 id = 1; string sku = 2; repeated int32 sizes = 3; }' TYPE Protobuf`,
  )
  await engine.run(
    `CREATE FORMAT SCHEMA users AS '{"type":"record","name":"User","fields":[{"name":"id","type":"long"},{"name":"name","type":["null","string"]}]}' TYPE Avro`,
  )
})
afterAll(async () => {
  await producer?.disconnect()
  await engine?.close()
})

const code = async (sql: string) => Number(/^Code: (\d+)/.exec((await engine.sql(sql)).text)?.[1])

async function topic(name: string): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: name, numPartitions: 1 }] })
  await admin.disconnect()
}

async function send(name: string, ...messages: string[]): Promise<void> {
  await producer.send({ topic: name, messages: messages.map((hex) => ({ value: Buffer.from(hex, 'hex') })) })
}

/** Makes topic, external stream and a view that keeps what comes. */
async function pipeline(name: string, columns: string, settings: string): Promise<void> {
  await topic(name)
  await engine.run(
    `CREATE EXTERNAL STREAM ${name} (${columns}) SETTINGS type = 'kafka', brokers = '${engine.engine.brokers}', topic = '${name}', ${settings}`,
  )
  await engine.run(
    `CREATE MATERIALIZED VIEW ${name}_mv AS SELECT *, _tp_sn AS at FROM ${name} SETTINGS seek_to = 'earliest'`,
  )
}

const kept = (name: string, count: number) =>
  until(async () => {
    const rows = await engine.rows(`SELECT * EXCEPT (_tp_time) FROM table(${name}_mv) ORDER BY at`)
    return rows.length >= count ? rows : undefined
  })

const letters = (name: string, count: number) =>
  until(async () => {
    const rows = await engine.rows(
      `SELECT offset, error FROM system.dead_letters WHERE topic = '${name}' ORDER BY offset`,
    )
    return rows.length >= count ? rows : undefined
  })

describe('messages of a topic in Protobuf', () => {
  it('are decoded by their schema; what is none of them is a dead letter', async () => {
    await pipeline(
      'orders_in',
      'id uint64, sku string, sizes array(int32)',
      "data_format = 'ProtobufSingle', format_schema = 'orders:Order'",
    )
    // {id: 2^64 - 1, sku: "ab", sizes: [1, 2]}; a string that ends too early; {id: 5, sku: "MOL"}.
    await send('orders_in', '08ffffffffffffffffff0112026162' + '1a020102', '120a6162', '080512034d4f4c')
    expect(await kept('orders_in', 2)).toEqual([
      { id: '18446744073709551615', sku: 'ab', sizes: [1, 2], at: '0' },
      { id: '5', sku: 'MOL', sizes: [], at: '2' },
    ])
    expect(await letters('orders_in', 1)).toEqual([
      { offset: '1', error: expect.stringMatching(/protobuf/i) },
    ])
  })

  it('are read as bounded rows, and more than one of a message', async () => {
    await pipeline(
      'orders_many',
      'id uint64, sku string',
      "data_format = 'Protobuf', format_schema = 'orders:Order'",
    )
    await send('orders_many', '020801' + '020802')
    expect(await engine.rows('SELECT id FROM table(orders_many) ORDER BY id')).toEqual([
      { id: '1' },
      { id: '2' },
    ])
  })

  it('are written by INSERT and by views', async () => {
    await pipeline(
      'orders_out',
      'id uint64, sku string',
      "data_format = 'ProtobufSingle', format_schema = 'orders:Order'",
    )
    await engine.run("INSERT INTO orders_out (id, sku) VALUES (5, 'MOL'), (200, 'SOL')")
    await engine.run('CREATE STREAM bought (id uint64, sku string)')
    await engine.run('CREATE MATERIALIZED VIEW sold INTO orders_out AS SELECT id, sku FROM bought')
    await engine.run("INSERT INTO bought (id, sku) VALUES (7, 'x')")
    expect(await kept('orders_out', 3)).toEqual([
      { id: '5', sku: 'MOL', at: '0' },
      { id: '200', sku: 'SOL', at: '1' },
      { id: '7', sku: 'x', at: '2' },
    ])
    await engine.run(
      `CREATE EXTERNAL STREAM sent (raw string) SETTINGS type = 'kafka', brokers = '${engine.engine.brokers}', topic = 'orders_out'`,
    )
    expect(
      await engine.rows('SELECT lower(hex(raw)) AS sent FROM table(sent) ORDER BY _tp_sn LIMIT 1'),
    ).toEqual([{ sent: '080512034d4f4c' }])
  })
})

describe('messages of a topic in Avro', () => {
  it('are decoded by their schema; what is none of them is a dead letter', async () => {
    await pipeline(
      'users_in',
      'id int64, name nullable(string)',
      "data_format = 'Avro', format_schema = 'users'",
    )
    // {id: 1, name: "ab"}, {id: -2, name: null}, a name that ends too early, {id: 2, name: "abc"}.
    await send('users_in', '0202046162', '0300', '0202146162', '040206616263')
    expect(await kept('users_in', 3)).toEqual([
      { id: '1', name: 'ab', at: '0' },
      { id: '-2', name: null, at: '1' },
      { id: '2', name: 'abc', at: '3' },
    ])
    expect(await letters('users_in', 1)).toEqual([{ offset: '2', error: expect.stringMatching(/avro/i) }])
    expect(await code("INSERT INTO users_in (id, name) VALUES (1, 'x')")).toBe(48)
  })
})

it('a schema that is missing or has no message is refused when the stream is made', async () => {
  await topic('refused')
  const stream = (settings: string) =>
    `CREATE EXTERNAL STREAM refused (id uint64) SETTINGS type = 'kafka', brokers = '${engine.engine.brokers}', topic = 'refused', ${settings}`
  expect(await code(stream("data_format = 'ProtobufSingle'"))).toBe(36)
  expect(await code(stream("data_format = 'ProtobufSingle', format_schema = 'none:M'"))).toBe(2611)
  expect(await code(stream("data_format = 'ProtobufSingle', format_schema = 'users:User'"))).toBe(2611)
  expect(await code(stream("data_format = 'Avro', format_schema = 'orders'"))).toBe(2611)
})

it('schemas leave nothing in the folder of the process, and outlive the folder of its first engine', async () => {
  expect(existsSync('__cache__')).toBe(false)
  expect(readdirSync(join(engine.dir, 'store', '__cache__'))).not.toEqual([])
  await producer.disconnect()
  await engine.close()
  engine = await TestEngine.start()
  await engine.run(`CREATE FORMAT SCHEMA s AS 'syntax = "proto3"; message L { int32 l = 1; }' TYPE Protobuf`)
  expect(existsSync('__cache__')).toBe(false)
})
