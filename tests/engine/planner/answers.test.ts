import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeQuery, translateQuery } from '../../../engine/planner/index.js'
import { bound, env, lookup, openStore, parse, type TestStore } from './support.js'

let store: TestStore
beforeAll(async () => {
  store = await openStore()
})
afterAll(() => store.close())

async function answer(sql: string) {
  const environment = env({ lookup, arrival: '_tp_sn', params: { x: '41' } })
  const query = translateQuery(await bound(parse(sql)), environment)
  const columns = await describeQuery(store.chdb, query)
  return {
    names: columns.map((c) => c.name),
    types: columns.map((c) => c.type),
    rows: await store.chdb.rows(query.sql),
  }
}

/** The first row's values. */
async function values(select: string, from = 's ORDER BY _tp_sn LIMIT 1') {
  return (await answer(`SELECT ${select} FROM ${from}`)).rows[0]
}

describe('functions whose meaning depends on their arguments', () => {
  it('map_cast of two arrays, also by alias and from aggregates', async () => {
    expect(await values("map_cast(['a', 'b'], [1, 2]), map_cast('a', 1)")).toEqual([{ a: 1, b: 2 }, { a: 1 }])
    const { rows } = await answer(
      "SELECT group_array(k) AS ks, group_array(v) AS vs, map_cast(ks, vs) AS m, m['y'] FROM (SELECT 'y' AS k, 7 AS v)",
    )
    expect(rows).toEqual([[['y'], [7], { y: 7 }, 7]])
  })

  it('max_k of a tuple gives rows of one tuple', async () => {
    const { rows } = await answer(
      "SELECT max_k((v, k), 2) FROM (SELECT array_join([1, 2, 3]) AS v, 'x' AS k)",
    )
    expect(rows).toEqual([[[[[3, 'x']], [[2, 'x']]]]])
    expect((await answer("SELECT max_k((v, k), 1, v * 2) FROM (SELECT 3 AS v, 'x' AS k)")).rows).toEqual([
      [[[[3, 'x'], 6]]],
    ])
  })

  it('top_k ranks equal counts by arrival, whatever the type, and may count approximately', async () => {
    const seq = (items: string) => `(SELECT array_join([${items}]) AS v)`
    const one = async (call: string, from: string) => (await answer(`SELECT ${call} FROM ${from}`)).rows[0]
    expect(await one('top_k(v, 3), top_k(v, 2, false)', seq('5, 5, 9, 9, 1, 1, 7, 7, 7'))).toEqual([
      [
        [7, '3'],
        [5, '2'],
        [9, '2'],
      ],
      [7, 5],
    ])
    expect(await one('top_k(v, 2)', seq("(1, 'b'), (1, 'a'), (1, 'a')"))).toEqual([
      [
        [[1, 'a'], '2'],
        [[1, 'b'], '1'],
      ],
    ])
    expect(await one('top_k_weighted(v, v, 2), top_k(to_nullable(v), 1)', seq('1, 1, 1, 2, 2, 5'))).toEqual([
      [
        [5, '5'],
        [2, '4'],
      ],
      [[1, '3']],
    ])
    expect(await one('top_k_exact(v, 1)', seq("'x', 'y', 'y'"))).toEqual([[['y', '2']]])
    // Four counters for twenty values: what a 1.6.1 server finds.
    const numbers = '(SELECT to_int32(number) AS v FROM numbers(20))'
    expect(await one('top_k(v, 2, true, 2)', numbers)).toEqual([
      [
        [16, '2'],
        [17, '2'],
      ],
    ])
    await expect(one('top_k_exact(v, 1, true, 2 * 8)', numbers)).rejects.toMatchObject({ code: 69 })
    await expect(one('top_k(v, 0)', numbers)).rejects.toMatchObject({ code: 69 })
    await expect(one('top_k(v, v)', numbers)).rejects.toMatchObject({ code: 36 })
  })

  it('monotonic counts rows', async () => {
    const { rows, types } = await answer('SELECT monotonic(5) AS n FROM numbers(3)')
    expect(rows).toEqual([['5'], ['6'], ['7']])
    expect(types).toEqual(['int64'])
  })

  it('xirr of flows in any order', async () => {
    const { rows } = await answer(
      "SELECT xirr(f.1, to_date(f.2), 0.1), xirr(f.1, to_date(f.2)) FROM (SELECT array_join([(3100, '2020-01-18'), (-1000, '2020-01-02'), (-1000, '2020-01-03'), (-1000, '2020-01-05'), (100, '2020-03-09')]) AS f)",
    )
    expect(Number((rows[0] as number[])[0])).toBeCloseTo(3.3134334, 5)
    expect(Number((rows[0] as number[])[1])).toBeCloseTo(3.3134334, 5)
  })

  it('parameters are read like TSV', async () => {
    const query = translateQuery(parse('SELECT {x:string}'), env({ lookup, params: { x: 'a\\tb\\\\c\\n' } }))
    expect(await store.chdb.rows(query.sql)).toEqual([['a\tb\\c\n']])
  })
})

describe('types as Proton has them', () => {
  it('literals, casts, times', async () => {
    const { types } = await answer(
      "SELECT 1 AS a, 'x' AS b, 2.5 AS c, [1, 2] AS d, null AS e, true AS f, to_datetime64('2026-01-02 03:04:05.678', 3, 'UTC') AS g, " +
        "to_date('2026-01-02') AS h, map_cast('k', 1) AS i, tuple_cast(1, 'a') AS j, to_uint64('18446744073709551615') AS k, " +
        "to_decimal64('1.50', 2) AS l, to_int128('1') AS m, 1 = 1 AS n, now64(3, 'UTC') AS o, {x:int32} + 1 AS p",
    )
    expect(types).toEqual([
      'uint8',
      'string',
      'float64',
      'array(uint8)',
      'nullable(nothing)',
      'bool',
      "datetime64(3, 'UTC')",
      'date32',
      'map(string, uint8)',
      'tuple(uint8, string)',
      'uint64',
      'decimal(18, 2)',
      'int128',
      'bool',
      "datetime64(3, 'UTC')",
      'int64',
    ])
  })

  it('to_type_name answers in the dialect’s words', async () => {
    expect(
      await values(
        'to_type_name(ts), to_type_name(pair), to_type_name(id = 1), to_type_name(attrs), to_type_name(score), to_type_name(to_low_cardinality(name))',
      ),
    ).toEqual([
      "datetime64(3, 'UTC')",
      'tuple(x int32, y string)',
      'bool',
      'map(string, int32)',
      'nullable(int32)',
      'low_cardinality(string)',
    ])
  })
})

describe('values', () => {
  it('predicates are true and false, NULL stays NULL', async () => {
    expect(
      await values(
        "id = 0, id != 0, name LIKE '0', score IS NULL, score > 1, id IN (1, 2), NOT (id = 0), has(tags, 0), empty(name)",
      ),
    ).toEqual([true, false, true, true, null, false, false, true, false])
  })

  it('JSON paths', async () => {
    const rows = await values(
      "raw:a.b, raw:a.n, raw:a.z, raw:nope, raw:a, raw:l[*], raw:s[*], raw:a.n::int + 1, json_value(raw, '$.a.b')",
    )
    expect(rows).toEqual([
      'x0',
      '0',
      'null',
      '',
      '{"b":"x0","n":0,"z":null}',
      ['{"q":1}', '{"q":"w"}'],
      ['u', '2'],
      '1',
      'x0',
    ])
  })

  it('elements of tuples, maps and arrays', async () => {
    expect(await values("pair.x, pair.2, attrs['k'], tags[2], (1, 'a').2")).toEqual([0, 'y', 0, 1, 'a'])
  })

  it('lambdas see columns and their own parameters', async () => {
    expect(
      await values(
        'array_map(x -> x + id, tags), array_filter(x -> x > 0, tags), array_exists(x -> x = 1, tags)',
      ),
    ).toEqual([['0', '1'], [1], true])
  })

  it('times', async () => {
    expect(
      await values(
        "ts + 5s, ts - interval 1 day, date_diff('second', ts, ts + 1m), date_add(hour, 1, ts), date_trunc('hour', ts), earliest_ts(), to_YYYYMM(ts)",
      ),
    ).toEqual([
      '2026-01-01 00:00:05.000',
      '2025-12-31 00:00:00.000',
      '60',
      '2026-01-01 01:00:00.000',
      '2026-01-01 00:00:00',
      '1970-01-01 00:00:00.000',
      202601,
    ])
  })

  it('aggregates with arguments for parameters', async () => {
    const [row] = (
      await answer(
        'SELECT quantile(id, 0.9), top_k(id = 0, 1), top_k_exact(id % 2, 1), min_k(id, 2), max_k(id, 2), min_k(ts, 1, name), earliest(name), latest(name), count(DISTINCT id), p99(id) FROM s',
      )
    ).rows
    expect(row).toEqual([
      4,
      [[false, '16']],
      [[0, '12']],
      [0, 0],
      [4, 4],
      [['2026-01-01 00:00:00.000', '0']],
      '0',
      '19',
      '5',
      4,
    ])
  })

  it('user functions', async () => {
    expect(await values("twice(id + 1), quadruple(3), loud(name || 'a'), loud(null), loud(id)")).toEqual([
      '2',
      12,
      '0A',
      null,
      '0',
    ])
    expect(
      (await answer('SELECT rows_seen(id), rows_seen(score), rows_seen_if(id, id > 3) FROM s')).rows,
    ).toEqual([['20', '13', '4']])
  })

  it('random values of every type', async () => {
    const types = [
      'bool',
      'int8',
      'int64',
      'int256',
      'uint8',
      'uint128',
      'float32',
      'float64',
      'string',
      'fixed_string(3)',
      'date',
      'date32',
      'datetime',
      'datetime64(3)',
      'decimal(9, 3)',
      'decimal(76, 9)',
      'uuid',
      'ipv4',
      'ipv6',
    ]
    const { types: found } = await answer(
      `SELECT ${types.map((t, i) => `random_in_type('${t}', 100) AS c${i}`).join(', ')}`,
    )
    expect(found).toEqual(types)
    const [row] = (
      await answer(
        "SELECT max(random_in_type('uint8', 5)) < 5, min(random_in_type('uint8', x -> to_uint8(x + 10), 5)) >= 10, unique(random_in_type('string', 7)) <= 7 FROM numbers(1000)",
      )
    ).rows
    expect(row).toEqual([true, true, true])
  })

  it('lag, lags and row_number follow arrival', async () => {
    expect(
      (await answer('SELECT name, lag(name), lags(id, 1, 2), row_number() FROM s ORDER BY _tp_sn LIMIT 3'))
        .rows,
    ).toEqual([
      ['0', '', [0, 0], '1'],
      ['1', '0', [0, 0], '2'],
      ['2', '1', [1, 0], '3'],
    ])
  })
})

describe('queries', () => {
  it.each<[string, unknown[]]>([
    [
      'SELECT id, count() AS c FROM s GROUP BY id HAVING c = 4 ORDER BY id LIMIT 2',
      [
        [0, '4'],
        [1, '4'],
      ],
    ],
    ['SELECT DISTINCT id FROM s ORDER BY id DESC LIMIT 2 OFFSET 1', [[3], [2]]],
    ['SELECT name FROM s WHERE id = 3 ORDER BY _tp_sn LIMIT 1 BY id', [['3']]],
    ['WITH c AS (SELECT id, count() AS n FROM s GROUP BY id) SELECT sum(n) AS t FROM c', [['20']]],
    ['WITH 3 AS three SELECT count() AS n FROM s WHERE id = three', [['4']]],
    ["SELECT x FROM s ARRAY JOIN tags AS x WHERE name = '7'", [[7], [8]]],
    [
      'SELECT a.name, b.name FROM s AS a JOIN s AS b ON a.id = b.id AND a.name = b.name ORDER BY a._tp_sn LIMIT 1',
      [['0', '0']],
    ],
    [
      "SELECT l.k, r.v FROM (SELECT 1 AS k UNION SELECT 2 AS k) AS l LEFT JOIN (SELECT 1 AS k, 'x' AS v) AS r ON l.k = r.k ORDER BY k",
      [
        [1, 'x'],
        [2, ''],
      ],
    ],
    [
      "SELECT l.t, r.v FROM (SELECT 1 AS k, 5 AS t) AS l ASOF LEFT JOIN (SELECT 1 AS k, 3 AS t, 'x' AS v) AS r ON l.k = r.k AND l.t >= r.t",
      [[5, 'x']],
    ],
    // The right row that came last, whatever order the store reads in.
    [
      'SELECT l.name, r.name FROM s AS l LATEST JOIN s AS r ON l.id = r.id ORDER BY l._tp_sn LIMIT 2',
      [
        ['0', '15'],
        ['1', '16'],
      ],
    ],
    [
      "SELECT array_reduce('unique_exact', [1, 1, 2]), left('abc', 2), to_interval_day(2) + to_date('2026-01-01'), length(random_in_type('fixed_string(3)'))",
      [['2', 'ab', '2026-01-03', '3']],
    ],
    ['SELECT * FROM (SELECT 1 AS a UNION ALL SELECT 2) ORDER BY a', [[1], [2]]],
    ['SELECT 1 AS a UNION DISTINCT SELECT 1', [[1]]],
    ['SELECT count() AS n FROM s WHERE id IN (SELECT id FROM s WHERE id > 3)', [['4']]],
    ['SELECT (SELECT max(id) FROM s) AS m, exists(SELECT 1 FROM s WHERE id = 9) AS e', [[4, false]]],
    [
      'SELECT sum(id) OVER (ORDER BY _tp_sn ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS v FROM s ORDER BY _tp_sn LIMIT 3',
      [['0'], ['1'], ['3']],
    ],
    [
      "SELECT * FROM values('a int32, b string', (1, 'x'), (2, 'y')) ORDER BY a DESC",
      [
        [2, 'y'],
        [1, 'x'],
      ],
    ],
    ['SELECT number FROM numbers(3) WHERE number % 2 = 0', [['0'], ['2']]],
    ['SELECT a, b FROM (SELECT 1, 2) AS t(a, b)', [[1, 2]]],
    ['SELECT * REPLACE (id + 1 AS id) FROM (SELECT id, name FROM s ORDER BY _tp_sn LIMIT 1)', [['1', '0']]],
    ["SELECT s.id FROM s WHERE s.name = '6'", [[1]]],
    ["SELECT id AS a, a + 1 AS b, b * 2 FROM s WHERE name = '3'", [[3, '4', '8']]],
    ["SELECT id, id, id + 1, id + 1 FROM s WHERE name = '3'", [[3, 3, '4', '4']]],
    ["SELECT name FROM s PREWHERE id = 1 WHERE name != '1' ORDER BY _tp_sn LIMIT 1", [['6']]],
    [
      "SELECT case id when 0 then 'zero' when 1 then 'one' else 'many' end AS w FROM s ORDER BY _tp_sn LIMIT 3",
      [['zero'], ['one'], ['many']],
    ],
    ['SELECT id, count() FROM s GROUP BY id WITH TOTALS HAVING id = 0', [[0, '4']]],
  ])('%s', async (sql, rows) => {
    const result = await answer(sql)
    expect(result.rows.slice(0, rows.length)).toEqual(rows)
  })

  it('long chains do not nest', async () => {
    const many = Array.from({ length: 900 }, (_, i) => i)
    expect(
      (await answer(`SELECT count() AS n FROM s WHERE ${many.map((i) => `id = ${i}`).join(' OR ')}`)).rows,
    ).toEqual([['20']])
    expect(
      (
        await answer(
          `SELECT ${many
            .slice(0, 400)
            .map(() => '1')
            .join(' + ')} AS n`,
        )
      ).rows,
    ).toEqual([['400']])
    expect(
      (
        await answer(
          `SELECT count() AS n FROM (${many
            .slice(0, 60)
            .map(() => 'SELECT 1 AS a')
            .join(' UNION ALL ')})`,
        )
      ).rows,
    ).toEqual([['60']])
    expect(
      (
        await answer(
          "SELECT 7 - 2 - 1 AS a, 2 - (3 - 4) AS b, 'a' || 'b' || 'c' AS c, (true AND false) OR true AS d",
        )
      ).rows,
    ).toEqual([[4, 3, 'abc', true]])
  })

  it('headers', async () => {
    expect(
      (
        await answer(
          "SELECT count(), to_type_name(1 = 1), id + 1 AS x, sum(id) * 2, s.id, raw:a.b, NOT (id = 1), [1, 2], name IN ('a', 'b') FROM s GROUP BY id, raw, name",
        )
      ).names,
    ).toEqual([
      'count()',
      'to_type_name(equals(1, 1))',
      'x',
      'multiply(sum(id), 2)',
      'id',
      'raw:a.b',
      'not(equals(id, 1))',
      '[1, 2]',
      "in(name, ('a', 'b'))",
    ])
  })
})

describe('errors are Proton’s', () => {
  it.each([
    ['SELECT nope FROM s', 47, /^Missing columns: 'nope'.*required columns: 'nope'$/],
    ["SELECT 'a' + 1", 43, /^Illegal types string and uint8 of arguments of function plus$/],
    ['SELECT name, count() FROM s GROUP BY id', 215, /^Column `name` is not under aggregate function/],
    ["SELECT to_int('x') FROM s", 6, /int32.*to_int32_or_zero/],
    ['SELECT nope(1)', 46, /^Unknown function nope\. Maybe you meant/],
    ["SELECT cast(1, 'nosuchtype')", 50, /nosuchtype/],
    ['SELECT top_k(id) FROM s', 42, /^Aggregate function top_k requires/],
    ['SELECT * FROM nope.cte', 60, /Stream nope\.cte doesn't exist/],
  ])('%s', async (sql, code, message) => {
    const run = sql.includes('nope.cte')
      ? async () => translateQuery(parse(sql), env())
      : async () => {
          const { respell } = await import('../../../engine/planner/index.js')
          const query = translateQuery(await bound(parse(sql)), env())
          await store.chdb.rows(query.sql).catch((error: unknown) => {
            throw respell(error)
          })
        }
    await expect(run()).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })
})
