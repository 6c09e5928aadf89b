import type {
  CreateAlert,
  CreateDatabase,
  CreateDictionary,
  CreateFormatSchema,
  CreateNamedCollection,
  CreateTask,
  NamedCollectionEntry,
  QualifiedName,
} from '../ast.js'
import { unquote } from '../text.js'
import { parsePlainColumns } from './columns.js'
import { finish, parseHead } from './create.js'
import type { Cursor } from './cursor.js'
import { parseExpr } from './expressions.js'
import { parseInterval } from './interval.js'
import { parseQuery } from './select.js'
import { parseSettingsClause } from './settings.js'
import { parseQualifiedName } from './tables.js'

/** `n AS '…' TYPE Protobuf`. */
export function parseCreateFormatSchema(c: Cursor, start: number, orReplace: boolean): CreateFormatSchema {
  const head = parseHead(c, start, orReplace, 'schema name')
  c.expectKeyword('AS')
  const body = c.string()
  c.expectKeyword('TYPE')
  const type = c.name('schema type')
  return { kind: 'create_format_schema', body, type, ...finish(c, head) }
}

/** `n AS k = 'v' [[NOT] OVERRIDABLE], …`. */
export function parseCreateNamedCollection(
  c: Cursor,
  start: number,
  orReplace: boolean,
): CreateNamedCollection {
  const head = parseHead(c, start, orReplace, 'collection name')
  c.expectKeyword('AS')
  const entries = c.list(() => parseCollectionEntry(c))
  return { kind: 'create_named_collection', entries, ...finish(c, head) }
}

export function parseCollectionEntry(c: Cursor): NamedCollectionEntry {
  const name = c.name()
  c.expect('=')
  const value = parseExpr(c)
  if (c.takeKeyword('NOT OVERRIDABLE')) return { name, value, overridable: false }
  return c.takeKeyword('OVERRIDABLE') ? { name, value, overridable: true } : { name, value }
}

export function parseCreateDatabase(c: Cursor, start: number, orReplace: boolean): CreateDatabase {
  const head = parseHead(c, start, orReplace, 'database name')
  const withEngine = c.takeKeyword('ENGINE')
  if (withEngine) c.take('=')
  const engine = withEngine ? parseExpr(c) : undefined
  const settings = parseSettingsClause(c) ?? []
  return { kind: 'create_database', ...(engine ? { engine } : {}), settings, ...finish(c, head) }
}

/** The text of `CLAUSE(…)` between its brackets, tokens joined by single blanks. */
function parseClauseText(c: Cursor): string {
  c.expect('(')
  const close = c.partner(-1)
  if (close < 0) c.fail(')')
  const from = c.index
  c.index += close
  const text = c
    .slice(from)
    .map((t) => t.text)
    .join(' ')
  c.expect(')')
  return text
}

const CLAUSES = ['SOURCE', 'LAYOUT', 'LIFETIME', 'RANGE']

export function parseCreateDictionary(c: Cursor, start: number, orReplace: boolean): CreateDictionary {
  const head = parseHead(c, start, orReplace, 'dictionary name')
  const columns = c.is('(') ? parsePlainColumns(c) : []
  const node: CreateDictionary = {
    kind: 'create_dictionary',
    columns,
    primaryKey: [],
    clauses: [],
    settings: [],
    dependencies: [],
    name: head.name,
    ifNotExists: head.ifNotExists,
    orReplace,
  }
  for (;;) {
    const clause = CLAUSES.find((word) => c.keyword(word) && c.symbolAt(1, '('))
    if (c.takeKeyword('PRIMARY KEY')) {
      node.primaryKey = c.list(() => parseExpr(c))
    } else if (clause !== undefined) {
      c.next()
      const from = c.index
      node.clauses.push({ name: clause, text: parseClauseText(c) })
      if (clause === 'SOURCE') node.dependencies.push(...sourceStreams(c, from))
    } else {
      const settings = parseSettingsClause(c)
      if (!settings) break
      node.settings = settings
    }
  }
  if (node.clauses.length === 0) c.fail('PRIMARY KEY', ...CLAUSES)
  return { ...node, ...finish(c, head) }
}

/** `SOURCE(TIMEPLUS(STREAM 's'))`: the streams named behind STREAM or TABLE. */
function sourceStreams(c: Cursor, from: number): QualifiedName[] {
  const tokens = c.slice(from)
  if (tokens[1]?.upper !== 'TIMEPLUS') return []
  const names: QualifiedName[] = []
  tokens.forEach((t, i) => {
    const value = tokens[i + 1]
    if ((t.upper !== 'STREAM' && t.upper !== 'TABLE') || !value) return
    const text = value.kind === 'string' || value.kind === 'quoted' ? unquote(value.text) : value.text
    const [database, name] = text.split('.')
    names.push(name === undefined ? { name: database! } : { database: database!, name })
  })
  return names
}

/** `t SCHEDULE i [TIMEOUT i] INTO target AS query`. */
export function parseCreateTask(c: Cursor, start: number, orReplace: boolean): CreateTask {
  const head = parseHead(c, start, orReplace, 'task name')
  c.expectKeyword('SCHEDULE')
  const schedule = c.isString() ? parseExpr(c) : parseInterval(c)
  const timeout = c.takeKeyword('TIMEOUT') ? parseInterval(c) : undefined
  c.expectKeyword('INTO')
  const into = parseQualifiedName(c)
  c.expectKeyword('AS')
  const query = parseQuery(c)
  return { kind: 'create_task', schedule, ...(timeout ? { timeout } : {}), into, query, ...finish(c, head) }
}

/** `a [BATCH n EVENTS [WITH TIMEOUT i]] [LIMIT m ALERTS PER i] CALL f AS query`. */
export function parseCreateAlert(c: Cursor, start: number, orReplace: boolean): CreateAlert {
  const head = parseHead(c, start, orReplace, 'alert name')
  const node: Pick<CreateAlert, 'batchEvents' | 'batchTimeout' | 'limitAlerts' | 'limitInterval'> = {}
  if (c.takeKeyword('BATCH')) {
    node.batchEvents = parseExpr(c)
    c.expectKeyword('EVENTS')
    if (c.takeKeyword('WITH TIMEOUT')) node.batchTimeout = parseInterval(c)
  }
  if (c.takeKeyword('LIMIT')) {
    node.limitAlerts = parseExpr(c)
    c.expectKeyword('ALERTS')
    c.expectKeyword('PER')
    node.limitInterval = parseInterval(c)
  }
  c.expectKeyword('CALL')
  const call = c.name('function name')
  c.expectKeyword('AS')
  const query = parseQuery(c)
  return { kind: 'create_alert', ...node, call, query, ...finish(c, head) }
}
