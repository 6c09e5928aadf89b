import { gzipSync } from 'node:zlib'
import type { NamedTable, Query, Select } from '../../../dialect/ast.js'
import { parseStatement, printStatement } from '../../../dialect/index.js'
import { EngineError } from '../../errors.js'
import { isAggregation } from '../../planner/index.js'
import { rewriteQuery } from '../../planner/walk.js'
import { queryColumns } from '../../statements/create_view.js'
import { sqlError } from '../../statements/errors.js'
import { inArrivalOrder } from '../../statements/queries.js'
import { outputFormat } from '../formats.js'
import { boundedResult } from '../results.js'
import { type RestAnswer, type RestCall, type RestDeps, RestError, readJson } from './router.js'

function statementOf(call: RestCall) {
  const { query } = readJson(call.body)
  if (typeof query !== 'string' || query.trim() === '')
    throw new RestError(117, "Invalid request: 'query' is missing")
  try {
    return { text: query, statement: parseStatement(query) }
  } catch (cause) {
    throw sqlError(cause)
  }
}

function selectOf(call: RestCall): { text: string; query: Query } {
  const { text, statement } = statementOf(call)
  if (statement.kind !== 'query') throw new EngineError('INCORRECT_QUERY', 'Only SELECT is possible here')
  return { text, query: statement.query }
}

/** `{"query", "offset", "page_size"}` → JSONCompact of a bounded SELECT. */
export async function search(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  const { query } = selectOf(call)
  const body = readJson(call.body)
  const whole = (value: unknown) => {
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw new RestError(36, `'${String(value)}' is no count of rows`)
    return { kind: 'literal' as const, type: 'number' as const, text: String(value) }
  }
  const select: Select = {
    kind: 'select',
    with: [],
    columns: [{ kind: 'star' }],
    from: { kind: 'subquery_table', query },
    ...(body.page_size === undefined ? {} : { limit: whole(body.page_size) }),
    ...(body.offset === undefined ? {} : { offset: whole(body.offset) }),
  }
  const context = { ...call.context, tableMode: true }
  const checked = deps.statements.guard.check({ kind: 'query', query: select }, context)
  const shown = checked.kind === 'query' ? checked.query : select
  const plan = await deps.statements.planner.plan(shown, context)
  const chunks: Buffer[] = []
  try {
    const rows = {
      kind: 'rows' as const,
      columns: plan.columns,
      sql: inArrivalOrder(plan.sql, query, deps.statements),
      release: async () => {},
    }
    for await (const chunk of boundedResult(rows, {
      chdb: deps.statements.chdb,
      format: outputFormat('JSONCompact'),
      settings: {},
      tag: call.requestId,
      signal: call.context.signal,
    })) {
      chunks.push(Buffer.from(chunk))
    }
  } finally {
    await plan.release()
  }
  const bytes = Buffer.concat(chunks)
  const type = { 'content-type': 'application/json; charset=UTF-8' }
  return call.acceptsGzip
    ? { bytes: gzipSync(bytes), headers: { ...type, 'content-encoding': 'gzip' } }
    : { bytes, headers: type }
}

export async function format(call: RestCall): Promise<RestAnswer> {
  const { statement } = statementOf(call)
  return { json: { query: printStatement(statement, { asServer: true }), request_id: call.requestId } }
}

/** What a SELECT reads and gives. */
export async function analyse(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  const { text, query } = selectOf(call)
  const { catalog, guard, runtime, udfs } = deps.statements
  guard.check({ kind: 'query', query }, call.context)
  const leaves: NamedTable[] = []
  const traits = { join: false, union: query.kind === 'union', subquery: false, aggregate: false }
  const env = { lookup: (name: string) => udfs.lookup(name) }
  rewriteQuery(query, {
    query(inner) {
      if (inner !== query) traits.subquery = true
      if (inner.kind === 'select') {
        if (inner.from?.kind === 'join') traits.join = true
        if (isAggregation(inner, env)) traits.aggregate = true
      }
      return undefined
    },
    leaf(leaf) {
      const table = leaf.kind === 'table' ? leaf : leaf.args.find((arg) => arg.kind === 'table_arg')?.table
      if (table?.kind === 'table') leaves.push(table)
      return undefined
    },
  })
  const columns = await queryColumns(query, call.context, deps.statements)
  return {
    json: {
      required_columns: leaves.flatMap((leaf) => {
        const object = catalog.require(leaf.name, call.context.database)
        return object.columns.map((column) => ({
          database: object.name.database,
          table: object.name.name,
          is_view: object.kind.endsWith('view'),
          column: column.name,
          column_type: column.type,
        }))
      }),
      result_columns: columns.map((column) => ({ column: column.name, column_type: column.type })),
      rewritten_query: printStatement({ kind: 'query', query }, { asServer: true }),
      original_query: text,
      query_type: 'SELECT',
      is_streaming: runtime.isStreaming(query, call.context),
      has_aggr: traits.aggregate,
      has_table_join: traits.join,
      has_union: traits.union,
      has_subquery: traits.subquery,
      request_id: call.requestId,
    },
  }
}
