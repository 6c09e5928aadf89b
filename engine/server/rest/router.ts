/** Proton's REST API under `/proton/v1` and `/timeplusd/v1`. */
import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { availableParallelism, totalmem } from 'node:os'
import type { QueryContext, StatementExecutor } from '../../contracts.js'
import { editionName } from '../../edition.js'
import { EngineError, PROTON_COMMIT, PROTON_VERSION } from '../../errors.js'
import type { StatementDeps } from '../../statements/deps.js'
import { clientError } from '../../statements/errors.js'
import { readBody } from '../body.js'
import { authenticate, header } from '../users.js'
import { streamDefinitions } from './ddl.js'
import { ingest, ingestStatuses } from './ingest.js'
import { analyse, format, search } from './queries.js'
import { functionDefinitions } from './udfs.js'

export interface RestDeps {
  statements: StatementDeps
  executor: StatementExecutor
  /** Identifies this engine's folder. */
  serverId: string
}

/** One call, read and authenticated. */
export interface RestCall {
  method: string
  /** What follows the resource: `ingest/streams/<name>`. */
  name: string | undefined
  url: URL
  body: Buffer
  context: QueryContext
  requestId: string
  idempotentId: string | undefined
  acceptsGzip: boolean
}

/** An answer: JSON, or bytes with their headers. */
export type RestAnswer =
  | { json: Record<string, unknown>; status?: number }
  | { bytes: Uint8Array; headers: Record<string, string> }

type Handler = (call: RestCall, deps: RestDeps) => Promise<RestAnswer>

/** Path below the version → methods → handler. */
const RESOURCES: [path: RegExp, methods: string[], handler: Handler][] = [
  [/^ingest\/streams\/([^/]+)$/, ['POST'], ingest],
  [/^ingest\/(?:statuses|streams\/statuses)$/, ['POST'], ingestStatuses],
  [/^ddl\/streams(?:\/([^/]+(?:\/[^/]+)?))?$/, ['GET', 'POST', 'PATCH', 'DELETE'], streamDefinitions],
  [/^search$/, ['POST'], search],
  [/^sqlformat$/, ['POST'], format],
  [/^sqlanalyzer$/, ['POST'], analyse],
  [/^udfs(?:\/([^/]+))?$/, ['GET', 'POST', 'DELETE'], functionDefinitions],
]

const PREFIX = /^\/(?:proton|timeplusd)(?=\/)/

/** False where the path is none of the REST API's. */
export async function handleRest(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  deps: RestDeps,
): Promise<boolean> {
  if (!PREFIX.test(url.pathname)) return false
  const requestId = header(request, 'query-id') ?? randomUUID()
  response.setHeader('x-timeplus-query-id', requestId)
  const path = url.pathname.replace(PREFIX, '').slice(1)
  if (path === 'ping') return answer(response, { json: { status: 'UP' } })
  if (path === 'info') return answer(response, { json: info(deps) })
  const match = /^v1\/(.*)$/.exec(path)
  if (!match) return false
  const found = RESOURCES.find(([pattern]) => pattern.test(match[1]!))
  if (!found) return false
  const [pattern, methods, handler] = found
  const method = request.method ?? 'GET'
  try {
    const user = await authenticate(request, url, deps.statements.guard.control)
    if (!methods.includes(method)) {
      throw new EngineError('UNSUPPORTED_METHOD', `Method ${method} is not supported for ${url.pathname}`)
    }
    const name = pattern.exec(match[1]!)?.[1]
    const abort = new AbortController()
    response.once('close', () => abort.abort())
    const call: RestCall = {
      method,
      name: name === undefined ? undefined : decodeURIComponent(name),
      url,
      body: await readBody(request),
      context: {
        queryId: requestId,
        user,
        database: url.searchParams.get('database') ?? header(request, 'database') ?? 'default',
        settings: {},
        params: {},
        tableMode: false,
        signal: abort.signal,
      },
      requestId,
      idempotentId: header(request, 'idempotent-id'),
      acceptsGzip: /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')),
    }
    return answer(response, await handler(call, deps))
  } catch (cause) {
    return answerError(response, cause, requestId)
  }
}

/** Thrown where the real server answers 400 with the bare sentence. */
export class RestError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly status = 400,
  ) {
    super(message)
  }
}

export function readJson(body: Buffer): Record<string, unknown> {
  let value: unknown
  const text = body.toString('utf8')
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new RestError(117, `JSON: ${jsonComplaint((cause as Error).message, text)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RestError(117, 'JSON: an object is expected')
  }
  return value as Record<string, unknown>
}

/** A text that breaks off is told apart from one that is wrong. */
function jsonComplaint(message: string, text: string): string {
  const position = /position (\d+)/.exec(message)?.[1]
  const brokenOff = /^Unexpected end|^Unterminated/.test(message) || Number(position) >= text.length
  return brokenOff ? 'unexpected end of data.' : message
}

function answer(response: ServerResponse, result: RestAnswer): true {
  if ('bytes' in result) {
    response.writeHead(200, result.headers)
    response.end(result.bytes)
    return true
  }
  response.writeHead(result.status ?? 200, { 'content-type': 'application/json; charset=UTF-8' })
  response.end(JSON.stringify(result.json))
  return true
}

function answerError(response: ServerResponse, cause: unknown, requestId: string): true {
  if (response.destroyed || response.headersSent) {
    response.destroy()
    return true
  }
  if (cause instanceof RestError) {
    return answer(response, {
      json: { code: cause.code, error_msg: cause.message, request_id: requestId },
      status: cause.status,
    })
  }
  const error = clientError(cause)
  response.setHeader('x-timeplus-exception-code', String(error.code))
  response.writeHead(error.httpStatus, { 'content-type': 'application/json; charset=UTF-8' })
  response.end(`${JSON.stringify({ code: error.code, error_msg: error.text(), request_id: '' })}\n`)
  return true
}

/** When this file was compiled, to the second. */
const BUILT_AT = statSync(new URL(import.meta.url))
  .mtime.toISOString()
  .replace(/\.\d+/, '')

function info(deps: RestDeps): Record<string, unknown> {
  return {
    build: {
      commit_sha: PROTON_COMMIT,
      edition: editionName(deps.statements.edition),
      name: 'proton',
      time: BUILT_AT,
      version: `v${PROTON_VERSION}`,
    },
    server: {
      memory_amount: totalmem(),
      num_of_physical_cpu_cores: availableParallelism(),
      uuid: deps.serverId,
    },
  }
}
