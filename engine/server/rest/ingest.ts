import { EngineError } from '../../errors.js'
import { write } from '../../statements/insert.js'
import { arrayElements } from './json_rows.js'
import { type RestAnswer, type RestCall, type RestDeps, RestError, readJson } from './router.js'

const MODES = new Set(['async', 'sync', 'fire_and_forget', 'ordered'])

/** `{"columns": […], "data": [[…], …]}`. Every mode is acknowledged after the commit: none promises less. */
export async function ingest(call: RestCall, deps: RestDeps): Promise<RestAnswer> {
  const mode = call.url.searchParams.get('mode') ?? 'async'
  const { catalog, guard } = deps.statements
  const target = catalog.require({ name: call.name! }, call.context.database)
  if (target.kind !== 'stream' && target.kind !== 'external_stream') {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      `${target.name.name} is a ${target.kind.replaceAll('_', ' ')}: rows can be sent to streams and external streams`,
    )
  }
  if (!MODES.has(mode))
    throw new RestError(36, `Invalid ingest mode '${mode}', one of ${[...MODES].join(', ')} is expected`)
  const body = readJson(call.body)
  const columns = body.columns
  if (!Array.isArray(columns) || columns.length === 0 || columns.some((name) => typeof name !== 'string')) {
    throw new RestError(117, "Invalid request: 'columns' must be a list of column names")
  }
  guard.demandOn(call.context, 'INSERT', target.name, columns as string[])
  const rows = arrayElements(call.body.toString('utf8'), 'data')
  if (!rows || rows.some((row) => !row.startsWith('['))) {
    throw new RestError(117, "Invalid request: 'data' must be a list of rows, each a list of values")
  }
  const unknown = columns.find((name) => !target.columns.some((column) => column.name === name))
  if (unknown !== undefined) {
    throw new EngineError(
      'NO_SUCH_COLUMN_IN_STREAM',
      `No such column ${unknown} in stream ${target.name.database}.${target.name.name} (${target.uuid})`,
    )
  }
  if (rows.length > 0) {
    await write(
      target,
      {
        kind: 'data',
        format: 'JSONCompactEachRow',
        data: Buffer.from(rows.join('\n')),
        columns: columns as string[],
        count: rows.length,
      },
      call.idempotentId === undefined ? {} : { idempotent_id: call.idempotentId },
      deps.statements,
    )
  }
  const poll =
    mode === 'async' || mode === 'ordered' ? { poll_id: call.requestId, channel: deps.serverId } : {}
  return { json: { request_id: call.requestId, ...poll } }
}

/** Rows are committed before they are acknowledged, so whatever was asked for is. */
export async function ingestStatuses(call: RestCall): Promise<RestAnswer> {
  const { poll_ids: ids } = readJson(call.body)
  if (!Array.isArray(ids)) throw new RestError(117, "Invalid request: 'poll_ids' must be a list")
  return {
    json: {
      data: ids.map((id) => ({ poll_id: String(id), status: 'Committed', progress: 100 })),
      request_id: call.requestId,
    },
  }
}
