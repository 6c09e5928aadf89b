import type { IncomingMessage } from 'node:http'
import type { AccessControl } from '../access/control.js'

/** The request's user. Throws AUTHENTICATION_FAILED (516). Credentials: URL, headers, then basic authorization. */
export async function authenticate(
  request: IncomingMessage,
  url: URL,
  control: AccessControl,
): Promise<string> {
  const { user, password } = credentials(request, url)
  await control.authenticate(user, password)
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
