import { describe, expect, it } from 'vitest'
import {
  parseExpression,
  parseStatement,
  parseStatements,
  parseType,
  printExpr,
  printStatement,
  printType,
  SqlSyntaxError,
  type Statement,
} from '../../dialect/index.js'
import { bare, roundTrip } from './support.js'

/** Statements of DIALECT §2–§7 and the kind of node each must give. */
const STATEMENTS: [sql: string, kind: Statement['kind']][] = [
  [
    "CREATE STREAM IF NOT EXISTS db.s (a int8 DEFAULT 1 COMMENT 'x' CODEC(DoubleDelta, LZ4), b string ALIAS a, INDEX i (a) TYPE minmax GRANULARITY 2) PARTITION BY a ORDER BY a PRIMARY KEY a TTL to_datetime(_tp_time) + INTERVAL 7 DAY DELETE WHERE a > 1, t + 1d TO DISK 'd' SETTINGS mode='append', shards=3 COMMENT 'c'",
    'create_stream',
  ],
  [
    "CREATE MUTABLE STREAM m (k string, v int, n uint64 AUTO_INCREMENT, INDEX i (v) UNIQUE STORING (k), FAMILY f (v)) PRIMARY KEY (k, v) SETTINGS version_column = 'v', ttl_seconds = 10",
    'create_stream',
  ],
  ['CREATE STREAM a AS b', 'create_stream'],
  ['CREATE STREAM a AS SELECT 1 AS x', 'create_stream'],
  ['CREATE RANDOM STREAM r (i int DEFAULT rand() % 5) SETTINGS eps = 10', 'create_random_stream'],
  [
    "CREATE EXTERNAL STREAM k (raw string, _tp_message_key string) SETTINGS type='kafka', brokers='h:9092', topic='t'",
    'create_external_stream',
  ],
  ["CREATE EXTERNAL TABLE t SETTINGS type='clickhouse', address='h:9000'", 'create_external_table'],
  ['CREATE OR REPLACE FORMAT SCHEMA s AS \'syntax = "proto3";\' TYPE Protobuf', 'create_format_schema'],
  ['DROP FORMAT SCHEMA s', 'drop'],
  ["CREATE NAMED COLLECTION n AS k='v' NOT OVERRIDABLE, j=1", 'create_named_collection'],
  ["CREATE DATABASE d SETTINGS type='mysql'", 'create_database'],
  ['USE d', 'use'],
  [
    'CREATE VIEW IF NOT EXISTS v AS SELECT * FROM s WHERE i = {p:int32} SETTINGS keep_versions = 1',
    'create_view',
  ],
  ['CREATE OR REPLACE VIEW v AS SELECT 1', 'create_view'],
  ['SELECT * FROM v(p=1)', 'query'],
  [
    'CREATE MATERIALIZED VIEW mv INTO t AS SELECT a FROM s SETTINGS checkpoint_interval = 5',
    'create_materialized_view',
  ],
  [
    'CREATE SCHEDULED MATERIALIZED VIEW mv (a int) PRIMARY KEY a SETTINGS shards = 2 AS SELECT a FROM s',
    'create_materialized_view',
  ],
  ['CREATE OR REPLACE FUNCTION f AS (a, b) -> a + b', 'create_function'],
  [
    'CREATE FUNCTION f(a int) RETURNS int LANGUAGE JAVASCRIPT AS $$ function f(a) { return a } $$',
    'create_function',
  ],
  ['CREATE AGGREGATE FUNCTION g(a int) RETURNS int LANGUAGE JAVASCRIPT AS $$ { } $$', 'create_function'],
  [
    "CREATE REMOTE FUNCTION r(a string) RETURNS string URL 'http://h' AUTH_METHOD 'auth_header' AUTH_HEADER 'h' AUTH_KEY 'k' EXECUTION_TIMEOUT 10000",
    'create_function',
  ],
  [
    "CREATE FUNCTION p(a string) RETURNS string LANGUAGE PYTHON AS $$ def p(a): return a $$ SETTINGS init_function_name = 'i'",
    'create_function',
  ],
  ['DROP FUNCTION f SETTINGS force = true', 'drop'],
  [
    "CREATE OR REPLACE DICTIONARY d (k string, a string DEFAULT '') PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 's')) LAYOUT(MUTABLE_CACHE(x 1)) LIFETIME(MIN 0 MAX 10)",
    'create_dictionary',
  ],
  ['CREATE OR REPLACE TASK t SCHEDULE 5s TIMEOUT 2s INTO target AS SELECT 1', 'create_task'],
  [
    'CREATE ALERT IF NOT EXISTS a BATCH 10 EVENTS WITH TIMEOUT 5s LIMIT 1 ALERTS PER 10s CALL f AS SELECT * FROM s',
    'create_alert',
  ],
  [
    'ALTER STREAM s ADD COLUMN c int AFTER b, RENAME COLUMN a TO b, MODIFY TTL x + 1d, MODIFY SETTING k = 1, ADD INDEX i (a) TYPE minmax GRANULARITY 1, DROP INDEX i, MATERIALIZE INDEX i, CLEAR INDEX i, DROP PARTITION 1, DROP COLUMN z',
    'alter',
  ],
  ["ALTER NAMED COLLECTION c SET a = 'x' NOT OVERRIDABLE, b = 'y' DELETE d, e", 'alter'],
  ['ALTER NAMED COLLECTION c DELETE d', 'alter'],
  ['ALTER VIEW mv MODIFY QUERY SETTING k = 1', 'alter'],
  ['ALTER VIEW mv RESET QUERY SETTING k', 'alter'],
  ['ALTER VIEW mv MODIFY QUERY SELECT a FROM s', 'alter'],
  ["ALTER VIEW mv MODIFY COMMENT 'x'", 'alter'],
  ['RENAME STREAM a TO b, c TO d', 'rename'],
  ['TRUNCATE STREAM IF EXISTS s', 'truncate'],
  ['DELETE FROM s WHERE a = 1', 'delete'],
  ['OPTIMIZE STREAM s FINAL', 'optimize'],
  ['DROP STREAM IF EXISTS s SETTINGS force_drop_big_stream = true', 'drop'],
  ['DROP VIEW mv', 'drop'],
  ["SHOW STREAMS FROM d WHERE name = 'a'", 'show'],
  ["SHOW STREAMS LIKE 'a%'", 'show'],
  ['SHOW CREATE STREAM d.x SETTINGS verbose = true', 'show'],
  ['SHOW CREATE FUNCTION f', 'show'],
  ['SHOW DATABASES', 'show'],
  ['SHOW TASKS', 'show'],
  ['SHOW FORMAT SCHEMAS', 'show'],
  ['SHOW FUNCTIONS', 'show'],
  ['DESCRIBE s', 'describe'],
  ['DESCRIBE table(s)', 'describe'],
  ['DESCRIBE (SELECT 1)', 'describe'],
  ['EXISTS STREAM s', 'exists_statement'],
  ['EXPLAIN SYNTAX SELECT 1', 'explain'],
  ["KILL QUERY WHERE query_id = 'x' SYNC", 'kill_query'],
  ['SYSTEM PAUSE MATERIALIZED VIEW mv PERMANENT', 'system'],
  ['SYSTEM RELOAD FUNCTIONS', 'system'],
  ["SYSTEM INSTALL PYTHON PACKAGE 'x'", 'system'],
  ['SUBSCRIBE TO SELECT a FROM s SETTINGS checkpoint_interval = 1', 'subscribe'],
  ["RECOVER FROM 'id'", 'recover'],
  ["UNSUBSCRIBE TO 'id'", 'unsubscribe'],
  ["CREATE USER u IDENTIFIED WITH sha256_password BY 'x'", 'access'],
  ['CREATE ROW POLICY p ON db.s USING a = 1 TO u', 'access'],
  ['GRANT SELECT, INSERT ON db.* TO u', 'access'],
  ["INSERT INTO s (a, b) VALUES (1, 'x'), (2, 'y')", 'insert'],
  ['INSERT INTO s SELECT a FROM table(t)', 'insert'],
  ['INSERT INTO s (a) FORMAT JSONEachRow', 'insert'],
  ['SET max_threads = 1', 'set'],
]

describe('statements', () => {
  it.each(STATEMENTS)('%s', (sql, kind) => {
    const { statement, text, again } = roundTrip(sql)
    expect(statement.kind).toBe(kind)
    expect(bare(again)).toEqual(bare(statement))
    expect(printStatement(again)).toBe(text)
    expect(bare(parseStatement(printStatement(statement, { pretty: true })))).toEqual(bare(statement))
    expect(bare(parseStatement(sql, { strict: true }))).toEqual(bare(statement))
  })

  it('keeps a statement of another time, with its declared dependencies', () => {
    const sql = '-- @depends a, db.b\nCREATE DISK cold /* x */ TYPE s3 ( bucket = 1 )'
    expect(bare(parseStatement(sql))).toEqual({
      kind: 'opaque',
      text: 'CREATE DISK cold TYPE s3 ( bucket = 1 )',
      depends: [{ name: 'a' }, { database: 'db', name: 'b' }],
      name: { name: 'cold' },
    })
    expect(() => parseStatement(sql, { strict: true })).toThrow(SqlSyntaxError)
  })
})

describe('canonical text', () => {
  const same: [string, string][] = [
    ['select  a ,b from t where ((a)) > (1) -- x', 'SELECT a, b FROM t WHERE a > 1'],
    ['select a+b*c-(d-e)', 'SELECT a + b * c - (d - e)'],
    ['select (a+b)*c', 'SELECT (a + b) * c'],
    ['select not a = b and c or d', 'SELECT NOT a = b AND c OR d'],
    ["select a::int, cast(a, 'array(int8)')", 'SELECT CAST(a AS int), CAST(a AS array(int8))'],
    ['select payload:a.b.c::int', 'SELECT CAST(payload:a.b.c AS int)'],
    [
      "select x in (1), x not in ('a','b'), x in (select 1), x in t",
      "SELECT x IN (1), x NOT IN ('a', 'b'), x IN (SELECT 1), x IN t",
    ],
    ["select interval 5 minute, -1h, INTERVAL '3' SECONDS", 'SELECT 5m, -1h, 3s'],
    [
      'select a between 1 and 2 and b not between 3 and 4',
      'SELECT a BETWEEN 1 AND 2 AND b NOT BETWEEN 3 AND 4',
    ],
    ['select case x when 1 then 2 end', 'SELECT CASE x WHEN 1 THEN 2 END'],
    ['select a ? b : c', 'SELECT if(a, b, c)'],
    ['select date_add(day, 1, t), date_diff(hour, a, b)', "SELECT t + 1d, date_diff('hour', a, b)"],
    ['select array_map(x -> x + 1, [1,2])', 'SELECT array_map(x -> x + 1, [1, 2])'],
    ['select t.1.2, f(x).1, a[1][2]', 'SELECT t.1.2, f(x).1, a[1][2]'],
    ['select COUNT(*), To_yyyymm(x), sum(distinct a)', 'SELECT count(*), to_YYYYMM(x), sum(DISTINCT a)'],
    [
      'select sum(a) filter (where b) over (partition by c order by d desc rows between 1 preceding and current row) from t',
      'SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d DESC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t',
    ],
    ['select 1 union select 2 settings a=1', 'SELECT 1 UNION ALL SELECT 2 SETTINGS a = 1'],
    ['select * except (a) replace (1 as b) from t', 'SELECT * EXCEPT (a) REPLACE (1 AS b) FROM t'],
    ['select * from l asof left join r using k', 'SELECT * FROM l LEFT ASOF JOIN r USING (k)'],
    ['select * from l latest join r on l.k = r.k', 'SELECT * FROM l INNER LATEST JOIN r ON l.k = r.k'],
    ['select * from session(s, ts, 5s, [a > 1, b < 2))', 'SELECT * FROM session(s, ts, 5s, [a > 1, b < 2))'],
    [
      'select * from tumble(dedup(table(s), id), ts, 5s)',
      'SELECT * FROM tumble(dedup(table(s), id), ts, 5s)',
    ],
    [
      'select a from s limit 3 emit stream after watermark with delay 2s and timeout 5s settings x=1 format JSON',
      'SELECT a FROM s LIMIT 3 EMIT STREAM AFTER WINDOW CLOSE WITH DELAY 2s AND TIMEOUT 5s SETTINGS x = 1 FORMAT JSON',
    ],
    ['select a from s emit periodic 2s on update', 'SELECT a FROM s EMIT ON UPDATE WITH BATCH 2s'],
    ['select `from`, "a b" from `select`', 'SELECT `from`, `a b` FROM `select`'],
    ["select 'it''s', '\\x41', $$a'b$$", "SELECT 'it\\'s', 'A', 'a\\'b'"],
    ['with x as (select 1), 2 as y select * from x', 'WITH x AS (SELECT 1), 2 AS y SELECT * FROM x'],
    ['select (select 1) + 1, ((select 2) + 1)', 'SELECT (SELECT 1) + 1, (SELECT 2) + 1'],
    ['((select 1) union all (select 2))', 'SELECT 1 UNION ALL SELECT 2'],
    [
      "select position('a' in b), trim(both 'x' from s)",
      "SELECT position(b, 'a'), replace_regex(s, concat('^[', regexp_quote_meta('x'), ']*|[', regexp_quote_meta('x'), ']*$'), '')",
    ],
    ['select a.b:c.d, (a).b, {p:array(int)}', 'SELECT a.b:c.d, (a).b, {p:array(int)}'],
    ['select inf, nan, null, true, 0xFF, 1e3', 'SELECT inf, nan, NULL, true, 0xFF, 1e3'],
  ]
  it.each(same)('%s', (sql, text) => {
    expect(printStatement(parseStatement(sql))).toBe(text)
    expect(printStatement(parseStatement(text))).toBe(text)
  })

  it('spells EMIT for each edition', () => {
    const statement = parseStatement('SELECT a FROM s EMIT AFTER WINDOW CLOSE WITH DELAY 2s')
    expect(printStatement(statement, { edition: 'oss-1.6' })).toBe(
      'SELECT a FROM s EMIT AFTER WATERMARK WITH DELAY 2s',
    )
    const batch = parseStatement('SELECT a FROM s EMIT ON UPDATE WITH BATCH 2s')
    expect(printStatement(batch, { edition: 'oss-1.6' })).toBe('SELECT a FROM s EMIT PERIODIC 2s ON UPDATE')
    expect(printStatement(batch, { edition: 'enterprise' })).toBe(
      'SELECT a FROM s EMIT ON UPDATE WITH BATCH 2s',
    )
  })

  it('refuses raw nodes of the embedded store', () => {
    expect(() => printExpr({ kind: 'raw', sql: 'x' })).toThrow(/no canonical text/)
  })

  it('prints types and keeps bytes that are no text', () => {
    expect(printType(parseType("Array(Nullable(DateTime64(3,'UTC')))"))).toBe(
      "array(nullable(datetime64(3, 'UTC')))",
    )
    expect(printType(parseType("enum8('a'=1,'b'=-2)"))).toBe("enum8('a' = 1, 'b' = -2)")
    expect(printExpr(parseExpression("'\\xff\\xe4\\xbd\\xa0'"))).toBe("'\\xFF你'")
  })
})

describe('scripts', () => {
  it('splits at semicolons, with comments and inline data', () => {
    const sql = [
      '-- first',
      "CREATE STREAM a (x string DEFAULT ';');",
      ';; INSERT INTO a (x) FORMAT JSONEachRow {"x":"a;b"}',
      '{"x":"c"};',
      'INSERT INTO a FORMAT CSV',
      '1',
      '',
      '/* last */ SELECT 1',
    ].join('\n')
    const found = parseStatements(sql)
    expect(found.map((s) => s.statement.kind)).toEqual(['create_stream', 'insert', 'insert', 'query'])
    expect(found[0]!.leadingComments).toEqual(['-- first'])
    expect(found[3]!.leadingComments).toEqual(['/* last */'])
    const data = found.slice(1, 3).map(({ statement }) => {
      const source = statement.kind === 'insert' ? statement.source : undefined
      return source?.kind === 'format' ? sql.slice(source.dataStart, source.dataEnd) : ''
    })
    expect(data).toEqual(['{"x":"a;b"}\n{"x":"c"}', '1\n'])
    expect(sql.slice(found[0]!.span.start, found[0]!.span.end)).toBe("CREATE STREAM a (x string DEFAULT ';')")
  })

  it('does not look at inline data', () => {
    const statement = parseStatement("INSERT INTO a FORMAT TSV\n'unclosed ` ( \\")
    expect(statement).toMatchObject({ source: { kind: 'format', dataStart: 25 } })
  })
})
