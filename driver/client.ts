import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IntegerMode, Row } from './columns.js'
import { ProtonError } from './errors.js'
import { type InsertOptions, type InsertRows, type InsertSummary, insertBatches } from './insert.js'
import { type QueryResult, readText, resultOf } from './result.js'
import { type Call, type TlsOptions, Transport } from './transport.js'
import { encodeJson, encodeParameter, quoteStream, quoteString, type Value } from './values.js'

/** `table`: a query ends and reads what is stored. `stream`: it runs until it is aborted. */
export type QueryMode = 'table' | 'stream'

export interface ProtonClientOptions {
  /** Default 127.0.0.1. */
  host?: string
  /** Port of the table endpoint, default 8123. Given alone it serves both modes. */
  port?: number
  /** Port of the streaming endpoint, default 3218. */
  streamPort?: number
  /** `http(s)://host:port` of the table endpoint, instead of host and port. */
  url?: string
  /** The same of the streaming endpoint. */
  streamUrl?: string
  username?: string
  password?: string
  database?: string
  /** Mode of queries that name none. Default `table`, or `stream` where the only port is 3218. */
  mode?: QueryMode
  tls?: TlsOptions
  /** Silence a table query may keep, default 300,000 ms; streaming queries have no limit. */
  timeoutMs?: number
  /** Default 5,000 ms. */
  connectTimeoutMs?: number
  /** How often a call that is safe to repeat is repeated, default 3. */
  retries?: number
  integers?: IntegerMode
}

export interface QueryOptions {
  mode?: QueryMode
  /** Bound to `{name:type}` in the SQL. */
  parameters?: Record<string, Value>
  settings?: Record<string, string | number | boolean>
  database?: string
  /** Default: a new UUID. */
  queryId?: string
  signal?: AbortSignal
  timeoutMs?: number
  integers?: IntegerMode
  /** Set where a statement that changes something may still be sent twice. Reads are known by themselves. */
  repeatable?: boolean
}

export type Settings = Record<string, string | number | boolean>

const ROW_FORMAT = 'JSONCompactEachRowWithNamesAndTypes'

/**
 * A client of Proton, Timeplus Enterprise and the embedded engine, over their HTTP interface.
 *
 *     const client = new ProtonClient({ host: '127.0.0.1', port: 8123, streamPort: 3218 })
 *     const { rows, abort } = await client.query('SELECT * FROM trades', { mode: 'stream' })
 *     for await (const row of rows) console.log(row)
 */
export class ProtonClient {
  readonly url: string
  readonly streamUrl: string
  readonly #options: ProtonClientOptions
  readonly #mode: QueryMode
  readonly #transport: Transport
  readonly #authorization?: string

  constructor(options: ProtonClientOptions = {}) {
    const endpoints = endpointsOf(options)
    this.url = endpoints.url
    this.streamUrl = endpoints.streamUrl
    this.#options = options
    this.#mode =
      options.mode ?? (this.url === this.streamUrl && new URL(this.url).port === '3218' ? 'stream' : 'table')
    if (options.username !== undefined) {
      const pair = `${options.username}:${options.password ?? ''}`
      this.#authorization = `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`
    }
    this.#transport = new Transport({
      tls: options.tls,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      retries: options.retries ?? 3,
    })
  }

  /**
   * Runs a query; its rows are read as they come, with flat memory whatever their number.
   * In stream mode the promise resolves once the query stands: with the server's first word, or after 300 ms
   * without one, since Proton answers such a query with its first row. A failure after that comes from `rows`.
   */
  async query<R = Row>(sql: string, options: QueryOptions = {}): Promise<QueryResult<R>> {
    const mode = options.mode ?? this.#mode
    const controller = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, controller.signal]) : controller.signal
    const call = this.#sqlCall(sql, { ...options, signal }, ROW_FORMAT)
    const answer = this.#transport.send(call)
    const result = resultOf<R>({
      answer,
      call,
      controller,
      userSignal: options.signal,
      integers: options.integers ?? this.#options.integers ?? 'string',
      stop: () => this.#stopQuery(call.queryId!, isRead(sql)),
    })
    answer.catch(() => {})
    await (mode === 'stream' ? Promise.race([answer, sleep(300, undefined, { ref: false })]) : answer).catch(
      async (error: unknown) => {
        if (error instanceof ProtonError && error.codeName !== 'UNREACHABLE' && error.code === 0)
          await this.#stopQuery(call.queryId!, isRead(sql))
        throw error
      },
    )
    return result
  }

  /** All rows of a bounded query at once. */
  async rows<R = Row>(sql: string, options: QueryOptions = {}): Promise<R[]> {
    const { batches } = await this.query<R>(sql, { ...options, mode: options.mode ?? 'table' })
    const all: R[] = []
    for await (const batch of batches) for (const row of batch) all.push(row)
    return all
  }

  /** Runs a statement whose answer does not matter: DDL, INSERT … VALUES, KILL. */
  async exec(sql: string, options: QueryOptions = {}): Promise<void> {
    await this.text(sql, 'TabSeparated', options)
  }

  /**
   * The whole answer of a bounded query as text in any of Proton's formats. An exception that the server appended
   * after it had begun is recognised at the end of the text and thrown.
   */
  async text(sql: string, format: string, options: QueryOptions = {}): Promise<string> {
    const call = this.#sqlCall(sql, { mode: 'table', ...options }, format)
    return readText(await this.#transport.send(call), call)
  }

  /** The bytes of an answer in any format, as they come. Failures after the first byte stay in the data. */
  async bytes(sql: string, format: string, options: QueryOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const call = this.#sqlCall(sql, options, format)
    const answer = await this.#transport.send(call)
    return answer.body
  }

  /**
   * Writes rows in batches, one request each, pulling from `rows` only as fast as the server takes them.
   * Rows are objects, or arrays in the order of `columns`. With `idempotentId`, batch `n` is sent as `<id>-<n>`,
   * repeated after a broken connection, and dropped by the server where it has it already: the same rows in the
   * same order must then be given again after a restart. Without, a batch whose fate is unknown is an error.
   */
  async insert(
    stream: string | { database: string; name: string },
    rows: InsertRows,
    options: InsertOptions = {},
  ): Promise<InsertSummary> {
    return insertBatches(rows, options, async (format, body, columns, idempotentId, batch) => {
      const target = columns ? `${quoteStream(stream)} (${columns})` : quoteStream(stream)
      const settings = idempotentId ? ` SETTINGS idempotent_id=${quoteString(idempotentId)}` : ''
      const query = `INSERT INTO ${target}${settings} FORMAT ${format}`
      const call = this.#sqlCall('', {
        ...options,
        mode: 'table',
        repeatable: idempotentId !== undefined || options.repeatable,
        queryId: options.queryIdPrefix && `${options.queryIdPrefix}-${batch}`,
      })
      call.url.searchParams.set('query', query)
      call.body = body
      await readText(await this.#transport.send(call), call)
    })
  }

  /** The ingest REST API: `columns` and rows as arrays, in one request. Resolves with the server's answer. */
  async ingest(
    stream: string,
    data: { columns: readonly string[]; data: readonly (readonly Value[])[] },
    options: {
      idempotentId?: string
      mode?: 'async' | 'sync' | 'fire_and_forget' | 'ordered'
      signal?: AbortSignal
    } = {},
  ): Promise<{ request_id: string; [key: string]: unknown }> {
    const url = new URL(`/proton/v1/ingest/streams/${encodeURIComponent(stream)}`, this.streamUrl)
    if (options.mode) url.searchParams.set('mode', options.mode)
    const headers: Record<string, string> = { ...this.#headers(), 'content-type': 'application/json' }
    if (options.idempotentId) headers['x-timeplus-idempotent-id'] = options.idempotentId
    const call: Call = {
      url,
      method: 'POST',
      headers,
      body: `{"columns":${JSON.stringify(data.columns)},"data":${encodeJson(data.data)}}`,
      signal: options.signal,
      timeoutMs: this.#options.timeoutMs ?? 300_000,
      repeatable: options.idempotentId !== undefined,
    }
    return this.#json(call)
  }

  /** True when the server says it is up; false when it does not answer or is still starting. */
  async ping(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<boolean> {
    try {
      const status = await this.#json(this.#get('/proton/ping', options))
      return status.status === 'UP'
    } catch (error) {
      if (error instanceof ProtonError && !error.aborted) return false
      throw error
    }
  }

  /** `{build: {version, edition, …}, server: {…}}` of the running server. */
  async info(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Record<string, unknown>> {
    try {
      return await this.#json(this.#get('/proton/info', options))
    } catch (error) {
      // Timeplus Enterprise may answer by its own name only.
      if (!(error instanceof ProtonError) || error.httpStatus !== 404) throw error
      return this.#json(this.#get('/timeplusd/info', options))
    }
  }

  /** A user's function as the REST API tells it: arguments, return type, source or URL. */
  async udf(
    name: string,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<Record<string, unknown>> {
    const { data } = await this.#json(this.#get(`/proton/v1/udfs/${encodeURIComponent(name)}`, options))
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {}
  }

  /** Ends queries by their id. Not finding one is no error. */
  async kill(queryId: string): Promise<void> {
    await this.exec(`KILL QUERY WHERE query_id = ${quoteString(queryId)}`, { timeoutMs: 5_000 })
  }

  /** Closes all connections. Open results end with an error. */
  async close(): Promise<void> {
    await this.#transport.close()
  }

  #get(path: string, options: { timeoutMs?: number; signal?: AbortSignal }): Call {
    return {
      url: new URL(path, this.streamUrl),
      method: 'GET',
      headers: this.#headers(),
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? 5_000,
      repeatable: true,
    }
  }

  async #json<T extends Record<string, unknown>>(call: Call): Promise<T> {
    const text = await readText(await this.#transport.send(call), call)
    try {
      return JSON.parse(text) as T
    } catch (cause) {
      throw new ProtonError(
        `${call.url.origin}${call.url.pathname} answered without JSON: ${text.slice(0, 200)}`,
        {
          code: 0,
          codeName: 'UNEXPECTED_ANSWER',
          url: call.url.origin,
          cause,
        },
      )
    }
  }

  #headers(): Record<string, string> {
    return this.#authorization ? { authorization: this.#authorization } : {}
  }

  #sqlCall(sql: string, options: QueryOptions, format?: string): Call {
    const mode = options.mode ?? this.#mode
    const queryId = options.queryId ?? randomUUID()
    const url = new URL('/', mode === 'stream' ? this.streamUrl : this.url)
    const search = url.searchParams
    search.set('query_id', queryId)
    if (format) search.set('default_format', format)
    const database = options.database ?? this.#options.database
    if (database) search.set('database', database)
    // One port has one default mode; two ports say by themselves which it is.
    if (this.url === this.streamUrl) search.set('query_mode', mode === 'stream' ? 'streaming' : 'table')
    for (const [name, value] of Object.entries(options.settings ?? {}))
      search.set(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value))
    for (const [name, value] of Object.entries(options.parameters ?? {}))
      search.set(`param_${name}`, encodeParameter(value))
    return {
      url,
      method: 'POST',
      headers: { ...this.#headers(), 'content-type': 'text/plain; charset=utf-8' },
      body: sql,
      signal: options.signal,
      timeoutMs: options.timeoutMs ?? (mode === 'stream' ? 0 : (this.#options.timeoutMs ?? 300_000)),
      repeatable: options.repeatable ?? isRead(sql),
      queryId,
    }
  }

  /** A server may not notice at once that nobody listens any more; a query left behind costs it memory. */
  async #stopQuery(queryId: string, read: boolean): Promise<void> {
    if (!read) return
    try {
      await this.kill(queryId)
    } catch {
      // The connection is closed, which ends the query too, only later.
    }
  }
}

/** Statements that change nothing, so that sending them again is safe. Comments and brackets may stand before. */
export function isRead(sql: string): boolean {
  const bare = sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/|\()+/, '')
  return /^(select|with|show|describe|desc|explain|exists|subscribe)\b/i.test(bare)
}

function endpointsOf(options: ProtonClientOptions): { url: string; streamUrl: string } {
  const scheme = options.tls ? 'https' : 'http'
  const host = options.host ?? '127.0.0.1'
  const at = (port: number) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`
  const single = options.url ?? (options.port === undefined ? undefined : at(options.port))
  const url = single ?? at(8123)
  const streamUrl =
    options.streamUrl ?? (options.streamPort === undefined ? (single ?? at(3218)) : at(options.streamPort))
  return { url: originOf(url), streamUrl: originOf(streamUrl) }
}

function originOf(url: string): string {
  const parsed = new URL(url)
  if (parsed.username || parsed.password)
    throw new TypeError('Give username and password as options, not inside the URL.')
  return parsed.origin
}
