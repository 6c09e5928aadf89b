import { type Consumer, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { TestEngine, until } from '../engine/server/harness.js'
import { TestBroker } from '../kafka/broker.js'

describe('kafkajs', () => {
  let engine: TestEngine
  let broker: TestBroker
  let kafka: Kafka
  const TOPIC = 'visits'
  beforeAll(async () => {
    broker = await TestBroker.start()
    engine = await TestEngine.start()
    kafka = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING })
    await broker.createTopic(TOPIC, { partitions: 4 })
    await engine.run(
      `CREATE EXTERNAL STREAM visits (id uint64, page string) SETTINGS type = 'kafka', brokers = '${broker.brokers}', topic = '${TOPIC}', one_message_per_row = true`,
    )
  })
  afterAll(async () => {
    await engine.close()
    await broker.close()
  })

  async function produce(from: number, to: number): Promise<void> {
    const producer = kafka.producer({ idempotent: true })
    await producer.connect()
    const messages = Array.from({ length: to - from }, (_, i) => ({
      key: `k${from + i}`,
      value: JSON.stringify({ id: from + i, page: `/${from + i}` }),
    }))
    await producer.send({ topic: TOPIC, messages, acks: -1 })
    await producer.disconnect()
  }

  async function join(groupId: string, take: (id: number) => void): Promise<Consumer> {
    const consumer = kafka.consumer({
      groupId,
      sessionTimeout: 6_000,
      rebalanceTimeout: 3_000,
      heartbeatInterval: 200,
    })
    onTestFinished(() => consumer.disconnect())
    await consumer.connect()
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ message }) => take((JSON.parse(String(message.value)) as { id: number }).id),
    })
    return consumer
  }

  it('produces what SQL reads, from each partition and with keys', async () => {
    await produce(0, 100)
    const [row] = await engine.rows(
      "SELECT count() AS n, unique_exact(id) AS ids, unique_exact(_tp_shard) AS partitions, count_if(_tp_message_key = concat('k', to_string(id))) AS keyed FROM table(visits)",
    )
    expect(row).toEqual({ n: '100', ids: '100', partitions: '4', keyed: '100' })
  })

  it('shares a topic between the members of a group, which goes on where it stopped', async () => {
    const seen: Record<string, number[]> = { a: [], b: [] }
    const total = () => seen.a!.length + seen.b!.length
    const a = await join('readers', (id) => seen.a!.push(id))
    await until(async () => (total() >= 100 ? true : undefined))
    await join('readers', (id) => seen.b!.push(id))
    // The second member gets its share once the group has come together anew.
    for (let from = 100; seen.b!.length === 0; from += 40) {
      expect(from).toBeLessThan(4000)
      await produce(from, from + 40)
      await until(async () => (new Set([...seen.a!, ...seen.b!]).size >= from + 40 ? true : undefined))
    }
    await a.disconnect()
    const last = Math.max(...seen.a!, ...seen.b!) + 1
    await produce(last, last + 40)
    await until(async () =>
      Array.from({ length: 40 }, (_, i) => last + i).every((id) => seen.b!.includes(id)) ? true : undefined,
    )
    expect(new Set([...seen.a!, ...seen.b!]).size).toBe(last + 40)
  })

  it('consumes what SQL inserts', async () => {
    const ids: number[] = []
    await join('sql-readers', (id) => ids.push(id))
    await engine.run("INSERT INTO visits (id, page) VALUES (900001, '/x'), (900002, '/y')")
    await until(async () => (ids.filter((id) => id > 900_000).length >= 2 ? true : undefined))
    expect(ids.filter((id) => id > 900_000).sort()).toEqual([900_001, 900_002])
  })
})
