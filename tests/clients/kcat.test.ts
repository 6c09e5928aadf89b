import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../engine/server/harness.js'
import { TestBroker } from '../kafka/broker.js'
import { installed, queriesRunning, run, start } from './programs.js'

describe.skipIf(!installed('kcat', '-V'))('kcat', () => {
  let engine: TestEngine
  let broker: TestBroker
  beforeAll(async () => {
    broker = await TestBroker.start()
    engine = await TestEngine.start()
    // The first message makes the topic.
    await produce('orders', ['k1:{"id":1,"item":"one"}'])
    await engine.run(
      `CREATE EXTERNAL STREAM orders (id uint64, item string) SETTINGS type = 'kafka', brokers = '${broker.brokers}', topic = 'orders'`,
    )
  })
  afterAll(async () => {
    await engine.close()
    await broker.close()
  })

  async function produce(topic: string, lines: string[], ...options: string[]): Promise<void> {
    const args = ['-b', broker.brokers, '-P', '-t', topic, '-K:', ...options]
    const { status, err } = await run('kcat', args, `${lines.join('\n')}\n`)
    expect({ status, err }).toEqual({ status: 0, err: '' })
  }

  const consume = async (topic: string, format = '%k:%s\n', ...options: string[]) =>
    (await run('kcat', ['-b', broker.brokers, '-C', '-t', topic, '-e', '-q', '-f', format, ...options])).out
      .split('\n')
      .filter((line) => line !== '')

  it('writes what SQL reads, whichever way it is compressed', async () => {
    const codecs = [
      'none',
      'gzip',
      'snappy',
      'lz4',
      ...('zstdDecompressSync' in (await import('node:zlib')) ? ['zstd'] : []),
    ]
    for (const [i, codec] of codecs.entries()) {
      await produce('orders', [`k:{"id":${i + 2},"item":"${codec.repeat(40)}"}`], '-z', codec)
    }
    const rows = await engine.rows('SELECT id, item, _tp_message_key AS key FROM table(orders) ORDER BY id')
    expect(rows).toEqual([
      { id: '1', item: 'one', key: 'k1' },
      ...codecs.map((codec, i) => ({ id: String(i + 2), item: codec.repeat(40), key: 'k' })),
    ])
  })

  it('feeds a streaming query and a materialized view', async () => {
    await engine.run('CREATE STREAM large_orders (id uint64, item string)')
    await engine.run(
      'CREATE MATERIALIZED VIEW mv_large INTO large_orders AS SELECT id, item FROM orders WHERE id >= 1000',
    )
    const live = start('curl', [
      '-sSN',
      engine.engine.streamUrl,
      '-d',
      'SELECT id FROM orders WHERE id >= 1000',
    ])
    await queriesRunning(engine.engine.url, 'FROM orders WHERE id', 1)
    await produce(
      'orders',
      Array.from({ length: 500 }, (_, i) => `k${i}:{"id":${750 + i},"item":"x"}`),
    )
    expect((await live.hasLines(250)).map(Number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 250 }, (_, i) => 1000 + i),
    )
    await until(async () => {
      const [row] = await engine.rows('SELECT count() AS n, unique_exact(id) AS ids FROM table(large_orders)')
      return Number(row!.n) >= 250 ? (expect(row).toEqual({ n: '250', ids: '250' }) ?? true) : undefined
    })
  })

  it('reads what SQL inserts into an external stream', async () => {
    await produce('out', ['first:{"id":0,"item":"made"}'])
    await engine.run(
      `CREATE EXTERNAL STREAM out (id uint64, item string, _tp_message_key string) SETTINGS type = 'kafka', brokers = '${broker.brokers}', topic = 'out', data_format = 'JSONEachRow', one_message_per_row = true`,
    )
    await engine.run(
      "INSERT INTO out (id, item, _tp_message_key) VALUES (1, 'it''s', 'a'), (18446744073709551615, 'ü \\n \"', 'b')",
    )
    expect((await consume('out')).sort()).toEqual([
      'a:{"id":1,"item":"it\'s"}',
      'b:{"id":18446744073709551615,"item":"ü \\n \\""}',
      'first:{"id":0,"item":"made"}',
    ])
  })

  it('reads what a materialized view writes into an external stream', async () => {
    await produce('alerts', ['x:{"id":0}'])
    await engine.run(
      `CREATE EXTERNAL STREAM alerts (id uint64) SETTINGS type = 'kafka', brokers = '${broker.brokers}', topic = 'alerts', one_message_per_row = true`,
    )
    await engine.run('CREATE STREAM numbers_in (v uint64)')
    await engine.run(
      'CREATE MATERIALIZED VIEW mv_alerts INTO alerts AS SELECT v * 2 AS id FROM numbers_in WHERE v > 10',
    )
    await engine.run('INSERT INTO numbers_in (v) VALUES (5), (11), (12)')
    const found = await until(async () => {
      const lines = await consume('alerts', '%s\n')
      return lines.length >= 3 ? lines : undefined
    })
    expect(found.sort()).toEqual(['{"id":0}', '{"id":22}', '{"id":24}'])
  })

  it('lists topics and partitions', async () => {
    const { out } = await run('kcat', ['-b', broker.brokers, '-L', '-J'])
    const { topics } = JSON.parse(out) as { topics: { topic: string }[] }
    expect(topics.map(({ topic }) => topic)).toEqual(expect.arrayContaining(['orders', 'out', 'alerts']))
  })
})
