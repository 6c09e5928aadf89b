/** SELECT, KILL QUERY. */
import type { KillQuery, Query, Select } from '../../dialect/ast.js'
import { denied, may } from '../access/control.js'
import type { QueryContext, StatementResult } from '../contracts.js'
import { exactCountMemory, isAggregation } from '../planner/index.js'
import type { StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { jsonResult } from './json_rows.js'
import { hasUntyped, typedRows, typedStream } from './json_types.js'
import { withSettings } from './settings.js'
import { subscribe } from './subscriptions.js'

export async function select(
  query: Query,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  if (query.intoOutfile !== undefined) throw notSupported('INTO OUTFILE')
  const inForce = withSettings(query, context)
  const { format } = query
  if (inForce.settings.exec_mode === 'subscribe') return subscribe({ query }, context, deps)
  if (deps.runtime.isStreaming(query, inForce)) {
    const running = await deps.runtime.start(query, inForce)
    if (!hasUntyped(running.columns)) return { kind: 'stream', query: running, format }
    try {
      return { kind: 'stream', query: await typedStream(running, query, inForce, deps), format }
    } catch (cause) {
      await running.cancel()
      throw cause
    }
  }
  const plan = await deps.planner.plan(query, inForce)
  const rows = hasUntyped(plan.columns) ? await typedRows(plan.sql, plan.columns, deps.chdb) : plan
  const sql = inArrivalOrder(rows.sql, query, deps)
  return { kind: 'rows', columns: rows.columns, sql, release: () => plan.release(), format }
}

/** A plain scan is read by one thread: its rows come in the order of arrival, and its speed is that of the output. */
export function inArrivalOrder(sql: string, query: Query, deps: StatementDeps): string {
  if (isFlat(query, deps)) return `${sql} SETTINGS max_threads = 1`
  const memory = exactCountMemory(sql)
  return memory === undefined ? sql : `${sql} SETTINGS max_memory_usage = ${memory}`
}

function isFlat(query: Query, deps: StatementDeps): boolean {
  if (query.kind !== 'select' || query.orderBy || query.distinct || query.limitBy) return false
  if (query.from === undefined || query.from.kind === 'join') return false
  return !isAggregation(query, { lookup: (name) => deps.udfs.lookup(name) })
}

/** Answers with the queries it stops, SYNC when they have ended; their clients see 394. */
export async function killQuery(
  statement: KillQuery,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const columns = ['query_id', 'user', 'query']
  const choice: Select = {
    kind: 'select',
    with: [],
    columns: columns.map((name) => ({ kind: 'column', path: [name] })),
    from: { kind: 'table', name: { database: 'system', name: 'processes' } },
    where: statement.where,
  }
  const running = async (user: string) => {
    const plan = await deps.planner.plan(choice, { ...context, user, tableMode: true })
    const rows = await deps.chdb.rows<[string, string, string]>(plan.sql)
    await plan.release()
    return rows.filter(([id]) => id !== context.queryId)
  }
  const chosen = await running(context.user)
  const who = deps.guard.accessOf(context)
  if (chosen.length === 0 && !may(who, 'KILL QUERY') && (await running('')).length > 0) {
    throw denied(who, 'KILL QUERY ON *.*')
  }
  const ends = statement.mode === 'test' ? [] : chosen.map(([id]) => deps.queries.kill(id))
  const waits = statement.mode === 'sync'
  if (waits) await Promise.race([Promise.all(ends), aborted(context.signal)])
  return jsonResult(
    { kill_status: 'string', query_id: 'string', user: 'string', query: 'string' },
    chosen.map((row) => [waits ? 'finished' : 'waiting', ...row]),
    statement.format,
  )
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
