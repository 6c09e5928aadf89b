import { Kafka, logLevel } from 'kafkajs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { UserError } from '../../../dialect/index.js'
import { Bench, type Files, said } from './bench.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.start()
  await bench.deploy(FIRST)
  bench.write()
}, 60_000)
afterAll(() => bench?.close())
afterEach(async () => {
  bench.intercept = () => {}
  await bench.rest()
})

const FIRST: Files = {
  'sql/src.sql': 'CREATE STREAM src (n uint64, k uint64)',
  'sql/dst.sql': 'CREATE STREAM dst (n uint64, k uint64)',
  'sql/seen.sql': 'CREATE VIEW seen AS SELECT n, k FROM src WHERE n > 0',
  'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst AS SELECT n, k FROM seen',
  'sql/sums.sql': 'CREATE STREAM sums (k uint64, total uint64, sum_n uint64)',
  'sql/doubles.sql': 'CREATE STREAM doubles (n uint64)',
  'sql/mv_doubles.sql': 'CREATE MATERIALIZED VIEW mv_doubles INTO doubles AS SELECT n FROM dst',
  'sql/mv_sums.sql':
    'CREATE MATERIALIZED VIEW mv_sums INTO sums AS SELECT k, count() AS total, sum(n) AS sum_n FROM dst GROUP BY k EMIT PERIODIC 300ms',
}
let files = FIRST
const change = (more: Files): Files => {
  files = { ...files, ...more }
  return files
}

/** The last counts of all groups add up to what was written. */
async function sumsAgree(): Promise<void> {
  const total = async () => {
    const [row] = await bench.client.rows<{ n: string }>(
      'SELECT sum(most) AS n FROM (SELECT k, max(total) AS most FROM table(sums) GROUP BY k)',
    )
    return Number(row!.n)
  }
  for (let i = 0; i < 100 && (await total()) < bench.written; i++) await new Promise((r) => setTimeout(r, 50))
  expect(await total()).toBe(bench.written)
}

class Stop extends Error {}
/** Ends an apply before the statement that matches. */
function stopBefore(pattern: RegExp): void {
  bench.intercept = (sql) => {
    if (!pattern.test(sql)) return
    bench.intercept = () => {}
    throw new UserError('STOPPED', sql, { cause: new Stop() })
  }
}

describe('a materialized view, while rows arrive', () => {
  it('is changed in place, with a column more', async () => {
    bench.watch('dst')
    const ways = await bench.deploy(
      change({
        'sql/dst.sql': 'CREATE STREAM dst (n uint64, k uint64, twice uint64)',
        'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst AS SELECT n, k, n * 2 AS twice FROM seen',
      }),
    )
    expect(ways).toEqual(['alter dst', 'alter mv (modify)'])
    await bench.rest()
    await bench.exactlyOnce('dst')
    await sumsAgree()
  })

  it('follows a plain view that is replaced', async () => {
    bench.write()
    bench.watch('dst')
    const ways = await bench.deploy(
      change({ 'sql/seen.sql': 'CREATE VIEW seen AS SELECT n, k FROM src WHERE n > 0 AND k < 100' }),
    )
    expect(ways).toEqual(['replace seen', 'alter mv (modify)'])
    await bench.rest()
    await bench.exactlyOnce('dst')
  })

  it('is handed over where its file asks for it, across interruptions and a restart of the engine', async () => {
    const text = (factor: number) =>
      `-- @replace handover\nCREATE MATERIALIZED VIEW mv INTO dst AS SELECT n, k, n * ${factor} AS twice FROM seen`
    for (const [at, factor] of [
      [/^DROP VIEW/, 4],
      [/^CREATE MATERIALIZED VIEW/, 5],
    ] as const) {
      bench.write()
      stopBefore(at)
      change({ 'sql/mv.sql': text(factor) })
      await expect(bench.deploy(files)).rejects.toMatchObject({ code: 'STOPPED' })
      if (factor === 5) {
        await bench.rest()
        await bench.restart()
        bench.write()
      }
      expect((await bench.plan(files)).notices).toHaveLength(1)
      await bench.deploy(files)
      await bench.rest()
      await bench.exactlyOnce('dst')
    }
  })

  it('runs again when it was stopped for a change that is given up', async () => {
    bench.write()
    const before = files
    stopBefore(/^INSERT .*phase.*stopped/)
    change({
      'sql/mv.sql': '-- @replace handover\nCREATE MATERIALIZED VIEW mv INTO dst AS SELECT n, k FROM seen',
    })
    await expect(bench.deploy(files)).rejects.toMatchObject({ code: 'STOPPED' })
    files = before
    expect(await bench.deploy(files)).toEqual(['alter mv'])
    await bench.rest()
    await bench.exactlyOnce('dst')
    await sumsAgree()
  })

  it('that aggregates is computed anew beside the old one, which is kept', async () => {
    bench.write()
    bench.watch('sums')
    const ways = await bench.deploy(
      change({
        'sql/sums.sql': 'CREATE STREAM sums (k uint64, total uint64, sum_n uint64, best uint64)',
        'sql/mv_sums.sql':
          'CREATE MATERIALIZED VIEW mv_sums INTO sums AS SELECT k, count() AS total, sum(n) AS sum_n, max(n) AS best FROM dst GROUP BY k EMIT PERIODIC 300ms',
      }),
    )
    expect(ways).toEqual(['replace sums (rebuild)', 'replace mv_sums (rebuild)'])
    await bench.rest()
    await sumsAgree()
    const kept = await bench.client.rows(
      "SELECT name, state FROM system.materialized_views WHERE name LIKE '%was'",
    )
    expect(kept).toEqual([{ name: 'mv_sums__was', state: 'paused' }])
  })

  it('computed anew goes on after an interruption at any point', async () => {
    const text = (column: string) =>
      `CREATE MATERIALIZED VIEW mv_sums INTO sums AS SELECT k, count() AS total, sum(n) AS sum_n, max(${column}) AS best FROM dst GROUP BY k EMIT PERIODIC 300ms`
    for (const [at, column] of [
      [/^RENAME/, 'n + 1'],
      [/^SYSTEM PAUSE/, 'n + 2'],
    ] as const) {
      bench.write()
      bench.watch('sums')
      stopBefore(at)
      change({ 'sql/mv_sums.sql': text(column) })
      await expect(bench.deploy(files)).rejects.toMatchObject({ code: 'STOPPED' })
      const plan = await bench.plan(files)
      expect(plan.notices).toHaveLength(1)
      await bench.deploy(files)
      await bench.rest()
      await sumsAgree()
    }
  })

  it('computed anew is given up, and the old one has never stopped', async () => {
    bench.write()
    const before = files
    stopBefore(/^RENAME/)
    change({ 'sql/mv_sums.sql': files['sql/mv_sums.sql']!.replace('n + 2', 'n + 3') })
    await expect(bench.deploy(files)).rejects.toMatchObject({ code: 'STOPPED' })
    files = before
    expect((await bench.plan(files)).notices[0]).toMatch(/not wanted any more/)
    await bench.deploy(files)
    await bench.rest()
    await sumsAgree()
    expect(await bench.client.rows("SELECT name FROM system.tables WHERE name LIKE '%__next'")).toEqual([])
  })
})

describe('views downstream, while rows arrive', () => {
  it('are computed anew with what they read, and take their names together', async () => {
    bench.write()
    const extended = change({
      'sql/loud.sql': 'CREATE VIEW loud AS SELECT k, total FROM sums WHERE total > 0',
      'sql/most.sql': 'CREATE STREAM most (k uint64, most uint64)',
      'sql/mv_most.sql':
        'CREATE MATERIALIZED VIEW mv_most INTO most AS SELECT k, max(loud.total) AS most FROM loud GROUP BY k EMIT PERIODIC 300ms',
    })
    await bench.deploy(extended)
    bench.watch('sums')
    const ways = await bench.deploy(
      change({ 'sql/mv_sums.sql': files['sql/mv_sums.sql']!.replace('n + 2', 'n + 4') }),
    )
    expect(ways.sort()).toEqual([
      'replace loud (rebuild)',
      'replace most (rebuild)',
      'replace mv_most (rebuild)',
      'replace mv_sums (rebuild)',
      'replace sums (rebuild)',
    ])
    await bench.rest()
    await sumsAgree()
    const total = async () => {
      const [row] = await bench.client.rows<{ n: string }>(
        'SELECT sum(best) AS n FROM (SELECT k, max(most) AS best FROM table(most) GROUP BY k)',
      )
      return Number(row!.n)
    }
    for (let i = 0; i < 100 && (await total()) < bench.written; i++)
      await new Promise((r) => setTimeout(r, 50))
    expect(await total()).toBe(bench.written)
    const [shown] = await bench.client.rows<{ statement: string }>('SHOW CREATE mv_most')
    expect(shown!.statement).not.toContain('__next')
    // Names back to a pipeline that the rest of this file is about.
    for (const name of ['loud', 'most', 'mv_most']) delete files[`sql/${name}.sql`]
    await bench.deploy(change({}), { allowDestructive: true })
  })
})

describe('a topic, while messages arrive', () => {
  it('is read on at the same message by a stream that is made anew', async () => {
    const { brokers } = bench.engine
    const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING })
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'clicks', numPartitions: 2 }] })
    await admin.disconnect()
    const producer = kafka.producer()
    await producer.connect()
    let sent = 0
    const send = (count: number) =>
      producer.send({
        topic: 'clicks',
        messages: Array.from({ length: count }, () => ({ value: `{"n":${++sent}}`, partition: sent % 2 })),
      })
    const stream = (more: string) =>
      `CREATE EXTERNAL STREAM clicks (n uint64${more}) SETTINGS type = 'kafka', brokers = '${brokers}', topic = 'clicks', data_format = 'JSONEachRow'`
    await bench.deploy(
      change({
        'sql/clicks.sql': stream(''),
        'sql/clicked.sql': 'CREATE STREAM clicked (n uint64)',
        'sql/mv_clicked.sql':
          "CREATE MATERIALIZED VIEW mv_clicked INTO clicked AS SELECT n FROM (SELECT n FROM clicks SETTINGS seek_to = 'earliest')",
      }),
    )
    await send(500)
    const [ways] = await Promise.all([
      bench.deploy(change({ 'sql/clicks.sql': stream(', k string') })),
      send(700),
    ])
    expect(ways).toEqual(['replace clicks', 'replace mv_clicked (handover)'])
    await send(300)
    await producer.disconnect()
    const counts = async () => {
      const [row] = await bench.client.rows<{ all: string; different: string }>(
        'SELECT count() AS all, unique_exact(n) AS different FROM table(clicked)',
      )
      return [Number(row!.all), Number(row!.different)]
    }
    for (let i = 0; i < 200 && (await counts())[1]! < sent; i++) await new Promise((r) => setTimeout(r, 50))
    expect(await counts()).toEqual([sent, sent])
  })
})

describe('a stream with another key, while rows arrive', () => {
  it('takes over rows and writers, and hands views that read it row by row over', async () => {
    bench.write()
    bench.watch('dst')
    const ways = await bench.deploy(
      change({
        'sql/dst.sql':
          "CREATE STREAM dst (n uint64, k uint64, twice uint64) SETTINGS shards = 3, sharding_expr = 'weak_hash32(k)'",
      }),
    )
    expect(ways.sort()).toEqual([
      'replace dst (copy)',
      'replace mv_doubles (handover)',
      'replace mv_sums (rebuild)',
      'replace sums (rebuild)',
    ])
    await bench.rest()
    await bench.exactlyOnce('dst')
    await bench.exactlyOnce('doubles')
    await sumsAgree()
  })
})

describe('what cannot be done', () => {
  it('is refused before anything happens, with the reason', async () => {
    const wrong = {
      ...files,
      'sql/mv_sums.sql': `-- @replace handover\n${files['sql/mv_sums.sql']!.replace('count()', 'count() + 0')}`,
    }
    await expect(bench.plan(wrong)).rejects.toMatchObject({
      code: 'REPLACE_IMPOSSIBLE',
      message: expect.stringContaining('it aggregates'),
    })
    await expect(
      bench.plan({ ...files, 'sql/mv.sql': `-- @replace somehow\n${FIRST['sql/mv.sql']}` }),
    ).rejects.toMatchObject({ code: 'PROJECT_DIRECTIVE' })
    expect(said(await bench.plan(files))).toEqual([])
  })
})
