import { Cron } from 'croner'
import type { Expr } from '../ast.js'
import { intervalLength } from '../interval_length.js'

/** When a task runs. Instants are in ms since 1970. */
export type Schedule =
  /** So often, counted from the first time. */
  | { kind: 'every'; ms: number }
  /** Minute, hour, day of the month, month, day of the week; in UTC. Seconds may stand before. */
  | { kind: 'cron'; pattern: string }

/** What SCHEDULE says: `5m`, or `'0 6 * * 1'`. Undefined for anything else, and for intervals that are not positive. */
export function scheduleOf(expr: Expr): Schedule | undefined {
  if (expr.kind === 'literal' && expr.type === 'string') {
    const pattern = expr.value.trim()
    return cronOf(pattern)?.nextRun() ? { kind: 'cron', pattern } : undefined
  }
  const ms = intervalLength(expr)
  return ms !== undefined && ms > 0 ? { kind: 'every', ms } : undefined
}

/** When the run after that of `last` is due. */
export function nextRun(schedule: Schedule, last: number): number {
  if (schedule.kind === 'every') return last + schedule.ms
  return cronOf(schedule.pattern)?.nextRun(new Date(last))?.getTime() ?? Number.POSITIVE_INFINITY
}

/**
 * The run that is to be made at `now` where `last` was the one before: of those that were due meanwhile the latest,
 * which makes up for the others. Undefined where none was due.
 */
export function dueRun(schedule: Schedule, last: number, now: number): number | undefined {
  if (nextRun(schedule, last) > now) return undefined
  if (schedule.kind === 'every') return last + Math.floor((now - last) / schedule.ms) * schedule.ms
  // The second that is now counts: previousRuns() only looks before the one it is given.
  const [latest] = cronOf(schedule.pattern)!.previousRuns(1, new Date(now + 1_000))
  return latest!.getTime()
}

/** What stands for the last run of a task that has never run: intervals begin at once, cron waits for its time. */
export function neverRun(schedule: Schedule, now: number): number {
  return schedule.kind === 'every' ? now - schedule.ms : now
}

function cronOf(pattern: string): Cron | undefined {
  try {
    return new Cron(pattern, { timezone: 'UTC', paused: true })
  } catch {
    return undefined
  }
}
