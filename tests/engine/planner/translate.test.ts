import { describe, expect, it } from 'vitest'
import { translateExpr } from '../../../engine/planner/index.js'
import { env, expression, translated } from './support.js'

const condition = async (where: string) =>
  (await translated(`SELECT id FROM s WHERE ${where}`)).split(' WHERE ')[1]
const value = (sql: string, fields = {}) => translateExpr(expression(sql), env(fields))

describe('names', () => {
  it('expands an asterisk from what the relation shows', async () => {
    expect(await translated('SELECT * FROM s')).toBe(
      'SELECT `id`, `name`, `ts`, `score`, `tags`, `raw`, `attrs`, `pair`, `_tp_time` FROM default.events AS `s`',
    )
    expect(await translated('SELECT * EXCEPT (raw, attrs, pair, tags, ts, score, _tp_time) FROM s')).toBe(
      'SELECT `id`, `name` FROM default.events AS `s`',
    )
    expect(await translated("SELECT COLUMNS('^(id|name)$') FROM s")).toBe(
      'SELECT `id`, `name` FROM default.events AS `s`',
    )
  })

  it('gives every name of a join its relation; a plain one is the left side’s', async () => {
    expect(await translated("SELECT id, r.name FROM l INNER JOIN r ON l.id = r.id WHERE name = 'a'")).toBe(
      'SELECT `l`.`id` AS `id`, `r`.`name` AS `r.name` FROM default.events AS `l` INNER JOIN default.events AS `r` ' +
        "ON (`l`.`id` = `r`.`id`) WHERE (`l`.`name` = 'a')",
    )
  })

  it('leaves USING columns alone and shows them once', async () => {
    const sql = await translated(
      'SELECT * FROM (SELECT id, name FROM s) AS a JOIN (SELECT id, ts FROM s) AS b USING (id)',
    )
    expect(sql).toMatch(/^SELECT `id`, `a`\.`name` AS `name`, `b`\.`ts` AS `ts` FROM /)
    expect(sql).toMatch(/USING \(`id`\)$/)
  })

  it('prefers an alias to a column, except inside its own definition', async () => {
    expect(await translated("SELECT to_string(id) AS id FROM s WHERE id = '1'")).toBe(
      "SELECT toString(`id`) AS `id` FROM default.events AS `s` WHERE (`id` = '1')",
    )
  })

  it('names columns as Proton does, and keeps clashing ones apart', async () => {
    expect(await translated('SELECT count(), id + 1 FROM s GROUP BY id')).toMatch(
      /^SELECT count\(\) AS `count\(\)`, \(`id` \+ 1\) AS `[^`]+` FROM/,
    )
  })

  it('quotes whatever a name contains', async () => {
    expect(await translated('SELECT id AS `a``b\\\\` FROM s')).not.toMatch(/AS `a`b/)
    expect(value('`x"y`')).toBe('`x"y`')
    expect(value("'it''s \\\\ \\0'")).toBe("'it\\'s \\\\ \\0'")
  })
})

describe('predicates', () => {
  it('are bool where they are seen, and plain where indexes matter', async () => {
    expect(value('a = 1')).toBe('toBool(`a` = 1)')
    expect(value('has(tags, 1)')).toBe('toBool(has(`tags`, 1))')
    expect(value('a IS NOT NULL')).toBe('toBool(`a` IS NOT NULL)')
    expect(value("a LIKE 'x%'")).toBe("toBool(`a` LIKE 'x%')")
    expect(await condition("id = 1 AND (name IN ('a', 'b') OR NOT id > 2)")).toBe(
      "((`id` = 1) AND ((`name` IN ('a', 'b')) OR (NOT (`id` > 2))))",
    )
    expect(await condition('id BETWEEN 1 AND 2')).toBe('(`id` BETWEEN 1 AND 2)')
  })
})

describe('functions', () => {
  it('takes the store’s names and the types of literals', () => {
    expect(value('to_int(x)')).toBe('toInt32(`x`)')
    expect(value("cast(x, 'nullable(uint64)')")).toBe("CAST(`x`, 'Nullable(UInt64)')")
    expect(value('x::array(string)')).toBe("CAST(`x`, 'Array(String)')")
    expect(value("to_time('2026-01-01')")).toBe("parseDateTime64BestEffortUSOrZero('2026-01-01', 3)")
    expect(value("date_diff('second', a, b)")).toBe("dateDiff('second', `a`, `b`)")
    expect(value('a + 5m')).toBe('(`a` + toIntervalMinute(5))')
    expect(value('date_add(hour, 2, ts)')).toBe('(`ts` + toIntervalHour(2))')
  })

  it('turns trailing arguments of aggregates into parameters', async () => {
    expect(value('quantile(x, 0.9)')).toBe('quantile(0.9)(`x`)')
    expect(value('quantile_if(x, 0.9, y > 1)')).toBe('quantileIf(0.9)(`x`, toBool(`y` > 1))')
    expect(value('quantiles(x, 0.1, 0.9)')).toBe('quantiles(0.1, 0.9)(`x`)')
    expect(value('quantile_exact_weighted(x, w, 0.5)')).toBe('quantileExactWeighted(0.5)(`x`, `w`)')
    expect(value('group_uniq_array(x, 3)')).toBe('groupUniqArray(3)(`x`)')
    expect(value('unique(x)')).toBe('uniq(`x`)')
    expect(value('p95(x)')).toBe('quantile(0.95)(`x`)')
    expect(value('count(DISTINCT x)')).toBe('uniqExact(`x`)')
    expect(value('sum(x) FILTER (WHERE y = 1)')).toBe('sumIf(`x`, (`y` = 1))')
  })

  it('follows arrival where the relation has an order', async () => {
    expect(await translated('SELECT latest(name) AS v FROM s')).toMatch(/^SELECT anyLast\(`name`\)/)
    expect(await translated('SELECT latest(name) AS v FROM s', { arrival: '_tp_sn' })).toMatch(
      /^SELECT argMax\(`name`, _tp_sn\)/,
    )
    const arrival = '_tp_sn'
    expect(await translated('SELECT latest(name) AS v FROM (SELECT name FROM s)', { arrival })).toBe(
      'SELECT argMax(`name`, _tp_arrival) AS `v` FROM (SELECT `name`, _tp_sn AS _tp_arrival FROM default.events AS `s`)',
    )
    expect(
      await translated('SELECT latest(name) AS v FROM (SELECT DISTINCT name FROM s)', { arrival }),
    ).toMatch(/anyLast/)
    expect(
      await translated('SELECT latest(l.name) AS v FROM l JOIN r ON l.id = r.id', { arrival }),
    ).toContain('argMax(`l`.`name`, `l`._tp_sn)')
    // Nobody asks: nothing is handed on.
    expect(await translated('SELECT max(name) AS v FROM (SELECT name FROM s)', { arrival })).not.toContain(
      '_tp_',
    )
  })

  it('casts arguments of user functions and keeps NULL out of them', () => {
    const lookup = (name: string) =>
      name === 'f'
        ? ({
            kind: 'scalar',
            chName: 'f_v1',
            argTypes: [{ name: 'int32', args: [] }],
            returns: { name: 'int32', args: [] },
          } as const)
        : undefined
    expect(value('f(x)', { lookup })).toMatch(/f_v1\(CAST\(assumeNotNull/)
    expect(() => value('f(1, 2)', { lookup })).toThrowError(
      expect.objectContaining({
        code: 42,
        message: "Number of arguments for function f doesn't match: passed 2, should be 1",
      }),
    )
  })

  it('substitutes parameters with their types', () => {
    expect(value('{x:int32} + 1', { params: { x: "4'1" } })).toBe("(CAST('4\\'1', 'Int32') + 1)")
    expect(value('{x:nullable(string)}', { params: { x: '\\N' } })).toBe("CAST(NULL, 'Nullable(String)')")
    expect(() => value('{y:int32}')).toThrowError(expect.objectContaining({ code: 456 }))
  })
})

describe('clauses', () => {
  it('writes joins of every kind', async () => {
    const join = async (text: string) =>
      (await translated(`SELECT l.id FROM l ${text}`)).replace(/^.*AS `l` /, '')
    expect(await join('LEFT ASOF JOIN r ON l.id = r.id AND l.ts >= r.ts')).toBe(
      'ASOF LEFT JOIN default.events AS `r` ON ((`l`.`id` = `r`.`id`) AND (`l`.`ts` >= `r`.`ts`))',
    )
    expect(await join('LATEST JOIN r ON l.id = r.id')).toMatch(/^ANY INNER JOIN /)
    expect(
      await translated(
        'SELECT 1 AS a FROM (SELECT 1 AS x) JOIN (SELECT 1 AS y) ON x = y JOIN (SELECT 1 AS z) ON y = z',
      ),
    ).toBe(
      'SELECT 1 AS `a` FROM (SELECT 1 AS `x`) AS `_q1` INNER JOIN (SELECT 1 AS `y`) AS `_q2` ON (`_q1`.`x` = `_q2`.`y`) ' +
        'INNER JOIN (SELECT 1 AS `z`) AS `_q3` ON (`_q2`.`y` = `_q3`.`z`)',
    )
    expect(await join('CROSS JOIN r')).toBe('CROSS JOIN default.events AS `r`')
  })

  it('drops what concerns the engine and never ends in SETTINGS', async () => {
    const sql = await translated(
      "SELECT id FROM s SETTINGS seek_to='earliest', max_threads=2, query_mode='table'",
    )
    expect(sql).toBe('SELECT * FROM (SELECT `id` FROM default.events AS `s` SETTINGS max_threads = 2)')
  })

  it('adds the keys of PARTITION BY to an aggregation', async () => {
    expect(await translated('SELECT id, count() AS c FROM s PARTITION BY id')).toMatch(/GROUP BY `id`$/)
  })

  it('writes CTEs, set operations, LIMIT BY and window functions', async () => {
    expect(await translated('WITH c AS (SELECT id FROM s) SELECT * FROM c')).toBe(
      'WITH `c` AS (SELECT `id` FROM default.events AS `s`) SELECT `id` FROM `c`',
    )
    expect(await translated('SELECT 1 AS a UNION SELECT 2 AS a')).toBe(
      '(SELECT 1 AS `a`) UNION ALL (SELECT 2 AS `a`)',
    )
    expect(await translated('SELECT id FROM s LIMIT 2 BY id LIMIT 5')).toMatch(/LIMIT 2 BY `id` LIMIT 5$/)
    expect(await translated('SELECT lag(id) OVER (PARTITION BY name ORDER BY ts) AS p FROM s')).toContain(
      'lagInFrame(`id`) OVER (PARTITION BY `name` ORDER BY `ts` ASC ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)',
    )
  })
})

describe('what is refused', () => {
  it.each([
    ["file('/etc/passwd')", 48],
    ["get_setting('max_threads')", 48],
    ["get_macro('x')", 48],
    ['sleep(3)', 48],
    ["join_get('t', 'c', 1)", 48],
    ["dict_get(concat('d', 'x'), 'a', 1)", 36],
    ["demangle('x')", 48],
    ['address_to_line(1)', 48],
    ['host_name()', 48],
    ["has_column_in_table('127.0.0.1', 'system', 'one', 'dummy')", 48],
    ['region_to_name(1)', 48],
    ['server_uuid()', 48],
    ["nosuch('x')", 46],
    // The store's own spellings are no functions of the dialect.
    ["fileCluster('x')", 46],
    ['currentDatabase()', 46],
    ["getSetting('x')", 46],
    ["dictGet('d', 'a', 1)", 46],
    ["catboostEvaluate('x')", 46],
  ])('%s', (sql, code) => {
    expect(() => value(sql)).toThrowError(expect.objectContaining({ code }))
  })

  it.each([
    ["file('/etc/passwd', 'LineAsString')", 48],
    ["url('http://127.0.0.1/', 'CSV', 'a string')", 48],
    ["remote('127.0.0.1', system.one)", 48],
    ["executable('id', 'TSV', 'a string')", 48],
    ["s3('http://x')", 48],
    ["nosuch('x')", 46],
  ])('FROM %s', async (table, code) => {
    await expect(translated(`SELECT * FROM ${table}`)).rejects.toMatchObject({ code })
  })

  it('suggests what may have been meant', () => {
    expect(() => value('to_sting(1)')).toThrowError(/Maybe you meant: \['to_string'/)
  })

  it('a SQL function that calls itself', () => {
    const lookup = (name: string) =>
      name === 'f' ? ({ kind: 'sql', params: ['x'], body: expression('f(x) + 1') } as const) : undefined
    expect(() => value('f(1)', { lookup })).toThrowError(/calls itself/)
  })
})
