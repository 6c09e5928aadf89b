import type { Expr, Insert, Query, Select } from '../../dialect/ast.js'
import { parseStatement, parseType } from '../../dialect/index.js'
import { protobufSettings } from '../catalog/format_schemas.js'
import type {
  ExternalStreamObject,
  QueryContext,
  RowSource,
  StatementResult,
  StreamObject,
} from '../contracts.js'
import { EngineError } from '../errors.js'
import { writableColumns } from '../storage/tables.js'
import { type StatementDeps, settingsText } from './deps.js'
import { notSupported, sqlError } from './errors.js'
import { storeLimits } from './limits.js'
import { literalRow } from './literals.js'

export type InsertTarget = StreamObject | ExternalStreamObject

/** Input formats, lower-case → the store's name. Those that need a schema file or read settings from disk are left out. */
const INPUT_FORMATS = new Map(
  `TabSeparated TSV TabSeparatedRaw TSVRaw TabSeparatedWithNames TSVWithNames TabSeparatedWithNamesAndTypes
   TSVWithNamesAndTypes TSVRawWithNames TSVRawWithNamesAndTypes TabSeparatedRawWithNames
   TabSeparatedRawWithNamesAndTypes CSV CSVWithNames CSVWithNamesAndTypes CustomSeparated CustomSeparatedWithNames
   CustomSeparatedWithNamesAndTypes JSONEachRow JSONStringsEachRow JSONCompactEachRow JSONCompactEachRowWithNames
   JSONCompactEachRowWithNamesAndTypes JSONCompactStringsEachRow JSONCompactStringsEachRowWithNames
   JSONCompactStringsEachRowWithNamesAndTypes Protobuf ProtobufSingle JSONColumns JSONCompactColumns JSONAsString JSONAsObject LineAsString
   RawBLOB TSKV RowBinary RowBinaryWithNames RowBinaryWithNamesAndTypes Native Parquet Arrow ArrowStream ORC Avro
   MsgPack BSONEachRow JSON JSONCompact Values Regexp`
    .split(/\s+/)
    .map((name) => [name.toLowerCase(), name]),
)

/** Settings of the request or statement that say how data is to be read. */
const READ_SETTING =
  /^(?:input_format_|date_time_input_format$|format_(?:csv|tsv|custom|regexp)_(?!.*(?:file|path)))/

/** `INSERT INTO …` in all its forms. `data` is what stands behind FORMAT or in the request's body. */
export async function insert(
  statement: Insert,
  context: QueryContext,
  deps: StatementDeps,
  data: Uint8Array | undefined,
): Promise<StatementResult> {
  if ('kind' in statement.into) throw notSupported('INSERT INTO a table function')
  const target = insertTarget(statement, context, deps)
  const columns = insertColumns(statement, target)
  const settings = { ...context.settings, ...settingsText(statement.settings) }
  const source = statement.source
  switch (source.kind) {
    case 'values':
      await write(target, await valueRows(source.rows, columns, target, context, deps), settings, deps)
      return { kind: 'done' }
    case 'query':
      return insertQuery(source.query, columns, target, { ...context, settings }, deps)
    case 'format':
      await insertData(
        source.format,
        data ?? new Uint8Array(),
        columns,
        target,
        { ...context, settings },
        deps,
      )
      return { kind: 'done' }
    case 'none':
      if (data === undefined)
        throw new EngineError('INCORRECT_QUERY', 'No data to insert: nothing follows the column list')
      await insertData('Values', data, columns, target, { ...context, settings }, deps)
      return { kind: 'done' }
    case 'infile':
      throw notSupported('INSERT … FROM INFILE')
  }
}

function insertTarget(statement: Insert, context: QueryContext, deps: StatementDeps): InsertTarget {
  if ('kind' in statement.into) throw notSupported('INSERT INTO a table function')
  const object = deps.catalog.require(statement.into, context.database)
  if (object.kind === 'stream' || object.kind === 'external_stream') return object
  if (object.kind === 'materialized_view') {
    const target = deps.catalog.require(object.target)
    if (target.kind === 'stream') return target
  }
  throw notSupported(`INSERT INTO a ${object.kind.replace('_', ' ')}`)
}

function insertColumns(statement: Insert, target: InsertTarget): string[] {
  const writable = target.kind === 'stream' ? writableColumns(target) : target.columns
  const all = writable
    .filter((column) => column.default?.kind !== 'materialized')
    .map((column) => column.name)
  if (!statement.columns) return all
  const names: string[] = []
  for (const item of statement.columns) {
    if (typeof item === 'string') names.push(item)
    else names.push(...all.filter((name) => !item.except?.includes(name)))
  }
  for (const name of names) {
    if (!all.includes(name)) {
      throw new EngineError(
        'NO_SUCH_COLUMN_IN_STREAM',
        `No such column ${name} in stream ${target.name.database}.${target.name.name} (${target.uuid})`,
      )
    }
  }
  const repeated = names.find((name, i) => names.indexOf(name) !== i)
  if (repeated !== undefined) {
    throw EngineError.withCode(15, 'DUPLICATE_COLUMN', `Column ${repeated} specified more than once`)
  }
  return names
}

async function insertData(
  formatName: string,
  data: Uint8Array,
  columns: string[],
  target: InsertTarget,
  context: QueryContext,
  deps: StatementDeps,
): Promise<void> {
  const format = INPUT_FORMATS.get(formatName.toLowerCase())
  if (format === undefined) throw new EngineError('UNKNOWN_FORMAT', `Unknown format ${formatName}`)
  if (format === 'Values') {
    // Values may be expressions: they go through our parser, never to the store as they are.
    const rows = parseValues(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'))
    await write(target, await valueRows(rows, columns, target, context, deps), context.settings, deps)
    return
  }
  const settings = Object.fromEntries(
    Object.entries(context.settings).filter(([name]) => READ_SETTING.test(name)),
  )
  if (format.startsWith('Protobuf'))
    Object.assign(settings, protobufSettings(context.settings.format_schema, deps.schemas))
  await write(
    target,
    { kind: 'data', format, data: leadingBlankRemoved(format, data), columns, settings },
    context.settings,
    deps,
  )
}

/** One blank or line end stands between the format's name and the data; in binary formats it is no data. */
function leadingBlankRemoved(format: string, data: Uint8Array): Uint8Array {
  if (/^(?:LineAsString|RawBLOB|Regexp|Protobuf.*)$/.test(format)) return data
  let start = 0
  while (start < data.length && (data[start] === 32 || data[start] === 9 || data[start] === 13)) start++
  if (data[start] === 10) start++
  return start === 0 || (/^(?:TSV|TabSeparated|TSKV)/.test(format) && data[start - 1] !== 10)
    ? data
    : data.subarray(start)
}

function parseValues(text: string): Expr[][] {
  if (text.trim() === '') return []
  try {
    const statement = parseStatement(`INSERT INTO x VALUES ${text}`)
    if (statement.kind === 'insert' && statement.source.kind === 'values') return statement.source.rows
  } catch (cause) {
    throw sqlError(cause)
  }
  throw new EngineError('SYNTAX_ERROR', 'Cannot parse the rows behind VALUES')
}

/** Rows of literals are read by the store's Values parser, rows with expressions are planned. */
async function valueRows(
  rows: Expr[][],
  columns: string[],
  target: InsertTarget,
  context: QueryContext,
  deps: StatementDeps,
): Promise<RowSource> {
  for (const row of rows) {
    if (row.length !== columns.length) {
      throw EngineError.withCode(
        20,
        'NUMBER_OF_COLUMNS_DOESNT_MATCH',
        `A row of VALUES has ${row.length} values, the column list ${columns.length}`,
      )
    }
  }
  const literals = rows.map(literalRow)
  if (literals.every((row) => row !== undefined)) {
    const data = Buffer.from(literals.join(','))
    return { kind: 'data', format: 'Values', data, columns, count: rows.length }
  }
  const types = columns.map((name) => target.columns.find((column) => column.name === name)!.type)
  const arms = rows.map((row, place): Select => {
    const cells = row.map(
      (expr, i): Expr => ({
        kind: 'alias',
        name: columns[i]!,
        expr: { kind: 'cast', expr, type: parseType(types[i]!) },
      }),
    )
    return { kind: 'select', with: [], columns: rows.length > 1 ? [...cells, placeOf(place)] : cells }
  })
  const query: Query =
    arms.length === 1
      ? arms[0]!
      : { kind: 'union', arms, operators: arms.slice(1).map(() => 'union_all' as const) }
  const plan = await deps.planner.plan(query, { ...context, tableMode: true })
  await plan.release()
  if (arms.length === 1) return { kind: 'select', select: plan.sql, columns }
  // The store reads the arms in any order.
  const sorted = `SELECT * EXCEPT (${PLACE}) FROM (${plan.sql}) ORDER BY ${PLACE}`
  return { kind: 'select', select: sorted, columns }
}

/** The column that tells which row of VALUES a row is. */
const PLACE = '__tp_place'

function placeOf(row: number): Expr {
  return { kind: 'alias', name: PLACE, expr: { kind: 'literal', type: 'number', text: String(row) } }
}

/** A bounded query is one append; an unbounded one appends each emission until it is killed or its LIMIT is reached. */
async function insertQuery(
  query: Query,
  columns: string[],
  target: InsertTarget,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StatementResult> {
  const settings = { ...context.settings, ...settingsText(query.settings) }
  const inner = { ...context, settings, tableMode: context.tableMode || settings.query_mode === 'table' }
  const check = (width: number) => {
    if (width === columns.length) return
    throw EngineError.withCode(
      20,
      'NUMBER_OF_COLUMNS_DOESNT_MATCH',
      `The SELECT has ${width} columns, the INSERT ${columns.length}`,
    )
  }
  if (deps.runtime.isStreaming(query, inner)) {
    const running = await deps.runtime.start(query, inner)
    try {
      check(running.columns.length)
      for await (const { sql } of running.emissions) {
        context.signal.throwIfAborted()
        await write(target, { kind: 'select', select: sql, columns }, {}, deps)
      }
    } finally {
      await running.cancel()
    }
    return { kind: 'done' }
  }
  const plan = await deps.planner.plan(query, inner)
  try {
    check(plan.columns.length)
    await write(
      target,
      { kind: 'select', select: plan.sql, columns, settings: storeLimits(settings) },
      settings,
      deps,
      context,
    )
  } finally {
    await plan.release()
  }
  return { kind: 'done' }
}

/** Appends rows to a stream or sends them to an external one. `idempotent_id`: a repeated id is dropped. */
export async function write(
  target: InsertTarget,
  rows: RowSource,
  settings: Record<string, string>,
  deps: Pick<StatementDeps, 'store' | 'external'>,
  /** Whose write it is: what a kill ends. */
  by?: { queryId: string; signal: AbortSignal },
): Promise<number> {
  if (target.kind === 'external_stream') return (await deps.external.write(target, rows)).rows
  const id = settings.idempotent_id
  const result = await deps.store.append(target, rows, {
    ...(id ? { token: `idempotent:${id}` } : {}),
    ...(by === undefined ? {} : { tag: by.queryId, signal: by.signal }),
  })
  return result.rows
}
