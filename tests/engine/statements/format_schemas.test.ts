import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

const PROTO = 'syntax = "proto3"; message Trade { int32 id = 1; string token = 2; }'
const code = async (sql: string) => Number(/^Code: (\d+)/.exec((await engine.sql(sql)).text)?.[1])

describe('format schemas', () => {
  it('are made, shown, replaced and dropped, and outlive a restart', async () => {
    await engine.run(`CREATE FORMAT SCHEMA trades AS '${PROTO}' TYPE Protobuf`)
    await engine.run(`CREATE FORMAT SCHEMA rows AS '{"type": "record", "name": "r", "fields": []}' TYPE Avro`)
    expect(await code(`CREATE FORMAT SCHEMA trades AS '${PROTO}' TYPE Protobuf`)).toBe(2610)
    await engine.run(`CREATE FORMAT SCHEMA IF NOT EXISTS trades AS '${PROTO}' TYPE Protobuf`)
    await engine.run(`CREATE OR REPLACE FORMAT SCHEMA trades AS '  ${PROTO} ' TYPE protobuf`)
    await engine.restart()
    expect(await engine.rows('SHOW FORMAT SCHEMAS')).toEqual([
      { name: 'rows', type: 'Avro' },
      { name: 'trades', type: 'Protobuf' },
    ])
    expect(await engine.rows('SHOW CREATE FORMAT SCHEMA trades')).toEqual([
      { statement: `CREATE FORMAT SCHEMA trades AS '${PROTO}' TYPE Protobuf` },
    ])
    await engine.run('DROP FORMAT SCHEMA rows')
    expect(await code('SHOW CREATE FORMAT SCHEMA rows')).toBe(2611)
    expect(await code('DROP FORMAT SCHEMA rows')).toBe(2611)
    await engine.run('DROP FORMAT SCHEMA IF EXISTS rows')
  })

  it.each([
    ["'x' TYPE Nothing", 73],
    ["'x' TYPE JSON", 2613],
    ["' ' TYPE Protobuf", 36],
    ["'bad' TYPE Protobuf", 434],
    ["'bad' TYPE Avro", 117],
    ["'{}' TYPE Avro", 117],
    [`'syntax = "proto3"; import "/etc/passwd"; message M {}' TYPE Protobuf`, 48],
  ])('refused: %s', async (what, expected) => {
    expect(await code(`CREATE OR REPLACE FORMAT SCHEMA wrong AS ${what}`)).toBe(expected)
  })

  it('messages of theirs are read and written', async () => {
    await engine.run(`CREATE OR REPLACE FORMAT SCHEMA trades AS '${PROTO}' TYPE Protobuf`)
    await engine.run('CREATE STREAM t (id int32, token string)')
    // id = 5, token = "SOL"; one message with its length, then one without.
    const message = Buffer.from('080512034d4f4c', 'hex')
    const insert = (format: string, body: Uint8Array) =>
      engine.sql(body, {
        params: {
          query: `INSERT INTO t (id, token) SETTINGS format_schema = 'trades:Trade' FORMAT ${format}`,
        },
      })
    expect((await insert('Protobuf', Buffer.concat([Buffer.from([message.length]), message]))).text).toBe('')
    expect((await insert('ProtobufSingle', message)).text).toBe('')
    expect(await engine.rows('SELECT id, token FROM table(t)')).toEqual([
      { id: 5, token: 'MOL' },
      { id: 5, token: 'MOL' },
    ])
    const written = await engine.sql(
      "SELECT id, token FROM table(t) LIMIT 1 FORMAT ProtobufSingle SETTINGS format_schema = 'trades:Trade'",
    )
    expect(Buffer.from(written.text).toString('hex')).toBe(message.toString('hex'))
    expect(await code('SELECT 1 AS id FORMAT Protobuf')).toBe(36)
    expect(await code("SELECT 1 AS id FORMAT Protobuf SETTINGS format_schema = 'none:M'")).toBe(2611)
  })
})
