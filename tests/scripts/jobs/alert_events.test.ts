import { describe, expect, it } from 'vitest'
import { parseQuery, parseStatement, type Select } from '../../../dialect/index.js'
import type { ProtonClient } from '../../../driver/index.js'
import {
  alertEvents,
  type Position,
  type StreamEnd,
  subscriptionText,
} from '../../../scripts/jobs/alert_events.js'

const query = parseQuery(
  "SELECT k FROM s WHERE k != 'no' SETTINGS seek_to = 'earliest', max_threads = 1",
) as Select

/** A stream as Proton has it: the rows of one insert bear one number. */
const STREAM: [sn: number, k: string][] = [
  [4, 'a'],
  [4, 'b'],
  [4, 'no'],
  [4, 'c'],
  [5, 'd'],
  [6, 'no'],
]

/** Answers like a server that begins at the number of `seek_to`, two rows a portion. */
function clientOver(rows: typeof STREAM): ProtonClient {
  return {
    async query(sql: string) {
      const from = Number(/seek_to = '(\d+)'/.exec(sql)?.[1] ?? 0)
      const end = /_tp_sn \+ 0 >= (\d+)/.exec(sql)?.[1]
      const found = rows
        .filter(([sn, k]) => sn >= from && (k !== 'no' || (end !== undefined && sn >= Number(end))))
        .map(([sn, k]) => ({ k, __tpctl_sn: String(sn), ...(end ? { __tpctl_event: k !== 'no' } : {}) }))
      async function* batches() {
        for (let at = 0; at < found.length; at += 2) yield found.slice(at, at + 2)
      }
      const names = ['k', '__tpctl_sn', ...(end ? ['__tpctl_event'] : [])]
      return { batches: batches(), columns: Promise.resolve(names.map((name) => ({ name, type: 'string' }))) }
    },
  } as unknown as ProtonClient
}

async function eventsFrom(from: Position, upTo?: StreamEnd, rows = STREAM) {
  const client = clientOver(rows)
  const signal = new AbortController().signal
  const found: [string, number, number][] = []
  let place = from
  for await (const { events, passed } of alertEvents({
    client,
    query,
    edition: 'oss-1.6',
    from,
    upTo,
    signal,
  })) {
    for (const { after, values } of events) found.push([String(values[0]), after.sn, after.taken])
    place = passed
  }
  return Object.assign(found, { place })
}

describe('alertEvents', () => {
  it('finds its place among rows that were inserted together', async () => {
    const all = await eventsFrom({ sn: 0, taken: 0 })
    expect([...all]).toEqual([
      ['a', 4, 1],
      ['b', 4, 2],
      ['c', 4, 3],
      ['d', 5, 1],
    ])
    // Behind each event there are exactly those that came after it.
    for (const [at, [, sn, taken]] of all.entries())
      expect([...(await eventsFrom({ sn, taken }))]).toEqual(all.slice(at + 1))
  })

  it('ends at the end, though no row of it passes the condition, and reads all rows of its number', async () => {
    const later: typeof STREAM = [...STREAM, [7, 'later']]
    expect((await eventsFrom({ sn: 5, taken: 0 }, { sn: 6, rows: 1 }, later)).map(([k]) => k)).toEqual(['d'])
    expect((await eventsFrom({ sn: 4, taken: 1 }, { sn: 4, rows: 4 }, later)).map(([k]) => k)).toEqual([
      'b',
      'c',
    ])
    expect([...(await eventsFrom({ sn: 7, taken: 0 }, { sn: 6, rows: 1 }))]).toEqual([])
    // The place behind rows that are no events is known there, and among those of one number.
    expect((await eventsFrom({ sn: 4, taken: 0 }, { sn: 6, rows: 1 })).place).toEqual({
      sn: 6,
      taken: 0,
    })
    expect((await eventsFrom({ sn: 4, taken: 1 }, { sn: 4, rows: 4 })).place).toEqual({ sn: 4, taken: 3 })
  })

  it('adds to the query what it needs, and leaves the rest', () => {
    const plain = subscriptionText(query, 'oss-1.6', { sn: 7, taken: 2 })
    expect(plain).toBe(
      "SELECT k, _tp_sn AS __tpctl_sn FROM s WHERE k != 'no' SETTINGS max_threads = 1, seek_to = '7', enable_backfill_from_historical_store = false",
    )
    expect(subscriptionText(query, 'oss-1.6', { sn: 0, taken: 0 })).toContain("seek_to = 'earliest'")
    const bounded = subscriptionText(query, 'oss-1.6', { sn: 7, taken: 2 }, { sn: 9, rows: 1 })
    expect(bounded).toContain("k != 'no' AS __tpctl_event FROM s WHERE k != 'no' OR _tp_sn + 0 >= 9")
    expect(() => parseStatement(bounded)).not.toThrow()
  })
})
