import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM s (a int, b string)')
  await engine.run("INSERT INTO s (a, b) VALUES (1, 'x'), (2, 'y')")
  await engine.run("CREATE STREAM kv (k string, v int) PRIMARY KEY k SETTINGS mode = 'versioned_kv'")
  await engine.run("INSERT INTO kv (k, v) VALUES ('x', 1)")
  await engine.run("CREATE STREAM ckv (k string, v int) PRIMARY KEY k SETTINGS mode = 'changelog_kv'")
  await engine.run('CREATE VIEW v AS SELECT a FROM s WHERE a > 1')
  await engine.run('CREATE MATERIALIZED VIEW mv AS SELECT a FROM s')
  await engine.run('CREATE RANDOM STREAM r (x int)')
})
afterAll(() => engine?.close())

/** The lines of a plan. */
async function plan(sql: string, stream = false): Promise<string[]> {
  const answer = await engine.sql(sql, { stream, params: { default_format: 'JSONEachRow' } })
  expect(answer.status, answer.text).toBe(200)
  const rows = answer.text.trimEnd().split('\n')
  return rows.map((row) => (JSON.parse(row) as { explain: string }).explain)
}

describe('EXPLAIN of a query over stored rows', () => {
  it('names steps and streams as Proton does', async () => {
    expect(await plan('EXPLAIN SELECT a FROM table(s)')).toEqual([
      'Expression ((Projection + Before ORDER BY))',
      '  ReadFromMergeTree (default.s)',
    ])
    const sorted = 'SELECT b, count() AS c FROM table(s) GROUP BY b HAVING c > 1 ORDER BY c LIMIT 3'
    expect(await plan(`EXPLAIN PLAN ${sorted}`)).toEqual([
      'Expression (Projection)',
      '  Limit (preliminary LIMIT)',
      '    Sorting (Sorting for ORDER BY)',
      '      Expression (Before ORDER BY)',
      '        Filter (HAVING)',
      '          Aggregating',
      '            Expression (Before GROUP BY)',
      '              ReadFromMergeTree (default.s)',
    ])
    expect(await plan('EXPLAIN SELECT x FROM (SELECT a AS x FROM table(s)) WHERE x > 1')).toEqual([
      'Expression ((Projection + Before ORDER BY))',
      '  Filter ((WHERE + (Projection + Before ORDER BY)))',
      '    ReadFromMergeTree (default.s)',
    ])
  })

  it('takes the options of Proton and no others', async () => {
    expect(await plan('EXPLAIN header = 1 SELECT a FROM table(s)')).toContain('  Header: a Int32')
    expect((await plan('EXPLAIN json = 1 SELECT a FROM table(s)')).join('\n')).toContain('"default.s"')
    expect((await engine.sql('EXPLAIN nope = 1 SELECT 1')).text).toContain('Code: 115.')
    expect((await engine.sql('EXPLAIN header = 2 SELECT 1')).text).toContain('Code: 471.')
    expect((await engine.sql('EXPLAIN AST header = 1 SELECT 1')).text).toContain('Code: 115.')
  })

  it('estimates what is read, by stream', async () => {
    expect(await engine.rows('EXPLAIN ESTIMATE SELECT a FROM table(s)')).toEqual([
      { database: 'default', table: 's', parts: '1', rows: '2', marks: '1' },
    ])
    expect((await engine.sql('EXPLAIN ESTIMATE SELECT a FROM s', { stream: true })).text).toBe(
      'default\ts\t1\t2\t1\n',
    )
  })

  it('shows the statement itself, and how its work is spread', async () => {
    expect(await plan('EXPLAIN SYNTAX select a from s')).toEqual(['SELECT', '  a', 'FROM', '  s'])
    expect((await plan('EXPLAIN PIPELINE SELECT a FROM table(s)')).join('\n')).toContain('ReadFromMergeTree')
    expect((await engine.sql('EXPLAIN INSERT INTO s (a) VALUES (1)')).status).toBe(501)
  })
})

const PROJECT = 'Expression ((Projection + Before ORDER BY))'
const READ = 'ReadFromStorage (default.s: append, new rows)'
const READ_KV = 'ReadFromStorage (default.kv: versioned_kv, current rows, then new ones)'
const GROUP = 'Expression (Before GROUP BY)'
const VALUES = 'ChangelogConvertTransformStep (by k; values before are retracted)'

/** Steps, each one's input below it. */
const down = (...steps: string[]) => steps.map((step, i) => '  '.repeat(i) + step)
/** Two inputs of one step. */
const both = (steps: string[], left: string[], right: string[]) => [
  ...down(...steps),
  ...[...left, ...right].map((line) => '  '.repeat(steps.length) + line),
]

const CONTINUOUS: [query: string, lines: string[]][] = [
  ['SELECT a FROM s WHERE a > 1', down(PROJECT, 'Filter (WHERE)', READ)],
  [
    'SELECT a FROM s WHERE _tp_time > earliest_ts() LIMIT 3',
    down(
      'StreamingLimit (LIMIT 3)',
      PROJECT,
      'Filter (WHERE)',
      READ.replace('new rows', 'from the earliest row'),
    ),
  ],
  ['SELECT * FROM kv', down(PROJECT, READ_KV)],
  ['SELECT a FROM v', down(PROJECT, PROJECT, 'Filter (WHERE)', READ)],
  ['SELECT a FROM mv', down(PROJECT, READ.replace('.s:', '.mv:'))],
  ['SELECT x FROM r', down(PROJECT, 'ReadFromStorage (r: rows from outside)')],
  [
    'SELECT b, count() AS c FROM s WHERE a > 1 GROUP BY b HAVING c > 1 ORDER BY c',
    down(
      'Expression (Projection)',
      'StreamingSorting (Streaming Sorting for ORDER BY)',
      'Expression (Before ORDER BY)',
      'Filter (HAVING)',
      'StreamingAggregating (by b; emits every 2 s, partial aggregates kept)',
      GROUP,
      'Filter (WHERE)',
      READ,
    ),
  ],
  [
    'SELECT window_start, count() FROM tumble(s, 5s) GROUP BY window_start EMIT AFTER WINDOW CLOSE WITH DELAY 2s',
    down(
      PROJECT,
      'StreamingAggregating (by window_start, window_end; emits after a window closes, a delay of 2 s)',
      GROUP,
      'WatermarkStep',
      'StreamingWindowAssignmentStep (tumble(5s))',
      READ,
    ),
  ],
  [
    'SELECT window_start, count() FROM session(s, 5s) GROUP BY window_start',
    down(
      PROJECT,
      'StreamingAggregating (by window_start, window_end; emits after a window closes)',
      GROUP,
      'WatermarkStep',
      'StreamingWindowAssignmentStep (session(5s))',
      READ,
    ),
  ],
  [
    'SELECT window_start, b, count() FROM hop(s, 2s, 6s) PARTITION BY b GROUP BY window_start',
    down(
      PROJECT,
      'StreamingAggregatingWithSubstream (by window_start, b, window_end; emits after a window closes, a watermark per key)',
      GROUP,
      'WatermarkStep',
      'StreamingWindowAssignmentStep (hop(2s, 6s))',
      READ,
    ),
  ],
  [
    'SELECT sum(v), _tp_delta FROM kv EMIT CHANGELOG',
    down(
      'ChangelogTransformStep (answers before are retracted)',
      PROJECT,
      'StreamingAggregating (all rows; emits what changed every 2 s, rows in force kept)',
      GROUP,
      VALUES,
      READ_KV,
    ),
  ],
  [
    'WITH c AS (SELECT b, count() AS n FROM s GROUP BY b) SELECT max(n) FROM c',
    down(
      'StreamingAggregating (all rows; each answer by itself)',
      PROJECT,
      'StreamingAggregating (by b; emits every 2 s, partial aggregates kept)',
      GROUP,
      READ,
    ),
  ],
  [
    'SELECT lag(a) OVER (PARTITION BY b) FROM s WHERE a > 1',
    down(PROJECT, 'StreamingWindow (over the 1 row before per 1 key)', 'Filter (WHERE)', READ),
  ],
  [
    'SELECT * FROM dedup(s, b, 10s, 100)',
    down(PROJECT, 'DedupTransformStep (by 1 key; 100 remembered for 10 s)', READ),
  ],
  ['SELECT DISTINCT b FROM s', down('Distinct (DISTINCT)', PROJECT, READ)],
  ['SELECT a FROM s LIMIT 2 BY b', down('LimitBy (LIMIT 2 BY 1 key)', PROJECT, READ)],
  [
    'SELECT s.a, kv.v FROM s LEFT JOIN kv ON s.b = kv.k',
    both(
      [PROJECT, 'StreamingJoin (LEFT ALL JOIN; left rows look up right ones)'],
      [READ],
      ['ReadFromStorage (default.kv: versioned_kv, current rows)'],
    ),
  ],
  [
    'SELECT s.a, kv.v FROM s ASOF LEFT JOIN kv ON s.b = kv.k AND s.a >= kv.v',
    both(
      [PROJECT, 'StreamingJoin (LEFT ASOF JOIN; left rows look up right ones)'],
      [READ],
      ['ReadFromStorage (default.kv: versioned_kv, from the earliest row)'],
    ),
  ],
  [
    'SELECT l.a, r.a FROM s AS l INNER JOIN s AS r ON l.b = r.b AND date_diff_within(1m)',
    both([PROJECT, 'StreamingJoin (INNER ALL JOIN; rows of both sides kept)'], [READ], [READ]),
  ],
  [
    'SELECT kv.v, ckv.v, _tp_delta FROM kv INNER JOIN ckv ON kv.k = ckv.k',
    both(
      [PROJECT, 'StreamingJoin (INNER ALL JOIN; rows in force of both sides kept)'],
      down(VALUES, READ_KV),
      [READ_KV.replace('kv: versioned_kv', 'ckv: changelog_kv')],
    ),
  ],
  [
    'SELECT a FROM s UNION ALL SELECT v FROM kv',
    both(['Union'], down(PROJECT, READ), down(PROJECT, READ_KV)),
  ],
]

describe('EXPLAIN of a continuous query', () => {
  it.each(CONTINUOUS)('%s', async (query, expected) => {
    expect(await plan(`EXPLAIN ${query}`, true)).toEqual(expected)
  })

  it('fails as the query would, and leaves nothing behind', async () => {
    expect((await engine.sql('EXPLAIN SELECT nope FROM s', { stream: true })).text).toContain('Code: 47.')
    const refused = await engine.sql('EXPLAIN SELECT count() FROM s EMIT CHANGELOG', { stream: true })
    expect(refused.text).toContain('Code: 80.')
    expect(await engine.rows('SELECT query_id FROM system.processes WHERE is_streaming')).toEqual([])
  })
})
