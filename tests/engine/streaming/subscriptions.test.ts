import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseQuery } from '../../../dialect/index.js'
import { RecordLog } from '../../../engine/streaming/record_log.js'
import { Bench, type Tail } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

/** Seconds after noon. */
const at = (seconds: number) => new Date(Date.UTC(2024, 0, 1, 12, 0, seconds)).toISOString().slice(0, 19)

let count = 0
async function source(): Promise<string> {
  const name = `s${++count}`
  await bench.stream(name, { k: 'string', v: 'int32', ts: "datetime('UTC')" })
  return name
}

/** Rows with a second of event time each. */
const rows = (...vs: number[]) => vs.map((v) => ({ k: v % 2 ? 'odd' : 'even', v, ts: at(v) }))

/** Leaves a subscription the way its client does. */
type Leave = (tail: Tail) => Promise<void>
const LEAVES: Record<string, Leave> = {
  'its client': (tail) => tail.stop(),
  'the engine': async (tail) => {
    await bench.restart()
    await tail.done
  },
}

interface Case {
  query: (source: string) => string
  /** Rows inserted, and what comes of them: while subscribed; while nobody listens; after recovery. */
  before: { insert: number[]; rows: unknown[][] }
  away: { insert: number[]; rows: unknown[][] }
  after: { insert: number[]; rows: unknown[][] }
}

const CASES: Record<string, Case> = {
  'a filter': {
    query: (s) => `SELECT v FROM ${s} WHERE k = 'odd'`,
    before: { insert: [1, 2, 3], rows: [[1], [3]] },
    away: { insert: [5], rows: [[5]] },
    after: { insert: [6, 7], rows: [[7]] },
  },
  'a tumble': {
    query: (s) => `SELECT count() AS n, sum(v) AS total FROM tumble(${s}, ts, 10s) GROUP BY window_start`,
    before: { insert: [1, 2, 12], rows: [['2', '3']] },
    away: { insert: [13, 21], rows: [['2', '25']] },
    after: { insert: [25, 31], rows: [['2', '46']] },
  },
  'a global aggregation': {
    query: (s) => `SELECT emit_version(), count() AS n, max(v) AS top FROM ${s} EMIT ON UPDATE`,
    before: { insert: [1, 2], rows: [['0', '2', 2]] },
    away: { insert: [9], rows: [['1', '3', 9]] },
    after: { insert: [3], rows: [['2', '4', 9]] },
  },
  'a join': {
    query: (s) =>
      `SELECT a.v AS v, b.v AS w FROM ${s} AS a JOIN (SELECT k, v FROM ${s} WHERE v < 3) AS b ON a.k = b.k`,
    before: {
      insert: [1, 2],
      rows: [
        [1, 1],
        [2, 2],
      ],
    },
    away: { insert: [3], rows: [[3, 1]] },
    after: { insert: [4], rows: [[4, 2]] },
  },
  'a lag': {
    query: (s) => `SELECT v, lag(v) AS before FROM ${s}`,
    before: {
      insert: [1, 2],
      rows: [
        [1, 0],
        [2, 1],
      ],
    },
    away: { insert: [3], rows: [[3, 2]] },
    after: { insert: [4], rows: [[4, 3]] },
  },
  'a limit': {
    query: (s) => `SELECT v FROM ${s} LIMIT 3 OFFSET 1`,
    before: { insert: [1, 2], rows: [[2]] },
    away: { insert: [3], rows: [[3]] },
    after: { insert: [4, 5], rows: [[4]] },
  },
}

describe('a subscription goes on where it was', () => {
  for (const [i, [name, { query, before, away, after }]] of Object.entries(CASES).entries()) {
    for (const [who, leave] of Object.entries(LEAVES)) {
      // Clients leave all queries alike.
      if (who === 'its client' && i > 1) continue
      it(`${name}, left by ${who}`, async () => {
        const s = await source()
        const id = `${name} of ${s}`
        const first = await bench.subscribe(id, query(s))
        await bench.insert(s, rows(...before.insert))
        expect(sorted(await first.take(before.rows.length))).toEqual(sorted(before.rows))
        await leave(first)
        await bench.insert(s, rows(...away.insert))
        const second = await bench.recover(id)
        expect(await second.take(away.rows.length)).toEqual(away.rows)
        await bench.insert(s, rows(...after.insert))
        expect(await second.take(away.rows.length + after.rows.length)).toEqual([...away.rows, ...after.rows])
        await second.stop()
        expect(sorted(first.rows)).toEqual(sorted(before.rows))
        await bench.runtime.unsubscribe(id)
      })
    }
  }

  it('a changelog shows every value, also of appends that wait together', async () => {
    const s = await source()
    const first = await bench.subscribe(s, `SELECT v, _tp_delta FROM changelog(${s}, k)`)
    await bench.insert(s, rows(1))
    await first.take(1)
    await first.stop()
    await bench.insert(s, rows(3))
    await bench.insert(s, rows(5))
    const second = await bench.recover(s)
    expect(await second.take(4)).toEqual([
      [1, -1],
      [3, 1],
      [3, -1],
      [5, 1],
    ])
    await second.stop()
    await bench.runtime.unsubscribe(s)
  })

  it('from any step of a batch that fails, its rows sent once and counted once', async () => {
    for (const step of ['recorded', 'before state1', 'after state1', 'stepped']) {
      const s = await source()
      const first = await bench.subscribe(s, `SELECT count() AS n, sum(v) AS total FROM ${s} EMIT ON UPDATE`)
      await bench.insert(s, rows(1))
      await first.take(1)
      bench.fault = (point) => {
        if (!point.endsWith(`:${step}`)) return
        bench.fault = undefined
        throw new Error('a crash')
      }
      await bench.insert(s, rows(2))
      await first.done
      expect(first.error).toMatchObject({ message: 'a crash' })
      await bench.restart()
      const second = await bench.recover(s)
      await bench.insert(s, rows(3))
      await second.take(2)
      expect([...first.rows, ...second.rows]).toEqual([
        ['1', '1'],
        ['2', '3'],
        ['3', '6'],
      ])
      await second.stop()
    }
  })

  it('what the client did not take is sent again', async () => {
    const s = await source()
    const query = await bench.runtime.subscribe(parseQuery(`SELECT v FROM ${s}`), {
      ...bench.context(),
      queryId: s,
    })
    const emissions = query.emissions[Symbol.asyncIterator]()
    const next = emissions.next()
    await bench.insert(s, rows(1))
    await next
    // The emission is out, and nobody has asked for the one behind it.
    await query.cancel()
    await emissions.next().catch(() => undefined)
    const second = await bench.recover(s)
    expect(await second.take(1)).toEqual([[1]])
    await second.stop()
  })
})

describe('what a subscription refuses', () => {
  it('ids that nobody subscribed, and those that were unsubscribed', async () => {
    await expect(bench.recover('never')).rejects.toMatchObject({
      code: 2003,
      errorName: 'RESOURCE_NOT_FOUND',
    })
    const s = await source()
    await (await bench.subscribe(s, `SELECT v FROM ${s}`)).stop()
    await bench.runtime.unsubscribe(s)
    await expect(bench.recover(s)).rejects.toMatchObject({ code: 394 })
    await bench.runtime.unsubscribe('never')
  })

  it('to run twice', async () => {
    const s = await source()
    const tail = await bench.subscribe(s, `SELECT v FROM ${s}`)
    await expect(bench.recover(s)).rejects.toMatchObject({ code: 216 })
    await tail.stop()
  })

  it('a source that is another one by now', async () => {
    const s = await source()
    await bench.view(`CREATE VIEW over_${s} AS SELECT v FROM ${s}`)
    await (await bench.subscribe(s, `SELECT v FROM over_${s}`)).stop()
    await bench.view(`CREATE VIEW over_${s} AS SELECT v + 1 AS v FROM ${s}`)
    await expect(bench.recover(s)).rejects.toMatchObject({
      code: 2528,
      message: expect.stringContaining('UNSUBSCRIBE'),
    })
  })

  it('a query that cannot be built, of which nothing is kept', async () => {
    await expect(bench.subscribe('broken', 'SELECT nope FROM s1')).rejects.toMatchObject({ code: 47 })
    await expect(bench.recover('broken')).rejects.toMatchObject({ code: 2003 })
    expect(await kept()).not.toContain('broken')
  })
})

it('unsubscribing ends the query and leaves nothing', async () => {
  const s = await source()
  const before = await kept()
  const tail = await bench.subscribe(s, `SELECT sum(v) FROM ${s} EMIT ON UPDATE`)
  await bench.insert(s, rows(1))
  await tail.take(1)
  expect(await kept()).not.toEqual(before)
  await bench.runtime.unsubscribe(s)
  await tail.done
  expect(tail.error).toBeUndefined()
  expect(await kept()).toEqual(before)
  // The id is free again, and begins anew.
  const again = await bench.subscribe(s, `SELECT sum(v) FROM ${s} EMIT ON UPDATE`)
  await bench.insert(s, rows(2))
  expect(await again.take(1)).toEqual([['2']])
  await again.stop()
})

/** Tables, records and rows that subscriptions have in the store. */
async function kept(): Promise<string> {
  const tables = await bench.chdb.rows(
    "SELECT name FROM system.tables WHERE database = 'tp_state' AND name LIKE 's%' ORDER BY name",
  )
  const records = new RecordLog(join(bench.dir, 'batches.log')).ids()
  const subscribed = await bench.chdb.rows('SELECT query_id FROM tp_state.subscriptions ORDER BY query_id')
  return JSON.stringify([tables, records, subscribed])
}

function sorted(list: unknown[][]): string[] {
  return list.map((row) => JSON.stringify(row)).sort()
}
