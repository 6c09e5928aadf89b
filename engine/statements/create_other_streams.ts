import { randomUUID } from 'node:crypto'
import type { CreateExternalStream, CreateRandomStream, QualifiedName } from '../../dialect/ast.js'
import { printStatement } from '../../dialect/index.js'
import type { ExternalStreamObject, QueryContext, RandomStreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { declaredColumns, TP_TIME, timeColumn } from './columns.js'
import { fullName, requireDatabase, type StatementDeps, settingsText } from './deps.js'
import { checkRandomSettings } from './stream_settings.js'

/** True where the name is free; false where the statement has nothing to do. Throws 57. */
export function nameIsFree(
  statement: { name: QualifiedName; ifNotExists: boolean },
  context: QueryContext,
  deps: StatementDeps,
): boolean {
  const name = fullName(statement.name, context)
  requireDatabase(name.database, deps)
  if (!deps.catalog.find(name)) return true
  if (statement.ifNotExists) return false
  throw new EngineError('STREAM_ALREADY_EXISTS', `Stream ${name.database}.${name.name} already exists`)
}

/** Checks broker and topic, as Proton does: a stream that cannot be read is not created. */
export async function createExternalStream(
  statement: CreateExternalStream,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  if (!nameIsFree(statement, context, deps)) return
  const name = fullName(statement.name, context)
  const canonical = { ...statement, name, ifNotExists: false, uuid: undefined }
  const object: ExternalStreamObject = {
    kind: 'external_stream',
    id: deps.catalog.nextId(),
    uuid: statement.uuid ?? randomUUID(),
    name,
    sql: printStatement(canonical),
    createdAt: Date.now(),
    columns: await declaredColumns(statement.columns, deps),
    settings: settingsText(statement.settings),
    statement: canonical,
  }
  await deps.external.validate(object)
  await deps.catalog.put(object)
}

export async function createRandomStream(
  statement: CreateRandomStream,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  if (!nameIsFree(statement, context, deps)) return
  const settings = settingsText(statement.settings)
  checkRandomSettings(settings)
  const name = fullName(statement.name, context)
  const canonical = { ...statement, name, ifNotExists: false, uuid: undefined }
  const columns = await declaredColumns(statement.columns, deps)
  if (!columns.some((column) => column.name === TP_TIME)) columns.push(timeColumn(undefined, deps))
  const object: RandomStreamObject = {
    kind: 'random_stream',
    id: deps.catalog.nextId(),
    uuid: statement.uuid ?? randomUUID(),
    name,
    sql: printStatement(canonical),
    createdAt: Date.now(),
    columns,
    settings,
    statement: canonical,
  }
  await deps.catalog.put(object)
}
