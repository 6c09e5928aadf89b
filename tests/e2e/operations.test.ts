/** Running a pipeline by hand: dead letters, pauses, logs, backups. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../faults/deployment.js'
import { onState, writeProject } from './support.js'

const project = writeProject({
  'tpctl.config.ts': `import { defineConfig } from 'tpctl'
export default defineConfig({ name: 'ops', sql: 'sql', target: 'embedded', topics: [{ name: 'orders', partitions: 2 }],
  targets: { embedded: { edition: 'embedded' } } })`,
  'sql/orders.sql':
    "CREATE EXTERNAL STREAM orders (id int64, amount float64) SETTINGS type = 'kafka', brokers = '${KAFKA_BROKERS}', topic = 'orders', data_format = 'JSONEachRow'",
  'sql/booked.sql': 'CREATE STREAM booked (id int64, amount float64) TTL to_datetime(_tp_time) + 7d',
  'sql/corrections.sql':
    'CREATE STREAM corrections (id string, amount float64) TTL to_datetime(_tp_time) + 7d',
  'sql/mv_booked.sql':
    "CREATE MATERIALIZED VIEW mv_booked INTO booked AS SELECT id, amount FROM orders SETTINGS seek_to = 'earliest'",
})
const engine = onState(project)
let kafka: Kafka

beforeAll(async () => {
  await engine.up()
  await engine.json(['bootstrap'])
  const { brokers } = JSON.parse(readFileSync(join(engine.state, 'engine.json'), 'utf8')) as {
    brokers: string
  }
  kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
})
afterAll(() => engine.down())

async function send(messages: { key?: string; value: string; partition: number }[]): Promise<void> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  await producer.send({ topic: 'orders', messages })
  await producer.disconnect()
}

const count = async (from: string) =>
  Number((await engine.rows<{ n: string }>(`SELECT count() AS n FROM ${from}`))[0]!.n)
const arrives = (from: string, rows: number) =>
  eventually(`${rows} rows in ${from}`, 30_000, async () => (await count(from)) === rows)

interface Letters {
  letters: { source: string; partition: number; offset: number; error: string; raw: string }[]
}

describe('dead letters', () => {
  it('are listed, shown, replayed and dropped', async () => {
    await send([
      { value: '{"id":1,"amount":1}', partition: 0 },
      { key: 'k2', value: '{"id":"two","amount":2}', partition: 1 },
      { value: 'no json', partition: 0 },
    ])
    await arrives('table(booked)', 1)
    await arrives('system.dead_letters', 2)
    const { sources } = await engine.json<{ sources: unknown[] }>(['dlq', 'list'])
    expect(sources).toMatchObject([{ source: 'default.orders', topic: 'orders', letters: 2 }])
    const text = (await engine.tpctl(['dlq', 'show', '--source', 'orders', '--partition', '1'])).stdout
    expect(text).toContain('default.orders orders/1/0')
    expect(text).toContain('{"id":"two","amount":2}')

    // Into a stream whose columns fit; what does not is kept, with the reason.
    const into = await engine.json<{ replayed: number; kept: { reason: string }[] }>([
      ...['dlq', 'replay', '--all', '--into', 'corrections'],
    ])
    expect(into).toMatchObject({ replayed: 1, kept: [{ reason: 'its text is no JSON object' }] })
    expect(await engine.rows('SELECT id, amount FROM table(corrections)')).toEqual([{ id: 'two', amount: 2 }])

    // To the topic, as it was: it is refused again, and is a new letter.
    expect(await engine.json(['dlq', 'replay', '--source', 'orders'])).toMatchObject({
      replayed: 1,
      kept: [],
    })
    await eventually('the letter of the replayed message', 30_000, async () => {
      const { letters } = await engine.json<Letters>(['dlq', 'show'])
      return letters.length === 1 && letters[0]!.offset > 1 && letters[0]!.raw === 'no json'
    })
    expect((await engine.tpctl(['dlq', 'drop'])).code).toBe(2)
    expect(await engine.json(['dlq', 'drop', '--topic', 'orders'])).toEqual({ dropped: 1 })
    expect(await engine.json(['dlq', 'list'])).toEqual({ sources: [] })
  })

  it('keep their key when they are replayed', async () => {
    await send([{ key: 'k3', value: '{"id":"three"}', partition: 1 }])
    await arrives('system.dead_letters', 1)
    await engine.json(['dlq', 'replay', '--all'])
    const keys = 'SELECT _tp_message_key AS key FROM table(keyed) ORDER BY _tp_sn'
    await engine.rows(
      `CREATE EXTERNAL STREAM keyed (raw string) SETTINGS type = 'kafka', topic = 'orders', brokers = '${
        (JSON.parse(readFileSync(join(engine.state, 'engine.json'), 'utf8')) as { brokers: string }).brokers
      }'`,
    )
    const rows = await engine.rows<{ key: string }>(`${keys}`)
    expect(rows.filter(({ key }) => key === 'k3')).toHaveLength(2)
    await engine.rows('DROP STREAM keyed')
    await engine.json(['dlq', 'drop', '--all'])
  })
})

describe('pause and resume', () => {
  it('lose nothing of what arrives in between', async () => {
    const before = await count('table(booked)')
    expect(await engine.json(['pause'])).toEqual({ paused: ['mv_booked'] })
    await send([{ value: '{"id":10,"amount":1}', partition: 0 }])
    await sleep(500)
    expect(await count('table(booked)')).toBe(before)
    expect(await engine.json(['resume', 'mv_booked'])).toEqual({ resumed: ['mv_booked'] })
    await arrives('table(booked)', before + 1)
    expect((await engine.tpctl(['pause', 'nothing'])).stderr).toContain('VIEW_UNKNOWN')
  })
})

describe('status --watch', () => {
  it('looks again and again until it is stopped', async () => {
    const watch = engine.start(['status', '--watch', '200ms', '--json'])
    let text = ''
    watch.stdout.on('data', (chunk) => {
      text += String(chunk)
    })
    await eventually('two looks', 30_000, async () => text.split('\n').length > 2)
    watch.kill('SIGINT')
    expect((await watch).exitCode).toBe(0)
    const looks = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { views: Record<string, unknown>[] })
    expect(looks[0]!.views[0]).toMatchObject({ name: 'mv_booked', lag: 0, lastError: '' })
    expect(looks[0]!.views[0]!.lastCheckpoint).toMatch(/^20/)
  })
})

describe('logs', () => {
  it('are lines for people, or as they were written', async () => {
    const { code, stdout } = await engine.tpctl(['logs', '-n', '2'])
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(2)
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\dT\S+ (info|warn) /m)
    const { stdout: json } = await engine.tpctl(['logs', '-n', '1', '--json'])
    expect(JSON.parse(json)).toHaveProperty('msg')
    expect((await engine.tpctl(['logs', 'nobody'])).code).toBe(2)
  })
})

describe('a backup', () => {
  it('brings everything back, and keeps what it replaces', async () => {
    const file = join(engine.state, 'copy.tar.gz')
    const rows = await count('table(booked)')
    expect(await engine.json(['backup', file])).toMatchObject({ file })
    expect((await engine.tpctl(['backup', file])).stderr).toContain('BACKUP_EXISTS')
    await engine.rows('INSERT INTO booked (id, amount) VALUES (100, 1)')
    expect((await engine.tpctl(['restore', file])).stderr).toContain('RESTORE_OCCUPIED')
    const broken = join(engine.state, 'broken.tar.gz')
    writeFileSync(broken, readFileSync(file).subarray(0, 10_000))
    expect((await engine.tpctl(['restore', broken, '--force'])).stderr).toContain('BACKUP_BROKEN')
    expect(await count('table(booked)')).toBe(rows + 1)

    const { aside } = await engine.json<{ aside: string }>(['restore', file, '--force'])
    expect(existsSync(aside)).toBe(true)
    expect(await count('table(booked)')).toBe(rows)
    expect(await engine.json(['bootstrap'])).toMatchObject({ applied: false })
    // The pipeline goes on where it was.
    await send([{ value: '{"id":11,"amount":1}', partition: 1 }])
    await arrives('table(booked)', rows + 1)
    expect(readdirSync(engine.state).filter((name) => /^(backup|restore)-/.test(name))).toEqual([])
  })
})
