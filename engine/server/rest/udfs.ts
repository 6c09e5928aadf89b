import type { CreateFunction, FunctionArg } from '../../../dialect/ast.js'
import { parseType, printType } from '../../../dialect/index.js'
import type { FunctionObject } from '../../contracts.js'
import { EngineError } from '../../errors.js'
import { type RestAnswer, type RestCall, type RestDeps, RestError, readJson } from './router.js'

/** `GET /udfs`, `GET|DELETE /udfs/<name>`, `POST /udfs`. */
export async function functionDefinitions(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  const { catalog } = deps.statements
  const ok = { json: { request_id: call.requestId } }
  if (call.method === 'POST') {
    await deps.executor.execute(definitionOf(readJson(call.body)), '', call.context)
    return ok
  }
  if (call.method === 'DELETE') {
    const names = [{ name: call.name ?? '' }]
    await deps.executor.execute(
      { kind: 'drop', object: 'function', names, ifExists: false },
      '',
      call.context,
    )
    return ok
  }
  if (call.name === undefined) {
    const data = catalog.functions().filter(isExternal).map(shown)
    return { json: { data, request_id: call.requestId } }
  }
  const fn = catalog.function(call.name)
  if (!fn || !isExternal(fn)) {
    throw new EngineError('UNKNOWN_FUNCTION', `User-defined function '${call.name}' doesn't exist`)
  }
  return { json: { data: shown(fn), request_id: call.requestId } }
}

/** SQL functions have no place in this API. */
function isExternal(fn: FunctionObject): boolean {
  return fn.statement.body.language !== 'sql'
}

function shown({ name, statement }: FunctionObject): Record<string, unknown> {
  const { body } = statement
  if (body.language === 'sql') return {}
  const args = body.args.map((arg) => ({ name: arg.name, type: printType(arg.type) }))
  // An aggregate is called with the sign of each row, too.
  if (statement.aggregate) args.push({ name: '_tp_delta', type: 'int8' })
  // The key of a remote function is a secret: it is kept, not shown.
  const remote = body.language === 'remote' ? { auth_method: body.authMethod ?? 'none' } : {}
  return {
    arguments: args,
    ...remote,
    is_aggregation: statement.aggregate,
    name: name.name,
    return_type: printType(body.returns),
    ...(body.language === 'remote' ? {} : { source: body.source }),
    type: body.language,
    ...(body.language === 'remote' ? { url: body.url } : {}),
  }
}

function definitionOf(json: Record<string, unknown>): CreateFunction {
  const name = String(json.name ?? '')
  const args = json.arguments
  if (!Array.isArray(args)) throw new RestError(117, "Invalid request: 'arguments' must be a list")
  const typed: FunctionArg[] = args.map((arg: { name?: unknown; type?: unknown }) => ({
    name: String(arg?.name ?? ''),
    type: parseType(String(arg?.type ?? '')),
  }))
  const common = { args: typed, returns: parseType(String(json.return_type ?? '')) }
  return {
    kind: 'create_function',
    name: { name },
    ifNotExists: false,
    orReplace: true,
    aggregate: json.is_aggregation === true,
    body:
      json.type === 'remote'
        ? { language: 'remote', ...common, ...remoteOf(json) }
        : { language: scriptOf(json), ...common, source: String(json.source ?? '') },
  }
}

function scriptOf(json: Record<string, unknown>): 'javascript' {
  if (json.type === 'javascript') return 'javascript'
  throw new RestError(
    36,
    `Functions of type '${String(json.type)}' are not supported, only javascript and remote`,
  )
}

function remoteOf(json: Record<string, unknown>) {
  const auth = (json.auth_context ?? {}) as Record<string, unknown>
  return {
    url: String(json.url ?? ''),
    ...(json.auth_method === undefined ? {} : { authMethod: String(json.auth_method) }),
    ...(auth.key_name === undefined ? {} : { authHeader: String(auth.key_name) }),
    ...(auth.key_value === undefined ? {} : { authKey: String(auth.key_value) }),
  }
}
