import { describe, expect, it } from 'vitest'
import { fromBeginning, withNames, withSeek } from '../../../bootstrap/replace/next_version.js'
import { queryState, type Relations } from '../../../bootstrap/replace/query_state.js'
import { parseQuery, parseStatement, printQuery, printStatement } from '../../../dialect/index.js'

const DEFINED = Object.fromEntries(
  [
    'CREATE STREAM clicks (id int32, at datetime64(3))',
    'CREATE STREAM views (id int32)',
    'CREATE MUTABLE STREAM users (id int32, name string) PRIMARY KEY id',
    "CREATE EXTERNAL STREAM topic (id int32) SETTINGS type = 'kafka', brokers = 'b', topic = 't'",
    "CREATE VIEW late AS SELECT id FROM topic SETTINGS seek_to = 'latest'",
    'CREATE VIEW named AS SELECT c.id AS id, u.name AS name FROM clicks AS c INNER JOIN users AS u ON c.id = u.id',
    'CREATE VIEW counts AS SELECT id, count() AS n FROM clicks GROUP BY id',
    'CREATE MATERIALIZED VIEW kept INTO users AS SELECT id FROM clicks',
  ].map((sql) => {
    const statement = parseStatement(sql) as ReturnType<typeof parseStatement> & { name: { name: string } }
    return [statement.name.name, statement]
  }),
)
const relations: Relations = {
  statement: (name) => DEFINED[name],
  isAggregate: (name) => name === 'streak',
}
const stateOf = (sql: string) => queryState(parseQuery(sql), relations)
const scansOf = (sql: string) => stateOf(sql).scans.map(({ name }) => name)

describe('what a query remembers', () => {
  it.each([
    ['SELECT id FROM clicks WHERE id > 1', []],
    ['SELECT id, upper(name) FROM named', []],
    [
      'SELECT c.id FROM clicks AS c LEFT ASOF JOIN (SELECT id FROM users WHERE id > 1) AS u ON c.id = u.id',
      [],
    ],
    [
      "SELECT c.id FROM clicks AS c LEFT ASOF JOIN (SELECT id FROM users WHERE name != '') AS u ON c.id = u.id",
      ['its join keeps older rows of its right side'],
    ],
    ['SELECT c.id FROM clicks AS c INNER JOIN table(views) AS v ON c.id = v.id', []],
    ['SELECT c.id FROM clicks AS c INNER JOIN kept ON c.id = kept.id', []],
    ['SELECT id FROM clicks UNION ALL SELECT id FROM views', []],
    ['WITH few AS (SELECT id FROM clicks) SELECT id FROM few', []],
    ['SELECT id FROM clicks WHERE id IN (SELECT max(id) FROM table(views))', []],
    ['SELECT count() FROM clicks', ['it aggregates']],
    ['SELECT streak(id) FROM clicks', ['it aggregates']],
    ['SELECT n FROM counts', ['it aggregates']],
    ['SELECT id FROM (SELECT max(id) AS id FROM clicks)', ['it aggregates']],
    ['SELECT DISTINCT id FROM clicks', ['it remembers what it has seen (DISTINCT)']],
    ['SELECT id FROM clicks LIMIT 5', ['it counts rows (LIMIT)']],
    ['SELECT lag(id) FROM clicks', ['it looks back at earlier rows']],
    ['SELECT id FROM tumble(clicks, at, 5s)', ['it has windows that are open']],
    ['SELECT id FROM dedup(clicks, id)', ['it remembers rows (dedup)']],
    [
      'SELECT c.id FROM clicks AS c INNER JOIN views AS v ON c.id = v.id',
      ['it joins two streams and keeps rows of both'],
    ],
  ])('%s', (sql, expected) => expect(stateOf(sql).state).toEqual(expected))
})

describe('what a query reads', () => {
  it('row by row, and what it looks up', () => {
    expect(stateOf('SELECT id FROM named')).toMatchObject({
      scans: [{ name: 'clicks', keyed: false }],
      lookups: ['named', 'users'],
    })
    expect(scansOf('SELECT id FROM clicks UNION ALL SELECT id FROM users')).toEqual(['clicks', 'users'])
    expect(scansOf('SELECT c.id FROM clicks AS c INNER JOIN views AS v ON c.id = v.id')).toEqual([
      'clicks',
      'views',
    ])
  })

  it('from where its author says', () => {
    expect(stateOf('SELECT id FROM late').scans).toEqual([{ name: 'topic', keyed: false, seekTo: 'latest' }])
    expect(stateOf('SELECT id FROM users').scans).toEqual([{ name: 'users', keyed: true }])
  })
})

describe('a new version', () => {
  const names = new Map([
    ['clicks', 'clicks__next'],
    ['mv', 'mv__next'],
    ['out', 'out__next'],
  ])

  it('has new names, and calls its columns as before', () => {
    const view = parseStatement(
      'CREATE MATERIALIZED VIEW mv INTO out AS SELECT clicks.id, v.id FROM clicks INNER JOIN views AS v ON clicks.id = v.id',
    )
    expect(printStatement(withNames(view, names))).toBe(
      'CREATE MATERIALIZED VIEW mv__next INTO out__next AS SELECT clicks.id, v.id FROM clicks__next AS clicks INNER JOIN views AS v ON clicks.id = v.id',
    )
    const windowed = parseStatement(
      'CREATE VIEW w AS SELECT clicks.id FROM tumble(clicks, at, 5s) GROUP BY window_start',
    )
    expect(printStatement(withNames(windowed, names))).toBe(
      'CREATE VIEW w AS SELECT clicks.id FROM tumble(clicks__next, at, 5s) AS clicks GROUP BY window_start',
    )
  })

  it('begins with what its sources still have; keyed ones with their current rows, and where the author says', () => {
    const sql = 'SELECT id FROM clicks UNION ALL SELECT id FROM users UNION ALL SELECT id FROM late'
    expect(printQuery(fromBeginning(parseQuery(sql), stateOf(sql).scans, names))).toMatch(
      / SETTINGS seek_to = 'clicks__next=earliest; topic=latest'$/,
    )
  })

  it('begins at given places instead of those of before', () => {
    const query = parseQuery("SELECT id FROM clicks SETTINGS seek_to = 'earliest', max_threads = 1")
    expect(printQuery(withSeek(query, { clicks: '5', topic: '1,2' }))).toBe(
      "SELECT id FROM clicks SETTINGS max_threads = 1, seek_to = 'clicks=5; topic=1,2'",
    )
  })
})
