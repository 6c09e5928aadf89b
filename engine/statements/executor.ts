import type { Delete, Optimize, Statement } from '../../dialect/ast.js'
import { parseAccessCommand } from '../../dialect/index.js'
import type { QueryContext, StatementExecutor, StatementResult } from '../contracts.js'
import { EngineError } from '../errors.js'
import { currentTable, historyTable, isKeyed } from '../storage/tables.js'
import { access } from './access.js'
import { alter } from './alter.js'
import { createExternalStream, createRandomStream } from './create_other_streams.js'
import { createStream } from './create_stream.js'
import { createMaterializedView, createView } from './create_view.js'
import { requireDatabase, type StatementDeps, settingsText, storeExpr } from './deps.js'
import { createDictionary } from './dictionaries.js'
import { drop, truncate } from './drop.js'
import { clientError, notSupported } from './errors.js'
import { explain } from './explain.js'
import { createFormatSchema } from './format_schemas.js'
import { createFunction } from './functions.js'
import { insert } from './insert.js'
import { createAlert, createTask } from './jobs.js'
import { refuseLater } from './later.js'
import { createNamedCollection } from './named_collections.js'
import { killQuery, select } from './queries.js'
import { rename } from './rename.js'
import { checkQuerySettings } from './settings.js'
import { describe, exists, show } from './show.js'
import { recover, subscribe, unsubscribe } from './subscriptions.js'
import { system } from './system.js'

const DONE: StatementResult = { kind: 'done' }

/** Statements that change the catalog run one after the other: what one checks, the next cannot undo. */
const DEFINING = /^(?:create_|drop$|alter$|rename$|truncate$|system$|access$)/

export function createExecutor(deps: StatementDeps): StatementExecutor {
  let tail: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(body: () => Promise<T>): Promise<T> => {
    const result = tail.then(body, body)
    tail = result.catch(() => undefined)
    return result
  }
  return {
    async execute(statement, source, context, data) {
      try {
        checkQuerySettings(context.settings)
        if (statement.kind === 'opaque') throw unknownStatement(statement.text, source)
        if (deps.edition === 'oss-1.6') refuseLater(statement, source)
        const run = () => {
          const checked = deps.guard.check(statement, context)
          return killable(context, deps, () => execute(checked, context, data, deps))
        }
        return await (DEFINING.test(statement.kind) ? inTurn(run) : run())
      } catch (cause) {
        throw clientError(cause)
      }
    },
  }
}

/** A killed statement stops in the store too, where it runs under the query's id. */
async function killable<T>(context: QueryContext, deps: StatementDeps, body: () => Promise<T>): Promise<T> {
  const stop = () => void deps.chdb.kill(context.queryId).catch(() => {})
  context.signal.addEventListener('abort', stop, { once: true })
  try {
    return await body()
  } finally {
    context.signal.removeEventListener('abort', stop)
  }
}

async function execute(
  statement: Statement,
  context: QueryContext,
  data: Uint8Array | undefined,
  deps: StatementDeps,
): Promise<StatementResult> {
  switch (statement.kind) {
    case 'query':
      return select(statement.query, context, deps)
    case 'explain':
      return explain(statement, context, deps)
    case 'insert':
      return insert(statement, context, deps, data)
    case 'create_stream':
      return done(createStream(statement, context, deps))
    case 'create_external_stream':
      return done(createExternalStream(statement, context, deps))
    case 'create_random_stream':
      return done(createRandomStream(statement, context, deps))
    case 'create_view':
      return done(createView(statement, context, deps))
    case 'create_materialized_view':
      return done(createMaterializedView(statement, context, deps))
    case 'create_function':
      return done(createFunction(statement, deps))
    case 'create_task':
      return done(createTask(statement, context, deps))
    case 'create_alert':
      return done(createAlert(statement, context, deps))
    case 'create_dictionary':
      return done(createDictionary(statement, context, deps))
    case 'create_format_schema':
      return done(createFormatSchema(statement, deps))
    case 'create_named_collection':
      return done(createNamedCollection(statement, deps))
    case 'create_database':
      // A database of another kind shows what lies elsewhere: in a folder, on another server.
      if (statement.engine || statement.settings.length > 0)
        throw notSupported('CREATE DATABASE with an engine or a type')
      return done(createDatabase(statement.name.name, statement.ifNotExists, deps))
    case 'drop':
      return done(drop(statement, context, deps))
    case 'alter':
      return done(alter(statement, context, deps))
    case 'rename':
      return done(rename(statement, context, deps))
    case 'truncate':
      return done(truncate(statement, context, deps))
    case 'delete':
      return done(deleteRows(statement, context, deps))
    case 'optimize':
      return done(optimize(statement, context, deps))
    case 'show':
      return show(statement, context, deps)
    case 'describe':
      return describe(statement, context, deps)
    case 'exists_statement':
      return exists(statement, context, deps)
    case 'subscribe':
      return subscribe(statement, context, deps)
    case 'recover':
      return recover(statement, context, deps)
    case 'unsubscribe':
      return done(unsubscribe(statement, context, deps))
    case 'kill_query':
      return killQuery(statement, context, deps)
    case 'use':
      requireDatabase(statement.database, deps)
      return DONE
    case 'set': {
      const settings = settingsText(statement.settings)
      checkQuerySettings(settings)
      Object.assign(context.settings, settings)
      return DONE
    }
    case 'access':
      return done(access(parseAccessCommand(statement), context, deps))
    case 'system':
      return done(system(statement, context, deps))
    default:
      throw notSupported(statementName(statement))
  }
}

async function done(work: Promise<unknown>): Promise<StatementResult> {
  await work
  return DONE
}

async function createDatabase(name: string, ifNotExists: boolean, deps: StatementDeps): Promise<void> {
  if (deps.catalog.databases().includes(name) || name === 'system' || name === 'information_schema') {
    if (ifNotExists) return
    throw new EngineError('DATABASE_ALREADY_EXISTS', `Database ${name} already exists.`)
  }
  await deps.catalog.createDatabase(name)
}

async function deleteRows(statement: Delete, context: QueryContext, deps: StatementDeps): Promise<void> {
  const { database = context.database, name } = statement.from
  if (database === 'system' && name === 'dead_letters') {
    return deps.external.forgetRejected(storeExpr(statement.where, deps))
  }
  const object = deps.catalog.require(statement.from, context.database)
  if (object.kind !== 'stream') throw notSupported(`DELETE FROM a ${object.kind.replaceAll('_', ' ')}`)
  await deps.store.delete(object, storeExpr(statement.where, deps))
}

async function optimize(statement: Optimize, context: QueryContext, deps: StatementDeps): Promise<void> {
  const object = deps.catalog.require(statement.name, context.database)
  if (object.kind !== 'stream') throw notSupported(`OPTIMIZE of a ${object.kind.replaceAll('_', ' ')}`)
  const final = statement.final ? ' FINAL' : ''
  await deps.chdb.run(`OPTIMIZE TABLE ${historyTable(object)}${final}`)
  if (isKeyed(object)) await deps.chdb.run(`OPTIMIZE TABLE ${currentTable(object)}${final}`)
}

/** Words that statements of some edition begin with. */
const VERBS =
  /^(?:alter|attach|backup|begin|check|commit|copy|create|detach|drop|exchange|execute|grant|import|install|kill|migrate|move|optimize|rebalance|restore|revoke|rollback|show|snapshot|system|transfer|undrop|watch)$/i

/** What the parser keeps as text: a statement of another edition, or none at all. */
function unknownStatement(text: string, source: string): EngineError {
  const [verb = ''] = text.split(' ')
  if (VERBS.test(verb)) return notSupported(`The statement "${text.split(' ').slice(0, 3).join(' ')} …"`)
  const at = Math.max(0, source.search(/\S/))
  return new EngineError(
    'SYNTAX_ERROR',
    `Syntax error: failed at position ${at + 1} ('${verb}'): ${source.slice(at, at + 160)}. Expected one of: SELECT, WITH, INSERT INTO, CREATE, ALTER, DROP, RENAME, TRUNCATE, DELETE, OPTIMIZE, SHOW, DESCRIBE, EXISTS, EXPLAIN, KILL, USE, SET, SYSTEM`,
  )
}

function statementName(statement: Statement): string {
  return statement.kind.replaceAll('_', ' ').toUpperCase()
}
