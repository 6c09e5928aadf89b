import type { Expr, Join, RawTable, TableExpr, TableFunction } from '../../../dialect/ast.js'
import { quoteIdentifier, quoteString } from '../../chdb/pool.js'
import { EngineError } from '../../errors.js'
import { exprText } from './expression.js'
import { queryText } from './query.js'
import type { Scope, Source } from './scope.js'
import { parseColumns } from './structure.js'

export interface From {
  sql: string
  sources: Source[]
  /** Columns of USING and ARRAY JOIN. */
  merged: ReadonlySet<string>
  /** SQL that orders the rows by arrival; of a join, by that of its left side. */
  arrival?: string
}

/**
 * A FROM clause. Leaves are raw tables, CTEs, subqueries and the table functions that touch nothing.
 * With `arrival` subqueries that keep their input's rows also hand on when those arrived.
 */
export function fromText(table: TableExpr, scope: Scope, arrival = false): From {
  return tableText(table, scope, { inJoin: false, unnamed: 0, arrival })
}

/** One object for a whole FROM clause. */
interface Place {
  inJoin: boolean
  unnamed: number
  arrival: boolean
}

function tableText(table: TableExpr, scope: Scope, place: Place): From {
  switch (table.kind) {
    case 'raw_table':
      if (table.relations) return joinedRows(table, table.relations, scope, place)
      return {
        ...leaf(table.sql, table, table.alias, table.columnAliases, place),
        arrival: table.columnAliases?.length ? undefined : rawArrival(table, scope),
      }
    case 'subquery_table': {
      const { sql, arrival, ...shown } = queryText(table.query, inside(scope), place.arrival)
      return {
        ...leaf(`(${sql})`, shown, table.alias, table.columnAliases, place),
        arrival: table.columnAliases?.length ? undefined : arrival,
      }
    }
    case 'table': {
      const { database, name } = table.name
      const shown = database === undefined ? scope.ctes.get(name) : undefined
      if (!shown) {
        throw new EngineError(
          'UNKNOWN_STREAM',
          `Stream ${database ?? scope.env.database ?? 'default'}.${name} doesn't exist`,
        )
      }
      return leaf(quoteIdentifier(name), shown, table.alias ?? name, table.columnAliases, place)
    }
    case 'table_function': {
      const { sql, columns } = tableFunctionText(table, scope)
      return leaf(sql, { columns }, table.alias, table.columnAliases, place)
    }
    case 'join':
      place.inJoin = true
      return joinText(table, scope, place)
    case 'array_join': {
      const left = tableText(table.left, scope, place)
      const inner = { ...scope, sources: left.sources, merged: left.merged }
      const joined = table.columns.map((column) => arrayColumn(column, inner))
      const keyword = table.outer ? 'LEFT ARRAY JOIN' : 'ARRAY JOIN'
      return {
        sql: `${left.sql} ${keyword} ${joined.map((j) => j.text).join(', ')}`,
        sources: left.sources,
        merged: new Set([...left.merged, ...joined.map((j) => j.name)]),
        arrival: left.arrival,
      }
    }
  }
}

function arrayColumn(column: Expr, scope: Scope): { text: string; name: string } {
  if (column.kind === 'alias') {
    const text = exprText(column.expr, { ...scope, defining: column.name })
    return { text: `${text} AS ${quoteIdentifier(column.name)}`, name: column.name }
  }
  const text = exprText(column, scope)
  return { text, name: column.kind === 'column' ? column.path.at(-1)! : text }
}

/** A join in one relation: its columns' names are what the store finds for `alias.column`. */
function joinedRows(
  table: RawTable,
  relations: NonNullable<RawTable['relations']>,
  scope: Scope,
  place: Place,
): From {
  const { sql } = leaf(table.sql, table, undefined, undefined, place)
  const sources = relations.map((relation) => ({ ...relation, strings: new Set(relation.strings) }))
  return { sql, sources, merged: new Set(), arrival: rawArrival(table, scope) }
}

/** Subqueries in FROM see CTEs and outer relations, not their siblings. */
function inside(scope: Scope): Scope {
  return { ...scope, aliases: new Set(), sources: [] }
}

function leaf(
  sql: string,
  { columns, strings }: { columns: readonly string[]; strings?: Iterable<string> },
  given: string | undefined,
  names: string[] | undefined,
  place: Place,
): From {
  // The store wants every side of a join named.
  const alias = given ?? (place.inJoin ? `_q${++place.unnamed}` : undefined)
  let text = sql
  let output = columns
  if (names && names.length > 0) {
    if (names.length > columns.length) {
      throw new EngineError('BAD_ARGUMENTS', `${names.length} column aliases for ${columns.length} columns`)
    }
    output = columns.map((column, i) => names[i] ?? column)
    const renamed = columns.map((column, i) => `${quoteIdentifier(column)} AS ${quoteIdentifier(output[i]!)}`)
    text = `(SELECT ${renamed.join(', ')} FROM ${sql})`
  }
  if (alias !== undefined && text !== quoteIdentifier(alias)) text = `${text} AS ${quoteIdentifier(alias)}`
  const texts = output === columns ? { strings: new Set(strings) } : {}
  return { sql: text, sources: [{ alias, columns: output, ...texts }], merged: new Set() }
}

const STRICTNESS = {
  all: 'ALL',
  any: 'ANY',
  latest: 'ANY',
  asof: 'ASOF',
  semi: 'SEMI',
  anti: 'ANTI',
} as const

function joinText(join: Join, scope: Scope, place: Place): From {
  const left = tableText(join.left, scope, place)
  const right = tableText(join.strictness === 'latest' ? latestRows(join, scope) : join.right, scope, place)
  const sources = [...left.sources, ...right.sources]
  const using = (join.using ?? []).map((expr) => {
    if (expr.kind !== 'column') throw new EngineError('BAD_ARGUMENTS', 'USING takes names of columns')
    return expr.path.at(-1)!
  })
  const merged = new Set([...left.merged, ...right.merged, ...using])
  const rest = { sources, merged, arrival: leftArrival(left) }
  if (join.join === 'cross') return { sql: `${left.sql} CROSS JOIN ${right.sql}`, ...rest }

  const strictness = join.strictness && join.strictness !== 'all' ? `${STRICTNESS[join.strictness]} ` : ''
  const head = `${left.sql} ${join.global ? 'GLOBAL ' : ''}${strictness}${join.join.toUpperCase()} JOIN ${right.sql}`
  if (using.length > 0) return { sql: `${head} USING (${using.map(quoteIdentifier).join(', ')})`, ...rest }
  if (!join.on) throw new EngineError('SYNTAX_ERROR', 'Syntax error: a JOIN needs ON or USING')
  if (join.strictness !== 'asof') refuseInequality(join.on, left, right)
  const on = exprText(join.on, { ...scope, sources, merged, aliases: new Set() }, 'condition')
  return { sql: `${head} ON ${on}`, ...rest }
}

const INEQUALITIES = new Set(['<', '<=', '>', '>=', '!='])

/** `l.a < r.b` joins nothing in Proton but ASOF. Throws 403. */
function refuseInequality(on: Expr, left: From, right: From): void {
  if (on.kind !== 'binary') return
  if (on.op === 'and') {
    refuseInequality(on.left, left, right)
    refuseInequality(on.right, left, right)
    return
  }
  if (!INEQUALITIES.has(on.op)) return
  const sides = [on.left, on.right].map((e) =>
    e.kind === 'column' ? sideOf(e.path, left, right) : undefined,
  )
  if (sides.includes('left') && sides.includes('right')) {
    throw new EngineError(
      'INVALID_JOIN_ON_EXPRESSION',
      'Unsupported JOIN ON conditions: an inequality of columns of both sides needs ASOF JOIN',
    )
  }
}

function sideOf(path: readonly string[], left: From, right: From): 'left' | 'right' | undefined {
  const owns = (from: From) =>
    from.sources.some((source) =>
      path.length === 1 ? source.columns.includes(path[0]!) : path.at(-2) === source.alias,
    )
  const here = [owns(left), owns(right)]
  return here[0] === here[1] ? undefined : here[0] ? 'left' : 'right'
}

/** A plain column of the left side can be told from the right side's; of a join it is told already. */
function leftArrival(left: From): string | undefined {
  if (left.sources.length > 1 || left.arrival === undefined) return left.arrival
  const alias = left.sources[0]?.alias
  return alias !== undefined && /^\w+$/.test(left.arrival)
    ? `${quoteIdentifier(alias)}.${left.arrival}`
    : undefined
}

function rawArrival(table: RawTable, scope: Scope): string | undefined {
  const { arrival } = scope.env
  return typeof arrival === 'function' ? arrival(table) : arrival
}

/**
 * The right side of a LATEST join: of the rows with one join key only the one that came last. Where the order of
 * arrival or the key's columns are not to be seen, any row may match, as with ANY.
 */
function latestRows(join: Join, scope: Scope): TableExpr {
  const { right } = join
  if (right.kind !== 'raw_table') return right
  const order = rawArrival(right, scope)
  const keys = join.using ? join.using.map(lastName) : join.on ? rightKeys(join.on, right) : []
  if (order === undefined || keys.length === 0 || keys.includes(undefined)) return right
  const by = keys.map((key) => quoteIdentifier(key!)).join(', ')
  return { ...right, sql: `(SELECT * FROM ${right.sql} ORDER BY ${order} DESC LIMIT 1 BY ${by})` }
}

function lastName(expr: Expr): string | undefined {
  return expr.kind === 'column' ? expr.path.at(-1) : undefined
}

/** Columns of the right side in a conjunction of equalities; `[undefined]` for any other condition. */
function rightKeys(on: Expr, right: RawTable): (string | undefined)[] {
  if (on.kind !== 'binary') return [undefined]
  if (on.op === 'and') return [...rightKeys(on.left, right), ...rightKeys(on.right, right)]
  if (on.op !== '=') return [undefined]
  const side = [on.left, on.right].find(
    (e) => e.kind === 'column' && e.path.length > 1 && e.path.at(-2) === right.alias,
  )
  return [side && lastName(side)]
}

/** Table functions that read nothing but their arguments. Everything else is bound before or refused. */
function tableFunctionText(table: TableFunction, scope: Scope): { sql: string; columns: string[] } {
  const name = table.name.toLowerCase()
  const args = table.args.map((arg) => {
    if (arg.kind === 'table_arg' || arg.kind === 'session_range') {
      throw new EngineError('NOT_IMPLEMENTED', `Table function ${table.name} cannot stand here`)
    }
    return arg
  })
  const texts = args.map((arg) => exprText(arg, inside(scope)))
  switch (name) {
    case 'numbers':
    case 'numbers_mt':
      return { sql: `${name}(${texts.join(', ')})`, columns: ['number'] }
    case 'zeros':
    case 'zeros_mt':
      return { sql: `${name}(${texts.join(', ')})`, columns: ['zero'] }
    case 'generate_series':
      return { sql: `generate_series(${texts.join(', ')})`, columns: ['generate_series'] }
    case 'null':
    case 'values':
      return valuesText(name, args, texts)
    default:
      if (KNOWN_TABLE_FUNCTIONS.has(name)) {
        throw new EngineError(
          'NOT_IMPLEMENTED',
          `Table function ${name} is not supported by the embedded engine`,
        )
      }
      throw new EngineError('UNKNOWN_FUNCTION', `Unknown table function ${table.name}`)
  }
}

const KNOWN_TABLE_FUNCTIONS = new Set([
  'cluster',
  'cluster_all_replicas',
  'clusterallreplicas',
  'dictionary',
  'executable',
  'file',
  'generate_random',
  'generaterandom',
  'input',
  'remote',
  'remote_secure',
  'remotesecure',
  'url',
  'view',
  'viewexplain',
  's3',
  'hdfs',
  'mysql',
  'postgresql',
  'mongodb',
  'odbc',
  'jdbc',
  'sqlite',
  'merge',
  'loop',
  'python',
])

/** `values('a int32, b string', (1, 'x'), …)`: the structure is in Proton's types. */
function valuesText(name: string, args: Expr[], texts: string[]): { sql: string; columns: string[] } {
  const first = args[0]
  if (first?.kind === 'literal' && first.type === 'string' && (name === 'null' || args.length > 1)) {
    const columns = parseColumns(first.value)
    const structure = columns.map((c) => `${quoteIdentifier(c.name)} ${c.chType}`).join(', ')
    return {
      sql: `${name}(${[quoteString(structure), ...texts.slice(1)].join(', ')})`,
      columns: columns.map((c) => c.name),
    }
  }
  if (name === 'null') throw new EngineError('BAD_ARGUMENTS', "null('structure') needs a structure")
  const width = first?.kind === 'tuple' ? first.items.length : 1
  return { sql: `values(${texts.join(', ')})`, columns: Array.from({ length: width }, (_, i) => `c${i + 1}`) }
}
