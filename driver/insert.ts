import { ProtonError } from './errors.js'
import { encodeJson, encodeObject, quoteName, type Value } from './values.js'

export type InsertRow = { readonly [column: string]: Value } | readonly Value[]
export type InsertRows = Iterable<InsertRow> | AsyncIterable<InsertRow>

export interface InsertOptions {
  /** Columns to write. Needed for rows given as arrays; without it the server expects objects. */
  columns?: readonly string[]
  /** Rows of one request, default 10,000. */
  batchRows?: number
  /** Bytes after which a request is closed even with fewer rows, default 8 MiB. */
  batchBytes?: number
  idempotentId?: string
  /** Set where a batch may arrive twice without harm, as in a keyed stream: it is then repeated after a broken connection. */
  repeatable?: boolean
  /** Batch `n` runs as query `<prefix>-<n>`, so that it can be found in the server's logs. */
  queryIdPrefix?: string
  settings?: Record<string, string | number | boolean>
  database?: string
  signal?: AbortSignal
  timeoutMs?: number
  /** Told after each batch has been acknowledged. */
  onBatch?: (written: { rows: number; batches: number }) => void
}

export interface InsertSummary {
  rows: number
  batches: number
}

const LINES_AT_ONCE = 256

type SendBatch = (
  format: 'JSONEachRow' | 'JSONCompactEachRow',
  body: Uint8Array,
  columns: string | undefined,
  idempotentId: string | undefined,
  batch: number,
) => Promise<void>

/** Cuts rows into batches and hands them to `send` one after another. A failure says how many rows are in. */
export async function insertBatches(
  rows: InsertRows,
  options: InsertOptions,
  send: SendBatch,
): Promise<InsertSummary> {
  const maxRows = options.batchRows ?? 10_000
  const maxBytes = options.batchBytes ?? 8 * 1024 * 1024
  const columns = options.columns?.map(quoteName).join(', ')
  const written: InsertSummary = { rows: 0, batches: 0 }
  // Lines become bytes a few hundred at a time: strings that live as long as a batch would burden the heap.
  let lines: string[] = []
  let parts: Buffer[] = []
  let rowsHeld = 0
  let bytes = 0
  let format: 'JSONEachRow' | 'JSONCompactEachRow' = 'JSONEachRow'

  const pack = () => {
    if (lines.length > 0) parts.push(Buffer.from(`${lines.join('\n')}\n`, 'utf8'))
    lines = []
  }
  const flush = async () => {
    if (rowsHeld === 0) return
    pack()
    const id = options.idempotentId === undefined ? undefined : `${options.idempotentId}-${written.batches}`
    await send(format, Buffer.concat(parts), columns, id, written.batches)
    written.rows += rowsHeld
    written.batches++
    options.onBatch?.({ ...written })
    parts = []
    rowsHeld = 0
    bytes = 0
  }

  for await (const row of rows) {
    options.signal?.throwIfAborted()
    const isArray = Array.isArray(row)
    const rowFormat = isArray ? 'JSONCompactEachRow' : 'JSONEachRow'
    if (rowFormat !== format) {
      await flush()
      format = rowFormat
    }
    if (isArray && row.length !== (options.columns?.length ?? -1))
      throw wrongWidth(row, options, written.rows + rowsHeld)
    const line = isArray
      ? encodeJson(row as readonly Value[])
      : encodeObject(row as { readonly [column: string]: Value })
    lines.push(line)
    rowsHeld++
    bytes += line.length
    if (lines.length >= LINES_AT_ONCE) pack()
    if (rowsHeld >= maxRows || bytes >= maxBytes) await flush()
  }
  await flush()
  return written
}

function wrongWidth(row: readonly unknown[], options: InsertOptions, index: number): ProtonError {
  const expected = options.columns ? `${options.columns.length} values` : 'the option `columns` beside it'
  return new ProtonError(`Row ${index} is an array of ${row.length} values and needs ${expected}.`, {
    code: 0,
    codeName: 'BROKEN',
  })
}
