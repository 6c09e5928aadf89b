import { describe, expect, it } from 'vitest'
import { allows, give, listed, type Rights, type Scope, take } from '../../../engine/access/rights.js'

const db = (table?: string, column?: string): Scope => ({
  database: 'db',
  ...(table === undefined ? {} : { table }),
  ...(column === undefined ? {} : { column }),
})

/** `+SELECT db.t.a` gives, `-SELECT db.t` takes, `*` in front of the name means with grant option. */
function rights(...steps: [sign: '+' | '+option' | '-' | '-option', name: string, scope: Scope][]): Rights {
  return steps.reduce<Rights>(
    (all, [sign, name, scope]) =>
      sign.startsWith('+')
        ? give(all, name, scope, sign === '+option')
        : take(all, name, scope, sign === '-option'),
    [],
  )
}

describe('rights', () => {
  const cases: [string, Rights, string, Scope, boolean][] = [
    ['nothing is allowed at first', rights(), 'SELECT', db('t'), false],
    ['a stream', rights(['+', 'SELECT', db('t')]), 'SELECT', db('t'), true],
    ['another stream', rights(['+', 'SELECT', db('t')]), 'SELECT', db('u'), false],
    ['a column of it', rights(['+', 'SELECT', db('t')]), 'SELECT', db('t', 'a'), true],
    ['a column', rights(['+', 'SELECT', db('t', 'a')]), 'SELECT', db('t', 'a'), true],
    ['all columns', rights(['+', 'SELECT', db('t', 'a')]), 'SELECT', db('t'), false],
    ['a database', rights(['+', 'SELECT', db()]), 'SELECT', db('t', 'a'), true],
    ['another database', rights(['+', 'SELECT', db()]), 'SELECT', { database: 'other', table: 't' }, false],
    ['everything', rights(['+', 'ALL', {}]), 'CREATE USER', {}, true],
    ['all of a database', rights(['+', 'ALL', db()]), 'DROP TABLE', db('t'), true],
    ['what is global is none of a database', rights(['+', 'ALL', db()]), 'KILL QUERY', {}, false],
    ['a group', rights(['+', 'CREATE', {}]), 'CREATE VIEW', db('t'), true],
    ['a view comes with the streams', rights(['+', 'CREATE TABLE', db()]), 'CREATE VIEW', db('v'), true],
    ['but not the other way round', rights(['+', 'CREATE VIEW', db()]), 'CREATE TABLE', db('v'), false],
    ['a hole', rights(['+', 'SELECT', db()], ['-', 'SELECT', db('t')]), 'SELECT', db('t'), false],
    ['beside the hole', rights(['+', 'SELECT', db()], ['-', 'SELECT', db('t')]), 'SELECT', db('u'), true],
    ['around the hole', rights(['+', 'SELECT', db()], ['-', 'SELECT', db('t')]), 'SELECT', db(), false],
    [
      'a hole of a column',
      rights(['+', 'SELECT', db()], ['-', 'SELECT', db('t', 'a')]),
      'SELECT',
      db('t', 'b'),
      true,
    ],
    [
      'the hole is filled',
      rights(['+', 'SELECT', db()], ['-', 'SELECT', db('t')], ['+', 'SELECT', db()]),
      'SELECT',
      db('t'),
      true,
    ],
    [
      'revoked as a whole',
      rights(['+', 'SELECT', db('t')], ['+', 'INSERT', db('t')], ['-', 'ALL', {}]),
      'SELECT',
      db('t'),
      false,
    ],
    ['one of a group', rights(['+', 'ALL', {}], ['-', 'CREATE USER', {}]), 'CREATE USER', {}, false],
    ['the others of it', rights(['+', 'ALL', {}], ['-', 'CREATE USER', {}]), 'DROP USER', {}, true],
    ['to know of a stream', rights(['+', 'INSERT', db('t', 'a')]), 'SHOW TABLES', db('t'), true],
    ['not of another', rights(['+', 'INSERT', db('t', 'a')]), 'SHOW TABLES', db('u'), false],
    ['to know of a database', rights(['+', 'INSERT', db('t')]), 'SHOW DATABASES', db(), true],
    [
      'nor of what is taken',
      rights(['+', 'SELECT', db()], ['-', 'SELECT', db('t')]),
      'SHOW TABLES',
      db('t'),
      false,
    ],
  ]
  it.each(cases)('%s', (_, list, privilege, scope, expected) => {
    expect(allows(list, privilege, scope)).toBe(expected)
  })

  it('can be handed on with the option only', () => {
    const with_ = rights(['+option', 'SELECT', db()])
    expect(allows(with_, 'SELECT', db('t'), true)).toBe(true)
    expect(allows(rights(['+', 'SELECT', db()]), 'SELECT', db('t'), true)).toBe(false)
    const without = take(with_, 'SELECT', db('t'), true)
    expect(allows(without, 'SELECT', db('t'), true)).toBe(false)
    expect(allows(without, 'SELECT', db('t'))).toBe(true)
    expect(allows(without, 'SELECT', db('u'), true)).toBe(true)
  })

  it('are shown as statements say them', () => {
    const all = rights(
      ['+', 'SELECT', db()],
      ['+', 'INSERT', db()],
      ['-', 'SELECT', db('t')],
      ['+', 'SELECT', { database: 'x', table: 'y', column: 'a' }],
      ['+option', 'ACCESS MANAGEMENT', {}],
    )
    expect(listed(all)).toEqual([
      { text: 'SELECT, INSERT ON db.*', granted: true, option: false },
      { text: 'SELECT ON db.t', granted: false, option: false },
      { text: 'SELECT(a) ON x.y', granted: true, option: false },
      { text: 'ACCESS MANAGEMENT ON *.*', granted: true, option: true },
    ])
    expect(listed(rights(['+', 'ALL', {}]))).toEqual([{ text: 'ALL ON *.*', granted: true, option: false }])
    expect(listed(rights(['+', 'ALL', db()]))).toEqual([
      { text: 'ALL ON db.*', granted: true, option: false },
    ])
  })

  it('refuse names that are none, and scopes that are too narrow', () => {
    expect(() => give([], 'FLY', {}, false)).toThrow(/Unknown privilege: FLY/)
    expect(() => give([], 'KILL QUERY', db(), false)).toThrow(/cannot be granted on the database level/)
    expect(() => give([], 'CREATE TABLE', db('t', 'a'), false)).toThrow(/column level/)
  })
})
