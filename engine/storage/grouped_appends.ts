import type { AppendResult, RowSource } from '../contracts.js'

type DataRows = Extract<RowSource, { kind: 'data' }>

/** Data of which the number of rows is known, so that each sender can be told which numbers its rows have. */
export interface CountedRows extends DataRows {
  count: number
}

/** What stands between the rows of two senders. Formats with headers, or of which a part may not stand alone, are not here. */
const SEPARATORS: Record<string, string> = {
  Values: ',',
  JSONEachRow: '\n',
  JSONCompactEachRow: '\n',
}

/** Larger appends are worth a statement of their own, in bytes. */
export const SMALL = 64 * 1024
/** A statement takes at most so much of what waits, in bytes. */
const MOST = 1024 * 1024

export function canBeGrouped(rows: RowSource): rows is CountedRows {
  return (
    rows.kind === 'data' && rows.count !== undefined && rows.data.length < SMALL && rows.format in SEPARATORS
  )
}

interface Entry {
  rows: CountedRows
  resolve(result: AppendResult): void
  reject(cause: unknown): void
}

/** What appends to one stream, in one form; all under the stream's lock. */
export interface Appending {
  /** Waits for the lock. */
  locked(body: () => Promise<void>): Promise<void>
  /** `sizes`: how many of the rows each sender brought. */
  append(rows: CountedRows, sizes: number[]): Promise<AppendResult>
  lastSn(): number
}

/**
 * Small appends of many clients to one stream: those that find it busy wait together and then go as one statement, so
 * that a burst costs as much as an event. If it fails, each goes alone, so that everybody gets his own error.
 */
export class GroupedAppends {
  readonly #waiting = new Map<string, Entry[]>()

  append(streamId: number, rows: CountedRows, to: Appending): Promise<AppendResult> {
    const key = JSON.stringify([streamId, rows.format, rows.columns, rows.settings])
    return new Promise((resolve, reject) => {
      const entry = { rows, resolve, reject }
      const waiting = this.#waiting.get(key)
      if (waiting && sizeOf(waiting) < MOST) {
        waiting.push(entry)
        return
      }
      const group = [entry]
      this.#waiting.set(key, group)
      to.locked(() => {
        // Whoever comes from here on is too late for this statement.
        if (this.#waiting.get(key) === group) this.#waiting.delete(key)
        return appendGroup(group, to)
      }).catch((cause) => {
        for (const { reject } of group) reject(cause)
      })
    })
  }
}

async function appendGroup(group: Entry[], to: Appending): Promise<void> {
  const before = to.lastSn()
  try {
    const sizes = group.map(({ rows }) => rows.count)
    let { first } = await to.append(joined(group), sizes)
    for (const { rows, resolve } of group) {
      resolve({ rows: rows.count, first, last: first + rows.count - 1 })
      first += rows.count
    }
  } catch (cause) {
    // What failed at its end may be there all the same: nobody's rows are to be written twice.
    if (group.length === 1 || to.lastSn() !== before) {
      for (const { reject } of group) reject(cause)
      return
    }
    for (const { rows, resolve, reject } of group) {
      await to.append(rows, [rows.count]).then(resolve, reject)
    }
  }
}

function joined(group: Entry[]): CountedRows {
  const { rows } = group[0]!
  if (group.length === 1) return rows
  const separator = Buffer.from(SEPARATORS[rows.format]!)
  const data = Buffer.concat(group.flatMap(({ rows }, i) => (i === 0 ? [rows.data] : [separator, rows.data])))
  return { ...rows, data, count: group.reduce((sum, { rows }) => sum + rows.count, 0) }
}

function sizeOf(group: Entry[]): number {
  return group.reduce((sum, { rows }) => sum + rows.data.length, 0)
}
