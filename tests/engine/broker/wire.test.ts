import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  apiVersions,
  createTopics,
  describeCluster,
  incrementalAlterConfigs,
  metadata,
  saslHandshake,
} from '../../../engine/broker/protocol/apis/cluster.js'
import {
  fetch,
  initProducerId,
  listOffsets,
  offsetForLeaderEpoch,
  produce,
} from '../../../engine/broker/protocol/apis/data.js'
import { findCoordinator, joinGroup } from '../../../engine/broker/protocol/apis/groups.js'
import { Reader, Writer } from '../../../engine/broker/protocol/bytes.js'
import { KafkaCode } from '../../../engine/broker/protocol/errors.js'
import { fetchRequest, oldMessage, produceRequest } from './support/requests.js'
import { tempDir, testBroker, until } from './support/temp.js'
import { WireClient } from './support/wire_client.js'

async function brokerWithTopic() {
  const broker = await testBroker()
  broker.createTopic('t', { partitions: 2 })
  return { broker, client: await WireClient.connect(broker.port) }
}

describe('versions', () => {
  it('old clients find the versions that they need', async () => {
    const { client } = await brokerWithTopic()
    for (const version of [0, 1, 2, 3]) {
      const answer = await client.call(apiVersions, version, {
        clientSoftwareName: 'test',
        clientSoftwareVersion: '1',
      })
      expect(answer.errorCode).toBe(0)
      const range = new Map(answer.apiKeys.map(({ key, min, max }) => [key, [min, max]]))
      expect(range.get(0)).toEqual([0, 8])
      expect(range.get(1)).toEqual([4, 11])
      expect(range.get(2)).toEqual([0, 5])
      expect(range.get(18)).toEqual([0, 3])
    }
  })

  it('a newer ApiVersions is answered in version 0 with UNSUPPORTED_VERSION and the list', async () => {
    const { client } = await brokerWithTopic()
    const request = new Writer()
    request.int16(apiVersions.key)
    request.int16(99)
    request.int32(7)
    request.bytes(Buffer.from('ffff: whatever version 99 looks like'))
    client.sendFrame(request.toBuffer())
    const reader = new Reader((await client.receive())!, 0)
    expect(reader.int32()).toBe(7)
    const answer = apiVersions.response.read(reader)
    expect(answer.errorCode).toBe(KafkaCode.UNSUPPORTED_VERSION)
    expect(answer.apiKeys.length).toBeGreaterThan(20)
    expect(reader.remaining).toBe(0)
    expect(
      (
        await client.call(metadata, 9, {
          topics: null,
          allowAutoTopicCreation: false,
          includeClusterAuthorizedOperations: false,
          includeTopicAuthorizedOperations: false,
        })
      ).topics,
    ).toHaveLength(1)
  })

  it('the rest of what clients ask at times', async () => {
    const { broker, client } = await brokerWithTopic()
    await broker.append('t', 0, [{ value: 'v' }])
    expect(await client.call(saslHandshake, 1, { mechanism: 'PLAIN' })).toEqual({
      errorCode: KafkaCode.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: [],
    })
    expect(
      (await client.call(describeCluster, 0, { includeAuthorizedOperations: false })).brokers,
    ).toHaveLength(1)
    const epochs = await client.call(offsetForLeaderEpoch, 3, {
      replicaId: -1,
      topics: [{ name: 't', partitions: [{ index: 0, currentLeaderEpoch: 0, leaderEpoch: 0 }] }],
    })
    expect(epochs.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, endOffset: 1, leaderEpoch: 0 })
    const altered = await client.call(incrementalAlterConfigs, 1, {
      resources: [
        { type: 2, name: 't', configs: [{ name: 'retention.ms', operation: 0, value: '99' }] },
        { type: 2, name: 't', configs: [{ name: 'cleanup.policy', operation: 2, value: 'compact' }] },
        { type: 2, name: 't', configs: [{ name: 'nope', operation: 0, value: '99' }] },
      ],
      validateOnly: false,
    })
    expect(altered.results.map(({ errorCode }) => errorCode)).toEqual([0, 0, KafkaCode.INVALID_CONFIG])
    expect(broker.topics()[0]!.config).toEqual({ 'retention.ms': '99', 'cleanup.policy': 'delete,compact' })
    const validated = await client.call(createTopics, 4, {
      topics: [{ name: 'u', partitions: -1, replicationFactor: -1, assignments: [], configs: [] }],
      timeoutMs: 1000,
      validateOnly: true,
    })
    expect([validated.topics[0]!.errorCode, broker.topics().length]).toEqual([0, 1])
    expect((await client.call(findCoordinator, 2, { key: 'tx', keyType: 1 })).errorCode).toBe(
      KafkaCode.INVALID_REQUEST,
    )
  })
})

describe('producing', () => {
  it('refuses message sets that are cut short, of which Kafka keeps a part, and that cannot be unpacked', async () => {
    const { broker, client } = await brokerWithTopic()
    const codeFor = async (set: Buffer) =>
      (await client.call(produce, 2, produceRequest(set))).topics[0]!.partitions[0]!.errorCode
    const set = Buffer.concat([oldMessage(1, 'a', Buffer.from('1')), oldMessage(1, 'b', Buffer.from('2'))])
    expect(await codeFor(set.subarray(0, -5))).toBe(KafkaCode.CORRUPT_MESSAGE)
    expect(await codeFor(oldMessage(1, null, Buffer.from('not snappy'), 2))).toBe(KafkaCode.CORRUPT_MESSAGE)
    expect(broker.endOffsets('t')).toEqual([0, 0])
  })

  it('gives each idempotent producer its own id, over restarts too', async () => {
    const dir = tempDir()
    const ids: number[] = []
    for (let run = 0; run < 3; run++) {
      const broker = await testBroker({ dir })
      const client = await WireClient.connect(broker.port)
      for (const version of [0, 1, 2, 4]) {
        const request = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 }
        ids.push((await client.call(initProducerId, version, request)).producerId)
      }
      await broker.close()
    }
    expect(new Set(ids).size).toBe(12)
  })
})

describe('fetching', () => {
  it('holds back a client that does not read, and no other', async () => {
    const { broker, client } = await brokerWithTopic()
    const megabyte = 'x'.repeat(1_000_000)
    for (let i = 0; i < 8; i++) await broker.append('t', 0, [{ value: megabyte }])
    client.socket.pause()
    const before = process.memoryUsage().arrayBuffers
    // Answers of 8 MB each, a GB together, that nobody takes.
    for (let i = 0; i < 128; i++) client.send(fetch, 11, fetchRequest(0, { maxBytes: 8_000_000 }))
    const other = await WireClient.connect(broker.port)
    for (let i = 0; i < 20; i++) {
      const answer = await other.call(fetch, 11, fetchRequest(7, { maxBytes: 100 }))
      expect(answer.topics[0]!.partitions[0]!.records!.length).toBeGreaterThan(1_000_000)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150_000_000)
  })
})

describe('broken input', () => {
  /** Sends raw bytes and waits until the broker hangs up. */
  async function sendRaw(port: number, bytes: Buffer): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    const closed = once(socket, 'close')
    socket.resume()
    socket.write(bytes)
    await closed
  }

  it('a frame over the limit ends its connection before it is read', async () => {
    const broker = await testBroker({ maxFrameBytes: 10_000 })
    const frame = Buffer.alloc(4)
    frame.writeInt32BE(10_001)
    await sendRaw(broker.port, frame)
    frame.writeInt32BE(-5)
    await sendRaw(broker.port, frame)
    await sendRaw(broker.port, Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'))
    const client = await WireClient.connect(broker.port)
    expect(
      (await client.call(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' })).errorCode,
    ).toBe(0)
  })

  it('an unknown API, a version not offered and a request cut short end their connections', async () => {
    const { broker } = await brokerWithTopic()
    const header = (key: number, version: number, rest = Buffer.alloc(0)) => {
      const writer = new Writer()
      writer.int16(key)
      writer.int16(version)
      writer.int32(1)
      writer.int16(-1)
      writer.bytes(rest)
      const body = writer.toBuffer()
      const length = Buffer.alloc(4)
      length.writeInt32BE(body.length)
      return Buffer.concat([length, body])
    }
    await sendRaw(broker.port, header(999, 0))
    await sendRaw(broker.port, header(fetch.key, 3))
    await sendRaw(broker.port, header(fetch.key, 11, Buffer.from([0, 0])))
    await sendRaw(broker.port, Buffer.from([0, 0, 0, 1, 7]))
    await (await WireClient.connect(broker.port)).call(listOffsets, 1, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [],
    })
  })

  it('random frames, random bodies of every API and half requests never take the broker down', async () => {
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
    const broker = await testBroker({ log, maxFrameBytes: 100_000 })
    broker.createTopic('t', { partitions: 2 })
    await broker.append('t', 0, [{ value: 'kept' }])
    // A small generator with a fixed seed, so that a failure can be repeated.
    let state = 12_345
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
      return (state >>> 8) % below
    }
    const randomBytes = (length: number) =>
      Buffer.from(Array.from({ length }, () => (random(3) === 0 ? random(256) : random(3))))
    const keys = [
      0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 32, 33, 37, 42, 44, 60, 77,
    ]
    for (let round = 0; round < 300; round++) {
      const socket = connect({ port: broker.port, host: '127.0.0.1' })
      socket.on('error', () => {})
      socket.resume()
      await once(socket, 'connect')
      const body = randomBytes(random(120))
      const frame = Buffer.alloc(14)
      frame.writeInt32BE(random(4) === 0 ? random(200) : body.length + 10)
      frame.writeInt16BE(keys[random(keys.length)]!, 4)
      frame.writeInt16BE(random(12), 6)
      frame.writeInt32BE(round, 8)
      frame.writeInt16BE(-1, 12)
      socket.end(random(8) === 0 ? randomBytes(random(300)) : Buffer.concat([frame, body]))
      if (random(2) === 0) socket.destroy()
    }
    const client = await WireClient.connect(broker.port)
    const answer = await client.call(fetch, 11, fetchRequest(0))
    expect(answer.topics[0]!.partitions[0]!.errorCode).toBe(0)
    // Garbage is told from bugs: nothing but refusals was logged.
    expect(warnings.filter((warning) => /unexpected|at .*\.ts/.test(warning))).toEqual([])
  })
})

describe('closing', () => {
  it('ends waiting fetches and joins, and is done', async () => {
    const { broker, client } = await brokerWithTopic()
    client.send(fetch, 11, fetchRequest(0, { maxWaitMs: 60_000 }))
    const member = await WireClient.connect(broker.port)
    const join = (memberId: string) => ({
      groupId: 'g',
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      memberId,
      groupInstanceId: null,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.from('m') }],
    })
    const first = await member.call(joinGroup, 5, join(''))
    expect(first.errorCode).toBe(KafkaCode.MEMBER_ID_REQUIRED)
    const joined = await member.call(joinGroup, 5, join(first.memberId))
    expect(joined).toMatchObject({ errorCode: 0, leader: first.memberId, generation: 1 })
    const second = await WireClient.connect(broker.port)
    second.send(joinGroup, 2, join(''))
    await new Promise((resolve) => setTimeout(resolve, 20))
    await broker.close()
    await until(() => client.socket.destroyed && second.socket.destroyed, 'connections end')
  })
})
