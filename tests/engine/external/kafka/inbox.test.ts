import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBroker } from '../../../../engine/broker/index.js'
import { openChdb } from '../../../../engine/chdb/pool.js'
import type {
  Chdb,
  ExternalSources,
  ExternalStreamObject,
  Inbox,
  StreamStore,
} from '../../../../engine/contracts.js'
import { createExternalSources, DeadLetters, InboxRegistry } from '../../../../engine/external/index.js'
import { openStreamStore } from '../../../../engine/storage/store.js'
import { TestBroker } from '../../../kafka/broker.js'

const dir = mkdtempSync(join(tmpdir(), 'tpctl-external-'))
let broker: TestBroker
let chdb: Chdb
let store: StreamStore
let sources: ExternalSources
let letters: DeadLetters
let nextId = 1000

async function openSources(): Promise<ExternalSources> {
  letters = await DeadLetters.open(chdb)
  return createExternalSources({
    chdb,
    store,
    nextId: () => nextId++,
    registry: await InboxRegistry.open(chdb),
    deadLetters: letters,
    schemas: new Map(),
  })
}

beforeAll(async () => {
  broker = await TestBroker.start()
  chdb = await openChdb({ dir: join(dir, 'chdb') })
  store = await openStreamStore(chdb)
  sources = await openSources()
})
afterAll(async () => {
  await sources.close()
  await chdb.close()
  await broker.close()
  rmSync(dir, { recursive: true, force: true })
})

function external(
  topic: string,
  settings: Record<string, string> = {},
  columns = COLUMNS,
): ExternalStreamObject {
  return {
    kind: 'external_stream',
    id: nextId++,
    uuid: `uuid-${topic}`,
    name: { database: 'default', name: topic },
    sql: '',
    createdAt: 0,
    columns,
    settings: { type: 'kafka', brokers: broker.brokers, topic, ...settings },
    statement: undefined as never,
  }
}
const COLUMNS = [
  { name: 'a', type: 'int32', chType: 'Int32' },
  { name: 's', type: 'string', chType: 'String' },
]

async function produce(
  topic: string,
  values: string[],
  partition = 0,
  brokers = broker.brokers,
): Promise<void> {
  const producer = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  await producer.send({
    topic,
    messages: values.map((value) => ({ value, partition, key: 'k', headers: { h: 'v' } })),
  })
  await producer.disconnect()
}

async function rowsOf(inbox: Inbox, columns: string, count: number): Promise<unknown[][]> {
  for (let i = 0; i < 400 && store.lastSn(inbox.stream) < count; i++) await sleep(25)
  return chdb.rows(
    `SELECT ${columns} FROM ${inbox.slice(0, store.lastSn(inbox.stream)).sql} ORDER BY _tp_shard, _tp_sn`,
  )
}

describe('an inbox', () => {
  it('tells where another reader goes on behind any of its rows', async () => {
    const admin = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'handed', numPartitions: 2 }] })
    await admin.disconnect()
    await produce('handed', ['{"a":1}', '{"a":2}'], 0)
    const object = external('handed')
    const first = await sources.attach(object, { queryId: 'q1', seekTo: 'earliest', settings: {} })
    await rowsOf(first, 'a', 2)
    await produce('handed', ['{"a":3}'], 1)
    await rowsOf(first, 'a', 3)
    expect(await first.seekTo(0)).toBe('0,0')
    expect(await first.seekTo(1)).toBe('1,0')
    expect(await first.seekTo(2)).toBe('2,0')
    const behind = (await first.seekTo(3))!
    expect(behind).toBe('2,1')
    await first.close()
    await produce('handed', ['{"a":4}'], 0)
    const second = await sources.attach(object, { queryId: 'q2', seekTo: behind, settings: {} })
    expect(await rowsOf(second, 'a', 1)).toEqual([[4]])
    await second.close()
  })

  it('copies messages from where it is told, with their virtual columns', async () => {
    await broker.createTopic('plain', { partitions: 2 })
    await produce('plain', ['{"a":1,"s":"old"}'])
    const latest = await sources.attach(external('plain'), { queryId: 'q1', settings: {} })
    const earliest = await sources.attach(external('plain'), {
      queryId: 'q2',
      seekTo: 'earliest',
      settings: {},
    })
    await produce('plain', ['{"a":2,"s":"new","unknown":1}'], 1)
    const columns = 'a, s, _tp_shard, _tp_sn, _tp_message_key, _tp_message_headers'
    expect(await rowsOf(latest, columns, 1)).toEqual([[2, 'new', 1, '0', 'k', { h: 'v' }]])
    expect(await rowsOf(earliest, columns, 2)).toEqual([
      [1, 'old', 0, '0', 'k', { h: 'v' }],
      [2, 'new', 1, '0', 'k', { h: 'v' }],
    ])
    expect(latest.slice(0, 1).columns).toEqual(['a', 's'])
    await latest.close()
    await earliest.close()
  })

  it('sends what does not parse to the dead letters, once, and goes on', async () => {
    await broker.createTopic('poison', { partitions: 1 })
    const values = Array.from({ length: 200 }, (_, i) => `{"a":${i},"s":"x"}`)
    values[17] = 'not json'
    values[18] = '{"a":"text","s":"x"}'
    values[150] = '{"a":1'
    await produce('poison', values)
    const inbox = await sources.attach(external('poison'), {
      queryId: 'q3',
      seekTo: 'earliest',
      settings: {},
    })
    const rows = await rowsOf(inbox, 'a', 197)
    expect(rows.map(([a]) => a)).toEqual(values.map((_, i) => i).filter((i) => ![17, 18, 150].includes(i)))
    const dead = await chdb.rows(
      `SELECT source, topic, partition, offset, raw, error != '' FROM ${letters.relation().sql} WHERE topic = 'poison' ORDER BY offset`,
    )
    expect(dead).toEqual([
      ['default.poison', 'poison', 0, '17', 'not json', 1],
      ['default.poison', 'poison', 0, '18', '{"a":"text","s":"x"}', 1],
      ['default.poison', 'poison', 0, '150', '{"a":1', 1],
    ])
    expect(sources.rejected({ database: 'default', name: 'poison' })).toBe(3)
    await inbox.close()
  })

  it('of a view goes on after a restart, without a gap and without a double', async () => {
    await broker.createTopic('durable', { partitions: 1 })
    await produce('durable', ['{"a":0,"s":""}', '{"a":1,"s":""}'])
    const object = external('durable')
    const options = { owner: 'default.mv', queryId: 'q4', seekTo: 'earliest', settings: {} }
    const first = await sources.attach(object, options)
    expect(await rowsOf(first, 'a', 2)).toEqual([[0], [1]])
    await sources.close()
    await produce('durable', ['{"a":2,"s":""}'])
    sources = await openSources()
    const second = await sources.attach(object, options)
    expect(second.stream.id).toBe(first.stream.id)
    expect(await rowsOf(second, 'a', 3)).toEqual([[0], [1], [2]])
    // What was processed is gone; the position stays.
    await second.trim(3)
    await sources.close()
    await produce('durable', ['{"a":3,"s":""}'])
    sources = await openSources()
    const third = await sources.attach(object, options)
    expect((await rowsOf(third, 'a', 4)).at(-1)).toEqual([3])
    expect(store.lastSn(third.stream)).toBe(4)
    await third.close()
    await sources.discard('default.mv')
  })

  it('survives a restart of the broker', async () => {
    const options = { dir: join(dir, 'broker'), port: 0 }
    let restarted = await startBroker(options)
    const { brokers } = restarted
    restarted.createTopic('restart', { partitions: 1 })
    const inbox = await sources.attach(external('restart', { brokers }), { queryId: 'q5', settings: {} })
    await produce('restart', ['{"a":1,"s":""}'], 0, brokers)
    expect(await rowsOf(inbox, 'a', 1)).toEqual([[1]])
    const { port } = restarted
    await restarted.close()
    await sleep(200)
    restarted = await startBroker({ ...options, port })
    await produce('restart', ['{"a":2,"s":""}'], 0, brokers)
    expect(await rowsOf(inbox, 'a', 2)).toEqual([[1], [2]])
    await inbox.close()
    await restarted.close()
  })

  it.each([
    [
      'CSV',
      ['1,"x, y"', '2,z\n3,w'],
      [
        [1, 'x, y'],
        [2, 'z'],
        [3, 'w'],
      ],
    ],
    [
      'TSV',
      ['1\tx', '2\ty'],
      [
        [1, 'x'],
        [2, 'y'],
      ],
    ],
  ])('reads %s', async (format, values, expected) => {
    const topic = `format-${format}`
    await broker.createTopic(topic, { partitions: 1 })
    await produce(topic, values)
    const inbox = await sources.attach(external(topic, { data_format: format }), {
      queryId: 'q6',
      seekTo: 'earliest',
      settings: {},
    })
    expect(await rowsOf(inbox, 'a, s', expected.length)).toEqual(expected)
    await inbox.close()
  })
})

describe('table mode', () => {
  it('reads everything up to now', async () => {
    await broker.createTopic('bounded', { partitions: 2 })
    await produce('bounded', ['{"a":1,"s":""}'], 0)
    await produce('bounded', ['{"a":2,"s":""}'], 1)
    const { relation, release } = await sources.snapshot(external('bounded'))
    expect(await chdb.rows(`SELECT a FROM ${relation.sql} ORDER BY a`)).toEqual([[1], [2]])
    await release()
  })

  it('of an empty topic is empty', async () => {
    await broker.createTopic('empty', { partitions: 2 })
    const { relation, release } = await sources.snapshot(external('empty'))
    expect(await chdb.rows(`SELECT count() FROM ${relation.sql}`)).toEqual([['0']])
    await release()
  })
})

describe('writing', () => {
  async function written(topic: string) {
    const ends = await broker.endOffsets(topic)
    const { relation, release } = await sources.snapshot(
      external(topic, {}, [{ name: 'raw', type: 'string', chType: 'String' }]),
    )
    const rows = await chdb.rows(
      `SELECT raw, _tp_message_key FROM ${relation.sql} ORDER BY _tp_shard, _tp_sn`,
    )
    await release()
    return { rows, ends }
  }

  it('one message per row, with keys', async () => {
    await broker.createTopic('keyed', { partitions: 1 })
    const object = external('keyed', { one_message_per_row: 'true' }, [
      ...COLUMNS,
      { name: '_tp_message_key', type: 'string', chType: 'String' },
    ])
    await sources.write(object, {
      kind: 'select',
      select:
        "SELECT number AS a, 'x' AS s, concat('k', toString(number)) AS _tp_message_key FROM numbers(2)",
      columns: ['a', 's', '_tp_message_key'],
    })
    expect((await written('keyed')).rows).toEqual([
      ['{"a":0,"s":"x"}', 'k0'],
      ['{"a":1,"s":"x"}', 'k1'],
    ])
  })

  it('many rows in a message by default', async () => {
    await broker.createTopic('joined', { partitions: 1 })
    const result = await sources.write(external('joined'), {
      kind: 'data',
      format: 'JSONEachRow',
      data: Buffer.from('{"a":1,"s":"it\'s"}\n{"a":2,"s":"y"}'),
      columns: ['a', 's'],
    })
    expect(result.rows).toBe(2)
    expect((await written('joined')).rows).toEqual([['{"a":1,"s":"it\'s"}\n{"a":2,"s":"y"}', '']])
  })
})

describe('what cannot be reached', () => {
  it('a missing topic', async () => {
    await expect(sources.validate(external('nowhere'))).rejects.toThrow(/Topic 'nowhere' does not exist/)
  })

  it('a missing broker', async () => {
    const object = { ...external('x'), settings: { type: 'kafka', brokers: '127.0.0.1:1', topic: 'x' } }
    await expect(sources.validate(object)).rejects.toMatchObject({ code: 1002 })
  })
})
