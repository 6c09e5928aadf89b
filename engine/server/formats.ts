/**
 * Output formats: which there are, how HTTP announces them, and which parts of their text name types and so
 * have to be written by us rather than by the store. The set is that of a 1.6.1 server, less what the store lacks.
 */
import { EngineError } from '../errors.js'

/** Where a format names columns or types. */
export type Layout =
  /** Rows only; with a header line of names, or of names and types. */
  | 'rows'
  /** A document whose meta part names types. */
  | 'json'
  | 'xml'
  /** Self-contained per result; no types in it. */
  | 'block'
  /** A table that we draw ourselves. */
  | 'pretty'
  /** Rows separated by commas, without line ends. */
  | 'values'
  /** Bytes that carry the store's own types. */
  | 'binary'

export interface OutputFormat {
  name: string
  /** The store's format that prints the body. */
  base: string
  layout: Layout
  header: 'none' | 'names' | 'names_types'
  contentType: string
  /** Whether parts printed one after the other make one result; what cannot be stitched is printed at once. */
  stitched: boolean
}

/** Formats with an opening or closing of their own that we do not take apart. */
const WHOLE =
  /^(?:JSONColumns|JSONCompactColumns|JSONColumnsWithMetadata|Vertical|Markdown|RowBinaryWith\w+|Parquet|Arrow|ArrowStream|ORC|Avro|Protobuf\w*)$/

const TSV = 'text/tab-separated-values; charset=UTF-8'
const CSV = 'text/csv; charset=UTF-8; header='
const PLAIN = 'text/plain; charset=UTF-8'
const JSON_TYPE = 'application/json; charset=UTF-8'
const NDJSON = 'application/x-ndjson; charset=UTF-8'
const BYTES = 'application/octet-stream'

const FORMATS = new Map<string, OutputFormat>()

function add(
  name: string,
  base: string,
  layout: Layout,
  contentType: string,
  header: OutputFormat['header'] = 'none',
) {
  FORMATS.set(name.toLowerCase(), { name, base, layout, header, contentType, stitched: !WHOLE.test(name) })
}

/** A family of a row format: plain, `WithNames`, `WithNamesAndTypes`. */
function addFamily(name: string, base: string, contentType: (named: boolean) => string) {
  add(name, base, 'rows', contentType(false))
  add(`${name}WithNames`, base, 'rows', contentType(true), 'names')
  add(`${name}WithNamesAndTypes`, base, 'rows', contentType(true), 'names_types')
}

for (const name of ['TabSeparated', 'TSV']) addFamily(name, 'TabSeparated', () => TSV)
for (const name of ['TabSeparatedRaw', 'TSVRaw']) addFamily(name, 'TabSeparatedRaw', () => TSV)
addFamily('CSV', 'CSV', (named) => `${CSV}${named ? 'present' : 'absent'}`)
addFamily('CustomSeparated', 'CustomSeparated', () => PLAIN)
addFamily('JSONCompactEachRow', 'JSONCompactEachRow', () => PLAIN)
addFamily('JSONCompactStringsEachRow', 'JSONCompactStringsEachRow', () => PLAIN)
addFamily('LineAsString', 'LineAsString', () => PLAIN)
add('JSONEachRow', 'JSONEachRow', 'rows', NDJSON)
add('JSONStringsEachRow', 'JSONStringsEachRow', 'rows', NDJSON)
add('TSKV', 'TSKV', 'rows', TSV)
for (const name of ['JSON', 'JSONCompact', 'JSONStrings', 'JSONCompactStrings']) {
  add(name, name, 'json', JSON_TYPE)
}
add('JSONColumnsWithMetadata', 'JSONColumnsWithMetadata', 'block', JSON_TYPE)
add('JSONColumns', 'JSONColumns', 'block', JSON_TYPE)
add('JSONCompactColumns', 'JSONCompactColumns', 'block', JSON_TYPE)
add('XML', 'XML', 'xml', 'application/xml; charset=UTF-8')
for (const name of [
  'Pretty',
  'PrettyCompact',
  'PrettyCompactMonoBlock',
  'PrettyCompactNoEscapes',
  'PrettyNoEscapes',
  'PrettySpace',
  'PrettySpaceNoEscapes',
]) {
  add(name, 'JSONCompactStringsEachRow', 'pretty', PLAIN)
}
for (const name of ['Vertical', 'Markdown', 'Null']) add(name, name, 'block', PLAIN)
add('Values', 'Values', 'values', PLAIN)
for (const name of [
  'RawBLOB',
  'RowBinary',
  'RowBinaryWithNames',
  'RowBinaryWithNamesAndTypes',
  'Native',
  'Parquet',
  'Arrow',
  'ArrowStream',
  'ORC',
  'Avro',
  'MsgPack',
  'Protobuf',
  'ProtobufSingle',
]) {
  add(name, name, 'binary', BYTES)
}

/** Throws UNKNOWN_FORMAT (73). Names are case-insensitive, as in 1.6. */
export function outputFormat(name: string): OutputFormat {
  const format = FORMATS.get(name.toLowerCase())
  if (!format) throw new EngineError('UNKNOWN_FORMAT', `Unknown format ${name}`)
  return format
}

/** How every text format is printed, unless a query says otherwise: as 1.6.1 prints. */
export function printSettings(format: OutputFormat): Record<string, string | number> {
  return {
    output_format_json_quote_64bit_integers: 1,
    output_format_json_pretty_print: 0,
    output_format_pretty_color: format.name === 'Vertical' ? 0 : 1,
    output_format_pretty_row_numbers: 0,
    output_format_pretty_highlight_digit_groups: 0,
    output_format_pretty_highlight_trailing_spaces: 0,
    output_format_pretty_single_large_number_tip_threshold: 0,
    output_format_pretty_display_footer_column_names: 0,
    output_format_pretty_fallback_to_vertical: 0,
  }
}
