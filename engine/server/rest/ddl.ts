import type { Alter, ColumnDef, CreateStream, Drop, Expr, Setting } from '../../../dialect/ast.js'
import { parseExpression, parseType } from '../../../dialect/index.js'
import { sqlError } from '../../statements/errors.js'
import { type RestAnswer, type RestCall, type RestDeps, RestError, readJson } from './router.js'

/** `GET /ddl/streams[/<database>[/<name>]]`, `POST /ddl/streams`, `PATCH|DELETE /ddl/streams/<name>`. */
export async function streamDefinitions(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  try {
    switch (call.method) {
      case 'GET':
        return { json: { data: listed(call, deps), request_id: call.requestId } }
      case 'POST':
        return await create(call, deps)
      case 'PATCH':
        return await patch(call, deps)
      default:
        return await remove(call, deps)
    }
  } catch (cause) {
    if (cause instanceof RestError) throw cause
    const error = sqlError(cause)
    throw new RestError(error.code, error.message)
  }
}

function listed(call: RestCall, deps: RestDeps): unknown[] {
  const { catalog, guard } = deps.statements
  const access = guard.accessOf(call.context)
  const [database = call.context.database, name] = call.name?.split('/') ?? []
  if (!catalog.databases().includes(database))
    throw new RestError(81, `Databases ${database} does not exist.`, 404)
  if (name !== undefined && !catalog.find({ database, name }))
    throw new RestError(60, `No stream named '${name}' in database '${database}'`, 404)
  return catalog.list(database).flatMap((object) => {
    if (object.kind === 'stream' && object.owner !== undefined) return []
    if (!guard.sees(access, object.name)) return []
    if (name !== undefined && object.name.name !== name) return []
    const stream = object.kind === 'stream' ? object : undefined
    return [
      {
        name: object.name.name,
        uuid: object.uuid,
        engine: object.kind === 'stream' ? 'Stream' : object.kind,
        mode: stream?.mode ?? '',
        shards: stream?.shards ?? 1,
        primary_key: stream?.primaryKey.join(', ') ?? '',
        columns: object.columns.map((column) => ({
          name: column.name,
          type: column.type,
          ...(column.default ? { [column.default.kind]: column.default.sql } : {}),
          ...(column.comment ? { comment: column.comment } : {}),
          ...(column.codec ? { codec: `CODEC(${column.codec})` } : {}),
          nullable: column.type.startsWith('nullable('),
        })),
      },
    ]
  })
}

async function create(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  const body = readJson(call.body)
  const name = requiredText(body, 'name')
  if (deps.statements.catalog.find({ name }, call.context.database)) {
    throw new RestError(57, `Stream '${call.context.database}.${name}' already exists.`)
  }
  if (!Array.isArray(body.columns)) throw new RestError(117, "Invalid request: 'columns' must be a list")
  const keyed = body.primary_key !== undefined
  const settings: Setting[] = [setting('subtype', 'tabular')]
  for (const field of [
    'mode',
    'event_time_column',
    'version_column',
    'sharding_expr',
    'logstore_retention_bytes',
    'logstore_retention_ms',
  ]) {
    const value = field === 'sharding_expr' ? (body.shard_by_expression ?? body[field]) : body[field]
    if (value !== undefined) settings.push(setting(field, String(value)))
  }
  if (body.shards !== undefined) settings.push(setting('shards', String(body.shards)))
  const order = parseExpression(text(body, 'order_by_expression') ?? 'to_YYYYMMDD(_tp_time)')
  const ttl = text(body, 'ttl_expression')
  const statement: CreateStream = {
    kind: 'create_stream',
    name: { database: call.context.database, name },
    ifNotExists: false,
    orReplace: false,
    mutable: false,
    columns: body.columns.map(columnOf),
    indexes: [],
    families: [],
    partitionBy: parseExpression('to_YYYYMM(_tp_time)'),
    primaryKey: keyed ? parseExpression(String(body.primary_key)) : order,
    ...(keyed ? {} : { orderBy: order }),
    ...(ttl === undefined ? {} : { ttl: [{ expr: parseExpression(ttl) }] }),
    settings,
  }
  await deps.executor.execute(statement, '', call.context)
  return { json: { request_id: call.requestId } }
}

function columnOf(value: unknown): ColumnDef {
  if (typeof value !== 'object' || value === null)
    throw new RestError(117, 'Invalid request: a column must be an object')
  const body = value as Record<string, unknown>
  const typeText = requiredText(body, 'type')
  const type = parseType(body.nullable === true ? `nullable(${typeText})` : typeText)
  const written = text(body, 'default')
  const alias = text(body, 'alias')
  const comment = text(body, 'comment')
  return {
    name: requiredText(body, 'name'),
    type,
    ...(written === undefined
      ? {}
      : { default: { kind: 'default' as const, expr: defaultOf(written, type.name) } }),
    ...(alias === undefined ? {} : { default: { kind: 'alias' as const, expr: parseExpression(alias) } }),
    ...(comment === undefined ? {} : { comment }),
  }
}

/** The default of a string column is the string itself, of any other column an expression. */
function defaultOf(written: string, type: string): Expr {
  return type === 'string' ? { kind: 'literal', type: 'string', value: written } : parseExpression(written)
}

async function patch(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  if (call.name === undefined) throw new RestError(36, 'The path needs the name of a stream')
  const body = readJson(call.body)
  const ttl = text(body, 'ttl_expression')
  const settings = [
    'logstore_retention_bytes',
    'logstore_retention_ms',
    'flush_threshold_count',
    'flush_threshold_ms',
    'flush_threshold_bytes',
  ]
    .filter((name) => body[name] !== undefined)
    .map((name) => setting(name, String(body[name])))
  const statement: Alter = {
    kind: 'alter',
    object: 'stream',
    name: { name: call.name },
    actions: [
      ...(ttl === undefined ? [] : [{ kind: 'modify_ttl' as const, ttl: [{ expr: parseExpression(ttl) }] }]),
      ...(settings.length === 0 ? [] : [{ kind: 'modify_setting' as const, settings }]),
    ],
  }
  if (statement.actions.length === 0) throw new RestError(36, 'Invalid request: nothing to change')
  await deps.executor.execute(statement, '', call.context)
  return { json: { request_id: call.requestId } }
}

async function remove(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  if (call.name === undefined) throw new RestError(36, 'The path needs the name of a stream')
  const statement: Drop = { kind: 'drop', object: 'stream', names: [{ name: call.name }], ifExists: false }
  await deps.executor.execute(statement, '', call.context)
  return { json: { request_id: call.requestId } }
}

function setting(name: string, value: string): Setting {
  const number = /^-?\d+$/.test(value)
  if (number && value.startsWith('-')) {
    return {
      name,
      value: { kind: 'unary', op: '-', expr: { kind: 'literal', type: 'number', text: value.slice(1) } },
    }
  }
  return {
    name,
    value: number
      ? { kind: 'literal', type: 'number', text: value }
      : { kind: 'literal', type: 'string', value },
  }
}

function text(body: Record<string, unknown>, name: string): string | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : String(value)
}

function requiredText(body: Record<string, unknown>, name: string): string {
  const value = text(body, name)
  if (value === undefined || value === '') throw new RestError(117, `Invalid request: '${name}' is missing`)
  return value
}
