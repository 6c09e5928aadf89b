/** What goes wrong around a topic outside: bad messages, a topic that is made anew, partitions that are added. */
import { type Admin, Kafka, logLevel, type Message } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { queriesRunning, start } from '../clients/programs.js'
import { TestEngine, until } from '../engine/server/harness.js'
import { TestBroker } from '../kafka/broker.js'
import { range, row, rows, Topics } from './topics.js'

let engine: TestEngine
let broker: TestBroker
let admin: Admin
let topics: Topics

beforeAll(async () => {
  broker = await TestBroker.start()
  engine = await TestEngine.start()
  topics = await Topics.open(engine, broker.brokers)
  admin = broker.admin
})
afterAll(async () => {
  await topics?.close()
  await engine?.close()
  await broker?.close()
})

const topic: Topics['create'] = (...args) => topics.create(...args)
const send = (name: string, messages: Message[]) => topics.send(name, messages)
const ids: Topics['ids'] = (...args) => topics.ids(...args)
const viewError = (name: string) => topics.viewError(name)

describe('bad messages', () => {
  it('go to the dead letters with the reason, are counted once, and hold up nothing', async () => {
    await topic('poison')
    await engine.run('CREATE STREAM clean (id uint32, s string)')
    await engine.run(
      "CREATE MATERIALIZED VIEW mv_clean INTO clean AS SELECT id, s FROM poison SETTINGS seek_to = 'earliest'",
    )
    const bad: (string | Buffer | null)[] = [
      'not json at all',
      '{"id":1,"s":"cut of',
      '{"id":"many","s":"x"}',
      '{"id":-1',
      '[{"id":1,"s":"a"},',
      Buffer.from([
        0x7b, 0x22, 0x69, 0x64, 0x22, 0x3a, 0x31, 0x2c, 0x22, 0x73, 0x22, 0x3a, 0x22, 0xe9, 0x22, 0x7d,
      ]),
      Buffer.from('{"id":1,"s":"x"}', 'utf16le'),
      '',
      null,
      `{"id":1,"s":"${'x'.repeat(500_000)}`,
      '"a string"',
      '<html>502 Bad Gateway</html>',
    ]
    await send('poison', [...rows(0, 50), ...bad.map((value) => ({ value })), ...rows(50, 100)])
    // An empty list is no row, and none is lost beside it.
    await send('poison', [
      row(100),
      { value: '[]' },
      { value: '[{"id":101,"s":"a"},{"id":102,"s":"b"}]' },
      row(103),
    ])
    expect(await ids('clean', 104)).toEqual(range(0, 104))
    const letters = await engine.rows(
      "SELECT offset, error, length(raw) AS size FROM system.dead_letters WHERE source = 'default.poison' ORDER BY offset",
    )
    expect(letters.map(({ offset }) => Number(offset))).toEqual(range(50, 50 + bad.length))
    for (const { error } of letters) expect(error).toMatch(/\w{3}/)
    expect(letters[5]!.error).toContain('UTF-8')
    // Read again by another query, they are the same letters.
    expect(await ids('table(poison)', 104)).toHaveLength(104)
    expect(
      await engine.rows("SELECT count() AS n FROM system.dead_letters WHERE source = 'default.poison'"),
    ).toEqual([{ n: String(bad.length) }])
    expect(await viewError('mv_clean')).toBe('')
  })

  it('by the thousand are sorted out together', async () => {
    await topic('changed')
    const wrong = range(0, 5_000).map((id) => ({ value: JSON.stringify({ id: `n${id}`, s: 'x' }) }))
    await send('changed', [...wrong, row(1)])
    expect(await ids('table(changed)', 1)).toEqual([1])
    const [count] = await engine.rows(
      "SELECT count() AS n FROM system.dead_letters WHERE source = 'default.changed'",
    )
    expect(count).toEqual({ n: '5000' })
  })

  it('raw bytes are what they are, in any encoding', async () => {
    await topic('raw', 1, 'raw string')
    await send('raw', [{ value: Buffer.from([0xff, 0x00, 0x80]) }, { value: 'text' }])
    const found = await engine.rows('SELECT hex(raw) AS bytes FROM table(raw) ORDER BY _tp_sn')
    expect(found).toEqual([{ bytes: 'FF0080' }, { bytes: '74657874' }])
  })

  it('of 50 MB are refused to whoever sends them', async () => {
    await topic('large')
    const value = `{"id":1,"s":"${'x'.repeat(50_000_000)}"}`
    await expect(send('large', [{ value }])).rejects.toThrow(/larger than the max|too large/i)
    const answer = await engine.sql(`INSERT INTO large (id, s) FORMAT JSONEachRow ${value}`)
    expect(answer.status).toBe(500)
    expect(answer.text).toMatch(
      /Code: \d+\. DB::Exception: .*topic 'large'.*(larger than the max|too large)/i,
    )
    expect(answer.text.length).toBeLessThan(2_000)
    await send('large', [row(2)])
    expect(await ids('table(large)', 1)).toEqual([2])
  })
})

describe('a broker or topic that is not there', () => {
  it('at CREATE is an error that says so, and leaves nothing behind', async () => {
    const sql = (brokers: string, name: string) =>
      `CREATE EXTERNAL STREAM ${name} (s string) SETTINGS type = 'kafka', brokers = '${brokers}', topic = 'nowhere'`
    const away = await engine.sql(sql('127.0.0.1:1', 'x1'))
    expect(away.text).toMatch(/Code: 1002\. DB::Exception: Failed to reach topic 'nowhere' at 127\.0\.0\.1:1/)
    const noTopic = await engine.sql(sql(broker.brokers, 'x1'))
    expect(noTopic.text).toMatch(/Topic 'nowhere' does not exist/)
    expect((await engine.sql('SELECT * FROM table(x1)')).text).toContain('Code: 60')
  })
})

describe('a topic that changes', () => {
  it('grows by partitions while a view reads it', async () => {
    await topic('growing')
    await engine.run('CREATE STREAM grown (id uint32)')
    await engine.run(
      "CREATE MATERIALIZED VIEW mv_grown INTO grown AS SELECT id FROM growing SETTINGS seek_to = 'earliest'",
    )
    await send('growing', rows(0, 10))
    await ids('grown', 10)
    await admin.createPartitions({ topicPartitions: [{ topic: 'growing', count: 3 }] })
    // A producer of its own: one that is connected does not know of the new partitions yet.
    const kafka = new Kafka({ brokers: [broker.brokers], logLevel: logLevel.NOTHING })
    // Partitions that are not ready yet refuse it, and then it sends to all of them again.
    const fresh = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await fresh.connect()
    await fresh.send({
      topic: 'growing',
      messages: range(10, 40).map((id) => ({ ...row(id), partition: id % 3 })),
    })
    await fresh.disconnect()
    expect(await ids('grown', 40)).toEqual(range(0, 40))
  })

  it('deleted and made anew stops the view with a reason, and its rows stay', async () => {
    await topic('replaced')
    await engine.run('CREATE STREAM kept (id uint32)')
    await engine.run(
      "CREATE MATERIALIZED VIEW mv_kept INTO kept AS SELECT id FROM replaced SETTINGS seek_to = 'earliest'",
    )
    await send('replaced', rows(0, 20))
    await ids('kept', 20)
    await admin.deleteTopics({ topics: ['replaced'] })
    await broker.createTopic('replaced')
    await send('replaced', rows(100, 105))
    const error = await until(
      async () => (await viewError('mv_kept')).match(/ends at offset 5.*/)?.[0],
      60_000,
    )
    expect(error).toContain('was read up to 20')
    expect(await ids('kept', 20)).toEqual(range(0, 20))
    // As the message says: made again, it reads the new one.
    await engine.run('DROP VIEW mv_kept')
    await engine.run(
      "CREATE MATERIALIZED VIEW mv_kept INTO kept AS SELECT id FROM replaced SETTINGS seek_to = 'earliest'",
    )
    expect(await ids('kept', 25)).toEqual([...range(0, 20), ...range(100, 105)])
  })
})

describe('seek_to', () => {
  it.each([
    ['earliest', range(0, 10)],
    ['latest', []],
    ['7', [7, 8, 9]],
    ['99', []],
    ['-2h', [5, 6, 7, 8, 9]],
    [new Date(Date.now() - 3 * 3_600_000).toISOString().slice(0, 19).replace('T', ' '), [5, 6, 7, 8, 9]],
  ])('%s', async (seekTo, expected) => {
    if (seekTo === 'earliest') {
      await topic('sought')
      const old = String(Date.now() - 24 * 3_600_000)
      await send(
        'sought',
        rows(0, 5).map((message) => ({ ...message, timestamp: old })),
      )
      await send('sought', rows(5, 10))
    }
    const live = start('curl', [
      '-sSN',
      engine.engine.streamUrl,
      '-d',
      `SELECT id FROM sought WHERE id < 50 SETTINGS seek_to = '${seekTo}'`,
    ])
    await queriesRunning(engine.engine.url, 'FROM sought WHERE id', 1)
    if (expected.length > 0) expect((await live.hasLines(expected.length)).map(Number)).toEqual(expected)
    await live.kill()
    await queriesRunning(engine.engine.url, 'FROM sought WHERE id', 0)
    expect(live.lines.map(Number)).toEqual(expected)
  })

  it('refuses what is none', async () => {
    const { text } = await engine.sql("SELECT id FROM sought SETTINGS seek_to = 'yesterday'", {
      stream: true,
    })
    expect(text).toContain('seek_to')
    const offsets = await engine.sql("SELECT id FROM sought SETTINGS seek_to = '1,2'", { stream: true })
    expect(offsets.text).toMatch(/Code: 36.*2 offsets.*1 partitions/)
  })
})

describe('random streams', () => {
  it('give a bounded answer to table(), and eps rows a second otherwise', async () => {
    await engine.run(
      "CREATE RANDOM STREAM dice (id uint32 default rand() % 6 + 1, s string default 'x') SETTINGS eps = 200",
    )
    const [all] = await engine.rows('SELECT count() AS n, min(id) AS low, max(id) AS high FROM table(dice)')
    expect(all).toEqual({ n: '65409', low: 1, high: 6 })
    const live = start('curl', ['-sSN', engine.engine.streamUrl, '-d', 'SELECT id FROM dice'])
    const began = Date.now()
    const lines = await live.hasLines(200)
    const seconds = (Date.now() - began) / 1000
    await live.kill()
    expect(lines.length / 200).toBeLessThan(seconds * 2 + 1)
    expect(lines.every((line) => Number(line) >= 1 && Number(line) <= 6)).toBe(true)
    await queriesRunning(engine.engine.url, 'FROM dice', 0)
  })
})
