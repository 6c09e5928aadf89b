import type { CreateFunction, FunctionArg } from '../ast.js'
import { finish, type Head, parseHead } from './create.js'
import type { Cursor } from './cursor.js'
import { parseExpr } from './expressions.js'
import { isLambda } from './lookahead.js'
import { parseSettingsClause } from './settings.js'
import { parseType } from './types.js'

type Flavour = 'scalar' | 'aggregate' | 'remote'

/** What follows `CREATE [AGGREGATE | REMOTE] FUNCTION`. */
export function parseCreateFunction(
  c: Cursor,
  start: number,
  orReplace: boolean,
  flavour: Flavour,
): CreateFunction {
  const head = parseHead(c, start, orReplace, 'function name')
  if (c.is('(')) return parseTyped(c, head, flavour)
  c.expectKeyword('AS')
  if (!isLambda(c)) c.fail('lambda such as (x) -> x + 1')
  return node(c, head, flavour, { language: 'sql', lambda: parseExpr(c) })
}

function node(c: Cursor, head: Head, flavour: Flavour, body: CreateFunction['body']): CreateFunction {
  const settings = parseSettingsClause(c)
  return {
    kind: 'create_function',
    aggregate: flavour === 'aggregate',
    body,
    ...(settings ? { settings } : {}),
    ...finish(c, head),
  }
}

function parseTyped(c: Cursor, head: Head, flavour: Flavour): CreateFunction {
  c.expect('(')
  const args: FunctionArg[] = c.is(')') ? [] : c.list(() => parseFunctionArg(c))
  c.expect(')')
  c.expectKeyword('RETURNS')
  const returns = parseType(c)
  if (flavour === 'remote') return node(c, head, flavour, parseRemote(c, args, returns))
  c.expectKeyword('LANGUAGE')
  const language = c.keyword('PYTHON') ? 'python' : 'javascript'
  if (!c.takeKeyword('PYTHON')) c.expectKeyword('JAVASCRIPT')
  c.expectKeyword('AS')
  return node(c, head, flavour, { language, args, returns, source: c.string('source code') })
}

function parseFunctionArg(c: Cursor): FunctionArg {
  const start = c.index
  const name = c.name('argument name')
  return { name, type: parseType(c), span: c.span(start) }
}

type RemoteBody = Extract<CreateFunction['body'], { language: 'remote' }>

/** `URL 'u' [AUTH_METHOD m] [AUTH_HEADER h] [AUTH_KEY k] [EXECUTION_TIMEOUT ms]`, in any order. */
function parseRemote(c: Cursor, args: FunctionArg[], returns: RemoteBody['returns']): RemoteBody {
  const at = c.token
  const body: RemoteBody = { language: 'remote', args, returns, url: '' }
  for (;;) {
    if (c.takeKeyword('URL')) body.url = c.string()
    else if (c.takeKeyword('AUTH_METHOD')) body.authMethod = c.string()
    else if (c.takeKeyword('AUTH_HEADER')) body.authHeader = c.string()
    else if (c.takeKeyword('AUTH_KEY')) body.authKey = c.string()
    else if (c.takeKeyword('EXECUTION_TIMEOUT')) {
      if (c.token.kind !== 'number') c.fail('number')
      body.executionTimeoutMs = c.next().text
    } else break
  }
  if (body.url === '') c.rule('URL is required for remote function', at)
  const method = body.authMethod ?? 'none'
  const credentials = body.authHeader !== undefined || body.authKey !== undefined
  if (method !== 'none' && method !== 'auth_header') c.rule('Unknown auth method', at)
  if (method === 'none' && credentials) {
    c.rule("Auth method is 'none', but auth header or auth key is set.", at)
  }
  if (method === 'auth_header' && (body.authHeader === undefined || body.authKey === undefined)) {
    c.rule('Auth header and auth key are required for auth_header auth method', at)
  }
  return body
}
