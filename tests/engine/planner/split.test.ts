import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Select } from '../../../dialect/ast.js'
import { splitAggregate, type TranslateEnv, translateQuery } from '../../../engine/planner/index.js'
import { bound, env, lookup, openStore, parseSelect, type TestStore } from './support.js'

let store: TestStore
beforeAll(async () => {
  store = await openStore()
})
afterAll(() => store.close())

const SLICES = [
  [0, 3],
  [3, 4],
  [4, 11],
  [11, 20],
] as const

/** Partials of four slices, stored, then ended: the rows, and the rows of the query run in one go. */
async function bothWays(
  sql: string,
  environment: TranslateEnv,
): Promise<{ once: unknown[]; split: unknown[] }> {
  const select = (await bound(parseSelect(sql))) as Select
  const split = splitAggregate(select, environment)
  const partial = (from: Select['from']) => translateQuery({ ...split.partial, from }, environment).sql
  const columns = await store.chdb.describe(partial(select.from))
  expect(columns.map((c) => c.name)).toEqual([...split.keys.map((k) => k.name), ...split.states])
  await store.chdb.run('DROP TABLE IF EXISTS default.partials')
  await store.chdb.run(
    `CREATE TABLE default.partials (${columns.map((c) => `\`${c.name}\` ${c.type}`).join(', ')}) ENGINE = MergeTree ORDER BY tuple()`,
  )
  for (const [from, to] of SLICES) {
    const slice = `(SELECT * FROM default.events WHERE _tp_sn > ${from} AND _tp_sn <= ${to})`
    const sliced = { ...(select.from as { kind: 'raw_table'; columns: string[] }), sql: slice }
    await store.chdb.run(`INSERT INTO default.partials ${partial(sliced)}`)
  }
  const final = split.final({ sql: 'default.partials', columns: columns.map((c) => c.name) })
  const ended = translateQuery(final, environment)
  expect(ended.columns).toEqual(translateQuery(select, environment).columns)
  return {
    once: await store.chdb.rows(translateQuery(select, environment).sql),
    split: await store.chdb.rows(ended.sql),
  }
}

const AGGREGATES = [
  'count()',
  'count(score)',
  'count(DISTINCT id)',
  'count_if(id = 1)',
  'sum(id)',
  'sum(score)',
  'sum_if(id, score > 3)',
  'sum(DISTINCT id)',
  'avg(score)',
  'avg_if(id, id > 1)',
  'min(name)',
  'max(ts)',
  'min_if(id, id > 2)',
  'any(7)',
  'arg_max(name, ts)',
  'arg_min(name, ts)',
  'unique(id)',
  'unique_exact(name)',
  'unique_exact_if(id, id > 2)',
  'unique_combined(id)',
  'quantile(id, 0.9)',
  'quantiles(id, 0.1, 0.9)',
  'quantile_exact(id, 0.5)',
  'median(id)',
  'p95(id)',
  'quantile_t_digest(id, 0.5)',
  'quantile_exact_weighted(id, 2, 0.5)',
  'quantile_if(id, 0.5, id > 1)',
  'stddev_pop(id)',
  'var_samp(id)',
  'covar_pop(id, score)',
  'corr(id, score)',
  'group_bit_or(id)',
  'sum_or_null(score)',
  'max_or_default(score)',
  'sum_map(attrs)',
  'sum_array(tags)',
  'sum_for_each(tags)',
  'min_k(id, 3)',
  'max_k(id, 3)',
  'min_k(_tp_time, 2, name)',
  'top_k_exact(id % 3, 1)',
  'top_k(id % 3 = 0, 1)',
  'top_k_weighted(id > 0, 1, 1)',
  'array_sort(group_uniq_array(id))',
  'group_array(name)',
  'group_array(name, 4)',
  'earliest(name)',
  'latest(name)',
  'first_value(score)',
  'last_value(name)',
  'array_sort(group_array_if(id, id > 3))',
  'simple_linear_regression(id, id * 2)',
  'sum(id) FILTER (WHERE score > 2)',
  'rows_seen(id)',
  'rows_seen(score)',
  'sum_distinct_if(id, id > 1)',
  'entropy(id)',
  'skew_pop(id)',
]

describe('an aggregate of stored partials is the aggregate of all rows', () => {
  const environment = env({ lookup, arrival: '_tp_sn' })
  it.each(AGGREGATES)('%s', async (aggregate) => {
    const { once, split } = await bothWays(`SELECT ${aggregate} AS v FROM s`, environment)
    expect(once).toHaveLength(1)
    expect(split).toEqual(once)
  })

  it.each([
    "SELECT id % 2 AS k, count(), max(name) AS m, m || 'x', sum(id) + count() * 2 FROM s GROUP BY k ORDER BY k DESC",
    'SELECT id, count() AS c FROM s GROUP BY id HAVING c > 2 AND max(score) > 17 ORDER BY c, id LIMIT 2',
    'SELECT s.id, count() FROM s GROUP BY id ORDER BY s.id',
    'SELECT id % 2 = 0 AS even, count() FROM s GROUP BY even ORDER BY even',
    'SELECT to_start_of_minute(ts) AS w, date_diff(second, w, max(ts)) AS d FROM s GROUP BY w ORDER BY w',
    'SELECT sum(id) AS total, total / count() AS mean FROM s',
    'WITH 2 AS two, id + two AS q SELECT q, count() FROM s GROUP BY q ORDER BY q',
    'SELECT array_map(x -> x + sum(id), [1, 2]) AS a FROM s',
    'SELECT id, name, count() FROM s GROUP BY id, name ORDER BY name LIMIT 1 BY id',
    "SELECT raw:a.b != '' AS has_b, count_if(raw:a.n::int > 3) FROM s WHERE id != 4 GROUP BY has_b",
    'SELECT id, count() FROM s GROUP BY 1 ORDER BY 2, 1',
    "SELECT multi_if(id = 1, 'one', 'many') AS k, avg(score) FROM s GROUP BY k ORDER BY k",
    'SELECT DISTINCT count() AS c FROM s GROUP BY id',
    "SELECT case when sum(id) > 10 then 'big' else 'small' end AS size FROM s GROUP BY name HAVING size = 'big'",
    'SELECT max(id) AS id FROM s',
    'SELECT id, mean_of(score) AS m FROM s GROUP BY id ORDER BY id',
  ])('%s', async (sql) => {
    const { once, split } = await bothWays(sql, environment)
    expect(split).toEqual(once)
  })

  it('keeps two partials for two conditions, one for the same aggregate twice', async () => {
    const select = (await bound(
      parseSelect('SELECT sum(id), sum(id) + 1, sum_if(id, id > 1), sum_if(id, id > 2) FROM s'),
    )) as Select
    expect(splitAggregate(select, environment).states).toHaveLength(3)
  })

  it('refuses a column that is neither grouped nor aggregated', async () => {
    const select = (await bound(parseSelect('SELECT id, name, count() FROM s GROUP BY id'))) as Select
    expect(() => splitAggregate(select, environment)).toThrowError(
      expect.objectContaining({
        code: 215,
        message: "Column `name` is not under aggregate function and not in GROUP BY. Have columns: ['id']",
      }),
    )
  })

  it('groups of a join keep their relations', async () => {
    const select = (await bound(
      parseSelect('SELECT l.id, count() AS c FROM l JOIN r ON l.id = r.id GROUP BY l.id ORDER BY l.id'),
    )) as Select
    const split = splitAggregate(select, environment)
    const partial = translateQuery(split.partial, environment).sql
    const final = translateQuery(
      split.final({ sql: `(${partial})`, columns: [...split.keys.map((k) => k.name), ...split.states] }),
      environment,
    ).sql
    expect(await store.chdb.rows(final)).toEqual(
      await store.chdb.rows(translateQuery(select, environment).sql),
    )
  })

  it('follows arrival through subqueries and joins', async () => {
    for (const sql of [
      'SELECT latest(name) AS l, group_array(id) AS g FROM (SELECT name, id FROM s WHERE id > 1)',
      'SELECT a.id, latest(a.name) AS l FROM s AS a JOIN (SELECT id FROM s LIMIT 5) AS b ON a.id = b.id GROUP BY a.id ORDER BY a.id',
    ]) {
      const select = (await bound(parseSelect(sql))) as Select
      const split = splitAggregate(select, environment)
      const partial = translateQuery(split.partial, environment).sql
      const columns = [...split.keys.map((k) => k.name), ...split.states]
      const final = translateQuery(split.final({ sql: `(${partial})`, columns }), environment).sql
      expect(partial).toContain('argMaxState')
      expect(await store.chdb.rows(final)).toEqual(
        await store.chdb.rows(translateQuery(select, environment).sql),
      )
    }
  })

  it('answers for no partial at all as for no row', async () => {
    const select = (await bound(
      parseSelect('SELECT count() AS c, max(id) AS m FROM s WHERE id > 99'),
    )) as Select
    const split = splitAggregate(select, environment)
    const partial = translateQuery(split.partial, environment).sql
    const none = `(SELECT * FROM (${partial}) WHERE 0)`
    const final = translateQuery(split.final({ sql: none, columns: split.states }), environment).sql
    expect(await store.chdb.rows(final)).toEqual([['0', 0]])
  })
})
