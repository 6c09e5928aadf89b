import type { Drop, QualifiedName, Truncate } from '../../dialect/ast.js'
import type { CatalogObject, Dependent, FunctionObject, QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { dropAccess } from './access.js'
import { dropInner } from './create_view.js'
import { fullName, isFalse, requireDatabase, type StatementDeps, settingsText } from './deps.js'
import { dropStored } from './dictionaries.js'
import { notSupported } from './errors.js'
import { dropFormatSchema } from './format_schemas.js'
import { dropFunction } from './functions.js'
import { dropJob, dropJobsOf } from './jobs.js'
import { dropNamedCollection } from './named_collections.js'

type Named = Exclude<CatalogObject, FunctionObject>

const RELATIONS = new Set([
  'stream',
  'external_stream',
  'random_stream',
  'table',
  'view',
  'materialized_view',
  'dictionary',
])

const OF_ACCESS = new Set(['user', 'role', 'row_policy', 'quota'])

export async function drop(statement: Drop, context: QueryContext, deps: StatementDeps): Promise<void> {
  if (OF_ACCESS.has(statement.object)) return dropAccess(statement, context, deps)
  const settings = { ...context.settings, ...settingsText(statement.settings) }
  for (const name of statement.names) {
    if (statement.object === 'task' || statement.object === 'alert')
      await dropJob(statement.object, name, statement.ifExists, context, deps)
    else if (statement.object === 'format_schema') await dropFormatSchema(name.name, statement.ifExists, deps)
    else if (statement.object === 'named_collection')
      await dropNamedCollection(name.name, statement.ifExists, deps)
    else if (statement.object === 'function') await dropFunction(name.name, statement.ifExists, deps)
    else if (statement.object === 'database')
      await dropDatabase(name.name, statement.ifExists, settings, deps)
    else if (RELATIONS.has(statement.object)) await dropRelation(name, statement, settings, context, deps)
    else throw notSupported(`DROP ${statement.object.replace('_', ' ').toUpperCase()}`)
  }
}

async function dropRelation(
  written: QualifiedName,
  statement: Drop,
  settings: Record<string, string>,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const name = fullName(written, context)
  const object = deps.catalog.find(name)
  if (!object) {
    if (statement.ifExists) return
    throw new EngineError('UNKNOWN_STREAM', `Stream ${name.database}.${name.name} doesn't exist`)
  }
  const isView = object.kind === 'view' || object.kind === 'materialized_view'
  if ((statement.object === 'view' || statement.object === 'materialized_view') && !isView) {
    throw new EngineError('INCORRECT_QUERY', `It ${name.database}.${name.name} is not a View`)
  }
  if ((statement.object === 'dictionary') !== (object.kind === 'dictionary')) {
    throw new EngineError(
      'INCORRECT_QUERY',
      `${name.database}.${name.name} is a ${object.kind.replaceAll('_', ' ')}, not a ${statement.object.replaceAll('_', ' ')}`,
    )
  }
  checkDependents(object, settings, 'drop', deps)
  await dropObject(object, deps)
}

export function checkDependents(
  object: Named,
  settings: Record<string, string>,
  verb: string,
  deps: StatementDeps,
): void {
  if (isFalse(settings.enable_dependency_check)) return
  const dependents = deps.catalog.dependents(object.name)
  if (dependents.length === 0) return
  const shown = (o: Dependent) => `${o.name.database}.${o.name.name} (${o.uuid})`
  throw new EngineError(
    'HAVE_DEPENDENT_OBJECTS',
    `Cannot ${verb} '${shown(object)}', because some views depend on it: ${dependents.map(shown).join(', ')}`,
  )
}

async function dropObject(object: Named, deps: StatementDeps): Promise<void> {
  switch (object.kind) {
    case 'materialized_view': {
      await deps.runtime.dropView(object)
      await deps.catalog.remove(object)
      const target = deps.catalog.find(object.target)
      if (target?.kind === 'stream' && target.owner !== undefined) await dropInner(target, deps)
      return
    }
    case 'dictionary':
      await deps.catalog.remove(object)
      await dropStored(object, deps)
      return
    case 'stream':
      // The catalog first: after a crash a table without a name is garbage, a name without a table is an error.
      await deps.catalog.remove(object)
      await deps.store.drop(object)
      return
    default:
      await deps.catalog.remove(object)
  }
}

async function dropDatabase(
  name: string,
  ifExists: boolean,
  settings: Record<string, string>,
  deps: StatementDeps,
): Promise<void> {
  if (!deps.catalog.databases().includes(name)) {
    if (ifExists) return
    requireDatabase(name, deps)
  }
  if (name === 'default') throw new EngineError('ACCESS_DENIED', 'The database default cannot be dropped')
  const objects = deps.catalog.list(name)
  for (const object of objects) {
    const outside = deps.catalog
      .dependents(object.name)
      .filter((dependent) => dependent.name.database !== name)
    if (outside.length > 0) checkDependents(object, settings, 'drop', deps)
  }
  await dropJobsOf(name, deps)
  const order = (object: Named) => ['materialized_view', 'view'].indexOf(object.kind)
  for (const object of [...objects].sort((a, b) => order(b) - order(a))) {
    if (deps.catalog.find(object.name)) await dropObject(object, deps)
  }
  await deps.catalog.dropDatabase(name)
}

export async function truncate(
  statement: Truncate,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const object = statement.ifExists
    ? deps.catalog.find(statement.name, context.database)
    : deps.catalog.require(statement.name, context.database)
  if (!object) return
  if (object.kind !== 'stream') throw notSupported(`TRUNCATE of a ${object.kind.replace('_', ' ')}`)
  await deps.store.truncate(object)
}
