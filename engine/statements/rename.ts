import type { NamedTable, Query, Rename, Statement, TableFunction } from '../../dialect/ast.js'
import { dependencies, printStatement } from '../../dialect/index.js'
import type { CatalogObject, FunctionObject, MaterializedViewObject, QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { relationName } from '../planner/index.js'
import { rewriteQuery } from '../planner/walk.js'
import { namedSeeks } from '../streaming/seek.js'
import { fullName, isFalse, literalText, requireDatabase, type StatementDeps, settingsText } from './deps.js'
import { checkDependents } from './drop.js'
import { notSupported } from './errors.js'

type Named = Exclude<CatalogObject, FunctionObject>
type FullName = { database: string; name: string }
/** New names by `database.name` of the old ones. */
type NewNames = ReadonlyMap<string, FullName>

/**
 * New names for streams and views, all at once: a name may be given to one object and taken from another in the same
 * statement, and nobody ever finds it missing. Among the objects that are renamed together, what one says of another
 * follows. Others that name them are in the way (630), unless `enable_dependency_check = false`: then they mean what has
 * the name from now on. Data stays where it is, since tables are named by the object's id.
 */
export async function rename(statement: Rename, context: QueryContext, deps: StatementDeps): Promise<void> {
  if (statement.object === 'database') throw notSupported('RENAME DATABASE')
  const settings = { ...context.settings, ...settingsText(statement.settings) }
  const names = new Map<string, FullName>()
  const objects: Named[] = []
  for (const pair of statement.pairs) {
    const object = statement.ifExists
      ? deps.catalog.find(pair.from, context.database)
      : deps.catalog.require(pair.from, context.database)
    if (!object) continue
    const to = fullName(pair.to, context)
    requireDatabase(to.database, deps)
    if (names.has(keyOf(object.name)) || [...names.values()].some((name) => keyOf(name) === keyOf(to))) {
      throw new EngineError('INCORRECT_QUERY', `RENAME names ${keyOf(object.name)} or ${keyOf(to)} twice`)
    }
    names.set(keyOf(object.name), to)
    objects.push(object)
  }
  for (const to of names.values()) {
    if (deps.catalog.find(to) && !names.has(keyOf(to)))
      throw new EngineError('STREAM_ALREADY_EXISTS', `Stream ${keyOf(to)} already exists`)
  }
  const outside = objects.flatMap((object) => checkOutside(object, names, settings, deps))
  const changes = [...objects, ...innerStreams(objects, deps)].map((from) => ({
    from,
    to: renamed(from, names),
  }))
  await deps.runtime.rebind(
    [
      ...changes.flatMap(({ from, to }) =>
        isMaterialized(from) && isMaterialized(to) ? [{ from, to }] : [],
      ),
      ...[...new Set(outside)].map((view) => ({ from: view, to: view })),
    ],
    () => deps.catalog.rename(changes),
  )
}

function keyOf({ database, name }: FullName): string {
  return `${database}.${name}`
}

function isMaterialized(object: Named): object is MaterializedViewObject {
  return object.kind === 'materialized_view'
}

/** Materialized views that are not renamed but work with what is. */
function checkOutside(
  object: Named,
  names: NewNames,
  settings: Record<string, string>,
  deps: StatementDeps,
): MaterializedViewObject[] {
  const others = deps.catalog
    .dependents(object.name)
    .filter(({ name }) => !names.has(keyOf(name as FullName)))
  if (others.length === 0) return []
  if (!isFalse(settings.enable_dependency_check)) {
    checkDependents(object, settings, 'rename', deps)
    return []
  }
  const views = deps.catalog.list().filter(isMaterialized)
  return views.filter((view) => {
    if (names.has(keyOf(view.name))) return false
    // Its positions are numbers of rows of the old stream and mean nothing in another one.
    const reads = deps.runtime.status(view)?.sources.some((source) => source.name === object.name.name)
    if (reads && object.kind === 'stream') {
      throw new EngineError(
        'HAVE_DEPENDENT_OBJECTS',
        `Cannot rename ${keyOf(object.name)}: ${keyOf(view.name)} reads it row by row. Rename both in one statement, or drop the view and create it with seek_to`,
      )
    }
    return others.includes(view) || reachesThroughViews(view, object, deps)
  })
}

/** Whether a view below names the object. */
function reachesThroughViews(view: Named, object: Named, deps: StatementDeps): boolean {
  if (view.kind !== 'materialized_view' && view.kind !== 'view') return false
  return dependencies({ kind: 'query', query: view.statement.query }).some((name) => {
    const used = deps.catalog.find(name, view.name.database)
    return used !== undefined && (used === object || reachesThroughViews(used, object, deps))
  })
}

/** The streams behind materialized views without INTO know their owners by name. */
function innerStreams(objects: Named[], deps: StatementDeps): Named[] {
  const owners = new Set(objects.filter(isMaterialized).map(({ name }) => keyOf(name)))
  return deps.catalog
    .list()
    .filter((object) => object.kind === 'stream' && object.owner !== undefined && owners.has(object.owner))
}

function renamed(object: Named, names: NewNames): Named {
  const name = names.get(keyOf(object.name)) ?? object.name
  const { owner } = object as { owner?: string }
  const to = {
    ...object,
    name,
    ...(owner === undefined ? {} : { owner: keyOf(names.get(owner) ?? { database: '', name: owner }) }),
  } as Named
  if (to.kind === 'materialized_view') to.target = names.get(keyOf(to.target)) ?? to.target
  if (!to.statement) return to
  const statement = { ...followed(to.statement, object.name.database, names), name } as NonNullable<
    Named['statement']
  >
  return { ...to, statement, sql: printStatement(statement) } as Named
}

/** The statement with what it reads and writes called by its new name. */
function followed(statement: NonNullable<Named['statement']>, database: string, names: NewNames): Statement {
  if (statement.kind !== 'create_view' && statement.kind !== 'create_materialized_view') return statement
  const query = withNewNames(statement.query, database, names)
  const next =
    statement.kind === 'create_materialized_view' && statement.into
      ? {
          ...statement,
          query,
          into: names.get(keyOf(fullName(statement.into, { database }))) ?? statement.into,
        }
      : { ...statement, query }
  const left = dependencies({ kind: 'query', query }).find((name) => {
    const old = names.get(keyOf(fullName(name, { database })))
    return old !== undefined && !isNewName(fullName(name, { database }), names)
  })
  if (left) throw notSupported(`RENAME of ${left.name}, which a view names outside FROM,`)
  return next
}

function isNewName(name: FullName, names: NewNames): boolean {
  return [...names.values()].some((to) => keyOf(to) === keyOf(name))
}

function withNewNames(query: Query, database: string, names: NewNames): Query {
  const named = (table: NamedTable): NamedTable => {
    const to = names.get(keyOf(fullName(table.name, { database })))
    return to ? { ...table, name: to } : table
  }
  const func = (leaf: TableFunction): TableFunction => ({
    ...leaf,
    args: leaf.args.map((arg) => {
      if (arg.kind !== 'table_arg') return arg
      if (arg.table.kind === 'table') return { ...arg, table: named(arg.table) }
      if (arg.table.kind === 'table_function') return { ...arg, table: func(arg.table) }
      return { ...arg, table: { ...arg.table, query: withNewNames(arg.table.query, database, names) } }
    }),
  })
  // Columns qualified by the old name stay valid.
  const aliased = <Leaf extends NamedTable | TableFunction>(before: Leaf, after: Leaf): Leaf => {
    const name = relationName(before)
    const same = before.alias !== undefined || name === relationName(after)
    return same || name === undefined ? after : { ...after, alias: name }
  }
  return rewriteQuery(withNewSeeks(query, names), {
    leaf: (leaf) => (leaf.kind === 'table' ? aliased(leaf, named(leaf)) : aliased(leaf, func(leaf))),
  })
}

/** `seek_to` may name sources. */
function withNewSeeks(query: Query, names: NewNames): Query {
  const settings = query.settings?.map((setting) => {
    const seeks = setting.name === 'seek_to' ? namedSeeks(literalText(setting.value)) : undefined
    if (!seeks) return setting
    const renamed = [...seeks].map(([source, position]) => {
      const to = [...names].find(([old]) => old.slice(old.indexOf('.') + 1) === source)?.[1]
      return `${to?.name ?? source}=${position}`
    })
    return {
      ...setting,
      value: { kind: 'literal' as const, type: 'string' as const, value: renamed.join('; ') },
    }
  })
  return settings ? { ...query, settings } : query
}
