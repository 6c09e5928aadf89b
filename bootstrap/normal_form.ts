import {
  type CreateStream,
  canonicalType,
  type Edition,
  type Expr,
  parseStatement,
  printExpr,
  printStatement,
  type QualifiedName,
  quoteName,
  rewrite,
  type Setting,
  type Statement,
} from '../dialect/index.js'
import { bare } from './statements.js'

/**
 * The meaning of a text, for comparing: read and printed by this version, whatever version or engine wrote it.
 * A text that this parser cannot read stands for itself.
 */
export function meaningOf(sql: string, edition: Edition): string {
  try {
    return printStatement(bare(parseStatement(sql)), { edition })
  } catch {
    return sql
  }
}

/** What an engine shows of an object, without what it added on its own account; undefined where it cannot be read. */
export function normalForm(shown: string, database: string): Statement | undefined {
  try {
    return normalized(parseStatement(shown), database)
  } catch {
    return undefined
  }
}

/** The same, laid out for people; as the engine has it where it cannot be read. */
export function normalText(shown: string, database: string): string {
  const statement = normalForm(shown, database)
  return statement ? printStatement(statement, { pretty: true }) : shown
}

/** True if both texts of an engine say the same, however each of them is laid out. */
export function sameShown(one: string, other: string, database: string): boolean {
  return one === other || normalText(one, database) === normalText(other, database)
}

/**
 * A statement in a form in which what a project says and what an engine makes of it are equal: names without the
 * database they are in anyway, no reserved columns and indexes, no defaults, settings by name.
 */
export function normalized(given: Statement, database: string): Statement {
  const own = (name: QualifiedName): QualifiedName =>
    name.database === database ? { name: name.name } : { ...name, span: undefined }
  const statement = rewrite(bare(given), {
    table: (node) => (node.kind === 'table' ? { ...node, name: own(node.name) } : node),
    expr: (node) =>
      node.kind === 'column' && node.path.length > 2 && node.path[0] === database
        ? { ...node, path: node.path.slice(1) }
        : node,
  })
  switch (statement.kind) {
    case 'create_stream':
      return normalStream({ ...statement, name: own(statement.name) })
    case 'create_external_stream':
    case 'create_external_table':
    case 'create_random_stream':
      return {
        ...statement,
        name: own(statement.name),
        columns: ownColumns(statement.columns),
        settings: sorted(statement.settings),
      }
    case 'create_view': {
      // The columns are the query's: engines write them down, authors do not.
      return { ...statement, name: own(statement.name), columns: undefined }
    }
    case 'create_materialized_view':
      return {
        ...statement,
        name: own(statement.name),
        into: statement.into && own(statement.into),
        columns: undefined,
      }
    case 'create_task':
      return { ...statement, name: own(statement.name), into: own(statement.into) }
    case 'access':
      return { ...statement, text: statement.text.replaceAll(` ON ${quoteName(database)}.`, ' ON ') }
    case 'create_alert':
    case 'create_dictionary':
      return { ...statement, name: own(statement.name) }
    default:
      return statement
  }
}

function ownColumns<T extends CreateStream['columns'][number]>(columns: T[]): T[] {
  return columns
    .filter(({ name, default: value }) => !isReserved(name, value?.expr))
    .map((column) => (column.type ? { ...column, type: canonicalType(column.type) } : column))
}

/** `_tp_time` as every stream has it; a declared one with a rule of its own stays. */
function isReserved(name: string, value: Expr | undefined): boolean {
  if (name === '_tp_delta') return true
  return name === '_tp_time' && (value === undefined || /^now64\(/.test(printExpr(value)))
}

const DEFAULT_PARTITION = 'to_YYYYMMDD(_tp_time)'
const DEFAULT_ORDER = 'to_start_of_hour(_tp_time)'
const DEFAULT_SETTINGS: Record<string, string> = { index_granularity: '8192', mode: 'append', shards: '1' }

function normalStream(stream: CreateStream): CreateStream {
  const text = (expr: Expr | undefined) => expr && printExpr(expr)
  const key = text(stream.primaryKey)
  const settings = [...stream.settings, ...engineSettings(stream.engine)].filter(
    ({ name, value }, at, all) =>
      DEFAULT_SETTINGS[name] !== valueText(value) &&
      !(name === 'sharding_expr' && isDefaultSharding(valueText(value), key)) &&
      all.findIndex((other) => other.name === name) === at,
  )
  const unlessDefault = (expr: Expr | undefined, usual: (string | undefined)[]) =>
    usual.includes(text(expr)) ? undefined : expr
  return {
    ...stream,
    columns: ownColumns(stream.columns),
    indexes: stream.indexes.filter(({ name }) => !/^_tp_(time|sn)_index$/.test(name)),
    engine: undefined,
    partitionBy: unlessDefault(stream.partitionBy, [DEFAULT_PARTITION]),
    orderBy: unlessDefault(stream.orderBy, [DEFAULT_ORDER, key]),
    settings: sorted(settings),
  }
}

/** `Stream(3, 1, weak_hash32(k))`: shards, replicas and how rows are spread. */
function engineSettings(engine: Expr | undefined): Setting[] {
  if (engine?.kind !== 'call' || !/^(Mutable)?Stream$/i.test(engine.name)) return []
  const [shards, , sharding] = engine.args as Expr[]
  const found: Setting[] = []
  if (shards) found.push({ name: 'shards', value: shards })
  if (sharding)
    found.push({
      name: 'sharding_expr',
      value: { kind: 'literal', type: 'string', value: printExpr(sharding) },
    })
  return found
}

function isDefaultSharding(text: string, key: string | undefined): boolean {
  return (
    text === 'rand()' || (key !== undefined && text === `weak_hash32(${key.replace(/^\((.*)\)$/, '$1')})`)
  )
}

/** The value of a setting as a word: engines print `'3'` as `3`. */
export function valueText(value: Expr): string {
  if (value.kind !== 'literal') return printExpr(value)
  return value.type === 'string' ? value.value : printExpr(value)
}

function sorted(settings: Setting[]): Setting[] {
  return settings
    .map(
      ({ name, value }): Setting => ({
        name,
        value: { kind: 'literal', type: 'string', value: valueText(value) },
      }),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

/** A text of this project or its ledger, laid out for people. */
export function laidOut(sql: string): string {
  try {
    return printStatement(parseStatement(sql), { pretty: true })
  } catch {
    return sql
  }
}
