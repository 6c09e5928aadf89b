/** Rows that the engine itself knows (SHOW, DESCRIBE, system tables) as SELECTs over the store. */
import { parseType, toClickHouseType } from '../../dialect/index.js'
import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { OutputColumn, Relation, StatementResult } from '../contracts.js'
import { dataLiteral } from '../storage/source.js'

/** Name → Proton type. */
export type RowShape = Record<string, string>

function structureOf(shape: RowShape): OutputColumn[] {
  return Object.entries(shape).map(([name, type]) => ({
    name,
    type,
    chType: toClickHouseType(parseType(type)),
  }))
}

/** A relation with these rows, to stand in FROM. Cells are JSON values; 64-bit integers may be strings. */
export function jsonRelation(shape: RowShape, rows: unknown[][]): Relation {
  const columns = structureOf(shape)
  const structure = columns.map((column) => `${quoteIdentifier(column.name)} ${column.chType}`).join(', ')
  const data = Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n'))
  const names = columns.map((column) => quoteIdentifier(column.name)).join(', ')
  const source =
    rows.length === 0
      ? `null(${quoteString(structure)})`
      : `format(JSONCompactEachRow, ${quoteString(structure)}, ${dataLiteral(data)})`
  return { sql: `(SELECT ${names} FROM ${source})`, columns: columns.map((column) => column.name) }
}

/** The same as a statement's result. */
export function jsonResult(shape: RowShape, rows: unknown[][], format?: string): StatementResult {
  return {
    kind: 'rows',
    columns: structureOf(shape),
    sql: jsonRelation(shape, rows).sql.slice(1, -1),
    format,
    async release() {},
  }
}
