import type { AccessCommand } from '../ast/access.js'
import type {
  AccessStatement,
  ColumnDef,
  CreateFunction,
  Drop,
  IndexDef,
  Setting,
  Show,
  Statement,
} from '../ast.js'
import { SqlSyntaxError } from '../errors.js'
import { parseAccessCommand } from '../parser/access.js'
import { lowerMutableStream } from './mutable.js'
import { alertOutside, taskOutside } from './outside.js'
import type { Lowering } from './support.js'

/** What each edition does differently, by kind of statement. */
export function lowerStatement(s: Statement, low: Lowering): Statement {
  const mutable = s.kind === 'create_stream' && s.mutable && !low.hasMutableStreams
  if (low.edition === 'embedded') return lowerEmbedded(s, low)
  const statement = mutable ? lowerMutableStream(s, low) : s.kind === 'drop' ? lowerDrop(s) : s
  if (low.edition === 'oss-3') return lower3(statement, low)
  return low.is16 ? lower16(statement, low) : statement
}

/** `DROP VIEW` drops materialized views too, `DROP STREAM` external and random streams: every edition reads these. */
function lowerDrop(s: Drop): Drop {
  if (s.object === 'materialized_view') return { ...s, object: 'view' }
  return s.object === 'external_stream' || s.object === 'random_stream' ? { ...s, object: 'stream' } : s
}

/** What the local engine cannot do; the rest it takes as Enterprise does. */
function lowerEmbedded(s: Statement, low: Lowering): Statement {
  switch (s.kind) {
    case 'create_function':
      if (s.body.language === 'python')
        low.refuse(`Python functions (${s.name.name})`, 'write it in JavaScript, or as a REMOTE FUNCTION')
      return s
    case 'create_external_stream':
      refuseType(s.settings, EXTERNAL_STREAMS_EMBEDDED, 'external streams', low)
      return s
    case 'create_external_table':
      return low.refuse(`external tables (${s.name.name})`, 'write into a stream, or into a Kafka topic')
    case 'create_materialized_view':
      if (s.scheduled)
        low.refuse(`scheduled materialized views (${s.name.name})`, 'use a task, or leave SCHEDULED out')
      return s
    case 'access':
      if (s.object === 'quota' || s.object === 'settings_profile')
        low.refuse(`${s.object.replace('_', ' ')}s (${s.names[0] ?? ''})`, 'leave the statement out')
      return s
    default:
      return s
  }
}

function lower3(s: Statement, low: Lowering): Statement {
  if (s.kind === 'system' && s.command === 'TRANSFER LEADER') {
    low.refuse('cluster, and so no SYSTEM TRANSFER LEADER', 'leave the statement out')
  }
  return s
}

function lower16(s: Statement, low: Lowering): Statement {
  switch (s.kind) {
    case 'create_task':
      return taskOutside(s, low)
    case 'create_alert':
      return alertOutside(s, low)
    case 'create_dictionary':
      return low.refuse(`dictionaries (${s.name.name})`, 'use a versioned_kv stream and a join')
    case 'create_named_collection':
      return low.refuse(`named collections (${s.name.name})`, 'write the settings into each statement')
    case 'create_function':
      return lowerFunction16(s, low)
    case 'create_format_schema':
      return withoutComment(s, 'a format schema', low)
    case 'create_stream':
      refuseColumns(s.columns, low)
      refuseIndexes(s.indexes, low)
      return s
    case 'create_external_stream':
      refuseColumns(s.columns, low)
      refuseType(s.settings, EXTERNAL_STREAMS_16, 'external streams', low)
      return { ...s, columns: withoutMessageKey(s.columns, low) }
    case 'create_external_table': {
      refuseType(s.settings, EXTERNAL_TABLES_16, 'external tables', low)
      if (s.columns.length === 0) return s
      low.note(
        'COLUMNS_DROPPED',
        `Proton 1.6 takes the columns of external table ${s.name.name} from the other side`,
      )
      return { ...s, columns: [] }
    }
    case 'create_materialized_view':
      return lowerMaterializedView16(s, low)
    case 'delete':
      return low.refuse('DELETE FROM', 'upsert a row with a flag, and filter on it')
    case 'alter':
      return s.object === 'stream'
        ? s
        : low.refuse(`ALTER ${s.object.toUpperCase()}`, 'drop it and create it again')
    case 'drop':
      return lowerDrop16(s, low)
    case 'show':
      return lowerShow16(s, low)
    case 'system':
      return lowerSystem16(s, low)
    case 'access':
      if (s.object === 'settings_profile') low.refuse('settings profiles', 'leave the statement out')
      return lowerAccess16(s, low)
    case 'opaque':
      low.note('OPAQUE', 'This statement is newer than the parser; it is passed on as it stands')
      return s
    default:
      return s
  }
}

/** How a 1.6 user proves who they are. */
const METHODS_16 = new Set([
  'no_password',
  'plaintext_password',
  'sha256_password',
  'sha256_hash',
  'double_sha1_password',
  'double_sha1_hash',
])

function lowerAccess16(s: AccessStatement, low: Lowering): Statement {
  const auth = userAuth(s)
  if (auth?.salt !== undefined)
    low.refuse(`SALT of a hash (user ${s.names[0] ?? ''})`, 'give the hash of the password alone')
  if (auth && !METHODS_16.has(auth.method))
    low.refuse(`${auth.method} (user ${s.names[0] ?? ''})`, 'use sha256_password')
  return s
}

function userAuth(s: AccessStatement): Extract<AccessCommand, { kind: 'user' }>['auth'] {
  if (s.object !== 'user') return undefined
  try {
    const command = parseAccessCommand(s)
    return command.kind === 'user' ? command.auth : undefined
  } catch (error) {
    // Clauses of another edition are passed on as they stand.
    if (error instanceof SqlSyntaxError) return undefined
    throw error
  }
}

function lowerFunction16(s: CreateFunction, low: Lowering): Statement {
  if (s.body.language === 'python')
    low.refuse(`Python functions (${s.name.name})`, 'write it in JavaScript, or as a REMOTE FUNCTION')
  if (s.settings?.length) low.refuse(`settings of functions (${s.name.name})`, 'leave them out')
  return withoutComment(s, 'a function', low)
}

/** Comments say nothing to the engine: where its parser has no place for them they stay in the file. */
function withoutComment<T extends { comment?: string }>(s: T, what: string, low: Lowering): T {
  if (s.comment === undefined) return s
  low.note('COMMENT_DROPPED', `Proton 1.6 takes no COMMENT of ${what}; it is left out`)
  return { ...s, comment: undefined }
}

const EXTERNAL_STREAMS_EMBEDDED: Accepted = {
  types: ['kafka', 'redpanda'],
  instead: 'bring the data to a Kafka topic, and read that',
}
const EXTERNAL_STREAMS_16: Accepted = {
  types: ['kafka', 'redpanda', 'log'],
  instead: 'bring the data to a Kafka topic, by Kafka Connect or Redpanda Connect, and read that',
}
const EXTERNAL_TABLES_16: Accepted = {
  types: ['clickhouse'],
  instead: 'write into an external stream, and from Kafka to there',
}

interface Accepted {
  types: string[]
  instead: string
}

function refuseType(settings: Setting[], { types, instead }: Accepted, what: string, low: Lowering): void {
  const value = settings.find(({ name }) => name === 'type')?.value
  if (value?.kind !== 'literal' || value.type !== 'string' || types.includes(value.value.toLowerCase()))
    return
  low.refuse(`${what} of type '${value.value}', only of ${types.join(', ')}`, instead)
}

/** The indexes of mutable streams are left out with those; what is left are skipping indexes. */
function refuseIndexes(indexes: IndexDef[], low: Lowering): void {
  const index = indexes.find(({ type, granularity }) => !type || granularity === undefined)
  if (index)
    low.refuse(
      `index without TYPE and GRANULARITY (${index.name})`,
      `write INDEX ${index.name} … TYPE minmax GRANULARITY 1, or leave it out`,
    )
}

function refuseColumns(columns: ColumnDef[], low: Lowering): void {
  for (const column of columns) {
    if (column.autoIncrement) low.refuse(`AUTO_INCREMENT (${column.name})`, 'give the number on insert')
    if (column.default?.kind === 'ephemeral')
      low.refuse(`EPHEMERAL columns (${column.name})`, 'leave the column out')
  }
}

/** 1.6 offers the key as a virtual column `_message_key`; a declared one would be looked for in the message. */
function withoutMessageKey(columns: ColumnDef[], low: Lowering): ColumnDef[] {
  const kept = columns.filter((column) => column.name !== '_tp_message_key')
  if (kept.length === columns.length) return columns
  low.note(
    'MESSAGE_KEY_DROPPED',
    'Proton 1.6 has a virtual column _message_key; to write keys, set message_key',
  )
  return kept
}

function lowerMaterializedView16(
  s: Extract<Statement, { kind: 'create_materialized_view' }>,
  low: Lowering,
): Statement {
  const name = s.name.name
  if (s.scheduled) low.refuse(`scheduled materialized views (${name})`, 'leave SCHEDULED out')
  if (s.orReplace) low.refuse(`CREATE OR REPLACE MATERIALIZED VIEW (${name})`, 'drop it and create it again')
  const storage = s.primaryKey ?? s.orderBy ?? s.partitionBy ?? s.ttl
  if (storage) {
    low.refuse(
      `storage clauses in materialized views (${name})`,
      'create the target stream with them, and write INTO it',
    )
  }
  if (s.storageSettings.length === 0) return s
  for (const { name: setting } of s.storageSettings) {
    low.note(
      'SETTING_DROPPED',
      `Proton 1.6 takes no storage settings in a materialized view; ${setting} is left out`,
    )
  }
  return { ...s, storageSettings: [] }
}

const DROPPABLE_16 = new Set<Drop['object']>([
  'stream',
  'table',
  'view',
  'function',
  'database',
  'external_table',
  'format_schema',
  'user',
  'role',
  'row_policy',
  'quota',
])

function lowerDrop16(s: Drop, low: Lowering): Statement {
  if (DROPPABLE_16.has(s.object)) return s
  return low.refuse(`${s.object.replace('_', ' ')}s`, 'leave the statement out')
}

/** What SHOW lists in 1.6, and where else to look for the rest. */
const SHOWN_16 = new Set([
  'streams',
  'tables',
  'databases',
  'processlist',
  'format_schemas',
  'clusters',
  'settings',
  'access',
])
const SHOWN_16_ACCESS = new Set([
  'users',
  'roles',
  'quotas',
  'grants',
  'privileges',
  'current_roles',
  'enabled_roles',
  'quota',
  'current_quota',
  'changed_settings',
  'row_policies',
  'settings_profiles',
  'filesystem_caches',
])
const INSTEAD_16: Record<string, string> = {
  functions: "SELECT name FROM system.functions WHERE origin != 'System'",
  views: "SELECT name FROM system.tables WHERE engine = 'View'",
  materialized_views: "SELECT name FROM system.tables WHERE engine = 'MaterializedView'",
}

function lowerShow16(s: Show, low: Lowering): Statement {
  if (s.what === 'create') {
    if (s.object === 'function') low.refuse('SHOW CREATE FUNCTION', 'GET /proton/v1/udfs/<name> on port 3218')
    // A bare SHOW CREATE name finds streams and views of every kind.
    const known = s.object === undefined || s.object === 'database' || s.object === 'format_schema'
    if (known || s.object === 'user' || s.object === 'role' || s.object === 'quota') return s
    const { object: _object, ...rest } = s
    return rest
  }
  if (SHOWN_16.has(s.what) || SHOWN_16_ACCESS.has(s.what)) return s
  const words = `SHOW ${s.what.toUpperCase().replaceAll('_', ' ')}`
  return low.refuse(words, INSTEAD_16[s.what] ?? 'look into the system.* tables')
}

function lowerSystem16(s: Extract<Statement, { kind: 'system' }>, low: Lowering): Statement {
  const newer =
    /^(PAUSE|RESUME|ABORT|RECOVER|EXEC) (MATERIALIZED VIEW|TASK|ALERT)$|^TRANSFER LEADER$|^INSTALL PYTHON/
  if (!newer.test(s.command)) return s
  return low.refuse(`SYSTEM ${s.command}`, 'drop the view and create it again to restart it')
}
