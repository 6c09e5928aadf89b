import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { READABLE_CODECS } from '../../../engine/broker/protocol/compression.js'
import { isInternal, sharedBroker } from '../../kafka/broker.js'
import { installed, kcat, lines } from './support/kcat.js'
import { until } from './support/temp.js'

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i))

describe.skipIf(!installed)('kcat', () => {
  it('-L lists brokers, topics and partitions', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('one', { partitions: 3 })
    const { out } = await kcat(['-b', broker.brokers, '-L'])
    expect(out).toContain(`broker 1 at ${broker.brokers}`)
    expect(out).toContain('topic "one" with 3 partitions')
    const json = await kcat(['-b', broker.brokers, '-L', '-J'])
    const parsed = JSON.parse(json.out) as { topics: { topic: string; partitions: unknown[] }[] }
    const visible = parsed.topics.filter(({ topic }) => !isInternal(topic))
    expect(visible.map(({ topic, partitions }) => [topic, partitions.length])).toEqual([['one', 3]])
  })

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('-P and -C with %s', async (codec) => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 2 })
    const input = numbers(0, 500).map((n) => `k${n}:value-${n}\n`)
    const produced = await kcat(
      ['-b', broker.brokers, '-P', '-t', 't', '-K:', '-z', codec, '-H', 'a=b'],
      input.join(''),
    )
    expect(produced).toMatchObject({ status: 0, err: '' })
    const { out } = await kcat(['-b', broker.brokers, '-C', '-t', 't', '-e', '-q', '-f', '%k:%s %h\n'])
    expect(lines(out).sort()).toEqual(input.map((line) => `${line.trim()} a=b`).sort())
    expect((await broker.endOffsets('t')).every((end) => end > 100)).toBe(true)
    if (!READABLE_CODECS.has(codec)) return
    // What is stored can be read here, too.
    const values = (await broker.records('t')).map(({ key, value }) => `${String(key)}:${String(value)}\n`)
    expect(values.sort()).toEqual([...input].sort())
  })

  it('-P with idempotence', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 2 })
    const args = ['-P', '-t', 't', '-K:', '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=10']
    const input = numbers(0, 300).map((n) => `k${n}:${n}\n`)
    expect((await kcat(['-b', broker.brokers, ...args], input.join(''))).status).toBe(0)
    const { out } = await kcat(['-b', broker.brokers, '-C', '-t', 't', '-e', '-q'])
    expect(lines(out).sort()).toEqual(numbers(0, 300).sort())
  })

  it('-o reads from offsets and times', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 2 })
    const start = 1_700_000_000_000
    for (let i = 0; i < 20; i++) {
      await broker.append('t', i % 2, [{ value: String(i), timestamp: String(start + i * 1000) }])
    }
    const read = async (...args: string[]) =>
      lines((await kcat(['-b', broker.brokers, '-C', '-t', 't', '-e', '-q', ...args])).out).map(Number)
    expect(await read('-p', '0', '-o', '8')).toEqual([16, 18])
    expect(await read('-p', '1', '-o', '-3')).toEqual([15, 17, 19])
    expect(await read('-p', '1', '-o', 'end')).toEqual([])
    expect((await read('-o', `s@${start + 12_500}`)).sort((a, b) => a - b)).toEqual([
      13, 14, 15, 16, 17, 18, 19,
    ])
    expect((await read('-o', `s@${start + 5000}`, '-o', `e@${start + 8000}`)).sort((a, b) => a - b)).toEqual([
      5, 6, 7,
    ])
    const query = await kcat(['-b', broker.brokers, '-Q', '-t', `t:0:${start + 3500}`])
    expect(query.out.trim()).toBe('t [0] offset 2')
  })

  it('-G reads as a group, and goes on where it stopped', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 3 })
    for (let i = 0; i < 30; i++) await broker.append('t', i % 3, [{ value: String(i) }])
    const read = async (count: number) => {
      const args = ['-X', 'auto.offset.reset=earliest', '-c', String(count), '-u', 't']
      const { out } = await kcat(['-b', broker.brokers, '-G', 'group', ...args])
      return lines(out).map(Number)
    }
    const first = await read(30)
    expect(first.sort((a, b) => a - b)).toEqual(numbers(0, 30).map(Number))
    for (let i = 30; i < 36; i++) await broker.append('t', i % 3, [{ value: String(i) }])
    const second = await read(6)
    expect(second.sort((a, b) => a - b)).toEqual([30, 31, 32, 33, 34, 35])
  })

  it('-G twice shares the partitions', async () => {
    const broker = await sharedBroker()
    await broker.createTopic('t', { partitions: 4 })
    const members = [0, 1].map(() => {
      const child = spawn('kcat', [
        '-b',
        broker.brokers,
        '-G',
        'pair',
        '-u',
        '-X',
        'auto.offset.reset=earliest',
        't',
      ])
      const member = { child, out: '', err: '' }
      child.stdout.on('data', (chunk) => (member.out += String(chunk)))
      child.stderr.on('data', (chunk) => (member.err += String(chunk)))
      return member
    })
    try {
      // "assigned: t [0], t [1]": the last assignment counts.
      const assigned = (err: string) =>
        err
          .split('assigned:')
          .at(-1)
          ?.split('\n')[0]
          ?.match(/t \[\d\]/g) ?? []
      await until(() => members.every((member) => assigned(member.err).length === 2), 'two partitions each')
      for (let i = 0; i < 40; i++) await broker.append('t', i % 4, [{ value: String(i) }])
      await until(
        () => members.every((member) => lines(member.out).length === 20),
        'half of the messages each',
      )
      const all = members.flatMap((member) => lines(member.out)).map(Number)
      expect(all.sort((a, b) => a - b)).toEqual(numbers(0, 40).map(Number))
    } finally {
      // A member that is killed stays in its group until its session is over.
      for (const { child } of members) {
        child.kill('SIGTERM')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      }
    }
  })
})
