/**
 * Pipelines of each kind over rows that number themselves, and what must have come of rows 1 … n once all is through:
 * a query of the target, and its answer. `n` counts rows of `src`, `messages` those of the topic.
 */
export interface Fed {
  n: number
  messages: number
}

export interface Pipeline {
  kind: string
  /** Makes the target and the view; `brokers` for those that read a topic. */
  statements(brokers: string): string[]
  check: string
  due(fed: Fed): string[]
}

/** Rows of `src` that one account gets its balance from. */
export const ACCOUNTS = 40

/** Statements that come before all pipelines. */
export const SOURCES = [
  "CREATE STREAM src (v uint64, k string, ts datetime64(3, 'UTC'))",
  'CREATE MUTABLE STREAM names (k string, name string) PRIMARY KEY k',
  "CREATE STREAM rates (k string, ver uint64, rate uint64) PRIMARY KEY k SETTINGS mode = 'versioned_kv', version_column = 'ver'",
  "CREATE STREAM accounts (k string, balance uint64) PRIMARY KEY k SETTINGS mode = 'versioned_kv'",
  'CREATE FUNCTION twice(v uint64) RETURNS uint64 LANGUAGE JAVASCRIPT AS $$ function twice(vs) { return vs.map((v) => Number(v) * 2) } $$',
]

const sum = (n: number) => (n * (n + 1)) / 2
const numbers = (n: number) => [String(n), String(n), String(sum(n))]

/** A view that keeps rows as they are: as many rows as numbers, none twice. */
function rowByRow(kind: string, query: string, over: (n: number) => string[] = numbers): Pipeline {
  return {
    kind,
    statements: () => [
      `CREATE STREAM ${kind}_out (v uint64)`,
      `CREATE MATERIALIZED VIEW ${kind} INTO ${kind}_out AS ${query}`,
    ],
    check: `SELECT count(), unique_exact(v), sum(v) FROM table(${kind}_out)`,
    due: ({ n }) => over(n),
  }
}

/** Rows as they are, with a column that a lookup filled in each of them. */
function looked(kind: string, query: string): Pipeline {
  const plain = rowByRow(kind, query)
  return {
    ...plain,
    statements: () => [
      `CREATE STREAM ${kind}_out (v uint64, found string)`,
      `CREATE MATERIALIZED VIEW ${kind} INTO ${kind}_out AS ${query}`,
    ],
    check: `SELECT count(), unique_exact(v), sum(v), count_if(found != concat('of ', to_string(v % ${ACCOUNTS}))) FROM table(${kind}_out)`,
    due: (fed) => [...plain.due(fed), '0'],
  }
}

/** Windows that count each row `times`; those of the last row, which closes all others, stay open. */
function windowed(kind: string, from: string, times: number): Pipeline {
  return {
    kind,
    statements: () => [
      `CREATE STREAM ${kind}_out (win_start datetime64(3, 'UTC'), n uint64, total uint64)`,
      `CREATE MATERIALIZED VIEW ${kind} INTO ${kind}_out AS SELECT window_start AS win_start, count() AS n, sum(v) AS total FROM ${from} GROUP BY window_start, window_end`,
    ],
    check: `SELECT sum(n), sum(total), count() - unique_exact(win_start) FROM table(${kind}_out)`,
    due: ({ n }) => [String((n - 1) * times), String(sum(n - 1) * times), '0'],
  }
}

export const PIPELINES: Pipeline[] = [
  rowByRow('plain', 'SELECT v FROM src'),
  rowByRow('chained', 'SELECT v FROM plain'),
  rowByRow('deduplicated', 'SELECT v FROM dedup(src, v)'),
  rowByRow('function_js', 'SELECT twice(v) AS v FROM src', (n) => [String(n), String(n), String(2 * sum(n))]),
  looked(
    'enriched',
    'SELECT s.v AS v, names.name AS found FROM src AS s LEFT LATEST JOIN names ON s.k = names.k',
  ),
  looked(
    'asof',
    "SELECT s.v AS v, concat('of ', to_string(r.rate)) AS found FROM src AS s ASOF JOIN rates AS r ON s.k = r.k AND s.v >= r.ver",
  ),
  rowByRow('joined', 'SELECT a.v AS v FROM src AS a JOIN (SELECT v AS w FROM src) AS b ON a.v = b.w'),
  windowed('tumbled', 'tumble(src, ts, 1s)', 1),
  windowed('hopped', 'hop(src, ts, 1s, 2s)', 2),
  windowed('sessions', 'session(src, ts, 5s)', 1),
  {
    kind: 'totals',
    statements: () => [
      'CREATE STREAM totals_out (n uint64, total uint64)',
      'CREATE MATERIALIZED VIEW totals INTO totals_out AS SELECT count() AS n, sum(v) AS total FROM src EMIT PERIODIC 100ms',
    ],
    // Each answer, not only the last, is of rows 1 … n.
    check: 'SELECT max(n), max(total), count_if(total != n * (n + 1) / 2) FROM table(totals_out)',
    due: ({ n }) => [String(n), String(sum(n)), '0'],
  },
  {
    kind: 'grouped',
    statements: () => [
      'CREATE MUTABLE STREAM grouped_out (k string, n uint64, total uint64) PRIMARY KEY k',
      'CREATE MATERIALIZED VIEW grouped INTO grouped_out AS SELECT k, count() AS n, sum(v) AS total FROM src GROUP BY k EMIT PERIODIC 100ms',
    ],
    check: 'SELECT sum(n), sum(total), count() FROM table(grouped_out)',
    due: ({ n }) => [String(n), String(sum(n)), String(Math.min(n, ACCOUNTS))],
  },
  {
    kind: 'changes',
    statements: () => [
      'CREATE STREAM changes_out (k string, n uint64, d int8)',
      'CREATE MATERIALIZED VIEW changes INTO changes_out AS SELECT k, n, _tp_delta AS d, _tp_delta FROM (SELECT k, count() AS n, _tp_delta FROM src GROUP BY k EMIT CHANGELOG PERIODIC 100ms)',
    ],
    check: 'SELECT sum(to_int64(n) * d), sum(d) FROM table(changes_out)',
    due: ({ n }) => [String(n), String(Math.min(n, ACCOUNTS))],
  },
  {
    kind: 'balances',
    statements: () => [
      'CREATE STREAM balances_out (n uint64, total uint64)',
      'CREATE MATERIALIZED VIEW balances INTO balances_out AS SELECT count() AS n, sum(balance) AS total FROM accounts EMIT PERIODIC 100ms',
    ],
    check: 'SELECT arg_max(n, _tp_sn), arg_max(total, _tp_sn) FROM table(balances_out)',
    due: ({ n }) => {
      const held = Math.min(n, ACCOUNTS)
      return [String(held), String(sum(n) - sum(n - held))]
    },
  },
  {
    // Both sides change; what is taken back and what is put in its place come to the newest balance of each account.
    kind: 'keyed_join',
    statements: () => [
      'CREATE STREAM keyed_join_out (k string, balance uint64, d int8)',
      'CREATE MATERIALIZED VIEW keyed_join INTO keyed_join_out AS SELECT a.k AS k, a.balance AS balance, _tp_delta AS d, _tp_delta FROM accounts AS a INNER JOIN rates AS r ON a.k = r.k',
    ],
    check: 'SELECT sum(d), sum(to_int64(balance) * d) FROM table(keyed_join_out)',
    due: ({ n }) => {
      const held = Math.min(n, ACCOUNTS)
      return [String(held), String(sum(n) - sum(n - held))]
    },
  },
  {
    kind: 'from_kafka',
    statements: (brokers) => [
      `CREATE EXTERNAL STREAM messages (v uint64) SETTINGS type = 'kafka', brokers = '${brokers}', topic = 'messages'`,
      'CREATE STREAM from_kafka_out (v uint64)',
      "CREATE MATERIALIZED VIEW from_kafka INTO from_kafka_out AS SELECT v FROM messages SETTINGS seek_to = 'earliest'",
    ],
    check: 'SELECT count(), unique_exact(v), sum(v) FROM table(from_kafka_out)',
    due: ({ messages }) => numbers(messages),
  },
  {
    kind: 'kafka_totals',
    statements: () => [
      'CREATE STREAM kafka_totals_out (n uint64, total uint64)',
      "CREATE MATERIALIZED VIEW kafka_totals INTO kafka_totals_out AS SELECT count() AS n, sum(v) AS total FROM messages EMIT PERIODIC 100ms SETTINGS seek_to = 'earliest'",
    ],
    check: 'SELECT max(n), max(total) FROM table(kafka_totals_out)',
    due: ({ messages }) => [String(messages), String(sum(messages))],
  },
]
