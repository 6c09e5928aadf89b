/** SUBSCRIBE TO, RECOVER FROM, UNSUBSCRIBE TO. */
import type { Query, RecoverFrom, Subscribe, Unsubscribe } from '../../dialect/ast.js'
import { printStatement } from '../../dialect/index.js'
import type { QueryContext, StatementResult } from '../contracts.js'
import { EngineError } from '../errors.js'
import type { StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { withSettings } from './settings.js'

export async function subscribe(
  { query }: Pick<Subscribe, 'query'>,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const inForce = withSettings(query, context)
  if (query.intoOutfile !== undefined) throw notSupported('INTO OUTFILE')
  if (!deps.runtime.isStreaming(query, inForce)) {
    throw new EngineError('NOT_IMPLEMENTED', 'SUBSCRIBE can only work with streaming query')
  }
  return { kind: 'stream', query: await deps.runtime.subscribe(query, inForce), format: query.format }
}

/** The statement becomes the query that it recovers: one of that id is listed, and can be killed. */
export async function recover(
  { queryId, format }: RecoverFrom,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const query = deps.runtime.subscribed(queryId)
  deps.guard.check({ kind: 'subscribe', query }, context)
  deps.queries.become(context.queryId, {
    id: queryId,
    text: printStatement({ kind: 'subscribe', query }),
  })
  return {
    kind: 'stream',
    query: await deps.runtime.recoverQuery(queryId, context),
    format: format ?? query.format,
  }
}

export async function unsubscribe(
  { queryId }: Unsubscribe,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const query = subscribedOrNot(queryId, deps)
  if (query) deps.guard.check({ kind: 'subscribe', query }, context)
  await deps.runtime.unsubscribe(queryId)
}

function subscribedOrNot(queryId: string, deps: StatementDeps): Query | undefined {
  try {
    return deps.runtime.subscribed(queryId)
  } catch {
    return undefined
  }
}
