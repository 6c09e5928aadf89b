import type {
  CreateExternalStream,
  CreateExternalTable,
  CreateMaterializedView,
  CreateRandomStream,
  CreateStream,
  CreateView,
  Expr,
  QualifiedName,
  Setting,
  Span,
  Statement,
  TtlItem,
} from '../ast.js'
import { parseColumnList, parsePlainColumns, parseTtl } from './columns.js'
import { parseCreateFunction } from './create_function.js'
import {
  parseCreateAlert,
  parseCreateDatabase,
  parseCreateDictionary,
  parseCreateFormatSchema,
  parseCreateNamedCollection,
  parseCreateTask,
} from './create_other.js'
import type { Cursor } from './cursor.js'
import { parseExpr } from './expressions.js'
import { isQuery } from './lookahead.js'
import { parseQuery } from './select.js'
import { parseSettingsClause } from './settings.js'
import { parseQualifiedName } from './tables.js'

/** The part that all CREATE statements share. */
export interface Head {
  name: QualifiedName
  ifNotExists: boolean
  orReplace: boolean
  uuid?: string
  start: number
}

/** `[IF NOT EXISTS] [db.]name [UUID 'u']`. */
export function parseHead(c: Cursor, start: number, orReplace: boolean, what?: string): Head {
  const ifNotExists = c.takeKeyword('IF NOT EXISTS')
  const head: Head = { name: parseQualifiedName(c, what), ifNotExists, orReplace, start }
  if (c.keyword('UUID') && c.isString(1)) {
    c.next()
    head.uuid = c.string()
  }
  return head
}

interface CreationFields {
  name: QualifiedName
  ifNotExists: boolean
  orReplace: boolean
  uuid?: string
  comment?: string
  span: Span
}

/** The fields of every creation node; takes a COMMENT at the end. */
export function finish(c: Cursor, head: Head): CreationFields {
  const fields: CreationFields = {
    name: head.name,
    ifNotExists: head.ifNotExists,
    orReplace: head.orReplace,
    span: { start: 0, end: 0 },
  }
  if (head.uuid !== undefined) fields.uuid = head.uuid
  if (c.takeKeyword('COMMENT')) fields.comment = c.string()
  fields.span = c.span(head.start)
  return fields
}

/** What may be created, and who reads it. The first words that match decide. */
const CREATABLE: [words: string, parse: (c: Cursor, start: number, orReplace: boolean) => Statement][] = [
  ['MUTABLE STREAM', (c, start, r) => parseCreateStream(c, start, r, true)],
  ['STREAM', (c, start, r) => parseCreateStream(c, start, r, false)],
  ['EXTERNAL STREAM', parseCreateExternalStream],
  ['EXTERNAL TABLE', parseCreateExternalTable],
  ['RANDOM STREAM', parseCreateRandomStream],
  ['VIEW', parseCreateView],
  ['MATERIALIZED VIEW', (c, start, r) => parseCreateMaterializedView(c, start, r, false)],
  ['SCHEDULED MATERIALIZED VIEW', (c, start, r) => parseCreateMaterializedView(c, start, r, true)],
  ['FUNCTION', (c, start, r) => parseCreateFunction(c, start, r, 'scalar')],
  ['AGGREGATE FUNCTION', (c, start, r) => parseCreateFunction(c, start, r, 'aggregate')],
  ['REMOTE FUNCTION', (c, start, r) => parseCreateFunction(c, start, r, 'remote')],
  ['FORMAT SCHEMA', parseCreateFormatSchema],
  ['NAMED COLLECTION', parseCreateNamedCollection],
  ['DATABASE', parseCreateDatabase],
  ['DICTIONARY', parseCreateDictionary],
  ['TASK', parseCreateTask],
  ['ALERT', parseCreateAlert],
]

/** CREATE of anything but users and their rights; undefined if the kind is unknown. */
export function parseCreate(c: Cursor): Statement | undefined {
  const start = c.index
  const orReplace = c.keyword('OR REPLACE', 1)
  const ahead = orReplace ? 3 : 1
  for (const [words, parse] of CREATABLE) {
    if (!c.keyword(words, ahead)) continue
    c.index += ahead + words.split(' ').length
    return parse(c, start, orReplace)
  }
  if (!c.strict) return undefined
  c.index += ahead
  c.fail(...CREATABLE.map(([words]) => words), 'OR REPLACE', 'USER', 'ROLE', 'QUOTA')
}

interface Storage {
  engine?: Expr
  partitionBy?: Expr
  primaryKey?: Expr
  orderBy?: Expr
  sampleBy?: Expr
  ttl?: TtlItem[]
  settings?: Setting[]
}

/** The storage clauses, in any order; SETTINGS end them. */
function parseStorage(c: Cursor): Storage {
  const storage: Storage = {}
  for (;;) {
    if (!storage.engine && c.takeKeyword('ENGINE')) {
      c.take('=')
      storage.engine = parseExpr(c)
    } else if (!storage.partitionBy && c.takeKeyword('PARTITION BY')) {
      storage.partitionBy = parseExpr(c)
    } else if (!storage.primaryKey && c.takeKeyword('PRIMARY KEY')) {
      storage.primaryKey = parseExpr(c)
    } else if (!storage.orderBy && c.takeKeyword('ORDER BY')) {
      storage.orderBy = parseExpr(c)
    } else if (!storage.sampleBy && c.takeKeyword('SAMPLE BY')) {
      storage.sampleBy = parseExpr(c)
    } else if (!storage.ttl && c.takeKeyword('TTL')) {
      storage.ttl = parseTtl(c)
    } else {
      const settings = parseSettingsClause(c)
      if (settings) storage.settings = settings
      return storage
    }
  }
}

function parseCreateStream(c: Cursor, start: number, orReplace: boolean, mutable: boolean): CreateStream {
  const head = parseHead(c, start, orReplace)
  const list = c.is('(') && !isQuery(c) ? parseColumnList(c) : { columns: [], indexes: [], families: [] }
  const { primaryKey: inList, ...parts } = { primaryKey: undefined, ...list }
  const storage = parseStorage(c)
  if (inList && storage.primaryKey) c.rule('Multiple primary keys are not allowed.')
  if (inList) storage.primaryKey = inList
  let as: CreateStream['as']
  if (c.takeKeyword('AS')) as = isQuery(c) ? parseQuery(c) : parseQualifiedName(c)
  const nothing = parts.columns.length === 0 && as === undefined && Object.keys(storage).length === 0
  if (nothing) c.fail('(', 'AS', 'SETTINGS')
  return {
    kind: 'create_stream',
    mutable,
    ...parts,
    ...storage,
    settings: storage.settings ?? [],
    ...(as === undefined ? {} : { as }),
    ...finish(c, head),
  }
}

function parseCreateExternalStream(c: Cursor, start: number, orReplace: boolean): CreateExternalStream {
  const head = parseHead(c, start, orReplace)
  const columns = c.is('(') ? parsePlainColumns(c) : []
  const partitionBy = c.takeKeyword('PARTITION BY') ? parseExpr(c) : undefined
  const settings = parseSettingsClause(c) ?? []
  if (columns.length === 0 && settings.length === 0) c.fail('(', 'SETTINGS')
  return {
    kind: 'create_external_stream',
    columns,
    ...(partitionBy ? { partitionBy } : {}),
    settings,
    ...finish(c, head),
  }
}

function parseCreateExternalTable(c: Cursor, start: number, orReplace: boolean): CreateExternalTable {
  const head = parseHead(c, start, orReplace, 'table name')
  const columns = c.is('(') ? parsePlainColumns(c) : []
  const settings = parseSettingsClause(c) ?? []
  return { kind: 'create_external_table', columns, settings, ...finish(c, head) }
}

function parseCreateRandomStream(c: Cursor, start: number, orReplace: boolean): CreateRandomStream {
  const head = parseHead(c, start, orReplace)
  const columns = parsePlainColumns(c)
  const withEngine = c.takeKeyword('ENGINE')
  if (withEngine) c.take('=')
  const engine = withEngine ? { engine: parseExpr(c) } : {}
  return {
    kind: 'create_random_stream',
    columns,
    ...engine,
    settings: parseSettingsClause(c) ?? [],
    ...finish(c, head),
  }
}

function parseCreateView(c: Cursor, start: number, orReplace: boolean): CreateView {
  const head = parseHead(c, start, orReplace, 'view name')
  const columns = c.is('(') ? parsePlainColumns(c) : undefined
  c.expectKeyword('AS')
  const query = parseQuery(c)
  return { kind: 'create_view', ...(columns ? { columns } : {}), query, ...finish(c, head) }
}

function parseCreateMaterializedView(
  c: Cursor,
  start: number,
  orReplace: boolean,
  scheduled: boolean,
): CreateMaterializedView {
  const head = parseHead(c, start, orReplace, 'view name')
  const into = c.takeKeyword('INTO') ? parseQualifiedName(c) : undefined
  const list = c.is('(') ? parsePlainColumns(c) : undefined
  const storage = parseStorage(c)
  c.expectKeyword('AS')
  const query = parseQuery(c)
  const node: CreateMaterializedView = {
    kind: 'create_materialized_view',
    storageSettings: storage.settings ?? [],
    query,
    ...finish(c, head),
  }
  if (scheduled) node.scheduled = true
  if (into) node.into = into
  if (list) node.columns = list
  if (storage.primaryKey) node.primaryKey = storage.primaryKey
  if (storage.orderBy) node.orderBy = storage.orderBy
  if (storage.partitionBy) node.partitionBy = storage.partitionBy
  if (storage.ttl) node.ttl = storage.ttl
  return node
}
