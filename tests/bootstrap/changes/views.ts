import { byEdition, type ChangeCase, SINCE_3 } from './case.js'

const S = 'CREATE STREAM s_N (id int32, name string); CREATE STREAM t_N (id int32, name string);'
const KEYED =
  'CREATE STREAM s_N (id int32, name string); CREATE MUTABLE STREAM t_N (id int32, name string) PRIMARY KEY name;'
const PIPELINE = (
  filter: string,
  more = '',
) => `${S} CREATE VIEW v_N AS SELECT id, name FROM s_N WHERE ${filter};
  CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT id, name FROM v_N${more}`
const MV = (query: string) => `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS ${query}`

export const VIEWS: ChangeCase[] = [
  {
    kind: 'view',
    what: 'another filter',
    before: `${S} CREATE VIEW v_N AS SELECT id FROM s_N WHERE id > 1`,
    after: `${S} CREATE VIEW v_N AS SELECT id FROM s_N WHERE id > 2`,
    expected: { v_N: 'replace safe' },
    sends: { v_N: ['CREATE OR REPLACE VIEW v_N AS SELECT id FROM s_N WHERE id > 2'] },
  },
  {
    kind: 'view',
    what: 'another source',
    before: `${S} CREATE VIEW v_N AS SELECT id FROM s_N`,
    after: `${S} CREATE VIEW v_N AS SELECT id FROM t_N`,
    expected: { v_N: 'replace safe' },
  },
  {
    kind: 'view',
    what: 'layout and brackets',
    before: `${S} CREATE VIEW v_N AS SELECT id FROM s_N WHERE id > 1 AND name != ''`,
    after: `${S} create view v_N as\n  select id -- key\n  from s_N where ((id > 1) and name != '')`,
    expected: {},
  },
  {
    kind: 'view',
    what: 'a view under another one',
    before: `${S} CREATE VIEW v_N AS SELECT id, name FROM s_N; CREATE VIEW w_N AS SELECT id FROM v_N`,
    after: `${S} CREATE VIEW v_N AS SELECT id, name FROM t_N; CREATE VIEW w_N AS SELECT id FROM v_N`,
    expected: { v_N: 'replace safe', w_N: 'replace safe' },
  },
  {
    kind: 'view',
    what: 'a view under a materialized view',
    before: PIPELINE('id > 1'),
    after: PIPELINE('id > 2'),
    expected: byEdition(
      { v_N: 'replace safe', mv_N: 'alter safe' },
      { v_N: 'replace safe', mv_N: 'replace safe' },
      { v_N: 'replace rebuilds', mv_N: 'replace rebuilds' },
    ),
  },
  {
    kind: 'view',
    what: 'it becomes a stream',
    before: `${S} CREATE VIEW v_N AS SELECT id FROM s_N`,
    after: `${S} CREATE STREAM v_N (id int32)`,
    expected: { v_N: 'replace safe' },
  },
  {
    kind: 'view',
    what: 'taken away',
    before: `${S} CREATE VIEW v_N AS SELECT id FROM s_N`,
    after: S,
    expected: { v_N: 'drop destructive' },
  },
  {
    kind: 'materialized_view',
    what: 'another filter',
    before: MV('SELECT id, name FROM s_N WHERE id > 1'),
    after: MV('SELECT id, name FROM s_N WHERE id > 2'),
    expected: byEdition({ mv_N: 'alter safe' }, { mv_N: 'alter safe' }, { mv_N: 'replace rebuilds' }),
  },
  {
    kind: 'materialized_view',
    what: 'a new column, in its target too',
    before: MV('SELECT id, name FROM s_N'),
    after: `CREATE STREAM s_N (id int32, name string); CREATE STREAM t_N (id int32, name string, twice int64);
      CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT id, name, to_int64(id * 2) AS twice FROM s_N`,
    expected: byEdition(
      { t_N: 'alter safe', mv_N: 'alter safe' },
      { t_N: 'alter safe', mv_N: 'alter safe' },
      { t_N: 'alter safe', mv_N: 'replace rebuilds' },
    ),
  },
  {
    kind: 'materialized_view',
    what: 'another aggregate',
    before: `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name FROM s_N GROUP BY name`,
    after: `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT min(id) AS id, name FROM s_N GROUP BY name`,
    expected: byEdition({ t_N: 'replace safe', mv_N: 'replace safe' }, { mv_N: 'replace rebuilds' }),
  },
  {
    kind: 'materialized_view',
    what: 'one more aggregate, in its target too',
    before: `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name FROM s_N GROUP BY name`,
    after: `${S.replace('t_N (id int32', 't_N (least uint64, id int32')}
      CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name, count() AS least FROM s_N GROUP BY name`,
    expected: byEdition(
      { t_N: 'replace safe', mv_N: 'replace safe' },
      { t_N: 'alter safe', mv_N: 'alter safe' },
      { t_N: 'alter safe', mv_N: 'replace rebuilds' },
    ),
  },
  {
    kind: 'materialized_view',
    what: 'another aggregate, into a stream with a key',
    before: `${KEYED} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name FROM s_N GROUP BY name`,
    after: `${KEYED} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT min(id) AS id, name FROM s_N GROUP BY name`,
    expected: byEdition({ t_N: 'replace safe', mv_N: 'replace safe' }, { mv_N: 'replace safe' }),
  },
  {
    kind: 'materialized_view',
    what: 'a window closes later',
    before: `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name FROM tumble(s_N, 5s)
      GROUP BY window_start, name EMIT AFTER WINDOW CLOSE WITH DELAY 1s`,
    after: `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name FROM tumble(s_N, 5s)
      GROUP BY window_start, name EMIT AFTER WINDOW CLOSE WITH DELAY 2s`,
    expected: byEdition({ t_N: 'replace safe', mv_N: 'replace safe' }, { mv_N: 'replace rebuilds' }),
  },
  {
    kind: 'materialized_view',
    what: 'the two spellings of EMIT',
    before: `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name FROM tumble(s_N, 5s)
      GROUP BY window_start, name EMIT AFTER WATERMARK WITH DELAY 1s`,
    after: `${S} CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT max(id) AS id, name FROM tumble(s_N, 5s)
      GROUP BY window_start, name EMIT AFTER WINDOW CLOSE WITH DELAY INTERVAL 1 SECOND`,
    expected: {},
  },
  {
    kind: 'materialized_view',
    what: 'another setting of its query',
    before: MV('SELECT id, name FROM s_N SETTINGS checkpoint_interval = 5'),
    after: MV('SELECT id, name FROM s_N SETTINGS checkpoint_interval = 9'),
    expected: (edition) => ({ mv_N: edition === 'oss-1.6' ? 'replace rebuilds' : 'alter safe' }),
  },
  {
    kind: 'materialized_view',
    what: 'a setting more and one less',
    before: MV('SELECT id, name FROM s_N SETTINGS checkpoint_interval = 5'),
    after: MV("SELECT id, name FROM s_N SETTINGS recovery_policy = 'best_effort'"),
    editions: ['embedded', ...SINCE_3],
    expected: { mv_N: 'alter safe' },
    sends: {
      mv_N: [
        "ALTER VIEW mv_N MODIFY QUERY SETTING recovery_policy = 'best_effort'",
        'ALTER VIEW mv_N RESET QUERY SETTING checkpoint_interval',
      ],
    },
  },
  {
    kind: 'materialized_view',
    what: 'another target',
    before: MV('SELECT id, name FROM s_N'),
    after: `${S} CREATE STREAM u_N (id int32, name string); CREATE MATERIALIZED VIEW mv_N INTO u_N AS SELECT id, name FROM s_N`,
    expected: byEdition(
      { u_N: 'create safe', mv_N: 'replace safe' },
      { u_N: 'create safe', mv_N: 'replace safe' },
      { u_N: 'create safe', mv_N: 'replace rebuilds' },
    ),
  },
  {
    kind: 'materialized_view',
    what: 'one that holds its rows itself',
    before: `${S} CREATE MATERIALIZED VIEW mv_N AS SELECT id FROM s_N`,
    after: `${S} CREATE MATERIALIZED VIEW mv_N AS SELECT id, name FROM s_N`,
    expected: byEdition({ mv_N: 'replace safe' }, { mv_N: 'replace destructive' }),
  },
  {
    kind: 'materialized_view',
    what: 'its source gets another type',
    before: MV('SELECT id, name FROM s_N'),
    after: `CREATE STREAM s_N (id int16, name string); CREATE STREAM t_N (id int32, name string);
      CREATE MATERIALIZED VIEW mv_N INTO t_N AS SELECT id, name FROM s_N`,
    expected: byEdition(
      { s_N: 'replace safe', mv_N: 'replace safe' },
      { s_N: 'replace rebuilds', mv_N: 'replace rebuilds' },
    ),
  },
  {
    kind: 'materialized_view',
    what: 'a chain of them',
    before: `${PIPELINE('id > 1')}; CREATE STREAM u_N (id int32); CREATE MATERIALIZED VIEW next_N INTO u_N AS SELECT id FROM t_N`,
    after: `${PIPELINE('id > 2')}; CREATE STREAM u_N (id int32); CREATE MATERIALIZED VIEW next_N INTO u_N AS SELECT id FROM t_N`,
    expected: byEdition(
      { v_N: 'replace safe', mv_N: 'alter safe' },
      { v_N: 'replace safe', mv_N: 'replace safe' },
      { v_N: 'replace rebuilds', mv_N: 'replace rebuilds' },
    ),
  },
  {
    kind: 'materialized_view',
    what: 'taken away',
    before: MV('SELECT id, name FROM s_N'),
    after: S,
    expected: { mv_N: 'drop destructive' },
  },
]
