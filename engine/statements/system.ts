import type { SystemStatement } from '../../dialect/ast.js'
import type { QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import type { StatementDeps } from './deps.js'
import { reloadDictionary } from './dictionaries.js'
import { notSupported } from './errors.js'
import { systemTask } from './jobs.js'

/** Commands that mean nothing here but do no harm: everything is always flushed and loaded. */
const NO_OPERATION = new Set(['RELOAD FUNCTIONS', 'RELOAD FUNCTION', 'FLUSH LOGS', 'RELOAD CONFIG'])

export async function system(
  statement: SystemStatement,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  if (NO_OPERATION.has(statement.command)) return
  if (statement.command === 'RELOAD DICTIONARY' && statement.target) {
    const dictionary = deps.catalog.require(statement.target, context.database)
    if (dictionary.kind !== 'dictionary')
      throw new EngineError('INCORRECT_QUERY', `${statement.target.name} is not a dictionary`)
    return reloadDictionary(dictionary, deps)
  }
  if (statement.target && statement.command.endsWith(' TASK')) return systemTask(statement, context, deps)
  const [verb, ...words] = statement.command.split(' ')
  const what = words.join(' ')
  if (!statement.target || what !== 'MATERIALIZED VIEW') throw notSupported(`SYSTEM ${statement.command}`)
  if (statement.rest !== undefined && !/^permanent$/i.test(statement.rest)) {
    throw new EngineError('SYNTAX_ERROR', `Syntax error: '${statement.rest}' where the statement should end`)
  }
  const view = deps.catalog.require(statement.target, context.database)
  if (view.kind !== 'materialized_view') {
    throw new EngineError(
      'INCORRECT_QUERY',
      `${view.name.database}.${view.name.name} is not a materialized view`,
    )
  }
  // Written down before it runs again, and after it has stopped.
  const permanent = statement.rest !== undefined
  const { paused, ...plain } = view
  switch (verb) {
    case 'PAUSE':
    case 'ABORT':
      await deps.runtime.pauseView(view)
      if (permanent && verb === 'PAUSE' && !paused) await deps.catalog.put({ ...view, paused: true })
      return
    case 'RESUME':
    case 'UNPAUSE':
      if (permanent && paused) await deps.catalog.put(plain)
      return deps.runtime.resumeView(view)
    case 'RECOVER':
      await deps.runtime.pauseView(view)
      return deps.runtime.resumeView(view)
    default:
      throw notSupported(`SYSTEM ${statement.command}`)
  }
}
