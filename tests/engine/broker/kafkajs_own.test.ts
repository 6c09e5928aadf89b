import { describe, expect, it } from 'vitest'
import { adminOf, consume, kafkaOf, numbered, producerOf } from './support/kafkajs.js'
import { atEnd, tempDir, testBroker, until } from './support/temp.js'

describe('a broker of the engine, by kafkajs', () => {
  it('create a topic by using it, unless that is off', async () => {
    const on = await testBroker({ defaultPartitions: 3 })
    const producer = await producerOf(kafkaOf(on))
    await producer.send({ topic: 'made', messages: [{ value: 'x' }] })
    expect(on.topics()).toEqual([{ name: 'made', partitions: 3, config: {} }])

    const off = await testBroker({ autoCreateTopics: false })
    const refused = kafkaOf(off).producer({ retry: { retries: 0 } })
    await refused.connect()
    atEnd(() => refused.disconnect())
    await expect(refused.send({ topic: 'made', messages: [{ value: 'x' }] })).rejects.toThrow()
    expect(off.topics()).toEqual([])
  })

  it('are refused a transaction', async () => {
    const broker = await testBroker()
    const producer = kafkaOf(broker).producer({
      transactionalId: 'tx',
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect().catch(() => {})
    atEnd(() => producer.disconnect())
    await expect(producer.transaction()).rejects.toThrow(/coordinator/)
    expect(broker.topics()).toEqual([])
  })
  it('go on from committed offsets after the broker restarts, with the same clients', async () => {
    const dir = tempDir()
    const first = await testBroker({ dir })
    first.createTopic('t', { partitions: 3 })
    const kafka = kafkaOf(first)
    const producer = await producerOf(kafka, true)
    const group = await consume(kafka, 'g', 't')
    await producer.send({ topic: 't', messages: numbered(0, 90) })
    await until(() => group.seen.length === 90, 'the first part')
    const admin = await adminOf(kafka)
    const committed = async () => {
      const [topic] = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] })
      return topic!.partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0)
    }
    await until(async () => (await committed()) === 90, 'the commits')
    await first.close()

    const again = await testBroker({ dir, port: first.port })
    await producer.send({ topic: 't', messages: numbered(90, 120) })
    await until(() => group.seen.length >= 120, 'the second part')
    expect(again.endOffsets('t').reduce((sum, end) => sum + end, 0)).toBe(120)
    await group.consumer.disconnect()

    const fresh = await consume(kafkaOf(again), 'g', 't')
    await producer.send({ topic: 't', messages: numbered(120, 130) })
    await until(() => fresh.seen.length >= 10, 'the third part')
    // A consumer may see again what it had not committed when the broker went, but nothing that it had.
    const after = [...group.seen.slice(90), ...fresh.seen].map((one) => Number(one.value))
    expect(Math.min(...after)).toBe(90)
    expect(new Set([...group.seen, ...fresh.seen].map((one) => one.value)).size).toBe(130)
  })
})
