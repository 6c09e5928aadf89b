/** One HTTP request for SQL → the statement, the data that comes with it, and the context it runs in. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Statement } from '../../dialect/ast.js'
import { parseStatement } from '../../dialect/index.js'
import type { AccessControl } from '../access/control.js'
import { EngineError } from '../errors.js'
import { sqlError } from '../statements/errors.js'
import type { Session, Sessions } from './sessions.js'
import { header } from './users.js'

/** URL parameters that are no settings. */
const RESERVED = new Set([
  'query',
  'query_id',
  'user',
  'password',
  'database',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'session_timezone',
  'compress',
  'decompress',
  'buffer_size',
  'wait_end_of_query',
  'stacktrace',
  'quota_key',
  'enable_http_compression',
  'http_zlib_compression_level',
  'add_http_cors_header',
  'output_format_enable_streaming',
  'client_protocol_version',
  'role',
  'idempotent_id',
])

/** How far into a large body the text of an INSERT may reach before its data begins. */
const STATEMENT_WINDOW = 1 << 18

export interface SqlRequest {
  statement: Statement
  source: string
  data: Uint8Array | undefined
}

export interface RequestSettings {
  queryId: string
  database: string
  defaultFormat: string
  settings: Record<string, string>
  params: Record<string, string>
  session: Session | undefined
  roles?: readonly string[]
}

export function requestSettings(
  request: IncomingMessage,
  url: URL,
  user: string,
  sessions: Sessions,
  control: AccessControl,
): RequestSettings {
  const sessionId = url.searchParams.get('session_id')
  const session = sessionId
    ? sessions.get(sessionId, user, {
        timeout: url.searchParams.get('session_timeout') ?? undefined,
        check: url.searchParams.get('session_check') ?? undefined,
      })
    : undefined
  const settings: Record<string, string> = { ...session?.settings }
  const params: Record<string, string> = {}
  for (const [name, value] of url.searchParams) {
    if (name.startsWith('param_')) params[name.slice('param_'.length)] = value
    else if (!RESERVED.has(name)) settings[name] = value
  }
  const home = control.users.get(user)?.defaultDatabase
  const idempotentId = header(request, 'idempotent-id') ?? url.searchParams.get('idempotent_id')
  if (idempotentId) settings.idempotent_id = idempotentId
  return {
    queryId: url.searchParams.get('query_id') || header(request, 'query-id') || randomUUID(),
    database:
      url.searchParams.get('database') ||
      header(request, 'database') ||
      session?.database ||
      home ||
      'default',
    defaultFormat: header(request, 'format') ?? (url.searchParams.get('default_format') || 'TabSeparated'),
    settings,
    params,
    session,
    roles: session?.roles,
  }
}

/**
 * `?query=` and body are one text, as on the real server; with an INSERT in `?query=` the body is its data.
 * Data is never decoded: it may be any bytes.
 */
export function readStatement(query: string, body: Buffer): SqlRequest {
  if (query.trim() !== '') {
    const alone = tryParse(query)
    if (alone?.kind === 'insert') {
      const inline = inlineData(alone, Buffer.from(query))
      const data = inline === undefined ? body : Buffer.concat([inline, body])
      return { statement: alone, source: query, data: data.length > 0 ? data : undefined }
    }
    const source = body.length > 0 ? `${query}\n${body.toString('utf8')}` : query
    return { statement: parse(source), source, data: undefined }
  }
  if (body.length > STATEMENT_WINDOW && /^\s*insert\b/i.test(body.toString('latin1', 0, 64))) {
    const window = body.toString('utf8', 0, STATEMENT_WINDOW)
    const statement = tryParse(window)
    if (statement?.kind === 'insert' && statement.source.kind === 'format') {
      return {
        statement,
        source: window.slice(0, statement.source.dataStart),
        data: inlineData(statement, body, window),
      }
    }
  }
  const source = body.toString('utf8')
  const statement = parse(source)
  if (statement.kind === 'insert' && statement.source.kind === 'format') {
    return { statement, source, data: inlineData(statement, body, source) }
  }
  return { statement, source, data: undefined }
}

/** What follows `FORMAT x` in the bytes that the statement was parsed from. */
function inlineData(
  statement: Statement,
  bytes: Buffer,
  source = bytes.toString('utf8'),
): Buffer | undefined {
  if (statement.kind !== 'insert' || statement.source.kind !== 'format') return undefined
  return bytes.subarray(Buffer.byteLength(source.slice(0, statement.source.dataStart)))
}

function parse(source: string): Statement {
  if (source.trim() === '') throw new EngineError('SYNTAX_ERROR', 'Empty query')
  try {
    return parseStatement(source)
  } catch (cause) {
    throw sqlError(cause)
  }
}

function tryParse(source: string): Statement | undefined {
  try {
    return parseStatement(source)
  } catch {
    return undefined
  }
}
