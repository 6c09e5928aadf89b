/**
 * `npm run fuzz:kafka -- --count N --seed S`: frames of any shape for the broker of a running engine. Whole ones are
 * recorded from a client at work, then changed; others are made of nothing.
 */
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import { command } from './command.mjs'
import { Victim } from './victim.mjs'

const WIDTH = 16
const FRAMES_A_CONNECTION = 4
const READ_MS = 100

/** Sends frames one behind the other; how often something came back. */
function converse(broker, frames) {
  return new Promise((resolve) => {
    const socket = connect(broker.port, broker.host)
    let answers = 0
    const timer = setTimeout(() => socket.destroy(), READ_MS)
    socket.on('data', () => answers++)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(answers)
    })
    socket.write(Buffer.concat(frames))
  })
}

function frame(recorded, chance) {
  const kind = chance.below(12)
  if (kind === 0) return chance.bytes(chance.below(300))
  if (kind === 1) return prefixed(chance.bytes(chance.below(300)))
  if (kind === 2) return header(chance, chance.bytes(chance.below(200)))
  const bytes = Buffer.from(chance.pick(recorded))
  if (kind === 3) return prefixed(bytes)
  if (kind === 4) return prefixed(bytes.subarray(0, chance.below(bytes.length + 1)))
  if (kind === 5) return Buffer.concat([lengthOf(chance), bytes])
  for (let i = 1 + chance.below(6); i > 0; i--) change(bytes, chance)
  return prefixed(bytes)
}

function change(bytes, chance) {
  const at = chance.below(bytes.length)
  switch (chance.below(6)) {
    case 0:
      bytes[at] = chance.below(256)
      break
    case 1:
      bytes[at] ^= 1 << chance.below(8)
      break
    case 2:
      bytes[0] = 0
      bytes[1] = chance.below(70)
      break
    case 3:
      bytes[2] = 0
      bytes[3] = chance.below(16)
      break
    case 4:
      if (at + 4 <= bytes.length)
        bytes.writeInt32BE(chance.pick([-1, 0, 0x7fffffff, -0x80000000, 1_000_000, 65_536]), at)
      break
    default:
      if (at + 2 <= bytes.length) bytes.writeInt16BE(chance.pick([-1, -2, 0, 0x7fff, -0x8000]), at)
  }
}

function prefixed(bytes) {
  const length = Buffer.alloc(4)
  length.writeInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

function lengthOf(chance) {
  const length = Buffer.alloc(4)
  length.writeInt32BE(chance.pick([-1, 0, 1, 3, 0x7fffffff, -0x80000000, 100_000_000, 2000]))
  return length
}

/** A request of any key and version with some body. */
function header(chance, body) {
  const head = Buffer.alloc(10)
  head.writeInt16BE(chance.below(70), 0)
  head.writeInt16BE(chance.below(16), 2)
  head.writeInt32BE(chance.below(1000), 4)
  head.writeInt16BE(chance.pick([-1, 0, 5, 0x7fff]), 8)
  return prefixed(Buffer.concat([head, body]))
}

function client({ host, port }) {
  return new Kafka({
    clientId: 'fuzz',
    brokers: [`${host}:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 3 },
  })
}

/** The requests of a client that does a bit of everything, without their lengths. */
async function recordClient(broker) {
  const frames = []
  const proxy = createServer((from) => {
    const to = connect(broker.port, broker.host)
    let rest = Buffer.alloc(0)
    from.on('data', (data) => {
      to.write(data)
      rest = Buffer.concat([rest, data])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const end = 4 + rest.readInt32BE(0)
        frames.push(rest.subarray(4, end))
        rest = rest.subarray(end)
      }
    })
    to.on('data', (data) => from.write(data))
    for (const [one, other] of [
      [from, to],
      [to, from],
    ])
      one.on('close', () => other.destroy()).on('error', () => other.destroy())
  })
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  // The client goes on to the address that the broker tells: the requests are taken off its first connection and its own writes.
  const through = { host: '127.0.0.1', port: proxy.address().port }
  const socketFactory = ({ onConnect }) => connect(through.port, through.host, onConnect)
  const kafka = new Kafka({
    clientId: 'fuzz',
    brokers: [`${through.host}:${through.port}`],
    logLevel: logLevel.NOTHING,
    socketFactory,
  })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'fuzzed', numPartitions: 2 }] })
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  await producer.send({
    topic: 'fuzzed',
    messages: [{ key: 'k', value: 'v', headers: { h: 'x' } }, { value: 'w'.repeat(200) }],
  })
  const consumer = kafka.consumer({ groupId: 'fuzzers' })
  await consumer.connect()
  await consumer.subscribe({ topics: ['fuzzed'], fromBeginning: true })
  let seen = 0
  await consumer.run({ eachMessage: async () => void seen++ })
  for (let i = 0; i < 200 && seen < 2; i++) await sleep(50)
  await consumer.commitOffsets([{ topic: 'fuzzed', partition: 0, offset: '1' }])
  await admin.fetchTopicOffsets('fuzzed')
  await admin.fetchOffsets({ groupId: 'fuzzers' })
  await admin.listGroups()
  await admin.describeGroups(['fuzzers'])
  await admin.describeConfigs({ resources: [{ type: 2, name: 'fuzzed' }] })
  await consumer.disconnect()
  await producer.disconnect()
  await admin.createTopics({ topics: [{ topic: 'gone' }] })
  await admin.deleteTopics({ topics: ['gone'] })
  await admin.disconnect()
  proxy.close()
  if (seen < 2) throw new Error('the client that was to be recorded read nothing')
  return frames
}

/** The broker still does what it is for. */
async function produceAndRead(broker) {
  const kafka = client(broker)
  const topic = `after-${Date.now()}`
  const producer = kafka.producer()
  await producer.connect()
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic }] })
  await producer.send({ topic, messages: [{ value: 'still here' }] })
  const [{ high }] = await admin.fetchTopicOffsets(topic)
  await producer.disconnect()
  await admin.disconnect()
  if (high !== '1') throw new Error(`the broker took one message and tells of ${high}`)
}

await command('kafka', 100_000, async ({ count, chance, hangMs }) => {
  const victim = await Victim.start(hangMs)
  const [host, port] = victim.address.brokers.split(':')
  const broker = { host, port: Number(port) }
  const figures = { frames: 0, recorded: 0, answered: 0, longestSilenceMs: 0 }
  const pending = new Set()
  try {
    const recorded = await recordClient(broker)
    figures.recorded = recorded.length
    for (let i = 0; i < count; i += FRAMES_A_CONNECTION) {
      const frames = Array.from({ length: Math.min(FRAMES_A_CONNECTION, count - i) }, () =>
        frame(recorded, chance),
      )
      figures.frames += frames.length
      const sent = converse(broker, frames).then((answers) => {
        figures.answered += answers
        pending.delete(sent)
      })
      pending.add(sent)
      if (pending.size >= WIDTH) await Promise.race(pending)
      victim.check()
    }
    await Promise.all(pending)
    await produceAndRead(broker)
    await victim.answers()
    victim.check()
    figures.longestSilenceMs = victim.longestMs
    return figures
  } finally {
    await victim.stop()
  }
})
