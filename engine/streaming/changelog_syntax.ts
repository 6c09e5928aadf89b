import type { Select, TableExpr, TableFunction } from '../../dialect/ast.js'
import { EngineError } from '../errors.js'
import { DELTA, type Source } from './operator.js'

/** `changelog(src[, key…[, version]][, drop_late])`. Throws 36 and 42. */
export function changelogArguments(table: TableFunction): { columns: string[]; dropsLate: boolean } {
  const given = table.args.slice(1)
  const last = given.at(-1)
  const flag = last?.kind === 'literal' ? last : undefined
  if (flag && flag.type !== 'bool') throw wrongArguments('BAD_ARGUMENTS')
  const columns = (flag ? given.slice(0, -1) : given).map((arg) => {
    if (arg.kind !== 'column' || arg.path.length > 1) throw wrongArguments('BAD_ARGUMENTS')
    return arg.path[0]!
  })
  return { columns, dropsLate: flag?.value === true }
}

export function wrongChangelogArguments(): EngineError {
  return wrongArguments('NUMBER_OF_ARGUMENTS_DOESNT_MATCH')
}

function wrongArguments(code: 'BAD_ARGUMENTS' | 'NUMBER_OF_ARGUMENTS_DOESNT_MATCH'): EngineError {
  return new EngineError(
    code,
    "Function 'changelog' is used as changelog(versioned_kv[, drop_late_rows]) or " +
      'changelog(stream, key_col1[, key_col2, …][, version_column][, drop_late_rows]), where dropping late rows needs a version column',
  )
}

export function missingDelta(): EngineError {
  return new EngineError(
    'INCORRECT_QUERY',
    'The query with changelog output requires selecting the `_tp_delta` column explicitly',
  )
}

/** Whether a SELECT shows `_tp_delta` of its FROM, by name or by an asterisk. */
export function selectsDelta(select: Select, source: Source): boolean {
  const starred = showsDelta(source.sample())
  return select.columns.some((item) => {
    if (item.kind === 'alias') return item.name === DELTA.name
    if (item.kind === 'star')
      return starred && !item.except?.includes(DELTA.name) && item.pattern === undefined
    return item.kind === 'column' && item.path.at(-1) === DELTA.name
  })
}

function showsDelta(table: TableExpr): boolean {
  if (table.kind === 'array_join') return showsDelta(table.left)
  if (table.kind !== 'raw_table') return false
  const relations = table.relations ?? [table]
  return relations.some(({ columns }) => columns.includes(DELTA.name))
}
