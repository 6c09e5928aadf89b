import type { Expr, NamedTable, Query, Select, SubqueryTable, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier } from '../chdb/pool.js'
import type { DictionaryObject, Relation, StreamObject } from '../contracts.js'
import { bindLeaves, dictionaryRelation } from '../planner/index.js'
import { boundedLeaf } from './bounded.js'
import { ARRIVAL, type Lookup } from './enrich_join.js'
import { namesInExpressions } from './names_in.js'
import { type Pipe, rawTable } from './pipe.js'
import type { LiveSide } from './rows_of.js'
import { column } from './syntax.js'

/** A keyed stream named directly. */
export function streamLookup(pipe: Pipe, stream: StreamObject, table: NamedTable): Lookup {
  const { store } = pipe.deps
  const alias = table.alias ?? table.name.name
  return {
    alias,
    columns: store.current(stream).columns,
    described: currentRows(stream),
    versionColumn: versionColumn(stream),
    hasArrival: true,
    unique: stream.primaryKey,
    current: async () => rawTable(withArrival(store.current(stream)), alias),
  }
}

/** A subquery over one keyed stream, without aggregation: evaluated over the current rows. */
export async function subqueryLookup(
  pipe: Pipe,
  stream: StreamObject,
  table: SubqueryTable,
): Promise<Lookup> {
  const { store } = pipe.deps
  const alias = table.alias ?? '__tp_right'
  const { columns } = await pipe.describe(table.query)
  const arriving = exposeArrival(table.query)
  const overCurrent = async (): Promise<TableExpr> => {
    const query = await bindLeaves(arriving ?? table.query, async (leaf, leftmost) =>
      leftmost && leaf.kind === 'table'
        ? rawTable(withArrival(store.current(stream)), leaf.alias ?? leaf.name.name)
        : boundedLeaf(leaf, pipe),
    )
    return { ...table, alias, query }
  }
  return {
    alias,
    columns: columns.map((c) => c.name),
    described: currentRows(stream),
    versionColumn: keptVersion(stream, table.query),
    hasArrival: arriving !== undefined,
    current: overCurrent,
  }
}

/** A dictionary is asked anew for each batch: it follows its source. */
export function dictionaryLookup(dictionary: DictionaryObject, alias: string): Lookup {
  const relation = dictionaryRelation(dictionary)
  return {
    alias,
    columns: relation.columns,
    described: `ReadFromStorage (${dictionary.name.database}.${dictionary.name.name}: dictionary)`,
    hasArrival: false,
    current: async () => rawTable(relation, alias),
  }
}

/** `table(s)` or a bounded subquery: read once when the query starts, as Proton loads its hash table. */
export async function staticLookup(pipe: Pipe, query: Query, alias: string): Promise<Lookup> {
  const { translated, columns } = await pipe.describe(query)
  const list = columns.map((c) => `${quoteIdentifier(c.name)} ${c.chType}`).join(', ')
  const table = await pipe.table(
    `table_${pipe.nextOperator()}`,
    `(${list}) ENGINE = MergeTree ORDER BY tuple()`,
    { derived: true },
  )
  await pipe.deps.chdb.run(`TRUNCATE TABLE ${table}`, { format: 'Null' })
  const names = columns.map((c) => c.name)
  if (!pipe.dry) await pipe.deps.chdb.insertSelect({ table, columns: names, select: translated.sql })
  await pipe.endBatch()
  return {
    alias,
    columns: names,
    described: 'ReadFromStorage (stored rows, read when the query starts)',
    hasArrival: false,
    current: async () => rawTable({ sql: table, columns: names }, alias),
  }
}

/** A changelog: its rows in force. */
export function liveLookup(side: LiveSide): Lookup {
  const { rows, live } = side
  return {
    alias: rows.relations[0]!.alias!,
    columns: rows.names,
    described: 'ReadFromStorage (rows in force)',
    hasArrival: false,
    operators: [side],
    prepare: async (batch) => void (await side.step(batch)),
    current: async () => rows.table(live.current().sql),
  }
}

function currentRows({ name, mode }: StreamObject): string {
  return `ReadFromStorage (${name.database}.${name.name}: ${mode}, current rows)`
}

function withArrival(relation: Relation): Relation {
  return { ...relation, sql: `(SELECT *, _tp_sn AS ${ARRIVAL} FROM ${relation.sql})` }
}

/** The query with the order of arrival as a further column; undefined where a row has no such order. */
function exposeArrival(query: Query): Query | undefined {
  if (query.kind === 'union' || query.distinct || query.groupBy || query.limitBy || query.limit)
    return undefined
  const { from } = query
  if (from?.kind === 'table') return add(query)
  if (from?.kind !== 'subquery_table') return undefined
  const inner = exposeArrival(from.query)
  return inner && add({ ...query, from: { ...from, query: inner } })
}

function add(select: Select): Select {
  return { ...select, columns: [...select.columns, column(ARRIVAL)] }
}

/**
 * The version column, where a subquery shows it as it is and leaves whole keys out, never single versions: the current
 * row of each key is the largest of its rows then.
 */
function keptVersion(stream: StreamObject, query: Query): string | undefined {
  const name = versionColumn(stream)
  if (name === undefined || query.kind === 'union' || query.from?.kind !== 'table') return undefined
  const asItIs = query.columns.some((item) => item.kind === 'column' && item.path.at(-1) === name)
  const renamed = query.columns.some((item) => item.kind === 'alias') || query.with.length > 0
  if (!asItIs || renamed || query.prewhere) return undefined
  const named = query.where ? namesInExpressions([query.where]) : new Set<string>()
  const others = stream.columns.filter((c) => !stream.primaryKey.includes(c.name)).map((c) => c.name)
  return named && !others.some((other) => named.has(other)) && isPlain(query.where) ? name : undefined
}

/** Nothing but comparisons with constants. */
function isPlain(expr: Expr | undefined): boolean {
  if (!expr) return true
  switch (expr.kind) {
    case 'column':
    case 'literal':
      return true
    case 'binary':
      return isPlain(expr.left) && isPlain(expr.right)
    case 'unary':
      return isPlain(expr.expr)
    case 'tuple':
      return expr.items.every(isPlain)
    case 'in':
      return isPlain(expr.expr) && isPlain(expr.list)
    default:
      return false
  }
}

/** What decides which of a key's rows is the current one. */
function versionColumn(stream: StreamObject): string | undefined {
  if (stream.mode === 'changelog_kv') return undefined
  return stream.versionColumn ?? (stream.mode === 'versioned_kv' ? '_tp_time' : undefined)
}
