import { join } from 'node:path'
import type { ProtonClient } from '../../driver/index.js'
import {
  type BenchCase,
  type BenchContext,
  Child,
  type Measurement,
  untilRows,
  withEngine,
} from '../harness.js'
import { ADDRESS, MESSAGE_ADDRESS, ROW } from '../view_data.js'

/** Both sides take turns so often, and the best of each counts: others use the machine as well. */
const ROUNDS = 3

interface ViewCase {
  name: string
  what: string
  rows: number
  tokens: number
  prepare(client: ProtonClient, rows: number, tokens: number): Promise<void>
  target: string
  query: string
  baseline: string
  /** Of the rows/s by hand. */
  limit: number
}

/** Names of functions as Proton has them. */
export const proton = (clickhouse: string) =>
  clickhouse
    .replaceAll('toString', 'to_string')
    .replaceAll('toDateTime64', 'to_datetime64')
    .replaceAll('toIntervalMillisecond', 'to_interval_millisecond')
    .replaceAll('intDiv', 'int_div')
    .replaceAll('cityHash64', 'city_hash64')
    .replaceAll('MD5', 'md5')

const numberedRows = async (client: ProtonClient, rows: number) => {
  await client.exec("CREATE STREAM src (v uint64, k string, ts datetime64(3, 'UTC'), x float64)")
  await client.exec(`INSERT INTO src (v, k, ts, x) SELECT ${proton(ROW)} FROM numbers(${rows})`)
}

const CASES: ViewCase[] = [
  {
    name: 'stateless',
    what: 'filter and projection',
    rows: 2_000_000,
    tokens: 0,
    prepare: numberedRows,
    target: '(v uint64, k string, y float64)',
    query: 'SELECT v, k, x * 2 + 1 AS y FROM src WHERE v % 10 != 0',
    baseline: 'chDB: INSERT … SELECT of 100,000 rows at a time',
    limit: 0.6,
  },
  {
    name: 'asof',
    what: 'ASOF JOIN with 500,000 tokens',
    rows: 500_000,
    tokens: 500_000,
    async prepare(client, rows, tokens) {
      await client.exec(
        "CREATE STREAM tokens (address string, kind string, ver uint64) PRIMARY KEY address SETTINGS mode = 'versioned_kv', version_column = 'ver', keep_versions = 1",
      )
      await client.exec(
        `INSERT INTO tokens (address, kind, ver) SELECT ${proton(ADDRESS)}, if(number % 3 = 0, 'strict', 'all'), 1 FROM numbers(${tokens})`,
      )
      await client.exec('CREATE STREAM src (address string, price float64, at uint64)')
      await client.exec(
        `INSERT INTO src (address, price, at) SELECT ${proton(MESSAGE_ADDRESS(tokens))}, number / 7, 100 FROM numbers(${rows})`,
      )
    },
    target: '(address string, price float64, kind string)',
    query:
      'SELECT m.address AS address, m.price AS price, j.kind AS kind FROM src AS m LEFT ASOF JOIN tokens AS j ON m.address = j.address AND m.at >= j.ver',
    baseline: 'chDB: the same join of 100,000 rows at a time with the tokens that occur in them',
    limit: 0.6,
  },
  {
    name: 'tumble',
    what: 'count and sum in tumbling windows',
    rows: 2_000_000,
    tokens: 0,
    prepare: numberedRows,
    target: "(w datetime64(3, 'UTC'), c uint64, s float64)",
    query:
      'SELECT window_start AS w, count() AS c, sum(x) AS s FROM tumble(src, ts, 1s) GROUP BY window_start',
    baseline: 'chDB: partials of 100,000 rows at a time, and the windows they close',
    limit: 0.5,
  },
]

/** A backlog through a materialized view, against the statements that somebody would write for it. */
async function measure(view: ViewCase, { dir, scale }: BenchContext): Promise<Measurement> {
  const rows = Math.max(10_000, Math.round(view.rows * scale))
  const tokens = Math.round(view.tokens * scale)
  const hand = new Child('by_hand_views.js')
  await hand.ask({ prepare: { view: view.name, dir: join(dir, `hand-${view.name}`), rows, tokens } })
  const best = { engine: Number.POSITIVE_INFINITY, byHand: Number.POSITIVE_INFINITY }
  await withEngine(join(dir, view.name), async ({ client }) => {
    await view.prepare(client, rows, tokens)
    for (let round = 0; round < ROUNDS; round++) {
      const { seconds, out } = await hand.ask<{ seconds: number; out: number }>('round')
      best.byHand = Math.min(best.byHand, seconds)
      await client.exec(`CREATE STREAM out (${view.target.slice(1, -1)})`)
      const started = performance.now()
      await client.exec(
        `CREATE MATERIALIZED VIEW mv INTO out AS ${view.query} SETTINGS seek_to = 'earliest', keep_versions = 1`,
      )
      await untilRows(client, 'SELECT count() AS value FROM table(out)', out)
      best.engine = Math.min(best.engine, (performance.now() - started) / 1000)
      await client.exec('DROP VIEW mv')
      await client.exec('DROP STREAM out')
    }
  })
  await hand.end()
  return {
    what: `materialized view, ${view.what}`,
    unit: 'rows/s',
    engine: rows / best.engine,
    byHand: rows / best.byHand,
    baseline: view.baseline,
    moreIsBetter: true,
    limit: { of: 'ratio', bound: view.limit },
  }
}

export const views: BenchCase[] = CASES.map((view) => ({
  name: view.name,
  run: async (context) => [await measure(view, context)],
}))
