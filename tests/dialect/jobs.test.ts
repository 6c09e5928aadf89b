import { describe, expect, it } from 'vitest'
import { type CreateAlert, type CreateTask, parseStatement } from '../../dialect/index.js'
import {
  admit,
  alertPolicy,
  alertProblem,
  batchSize,
  deadlineOf,
  dueRun,
  neverRun,
  nextRun,
  scheduleOf,
} from '../../dialect/jobs/index.js'

const scheduled = (text: string) =>
  scheduleOf(
    (parseStatement(`CREATE TASK t SCHEDULE ${text} INTO x AS SELECT 1 AS a`) as CreateTask).schedule,
  )
const alert = (clauses: string) =>
  parseStatement(`CREATE ALERT a ${clauses} CALL f AS SELECT a FROM s`) as CreateAlert
const at = (text: string) => Date.parse(`2026-03-0${text}Z`)

describe('SCHEDULE', () => {
  it('is an interval of a fixed length, or cron in quotes', () => {
    expect(scheduled('5m')).toEqual({ kind: 'every', ms: 300_000 })
    expect(scheduled('INTERVAL 2 HOUR')).toEqual({ kind: 'every', ms: 7_200_000 })
    expect(scheduled("' 0 6 * * 1 '")).toEqual({ kind: 'cron', pattern: '0 6 * * 1' })
    for (const wrong of ['1M', '0s', "'soon'", "'61 * * * *'", "'* * *'", "'0 0 30 2 *'"])
      expect(scheduled(wrong), wrong).toBeUndefined()
  })

  it('counts intervals from the first run, and makes up once for all that were missed', () => {
    const every = scheduled('10s')!
    const first = neverRun(every, 1_000_000)
    expect(dueRun(every, first, 1_000_000)).toBe(1_000_000)
    expect(dueRun(every, 1_000_000, 1_009_999)).toBeUndefined()
    expect(nextRun(every, 1_000_000)).toBe(1_010_000)
    expect(dueRun(every, 1_000_000, 1_010_000)).toBe(1_010_000)
    // Three were missed: the latest stands for them, and the rhythm stays.
    expect(dueRun(every, 1_000_000, 1_037_000)).toBe(1_030_000)
    expect(dueRun(every, 1_030_000, 1_037_000)).toBeUndefined()
  })

  it('takes cron in UTC, does not begin before its time, and counts a moment that is right now', () => {
    const cron = scheduled("'0 6 * * *'")!
    const seen = at('1T05:59:59')
    expect(neverRun(cron, seen)).toBe(seen)
    expect(dueRun(cron, seen, seen)).toBeUndefined()
    expect(nextRun(cron, seen)).toBe(at('1T06:00:00'))
    expect(dueRun(cron, seen, at('1T06:00:00'))).toBe(at('1T06:00:00'))
    expect(dueRun(cron, at('1T06:00:00'), at('1T06:00:00'))).toBeUndefined()
    expect(dueRun(cron, at('1T06:00:00'), at('4T12:00:00'))).toBe(at('4T06:00:00'))
  })
})

describe('BATCH and LIMIT', () => {
  it('say how many events and how often; without them each event is a batch', () => {
    expect(alertPolicy(alert('BATCH 10 EVENTS WITH TIMEOUT 5s LIMIT 2 ALERTS PER 1m'))).toEqual({
      events: 10,
      timeoutMs: 5_000,
      limit: 2,
      intervalMs: 60_000,
    })
    expect(alertPolicy(alert(''))).toEqual({ events: 1, intervalMs: 0 })
    expect(alertProblem(alert('BATCH 10 EVENTS WITH TIMEOUT 5s'))).toBeUndefined()
    expect(alertProblem(alert('BATCH 0 EVENTS'))).toMatchObject({ wanted: 'number' })
    expect(alertProblem(alert('BATCH 1.5 EVENTS'))).toMatchObject({ wanted: 'number' })
    expect(alertProblem(alert('LIMIT 0 ALERTS PER 5s'))).toMatchObject({ wanted: 'number' })
    expect(alertProblem(alert('LIMIT 1 ALERTS PER 1M'))).toMatchObject({ wanted: 'interval' })
  })

  it('cut batches by number first, and by time what is incomplete', () => {
    const policy = { events: 3, timeoutMs: 100, intervalMs: 0 }
    expect(batchSize(policy, 7, 0, 0)).toBe(3)
    expect(batchSize(policy, 2, 0, 99)).toBe(0)
    expect(batchSize(policy, 2, 0, 100)).toBe(2)
    expect(batchSize({ events: 3, intervalMs: 0 }, 2, 0, 1e12)).toBe(0)
    expect(batchSize(policy, 0, 0, 1e12)).toBe(0)
    expect([deadlineOf(policy, 5), deadlineOf(policy, undefined)]).toEqual([105, undefined])
  })

  it('let through so many calls in any stretch of the interval', () => {
    const policy = { events: 1, limit: 2, intervalMs: 100 }
    let calls: number[] = []
    const outcomes = [0, 10, 20, 99, 100, 105, 111].map((now) => {
      const admission = admit(policy, calls, now)
      calls = admission.calls
      return admission.suppressed
    })
    expect(outcomes).toEqual([false, false, true, true, false, true, false])
    expect(admit({ events: 1, intervalMs: 0 }, [], 5)).toEqual({ suppressed: false, calls: [] })
  })
})
