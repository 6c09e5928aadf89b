import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { positionsIn } from '../../../bootstrap/replace/state_log.js'
import { UserError } from '../../../dialect/index.js'
import { Bench, type Files, said } from './bench.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.start('enterprise')
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
  'sql/dst2.sql': 'CREATE STREAM dst2 (n uint64, k uint64)',
  'sql/seen.sql': 'CREATE VIEW seen AS SELECT n, k FROM src WHERE n > 0',
  'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst AS SELECT n, k FROM seen',
  'sql/sums.sql': 'CREATE MUTABLE STREAM sums (k uint64, total uint64, sum_n uint64) PRIMARY KEY k',
  'sql/mv_sums.sql':
    'CREATE MATERIALIZED VIEW mv_sums INTO sums AS SELECT k, count() AS total, sum(n) AS sum_n FROM src GROUP BY k EMIT PERIODIC 300ms',
}
let files = FIRST
const change = (more: Files): Files => {
  files = { ...files, ...more }
  return files
}

async function eventually(what: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200 && !(await what()); i++) await new Promise((r) => setTimeout(r, 50))
}

/** Every number that was written is in one of the streams, once. */
async function exactlyOnceIn(...streams: string[]): Promise<void> {
  const all = streams.map((name) => `SELECT n FROM table(${name})`).join(' UNION ALL ')
  const counts = async () => {
    const [row] = await bench.client.rows<{ rows: string; different: string }>(
      `SELECT count() AS rows, unique_exact(n) AS different FROM (${all})`,
    )
    return [Number(row!.rows), Number(row!.different)]
  }
  await eventually(async () => (await counts())[1]! >= bench.written)
  expect(await counts()).toEqual([bench.written, bench.written])
}

async function sumsAgree(column: string, expected: number): Promise<void> {
  const total = async () => {
    const [row] = await bench.client.rows<{ n: string }>(`SELECT sum(${column}) AS n FROM table(sums)`)
    return Number(row!.n)
  }
  await eventually(async () => (await total()) === expected)
  expect(await total()).toBe(expected)
}

describe('on a server, while rows arrive', () => {
  it('a view gets another target and goes on at the same row, as the log of the server tells it', async () => {
    bench.watch('dst')
    const ways = await bench.deploy(
      change({ 'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst2 AS SELECT n, k FROM seen' }),
    )
    expect(ways).toEqual(['replace mv (handover)'])
    await bench.rest()
    await exactlyOnceIn('dst', 'dst2')
  })

  it('a plain view is replaced, and what is on it is handed over, across an interruption', async () => {
    bench.write()
    change({ 'sql/seen.sql': 'CREATE VIEW seen AS SELECT n, k FROM src WHERE n > 0 AND k < 100' })
    bench.intercept = (sql) => {
      if (/^CREATE MATERIALIZED/.test(sql)) throw new UserError('STOPPED', sql)
    }
    await expect(bench.deploy(files)).rejects.toMatchObject({ code: 'STOPPED' })
    bench.intercept = () => {}
    expect((await bench.plan(files)).notices).toEqual([
      expect.stringMatching(/goes on where that one stopped/),
    ])
    expect(await bench.deploy(files)).toEqual(['create mv'])
    await bench.rest()
    await exactlyOnceIn('dst', 'dst2')
  })

  it('a view with state reads all again, and replaces the rows of its keys, across an interruption', async () => {
    bench.write()
    bench.watch('sums')
    change({
      'sql/mv_sums.sql':
        'CREATE MATERIALIZED VIEW mv_sums INTO sums AS SELECT k, count() AS total, sum(n * 2) AS sum_n FROM src GROUP BY k EMIT PERIODIC 300ms',
    })
    for (const at of [/^DROP VIEW/, /^CREATE MATERIALIZED/]) {
      bench.intercept = (sql) => {
        if (at.test(sql)) throw new UserError('STOPPED', sql)
      }
      await expect(bench.deploy(files)).rejects.toMatchObject({ code: 'STOPPED' })
      bench.intercept = () => {}
      expect((await bench.plan(files)).notices).toHaveLength(1)
    }
    await bench.deploy(files)
    await bench.rest()
    await sumsAgree('total', bench.written)
    await sumsAgree('sum_n', bench.written * (bench.written + 1))
  })

  it('a view that is not dropped after all goes on as it was', async () => {
    const before = files
    change({ 'sql/mv_sums.sql': files['sql/mv_sums.sql']!.replace('n * 2', 'n * 3') })
    bench.intercept = (sql) => {
      if (/^DROP VIEW/.test(sql)) throw new UserError('STOPPED', sql)
    }
    await expect(bench.deploy(files)).rejects.toMatchObject({ code: 'STOPPED' })
    bench.intercept = () => {}
    files = before
    await bench.deploy(files)
    expect(await bench.plan(files)).toMatchObject({ empty: true, notices: [] })
  })

  it('what the log does not tell is an error, and the view runs on', async () => {
    bench.write()
    const before = files
    change({ 'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst AS SELECT n, k FROM seen' })
    const rows = bench.client.rows.bind(bench.client)
    bench.client.rows = (async (sql: string, options: object) =>
      sql.includes('state_log') ? [] : rows(sql, options)) as typeof bench.client.rows
    await expect(bench.deploy(files, { logPatienceMs: 50 })).rejects.toMatchObject({
      code: 'REPLACE_POSITION',
    })
    bench.client.rows = rows
    files = before
    expect((await bench.plan(files)).operations).toEqual([])
    await bench.rest()
    await exactlyOnceIn('dst', 'dst2')
  })

  it('what it cannot do is refused with the reason', async () => {
    const asking = (way: string) =>
      bench.plan({ ...files, 'sql/mv.sql': `-- @replace ${way}\n${FIRST['sql/mv.sql']}` })
    await expect(asking('rebuild')).rejects.toMatchObject({
      message: expect.stringContaining('renames nothing that views use'),
    })
    await expect(asking('overwrite')).rejects.toMatchObject({
      message: expect.stringContaining('dst has no key'),
    })
    expect(said(await bench.plan(files))).toEqual([])
  })

  it('a stream with another type and key keeps its rows, and the view that fills it goes on', async () => {
    bench.write()
    change({
      'sql/mv.sql': 'CREATE MATERIALIZED VIEW mv INTO dst AS SELECT n, k FROM seen',
      'sql/dst.sql':
        "CREATE STREAM dst (n uint64, k uint32) SETTINGS shards = 2, sharding_expr = 'weak_hash32(k)'",
    })
    bench.intercept = (sql) => {
      if (/^INSERT INTO dst /.test(sql)) throw new UserError('STOPPED', sql)
    }
    await expect(bench.deploy(files, { settleMs: 50 })).rejects.toMatchObject({ code: 'STOPPED' })
    bench.intercept = () => {}
    await bench.deploy(files, { settleMs: 50 })
    await bench.rest()
    await exactlyOnceIn('dst', 'dst2')
    expect(await bench.client.rows("SELECT name FROM system.tables WHERE name LIKE '%was'")).toEqual([])
  })
})

describe('where a view stopped', () => {
  const logged = (...states: [string, string, number][]) => [
    { state_name: 'status', dimension: 'materialized_view', state_value: 0, state_string_value: 'Paused' },
    ...states.map(([state_name, dimension, state_value]) => ({
      state_name,
      dimension,
      state_value,
      state_string_value: '',
    })),
  ]

  it.each([
    [
      'one shard',
      [
        ['processed_sn', 'src', 7],
        ['ckpt_sn', 'src', 7],
      ],
      { src: '8' },
    ],
    [
      'its database too',
      [
        ['processed_sn', 'default.src', 7],
        ['ckpt_sn', 'default.src', 7],
      ],
      { src: '8' },
    ],
    [
      'shards',
      [
        ['processed_sn', 'src-1', 9],
        ['processed_sn', 'src-0', 7],
        ['ckpt_sn', 'src-0', 7],
        ['ckpt_sn', 'src-1', 9],
      ],
      { src: '8,10' },
    ],
    [
      'a checkpoint that is behind',
      [
        ['processed_sn', 'src', 7],
        ['ckpt_sn', 'src', 6],
      ],
      undefined,
    ],
    ['no checkpoint', [['processed_sn', 'src', 7]], undefined],
    [
      'first row or none',
      [
        ['processed_sn', 'src', 0],
        ['ckpt_sn', 'src', 0],
      ],
      undefined,
    ],
    [
      'a shard that is missing',
      [
        ['processed_sn', 'src-1', 7],
        ['ckpt_sn', 'src-1', 7],
      ],
      undefined,
    ],
    [
      'another stream',
      [
        ['processed_sn', 'src_old', 7],
        ['ckpt_sn', 'src_old', 7],
      ],
      undefined,
    ],
  ] as [string, [string, string, number][], unknown][])('%s', (_, states, expected) => {
    expect(positionsIn(logged(...states), ['src'])).toEqual(expected)
  })

  it('a view that runs has no place', () => {
    const [status, ...others] = logged(['processed_sn', 'src', 7], ['ckpt_sn', 'src', 7])
    expect(positionsIn([{ ...status!, state_string_value: 'Executing' }, ...others], ['src'])).toBeUndefined()
  })
})
