import { quoteIdentifier as id } from '../../chdb/pool.js'
import type { Column, RowSource, StreamObject } from '../../contracts.js'
import { ROW_NUMBER } from '../row_number.js'
import type { SelectSource } from '../source.js'
import { isKeyed } from '../tables.js'

/**
 * How rows that are not in their table yet are written: RowBinary, the stream's columns as they are declared, then the
 * time of the append and the sequence number, which so is the last eight bytes of any number of rows.
 */
export interface HotShape {
  columns: { name: string; type: string; default?: string }[]
  /** For the table function `format`. */
  structure: string
}

/** Types whose values are in RowBinary what they are in a table. */
const PLAIN =
  /^(?:U?Int(?:8|16|32|64|128|256)|Float(?:32|64)|Bool|String|UUID|IPv[46]|Date(?:32)?|(?:FixedString|DateTime|DateTime64|Decimal\w*|Enum\w*|Nullable|LowCardinality|Array|Map|Tuple)\b.*|DateTime)$/
const NOT_PLAIN =
  /\b(?:JSON|Object|Dynamic|Variant|Nested|AggregateFunction|SimpleAggregateFunction|Nothing|Interval\w*)\b/

/**
 * Undefined for streams whose rows need more than a value for each column: those go into their tables at once. `declared`:
 * the columns as they are now; whoever reads or writes may still have the stream as it was.
 */
export function hotShape(stream: StreamObject, declared: readonly Column[]): HotShape | undefined {
  if (isKeyed(stream) || stream.shards > 1) return undefined
  const isPlain = ({ chType, default: value }: Column) =>
    PLAIN.test(chType) && !NOT_PLAIN.test(chType) && (value === undefined || value.kind === 'default')
  if (!declared.every(isPlain)) return undefined
  const columns = [
    ...declared.map(({ name, chType, default: value }) => ({ name, type: chType, default: value?.chSql })),
    { name: '_tp_append_time', type: "DateTime64(3, 'UTC')", default: NOW },
    { name: '_tp_sn', type: 'UInt64' },
  ]
  return { columns, structure: columns.map(({ name, type }) => `${id(name)} ${type}`).join(', ') }
}

/**
 * The rows of a source with all their columns, in the order of the shape; undefined where values would have to be
 * converted. `number`: the sequence number's expression.
 */
export function completeRows(
  shape: HotShape,
  rows: RowSource,
  source: SelectSource,
  number: string,
): string | undefined {
  const names = rows.kind === 'data' ? rows.columns : rows.picked
  if (!names) return undefined
  const given = new Map(rows.columns.map((name, i) => [name, i]))
  const types = rows.kind === 'select' ? rows.types : undefined
  if (rows.kind === 'select' && !types) return undefined
  const fits = shape.columns.every(({ name, type }) => {
    const i = given.get(name)
    return i === undefined || types === undefined || types[i] === type
  })
  if (!fits || given.has('_tp_sn') || given.has('_tp_append_time')) return undefined
  const rest = shape.columns.slice(given.size, -1)
  // One SELECT less where what is missing stands at the end and needs nothing of the rest.
  if (
    source.widened &&
    shape.columns.slice(0, given.size).every(({ name }, i) => given.get(name) === i) &&
    rest.every(({ default: value = '' }) => !value.includes('`'))
  ) {
    const filled = rest.map(({ type, default: value }, i) => `${missing(type, value)} AS __tp_${i}, `)
    return `${source.widened[0]}${filled.join('')}${number}${source.widened[1]}`
  }
  const list = shape.columns.slice(0, -1).map(({ name, type, default: value }) => {
    const i = given.get(name)
    return `${i === undefined ? missing(type, value) : `__r.${id(names[i]!)}`} AS ${id(name)}`
  })
  return `SELECT ${list.join(', ')}, __r.${id(ROW_NUMBER)} AS \`_tp_sn\` FROM (${source.select(number)}) AS __r`
}

/** What most columns that are left out are: it has its type already. */
const NOW = "now64(3, 'UTC')"

function missing(type: string, value: string | undefined): string {
  if (value === NOW && type === "DateTime64(3, 'UTC')") return value
  const text = `'${type.replace(/[\\']/g, '\\$&')}'`
  return value === undefined ? `defaultValueOfTypeName(${text})` : `CAST(${value}, ${text})`
}
