import { isRead, type ProtonClient, ProtonError } from '../../driver/index.js'
import type { Output } from '../output.js'
import { describeError } from '../output.js'
import { TableWriter } from './table_writer.js'

export const FORMATS = ['table', 'json', 'csv', 'tsv'] as const
export type ConsoleFormat = (typeof FORMATS)[number]

/** What the server is asked for; `table` is drawn here. */
const SERVER_FORMAT: Record<Exclude<ConsoleFormat, 'table'>, string> = {
  json: 'JSONEachRow',
  csv: 'CSVWithNames',
  tsv: 'TabSeparatedWithNames',
}

/** A running result is drawn after this pause (ms), so that single events show up at once. */
const FLUSH_MS = 150

export interface SessionOptions {
  client: ProtonClient
  output: Output
  format: ConsoleFormat
  timing: boolean
}

/** Runs statements for a person: prints results as they come, in the format that is set. */
export class ConsoleSession {
  readonly client: ProtonClient
  readonly output: Output
  format: ConsoleFormat
  timing: boolean

  constructor(options: SessionOptions) {
    this.client = options.client
    this.output = options.output
    this.format = options.format
    this.timing = options.timing
  }

  /** Throws what the server says; an abort ends quietly, with what was printed so far. */
  async run(sql: string, signal?: AbortSignal): Promise<void> {
    const started = performance.now()
    const rows = await this.#run(sql, signal)
    if (this.timing) {
      const seconds = ((performance.now() - started) / 1000).toFixed(3)
      this.output.note(
        rows === undefined
          ? `Elapsed: ${seconds} s`
          : `${rows} ${rows === 1 ? 'row' : 'rows'}. Elapsed: ${seconds} s`,
      )
    }
  }

  async #run(sql: string, signal?: AbortSignal): Promise<number | undefined> {
    try {
      if (!returnsRows(sql)) {
        await this.client.exec(sql, { signal, mode: 'table' })
        return undefined
      }
      // A FORMAT in the statement is the user's own choice: what comes is passed on untouched.
      if (this.format === 'table' && !/\bformat\s+\w+\s*$/i.test(sql))
        return await this.#drawTable(sql, signal)
      const format = this.format === 'table' ? 'TabSeparated' : SERVER_FORMAT[this.format]
      for await (const chunk of await this.client.bytes(sql, format, { signal, mode: 'stream' })) {
        await this.output.data(chunk)
      }
      return undefined
    } catch (error) {
      if (signal?.aborted) return undefined
      throw error
    }
  }

  async #drawTable(sql: string, signal?: AbortSignal): Promise<number> {
    const result = await this.client.query<Record<string, unknown>>(sql, { signal, mode: 'stream' })
    let writer: TableWriter | undefined
    const timer = setInterval(() => void writer?.flush(), FLUSH_MS)
    try {
      for await (const batch of result.batches) {
        const columns = await result.columns
        writer ??= new TableWriter(columns, (text) => this.output.data(text))
        for (const row of batch) await writer.row(columns.map((column) => row[column.name]))
      }
      const columns = await result.columns
      writer ??= columns.length > 0 ? new TableWriter(columns, (text) => this.output.data(text)) : undefined
    } finally {
      clearInterval(timer)
      await writer?.flush()
    }
    return writer?.rows ?? 0
  }
}

/** Statements whose answer is a result; everything else is just done. */
function returnsRows(sql: string): boolean {
  return isRead(sql) || /^\s*(kill|recover)\b/i.test(sql)
}

/** One line for a failed statement inside the console, which goes on. */
export function sessionError(error: unknown): string {
  if (error instanceof ProtonError && error.code > 0) {
    return `Code: ${error.code}. ${error.message} (${error.codeName})`
  }
  return describeError(error).message
}
