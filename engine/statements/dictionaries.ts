import { randomUUID } from 'node:crypto'
import type { CreateDictionary, Query } from '../../dialect/ast.js'
import { dependencies, parseQuery, parseStatement, printExpr, printStatement } from '../../dialect/index.js'
import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { DictionaryObject, QueryContext, Relation } from '../contracts.js'
import { EngineError } from '../errors.js'
import { dictionaryTable } from '../storage/tables.js'
import { declaredColumns } from './columns.js'
import { nameIsFree } from './create_other_streams.js'
import { qualified } from './create_view.js'
import { fullName, type StatementDeps } from './deps.js'
import { notSupported } from './errors.js'
import { jsonRelation } from './json_rows.js'
import { hideSecrets } from './secrets.js'

/** Layouts that keep their keys in memory, or ask the source for each; their parameters are numbers. */
const LAYOUTS =
  /^(?:(?:COMPLEX_KEY_)?(?:HASHED|SPARSE_HASHED|HASHED_ARRAY|RANGE_HASHED|CACHE|DIRECT)|FLAT|IP_TRIE)$/
const LAYOUT_TEXT = /^(\w+)\s*(?:\(\s*((?:\w+\s+[\d.]+\s*)*)\))?$/
const LIFETIME = /^(?:\d+|MIN \d+ MAX \d+|MAX \d+ MIN \d+)$/i
const RANGE = /^MIN \w+ MAX \w+$/i

export async function createDictionary(
  statement: CreateDictionary,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const name = fullName(statement.name, context)
  const before = deps.catalog.find(name)
  if (!(statement.orReplace && before?.kind === 'dictionary') && !nameIsFree(statement, context, deps)) return
  const query = await sourceOf(statement, context, deps)
  const streams = statement.dependencies.map((source) => fullName(source, context))
  for (const source of dependencies(statement)) {
    const object = deps.catalog.require(source, context.database)
    if (object.kind === 'external_stream' || object.kind === 'random_stream')
      throw notSupported(`A dictionary over a ${object.kind.replace('_', ' ')}`)
  }
  const canonical = {
    ...statement,
    name,
    dependencies: streams,
    clauses: statement.clauses.map((item) => ({ ...item, text: hideSecrets(item.text) })),
    ifNotExists: false,
    orReplace: false,
    uuid: undefined,
  }
  const dictionary: DictionaryObject = {
    kind: 'dictionary',
    id: deps.catalog.nextId(),
    uuid: statement.uuid ?? randomUUID(),
    name,
    sql: printStatement(canonical),
    createdAt: Date.now(),
    columns: await declaredColumns(statement.columns, deps),
    primaryKey: statement.primaryKey.map((key) => printExpr(key)),
    statement: canonical,
  }
  await deps.catalog.reserve(dictionary.id)
  await deps.chdb.run(await definition(dictionary, query, context, deps))
  try {
    await deps.chdb.run(`SYSTEM RELOAD DICTIONARY ${dictionaryTable(dictionary)}`)
    await deps.catalog.put(dictionary)
  } catch (cause) {
    await dropStored(dictionary, deps)
    throw cause
  }
  if (before?.kind === 'dictionary') await dropStored(before, deps)
}

/** The query behind `SOURCE(TIMEPLUS(STREAM 's' | QUERY '…'))`. Throws 48 for sources outside of the engine. */
async function sourceOf(
  statement: CreateDictionary,
  context: QueryContext,
  deps: StatementDeps,
): Promise<Query> {
  const text = clause(statement, 'SOURCE')
  const match = /^(\w+)\s*\(([\s\S]*)\)$/.exec(text ?? '')
  if (!match) throw new EngineError('INCORRECT_QUERY', "A dictionary needs SOURCE(TIMEPLUS(STREAM '…'))")
  const [, kind, inside] = match
  if (kind!.toUpperCase() !== 'TIMEPLUS') {
    throw notSupported(
      `A dictionary over ${kind!.toUpperCase()} (bring its rows into a stream, and use SOURCE(TIMEPLUS(STREAM '…')))`,
    )
  }
  const given = new Map<string, string>()
  for (const [, key, value] of inside!.matchAll(/(\w+)\s+('(?:[^'\\]|\\.|'')*'|[^\s()']+)/g)) {
    given.set(key!.toUpperCase(), unquoted(value!))
  }
  for (const key of given.keys()) {
    if (!/^(?:STREAM|TABLE|QUERY|DB|DATABASE|USER|PASSWORD)$/.test(key))
      throw notSupported(`${key} of a dictionary's source`)
  }
  const user = given.get('USER')
  if (user !== undefined) await deps.guard.control.authenticate(user, given.get('PASSWORD') ?? '')
  const written = given.get('QUERY')
  if (written !== undefined) return qualified(parseQuery(written), context)
  const stream = given.get('STREAM') ?? given.get('TABLE')
  if (stream === undefined)
    throw new EngineError('INCORRECT_QUERY', 'A dictionary needs STREAM or QUERY in its source')
  const [first, second] = stream.split('.')
  const database = given.get('DB') ?? given.get('DATABASE') ?? context.database
  const name = second === undefined ? { database, name: first! } : { database: first!, name: second }
  deps.catalog.require(name)
  return { kind: 'select', with: [], columns: [{ kind: 'star' }], from: { kind: 'table', name } }
}

function unquoted(text: string): string {
  if (!text.startsWith("'")) return text
  const statement = parseStatement(`SELECT ${text}`)
  const value =
    statement.kind === 'query' && statement.query.kind === 'select' ? statement.query.columns[0] : undefined
  return value?.kind === 'literal' && value.type === 'string' ? value.value : text
}

function clause(statement: CreateDictionary, name: string): string | undefined {
  return statement.clauses.find((item) => item.name === name)?.text.trim()
}

async function definition(
  dictionary: DictionaryObject,
  query: Query,
  context: QueryContext,
  deps: StatementDeps,
): Promise<string> {
  const { statement, columns, primaryKey } = dictionary
  if (columns.length === 0 || primaryKey.length === 0) {
    throw new EngineError('INCORRECT_QUERY', 'A dictionary needs columns and a PRIMARY KEY')
  }
  const layout = layoutOf(statement)
  const lifetime = clause(statement, 'LIFETIME')
  if (lifetime !== undefined && !LIFETIME.test(lifetime)) {
    throw new EngineError(
      'SYNTAX_ERROR',
      `Syntax error: LIFETIME(${lifetime}): a number of seconds is expected`,
    )
  }
  const range = clause(statement, 'RANGE')
  if (range !== undefined && !RANGE.test(range)) {
    throw new EngineError('SYNTAX_ERROR', `Syntax error: RANGE(${range}): MIN column MAX column is expected`)
  }
  const direct = layout.includes('DIRECT')
  const names = columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const plan = await deps.planner.plan(query, { ...context, user: '', settings: {}, tableMode: true })
  await plan.release()
  const missing = columns.find((column) => !plan.columns.some(({ name }) => name === column.name))
  if (missing) {
    throw new EngineError(
      'UNKNOWN_IDENTIFIER',
      `Missing columns: '${missing.name}' in the source of the dictionary`,
    )
  }
  const rows = `SELECT ${names} FROM (${plan.sql})${direct ? ' WHERE {condition}' : ''}`
  return [
    `CREATE DICTIONARY ${dictionaryTable(dictionary)} (${columns.map(columnText).join(', ')})`,
    `PRIMARY KEY ${primaryKey.map(quoteIdentifier).join(', ')}`,
    `SOURCE(CLICKHOUSE(QUERY ${quoteString(rows)}))`,
    `LAYOUT(${layout})`,
    direct ? '' : `LIFETIME(${lifetime ?? '0'})`,
    range === undefined ? '' : `RANGE(${range})`,
  ].join(' ')
}

function columnText(column: DictionaryObject['columns'][number]): string {
  const value = column.default ? ` DEFAULT ${column.default.chSql}` : ''
  return `${quoteIdentifier(column.name)} ${column.chType}${value}`
}

function layoutOf(statement: CreateDictionary): string {
  const text = clause(statement, 'LAYOUT') ?? 'FLAT ( )'
  const [, name = text, parameters = ''] = LAYOUT_TEXT.exec(text) ?? []
  const layout = name.toUpperCase()
  if (!LAYOUTS.test(layout)) {
    throw notSupported(`The dictionary layout ${layout} (use HASHED, COMPLEX_KEY_HASHED or DIRECT)`)
  }
  return `${layout}(${parameters.trim()})`
}

export async function dropStored(
  dictionary: { id: number },
  deps: Pick<StatementDeps, 'chdb'>,
): Promise<void> {
  await deps.chdb.run(`DROP DICTIONARY IF EXISTS ${dictionaryTable(dictionary)} SYNC`)
}

/** What a crash left between a dictionary and its name in the catalog. */
export async function dropOrphanDictionaries({
  chdb,
  catalog,
}: Pick<StatementDeps, 'chdb' | 'catalog'>): Promise<void> {
  const known = new Set(
    catalog
      .list()
      .filter(({ kind }) => kind === 'dictionary')
      .map(({ id }) => id),
  )
  const rows = await chdb.rows<[string]>(
    "SELECT substring(name, 6) FROM system.dictionaries WHERE match(name, '^dict_[0-9]+$')",
  )
  for (const [id] of rows) if (!known.has(Number(id))) await dropStored({ id: Number(id) }, { chdb })
}

export async function reloadDictionary(dictionary: DictionaryObject, deps: StatementDeps): Promise<void> {
  await deps.chdb.run(`SYSTEM RELOAD DICTIONARY ${dictionaryTable(dictionary)}`)
}

/** `system.dictionaries`: what is known of each, and how the store sees it. */
export async function dictionaryRelationOf(seen: DictionaryObject[], deps: StatementDeps): Promise<Relation> {
  const rows = await deps.chdb.rows<[string, string, string, string, string]>(
    "SELECT name, toString(status), toString(element_count), last_exception, toString(toUnixTimestamp(loading_start_time)) FROM system.dictionaries WHERE match(name, '^dict_[0-9]+$')",
  )
  const stored = new Map(rows.map(([name, ...rest]) => [name, rest]))
  return jsonRelation(
    {
      database: 'string',
      name: 'string',
      uuid: 'uuid',
      status: 'string',
      'key.names': 'array(string)',
      'attribute.names': 'array(string)',
      'attribute.types': 'array(string)',
      element_count: 'uint64',
      last_exception: 'string',
      loading_start_time: "datetime('UTC')",
    },
    seen.map((dictionary) => {
      const [status = 'NOT_LOADED', count = '0', exception = '', since = '0'] =
        stored.get(`dict_${dictionary.id}`) ?? []
      const attributes = dictionary.columns.filter(({ name }) => !dictionary.primaryKey.includes(name))
      return [
        dictionary.name.database,
        dictionary.name.name,
        dictionary.uuid,
        status,
        dictionary.primaryKey,
        attributes.map(({ name }) => name),
        attributes.map(({ type }) => type),
        count,
        exception,
        Number(since),
      ]
    }),
  )
}
