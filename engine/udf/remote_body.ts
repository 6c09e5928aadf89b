import type { CreateFunction } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import type { FunctionSpec } from './worker/spec.js'

type RemoteStatement = Extract<CreateFunction['body'], { language: 'remote' }>

/** Proton's default for EXECUTION_TIMEOUT. */
const DEFAULT_TIMEOUT_MS = 10_000

/** What a child needs to call a remote function; BAD_ARGUMENTS (36) for what Proton refuses at creation. */
export function remoteBody(body: RemoteStatement): Extract<FunctionSpec['body'], { kind: 'remote' }> {
  return {
    kind: 'remote',
    url: checkUrl(body.url),
    headers: authHeaders(body),
    timeoutMs: body.executionTimeoutMs === undefined ? DEFAULT_TIMEOUT_MS : Number(body.executionTimeoutMs),
  }
}

function checkUrl(url: string): string {
  let parsed: URL | undefined
  try {
    parsed = new URL(url)
  } catch {
    parsed = undefined
  }
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw new EngineError('BAD_ARGUMENTS', `Invalid url for remote UDF, msg: ${url}`)
  }
  return url
}

function authHeaders(body: RemoteStatement): Record<string, string> {
  const method = body.authMethod?.toLowerCase() ?? 'none'
  if (method === 'none') return {}
  if (method !== 'auth_header') {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Wrong 'auth_method' expected 'none' or 'auth_header' actual ${body.authMethod}`,
    )
  }
  if (!body.authHeader || !body.authKey) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      "'auth_header' auth_method requires 'key_name' and 'key_value' in 'auth_context'",
    )
  }
  return { [body.authHeader]: body.authKey }
}
