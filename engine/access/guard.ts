import type { QualifiedName, Query, Statement } from '../../dialect/ast.js'
import { dependencies, visit } from '../../dialect/index.js'
import type { Catalog, CatalogObject, QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { type Access, type AccessControl, demand, denied, grantText, may } from './control.js'
import { type NeedContext, needsOf } from './needs.js'
import { readsOf } from './reads.js'
import { hidesRows, withRowPolicies } from './row_policies.js'

type Named = Exclude<CatalogObject, { kind: 'function' }>
/** Who asks, and what names without a database mean to them. */
export type Who = Pick<QueryContext, 'user' | 'roles' | 'database'>

/** Asked before every statement, whichever way it comes. */
export class Guard {
  constructor(
    readonly control: AccessControl,
    readonly catalog: Catalog,
  ) {}

  accessOf({ user, roles }: Pick<Who, 'user' | 'roles'>): Access {
    return this.control.accessOf(user, roles)
  }

  /** Throws ACCESS_DENIED (497). Answers the statement as its user may run it. */
  check(statement: Statement, context: QueryContext): Statement {
    const access = this.accessOf(context)
    if (!access.full) this.#demand(statement, access, context.database)
    this.#demandRows(statement, access, context.database)
    return this.#filtered(statement, context)
  }

  demandOn(who: Who, privilege: string, name: QualifiedName, columns?: string[]): void {
    const scope = { database: name.database ?? who.database, table: name.name }
    demand(this.accessOf(who), privilege, scope, columns)
  }

  /** Whether somebody may know of an object. */
  sees(access: Access, name: { database: string; name: string }): boolean {
    return may(access, 'SHOW TABLES', { database: name.database, table: name.name })
  }

  #demand(statement: Statement, access: Access, database: string): void {
    const context: NeedContext = {
      database,
      find: (name) => this.catalog.find(name, database),
      columnsOf: (name) =>
        this.catalog
          .find(name, database)
          ?.columns.filter((column) => !column.name.startsWith('_tp_'))
          .map((column) => column.name),
    }
    const needs = needsOf(statement, context)
    if (!needs) throw denied(access, 'ALL ON *.*')
    for (const need of needs) {
      if (!('reads' in need)) {
        demand(access, need.privilege, need.on, need.columns)
        continue
      }
      for (const name of dictionariesIn(need.reads)) {
        demand(access, 'DICT GET', { database: name.database ?? database, table: name.name })
      }
      for (const { object, columns } of readsOf(need.reads, this.catalog, database)) {
        demandRead(access, object, [...columns])
      }
    }
  }

  /** A view or task shows its readers all that it reads: who does not see all rows may not make one. */
  #demandRows(statement: Statement, access: Access, database: string): void {
    for (const query of keptQueries(statement)) {
      for (const { object } of readsOf(query, this.catalog, database)) {
        if (!hidesRows(access, this.control, object.name)) continue
        throw new EngineError(
          'ACCESS_DENIED',
          `${access.user}: Row policies hide rows of ${object.name.database}.${object.name.name}, so that nothing that lasts can be made of it`,
        )
      }
    }
  }

  #filtered(statement: Statement, context: QueryContext): Statement {
    if (statement.kind === 'query') return { ...statement, query: this.#shown(statement.query, context) }
    if (statement.kind === 'explain') {
      return { ...statement, statement: this.#filtered(statement.statement, context) }
    }
    if (statement.kind !== 'insert' || statement.source.kind !== 'query') return statement
    return {
      ...statement,
      source: { ...statement.source, query: this.#shown(statement.source.query, context) },
    }
  }

  /** The query without the rows that policies hide from its user. */
  #shown(query: Query, context: QueryContext): Query {
    return withRowPolicies(query, this.accessOf(context), this.control, this.catalog, {
      database: context.database,
      bounded: isBounded(query, context),
    })
  }
}

/** Queries that go on being run, for whoever. */
function keptQueries(statement: Statement): Query[] {
  switch (statement.kind) {
    case 'create_view':
    case 'create_materialized_view':
    case 'create_task':
    case 'create_alert':
    case 'subscribe':
      return [statement.query]
    case 'alter':
      return statement.actions.flatMap((action) => (action.kind === 'modify_query' ? [action.query] : []))
    case 'create_dictionary':
      return dependencies(statement).map((name) => ({
        kind: 'select',
        with: [],
        columns: [{ kind: 'star' }],
        from: { kind: 'table', name },
      }))
    default:
      return []
  }
}

/** All columns at once, or each of those that are read; of nothing but the number of rows, any. */
function demandRead(access: Access, object: Named, columns: string[]): void {
  const scope = { database: object.name.database, table: object.name.name }
  if (may(access, 'SELECT', scope)) return
  if (columns.length > 0) {
    demand(access, 'SELECT', scope, columns)
    return
  }
  if (object.columns.some(({ name }) => may(access, 'SELECT', { ...scope, column: name }))) return
  throw denied(access, grantText('SELECT', scope))
}

/** On the snapshot port, or by its own setting, everything is read as tables. */
function isBounded(query: Query, context: QueryContext): boolean {
  const own = query.settings?.find((setting) => setting.name === 'query_mode')?.value
  const mode = own?.kind === 'literal' && own.type === 'string' ? own.value : context.settings.query_mode
  return context.tableMode || mode === 'table'
}

/** Dictionaries that `dict_get('d', …)` and the like ask. */
function dictionariesIn(query: Query): QualifiedName[] {
  const found: QualifiedName[] = []
  visit(query, {
    expr(expr) {
      const [name] = expr.kind === 'call' && /^dict_/i.test(expr.name) ? expr.args : []
      if (name?.kind !== 'literal' || name.type !== 'string') return
      const [first, second] = name.value.split('.')
      found.push(second === undefined ? { name: first! } : { database: first!, name: second })
    },
  })
  return found
}
