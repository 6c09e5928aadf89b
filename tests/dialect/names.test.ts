import { describe, expect, it } from 'vitest'
import {
  canonicalFunctionName,
  canonicalType,
  columnName,
  createdObject,
  dependencies,
  fromClickHouseType,
  functionsUsed,
  hashStatement,
  isAggregateFunction,
  isKnownFunction,
  parseExpression,
  parseStatement,
  parseType,
  printExpr,
  printType,
  rewrite,
  settingIn16,
  toClickHouseFunction,
  toClickHouseSetting,
  toClickHouseType,
  toProtonFunction,
  visit,
} from '../../dialect/index.js'

describe('function names', () => {
  it.each([
    ['to_date', 'toDate32'],
    ['to_date16', 'toDate'],
    ['to_YYYYMM', 'toYYYYMM'],
    ['array_cast', 'array'],
    ['count_if', 'countIf'],
    ['sum_if_or_null', 'sumIfOrNull'],
    ['group_uniq_array', 'groupUniqArray'],
    ['unique_exact', 'uniqExact'],
    ['avg_state', 'avgState'],
    ['avg_merge', 'avgMerge'],
    ['json_extract_string', 'JSONExtractString'],
  ])('%s is %s', (proton, clickHouse) => {
    expect(toClickHouseFunction(proton.toUpperCase())).toBe(clickHouse)
    expect(toProtonFunction(clickHouse)).toBe(proton)
  })

  it('knows aggregates, spellings, and what it does not know', () => {
    expect(['sum', 'count_if', 'top_k', 'latest', 'p90'].map(isAggregateFunction)).toEqual([
      true,
      true,
      true,
      true,
      true,
    ])
    expect(['plus', 'my_udf', 'lag'].map(isAggregateFunction)).toEqual([false, false, false])
    expect(canonicalFunctionName('TO_yyyymm')).toBe('to_YYYYMM')
    expect(canonicalFunctionName('myUdf')).toBe('myUdf')
    expect([isKnownFunction('emit_version'), isKnownFunction('my_udf'), isKnownFunction('_if')]).toEqual([
      true,
      false,
      false,
    ])
    expect(toClickHouseFunction('my_udf')).toBeUndefined()
  })
})

describe('types and settings', () => {
  it.each([
    ['array(nullable(string))', 'Array(Nullable(String))'],
    ["datetime64(3, 'UTC')", "DateTime64(3, 'UTC')"],
    ['tuple(a int32, b low_cardinality(string))', 'Tuple(a Int32, b LowCardinality(String))'],
    ["enum8('a' = 1, 'b' = 2)", "Enum8('a' = 1, 'b' = 2)"],
    ['aggregate_function(quantile(0.5), float64)', 'AggregateFunction(quantile(0.5), Float64)'],
    ['map(string, decimal(18, 2))', 'Map(String, Decimal(18, 2))'],
    ['ipv4', 'IPv4'],
  ])('%s is %s', (proton, clickHouse) => {
    expect(toClickHouseType(parseType(proton))).toBe(clickHouse)
    expect(printType(fromClickHouseType(clickHouse))).toBe(proton)
  })

  it('resolves aliases', () => {
    const canonical = (text: string): string => printType(canonicalType(parseType(text)))
    expect(canonical('array(int)')).toBe('array(int32)')
    expect(canonical('decimal64(4)')).toBe('decimal(18, 4)')
    expect(canonical("enum('a', 'b' = 200)")).toBe("enum16('a' = 1, 'b' = 200)")
    expect(canonical('VARCHAR')).toBe('string')
    expect(toClickHouseSetting('max_threads')).toBe('max_threads')
    expect(toClickHouseSetting('seek_to')).toBeUndefined()
    expect([settingIn16('seek_to'), settingIn16('enable_dlq'), settingIn16('zzz')]).toEqual([
      true,
      false,
      undefined,
    ])
  })
})

describe('columnName', () => {
  it.each([
    ['1 = 1', 'equals(1, 1)'],
    ['a + 1', 'plus(a, 1)'],
    ['count(*)', 'count()'],
    ["cast(x, 'int32')", "cast(x, 'int32')"],
    ['a and b and c', 'and(a, b, c)'],
    ['-1', '-1'],
    ['1.0', '1.'],
    ["x in (1, 'a')", "in(x, (1, 'a'))"],
    ['x not between 1 and 2', 'or(less(x, 1), greater(x, 2))'],
    ['a is not null', 'is_not_null(a)'],
    ['case when a then 1 end', 'multi_if(a, 1, NULL)'],
    ['payload:a.b', 'payload:a.b'],
    ['now() - 5m', 'minus(now(), 5m)'],
    ['[1, 2]', '[1, 2]'],
    ['[a, 2]', 'array_cast(a, 2)'],
    ['sum(distinct a)', 'sum_distinct(a)'],
    ['a[1]', 'array_element(a, 1)'],
    ['x as y', 'y'],
  ])('%s', (sql, name) => {
    expect(columnName(parseExpression(sql))).toBe(name)
  })
})

describe('looking through statements', () => {
  it('finds dependencies, functions and what is created', () => {
    const statement = parseStatement(
      "CREATE MATERIALIZED VIEW db.mv INTO t AS WITH c AS (SELECT * FROM a) SELECT my_udf(x), dict_get('d', 'v', k) FROM c JOIN tumble(table(db.s), 5s) AS w ON c.k = w.k WHERE x IN (SELECT y FROM b) AND z IN lookup",
    )
    expect(dependencies(statement)).toEqual([
      { name: 't' },
      { name: 'a' },
      { name: 'd' },
      { database: 'db', name: 's' },
      { name: 'b' },
      { name: 'lookup' },
    ])
    expect(functionsUsed(statement)).toEqual(['my_udf', 'dict_get'])
    expect(createdObject(statement)).toMatchObject({
      kind: 'materialized_view',
      name: { database: 'db', name: 'mv' },
    })
    expect(createdObject(parseStatement('SELECT 1'))).toBeUndefined()
    const dictionary = parseStatement(
      "CREATE DICTIONARY d (k string) PRIMARY KEY k SOURCE(TIMEPLUS(QUERY 'SELECT * FROM q')) LAYOUT(FLAT()) LIFETIME(1)",
    )
    expect(dependencies(dictionary)).toEqual([{ name: 'q' }])
    expect(dependencies(parseStatement('INSERT INTO x SELECT 1'))).toEqual([{ name: 'x' }])
  })

  it('walks and rewrites without touching the original', () => {
    const expr = parseExpression('f(a + 1, (SELECT b FROM t))')
    const renamed = rewrite(expr, {
      expr: (e) => (e.kind === 'column' ? { kind: 'column', path: ['x', ...e.path] } : e),
      table: (t) => (t.kind === 'table' ? { ...t, name: { name: 'u' } } : t),
    })
    expect(printExpr(renamed)).toBe('f(x.a + 1, (SELECT x.b FROM u))')
    expect(printExpr(expr)).toBe('f(a + 1, (SELECT b FROM t))')
    const seen: string[] = []
    visit(expr, { expr: (e) => seen.push(e.kind), query: () => false })
    expect(seen).toEqual(['call', 'binary', 'column', 'literal', 'subquery'])
  })

  it('hashes what is meant, not how it is written', () => {
    const hash = (sql: string): string => hashStatement(parseStatement(sql))
    expect(hash('select  (a) from t -- x')).toBe(hash('SELECT a\nFROM t'))
    expect(hash('SELECT a FROM t')).not.toBe(hash('SELECT b FROM t'))
  })
})
