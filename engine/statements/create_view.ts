import { randomUUID } from 'node:crypto'
import type {
  CreateMaterializedView,
  CreateView,
  NamedTable,
  Query,
  TableFunction,
} from '../../dialect/ast.js'
import { printStatement } from '../../dialect/index.js'
import { downstream, readsOf, relationsOf } from '../catalog/dependencies.js'
import type {
  Column,
  MaterializedViewObject,
  OutputColumn,
  QueryContext,
  StreamObject,
  ViewObject,
} from '../contracts.js'
import { EngineError } from '../errors.js'
import { rewriteQuery } from '../planner/walk.js'
import { TP_TIME, timeColumn } from './columns.js'
import { nameIsFree } from './create_other_streams.js'
import { createTables } from './create_stream.js'
import { fullName, isTrue, type StatementDeps, settingsText } from './deps.js'
import { notSupported } from './errors.js'

/** Every stream of a query with its database: what a view means must not depend on who reads it. */
export function qualified(query: Query, context: Pick<QueryContext, 'database'>): Query {
  const named = (table: NamedTable): NamedTable => ({ ...table, name: fullName(table.name, context) })
  const func = (leaf: TableFunction): TableFunction => ({
    ...leaf,
    args: leaf.args.map((arg) => {
      if (arg.kind !== 'table_arg') return arg
      if (arg.table.kind === 'table') return { ...arg, table: named(arg.table) }
      if (arg.table.kind === 'table_function') return { ...arg, table: func(arg.table) }
      return { ...arg, table: { ...arg.table, query: qualified(arg.table.query, context) } }
    }),
  })
  return rewriteQuery(query, { leaf: (leaf) => (leaf.kind === 'table' ? named(leaf) : func(leaf)) })
}

/** Columns of a query, whether it ends or not. */
export async function queryColumns(
  query: Query,
  context: QueryContext,
  deps: StatementDeps,
): Promise<OutputColumn[]> {
  if (deps.runtime.isStreaming(query, context)) return deps.runtime.analyse(query, context)
  const plan = await deps.planner.plan(query, context)
  await plan.release()
  return plan.columns
}

export async function createView(
  statement: CreateView,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const name = fullName(statement.name, context)
  const existing = deps.catalog.find(name)
  if (existing && !(statement.orReplace && existing.kind === 'view')) {
    if (!nameIsFree(statement, context, deps)) return
  } else if (!existing) nameIsFree(statement, context, deps)
  const query = qualified(statement.query, context)
  // A view is read as it is written: on the table port too its body may be unbounded.
  const viewContext = { ...context, tableMode: false }
  const parameterised = hasParameters(query)
  const columns = parameterised ? [] : await queryColumns(query, viewContext, deps)
  const canonical: CreateView = {
    ...statement,
    name,
    query,
    ifNotExists: false,
    orReplace: false,
    uuid: undefined,
  }
  const view: ViewObject = {
    kind: 'view',
    id: deps.catalog.nextId(),
    uuid: statement.uuid ?? randomUUID(),
    name,
    sql: printStatement(canonical),
    createdAt: Date.now(),
    columns: namedColumns(
      columns,
      statement.columns?.map((column) => column.name),
    ),
    statement: canonical,
  }
  if (relationsOf(view).some((used) => used.database === name.database && used.name === name.name)) {
    throw new EngineError('INCORRECT_QUERY', `View ${name.database}.${name.name} cannot read itself`)
  }
  await deps.catalog.put(view)
}

/** `{name:type}` anywhere: such a view has columns only once it is called. */
function hasParameters(query: Query): boolean {
  let found = false
  rewriteQuery(query, {
    expr(expr) {
      if (expr.kind === 'parameter') found = true
      return undefined
    },
  })
  return found
}

function namedColumns(columns: OutputColumn[], names: string[] | undefined): Column[] {
  return columns.map((column, i) => ({
    name: names?.[i] ?? column.name,
    type: column.type,
    chType: column.chType,
  }))
}

/** Waits until the pipeline stands; whatever is wrong with it is this statement's error. */
export async function createMaterializedView(
  statement: CreateMaterializedView,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  if (statement.scheduled) throw notSupported('CREATE SCHEDULED MATERIALIZED VIEW')
  if (!nameIsFree(statement, context, deps)) return
  const name = fullName(statement.name, context)
  const query = qualified(statement.query, context)
  const viewContext: QueryContext = {
    ...context,
    tableMode: false,
    settings: { ...settingsText(query.settings) },
  }
  if (!deps.runtime.isStreaming(query, viewContext)) {
    throw new EngineError('INCORRECT_QUERY', "Materialized view doesn't support historical select query")
  }
  const into = statement.into && fullName(statement.into, context)
  const canonical: CreateMaterializedView = {
    ...statement,
    name,
    query,
    ...(into ? { into } : {}),
    ifNotExists: false,
    uuid: undefined,
  }
  const uuid = statement.uuid ?? randomUUID()
  const draft: MaterializedViewObject = {
    kind: 'materialized_view',
    id: deps.catalog.nextId(),
    uuid,
    name,
    sql: printStatement(canonical),
    createdAt: Date.now(),
    columns: [],
    target: into ?? { database: name.database, name: `.inner.target-id.${uuid}` },
    statement: canonical,
    ...(isTrue({ ...viewContext.settings, ...settingsText(statement.storageSettings) }.pause_on_start)
      ? { paused: true }
      : {}),
  }
  checkNoCycle(draft, deps)
  const columns = await deps.runtime.analyse(query, viewContext)
  const inner = into ? undefined : innerStream(draft, columns, deps)
  const view = { ...draft, columns: inner ? inner.columns : targetColumns(into!, deps) }
  await deps.catalog.reserve(view.id)
  if (inner) await createTables(inner, deps)
  try {
    await deps.runtime.createView(view)
    if (view.paused) await deps.runtime.pauseView(view)
    await deps.catalog.put(view)
  } catch (cause) {
    await deps.runtime.dropView(view).catch(() => {})
    if (inner) await dropInner(inner, deps)
    throw cause
  }
}

/** Rows that come back to where they were read would never end. */
export function checkNoCycle(view: MaterializedViewObject, deps: StatementDeps): void {
  const name = `${view.name.database}.${view.name.name}`
  const target = `${view.target.database}.${view.target.name}`
  const reached = downstream(target, deps.catalog.list())
  const back = readsOf(view).find((read) => read === name || reached.has(read))
  if (back === undefined && target !== name) return
  throw new EngineError(
    'INCORRECT_QUERY',
    `Materialized view ${name} cannot write to ${target}: its rows would come back to ${back ?? name}, which it reads`,
  )
}

function targetColumns(into: { database: string; name: string }, deps: StatementDeps): Column[] {
  const target = deps.catalog.require(into)
  if (target.kind === 'stream' || target.kind === 'external_stream') return target.columns
  throw new EngineError(
    'INCORRECT_QUERY',
    `${into.database}.${into.name} is a ${target.kind.replace('_', ' ')}: a materialized view writes to streams and external streams`,
  )
}

/** Where a view without INTO writes. Not listed, dropped with its view. */
function innerStream(
  view: MaterializedViewObject,
  output: OutputColumn[],
  deps: StatementDeps,
): StreamObject {
  const { statement } = view
  const names = statement.columns?.map((column) => column.name)
  const columns: Column[] = namedColumns(output, names)
  if (!columns.some((column) => column.name === TP_TIME)) columns.push(timeColumn(undefined, deps))
  const settings = settingsText(statement.storageSettings)
  return {
    kind: 'stream',
    id: deps.catalog.nextId(),
    uuid: randomUUID(),
    name: view.target,
    sql: '',
    createdAt: view.createdAt,
    mode: 'append',
    columns,
    primaryKey: [],
    shards: 1,
    settings,
    owner: `${view.name.database}.${view.name.name}`,
  }
}

export async function dropInner(inner: StreamObject, deps: StatementDeps): Promise<void> {
  await deps.catalog.remove(inner)
  await deps.store.drop(inner)
}
