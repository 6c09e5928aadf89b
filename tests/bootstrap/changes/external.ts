import type { ChangeCase } from './case.js'

const kafka = (columns: string, more = '') =>
  `CREATE EXTERNAL STREAM k_N (${columns}) SETTINGS type = 'kafka', brokers = '\${KAFKA_BROKERS}', topic = 'changes'${more}`

export const EXTERNAL: ChangeCase[] = [
  {
    kind: 'external_stream',
    what: 'a new column',
    before: kafka('id int32'),
    after: kafka('id int32, name string'),
    expected: { k_N: 'replace safe' },
  },
  {
    kind: 'external_stream',
    what: 'another format',
    before: kafka('raw string'),
    after: kafka('raw string', ", data_format = 'RawBLOB'"),
    expected: { k_N: 'replace safe' },
  },
  {
    kind: 'external_stream',
    what: 'another topic under a view and a materialized view',
    before: `${kafka('raw string')}; CREATE VIEW v_N AS SELECT raw FROM k_N; CREATE STREAM s_N (raw string);
      CREATE MATERIALIZED VIEW mv_N INTO s_N AS SELECT raw FROM v_N`,
    after: `${kafka('raw string').replace("'changes'", "'changes2'")}; CREATE VIEW v_N AS SELECT raw FROM k_N;
      CREATE STREAM s_N (raw string); CREATE MATERIALIZED VIEW mv_N INTO s_N AS SELECT raw FROM v_N`,
    expected: { k_N: 'replace rebuilds', v_N: 'replace rebuilds', mv_N: 'replace rebuilds' },
  },
  {
    kind: 'external_stream',
    what: 'a stream becomes external',
    before: 'CREATE STREAM k_N (raw string)',
    after: kafka('raw string'),
    expected: { k_N: 'replace destructive' },
  },
]
