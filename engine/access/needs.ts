/** What a statement needs before it may run. Pure. */
import type { AlterAction, Drop, ObjectKind, QualifiedName, Query, Statement } from '../../dialect/ast.js'
import { dependencies } from '../../dialect/index.js'
import type { CatalogObject } from '../contracts.js'
import type { Scope } from './rights.js'

export type Need =
  | { privilege: string; on: Scope; columns?: string[] }
  /** SELECT on whatever the query reads. */
  | { reads: Query }

export interface NeedContext {
  database: string
  find(name: QualifiedName): Pick<CatalogObject, 'kind'> | undefined
  /** Columns that an INSERT without a list fills. */
  columnsOf(name: QualifiedName): string[] | undefined
}

/** Undefined: nobody but who may do everything. */
export function needsOf(statement: Statement, context: NeedContext): Need[] | undefined {
  const scope = (name: QualifiedName) => ({ database: name.database ?? context.database, table: name.name })
  const on = (privilege: string, name: QualifiedName, columns?: string[]): Need => ({
    privilege,
    on: scope(name),
    ...(columns ? { columns } : {}),
  })
  const create = (s: { name: QualifiedName; orReplace: boolean }, what: string): Need[] => [
    on(`CREATE ${what}`, s.name),
    ...(s.orReplace ? [on(`DROP ${what}`, s.name)] : []),
  ]
  switch (statement.kind) {
    case 'query':
    case 'subscribe':
      return [{ reads: statement.query }]
    case 'explain':
      return needsOf(statement.statement, context)
    case 'insert': {
      const { into, source } = statement
      const target = 'kind' in into ? [] : [on('INSERT', into, inserted(statement, context))]
      return source.kind === 'query' ? [...target, { reads: source.query }] : target
    }
    case 'create_stream': {
      const { as } = statement
      const model: Need[] = !as ? [] : 'kind' in as ? [{ reads: as }] : [on('SHOW COLUMNS', as)]
      return [...create(statement, 'TABLE'), ...model]
    }
    case 'create_external_stream':
    case 'create_external_table':
    case 'create_random_stream':
      return create(statement, 'TABLE')
    case 'create_view':
      return [...create(statement, 'VIEW'), { reads: statement.query }]
    case 'create_materialized_view': {
      const target = statement.into ? [on('INSERT', statement.into)] : []
      return [...create(statement, 'VIEW'), ...target, { reads: statement.query }]
    }
    case 'create_task':
      return [...create(statement, 'TASK'), on('INSERT', statement.into), { reads: statement.query }]
    case 'create_alert':
      return [...create(statement, 'ALERT'), { reads: statement.query }]
    case 'create_dictionary':
      return [
        ...create(statement, 'DICTIONARY'),
        ...dependencies(statement).map((name) => on('SELECT', name)),
      ]
    case 'create_function':
    case 'create_format_schema':
    case 'create_named_collection': {
      const what = statement.kind.slice('create_'.length).replaceAll('_', ' ').toUpperCase()
      return [everywhere(`CREATE ${what}`), ...(statement.orReplace ? [everywhere(`DROP ${what}`)] : [])]
    }
    case 'create_database':
      return [{ privilege: 'CREATE DATABASE', on: { database: statement.name.name } }]
    case 'drop':
      return statement.names.flatMap((name) => dropped(statement, name, context))
    case 'alter':
      if (statement.object === 'named_collection') return [everywhere('ALTER NAMED COLLECTION')]
      if (statement.object === 'format_schema') return [everywhere('CREATE FORMAT SCHEMA')]
      return statement.actions.flatMap((action): Need[] => [
        on(privilegeOf(action), statement.name),
        ...(action.kind === 'modify_query' ? [{ reads: action.query }] : []),
      ])
    case 'rename':
      if (statement.object === 'database') return undefined
      return statement.pairs.flatMap(({ from, to }) => {
        const what = context.find(from)?.kind.endsWith('view') ? 'VIEW' : 'TABLE'
        return [on('SELECT', from), on(`DROP ${what}`, from), on(`CREATE ${what}`, to), on('INSERT', to)]
      })
    case 'truncate':
      return [on('TRUNCATE', statement.name)]
    case 'delete':
      return [on('ALTER DELETE', statement.from)]
    case 'optimize':
      return [on('OPTIMIZE', statement.name)]
    case 'describe': {
      const { target } = statement
      if (target.kind === 'table') return context.find(target.name) ? [on('SHOW COLUMNS', target.name)] : []
      return [{ reads: { kind: 'select', with: [], columns: [], from: target } }]
    }
    case 'exists_statement':
      return statement.object === 'database' || statement.object === 'function'
        ? []
        : [on('SHOW TABLES', statement.name)]
    case 'use':
      return [{ privilege: 'SHOW DATABASES', on: { database: statement.database } }]
    case 'system': {
      const { target, command } = statement
      if (target && /(?:VIEW|TASK|ALERT)$/.test(command)) return [on('SYSTEM VIEWS', target)]
      return [everywhere(command.startsWith('FLUSH') ? 'SYSTEM FLUSH' : 'SYSTEM RELOAD')]
    }
    case 'show':
      return statement.what === 'create' && !isOfAccess(statement.object)
        ? shown(statement.object, on('SHOW COLUMNS', statement.name!), statement.name!)
        : []
    // What these may do is looked at where they do it.
    case 'access':
    case 'set':
    case 'kill_query':
    case 'recover':
    case 'unsubscribe':
      return []
    default:
      return undefined
  }
}

function everywhere(privilege: string): Need {
  return { privilege, on: {} }
}

/** Columns of an INSERT, where it names them; else all. */
function inserted(
  { columns, into }: Extract<Statement, { kind: 'insert' }>,
  context: NeedContext,
): string[] | undefined {
  if (columns?.every((column) => typeof column === 'string')) return columns as string[]
  return 'kind' in into ? undefined : context.columnsOf(into)
}

function dropped(statement: Drop, name: QualifiedName, context: NeedContext): Need[] {
  const { object } = statement
  if (isOfAccess(object)) return []
  const words = object.replaceAll('_', ' ').toUpperCase()
  if (['function', 'format_schema', 'named_collection', 'disk'].includes(object))
    return [everywhere(`DROP ${words}`)]
  if (object === 'database') return [{ privilege: 'DROP DATABASE', on: { database: name.name } }]
  const on = { database: name.database ?? context.database, table: name.name }
  if (['dictionary', 'task', 'alert'].includes(object)) return [{ privilege: `DROP ${words}`, on }]
  const view = context.find(name)?.kind.endsWith('view') ?? object.endsWith('view')
  return [{ privilege: view ? 'DROP VIEW' : 'DROP TABLE', on }]
}

function shown(kind: ObjectKind | undefined, columns: Need, name: QualifiedName): Need[] {
  if (kind === 'function') return []
  if (kind === 'format_schema') return [everywhere('SHOW FORMAT SCHEMAS')]
  if (kind === 'named_collection') return [everywhere('SHOW NAMED COLLECTIONS')]
  if (kind === 'database') return [{ privilege: 'SHOW DATABASES', on: { database: name.name } }]
  return [columns]
}

function isOfAccess(kind: ObjectKind | undefined): boolean {
  return kind === 'user' || kind === 'role' || kind === 'row_policy' || kind === 'quota'
}

function privilegeOf(action: AlterAction): string {
  switch (action.kind) {
    case 'modify_query':
    case 'modify_query_setting':
    case 'reset_query_setting':
      return 'ALTER VIEW MODIFY QUERY'
    case 'modify_ttl':
    case 'remove_ttl':
      return 'ALTER TTL'
    case 'modify_setting':
    case 'reset_setting':
      return 'ALTER SETTINGS'
    case 'delete':
    case 'drop_partition':
      return 'ALTER DELETE'
    case 'other':
      return 'ALTER UPDATE'
    default:
      return `ALTER ${action.kind.replaceAll('_', ' ').toUpperCase()}`
  }
}
