/**
 * Views by hand: what somebody who knows chDB writes to carry a table's new rows through a query, batch by batch, with
 * a number and a time for each row that comes out, so that the next view can go on from there. A process prepares one
 * of them and then runs it as often as it is told.
 */
import type { Session } from 'chdb'
import { open, run, type Seconds, timed, value } from './chdb.js'
import { ADDRESS, MESSAGE_ADDRESS, ROW } from './view_data.js'

/** Rows of a batch: large enough that what a statement costs by itself does not count. */
const BATCH = 100_000

interface Input {
  dir: string
  rows: number
  tokens: number
}

interface View {
  prepare(session: Session, input: Input): Promise<void>
  /** Statements for the rows of src numbered `from` to `to`. */
  batch(from: number, to: number): string[]
  tables: Record<string, string>
}

const numbered = 'n UInt64, t DateTime64(3) DEFAULT now64(3)'

async function rowsOf(session: Session, { rows }: Input): Promise<void> {
  await run(
    session,
    `CREATE TABLE src (v UInt64, k String, ts DateTime64(3), x Float64, ${numbered}) ENGINE = MergeTree ORDER BY n`,
  )
  await run(
    session,
    `INSERT INTO src (v, k, ts, x, n) SELECT ${ROW}, number + 1 FROM numbers(${rows}) SETTINGS max_threads = 1`,
  )
}

const VIEWS: Record<string, View> = {
  stateless: {
    prepare: rowsOf,
    tables: { out: `(v UInt64, k String, y Float64, ${numbered}) ENGINE = MergeTree ORDER BY n` },
    batch: (from, to) => [
      `INSERT INTO out (v, k, y, n) SELECT v, k, x * 2 + 1, ${from} + rowNumberInAllBlocks() FROM src WHERE n >= ${from} AND n < ${to} AND v % 10 != 0`,
    ],
  },
  asof: {
    async prepare(session, { rows, tokens }) {
      await run(
        session,
        `CREATE TABLE tokens (address String, kind String, ver UInt64) ENGINE = MergeTree ORDER BY address`,
      )
      await run(
        session,
        `INSERT INTO tokens SELECT ${ADDRESS}, if(number % 3 = 0, 'strict', 'all'), 1 FROM numbers(${tokens})`,
      )
      await run(
        session,
        `CREATE TABLE src (address String, price Float64, at UInt64, ${numbered}) ENGINE = MergeTree ORDER BY n`,
      )
      await run(
        session,
        `INSERT INTO src (address, price, at, n) SELECT ${MESSAGE_ADDRESS(tokens)}, number / 7, 100, number + 1 FROM numbers(${rows}) SETTINGS max_threads = 1`,
      )
    },
    tables: {
      out: `(address String, price Float64, kind String, ${numbered}) ENGINE = MergeTree ORDER BY n`,
    },
    // The tokens that occur in the batch, rather than all of them, go into the join's table: ten times faster.
    batch: (from, to) => {
      const range = `n >= ${from} AND n < ${to}`
      return [
        `INSERT INTO out (address, price, kind, n) SELECT m.address, m.price, j.kind, m.n FROM (SELECT * FROM src WHERE ${range}) AS m ASOF LEFT JOIN (SELECT * FROM tokens WHERE address IN (SELECT address FROM src WHERE ${range})) AS j ON m.address = j.address AND m.at >= j.ver`,
      ]
    },
  },
  tumble: {
    prepare: rowsOf,
    tables: {
      partials:
        '(w DateTime64(3), c AggregateFunction(count), s AggregateFunction(sum, Float64)) ENGINE = AggregatingMergeTree ORDER BY w',
      out: `(w DateTime64(3), c UInt64, s Float64, ${numbered}) ENGINE = MergeTree ORDER BY n`,
    },
    // Partials of the batch, then the windows that its newest row has closed.
    batch: (from, to) => {
      const start = `toStartOfInterval(ts, toIntervalSecond(1))`
      const newest = (upTo: number) => `(SELECT ${start} FROM src WHERE n < ${upTo} ORDER BY n DESC LIMIT 1)`
      const fresh = from === 1 ? '1' : `w >= ${newest(from)}`
      return [
        `INSERT INTO partials SELECT ${start} AS w, countState(), sumState(x) FROM src WHERE n >= ${from} AND n < ${to} GROUP BY w`,
        `INSERT INTO out (w, c, s, n) SELECT w, countMerge(c), sumMerge(s), ${from} + rowNumberInAllBlocks() FROM partials WHERE w < ${newest(to)} AND ${fresh} GROUP BY w`,
      ]
    },
  },
}

async function round(session: Session, view: View, rows: number): Promise<Seconds & { out: number }> {
  for (const [name, definition] of Object.entries(view.tables)) {
    await run(session, `DROP TABLE IF EXISTS ${name} SYNC`)
    await run(session, `CREATE TABLE ${name} ${definition}`)
  }
  const { seconds } = await timed(async () => {
    for (let from = 1; from <= rows; from += BATCH) {
      for (const sql of view.batch(from, from + BATCH)) await run(session, sql)
    }
  })
  return { seconds, out: await value(session, 'SELECT count() FROM out') }
}

type Message = { prepare: Input & { view: string } } | 'round' | 'end'

let session: Session
let view: View
let rows = 0
process.on('message', async (message: Message) => {
  if (message === 'end') return process.exit(0)
  if (message === 'round') return process.send!(await round(session, view, rows))
  const input = message.prepare
  session = open(input.dir)
  view = VIEWS[input.view]!
  rows = input.rows
  await view.prepare(session, input)
  process.send!('ready')
})
