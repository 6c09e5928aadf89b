import { randomUUID } from 'node:crypto'
import type { CreateFunction } from '../../dialect/ast.js'
import { printStatement } from '../../dialect/index.js'
import type { FunctionObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import type { StatementDeps } from './deps.js'
import { checkNotCalled } from './jobs.js'

/** Without OR REPLACE an existing function is replaced too, as on the real server. */
export async function createFunction(statement: CreateFunction, deps: StatementDeps): Promise<void> {
  const name = statement.name.name
  if (statement.ifNotExists && deps.catalog.function(name)) return
  const canonical: CreateFunction = {
    ...statement,
    name: { name },
    ifNotExists: false,
    orReplace: false,
    uuid: undefined,
  }
  const object: FunctionObject = {
    kind: 'function',
    id: deps.catalog.nextId(),
    uuid: randomUUID(),
    name: { database: 'default', name },
    sql: printStatement(canonical),
    createdAt: Date.now(),
    statement: canonical,
  }
  await deps.udfs.define(object)
  await deps.catalog.put(object)
}

/** Throws UNKNOWN_FUNCTION (46). */
export async function dropFunction(name: string, ifExists: boolean, deps: StatementDeps): Promise<void> {
  const object = deps.catalog.function(name)
  if (!object) {
    if (ifExists) return
    throw new EngineError('UNKNOWN_FUNCTION', `User-defined function '${name}' doesn't exist`)
  }
  checkNotCalled(name, deps)
  await deps.catalog.remove(object)
  await deps.udfs.remove(name)
}
