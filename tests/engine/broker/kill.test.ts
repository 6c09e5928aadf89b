import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { KafkaCode } from '../../../engine/broker/index.js'
import { createTopics } from '../../../engine/broker/protocol/apis/cluster.js'
import { produce } from '../../../engine/broker/protocol/apis/data.js'
import { buildBatch } from '../../../engine/broker/protocol/record_batch.js'
import { atEnd, tempDir, testBroker } from './support/temp.js'
import { WireClient } from './support/wire_client.js'

const PARTITIONS = 3
const KILLS = 8

interface Child {
  child: ChildProcess
  port: number
}

/** A process of its own that runs a broker and prints its port. */
async function bundleChild(dir: string): Promise<string> {
  const script = join(dir, 'child.mjs')
  await build({
    stdin: {
      contents: `
        import { startBroker } from './engine/broker/index.js'
        const [dir, port] = process.argv.slice(2)
        const broker = await startBroker({ dir, port: Number(port), topicDefaults: { 'segment.bytes': '200000' } })
        console.log(broker.port)
      `,
      resolveDir: join(import.meta.dirname, '../../..'),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: script,
    logLevel: 'silent',
  })
  return script
}

/** With `maxFileBlocks`, no file of the child may grow beyond that many blocks, as on a disk that is full. */
async function startChild(script: string, dir: string, port: number, maxFileBlocks?: number): Promise<Child> {
  const node = [process.execPath, script, dir, String(port)]
  const [command, ...args] =
    maxFileBlocks === undefined ? node : ['sh', '-c', `ulimit -f ${maxFileBlocks}; exec "$@"`, 'sh', ...node]
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  return { child, port: Number(line) }
}

describe('kill -9', () => {
  it('loses no acknowledged message, doubles none and keeps their order', async () => {
    const work = tempDir()
    const data = join(work, 'data')
    const script = await bundleChild(work)
    let running = await startChild(script, data, 0)
    const { port } = running
    const kafka = new Kafka({
      brokers: [`127.0.0.1:${port}`],
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 1000 },
    })
    const admin = kafka.admin()
    await admin.connect()
    atEnd(() => admin.disconnect())
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: PARTITIONS }] })
    const producer = kafka.producer({ idempotent: true })
    await producer.connect()
    atEnd(() => producer.disconnect())

    let stop = false
    let acknowledged = 0
    const write = async () => {
      for (let batch = 0; !stop; batch++) {
        const messages = Array.from({ length: 30 }, (_, i) => ({
          partition: i % PARTITIONS,
          value: String(batch * 30 + i),
        }))
        await producer.send({ topic: 't', messages })
        acknowledged = (batch + 1) * 30
      }
    }
    const writing = write()
    for (let kill = 0; kill < KILLS; kill++) {
      const before = acknowledged
      while (acknowledged < before + 300) await new Promise((resolve) => setTimeout(resolve, 1))
      await new Promise((resolve) => setTimeout(resolve, (kill * 37) % 23))
      running.child.kill('SIGKILL')
      await once(running.child, 'exit')
      running = await startChild(script, data, port)
    }
    stop = true
    await writing
    running.child.kill('SIGKILL')
    await once(running.child, 'exit')

    const broker = await testBroker({ dir: data })
    expect(acknowledged).toBeGreaterThanOrEqual(KILLS * 300)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const values: number[] = []
      for (let next = 0; next < broker.endOffsets('t')[partition]!; ) {
        const page = broker.read('t', partition, next)
        values.push(...page.records.map((record) => Number(record.value)))
        next = page.nextOffset
      }
      const expected = Array.from({ length: acknowledged / PARTITIONS }, (_, i) => i * PARTITIONS + partition)
      expect(values).toEqual(expected)
    }
  })

  it('a committed offset survives, and the directory is free for the next broker', async () => {
    const work = tempDir()
    const data = join(work, 'data')
    const script = await bundleChild(work)
    const { child, port } = await startChild(script, data, 0)
    const admin = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    atEnd(() => admin.disconnect())
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2 }] })
    const partitions = [
      { partition: 0, offset: '11' },
      { partition: 1, offset: '22' },
    ]
    await admin.setOffsets({ groupId: 'g', topic: 't', partitions })
    child.kill('SIGKILL')
    await once(child, 'exit')

    const broker = await testBroker({ dir: data })
    const again = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING }).admin()
    await again.connect()
    atEnd(() => again.disconnect())
    const [topic] = await again.fetchOffsets({ groupId: 'g', topics: ['t'] })
    expect(topic!.partitions.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, '11'],
      [1, '22'],
    ])
  })
})

describe('a full disk', () => {
  it('refuses what cannot be stored whole, keeps the rest, and goes on when there is room', async () => {
    const work = tempDir()
    const data = join(work, 'data')
    const script = await bundleChild(work)
    const { child, port } = await startChild(script, data, 0, 100)
    const client = await WireClient.connect(port)
    await client.call(createTopics, 1, {
      topics: [{ name: 't', partitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 1000,
      validateOnly: false,
    })
    const send = async (to: WireClient, text: string, baseSequence: number) => {
      const records = buildBatch([{ value: text.repeat(7000) }], {
        producerId: 1,
        producerEpoch: 0,
        baseSequence,
      })
      const topics = [{ name: 't', partitions: [{ index: 0, records }] }]
      const answer = await to.call(produce, 8, { transactionalId: null, acks: -1, timeoutMs: 1000, topics })
      return answer.topics[0]!.partitions[0]!
    }
    let stored = 0
    for (;;) {
      const { errorCode } = await send(client, 'x', stored)
      if (errorCode !== 0) {
        expect(errorCode).toBe(KafkaCode.KAFKA_STORAGE_ERROR)
        break
      }
      stored++
      expect(stored).toBeLessThan(100)
    }
    expect(stored).toBeGreaterThan(3)
    expect((await send(client, 'x', stored)).errorCode).toBe(KafkaCode.KAFKA_STORAGE_ERROR)
    child.kill('SIGKILL')
    await once(child, 'exit')

    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
    const broker = await testBroker({ dir: data, log })
    expect(warnings).toEqual([])
    expect(broker.endOffsets('t')).toEqual([stored])
    const again = await WireClient.connect(broker.port)
    expect(await send(again, 'y', stored)).toMatchObject({ errorCode: 0, baseOffset: stored })
    expect(broker.read('t', 0, 0, 10_000_000).records.map((record) => String(record.value)[0])).toEqual([
      ...Array.from({ length: stored }, () => 'x'),
      'y',
    ])
  })
})
