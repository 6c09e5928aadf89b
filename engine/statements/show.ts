import type { Describe, Exists_, Expr, Show } from '../../dialect/ast.js'
import { parseExpression } from '../../dialect/index.js'
import type { Column, QueryContext, StatementResult } from '../contracts.js'
import { EngineError } from '../errors.js'
import { createAccessText, grantLines, isOfAccess } from './access_relations.js'
import { queryColumns } from './create_view.js'
import { fullName, requireDatabase, type StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { formatSchemaText, showFormatSchemas } from './format_schemas.js'
import { jobText } from './jobs.js'
import { jsonResult } from './json_rows.js'
import { namedCollectionText } from './named_collections.js'
import { showCreate } from './show_create.js'
import { PROCESS_SHAPE, processRows } from './system_relations.js'

/** `SHOW x` as a query over the system relation that lists such things. */
const LISTS: Record<string, { from: string; inDatabase?: true; where?: string; column?: string }> = {
  streams: { from: 'tables', inDatabase: true },
  tables: { from: 'tables', inDatabase: true },
  views: { from: 'tables', inDatabase: true, where: "engine IN ('View', 'MaterializedView')" },
  databases: { from: 'databases' },
  functions: { from: 'functions', where: "origin != 'System'" },
  settings: { from: 'settings' },
  users: { from: 'users' },
  roles: { from: 'roles' },
  current_roles: { from: 'current_roles', column: 'role_name' },
  enabled_roles: { from: 'current_roles', column: 'role_name' },
  tasks: { from: 'tasks', inDatabase: true },
  alerts: { from: 'alerts', inDatabase: true },
  dictionaries: { from: 'dictionaries', inDatabase: true },
  named_collections: { from: 'named_collections' },
  row_policies: { from: 'row_policies' },
  policies: { from: 'row_policies' },
}

export async function show(
  statement: Show,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const { format } = statement
  if (statement.what === 'processlist') return jsonResult(PROCESS_SHAPE, processRows(context, deps), format)
  if (statement.what === 'grants') {
    const title = statement.name ? `GRANTS FOR ${statement.name.name}` : 'GRANTS'
    const lines = grantLines(statement.name?.name, context, deps)
    return jsonResult(
      { [title]: 'string' },
      lines.map((line) => [line]),
      format,
    )
  }
  if (statement.what === 'create') {
    return jsonResult({ statement: 'string' }, [[createText(statement, context, deps)]], format)
  }
  if (statement.what === 'format_schemas') return showFormatSchemas(format, deps)
  const list = LISTS[statement.what]
  if (!list) throw notSupported(`SHOW ${statement.what.replaceAll('_', ' ').toUpperCase()}`)
  const database = statement.from ?? context.database
  requireDatabase(database, deps)
  const name: Expr = { kind: 'column', path: [list.column ?? 'name'] }
  const conditions: Expr[] = []
  if (list.inDatabase) {
    const value: Expr = { kind: 'literal', type: 'string', value: database }
    conditions.push({ kind: 'binary', op: '=', left: { kind: 'column', path: ['database'] }, right: value })
  }
  if (list.where !== undefined) conditions.push(parseExpression(list.where))
  if (statement.like) {
    const { pattern, not, caseInsensitive } = statement.like
    const text: Expr = { kind: 'literal', type: 'string', value: pattern }
    conditions.push({ kind: 'like', expr: name, pattern: text, not, caseInsensitive })
  }
  if (statement.where) conditions.push(statement.where)
  const plan = await deps.planner.plan(
    {
      kind: 'select',
      with: [],
      columns: [name],
      from: { kind: 'table', name: { database: 'system', name: list.from } },
      ...(conditions.length === 0
        ? {}
        : { where: conditions.reduce((left, right): Expr => ({ kind: 'binary', op: 'and', left, right })) }),
      orderBy: [{ expr: name, descending: false }],
      ...(statement.limit ? { limit: statement.limit } : {}),
    },
    { ...context, tableMode: true },
  )
  return { kind: 'rows', columns: plan.columns, sql: plan.sql, release: () => plan.release(), format }
}

function createText(statement: Show, context: QueryContext, deps: StatementDeps): string {
  const name = statement.name!
  if (isOfAccess(statement.object)) return createAccessText(statement, context, deps)
  if (statement.object === 'task' || statement.object === 'alert')
    return jobText(statement.object, name, context, deps)
  if (statement.object === 'named_collection') return namedCollectionText(name.name, deps)
  if (statement.object === 'format_schema') return formatSchemaText(name.name, deps)
  if (statement.object === 'function') {
    const fn = deps.catalog.function(name.name)
    if (!fn) throw new EngineError('UNKNOWN_FUNCTION', `User-defined function '${name.name}' doesn't exist`)
    return showCreate(fn)
  }
  if (statement.object === 'database') {
    requireDatabase(name.name, deps)
    return `CREATE DATABASE ${name.name}`
  }
  return showCreate(deps.catalog.require(name, context.database))
}

const DESCRIBE_SHAPE = {
  name: 'string',
  type: 'string',
  default_type: 'string',
  default_expression: 'string',
  comment: 'string',
  codec_expression: 'string',
  ttl_expression: 'string',
}

export async function describe(
  statement: Describe,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const columns = await describedColumns(statement, context, deps)
  return jsonResult(
    DESCRIBE_SHAPE,
    columns.map((column) => [
      column.name,
      column.type,
      column.default?.kind.toUpperCase() ?? '',
      column.default?.sql ?? '',
      column.comment ?? '',
      column.codec ?? '',
      '',
    ]),
    statement.format,
  )
}

async function describedColumns(
  statement: Describe,
  context: QueryContext,
  deps: StatementDeps,
): Promise<Pick<Column, 'name' | 'type' | 'default' | 'comment' | 'codec'>[]> {
  const { target } = statement
  if (target.kind === 'table' && !/^(?:system|information_schema)$/.test(target.name.database ?? '')) {
    return deps.catalog.require(target.name, context.database).columns
  }
  if (target.kind === 'subquery_table') return queryColumns(target.query, context, deps)
  return queryColumns({ kind: 'select', with: [], columns: [{ kind: 'star' }], from: target }, context, deps)
}

export function exists(statement: Exists_, context: QueryContext, deps: StatementDeps): StatementResult {
  const found =
    statement.object === 'function'
      ? deps.catalog.function(statement.name.name) !== undefined
      : statement.object === 'database'
        ? deps.catalog.databases().includes(statement.name.name)
        : existsRelation(statement, context, deps)
  return jsonResult({ result: 'uint8' }, [[found ? 1 : 0]], statement.format)
}

function existsRelation(statement: Exists_, context: QueryContext, deps: StatementDeps): boolean {
  const object = deps.catalog.find(fullName(statement.name, context))
  if (!object) return false
  return statement.object !== 'view' || object.kind === 'view' || object.kind === 'materialized_view'
}
