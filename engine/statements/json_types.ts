import type { Query } from '../../dialect/ast.js'
import { fromClickHouseType, printType } from '../../dialect/index.js'
import { quoteIdentifier as id, quoteString } from '../chdb/pool.js'
import type { Chdb, OutputColumn, QueryContext, StreamingQuery } from '../contracts.js'
import type { StatementDeps } from './deps.js'

/** Rows that a streaming query's types are taken from. */
const SAMPLE_ROWS = 10_000

/** A result whose columns have no type in the store: paths of json columns. */
export function hasUntyped(columns: OutputColumn[]): boolean {
  const names = new Set(columns.map((column) => column.name))
  return names.size === columns.length && columns.some(isUntyped)
}

const isUntyped = (column: OutputColumn) => column.chType === 'Dynamic'

/** A bounded result with the types that its values have: what Proton takes a json column's paths to be. */
export async function typedRows(
  sql: string,
  columns: OutputColumn[],
  chdb: Chdb,
): Promise<{ sql: string; columns: OutputColumn[] }> {
  const typed = await typesOf(sql, columns, chdb)
  return { sql: castTo(sql, columns, typed), columns: typed }
}

/** The same for a streaming result: by the rows that stand in its sources when it starts. */
export async function typedStream(
  streaming: StreamingQuery,
  query: Query,
  context: QueryContext,
  deps: StatementDeps,
): Promise<StreamingQuery> {
  const { columns } = streaming
  const plan = await deps.planner.plan({ ...query, format: undefined }, { ...context, tableMode: true })
  try {
    const typed = await typesOf(`SELECT * FROM (${plan.sql}) LIMIT ${SAMPLE_ROWS}`, columns, deps.chdb)
    return {
      columns: typed,
      emissions: casting(streaming.emissions, columns, typed),
      cancel: (reason) => streaming.cancel(reason),
    }
  } finally {
    await plan.release()
  }
}

async function* casting(
  emissions: StreamingQuery['emissions'],
  from: OutputColumn[],
  to: OutputColumn[],
): AsyncIterable<{ sql: string }> {
  for await (const { sql } of emissions) yield { sql: castTo(sql, from, to) }
}

async function typesOf(sql: string, columns: OutputColumn[], chdb: Chdb): Promise<OutputColumn[]> {
  const untyped = columns.filter(isUntyped)
  const facts = untyped.map(({ name }) => {
    const value = id(name)
    const wide = `dynamicElement(${value}, 'Int64')`
    return `(groupUniqArray(dynamicType(${value})), toString(min(${wide})), toString(max(${wide})))`
  })
  const [row] = await chdb.rows<[types: string[], least: string | null, most: string | null][]>(
    `SELECT ${facts.join(', ')} FROM (${sql})`,
  )
  return columns.map((column) => {
    const [types, least, most] = row![untyped.indexOf(column)] ?? [[], null, null]
    const chType = common(
      types.filter((type) => type !== 'None'),
      Number(least),
      Number(most),
    )
    return chType === undefined ? column : { ...column, chType, type: printType(fromClickHouseType(chType)) }
  })
}

/** The one type for all values; undefined where there are none, or where the column has a type already. */
function common(types: string[], least: number, most: number): string | undefined {
  if (types.length === 0) return undefined
  if (types.length === 1) return types[0] === 'Int64' ? narrowest(least, most) : types[0]!
  return types.every((type) => type === 'Int64' || type === 'Float64') ? 'Float64' : 'String'
}

function narrowest(least: number, most: number): string {
  const bits = [8, 16, 32].find((width) => least >= -(2 ** (width - 1)) && most < 2 ** (width - 1))
  return `Int${bits ?? 64}`
}

/** What has no value gets its type's default, as everywhere in Proton. */
function castTo(sql: string, from: OutputColumn[], to: OutputColumn[]): string {
  const list = from.map((column, i) => {
    const name = id(column.name)
    const type = to[i]!.chType
    if (!isUntyped(column) || type === 'Dynamic') return name
    const target = quoteString(/^(?:Array|Map|Tuple)\(/.test(type) ? type : `Nullable(${type})`)
    return `assumeNotNull(CAST(${name}, ${target})) AS ${name}`
  })
  return `SELECT ${list.join(', ')} FROM (${sql})`
}
