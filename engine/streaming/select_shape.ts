import type { Expr, NamedTable, Select, TableExpr, TableFunction } from '../../dialect/ast.js'
import { columnName, isAggregateFunction } from '../../dialect/index.js'
import { EngineError } from '../errors.js'
import type { TranslateEnv } from '../planner/index.js'
import { fingerprint, rewriteExpr, rewriteQuery, visitExpr } from '../planner/walk.js'
import type { Ctes } from './is_streaming.js'
import { POSITIONS } from './start.js'
import { column, columnsOf } from './syntax.js'

/**
 * Aggregates over `OVER (PARTITION BY keys)` → the same aggregates with PARTITION BY keys of the SELECT, which is what
 * they mean in a streaming query. Throws 48 where the functions differ in their keys.
 */
export function withoutOver(select: Select, env: TranslateEnv): Select {
  for (const item of select.columns) refuseWindows(item)
  const isAggregate = (name: string) => isAggregateFunction(name) || env.lookup(name)?.kind === 'aggregate'
  // With PARTITION BY of the SELECT every aggregate is one over it.
  let keys = select.partitionBy
  let plain = false
  const rewrite = {
    expr: (expr: Expr): Expr | undefined => {
      if (expr.kind !== 'call' || !isAggregate(expr.name.toLowerCase())) return undefined
      if (expr.over === undefined) plain = true
      if (typeof expr.over !== 'object' || expr.over.partitionBy.length === 0) return undefined
      const { over, ...call } = expr
      if (keys && over.partitionBy.map(fingerprint).join() !== keys.map(fingerprint).join()) {
        throw unsupported('Different PARTITION BY in one streaming query')
      }
      keys ??= over.partitionBy
      return { ...call, args: call.args.map((arg) => rewriteExpr(arg, rewrite)) }
    },
  }
  const columns = select.columns.map((column) => {
    const rewritten = rewriteExpr(column, rewrite)
    return column.kind === 'call' && rewritten !== column
      ? { kind: 'alias' as const, expr: rewritten, name: columnName(column) }
      : rewritten
  })
  if (!keys) return select
  if (plain && !select.partitionBy)
    throw unsupported('Aggregates with and without OVER in one streaming query')
  return { ...select, columns, partitionBy: keys }
}

/** Of OVER only PARTITION BY has a meaning in a streaming query. Throws 48, and 997 for a frame. */
function refuseWindows(expr: Expr): void {
  visitExpr(expr, (part) => {
    if (part.kind !== 'call' || part.over === undefined) return undefined
    const { name, over } = part
    if (typeof over === 'string' || over.base !== undefined) {
      throw new EngineError('NOT_IMPLEMENTED', 'No support that use predefined window in streaming queries')
    }
    if (over.frame) {
      throw new EngineError(
        'UNSUPPORTED',
        `Window frame is not supported in streaming window over aggregation '${name}'`,
      )
    }
    if (over.orderBy.length > 0) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        `Order by is not support in streaming window over aggregation '${name}'`,
      )
    }
    if (over.partitionBy.length === 0) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        `'PARTITION BY' is required but missing in streaming window over aggregation '${name}'`,
      )
    }
    return undefined
  })
}

/** PARTITION BY: every key by itself, which for an aggregation without windows is one more key. */
export function withSubstreams(select: Select): Select {
  if (!select.partitionBy) return select
  const keys = select.groupBy ?? []
  const known = new Set(keys.map(fingerprint))
  return {
    ...select,
    groupBy: [...keys, ...select.partitionBy.filter((key) => !known.has(fingerprint(key)))],
  }
}

export function groupsByWindow(select: Select): boolean {
  return (select.groupBy ?? []).some(
    (key) =>
      key.kind === 'column' && (key.path.at(-1) === 'window_start' || key.path.at(-1) === 'window_end'),
  )
}

export function unsupported(what: string): EngineError {
  return new EngineError('NOT_IMPLEMENTED', `${what} is not supported by the embedded engine`)
}

/** Those of the conditions on the output's `_tp_time` and `_tp_sn` that are conditions on the input's. */
export function passedOn(conditions: Expr[], select: Select): Expr[] {
  if (select.groupBy) return []
  const names = renamedPositions(select)
  return conditions
    .filter((term) =>
      columnsOf(term).every(({ path }) => names.has(path.at(-1)!) || keeps(select, path.at(-1)!)),
    )
    .map((term) =>
      rewriteExpr(term, {
        expr: (expr) => {
          const name = expr.kind === 'column' ? names.get(expr.path.at(-1)!) : undefined
          return name === undefined ? undefined : column(name)
        },
      }),
    )
}

/** Other names by which a SELECT shows the position of its rows: `_tp_time AS t`. */
function renamedPositions({ columns }: Select): Map<string, string> {
  return new Map(
    columns.flatMap((item) => {
      const name = item.kind === 'alias' && item.expr.kind === 'column' ? item.expr.path.at(-1)! : ''
      return item.kind === 'alias' && POSITIONS.includes(name) && item.name !== name
        ? [[item.name, name] as const]
        : []
    }),
  )
}

/** The names of positions that what stands in a FROM gives them. */
export function positionsOf(from: TableExpr, ctes: Ctes): ReadonlySet<string> {
  const isCte = from.kind === 'table' && from.name.database === undefined
  const query = isCte ? ctes.get(from.name.name) : from.kind === 'subquery_table' ? from.query : undefined
  return new Set(query?.kind === 'select' && !query.groupBy ? renamedPositions(query).keys() : [])
}

function keeps(select: Select, name: string): boolean {
  return select.columns.some(
    (c) =>
      (c.kind === 'star' && name === '_tp_time' && !c.except?.includes(name)) ||
      (c.kind === 'column' && c.path.at(-1) === name) ||
      (c.kind === 'alias' && c.name === name && c.expr.kind === 'column' && c.expr.path.at(-1) === name),
  )
}

/** Names by which the columns of the left-most relation can be qualified. */
export function tableNames(table: TableExpr | TableFunction): string[] {
  if (table.kind === 'join' || table.kind === 'array_join') return tableNames(table.left)
  if ('alias' in table && table.alias !== undefined) return [table.alias]
  if (table.kind === 'table') return [table.name.name]
  if (table.kind === 'table_function') {
    const source = table.args[0]
    return source?.kind === 'table_arg' ? tableNames(source.table) : []
  }
  return []
}

/** A stream with an alias can be addressed by its own name as well: `s AS x … WHERE s.c` or `db.s.c` → `x.c`. */
export function byAlias<S extends Select>(select: S): S {
  const tables = select.from ? namedTables(select.from) : []
  const taken = new Set(tables.map(({ alias, name }) => alias ?? name.name))
  const aliases = new Map<string, string>()
  for (const { alias, name } of tables) {
    if (alias !== undefined && !taken.has(name.name)) aliases.set(name.name, alias)
  }
  if (aliases.size === 0) return select
  const names = (first: string) => taken.has(first) || aliases.has(first)
  return rewriteQuery(select, {
    expr: (expr) => {
      if (expr.kind !== 'column') return undefined
      const path = expr.path.length > 2 && !names(expr.path[0]!) ? expr.path.slice(1) : expr.path
      const alias = path.length > 1 ? aliases.get(path[0]!) : undefined
      return alias === undefined ? undefined : { ...expr, path: [alias, ...path.slice(1)] }
    },
    query: (inner) => (inner === select ? undefined : inner),
  })
}

function namedTables(table: TableExpr): NamedTable[] {
  if (table.kind === 'table') return [table]
  if (table.kind === 'join') return [...namedTables(table.left), ...namedTables(table.right)]
  return table.kind === 'array_join' ? namedTables(table.left) : []
}

/** `x IN cte`. */
function isNamed(list: Expr, name: string): boolean {
  return list.kind === 'column' && list.path.length === 1 && list.path[0] === name
}

/** The CTEs that a SELECT still names, and those that they name, in the order of their definition. */
export function namedCtes(select: Select, ctes: Ctes): Select['with'] {
  const needed: Select['with'] = []
  const { from, with: own, ...rest } = select
  void [from, own]
  const asking: unknown[] = [rest, ...own.filter((item) => item.kind === 'expr')]
  for (const [name, query] of [...ctes].reverse()) {
    if (!asking.some((node) => hasTable(node, name))) continue
    needed.unshift({ kind: 'cte', name, query })
    asking.push(query)
  }
  return needed
}

function hasTable(node: unknown, name: string): boolean {
  if (typeof node !== 'object' || node === null) return false
  if (Array.isArray(node)) return node.some((item) => hasTable(item, name))
  const record = node as Record<string, unknown>
  if (record.kind === 'table' && (record.name as { name?: string }).name === name) return true
  if (record.kind === 'in' && isNamed(record.list as Expr, name)) return true
  return Object.values(record).some((value) => hasTable(value, name))
}
