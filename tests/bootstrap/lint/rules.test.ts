import { describe, expect, it } from 'vitest'
import { lintExample } from '../../../bootstrap/lint/example.js'
import { RULES } from '../../../bootstrap/lint/rules/index.js'

const codes = (sql: string, more: Omit<Parameters<typeof lintExample>[0], 'sql'> = {}) =>
  lintExample({ sql, ...more }).map(({ code }) => code)

describe.each(RULES.map((rule) => [rule.code, rule] as const))('%s', (code, rule) => {
  it('finds its failing example, with the place, and nothing else is wrong with it', () => {
    const findings = lintExample(rule.failing)
    expect(findings.length).toBeGreaterThan(0)
    for (const finding of findings) {
      expect(finding.code).toBe(code)
      expect(finding.severity).toBe(rule.severity)
      expect(finding.where).toMatch(/^example\.sql:\d+:\d+$/)
      expect(finding.excerpt).toMatch(/\n +\^$/)
      expect(finding.fix).not.toBe('')
    }
  })

  it('passes its other example, as all rules do', () => {
    expect(lintExample(rule.passing)).toEqual([])
  })

  it('is switched off by a comment with a reason', () => {
    const sql = rule.failing.sql.replaceAll(
      /^CREATE/gm,
      `-- tpctl-lint disable=${code} as an example\nCREATE`,
    )
    const left = lintExample({ ...rule.failing, sql }).filter((finding) => finding.code !== 'LINT_COMMENT')
    expect(left).toEqual([])
  })
})

it('codes are unique, and titles are words in a sentence', () => {
  expect(new Set(RULES.map(({ code }) => code)).size).toBe(RULES.length)
  for (const { code, title, why, fix } of RULES) {
    expect(code).toMatch(/^[A-Z][A-Z_]+$/)
    expect(title).toMatch(/^[a-zA-Z].*[^.]$/)
    for (const text of [why, fix]) expect(text).toMatch(/[.:]( .*)?$|\.$/)
  }
})

const STREAMS = `CREATE STREAM a (k string, x int32, at datetime) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE STREAM b (k string, y int32, at datetime) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE MUTABLE STREAM m (k string, z int32, ver uint64) PRIMARY KEY k SETTINGS ttl_seconds = 60;
CREATE STREAM kv (k string, z int32) PRIMARY KEY k TTL to_datetime(_tp_time) + INTERVAL 1 DAY SETTINGS mode = 'versioned_kv';
CREATE STREAM cl (k string) PRIMARY KEY k TTL to_datetime(_tp_time) + INTERVAL 1 DAY SETTINGS mode = 'changelog_kv';
`
const view = (query: string) => `${STREAMS}CREATE VIEW v AS ${query};`

describe('joins', () => {
  it.each([
    ['SELECT a.x FROM a INNER JOIN m ON a.k = m.k', []],
    ['SELECT a.x FROM a LEFT LATEST JOIN kv ON a.k = kv.k', []],
    ['SELECT m.z FROM m INNER JOIN kv ON m.k = kv.k', []],
    ['SELECT a.x FROM a INNER JOIN table(b) AS b ON a.k = b.k', []],
    ['SELECT a.x FROM a LEFT LATEST JOIN table(kv) AS kv ON a.k = kv.k', ['JOIN_UNSUPPORTED']],
    ['SELECT a.x FROM table(a) AS a INNER JOIN table(b) AS b ON a.k = b.k', []],
    [
      'SELECT a.x FROM a INNER JOIN (SELECT k, max(y) AS y FROM b GROUP BY k) AS s ON a.k = s.k',
      ['UNBOUNDED_JOIN'],
    ],
    ['SELECT a.x FROM a INNER JOIN b ON a.k = b.k', ['UNBOUNDED_JOIN']],
    ["SELECT a.x FROM a INNER JOIN b ON a.k = b.k AND date_diff('second', a.at, b.at) BETWEEN 0 AND 10", []],
    ['SELECT a.x FROM a LEFT ASOF JOIN b ON a.k = b.k AND a.at >= b.at', []],
    ['SELECT m.z FROM m INNER JOIN a ON m.k = a.k', ['JOIN_UNSUPPORTED']],
    ['SELECT m.z FROM m LEFT LATEST JOIN kv ON m.k = kv.k', ['JOIN_UNSUPPORTED']],
    ['SELECT a.x FROM a LEFT LATEST JOIN cl ON a.k = cl.k', ['JOIN_UNSUPPORTED']],
    ['SELECT a.x FROM a RIGHT JOIN m ON a.k = m.k', ['JOIN_UNSUPPORTED']],
    ['SELECT x FROM (SELECT a.x AS x FROM a RIGHT JOIN m ON a.k = m.k)', ['JOIN_UNSUPPORTED']],
    ['SELECT x FROM a UNION ALL SELECT a.x AS x FROM a RIGHT JOIN m ON a.k = m.k', ['JOIN_UNSUPPORTED']],
    ['SELECT a.x FROM table(a) AS a INNER JOIN m ON a.k = m.k', ['JOIN_UNSUPPORTED']],
    ['SELECT a.x FROM unheard_of AS a RIGHT JOIN m ON a.k = m.k', []],
  ])('%s', (query, expected) => {
    expect(codes(view(query))).toEqual(expected)
  })

  it('what newer editions have is refused on the others only', () => {
    const full = view('SELECT m.z FROM m FULL JOIN kv ON m.k = kv.k')
    expect(codes(full, { edition: 'enterprise' })).toEqual([])
    expect(codes(full, { edition: 'oss-1.6' })).toEqual(['JOIN_UNSUPPORTED'])
  })
})

describe('ASOF on time', () => {
  const asof = (on: string, tail: string) =>
    codes(view(`SELECT a.x FROM a LEFT ASOF JOIN b ON a.k = b.k AND ${on} ${tail}`))
  it('is a trap with one version only', () => {
    expect(asof('a._tp_time >= b._tp_time', 'SETTINGS keep_versions = 1')).toEqual(['ASOF_ON_TIME'])
    expect(asof('a._tp_time >= b._tp_time', 'SETTINGS keep_versions = 10')).toEqual([])
    expect(asof('a.x >= b.y', 'SETTINGS keep_versions = 1')).toEqual([])
  })

  it('is found where the setting stands outside', () => {
    const query =
      'SELECT x FROM (SELECT a.x AS x FROM a LEFT ASOF JOIN b ON a.k = b.k AND a.at > b.at) SETTINGS keep_versions = 1'
    expect(codes(view(query))).toEqual(['ASOF_ON_TIME'])
  })
})

describe('functions', () => {
  const js = (body: string) =>
    codes(`CREATE FUNCTION f(x string) RETURNS string LANGUAGE JAVASCRIPT AS $$ ${body} $$;`)
  it.each([
    ['function f(x) { return x.map(fetch) }', []],
    ['function f(x) { return x.map((v) => this.fetch(v)) }', []],
    ['function f(x) { setTimeout(() => {}, 1); return x }', ['UDF_DOES_IO']],
    ['const fs = require("fs"); function f(x) { return x }', ['UDF_DOES_IO']],
    ['function f(x) { return x.map((v) => `${await(v)} fetch()`) }', ['UDF_DOES_IO']],
    ['function f(x) { /* fetch(x) */ return x // await\n }', []],
    ['function f(x) { return x.map((v) => v + " await fetch(x)") }', []],
  ])('%s', (body, expected) => {
    expect(js(body)).toEqual(expected)
  })

  it('remote ones before a filter in a subquery are found, filters on their answer are not', () => {
    const remote = "CREATE REMOTE FUNCTION r(x string) RETURNS string URL 'http://127.0.0.1:1/r';"
    const query = (where: string) =>
      codes(`${remote}${view(`SELECT k FROM (SELECT k, x, r(k) AS risk FROM a) WHERE ${where}`)}`)
    expect(query('x > 1')).toEqual(['UDF_BEFORE_FILTER'])
    expect(query("risk = 'x'")).toEqual([])
    expect(query("risk = 'x' AND x > 1")).toEqual(['UDF_BEFORE_FILTER'])
    expect(codes(`${remote}${view('SELECT k, r(k) AS risk FROM a WHERE x > 1')}`)).toEqual([])
  })
})

describe('columns of a target', () => {
  const into = (query: string) =>
    codes(`${STREAMS}CREATE STREAM t (k string, n int32) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;
CREATE MATERIALIZED VIEW mv INTO t AS ${query};`)
  it.each([
    ['SELECT k, x AS n FROM a', []],
    ['SELECT k, x AS n, _tp_time FROM a', []],
    ['SELECT a.k, a.x AS n FROM a', []],
    ['SELECT k, x FROM a', ['COLUMN_DROPPED']],
    ['SELECT k, x + 1 FROM a', ['COLUMN_DROPPED']],
    ['SELECT * FROM a', ['COLUMN_DROPPED', 'COLUMN_DROPPED', 'SELECT_STAR_INTO']],
    ['SELECT * FROM unheard_of', ['SELECT_STAR_INTO']],
    ['SELECT k, count() AS n FROM tumble(a, 5s) GROUP BY window_start, k', []],
  ])('%s', (query, expected) => {
    expect(into(query).sort()).toEqual(expected)
  })
})

describe('secrets', () => {
  const kafka = (settings: string, more = {}) =>
    codes(
      `CREATE EXTERNAL STREAM k (raw string) SETTINGS type = 'kafka', brokers = 'k:1', topic = 't', ${settings};`,
      more,
    )
  it('may be variables that are secret, and nothing else', () => {
    const variables = { P: 'x' }
    expect(kafka("password = '${P}'", { variables, secrets: ['P'] })).toEqual([])
    expect(kafka("password = '${P}'", { variables })).toEqual(['SECRET_IN_SQL'])
    expect(kafka("password = '${P:-hunter2}'", { variables, secrets: ['P'] })).toEqual(['SECRET_IN_SQL'])
    expect(kafka("properties = 'sasl.password=abc'")).toEqual(['SECRET_IN_SQL'])
    expect(kafka("properties = 'client.id=abc'")).toEqual([])
  })

  it('are found by how they look', () => {
    expect(codes(view("SELECT 'AKIAABCDEFGHIJKLMNOP' AS key FROM a"))).toEqual(['SECRET_IN_SQL'])
    expect(codes(view("SELECT 'https://me:secret@example.com/x' AS url FROM a"))).toEqual(['SECRET_IN_SQL'])
    expect(codes(view("SELECT 'https://example.com/x' AS url FROM a"))).toEqual([])
    const remote = (key: string) =>
      `CREATE REMOTE FUNCTION r(x string) RETURNS string URL 'http://h/r' AUTH_METHOD 'auth_header' AUTH_HEADER 'k' AUTH_KEY '${key}';`
    expect(codes(remote('abc'))).toEqual(['SECRET_IN_SQL'])
    expect(codes(remote('${K}'), { variables: { K: 'abc' }, secrets: ['K'] })).toEqual([])
  })
})

describe('comments', () => {
  it('behind a line are for the line, on their own for the next', () => {
    const sql = (before: string, behind: string) => `CREATE STREAM t (
  ${before}
  _tp_a int32, ${behind}
  _tp_b int32
) TTL to_datetime(_tp_time) + INTERVAL 1 DAY;`
    const allow = '-- tpctl-lint disable=RESERVED_NAME old data'
    expect(codes(sql('', ''))).toEqual(['RESERVED_NAME', 'RESERVED_NAME'])
    expect(codes(sql('', allow))).toEqual(['RESERVED_NAME'])
    expect(codes(sql(allow, ''))).toEqual(['RESERVED_NAME'])
  })

  it.each([
    ['-- tpctl-lint disable=NO_TTL', 'without a reason'],
    ['-- tpctl-lint disable=RESERVED_NAME not so', 'Nothing here'],
    ['-- tpctl-lint please', 'allows nothing'],
  ])('%s', (comment, said) => {
    const findings = lintExample({ sql: `${comment}\nCREATE STREAM s (x int32);` })
    expect(findings.find(({ code }) => code === 'LINT_COMMENT')).toMatchObject({
      message: expect.stringContaining(said),
      where: 'example.sql:1:1',
    })
  })
})
