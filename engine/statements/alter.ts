import type { Alter, AlterAction, CreateStream, Expr, Setting } from '../../dialect/ast.js'
import { parseExpression, printStatement } from '../../dialect/index.js'
import type { CatalogObject, FunctionObject, QueryContext, StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { alterView } from './alter_view.js'
import { declaredColumn } from './columns.js'
import { type StatementDeps, settingsText, storeExpr } from './deps.js'
import { notSupported } from './errors.js'
import { alterNamedCollection } from './named_collections.js'
import { checkStreamSettings } from './stream_settings.js'

type Named = Exclude<CatalogObject, FunctionObject>

/** Settings that decide how rows are stored: fixed when the stream is created. */
const FIXED = new Set([
  'mode',
  'shards',
  'sharding_expr',
  'version_column',
  'event_time_column',
  'ttl_column',
])

export async function alter(statement: Alter, context: QueryContext, deps: StatementDeps): Promise<void> {
  if (statement.object === 'named_collection') return alterNamedCollection(statement, deps)
  if (statement.object !== 'stream' && statement.object !== 'view') {
    throw notSupported(`ALTER ${statement.object.replace('_', ' ').toUpperCase()}`)
  }
  const object = deps.catalog.require(statement.name, context.database)
  for (const action of statement.actions) {
    const current = deps.catalog.require(object.name)
    if (action.kind === 'modify_comment') await comment(current, action.comment, deps)
    else if (current.kind === 'stream') await alterStream(current, action, deps)
    else if (current.kind === 'materialized_view') await alterView(current, action, context, deps)
    else
      throw notSupported(
        `ALTER … ${action.kind.replaceAll('_', ' ').toUpperCase()} of a ${current.kind.replaceAll('_', ' ')}`,
      )
  }
}

async function comment(object: Named, text: string, deps: StatementDeps): Promise<void> {
  if (!object.statement) throw notSupported('MODIFY COMMENT here')
  const statement = { ...object.statement, comment: text }
  await deps.catalog.put({ ...object, statement, sql: printStatement(statement) } as Named)
}

async function alterStream(stream: StreamObject, action: AlterAction, deps: StatementDeps): Promise<void> {
  switch (action.kind) {
    case 'add_column':
      return addColumn(stream, action, deps)
    case 'comment_column':
      return save(stream, deps, {
        columns: replaced(stream, action.name, (column) => ({ ...column, comment: action.comment })),
        definitions: (defs) =>
          defs.map((def) => (def.name === action.name ? { ...def, comment: action.comment } : def)),
      })
    case 'modify_ttl':
      for (const item of action.ttl) storeExpr(item.expr, deps)
      return save(stream, deps, { statement: { ttl: action.ttl } })
    case 'remove_ttl':
      return save(stream, deps, { statement: { ttl: undefined } })
    case 'modify_setting':
      return modifySettings(stream, action.settings, deps)
    case 'reset_setting':
      return resetSettings(stream, action.names, deps)
    case 'add_index':
      if (stream.statement?.indexes.some((index) => index.name === action.index.name)) {
        if (action.ifNotExists) return
        throw new EngineError(
          'ILLEGAL_COLUMN',
          `Cannot add index ${action.index.name}: index with this name already exists`,
        )
      }
      return save(stream, deps, {
        statement: { indexes: [...(stream.statement?.indexes ?? []), action.index] },
      })
    case 'drop_index':
      return save(stream, deps, {
        statement: { indexes: stream.statement?.indexes.filter((index) => index.name !== action.name) ?? [] },
      })
    case 'materialize_index':
    case 'clear_index':
      return
    case 'drop_partition':
      return dropPartition(stream, action.partition, deps)
    case 'delete':
      return deps.store.delete(stream, storeExpr(action.where, deps))
    default:
      throw notSupported(
        `ALTER STREAM … ${action.kind === 'other' ? action.text : action.kind.replaceAll('_', ' ').toUpperCase()}`,
      )
  }
}

/** `DROP PARTITION 20241015`, `ID '20241015'` or a tuple: the rows for which PARTITION BY gives this. */
async function dropPartition(stream: StreamObject, written: Expr, deps: StatementDeps): Promise<void> {
  if (stream.mode === 'mutable') throw notSupported('DROP PARTITION of a mutable stream, which has none,')
  const by = stream.statement?.partitionBy ?? parseExpression('to_YYYYMMDD(_tp_time)')
  const id = written.kind === 'call' && written.name === 'ID' ? written.args[0] : undefined
  const value = storeExpr(id ?? written, deps)
  await deps.store.delete(stream, `toString(${storeExpr(by, deps)}) = toString(${value})`)
}

async function addColumn(
  stream: StreamObject,
  action: Extract<AlterAction, { kind: 'add_column' }>,
  deps: StatementDeps,
): Promise<void> {
  const { name } = action.column
  if (stream.columns.some((column) => column.name === name)) {
    if (action.ifNotExists) return
    throw new EngineError('ILLEGAL_COLUMN', `Cannot add column ${name}: column with this name already exists`)
  }
  if (name.startsWith('_tp_'))
    throw new EngineError(
      'ILLEGAL_COLUMN',
      `Cannot add column ${name}: names that begin with _tp_ are reserved`,
    )
  const column = await declaredColumn(action.column, stream.columns, deps)
  await deps.store.addColumn(stream, column)
  const statement = stream.statement
  // `_tp_time` stands in the catalog's order, so that SHOW CREATE and DESCRIBE keep the new column behind it.
  await save({ ...stream, columns: [...stream.columns, column] }, deps, {
    definitions: (defs) => (statement ? [...defs, action.column] : defs),
  })
}

function replaced(
  stream: StreamObject,
  name: string,
  change: (column: StreamObject['columns'][number]) => StreamObject['columns'][number],
) {
  if (!stream.columns.some((column) => column.name === name)) {
    throw new EngineError(
      'NO_SUCH_COLUMN_IN_STREAM',
      `Wrong column name. Cannot find column ${name} to modify`,
    )
  }
  return stream.columns.map((column) => (column.name === name ? change(column) : column))
}

async function modifySettings(stream: StreamObject, settings: Setting[], deps: StatementDeps): Promise<void> {
  const texts = settingsText(settings)
  checkStreamSettings(texts)
  for (const name of Object.keys(texts)) {
    if (FIXED.has(name)) throw notSupported(`Changing the setting ${name} of an existing stream`)
  }
  const kept = (stream.statement?.settings ?? []).filter((setting) => !(setting.name in texts))
  await save({ ...stream, settings: { ...stream.settings, ...texts } }, deps, {
    statement: { settings: [...kept, ...settings] },
  })
}

async function resetSettings(stream: StreamObject, names: string[], deps: StatementDeps): Promise<void> {
  const fixed = names.find((name) => FIXED.has(name))
  if (fixed) throw notSupported(`Changing the setting ${fixed} of an existing stream`)
  const settings = Object.fromEntries(
    Object.entries(stream.settings).filter(([name]) => !names.includes(name)),
  )
  await save({ ...stream, settings }, deps, {
    statement: {
      settings: (stream.statement?.settings ?? []).filter((setting) => !names.includes(setting.name)),
    },
  })
}

async function save(
  stream: StreamObject,
  deps: StatementDeps,
  change: {
    columns?: StreamObject['columns']
    statement?: Partial<CreateStream>
    definitions?(defs: CreateStream['columns']): CreateStream['columns']
  },
): Promise<void> {
  const next: StreamObject = { ...stream, ...(change.columns ? { columns: change.columns } : {}) }
  if (stream.statement) {
    const statement = { ...stream.statement, ...change.statement }
    if (change.definitions) statement.columns = change.definitions(statement.columns)
    next.statement = statement
    next.sql = printStatement(statement)
  }
  await deps.catalog.put(next)
}
