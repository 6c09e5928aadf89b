import { describe, expect, it } from 'vitest'
import { lower, parseAccessCommand, parseStatement, printStatement } from '../../dialect/index.js'

const printed = (sql: string) => printStatement(parseStatement(sql))

function command(sql: string) {
  const statement = parseStatement(sql)
  if (statement.kind !== 'access') throw new Error('no access statement')
  return parseAccessCommand(statement)
}

describe('access statements', () => {
  it.each([
    [
      'grant select( a,b ),  INSERT on default.* to `odd name`, u',
      'GRANT SELECT(a, b), INSERT ON default.* TO `odd name`, u',
    ],
    ['GRANT ALL ON *.* TO admin WITH GRANT OPTION', 'GRANT ALL ON *.* TO admin WITH GRANT OPTION'],
    ['GRANT reader, writer TO u WITH ADMIN OPTION', 'GRANT reader, writer TO u WITH ADMIN OPTION'],
    [
      'REVOKE grant option for SELECT ON t FROM ALL EXCEPT u',
      'REVOKE GRANT OPTION FOR SELECT ON t FROM ALL EXCEPT u',
    ],
    [
      "create user u identified by 'x' default role r",
      "CREATE USER u IDENTIFIED WITH sha256_password BY 'x' DEFAULT ROLE r",
    ],
    ['ALTER USER IF EXISTS u RENAME TO v', 'ALTER USER IF EXISTS u RENAME TO v'],
    ["CREATE USER u@'%' HOST LOCAL", 'CREATE USER u HOST LOCAL'],
    ['create or replace role r', 'CREATE ROLE OR REPLACE r'],
    [
      "create user or replace u identified by 'x'",
      "CREATE USER OR REPLACE u IDENTIFIED WITH sha256_password BY 'x'",
    ],
    ['CREATE OR REPLACE ROW POLICY p ON s USING 1', 'CREATE ROW POLICY OR REPLACE p ON s USING 1'],
    ['CREATE OR REPLACE QUOTA q KEYED BY user_name', 'CREATE QUOTA OR REPLACE q KEYED BY user_name'],
    [
      'CREATE SETTINGS PROFILE IF NOT EXISTS p SETTINGS max_threads = 2',
      'CREATE SETTINGS PROFILE IF NOT EXISTS p SETTINGS max_threads = 2',
    ],
    [
      'CREATE POLICY p ON db.s FOR SELECT USING a=1 AND b IN (1,2) AS restrictive TO ALL EXCEPT u',
      'CREATE ROW POLICY p ON db.s AS RESTRICTIVE USING a = 1 AND b IN (1, 2) TO ALL EXCEPT u',
    ],
    ['SET DEFAULT ROLE none TO u', 'SET DEFAULT ROLE NONE TO u'],
    ['SET ROLE default', 'SET ROLE DEFAULT'],
    ['SHOW GRANTS FOR u', 'SHOW GRANTS FOR u'],
    ['SHOW CREATE POLICY p ON s', 'SHOW CREATE ROW POLICY p ON s'],
    ['SHOW ROW POLICIES ON db.*', 'SHOW ROW POLICIES ON db.*'],
  ])('%s', (sql, text) => {
    expect(printed(sql)).toBe(text)
    expect(printed(text)).toBe(text)
  })

  it('say what they do', () => {
    expect(command('GRANT SELECT(a) ON db.s, KILL QUERY ON *.* TO u')).toMatchObject({
      kind: 'grant',
      revoke: false,
      elements: [
        { privileges: [{ name: 'SELECT', columns: ['a'] }], database: 'db', name: 's' },
        { privileges: [{ name: 'KILL QUERY' }], database: '*', name: '*' },
      ],
      to: { all: false, names: ['u'], except: [] },
    })
    expect(command('CREATE USER a, b NOT IDENTIFIED')).toMatchObject({
      names: ['a', 'b'],
      auth: { method: 'no_password' },
    })
    expect(parseStatement('CREATE ROW POLICY p ON db.s USING 1 TO u')).toMatchObject({
      names: ['p'],
      on: [{ database: 'db', name: 's' }],
    })
  })

  it('keep what only another edition knows, and say what is wrong when asked', () => {
    const newer = "CREATE USER u IDENTIFIED WITH sha256_password BY 'x' VALID UNTIL '2030-01-01'"
    expect(printed(newer)).toBe(newer)
    expect(() => command('GRANT SELECT ON s')).toThrow(/TO/)
    expect(() => command('CREATE USER u NONSENSE')).toThrow(/IDENTIFIED/)
  })

  it('are refused for editions that lack them', () => {
    expect(() =>
      lower(parseStatement('CREATE QUOTA q FOR INTERVAL 1 hour MAX queries = 1 TO u'), 'embedded'),
    ).toThrow(/no quotas/)
    for (const edition of ['oss-1.6', 'oss-3', 'enterprise', 'embedded'] as const) {
      expect(printStatement(lower(parseStatement('GRANT SELECT ON default.* TO u'), edition).statement)).toBe(
        'GRANT SELECT ON default.* TO u',
      )
    }
  })
})
