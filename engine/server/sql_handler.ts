import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { protobufSettings } from '../catalog/format_schemas.js'
import type { Catalog, Chdb, QueryContext, StatementExecutor, StatementResult } from '../contracts.js'
import { EngineError } from '../errors.js'
import type { StatementDeps } from '../statements/deps.js'
import { clientError, sqlError } from '../statements/errors.js'
import { checkResultRows, limitTime, ownSettings } from '../statements/limits.js'
import type { QueryRegistry, RunningQuery } from '../statements/registry.js'
import { hideSecrets } from '../statements/secrets.js'
import { ResponseBody, readBody } from './body.js'
import { type OutputFormat, outputFormat } from './formats.js'
import { readStatement, requestSettings } from './request.js'
import { boundedResult, writeEmissions } from './results.js'
import type { Sessions } from './sessions.js'
import { authenticate } from './users.js'

export interface SqlDeps {
  chdb: Chdb
  catalog: Catalog
  executor: StatementExecutor
  queries: QueryRegistry
  sessions: Sessions
  statements: Pick<StatementDeps, 'guard' | 'schemas'>
  onError(error: EngineError, queryId: string): void
}

const DISPLAY_NAME = hostname()
/** Proton counts nothing here before the result is finished, and sends its headers before. */
const SUMMARY =
  '{"read_rows":"0","read_bytes":"0","written_rows":"0","written_bytes":"0","total_rows_to_read":"0"}'

/** `POST /` and `GET /?query=`. Never rejects: every failure ends in a response or a closed connection. */
export async function handleSql(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  tableMode: boolean,
  deps: SqlDeps,
): Promise<void> {
  let running: RunningQuery | undefined
  let failed = false
  let body: ResponseBody | undefined
  let endWatch = () => {}
  try {
    const { control } = deps.statements.guard
    const user = await authenticate(request, url, control)
    const options = requestSettings(request, url, user, deps.sessions, control)
    response.setHeader('x-timeplus-query-id', options.queryId)
    response.setHeader('x-timeplus-summary', SUMMARY)
    const { statement, source, data } = readStatement(
      url.searchParams.get('query') ?? '',
      await readBody(request),
    )
    if (request.method === 'GET' && !isReadOnly(statement.kind)) {
      throw new EngineError(
        'READONLY',
        'Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries',
      )
    }
    if (!deps.catalog.databases().includes(options.database)) {
      throw new EngineError('UNKNOWN_DATABASE', `Database ${options.database} doesn't exist`)
    }
    running = deps.queries.start({
      id: options.queryId,
      user,
      text: hideSecrets(source.trim()),
      database: options.database,
    })
    const signal = running.abort.signal
    endWatch = limitTime(running, statement, options.settings)
    const left = () =>
      running?.abort.abort(new EngineError('QUERY_WAS_CANCELLED', 'The client closed the connection'))
    response.once('close', () => {
      if (!response.writableFinished) left()
    })
    const context: QueryContext = {
      queryId: options.queryId,
      user,
      ...(options.roles ? { roles: options.roles } : {}),
      database: options.database,
      settings: options.settings,
      params: options.params,
      tableMode,
      signal,
    }
    const result = await deps.executor.execute(statement, source, context, data)
    // RECOVER runs under the id of the query that it recovers.
    response.setHeader('x-timeplus-query-id', running.id)
    if (options.session && statement.kind === 'set')
      Object.assign(options.session.settings, pick(context, statement.settings))
    if (options.session && statement.kind === 'use') options.session.database = statement.database
    if (options.session && statement.kind === 'access') options.session.roles = context.roles
    body = new ResponseBody(response, wantsGzip(request, url))
    if (wantsGzip(request, url)) response.setHeader('content-encoding', 'gzip')
    await respond(result, body, {
      response,
      context,
      running,
      deps,
      defaultFormat: options.defaultFormat,
      own: ownSettings(statement),
    })
    body.end()
  } catch (cause) {
    failed = true
    const error = running?.abort.signal.aborted ? sqlError(running.abort.signal.reason) : clientError(cause)
    deps.onError(error, running?.id ?? '')
    sendError(response, body, error)
  } finally {
    endWatch()
    if (running) deps.queries.finish(running, failed)
  }
}

function pick(context: QueryContext, settings: { name: string }[]): Record<string, string> {
  return Object.fromEntries(settings.map(({ name }) => [name, context.settings[name] ?? '']))
}

interface Responding {
  response: ServerResponse
  context: QueryContext
  running: RunningQuery
  deps: SqlDeps
  defaultFormat: string
  /** Settings that the statement carries. */
  own: Record<string, string>
}

async function respond(result: StatementResult, body: ResponseBody, to: Responding): Promise<void> {
  const { response, context, running, deps } = to
  if (result.kind === 'done') {
    commonHeaders(response)
    response.setHeader('content-type', 'text/plain; charset=UTF-8')
    return
  }
  const format = await formatOf(result, to.defaultFormat)
  const inForce = { ...context.settings, ...to.own }
  const schema = format.name.startsWith('Protobuf')
    ? protobufSettings(inForce.format_schema, deps.statements.schemas)
    : {}
  const options = {
    chdb: deps.chdb,
    format,
    settings: { ...context.settings, ...schema },
    tag: context.queryId,
    signal: context.signal,
  }
  if (result.kind === 'rows') {
    try {
      for await (const chunk of boundedResult(result, options)) {
        if (!response.headersSent) resultHeaders(response, format)
        await body.write(chunk)
      }
      resultHeaders(response, format)
    } finally {
      await result.release()
    }
    return
  }
  running.kind = 'streaming'
  const stop = () => void result.query.cancel(context.signal.reason).catch(() => {})
  context.signal.addEventListener('abort', stop, { once: true })
  try {
    // A client that waits for rows should know at once that its query runs.
    resultHeaders(response, format)
    response.flushHeaders()
    await writeEmissions(result.query, body, {
      ...options,
      onRows(rows) {
        running.resultRows += rows
        checkResultRows(running.resultRows, context.settings)
      },
    })
  } finally {
    context.signal.removeEventListener('abort', stop)
    await result.query.cancel()
  }
}

/** The result's format. Where there is no such format, the result is let go. */
async function formatOf(
  result: Exclude<StatementResult, { kind: 'done' }>,
  defaultFormat: string,
): Promise<OutputFormat> {
  try {
    return outputFormat(result.format ?? defaultFormat)
  } catch (cause) {
    await (result.kind === 'rows' ? result.release() : result.query.cancel())
    throw cause
  }
}

function commonHeaders(response: ServerResponse): void {
  if (response.headersSent) return
  response.setHeader('x-timeplus-server-display-name', DISPLAY_NAME)
  response.setHeader('x-timeplus-summary', SUMMARY)
}

function resultHeaders(response: ServerResponse, format: OutputFormat): void {
  if (response.headersSent) return
  commonHeaders(response)
  response.setHeader('content-type', format.contentType)
  response.setHeader('x-timeplus-format', format.name)
  response.setHeader('x-timeplus-timezone', 'UTC')
}

/** The error as status and text; behind data that has gone out already, as text alone. */
function sendError(response: ServerResponse, body: ResponseBody | undefined, error: EngineError): void {
  if (response.destroyed) return
  if (!response.headersSent && !body?.written) {
    commonHeaders(response)
    for (const name of ['content-encoding', 'x-timeplus-format', 'x-timeplus-timezone'])
      response.removeHeader(name)
    response.statusCode = error.httpStatus
    response.setHeader('content-type', 'text/plain; charset=UTF-8')
    response.setHeader('x-timeplus-exception-code', String(error.code))
    response.end(`${error.text()}\n`)
    return
  }
  void (body?.write(`${error.text()}\n`) ?? Promise.resolve()).then(
    () => body?.end(),
    () => response.destroy(),
  )
}

function wantsGzip(request: IncomingMessage, url: URL): boolean {
  return (
    /^(?:1|true)$/.test(url.searchParams.get('enable_http_compression') ?? '') &&
    /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  )
}

const READ_ONLY = new Set([
  'query',
  'explain',
  'show',
  'describe',
  'exists_statement',
  'use',
  'set',
  'kill_query',
  'subscribe',
  'recover',
  'unsubscribe',
])

function isReadOnly(kind: string): boolean {
  return READ_ONLY.has(kind)
}
