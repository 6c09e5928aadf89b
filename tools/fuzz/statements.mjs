/** Broken SQL, made of whole one. */
const SEEDS = [
  'SELECT 1',
  "SELECT a, count() AS c, sum(b) FROM tumble(s, ts, 5s) WHERE a IN ('x', 'y') GROUP BY a, window_start EMIT AFTER WINDOW CLOSE WITH DELAY 1s",
  'SELECT * FROM hop(s, 1s, 5s) EMIT PERIODIC 2s REPEAT',
  'SELECT window_start, max(v) FROM session(s, ts, 5s, [v > 1, v < 2)) PARTITION BY k GROUP BY window_start',
  'WITH t AS (SELECT * FROM s WHERE _tp_time > earliest_ts()), 1 AS x SELECT t.a:b.c[1]::int + x FROM t LEFT ASOF JOIN r ON t.a = r.a AND t.ts >= r.ts SETTINGS keep_versions = 1',
  'SELECT lag(v, 2) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM table(s)',
  "SELECT quantile(v, 0.9), top_k(v, 3, true), array_map((x, y) -> x + y, [1, 2], [3, 4]), map_cast('k', 1)['k'], (1, 'a').2 FROM table(s) GROUP BY k WITH TOTALS HAVING count() > 1 ORDER BY k DESC NULLS FIRST LIMIT 1 BY k LIMIT 5 OFFSET 2 FORMAT JSON",
  "CREATE STREAM IF NOT EXISTS d.s (a int32 DEFAULT 1 COMMENT 'x' CODEC(ZSTD(1)), b nullable(array(tuple(x string, y decimal(10, 2)))), INDEX i (a) TYPE minmax GRANULARITY 2) PRIMARY KEY (a, b) TTL to_datetime(_tp_time) + INTERVAL 7 DAY SETTINGS mode = 'versioned_kv', shards = 3",
  'CREATE MATERIALIZED VIEW mv INTO t (a int) AS SELECT a FROM s UNION ALL SELECT b FROM r',
  "CREATE EXTERNAL STREAM k (raw string) SETTINGS type = 'kafka', brokers = 'h:9092', topic = 't'",
  'CREATE OR REPLACE FUNCTION f(a int, b string) RETURNS array(string) LANGUAGE JAVASCRIPT AS $$ function f(a, b) { return a.map(x => [x]) } $$',
  'CREATE AGGREGATE FUNCTION g(a float64) RETURNS float64 LANGUAGE JAVASCRIPT AS $$ { initialize() {}, process(a) {}, finalize() { return 1 } } $$',
  "INSERT INTO s (a, b) VALUES (1, 'x'), (-2.5e10, NULL), ([1, 2], {'k': now()})",
  'INSERT INTO s (a) FORMAT JSONEachRow {"a": 1} {"a": "\\u0041"}',
  "INSERT INTO s SELECT * FROM r WHERE a BETWEEN 1 AND 2 AND NOT b LIKE '%x%' OR c IS NOT NULL",
  'ALTER STREAM s ADD COLUMN c int DEFAULT 1 AFTER b, MODIFY TTL _tp_time + 1d, DROP PARTITION 202401',
  'DROP VIEW IF EXISTS a.b SETTINGS force_drop_big_stream = true',
  'EXPLAIN SYNTAX SELECT CASE x WHEN 1 THEN 2 ELSE 3 END, CAST(a AS nullable(int)), x::array(int), {p:string}, $$text$$, 0xFF, 1e-5, -5m, INTERVAL 3 MONTH FROM s AS x JOIN table(y) USING (a)',
  'SUBSCRIBE TO SELECT count() FROM s EMIT ON UPDATE WITH BATCH 1s',
  "GRANT SELECT(a, b) ON d.* TO u; CREATE USER u IDENTIFIED WITH sha256_password BY 'x'; KILL QUERY WHERE query_id = 'a' SYNC",
  "SHOW STREAMS FROM d LIKE '%a%'; DESCRIBE STREAM s; SHOW CREATE STREAM s; EXISTS STREAM s; USE d; SET a = 1, b = 'c'",
  "SELECT `q``uoted`, \"double\", 'es\\'ca\\x41ped', -- comment\n /* block /* nested */ */ a.b.c, * EXCEPT (x) REPLACE (y AS z), COLUMNS('re.*') FROM (SELECT 1 AS a)",
  'SELECT dedup.* FROM dedup(changelog(s, a, ts, true), a, 10s, 100) AS dedup ARRAY JOIN arr AS e PREWHERE a = 1 WINDOW w AS (ORDER BY a)',
]
const PIECES = [
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ';',
  '.',
  '::',
  '->',
  "'",
  '"',
  '`',
  '$$',
  '--',
  '/*',
  '*/',
  '\\',
  '\0',
  '\n',
  '=',
  '!=',
  '<=>',
  '||',
  '-',
  '+',
  '*',
  '/',
  '%',
  '?',
  ':',
  '@',
  '#',
  '~',
  '^',
  '&',
  '|',
  '🦀',
  '\ufeff',
  '\u2028',
  '\ud800',
  'SELECT',
  'FROM',
  'WHERE',
  'AND',
  'NOT',
  'NULL',
  'INTERVAL',
  'EMIT',
  'CASE',
  'END',
  'AS',
  'IN',
  'LIKE',
  'JOIN',
  'ON',
  'UNION ALL',
  'FORMAT',
  'SETTINGS',
  'VALUES',
  'WITH',
  'OVER',
  'BETWEEN',
  '1',
  '0x',
  '1e',
  '5m',
  '18446744073709551616',
  '.5.',
  'a',
  'table(',
  'x::int',
]
const TOKEN = /\s+|[A-Za-z_]\w*|\d+|[^\sA-Za-z_\d]/g

/** One input: a seed with a few things done to it, now and then something else altogether. */
export function brokenStatement(chance) {
  const kind = chance.below(40)
  if (kind === 0) return chance.bytes(chance.below(200)).toString('latin1')
  if (kind === 1) return deep(chance)
  if (kind === 2)
    return Array.from({ length: chance.below(60) }, () => chance.pick(PIECES)).join(chance.pick(['', ' ']))
  let tokens = chance.pick(SEEDS).match(TOKEN)
  const changes = 1 + chance.below(4)
  for (let i = 0; i < changes; i++) tokens = changed(tokens, chance)
  return tokens.join('')
}

export function wholeStatement(chance) {
  return chance.pick(SEEDS)
}

function changed(tokens, chance) {
  const at = chance.below(tokens.length + 1)
  const to = Math.min(tokens.length, at + 1 + chance.below(6))
  const before = tokens.slice(0, at)
  const after = tokens.slice(at)
  switch (chance.below(8)) {
    case 0:
      return [...before, ...tokens.slice(to)]
    case 1:
      return [...before, chance.pick(PIECES), ...after]
    case 2:
      return [...before, ...tokens.slice(at, to), ...after]
    case 3:
      return before
    case 4:
      return [...before, ...chance.pick(SEEDS).match(TOKEN).slice(chance.below(10))]
    case 5:
      return [...before, ' ', chance.pick(PIECES), ' ', ...tokens.slice(to)]
    case 6:
      return [...before, String.fromCharCode(chance.below(0x10000)), ...after]
    default:
      return [...before, ...Array.from({ length: 1 + chance.below(50) }, () => tokens[at] ?? '('), ...after]
  }
}

/** Nesting as deep as a request could have it. */
function deep(chance) {
  const open = chance.pick([
    '(',
    '[',
    'f(',
    '-',
    'NOT ',
    'CASE WHEN ',
    '(SELECT ',
    'a + ',
    '{1: ',
    'x -> ',
    "'a' || ",
    'array(',
  ])
  const close = chance.pick([')', ']', '', ' END', '}'])
  const depth = chance.pick([10, 100, 1000, 20_000])
  return `SELECT ${open.repeat(depth)}1${close.repeat(depth)}`
}
