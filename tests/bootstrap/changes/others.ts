import type { Edition } from '../../../dialect/index.js'
import { type ChangeCase, type Expected, SINCE_3 } from './case.js'

const WITH_JOBS: readonly Edition[] = ['embedded', ...SINCE_3]

const schema = (field: string) =>
  `CREATE FORMAT SCHEMA p_N AS 'syntax = "proto3"; message M { ${field} }' TYPE Protobuf`
const messages = (format: string) =>
  `CREATE EXTERNAL STREAM k_N (a string) SETTINGS type = 'kafka', brokers = '\${KAFKA_BROKERS}', topic = 'changes', data_format = '${format}'`
const dictionary = (columns: string, layout: string) =>
  `CREATE MUTABLE STREAM s_N (k uint64, v string, w string) PRIMARY KEY k;
   CREATE DICTIONARY d_N (${columns}) PRIMARY KEY k SOURCE(TIMEPLUS(STREAM 's_N')) LAYOUT(${layout}()) LIFETIME(60)`
const task = (every: string, query: string) =>
  `CREATE STREAM s_N (n uint64); CREATE TASK t_N SCHEDULE ${every} TIMEOUT 2s INTO s_N AS ${query}`
const CALLED = {
  python: 'LANGUAGE PYTHON AS $$ def f_N(x): return x $$',
  javascript: 'LANGUAGE JAVASCRIPT AS $$ function f_N(x) { return x } $$',
}
const alert = (language: keyof typeof CALLED, limit: number, filter: string) => `CREATE STREAM s_N (x int32);
  CREATE FUNCTION f_N(x int32) RETURNS int32 ${CALLED[language]};
  CREATE ALERT a_N BATCH 10 EVENTS WITH TIMEOUT 5s LIMIT ${limit} ALERTS PER 15s CALL f_N AS SELECT x FROM s_N WHERE ${filter}`

export const OTHERS: ChangeCase[] = [
  {
    kind: 'format_schema',
    what: 'another field',
    before: schema('string a = 1;'),
    after: schema('string a = 1; int32 b = 2;'),
    expected: { 'format_schema:p_N': 'replace safe' },
    sends: {
      'format_schema:p_N': [
        `CREATE OR REPLACE FORMAT SCHEMA p_N AS 'syntax = "proto3"; message M { string a = 1; int32 b = 2; }' TYPE Protobuf`,
      ],
    },
  },
  {
    kind: 'format_schema',
    what: 'taken away, after the stream that used it',
    before: `${schema('string a = 1;')}; ${messages('ProtobufSingle')}, format_schema = 'p_N:M'`,
    after: messages('JSONEachRow'),
    expected: { 'format_schema:p_N': 'drop destructive', k_N: 'replace safe' },
  },
  {
    kind: 'named_collection',
    what: 'another value',
    before: "CREATE NAMED COLLECTION c_N AS brokers = 'a:9092', topic = 't'",
    after: "CREATE NAMED COLLECTION c_N AS brokers = 'b:9092', topic = 't'",
    editions: WITH_JOBS,
    expected: { 'named_collection:c_N': 'alter safe' },
    sends: { 'named_collection:c_N': ["ALTER NAMED COLLECTION c_N SET brokers = 'b:9092', topic = 't'"] },
  },
  {
    kind: 'named_collection',
    what: 'a key less',
    before: "CREATE NAMED COLLECTION c_N AS brokers = 'a:9092', topic = 't'",
    after: "CREATE NAMED COLLECTION c_N AS brokers = 'a:9092'",
    editions: WITH_JOBS,
    expected: { 'named_collection:c_N': 'alter safe' },
    sends: {
      'named_collection:c_N': ["ALTER NAMED COLLECTION c_N SET brokers = 'a:9092' DELETE topic"],
    },
  },
  {
    kind: 'named_collection',
    what: 'a key that may not be overridden any more',
    before: "CREATE NAMED COLLECTION c_N AS brokers = 'a:9092'",
    after: "CREATE NAMED COLLECTION c_N AS brokers = 'a:9092' NOT OVERRIDABLE",
    editions: WITH_JOBS,
    expected: { 'named_collection:c_N': 'replace safe' },
  },
  {
    kind: 'dictionary',
    what: 'another attribute',
    before: dictionary("k uint64, v string DEFAULT ''", 'FLAT'),
    after: dictionary("k uint64, v string DEFAULT '', w string DEFAULT ''", 'FLAT'),
    editions: WITH_JOBS,
    expected: { d_N: 'replace safe' },
  },
  {
    kind: 'dictionary',
    what: 'another layout, under a view',
    before: `${dictionary("k uint64, v string DEFAULT ''", 'FLAT')}; CREATE VIEW v_N AS SELECT dict_get('d_N', 'v', k) AS v FROM s_N`,
    after: `${dictionary("k uint64, v string DEFAULT ''", 'HASHED')}; CREATE VIEW v_N AS SELECT dict_get('d_N', 'v', k) AS v FROM s_N`,
    editions: WITH_JOBS,
    expected: { d_N: 'replace safe' },
  },
  {
    kind: 'task',
    what: 'more often',
    before: task('10s', 'SELECT count() AS n FROM table(s_N)'),
    after: task('5s', 'SELECT count() AS n FROM table(s_N)'),
    editions: WITH_JOBS,
    expected: { 'task:t_N': 'replace safe' },
    sends: {
      'task:t_N': [
        'CREATE OR REPLACE TASK t_N SCHEDULE 5s TIMEOUT 2s INTO s_N AS SELECT count() AS n FROM table(s_N)',
      ],
    },
  },
  {
    kind: 'task',
    what: 'another query',
    before: task('10s', 'SELECT count() AS n FROM table(s_N)'),
    after: task('10s', 'SELECT max(n) AS n FROM table(s_N)'),
    editions: WITH_JOBS,
    expected: { 'task:t_N': 'replace safe' },
  },
  {
    kind: 'task',
    what: 'its target is made anew',
    before: task('10s', 'SELECT 1 AS n'),
    after: task('10s', 'SELECT 1 AS n').replace('n uint64', 'n uint32'),
    editions: WITH_JOBS,
    expected: (edition): Expected =>
      edition === 'embedded' ? { s_N: 'replace safe' } : { s_N: 'replace safe', 'task:t_N': 'replace safe' },
  },
  {
    kind: 'alert',
    what: 'another limit',
    before: alert('python', 1, 'x > 1'),
    after: alert('python', 2, 'x > 1'),
    editions: SINCE_3,
    expected: { 'alert:a_N': 'replace rebuilds' },
  },
  {
    kind: 'alert',
    what: 'another condition',
    before: alert('python', 1, 'x > 1'),
    after: alert('python', 1, 'x > 2'),
    editions: SINCE_3,
    expected: { 'alert:a_N': 'replace rebuilds' },
  },
  {
    kind: 'alert',
    what: 'another limit and condition, calling JavaScript',
    before: alert('javascript', 1, 'x > 1'),
    after: alert('javascript', 2, 'x > 2'),
    editions: ['embedded'],
    expected: { 'alert:a_N': 'replace rebuilds' },
  },
]
