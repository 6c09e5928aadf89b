/** SUBSCRIBE TO, RECOVER FROM, UNSUBSCRIBE TO. */
import type { RecoverFrom, Subscribe, Unsubscribe } from '../../dialect/ast.js'
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

export async function unsubscribe({ queryId }: Unsubscribe, deps: StatementDeps): Promise<void> {
  await deps.runtime.unsubscribe(queryId)
}
