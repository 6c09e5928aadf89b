import type { AlterAction, Query, Setting } from '../../dialect/ast.js'
import { printStatement } from '../../dialect/index.js'
import type { MaterializedViewObject, OutputColumn, QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { TP_TIME } from './columns.js'
import { checkNoCycle, qualified } from './create_view.js'
import { type StatementDeps, settingsText } from './deps.js'
import { notSupported } from './errors.js'
import { checkQuerySettings } from './settings.js'

/** `ALTER VIEW mv MODIFY QUERY …`, and the settings of its query: the view goes on where the old query stopped. */
export async function alterView(
  view: MaterializedViewObject,
  action: AlterAction,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const { query } = view.statement
  switch (action.kind) {
    case 'modify_query':
      return change(view, qualified(action.query, context), deps)
    case 'modify_query_setting': {
      checkQuerySettings(settingsText(action.settings))
      const names = new Set(action.settings.map((setting) => setting.name))
      return change(view, withSettings(query, [...without(query, names), ...action.settings]), deps)
    }
    case 'reset_query_setting':
      return change(view, withSettings(query, without(query, new Set(action.names))), deps)
    default:
      throw notSupported(
        `ALTER VIEW … ${action.kind === 'other' ? action.text : action.kind.replaceAll('_', ' ').toUpperCase()}`,
      )
  }
}

function without(query: Query, names: Set<string>): Setting[] {
  return (query.settings ?? []).filter((setting) => !names.has(setting.name))
}

function withSettings(query: Query, settings: Setting[]): Query {
  const { settings: _, ...rest } = query
  return (settings.length === 0 ? rest : { ...rest, settings }) as Query
}

async function change(view: MaterializedViewObject, query: Query, deps: StatementDeps): Promise<void> {
  const statement = { ...view.statement, query }
  const id = deps.catalog.nextId()
  const next: MaterializedViewObject = { ...view, statement, sql: printStatement(statement), pipeline: id }
  checkNoCycle(next, deps)
  await checkColumns(view, next, deps)
  await deps.catalog.reserve(id)
  await deps.runtime.changeView(view, next, () => deps.catalog.put(next))
}

/** Readers of the target find what they found before. */
async function checkColumns(
  view: MaterializedViewObject,
  next: MaterializedViewObject,
  deps: StatementDeps,
): Promise<void> {
  const columnsOf = (query: Query) => {
    const settings = { ...settingsText(view.statement.storageSettings), ...settingsText(query.settings) }
    return analyse(view, query, settings, deps)
  }
  const old = await columnsOf(view.statement.query)
  const fresh = await columnsOf(next.statement.query)
  const known = new Map(view.columns.map((column) => [column.name, column]))
  const missing = old.find(({ name }) => known.has(name) && !fresh.some((column) => column.name === name))
  if (missing) {
    throw new EngineError(
      'INCORRECT_QUERY',
      `The new query does not give column ${missing.name} (${missing.type}), which the view has written so far. Keep it, or create another view`,
    )
  }
  if (view.statement.into) return
  const surplus = fresh.find(({ name }) => !known.has(name) && name !== TP_TIME)
  if (surplus) {
    throw new EngineError(
      'INCORRECT_QUERY',
      `The new query gives column ${surplus.name}, which the view does not have: a view without INTO keeps its columns. Create another view, or one with INTO a stream`,
    )
  }
  const changed = fresh.find(({ name, type }) => known.has(name) && known.get(name)!.type !== type)
  if (changed) {
    throw new EngineError(
      'TYPE_MISMATCH',
      `The new query gives column ${changed.name} as ${changed.type}; the view has it as ${known.get(changed.name)!.type}. Cast it`,
    )
  }
}

async function analyse(
  view: MaterializedViewObject,
  query: Query,
  settings: Record<string, string>,
  deps: StatementDeps,
): Promise<OutputColumn[]> {
  const context: QueryContext = {
    queryId: view.uuid,
    user: '',
    database: view.name.database,
    settings,
    params: {},
    tableMode: false,
    signal: new AbortController().signal,
  }
  if (!deps.runtime.isStreaming(query, context)) {
    throw new EngineError('INCORRECT_QUERY', "Materialized view doesn't support historical select query")
  }
  const columns = await deps.runtime.analyse(query, context)
  const names = view.statement.columns?.map((column) => column.name)
  return columns.map((column, i) => ({ ...column, name: names?.[i] ?? column.name }))
}
