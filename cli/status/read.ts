import { isBeside } from '../../bootstrap/replace/note.js'
import { type ProtonClient, quoteStream } from '../../driver/index.js'

/** How a stream does. */
export interface StreamStatus {
  name: string
  kind: string
  rows: number
  /** Rows appended per second between two looks. */
  rowsPerSecond: number
  bytes: number
  /** Messages that could not be read: in system.dead_letters. */
  rejected: number
}

/** How a materialized view does. */
export interface ViewState {
  name: string
  state: string
  target: string
  /** Rows of its sources that it has still to process. */
  lag: number
  rowsIn: number
  rowsOut: number
  /** Windows, groups, sides of joins: what it keeps between batches. */
  stateBytes: number
  /** When its last batch was through and recorded: where it goes on after a crash. ISO 8601; empty before the first. */
  lastCheckpoint: string
  lastError: string
}

type Row = Record<string, unknown>

/** The embedded engine tells all this about itself; servers only how many rows a stream holds. */
export async function readStreams(
  client: ProtonClient,
  embedded: boolean,
  intervalMs: number,
  names: string[],
): Promise<StreamStatus[]> {
  if (!embedded) {
    const counted: StreamStatus[] = []
    for (const name of names) {
      const rows = await countRows(client, name)
      counted.push({ name, kind: 'stream', rows, rowsPerSecond: 0, bytes: 0, rejected: 0 })
    }
    return counted
  }
  const sql = 'SELECT name, kind, rows, bytes, last_sn, rejected FROM system.stream_metrics ORDER BY name'
  const before = await client.rows<Row>(sql)
  const started = performance.now()
  await new Promise((resolve) => setTimeout(resolve, intervalMs))
  const after = await client.rows<Row>(sql)
  const seconds = (performance.now() - started) / 1000
  const last = new Map(before.map((row) => [row.name, Number(row.last_sn)]))
  const streams: StreamStatus[] = []
  for (const row of after.filter(isStable)) {
    const name = String(row.name)
    streams.push({
      name,
      kind: String(row.kind),
      // What is stored may hold rows that newer ones of their key have replaced: a count sees the newest only.
      rows: row.kind === 'stream' ? await countRows(client, name) : Number(row.rows),
      rowsPerSecond: Math.max(0, (Number(row.last_sn) - (last.get(row.name) ?? 0)) / seconds),
      bytes: Number(row.bytes),
      rejected: Number(row.rejected),
    })
  }
  return streams
}

export async function readViews(client: ProtonClient, embedded: boolean): Promise<ViewState[]> {
  if (!embedded) return []
  const rows = await client.rows<Row>(
    'SELECT name, state, target, lag, rows_in, rows_out, state_bytes, to_unix_timestamp64_milli(last_batch_at) AS at, ' +
      'last_error FROM system.view_status ORDER BY name',
  )
  return rows.filter(isStable).map((row) => ({
    name: String(row.name),
    state: String(row.state),
    target: String(row.target),
    lag: Number(row.lag),
    rowsIn: Number(row.rows_in),
    rowsOut: Number(row.rows_out),
    stateBytes: Number(row.state_bytes),
    lastCheckpoint: Number(row.at) > 0 ? new Date(Number(row.at)).toISOString() : '',
    lastError: String(row.last_error),
  }))
}

/** Versions that are made or kept beside the ones in force are told in words, not in the tables. */
function isStable({ name }: Row): boolean {
  return !isBeside(String(name))
}

async function countRows(client: ProtonClient, name: string): Promise<number> {
  const [row] = await client.rows<Row>(`SELECT count() AS rows FROM table(${quoteStream(name)})`)
  return Number(row?.rows ?? 0)
}
