import { describe, expect, it } from 'vitest'
import { parseStatement, parseStatements, SqlSyntaxError } from '../../dialect/index.js'

function failure(sql: string, options = {}): SqlSyntaxError {
  try {
    parseStatement(sql, options)
  } catch (error) {
    if (error instanceof SqlSyntaxError) return error
    throw error
  }
  throw new Error(`parsed: ${sql}`)
}

describe('syntax errors', () => {
  it('say where, with a caret and what was expected', () => {
    const error = failure('SELECT a\nFROM t\nWHERE a >', { file: 'sql/x.sql' })
    expect(error.code).toBe('SQL_SYNTAX')
    expect(error.where).toBe('sql/x.sql:3:10')
    expect([error.line, error.column, error.offset]).toEqual([3, 10, 25])
    expect(error.found).toBe('end of query')
    expect(error.expected).toContain('expression')
    expect(error.detail).toBe('3 | WHERE a >\n             ^')
  })

  it('read like the server', () => {
    expect(failure('select 1 +').protonMessage).toMatch(
      /^Syntax error: failed at position 11 \(end of query\): \. Expected one of: .*INTERVAL/,
    )
    expect(failure('selec 1', { strict: true }).protonMessage).toMatch(
      /^Syntax error: failed at position 1 \('selec'\): selec 1\. Expected one of: /,
    )
    expect(failure("select 'é', 1 1").protonMessage).toMatch(/failed at position 16 \('1'\): 1\. /)
    expect(failure('select (1, 2').protonMessage).toBe(
      "Syntax error: failed at position 8 ('('): (1, 2. Unmatched parentheses: (",
    )
    expect(failure("select 'abc").protonMessage).toMatch(/Single quoted string is not closed: ''abc'$/)
    expect(failure('select 1; select 2').protonMessage).toMatch(
      /^Syntax error \(\. Multi-statements are not allowed\)/,
    )
    expect(failure(' -- nothing\n;').protonMessage).toBe('Empty query')
  })

  it.each([
    ['SELECT a b FROM t', 'an alias without AS'],
    ['SELECT a FROM t x', 'a table alias without AS'],
    ['SELECT a, FROM t', 'a comma too many'],
    ['SELECT a FROM t EMIT PERIODIC 5s LIMIT 3', 'LIMIT behind EMIT'],
    ['SELECT a FROM t SETTINGS x = 1 EMIT PERIODIC 5s', 'SETTINGS before EMIT'],
    ['SELECT 1 FORMAT JSON LIMIT 1', 'something behind FORMAT'],
    ['SELECT ()', 'empty brackets'],
    ['SELECT a ! b', 'a stray character'],
    ['SELECT to_date(2014-01-01)', 'a bare date'],
    ['SELECT a FROM t LIMIT 1 WITH TIES', 'ties without order'],
    ['SELECT a FROM t PARTITION BY a SHUFFLE BY b', 'two distributions'],
    ['SELECT * FROM a CROSS ANY JOIN b', 'a strict cross join'],
    ['CREATE STREAM s', 'a stream without columns'],
    ['CREATE STREAM s (a)', 'a column without type'],
    ["CREATE REMOTE FUNCTION f(a int) RETURNS int AUTH_METHOD 'none'", 'a remote function without URL'],
    ['INSERT INTO s (a) VALUES (1', 'an open row'],
  ])('%s: %s', (sql) => {
    expect(failure(sql)).toBeInstanceOf(SqlSyntaxError)
  })

  it('limit nesting instead of overflowing, in linear time', () => {
    const deep = [
      `SELECT ${'('.repeat(100_000)}1${')'.repeat(100_000)}`,
      `SELECT * FROM ${'('.repeat(100_000)}SELECT 1${')'.repeat(100_000)}`,
      `SELECT 1${' + 1'.repeat(100_000)}`,
      `SELECT ${'NOT '.repeat(100_000)}1`,
      `SELECT ${'interval '.repeat(100_000)}`,
      `SELECT ${'case when '.repeat(100_000)}`,
      `CREATE STREAM s (a ${'array('.repeat(100_000)}`,
      `SELECT ${'x -> '.repeat(100_000)}1`,
      `SELECT ${'f('.repeat(100_000)}`,
      'EXPLAIN '.repeat(100_000),
    ]
    for (const sql of deep) {
      const error = failure(sql)
      expect(error.reason, sql.slice(0, 30)).toBe('too_deep')
      expect(error.protonCode).toBe(306)
    }
    expect(parseStatement(`SELECT ${'('.repeat(200)}1${')'.repeat(200)}`).kind).toBe('query')
  })

  it('name the place within a script', () => {
    expect(() => parseStatements('SELECT 1;\nSELECT a, FROM t;', { file: 'a.sql' })).toThrow(
      expect.objectContaining({ where: expect.stringMatching(/^a\.sql:2:/) }),
    )
  })
})
