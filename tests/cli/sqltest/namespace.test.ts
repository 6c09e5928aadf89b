import { describe, expect, it } from 'vitest'
import type { CompiledObject } from '../../../bootstrap/model.js'
import { collectionsOf, type Namespace, statementIn, topicOf } from '../../../cli/sqltest/namespace.js'
import { parseStatement, printStatement } from '../../../dialect/index.js'

const collection = parseStatement(
  "CREATE NAMED COLLECTION shop AS brokers = 'far:9093', topic = 'orders', password = 'x'",
)
const namespace: Namespace = {
  database: 't1',
  projectDatabase: 'shop',
  edition: 'embedded',
  brokers: 'here:1',
  plainBrokers: true,
  functions: new Map([['ask', 'ask__0']]),
  collections: collectionsOf([{ name: 'shop', statement: collection } as CompiledObject]),
  stubUrl: (name) => `http://stub/${name}`,
}
const inside = (sql: string, change: Partial<Namespace> = {}) =>
  printStatement(statementIn({ ...namespace, ...change }, parseStatement(sql)), { edition: 'embedded' })

describe('a statement in the database of a test', () => {
  it('names its own streams, whatever database the project writes before them', () => {
    expect(
      inside('CREATE MATERIALIZED VIEW v INTO shop.t AS SELECT a FROM shop.s JOIN other.r ON s.k = r.k'),
    ).toBe('CREATE MATERIALIZED VIEW v INTO t AS SELECT a FROM s INNER JOIN other.r ON s.k = r.k')
  })

  it('keeps its rows, though their times are long ago', () => {
    expect(inside('CREATE STREAM s (a int8) TTL to_datetime(_tp_time) + INTERVAL 1 DAY')).not.toContain('TTL')
    expect(
      inside('CREATE MUTABLE STREAM s (a int8) PRIMARY KEY a SETTINGS ttl_seconds = 5, shards = 3'),
    ).toMatch(/SETTINGS shards = 3$/)
  })

  it('reads topics of its own, at the development broker without its passwords', () => {
    const sql =
      "CREATE EXTERNAL STREAM k (raw string) SETTINGS type = 'kafka', named_collection = 'shop', sasl_mechanism = 'PLAIN'"
    expect(topicOf(parseStatement(sql), namespace)).toBe('orders')
    expect(inside(sql)).toBe(
      "CREATE EXTERNAL STREAM k (raw string) SETTINGS brokers = 'here:1', topic = 't1.orders', type = 'kafka'",
    )
    expect(inside(sql, { plainBrokers: false })).toContain("password = 'x'")
  })

  it('takes its rows from the test where a random stream would make them', () => {
    expect(inside('CREATE RANDOM STREAM r (a int8 DEFAULT rand() % 3) SETTINGS eps = 5')).toMatch(
      /^CREATE STREAM r \(a int8 DEFAULT [^)]*\) % 3\)$/,
    )
  })

  it('calls functions of its own, and its columns are called as before', () => {
    expect(inside('SELECT ask(a), ask(b) AS x, upper(ask(c)) FROM s')).toBe(
      'SELECT ask__0(a) AS `ask(a)`, ask__0(b) AS x, upper(ask__0(c)) AS `upper(ask(c))` FROM s',
    )
    const remote = inside(
      "CREATE REMOTE FUNCTION ask(a string) RETURNS string URL 'http://real' AUTH_METHOD 'auth_header' AUTH_HEADER 'k' AUTH_KEY 'secret'",
    )
    expect(remote).toContain('FUNCTION ask__0(')
    expect(remote).toContain("URL 'http://stub/ask'")
    expect(remote).not.toContain('secret')
  })

  it('brings a JavaScript function under its other name', () => {
    const js = inside(
      'CREATE FUNCTION ask(a string) RETURNS string LANGUAGE JAVASCRIPT AS $$ function ask(a) { return a } $$',
    )
    expect(js).toContain('FUNCTION ask__0(')
    expect(js).toContain('function ask__0() { return ask.apply(this, arguments) }')
  })
})
