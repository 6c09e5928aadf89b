/** `system.*`: what the engine tells about itself, as relations that queries can read. */
import type { QualifiedName } from '../../dialect/ast.js'
import {
  functionNames,
  isAggregateFunction,
  printStatement,
  settingNames,
  toClickHouseFunction,
  toClickHouseSetting,
} from '../../dialect/index.js'
import { may } from '../access/control.js'
import { QUIET_DATABASE } from '../catalog/catalog.js'
import { quoteString } from '../chdb/pool.js'
import type { CatalogObject, QueryContext, Relation, ViewStatus } from '../contracts.js'
import { editionName } from '../edition.js'
import { PROTON_VERSION } from '../errors.js'
import { currentTable, historyTable, isKeyed, STORE_DATABASE } from '../storage/tables.js'
import { STATE_DATABASE } from '../streaming/pipe.js'
import { accessRelation } from './access_relations.js'
import type { StatementDeps } from './deps.js'
import { dictionaryRelationOf } from './dictionaries.js'
import { alertsRelation, tasksRelation } from './jobs.js'
import { jsonRelation, type RowShape } from './json_rows.js'
import { namedCollectionRelation } from './named_collections.js'
import { showCreate } from './show_create.js'

export const PROCESS_SHAPE: RowShape = {
  is_initial_query: 'uint8',
  user: 'string',
  query_id: 'string',
  elapsed: 'float64',
  is_cancelled: 'uint8',
  result_rows: 'uint64',
  query: 'string',
  query_kind: 'string',
  current_database: 'string',
  is_streaming: 'bool',
}

/** One's own queries; with the right to kill them, all. */
export function processRows(
  context: Pick<QueryContext, 'user' | 'roles'>,
  deps: Pick<StatementDeps, 'queries' | 'guard'>,
): unknown[][] {
  const all = may(deps.guard.accessOf(context), 'KILL QUERY')
  return deps.queries
    .list()
    .filter((query) => all || query.user === context.user)
    .map((query) => [
      1,
      query.user,
      query.id,
      (Date.now() - query.startedAt) / 1000,
      query.abort.signal.aborted ? 1 : 0,
      query.resultRows,
      query.text,
      /^\s*(\w+)/.exec(query.text)?.[1]?.toLowerCase() ?? '',
      query.database,
      query.kind === 'streaming',
    ])
}

const ENGINES: Record<Exclude<CatalogObject['kind'], 'function'>, string> = {
  stream: 'Stream',
  external_stream: 'ExternalStream',
  random_stream: 'Random',
  view: 'View',
  materialized_view: 'MaterializedView',
  dictionary: 'Dictionary',
}

interface TableSize {
  rows: number
  bytes: number
}

/** Rows and bytes per table of the store. */
async function tableSizes(
  deps: Pick<StatementDeps, 'chdb' | 'store' | 'catalog'>,
): Promise<Map<string, TableSize>> {
  const streams = deps.catalog.list().filter((object) => object.kind === 'stream')
  await Promise.all(streams.map((stream) => deps.store.settle(stream)))
  const rows = await deps.chdb.rows<[string, string, string]>(
    `SELECT concat(database, '.', name), toString(ifNull(total_rows, 0)), toString(ifNull(total_bytes, 0)) FROM system.tables WHERE database = '${STORE_DATABASE}'`,
  )
  return new Map(rows.map(([name, count, bytes]) => [name, { rows: Number(count), bytes: Number(bytes) }]))
}

/** Bytes of the state tables of each view, by its id: they are named after it. */
async function stateSizes(deps: Pick<StatementDeps, 'chdb'>): Promise<Map<number, number>> {
  const rows = await deps.chdb.rows<[string, string]>(
    "SELECT extract(name, '^v([0-9]+)_') AS view, toString(sum(ifNull(total_bytes, 0))) FROM system.tables " +
      `WHERE database = '${STATE_DATABASE}' AND view != '' GROUP BY view`,
  )
  return new Map(rows.map(([view, bytes]) => [Number(view), Number(bytes)]))
}

/** Rows of a keyed stream count superseded versions until they are merged away: an upper bound, cheap to have. */
function sizeOf(
  object: CatalogObject,
  sizes: Map<string, TableSize>,
  deps: StatementDeps,
): TableSize | undefined {
  if (object.kind === 'materialized_view') {
    const target = deps.catalog.find(object.target)
    return target && sizeOf(target, sizes, deps)
  }
  if (object.kind !== 'stream') return undefined
  const history = sizes.get(historyTable(object)) ?? { rows: 0, bytes: 0 }
  const current = isKeyed(object) ? sizes.get(currentTable(object)) : undefined
  return { rows: (current ?? history).rows, bytes: history.bytes + (current?.bytes ?? 0) }
}

async function tables(context: QueryContext, deps: StatementDeps): Promise<Relation> {
  const sizes = await tableSizes(deps)
  const rows = visible(context, deps).map((object) => {
    const size = sizeOf(object, sizes, deps)
    const key = object.kind === 'stream' ? object.primaryKey.join(', ') : ''
    return [
      object.name.database,
      object.name.name,
      object.uuid,
      ENGINES[object.kind],
      object.kind === 'stream' ? object.mode : '',
      key,
      key,
      size?.rows ?? null,
      size?.bytes ?? null,
      showCreate(object),
      object.statement?.comment ?? '',
      Math.floor(object.createdAt / 1000),
    ]
  })
  return jsonRelation(
    {
      database: 'string',
      name: 'string',
      uuid: 'uuid',
      engine: 'string',
      mode: 'string',
      primary_key: 'string',
      sorting_key: 'string',
      total_rows: 'nullable(uint64)',
      total_bytes: 'nullable(uint64)',
      create_table_query: 'string',
      comment: 'string',
      metadata_modification_time: "datetime('UTC')",
    },
    rows,
  )
}

/** What the user may know of. */
function visible(context: QueryContext, deps: StatementDeps) {
  const who = deps.guard.accessOf(context)
  return deps.catalog
    .list()
    .filter((object) => !(object.kind === 'stream' && object.owner !== undefined))
    .filter((object) => deps.guard.sees(who, object.name))
}

function columns(context: QueryContext, deps: StatementDeps): Relation {
  const who = deps.guard.accessOf(context)
  const rows = visible(context, deps).flatMap((object) =>
    object.columns.flatMap((column, i) =>
      !may(who, 'SHOW COLUMNS', {
        database: object.name.database,
        table: object.name.name,
        column: column.name,
      })
        ? []
        : [
            [
              object.name.database,
              object.name.name,
              column.name,
              column.type,
              i + 1,
              column.default?.kind.toUpperCase() ?? '',
              column.default?.sql ?? '',
              column.comment ?? '',
              object.kind === 'stream' && object.primaryKey.includes(column.name) ? 1 : 0,
              column.codec ? `CODEC(${column.codec})` : '',
            ],
          ],
    ),
  )
  return jsonRelation(
    {
      database: 'string',
      table: 'string',
      name: 'string',
      type: 'string',
      position: 'uint64',
      default_kind: 'string',
      default_expression: 'string',
      comment: 'string',
      is_in_primary_key: 'uint8',
      compression_codec: 'string',
    },
    rows,
  )
}

function functions(deps: StatementDeps): Relation {
  const builtIn = functionNames()
    .filter((name) => isAggregateFunction(name) || toClickHouseFunction(name) !== undefined)
    .map((name) => [name, isAggregateFunction(name) ? 1 : 0, 0, '', '', 'System', ''])
  const own = deps.catalog.functions().map(({ name, statement }) => {
    const sql = statement.body.language === 'sql'
    return [
      name.name,
      0,
      0,
      '',
      sql ? printStatement(statement, { asServer: true }) : '',
      sql ? 'SQLUserDefined' : 'ExecutableUserDefined',
      '',
    ]
  })
  return jsonRelation(
    {
      name: 'string',
      is_aggregate: 'uint8',
      case_insensitive: 'uint8',
      alias_to: 'string',
      create_query: 'string',
      origin: 'string',
      description: 'string',
    },
    [...builtIn, ...own].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)),
  )
}

/** Values in force; for settings that nobody has set, the store's own where it has that setting. */
async function settings(context: QueryContext, deps: StatementDeps): Promise<Relation> {
  const ofStore = new Map(
    await deps.chdb.rows<[string, string]>('SELECT name, toString(value) FROM system.settings'),
  )
  const names = [...new Set([...settingNames(), ...Object.keys(context.settings)])].sort()
  return jsonRelation(
    { name: 'string', value: 'string', changed: 'uint8' },
    names.map((name) => [
      name,
      context.settings[name] ?? ofStore.get(toClickHouseSetting(name) ?? '') ?? '',
      name in context.settings ? 1 : 0,
    ]),
  )
}

/** How a view does: rows it has still to read of all its sources, and what went wrong last. */
export function viewLag(status: ViewStatus): number {
  return status.sources.reduce((sum, source) => sum + Math.max(0, source.available - source.processed), 0)
}

async function viewStatus(context: QueryContext, deps: StatementDeps): Promise<Relation> {
  const state = await stateSizes(deps)
  const rows = visible(context, deps).flatMap((view) => {
    if (view.kind !== 'materialized_view') return []
    const status = deps.runtime.status(view)
    return [
      [
        view.name.database,
        view.name.name,
        view.uuid,
        status?.state ?? 'failed',
        `${view.target.database}.${view.target.name}`,
        status ? viewLag(status) : 0,
        status?.rowsIn ?? 0,
        status?.rowsOut ?? 0,
        status?.batches ?? 0,
        status?.lastError ?? '',
        status?.lastBatchAt ?? 0,
        state.get(view.id) ?? 0,
        JSON.stringify(status?.sources ?? []),
      ],
    ]
  })
  return jsonRelation(
    {
      database: 'string',
      name: 'string',
      uuid: 'uuid',
      state: 'string',
      target: 'string',
      lag: 'uint64',
      rows_in: 'uint64',
      rows_out: 'uint64',
      batches: 'uint64',
      last_error: 'string',
      last_batch_at: "datetime64(3, 'UTC')",
      state_bytes: 'uint64',
      sources: 'string',
    },
    rows,
  )
}

const STATES: Record<ViewStatus['state'], string> = {
  starting: 'Initializing',
  running: 'Executing',
  retrying: 'AutoRecovering',
  paused: 'Paused',
  failed: 'Error',
}

/**
 * What servers log about their views, as of now. Numbers of rows are those of the last one that was processed; as on
 * servers a zero stands for none as well.
 */
function stateLog(context: QueryContext, deps: StatementDeps): Relation {
  const rows = visible(context, deps).flatMap((view) => {
    const status = view.kind === 'materialized_view' ? deps.runtime.status(view) : undefined
    if (!status) return []
    const row = (state: string, dimension: string, value: number, text = '') => [
      1,
      view.name.database,
      view.name.name,
      view.uuid,
      state,
      value,
      text,
      dimension,
      Date.now(),
    ]
    return [
      row('status', 'materialized_view', 0, STATES[status.state]),
      row('last_error_message', 'materialized_view', 0, status.lastError ?? ''),
      ...status.sources.flatMap(({ name, seek, processed, available }) => {
        // Rows of all shards together say nothing of one of them.
        const next = seek?.endsWith(' rows') ? [] : (seek ?? String(processed)).split(',')
        const dimension = (shard: number) => (next.length > 1 ? `${name}-${shard}` : name)
        return [
          ...next.flatMap((position, shard) =>
            ['processed_sn', 'ckpt_sn'].map((state) =>
              row(state, dimension(shard), Math.max(0, Number(position) - 1)),
            ),
          ),
          row('end_sn', name, Math.max(0, available - 1)),
        ]
      }),
    ]
  })
  return jsonRelation(
    {
      node_id: 'uint64',
      database: 'string',
      name: 'string',
      uuid: 'uuid',
      state_name: 'string',
      state_value: 'uint64',
      state_string_value: 'string',
      dimension: 'string',
      _tp_time: "datetime64(3, 'UTC')",
    },
    rows,
  )
}

async function streamMetrics(context: QueryContext, deps: StatementDeps): Promise<Relation> {
  const sizes = await tableSizes(deps)
  const rows = visible(context, deps).map((object) => {
    const target = object.kind === 'materialized_view' ? deps.catalog.find(object.target) : object
    const size = sizeOf(object, sizes, deps)
    return [
      object.name.database,
      object.name.name,
      object.kind,
      target?.kind === 'stream' ? target.mode : '',
      size?.rows ?? 0,
      size?.bytes ?? 0,
      target?.kind === 'stream' ? deps.store.lastSn(target) : 0,
      object.kind === 'external_stream' ? deps.external.rejected(object.name) : 0,
    ]
  })
  return jsonRelation(
    {
      database: 'string',
      name: 'string',
      kind: 'string',
      mode: 'string',
      rows: 'uint64',
      bytes: 'uint64',
      last_sn: 'uint64',
      rejected: 'uint64',
    },
    rows,
  )
}

/** Relations that other rooms keep: dead letters. */
export interface ForeignRelations {
  deadLetters(): Relation
}

/** Dead letters hold what streams do: whoever may read these may read them. */
function readable(letters: Relation, context: QueryContext, deps: StatementDeps): Relation {
  const who = deps.guard.accessOf(context)
  if (who.full) return letters
  const sources = deps.catalog
    .list()
    .map(({ name }) => name)
    .filter(({ database, name }) => may(who, 'SELECT', { database, table: name }))
    .map(({ database, name }) => quoteString(`${database}.${name}`))
  const list = ["''", ...sources].join(', ')
  return { ...letters, sql: `(SELECT * FROM ${letters.sql} WHERE source IN (${list}))` }
}

/** Undefined for names that do not exist. */
export async function systemRelation(
  name: QualifiedName,
  context: QueryContext,
  deps: StatementDeps,
  foreign: ForeignRelations,
): Promise<Relation | undefined> {
  if (name.database !== 'system') return undefined
  switch (name.name) {
    case 'one':
      return { sql: '(SELECT dummy FROM system.one)', columns: ['dummy'] }
    case 'numbers':
      return { sql: '(SELECT number FROM system.numbers)', columns: ['number'] }
    case 'databases':
      return jsonRelation(
        { name: 'string' },
        deps.catalog
          .databases()
          .filter((database) => database !== QUIET_DATABASE || deps.catalog.list(database).length > 0)
          .filter((database) => may(deps.guard.accessOf(context), 'SHOW DATABASES', { database }))
          .map((database) => [database]),
      )
    case 'tables':
    case 'streams':
      return tables(context, deps)
    case 'columns':
      return columns(context, deps)
    case 'functions':
      return functions(deps)
    case 'settings':
      return settings(context, deps)
    case 'processes':
      return jsonRelation(PROCESS_SHAPE, processRows(context, deps))
    case 'view_status':
    case 'materialized_views':
      return viewStatus(context, deps)
    case 'introspection_state_log':
      return stateLog(context, deps)
    case 'stream_metrics':
      return streamMetrics(context, deps)
    case 'dictionaries': {
      const seen = visible(context, deps).filter((object) => object.kind === 'dictionary')
      return dictionaryRelationOf(seen, deps)
    }
    case 'tasks':
      return tasksRelation(context, deps)
    case 'alerts':
      return alertsRelation(context, deps)
    case 'named_collections':
      return namedCollectionRelation(context, deps)
    case 'dead_letters':
      return readable(foreign.deadLetters(), context, deps)
    case 'build_options':
      return jsonRelation({ name: 'string', value: 'string' }, [
        ['VERSION_DESCRIBE', `v${PROTON_VERSION}`],
        ['EDITION', editionName(deps.edition)],
      ])
    default:
      return accessRelation(name.name, context, deps)
  }
}
