import { randomUUID } from 'node:crypto'
import type { CreateStream, Expr } from '../../dialect/ast.js'
import { parseExpression, printExpr, printStatement } from '../../dialect/index.js'
import type { Column, QueryContext, StreamMode, StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { declaredColumns, TP_TIME, timeColumn } from './columns.js'
import { fullName, isFalse, requireDatabase, type StatementDeps, settingsText, storeExpr } from './deps.js'
import { notSupported } from './errors.js'
import { checkStreamSettings } from './stream_settings.js'

const MODES: readonly string[] = ['append', 'changelog', 'changelog_kv', 'versioned_kv']
const KEYED: readonly StreamMode[] = ['changelog_kv', 'versioned_kv', 'mutable']

/** `CREATE [MUTABLE] STREAM`. Throws 57, 50, 62, 115 and what a wrong default expression causes. */
export async function createStream(
  statement: CreateStream,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const name = fullName(statement.name, context)
  requireDatabase(name.database, deps)
  const existing = deps.catalog.find(name)
  if (existing) {
    if (statement.ifNotExists) return
    if (!statement.orReplace) {
      throw new EngineError('STREAM_ALREADY_EXISTS', `Stream ${name.database}.${name.name} already exists`)
    }
    throw notSupported('CREATE OR REPLACE STREAM of an existing stream')
  }
  // SHOW CREATE prints this index for every stream; it is no part of the definition.
  const indexes = statement.indexes.filter((index) => index.name !== '_tp_time_index')
  const stream = await streamObject({ ...statement, name, indexes, ifNotExists: false }, context, deps)
  await createTables(stream, deps)
}

/** Tables first, then the catalog: a name that can be found can be used. */
export async function createTables(stream: StreamObject, deps: StatementDeps): Promise<void> {
  try {
    await deps.store.create(stream)
    await deps.catalog.put(stream)
  } catch (cause) {
    await deps.store.drop(stream)
    throw cause
  }
}

async function streamObject(
  statement: CreateStream & { name: { database: string; name: string } },
  context: QueryContext,
  deps: StatementDeps,
): Promise<StreamObject> {
  const settings = settingsText(statement.settings)
  checkStreamSettings(settings)
  const mode = modeOf(statement, settings)
  const { columns, definitions } = await columnsOf(statement, context, deps)
  const eventTimeColumn = settings.event_time_column
  if (!columns.some((column) => column.name === TP_TIME)) columns.push(timeColumn(eventTimeColumn, deps))
  if ((mode === 'changelog' || mode === 'changelog_kv') && !columns.some((c) => c.name === '_tp_delta')) {
    columns.push({
      name: '_tp_delta',
      type: 'int8',
      chType: 'Int8',
      default: { kind: 'default', sql: '1', chSql: '1' },
    })
  }
  const engine = engineArguments(statement.engine)
  const shards = Number(settings.shards ?? engine.shards ?? 1)
  if (!Number.isInteger(shards) || shards < 1 || shards > 1024) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `Setting shards must be a whole number from 1 to 1024, not '${settings.shards}'`,
    )
  }
  const shardingExpr = settings.sharding_expr || engine.shardingExpr
  const stream: StreamObject = {
    kind: 'stream',
    id: deps.catalog.nextId(),
    uuid: statement.uuid ?? randomUUID(),
    name: statement.name,
    sql: printStatement({ ...statement, columns: definitions, as: undefined, uuid: undefined }),
    createdAt: Date.now(),
    mode,
    columns,
    primaryKey: KEYED.includes(mode) ? keyColumns(statement, columns) : [],
    versionColumn: versionOf(settings, columns),
    ...(eventTimeColumn === undefined ? {} : { eventTimeColumn }),
    shards,
    ...(shardingExpr ? { shardingExpr } : {}),
    ...(settings.ttl_seconds === undefined ? {} : { ttlMs: Number(settings.ttl_seconds) * 1000 }),
    settings,
    statement: { ...statement, columns: definitions, as: undefined, uuid: undefined },
  }
  checkKey(stream)
  if (shardingExpr) storeExpr(parseExpression(shardingExpr), deps)
  for (const item of statement.ttl ?? []) storeExpr(item.expr, deps)
  for (const expr of [statement.partitionBy, statement.orderBy]) if (expr) storeExpr(expr, deps)
  return stream
}

function modeOf(statement: CreateStream, settings: Record<string, string>): StreamMode {
  if (settings.mode !== undefined && !MODES.includes(settings.mode)) {
    throw new EngineError('SYNTAX_ERROR', `Invalid storage mode='${settings.mode}'`)
  }
  if (statement.mutable) return 'mutable'
  return (settings.mode ?? 'append') as StreamMode
}

async function columnsOf(
  statement: CreateStream,
  context: QueryContext,
  deps: StatementDeps,
): Promise<{ columns: Column[]; definitions: CreateStream['columns'] }> {
  if (statement.as === undefined) {
    if (statement.columns.length === 0) {
      throw new EngineError(
        'INCORRECT_QUERY',
        'Incorrect CREATE query: required list of column descriptions or AS section',
      )
    }
    return { columns: await declaredColumns(statement.columns, deps), definitions: statement.columns }
  }
  if ('kind' in statement.as) throw notSupported('CREATE STREAM … AS SELECT')
  const source = deps.catalog.require(statement.as, context.database)
  if (source.kind !== 'stream') throw notSupported(`CREATE STREAM … AS of a ${source.kind.replace('_', ' ')}`)
  const definitions = source.statement?.columns ?? []
  return { columns: source.columns.map((column) => ({ ...column })), definitions }
}

/** `ENGINE = Stream(shards, replicas, expr)`, as SHOW CREATE prints it. */
function engineArguments(engine: Expr | undefined): { shards?: string; shardingExpr?: string } {
  if (engine?.kind !== 'call') return {}
  if (!/^(?:stream|mutablestream)$/i.test(engine.name)) throw notSupported(`ENGINE = ${engine.name}`)
  const [shards, , expr] = engine.args
  return {
    ...(shards ? { shards: printExpr(shards) } : {}),
    ...(expr ? { shardingExpr: printExpr(expr) } : {}),
  }
}

function keyColumns(statement: CreateStream, columns: Column[]): string[] {
  const key = statement.primaryKey ?? statement.orderBy
  if (!key) {
    throw new EngineError(
      'SYNTAX_ERROR',
      'A keyed stream needs PRIMARY KEY: the columns that tell its rows apart',
    )
  }
  const items = key.kind === 'tuple' ? key.items : [key]
  if (
    statement.primaryKey &&
    statement.orderBy &&
    printExpr(statement.primaryKey) !== printExpr(statement.orderBy)
  ) {
    throw new EngineError(
      'SYNTAX_ERROR',
      'Primary key must be the same as sorting key for changelog_kv or versioned_kv stream',
    )
  }
  return items.map((item) => {
    if (item.kind !== 'column' || item.path.length !== 1)
      throw notSupported(`PRIMARY KEY ${printExpr(item)}, an expression,`)
    const name = item.path[0]!
    if (!columns.some((column) => column.name === name)) {
      throw new EngineError(
        'UNKNOWN_IDENTIFIER',
        `Missing columns: '${name}' while processing query: '${printExpr(key)}', required columns: '${name}'`,
      )
    }
    return name
  })
}

function versionOf(settings: Record<string, string>, columns: Column[]): string | undefined {
  const name = settings.version_column
  if (name === undefined || name === '') return undefined
  const column = columns.find((c) => c.name === name)
  if (!column)
    throw new EngineError('UNKNOWN_IDENTIFIER', `Missing columns: '${name}', the stream's version_column`)
  if (!/^(?:U?Int\d+|Date(?:32|Time|Time64)?)\b/.test(column.chType)) {
    throw new EngineError(
      'BAD_TYPE_OF_FIELD',
      `The version_column '${name}' must be an integer, a date or a time, not ${column.type}`,
    )
  }
  return name
}

function checkKey(stream: StreamObject): void {
  if (stream.versionColumn !== undefined && stream.primaryKey.includes(stream.versionColumn)) {
    throw new EngineError(
      'BAD_ARGUMENTS',
      `The version_column '${stream.versionColumn}' must not be part of the primary key`,
    )
  }
  if (stream.settings.coalesced !== undefined && !isFalse(stream.settings.coalesced)) {
    throw notSupported('coalesced = true of a mutable stream')
  }
}
