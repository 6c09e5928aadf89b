import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { EngineError } from '../errors.js'

/** Proton's built-in users. The engine listens on loopback; these exist so that clients' defaults work. */
const BUILT_IN: Readonly<Record<string, string>> = { default: '', proton: 'proton@t+' }

/** The request's user. Throws AUTHENTICATION_FAILED (516). Credentials: URL, headers, then basic authorization. */
export function authenticate(request: IncomingMessage, url: URL): string {
  const { user, password } = credentials(request, url)
  const expected = BUILT_IN[user]
  if (expected === undefined || !equal(expected, password)) {
    throw new EngineError(
      'AUTHENTICATION_FAILED',
      `${user}: Authentication failed: password is incorrect or there is no user with such name`,
    )
  }
  return user
}

function credentials(request: IncomingMessage, url: URL): { user: string; password: string } {
  const basic = /^Basic\s+(\S+)$/i.exec(request.headers.authorization ?? '')
  if (basic) {
    const text = Buffer.from(basic[1]!, 'base64').toString('utf8')
    const colon = text.indexOf(':')
    return colon < 0
      ? { user: text || 'default', password: '' }
      : { user: text.slice(0, colon) || 'default', password: text.slice(colon + 1) }
  }
  return {
    user: header(request, 'user') ?? (url.searchParams.get('user') || 'default'),
    password: header(request, 'key') ?? url.searchParams.get('password') ?? '',
  }
}

/** `x-timeplus-<name>`, or in its older spellings. */
export function header(request: IncomingMessage, name: string): string | undefined {
  for (const prefix of ['x-timeplus-', 'x-proton-', 'x-clickhouse-']) {
    const value = request.headers[prefix + name]
    if (typeof value === 'string' && value !== '') return value
  }
  return undefined
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
