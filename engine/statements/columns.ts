/** Declared columns → the catalog's. */
import type { ColumnDef, Expr } from '../../dialect/ast.js'
import {
  fromClickHouseType,
  parseExpression,
  parseType,
  printExpr,
  printType,
  toClickHouseType,
} from '../../dialect/index.js'
import type { Column } from '../contracts.js'
import { EngineError } from '../errors.js'
import { type StatementDeps, storeExpr } from './deps.js'
import { sqlError } from './errors.js'

export const TP_TIME = '_tp_time'
const TIME_TYPE = "datetime64(3, 'UTC')"
const TIME_DEFAULT = "now64(3, 'UTC')"

/** The store's type in Proton's words. */
export function protonType(chType: string): string {
  return printType(fromClickHouseType(chType))
}

/** A type's canonical Proton text and its text for the store. Throws UNKNOWN_TYPE (50). */
export function columnType(type: ColumnDef['type']): { type: string; chType: string } {
  try {
    const chType = toClickHouseType(type!)
    return { type: protonType(chType), chType }
  } catch (cause) {
    const error = sqlError(cause)
    if (error.errorName !== 'UNKNOWN_EXCEPTION') throw error
    throw new EngineError('UNKNOWN_TYPE', `Unknown data type family: ${type!.name}`, { cause })
  }
}

export function defaultOf(
  kind: 'default' | 'alias' | 'materialized',
  expr: Expr,
  deps: StatementDeps,
): Column['default'] {
  return { kind, sql: printExpr(expr), chSql: storeExpr(expr, deps) }
}

/** Columns of a CREATE. Duplicate names: STREAM-level error 44, as the store reports them. */
export async function declaredColumns(defs: ColumnDef[], deps: StatementDeps): Promise<Column[]> {
  const columns: Column[] = []
  for (const def of defs) {
    if (columns.some((column) => column.name === def.name)) {
      throw new EngineError(
        'ILLEGAL_COLUMN',
        `Cannot add column ${def.name}: column with this name already exists`,
      )
    }
    columns.push(await declaredColumn(def, columns, deps))
  }
  return columns
}

export async function declaredColumn(def: ColumnDef, before: Column[], deps: StatementDeps): Promise<Column> {
  const kind = def.default?.kind === 'ephemeral' ? undefined : def.default?.kind
  if (def.default?.kind === 'ephemeral') {
    throw new EngineError('NOT_IMPLEMENTED', 'EPHEMERAL columns are not supported by the embedded engine')
  }
  if (def.autoIncrement) {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      'AUTO_INCREMENT columns are not supported by the embedded engine',
    )
  }
  const value = kind && def.default?.expr ? defaultOf(kind, def.default.expr, deps) : undefined
  if (!def.type && !value) {
    throw new EngineError('SYNTAX_ERROR', `Column ${def.name} has neither a type nor a default expression`)
  }
  const types = def.type ? columnType(def.type) : await typeOfDefault(value!.chSql, before, deps)
  return {
    name: def.name,
    ...types,
    ...(value ? { default: value } : {}),
    ...(def.comment === undefined ? {} : { comment: def.comment }),
    ...(def.codec ? { codec: def.codec.map((e) => printExpr(e)).join(', ') } : {}),
  }
}

async function typeOfDefault(chSql: string, before: Column[], deps: StatementDeps) {
  const values = before
    .filter((column) => column.default?.kind !== 'alias')
    .map(
      (column) =>
        `defaultValueOfTypeName('${column.chType.replace(/[\\']/g, '\\$&')}') AS \`${column.name.replace(/[\\`]/g, '\\$&')}\``,
    )
  const [column] = await deps.chdb.describe(
    `SELECT ${chSql} AS x${values.length > 0 ? ` FROM (SELECT ${values.join(', ')})` : ''}`,
  )
  return { type: protonType(column!.type), chType: column!.type }
}

/** `_tp_time` as every stream has it, from an event time expression or the clock. */
export function timeColumn(eventTime: string | undefined, deps: StatementDeps): Column {
  const chType = toClickHouseType(parseType(TIME_TYPE))
  if (eventTime === undefined || eventTime === TIME_DEFAULT) {
    return {
      name: TP_TIME,
      type: TIME_TYPE,
      chType,
      default: { kind: 'default', sql: TIME_DEFAULT, chSql: TIME_DEFAULT },
      codec: 'DoubleDelta, LZ4',
    }
  }
  const expr = parseExpression(eventTime)
  return { name: TP_TIME, type: TIME_TYPE, chType, default: defaultOf('default', expr, deps) }
}
