import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { CreateView, NamedTable } from '../../../dialect/ast.js'
import { parseStatement } from '../../../dialect/index.js'
import type {
  Catalog,
  CatalogObject,
  Column,
  ExternalSources,
  Planner,
  QueryContext,
  Relation,
  StreamStore,
  UdfRegistry,
} from '../../../engine/contracts.js'
import { EngineError } from '../../../engine/errors.js'
import { createPlanner, expandViews, leftmostSource } from '../../../engine/planner/index.js'
import { EVENTS, lookup, openStore, parse, type TestStore } from './support.js'

const columns: Column[] = EVENTS.columns.map((name) => ({ name, type: 'string', chType: 'String' }))
let released = 0

function entry(name: string): {
  id: number
  uuid: string
  name: { database: string; name: string }
  sql: string
  createdAt: number
} {
  return { id: 1, uuid: '', name: { database: 'default', name }, sql: '', createdAt: 0 }
}

function view(name: string, sql: string): CatalogObject {
  const statement = parseStatement(`CREATE VIEW ${name} AS ${sql}`) as CreateView
  return { ...entry(name), kind: 'view', columns: [], statement }
}

const OBJECTS: Record<string, CatalogObject> = {
  events: {
    ...entry('events'),
    kind: 'stream',
    mode: 'append',
    columns,
    primaryKey: [],
    shards: 1,
    settings: {},
  },
  mv: {
    ...entry('mv'),
    kind: 'materialized_view',
    columns,
    target: { database: 'default', name: 'events' },
  } as unknown as CatalogObject,
  k: { ...entry('k'), kind: 'external_stream', columns, settings: {} } as unknown as CatalogObject,
  v: view('v', 'SELECT id, name FROM events WHERE id > 2'),
  vv: view('vv', 'SELECT id AS i, count() AS c FROM v GROUP BY id'),
  of_id: view('of_id', 'SELECT name FROM events WHERE id = {wanted:int32}'),
  loop_a: view('loop_a', 'SELECT * FROM loop_b'),
  loop_b: view('loop_b', 'SELECT * FROM loop_a'),
}

const catalog = {
  find: (name: { name: string }) => OBJECTS[name.name],
  require: (name: { database?: string; name: string }, database?: string) => {
    const found = OBJECTS[name.name]
    if (!found)
      throw new EngineError(
        'UNKNOWN_STREAM',
        `Stream ${name.database ?? database}.${name.name} doesn't exist`,
      )
    return found
  },
} as unknown as Catalog

const context = (fields: Partial<QueryContext> = {}): QueryContext => ({
  queryId: 'q',
  user: 'default',
  database: 'default',
  settings: {},
  params: {},
  tableMode: true,
  signal: new AbortController().signal,
  ...fields,
})

let store: TestStore
let planner: Planner
beforeAll(async () => {
  store = await openStore()
  const current: Relation = { sql: '(SELECT * FROM default.events)', columns: EVENTS.columns }
  planner = createPlanner({
    catalog,
    chdb: store.chdb,
    store: { shown: () => current, settle: async () => {} } as unknown as StreamStore,
    external: {
      snapshot: async () => ({ relation: current, release: async () => void released++ }),
    } as unknown as ExternalSources,
    udfs: { lookup } as unknown as UdfRegistry,
    systemRelation: async (name) =>
      name.name === 'one' ? { sql: '(SELECT 0 AS dummy)', columns: ['dummy'] } : undefined,
  })
})
afterAll(() => store.close())
beforeEach(() => {
  released = 0
})

async function run(sql: string, fields: Partial<QueryContext> = {}) {
  const plan = await planner.plan(parse(sql), context(fields))
  try {
    return { columns: plan.columns, rows: await store.chdb.rows(plan.sql) }
  } finally {
    await plan.release()
  }
}

describe('what a bounded query can read', () => {
  it.each<[string, unknown[]]>([
    ['SELECT count() FROM events', [['20']]],
    ['SELECT count() FROM table(events)', [['20']]],
    ["SELECT events.id FROM table(events) WHERE events.name = '7'", [[2]]],
    ["SELECT e.id FROM table(events) AS e WHERE e.name = '7'", [[2]]],
    ['SELECT count() FROM default.events WHERE default.events.id = 1', [['4']]],
    ['SELECT count() FROM mv', [['20']]],
    ['SELECT count() FROM table(k)', [['20']]],
    ['SELECT count() FROM v', [['8']]],
    ['SELECT count() FROM table(v)', [['8']]],
    [
      'SELECT * FROM vv ORDER BY i',
      [
        [3, '4'],
        [4, '4'],
      ],
    ],
    ['SELECT v.name FROM v ORDER BY v.name DESC LIMIT 1', [['9']]],
    ['SELECT count() FROM of_id(wanted = 3)', [['4']]],
    ['SELECT * FROM system.one', [[0]]],
    ['SELECT 1 + 1', [[2]]],
    ['SELECT count() FROM events WHERE id IN v', []],
    ['SELECT count() FROM dedup(table(events), id)', [['5']]],
    ['SELECT group_array(name) AS n FROM dedup(table(events), id, 10s, 100)', [[['0', '1', '2', '3', '4']]]],
    ['SELECT _tp_delta, count() FROM changelog(table(events), id) GROUP BY _tp_delta', [[1, '20']]],
    ['SELECT earliest(name), latest(name) FROM events', [['0', '19']]],
    [
      "WITH c AS (SELECT id, count() AS n FROM events GROUP BY id), d AS (SELECT name FROM events WHERE name = '3') SELECT * FROM table(d)",
      [['3']],
    ],
    [
      'WITH c AS (SELECT ts FROM table(events)) SELECT count() FROM tumble(c, ts, 8s) GROUP BY window_start ORDER BY window_start LIMIT 1',
      [['8']],
    ],
    ['SELECT earliest(name), latest(name) FROM v', [['3', '19']]],
    [
      'SELECT window_start, window_end, count() FROM tumble(table(events), ts, 8s) GROUP BY window_start, window_end ORDER BY window_start',
      [
        ['2026-01-01 00:00:00.000', '2026-01-01 00:00:08.000', '8'],
        ['2026-01-01 00:00:08.000', '2026-01-01 00:00:16.000', '8'],
        ['2026-01-01 00:00:16.000', '2026-01-01 00:00:24.000', '4'],
      ],
    ],
    [
      'SELECT window_start, sum(n) FROM tumble((SELECT window_start, count() AS n FROM tumble(events, ts, 4s) GROUP BY window_start), window_start, 8s) GROUP BY window_start ORDER BY window_start LIMIT 1',
      [['2026-01-01 00:00:00.000', '8']],
    ],
    [
      'SELECT count() FROM tumble(dedup(table(events), id), ts, 2s) GROUP BY window_start ORDER BY window_start LIMIT 1',
      [['2']],
    ],
    ["SELECT count() FROM (SELECT * FROM tumble(v, 1m)) WHERE window_start < '2026-01-01'", []],
    ['WITH c AS (SELECT id FROM events) SELECT count() FROM c INNER JOIN v ON c.id = v.id', [['32']]],
  ])('%s', async (sql, rows) => {
    if (rows.length === 0) await expect(run(sql)).rejects.toBeInstanceOf(EngineError)
    else expect((await run(sql)).rows).toEqual(rows)
  })

  it('types the columns, windows like their time', async () => {
    const { columns: found } = await run(
      'SELECT window_start, id, score, attrs FROM tumble(events, ts, 8s) LIMIT 1',
    )
    expect(found.map((c) => [c.name, c.type])).toEqual([
      ['window_start', "datetime64(3, 'UTC')"],
      ['id', 'int32'],
      ['score', 'nullable(int32)'],
      ['attrs', 'map(string, int32)'],
    ])
  })

  it('takes parameters from the request', async () => {
    expect(
      (await run('SELECT count() FROM events WHERE id = {n:int32}', { params: { n: '2' } })).rows,
    ).toEqual([['4']])
    expect(
      (await run('SELECT name FROM of_id ORDER BY name LIMIT 1', { params: { wanted: '3' } })).rows,
    ).toEqual([['13']])
    const limited = await run('SELECT id FROM events LIMIT {n:uint64} OFFSET {m:uint8}', {
      params: { n: '3', m: '18' },
    })
    expect(limited.rows).toEqual([[3], [4]])
    await expect(run('SELECT name FROM of_id')).rejects.toMatchObject({ code: 456 })
  })

  it('takes settings from the request where the query has none', async () => {
    const outer =
      'SELECT r.id AS id FROM events AS l LEFT JOIN (SELECT 99 AS k, 1 AS id) AS r ON l.id = r.k LIMIT 1'
    expect((await run(outer)).rows).toEqual([[0]])
    expect((await run(outer, { settings: { join_use_nulls: '1', query_mode: 'table' } })).rows).toEqual([
      [null],
    ])
    expect(
      (await run(`${outer} SETTINGS join_use_nulls = 0`, { settings: { join_use_nulls: '1' } })).rows,
    ).toEqual([[0]])
  })

  it('frees snapshots, also of a plan that fails', async () => {
    await run('SELECT count() FROM k AS a CROSS JOIN k AS b')
    expect(released).toBe(2)
    await expect(run('SELECT nope FROM k')).rejects.toMatchObject({ code: 47 })
    expect(released).toBe(3)
  })
})

describe('errors', () => {
  it.each([
    ['SELECT * FROM nope', 60, /^Stream default\.nope doesn't exist/],
    ['SELECT * FROM other.nope', 60, /^Stream other\.nope doesn't exist/],
    ['SELECT * FROM system.nope', 60, /^Stream system\.nope doesn't exist/],
    ['SELECT e.nope FROM events AS e', 47, /^Missing columns: 'e\.nope' while processing query/],
    [
      'SELECT id FROM events AS e WHERE other.id = 1',
      47,
      /^Missing columns: 'other\.id' while processing query/,
    ],
    ['SELECT * FROM loop_a', 48, /contains itself/],
    ['SELECT 1 FROM events AS a JOIN events AS b ON a.id = b.id AND a.ts < b.ts', 403, /needs ASOF JOIN/],
    ['SELECT count() FROM tumble(table(events), ts, 1us) GROUP BY window_start', 36, /Illegal interval kind/],
    ['SELECT count() FROM tumble(table(events), name, 1s) GROUP BY window_start', 43, /Illegal type string/],
    [
      'WITH c AS (SELECT count() AS n FROM events) SELECT * FROM table(c)',
      36,
      /cannot read c: it aggregates/,
    ],
    ['SELECT count() FROM hop(table(events), 1s, 2s) GROUP BY window_start', 48, /^hop window over table/],
    ['SELECT count() FROM tumble(events) GROUP BY window_start', 36, /tumble needs a size/],
    [
      'SELECT nope FROM table(events)',
      47,
      /^Missing columns: 'nope' while processing query: 'SELECT\s+nope\s+FROM\s+table\(events\)', required columns: 'nope'$/,
    ],
    ["SELECT * FROM file('/etc/passwd')", 48, /not supported/],
  ])('%s', async (sql, code, message) => {
    await expect(run(sql)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

describe('sources', () => {
  const leaf = (sql: string) => leftmostSource(parse(sql))
  it.each([
    ['SELECT * FROM a JOIN b ON a.x = b.x', 'a'],
    ['SELECT * FROM (SELECT * FROM a UNION ALL SELECT * FROM b)', 'a'],
    ['WITH c AS (SELECT * FROM a) SELECT * FROM c', 'a'],
    ['WITH a AS (SELECT * FROM a) SELECT * FROM a', 'a'],
    ['SELECT x FROM a ARRAY JOIN y AS x', 'a'],
    ['SELECT * FROM tumble((SELECT * FROM a), 1s)', 'a'],
  ])('%s starts at %s', (sql, name) => {
    expect((leaf(sql) as NamedTable).name.name).toBe(name)
  })

  it('judges a table function with what it wraps, and nothing without FROM', () => {
    expect(leaf('SELECT * FROM table(a)')).toMatchObject({ kind: 'table_function', name: 'table' })
    expect(leaf('SELECT 1')).toBeUndefined()
  })

  it('expands views by name, also inside window functions', () => {
    expect(expandViews(parse('SELECT * FROM tumble(v, 1m)'), catalog, 'default')).toMatchObject({
      from: {
        kind: 'table_function',
        args: [{ kind: 'table_arg', table: { kind: 'subquery_table', alias: 'v' } }, {}],
      },
    })
    // A CTE hides a view of its name.
    const hidden = parse('WITH v AS (SELECT 1 AS a) SELECT * FROM v')
    expect(expandViews(hidden, catalog, 'default')).toEqual(hidden)
  })
})
