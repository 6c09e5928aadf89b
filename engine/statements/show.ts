import type { Describe, Exists_, Expr, Select, Show } from '../../dialect/ast.js'
import type { Column, QueryContext, Relation, StatementResult } from '../contracts.js'
import { EngineError } from '../errors.js'
import { queryColumns } from './create_view.js'
import { fullName, requireDatabase, type StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { jsonRelation, jsonResult } from './json_rows.js'
import { showCreate } from './show_create.js'
import { PROCESS_SHAPE, processRows } from './system_relations.js'

export async function show(
  statement: Show,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const { format } = statement
  switch (statement.what) {
    case 'streams':
    case 'tables':
      return filtered(streamNames(statement, context, deps), statement, context, deps)
    case 'views': {
      const views = listed(statement.from ?? context.database, deps).filter((object) =>
        object.kind.endsWith('view'),
      )
      return filtered(nameRelation(views.map((view) => view.name.name)), statement, context, deps)
    }
    case 'databases':
      return filtered(nameRelation(deps.catalog.databases()), statement, context, deps)
    case 'functions':
      return filtered(
        nameRelation(deps.catalog.functions().map((fn) => fn.name.name)),
        statement,
        context,
        deps,
      )
    case 'processlist':
      return jsonResult(PROCESS_SHAPE, processRows(deps), format)
    case 'create':
      return jsonResult({ statement: 'string' }, [[createText(statement, context, deps)]], format)
    default:
      throw notSupported(`SHOW ${statement.what.replaceAll('_', ' ').toUpperCase()}`)
  }
}

function listed(database: string, deps: StatementDeps) {
  requireDatabase(database, deps)
  return deps.catalog
    .list(database)
    .filter((object) => !(object.kind === 'stream' && object.owner !== undefined))
}

function streamNames(statement: Show, context: QueryContext, deps: StatementDeps): Relation {
  return nameRelation(listed(statement.from ?? context.database, deps).map((object) => object.name.name))
}

function nameRelation(names: string[]): Relation {
  return jsonRelation(
    { name: 'string' },
    [...names].sort().map((name) => [name]),
  )
}

/** LIKE, WHERE and LIMIT of SHOW, planned like any query. */
async function filtered(
  relation: Relation,
  statement: Show,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const name: Expr = { kind: 'column', path: ['name'] }
  const like: Expr | undefined = statement.like && {
    kind: 'like',
    expr: name,
    pattern: { kind: 'literal', type: 'string', value: statement.like.pattern },
    not: statement.like.not,
    caseInsensitive: statement.like.caseInsensitive,
  }
  const select: Select = {
    kind: 'select',
    with: [],
    columns: [name],
    from: { kind: 'raw_table', sql: relation.sql, columns: relation.columns },
    where: like ?? statement.where,
    orderBy: [{ expr: name, descending: false }],
    limit: statement.limit,
  }
  const plan = await deps.planner.plan(select, context)
  return { kind: 'rows', ...plan, release: () => plan.release(), format: statement.format }
}

function createText(statement: Show, context: QueryContext, deps: StatementDeps): string {
  const name = statement.name!
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
