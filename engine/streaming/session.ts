/**
 * The rules of session windows (DIALECT §3.1), one substream at a time. Times are µs since the epoch.
 * A session opens at a row that meets the start condition, is extended by each row, and closes at a row that
 * comes too late for it, makes it too long, or meets the end condition.
 */

export interface SessionRules {
  /** A row this long after the last one closes the session. */
  idle: number
  /** A session gets no longer than this. */
  max: number
  /** One unit of the time column: an end is exclusive. */
  unit: number
  delay: number
  /** Whether the row that opens or closes a session belongs to it. */
  startIncluded: boolean
  endIncluded: boolean
}

export interface Session {
  id: number
  active: boolean
  /** Undefined as long as no row belongs to it. */
  start?: number
  end: number
  timeout: number
  limit: number
}

/** What is known of one substream. */
export interface Substream {
  /** The largest event time. */
  seen?: number
  session?: Session
  /** Emissions so far. */
  emissions?: number
}

export interface SessionRow {
  time: number
  opens: boolean
  closes: boolean
}

/** The ids of the sessions that the row belongs to: none, one, or the one it closes and the one it opens. */
export function assign(
  substream: Substream,
  row: SessionRow,
  rules: SessionRules,
  nextId: () => number,
  closed: Session[],
): number[] {
  if (substream.seen !== undefined && row.time < substream.seen - rules.delay) return []
  substream.seen = Math.max(substream.seen ?? row.time, row.time)
  const ids: number[] = []
  const { session } = substream
  if (session?.active) {
    if (!closes(session, row, rules, ids)) {
      keep(session, row.time, rules)
      ids.push(session.id)
      return ids
    }
    session.active = false
    closed.push({ ...session })
  }
  if (row.opens) open(substream, row.time, rules, nextId, ids)
  return ids
}

/** Closes what is open, as a timeout does. */
export function closeOpen(substream: Substream, closed: Session[]): void {
  if (!substream.session?.active) return
  substream.session.active = false
  closed.push({ ...substream.session })
}

function open(
  substream: Substream,
  time: number,
  rules: SessionRules,
  nextId: () => number,
  ids: number[],
): void {
  const previous = substream.session
  const id = previous && previous.start === undefined ? previous.id : nextId()
  const session: Session = { id, active: true, end: 0, timeout: time + rules.idle, limit: time + rules.max }
  substream.session = session
  if (!rules.startIncluded) return
  keep(session, time, rules)
  ids.push(id)
}

function keep(session: Session, time: number, rules: SessionRules): void {
  session.start ??= time
  if (time >= session.end) {
    session.end = time + rules.unit
    session.timeout = time + rules.idle
  }
}

/** Whether the row ends the session, and whether it still belongs to it. */
function closes(session: Session, row: SessionRow, rules: SessionRules, ids: number[]): boolean {
  if (row.time >= session.limit) {
    session.end = session.limit
    return true
  }
  if (row.time >= session.timeout) {
    session.end = session.timeout
    return true
  }
  if (!row.closes) return false
  if (rules.endIncluded) {
    keep(session, row.time, rules)
    ids.push(session.id)
  } else if (row.time > session.end) session.end = row.time
  return true
}
