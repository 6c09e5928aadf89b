import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { RowSource, StreamObject } from '../contracts.js'
import { EngineError } from '../errors.js'
import { ROW_NUMBER } from './row_number.js'
import { columnDefinition } from './tables.js'

/** Settings under which data of clients is read. A request may add to them. */
const READ_SETTINGS = {
  date_time_input_format: 'best_effort',
  input_format_null_as_default: 1,
  input_format_defaults_for_omitted_fields: 1,
  input_format_skip_unknown_fields: 1,
  input_format_parallel_parsing: 1,
} as const

/** Rows of VALUES are printed from literals of our own tree: what is no plain number or string may be read as an expression. */
const VALUES_SETTINGS = {
  input_format_values_interpret_expressions: 1,
  input_format_values_deduce_templates_of_expressions: 1,
} as const

/** What gives the rows, the stream's columns that it gives, and the settings it needs. */
export interface SelectSource {
  /** The rows as a SELECT with `ROW_NUMBER` as a further column, given as its expression. */
  select(number: string): string
  /** The same, as the texts before and after the expression; further columns may stand before it. */
  widened?: [before: string, after: string]
  columns: string[]
  settings: Record<string, string | number>
}

/**
 * Rows as a SELECT over the store. Data goes through the `format` table function with the stream's own
 * columns, so that fields left out of a record take the stream's defaults, also those that use other columns.
 */
export function asSelect(stream: StreamObject, rows: RowSource): SelectSource {
  if (rows.kind === 'select') {
    const { widened } = rows
    const list = rows.picked?.map(quoteIdentifier).join(', ') ?? '*'
    return {
      select: (number) =>
        widened
          ? `${widened[0]}${number}${widened[1]}`
          : `SELECT ${list}, ${number} AS ${ROW_NUMBER} FROM (${rows.select})`,
      widened,
      columns: rows.columns,
      settings: rows.settings ?? {},
    }
  }
  const named = new Set(rows.columns)
  const columns = stream.columns.filter((column) => named.has(column.name))
  // The order of the caller's list is the order of positional formats.
  const ordered = rows.columns.map((name) => {
    const column = columns.find((c) => c.name === name)
    if (!column)
      throw new EngineError(
        'NO_SUCH_COLUMN_IN_STREAM',
        `No such column ${name} in stream ${stream.name.database}.${stream.name.name} (${stream.uuid})`,
      )
    return column
  })
  const structure = ordered.map((column) => readableDefinition(column, named)).join(', ')
  const before = `SELECT ${rows.columns.map(quoteIdentifier).join(', ')}, `
  const after = ` AS ${ROW_NUMBER} FROM format(${quoteString(rows.format)}, ${quoteString(structure)}, ${dataLiteral(rows.data)})`
  return {
    select: (number) => `${before}${number}${after}`,
    widened: [before, after],
    columns: rows.columns,
    settings: { ...READ_SETTINGS, ...(rows.format === 'Values' ? VALUES_SETTINGS : {}), ...rows.settings },
  }
}

/** A default that needs a column outside the list cannot be evaluated while reading: the type's default stands in. */
function readableDefinition(column: StreamObject['columns'][number], named: Set<string>): string {
  const sql = column.default?.kind === 'default' ? column.default.chSql : undefined
  const usable = sql !== undefined && referencedColumns(sql).every((name) => named.has(name))
  return columnDefinition(usable ? column : { ...column, default: undefined })
}

/** Quoted identifiers of generated SQL: the planner quotes every column it writes. */
function referencedColumns(sql: string): string[] {
  const names: string[] = []
  for (const match of sql.matchAll(/'(?:[^'\\]|\\.)*'|`((?:[^`\\]|\\.)*)`/g)) {
    if (match[1] !== undefined) names.push(match[1].replace(/\\(.)/g, '$1'))
  }
  return names
}

/** Bytes as a literal of the store: a heredoc where they are text, base64 where they are not. */
export function dataLiteral(data: Uint8Array): string {
  const text = utf8(data)
  if (text === undefined || text.includes('\0')) {
    return `base64Decode('${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}')`
  }
  let tag = 'tp'
  while (text.includes(`$${tag}$`)) tag = `tp${tag.length}x${Math.random().toString(36).slice(2)}`
  return `$${tag}$${text}$${tag}$`
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function utf8(data: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(data)
  } catch {
    return undefined
  }
}
