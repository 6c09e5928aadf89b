import { describe, expect, it } from 'vitest'
import { type Edition, lower, parseStatement, printStatement, UserError } from '../../dialect/index.js'

function lowered(sql: string, edition: Edition): { text: string; codes: string[] } {
  const { statement, notes } = lower(parseStatement(sql), edition)
  return { text: printStatement(statement, { edition }), codes: notes.map((n) => n.code) }
}

const MUTABLE =
  "CREATE MUTABLE STREAM t (k string, v int32, INDEX i (v), FAMILY f (v)) PRIMARY KEY (k) SETTINGS version_column = 'v', shards = 3, sharding_expr = 'weak_hash32(k)', ttl_seconds = 3600, kvstore_codec = 'lz4'"

describe('lower', () => {
  it('makes versioned_kv streams of mutable ones', () => {
    const text =
      "CREATE STREAM t (k string, v int32) PRIMARY KEY k TTL to_datetime(_tp_time) + 3600s SETTINGS mode = 'versioned_kv', version_column = 'v', shards = 3, sharding_expr = 'weak_hash32(k)'"
    for (const edition of ['oss-1.6', 'oss-3'] as const) {
      const result = lowered(MUTABLE, edition)
      expect(result.text).toBe(text)
      expect(result.codes).toEqual([
        'MUTABLE_LOWERED',
        'INDEX_DROPPED',
        'FAMILY_DROPPED',
        'TTL_LOWERED',
        'SETTING_DROPPED',
      ])
    }
    for (const edition of ['embedded', 'enterprise'] as const) {
      expect(lowered(MUTABLE, edition)).toEqual({ text: printStatement(parseStatement(MUTABLE)), codes: [] })
    }
  })

  it('leaves the original as it was', () => {
    const statement = parseStatement(MUTABLE)
    const before = printStatement(statement)
    lower(statement, 'oss-1.6')
    expect(printStatement(statement)).toBe(before)
  })

  it('uses the column of ttl_column', () => {
    const sql =
      "CREATE MUTABLE STREAM t (k string, at datetime) PRIMARY KEY k SETTINGS ttl_seconds = 60, ttl_column = 'at'"
    expect(lowered(sql, 'oss-1.6').text).toBe(
      "CREATE STREAM t (k string, at datetime) PRIMARY KEY k TTL to_datetime(at) + 60s SETTINGS mode = 'versioned_kv'",
    )
  })

  it('drops settings that the edition lacks, in views and queries', () => {
    const sql =
      "CREATE MATERIALIZED VIEW mv INTO t AS SELECT a FROM s SETTINGS enable_dlq = true, recovery_policy = 'best_effort', use_index = 'i'"
    expect(lowered(sql, 'oss-1.6')).toEqual({
      text: "CREATE MATERIALIZED VIEW mv INTO t AS SELECT a FROM s SETTINGS recovery_policy = 'best_effort'",
      codes: ['SETTING_DROPPED', 'SETTING_DROPPED'],
    })
    expect(lowered(sql, 'oss-3').text).toContain('enable_dlq')
    expect(lowered('SELECT a FROM s SETTINGS enable_dlq = 1', 'oss-1.6').text).toBe('SELECT a FROM s')
    expect(lowered('SELECT a FROM s SETTINGS no_such_setting = 1', 'oss-1.6').text).toContain(
      'no_such_setting',
    )
  })

  it('writes what the 1.6 parser reads', () => {
    const cases: [string, string][] = [
      [
        'SELECT count() FROM tumble(s, 5s) GROUP BY window_start EMIT AFTER WINDOW CLOSE WITH DELAY 2s',
        'SELECT count() FROM tumble(s, 5s) GROUP BY window_start EMIT AFTER WATERMARK WITH DELAY 2s',
      ],
      ['SELECT _tp_message_key, k._tp_message_key FROM k', 'SELECT _message_key, k._message_key FROM k'],
      [
        "CREATE EXTERNAL STREAM k (a string, _tp_message_key string) SETTINGS type='kafka'",
        "CREATE EXTERNAL STREAM k (a string) SETTINGS type = 'kafka'",
      ],
      [
        "SELECT {'a': 1}, f(x).name, quantile(0.9)(x) FROM s",
        "SELECT map_cast('a', 1), tuple_element(f(x), 'name'), quantile(x, 0.9) FROM s",
      ],
      ['DROP MATERIALIZED VIEW mv', 'DROP VIEW mv'],
      ['SHOW CREATE MATERIALIZED VIEW mv', 'SHOW CREATE mv'],
      ['SELECT a[1].2, (t.1)[2], (a[1]):b FROM s', 'SELECT a[1].2, (t.1)[2], (a[1]):b FROM s'],
      ["CREATE FUNCTION f AS (x) -> x COMMENT 'c'", 'CREATE FUNCTION f AS x -> x'],
      ["CREATE FORMAT SCHEMA f AS 'x' TYPE Avro COMMENT 'c'", "CREATE FORMAT SCHEMA f AS 'x' TYPE Avro"],
    ]
    for (const [sql, text] of cases) expect(lowered(sql, 'oss-1.6').text).toBe(text)
  })

  it.each([
    ["CREATE TASK t SCHEDULE 'now and then' INTO x AS SELECT 1"],
    ['CREATE TASK t SCHEDULE 1M INTO x AS SELECT 1'],
    ['CREATE ALERT a BATCH 0 EVENTS CALL f AS SELECT a FROM s'],
    ['CREATE ALERT a LIMIT 1 ALERTS PER 1M CALL f AS SELECT a FROM s'],
    ["CREATE DICTIONARY d (k string) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 's')) LAYOUT(FLAT()) LIFETIME(1)"],
    ['CREATE FUNCTION f(a int) RETURNS int LANGUAGE PYTHON AS $$ x $$'],
    ['SHOW FUNCTIONS'],
    ['SHOW CREATE FUNCTION f'],
    ['DELETE FROM s WHERE a = 1'],
    ['SYSTEM PAUSE MATERIALIZED VIEW mv'],
    ['CREATE VIEW v AS SELECT * FROM s WHERE a = {p:int}'],
    ['SELECT * FROM v(p = 1)'],
    ['SELECT a:b[*] FROM s'],
    ['SELECT count() FROM s EMIT PER EVENT'],
    ['SELECT count() FROM s EMIT AFTER KEY EXPIRE WITH MAXSPAN 1s'],
    ['CREATE MUTABLE STREAM s (a int) PRIMARY KEY a SETTINGS coalesced = true'],
    ['CREATE MUTABLE STREAM s (a int)'],
    ["CREATE EXTERNAL STREAM k (a int) SETTINGS type = 'kafka', named_collection = 'n'"],
    ["CREATE EXTERNAL STREAM k (a int) SETTINGS type = 'pulsar'"],
    ["CREATE EXTERNAL TABLE k SETTINGS type = 'mysql'"],
    ['CREATE STREAM s (a int, INDEX i (a))'],
    ['CREATE FUNCTION f(a int) RETURNS int LANGUAGE JAVASCRIPT AS $$ x $$ SETTINGS x = 1'],
    ['CREATE MATERIALIZED VIEW m INTO t AS SELECT l.a FROM l FULL JOIN r ON l.a = r.a'],
    ['CREATE MATERIALIZED VIEW m INTO t AS SELECT l.a FROM l LEFT ANTI JOIN r ON l.a = r.a'],
    ['CREATE VIEW v AS SELECT group_concat(a) FROM s'],
    ["CREATE USER u IDENTIFIED WITH sha256_hash BY 'ab' SALT 'cd'"],
    ["CREATE USER u IDENTIFIED WITH bcrypt_password BY 'x'"],
  ])('refuses with a way out: %s', (sql) => {
    try {
      lower(parseStatement(sql), 'oss-1.6')
    } catch (error) {
      expect(error).toBeInstanceOf(UserError)
      expect(error).toMatchObject({ code: 'EDITION_UNSUPPORTED', suggestion: expect.stringMatching(/\w/) })
      expect(lower(parseStatement(sql), 'enterprise').notes).toEqual([])
      return
    }
    throw new Error('accepted')
  })

  it.each([
    [
      'CREATE TASK t SCHEDULE 5s TIMEOUT 2s INTO x AS SELECT quantile(0.9)(a) AS q FROM table(s)',
      'run-tasks',
    ],
    ["CREATE TASK t SCHEDULE '0 6 * * 1' INTO x AS SELECT 1 AS a", 'run-tasks'],
    ['CREATE ALERT a BATCH 2 EVENTS WITH TIMEOUT 1m CALL f AS SELECT a FROM s', 'run-alerts'],
  ])('leaves it to a runner of tpctl: %s', (sql, command) => {
    const { text, codes } = lowered(sql, 'oss-1.6')
    expect(codes).toEqual(['RUN_OUTSIDE'])
    expect(text).toMatch(/^CREATE (TASK|ALERT) /)
    expect(text).not.toContain('quantile(0.9)')
    const [note] = lower(parseStatement(sql), 'oss-1.6').notes
    expect(note!.message).toContain(`tpctl ${command}`)
    expect(lower(parseStatement(sql), 'enterprise').notes).toEqual([])
  })

  it.each([
    'CREATE FUNCTION f(a int) RETURNS int LANGUAGE PYTHON AS $$ x $$',
    "CREATE EXTERNAL STREAM k (a int) SETTINGS type = 'pulsar'",
    "CREATE EXTERNAL TABLE k SETTINGS type = 'clickhouse'",
  ])('says before the engine does what the embedded one lacks: %s', (sql) => {
    expect(() => lower(parseStatement(sql), 'embedded')).toThrowError(
      expect.objectContaining({ code: 'EDITION_UNSUPPORTED', suggestion: expect.stringMatching(/\w/) }),
    )
    expect(lower(parseStatement(sql), 'oss-3').notes).toEqual([])
  })
})
