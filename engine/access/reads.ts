import type { Expr, Query, Select, TableExpr } from '../../dialect/ast.js'
import { isExpr, isQueryNode } from '../../dialect/walk.js'
import type { Catalog, CatalogObject } from '../contracts.js'

type Named = Exclude<CatalogObject, { kind: 'function' }>

/** A stream or view that a query names, and what it takes of it. */
export interface Read {
  object: Named
  columns: Set<string>
}

/** One item of a FROM: what its columns may be qualified with, and the object, unless it is a subquery. */
interface Source {
  names: string[]
  read?: Read
}

/**
 * What a query reads, view by view as they are named: what is behind a view is its own business. Where a name may be
 * a column or an alias, it is taken for the column.
 */
export function readsOf(query: Query, catalog: Catalog, database: string): Read[] {
  const reader = new Reader(catalog, database)
  reader.query(query, new Set(), [])
  return [...reader.reads.values()]
}

class Reader {
  readonly reads = new Map<number, Read>()

  constructor(
    readonly catalog: Catalog,
    readonly database: string,
  ) {}

  query(query: Query, ctes: ReadonlySet<string>, outer: Source[][]): void {
    if (query.kind === 'union') for (const arm of query.arms) this.query(arm, ctes, outer)
    else this.#select(query, ctes, outer)
  }

  #select(select: Select, outerCtes: ReadonlySet<string>, outer: Source[][]): void {
    const ctes = new Set(outerCtes)
    for (const item of select.with) {
      if (item.kind !== 'cte') continue
      this.query(item.query, ctes, outer)
      ctes.add(item.name)
    }
    const sources = select.from ? this.#sources(select.from, ctes, outer) : []
    const { kind: _kind, from: _from, with: items, ...rest } = select
    const expressions = items.filter((item) => item.kind === 'expr')
    this.#walk([rest, expressions], ctes, [sources, ...outer])
  }

  /** Everything below a node that is no relation of the FROM. */
  #walk(node: unknown, ctes: ReadonlySet<string>, scopes: Source[][]): void {
    if (typeof node !== 'object' || node === null) return
    if (Array.isArray(node)) {
      for (const item of node) this.#walk(item, ctes, scopes)
      return
    }
    if (isQueryNode(node)) {
      this.query(node, ctes, scopes)
      return
    }
    if (isExpr(node)) this.#expression(node, ctes, scopes)
    for (const [key, value] of Object.entries(node)) if (key !== 'span') this.#walk(value, ctes, scopes)
  }

  #expression(expr: Expr, ctes: ReadonlySet<string>, scopes: Source[][]): void {
    if (expr.kind === 'column') this.#column(expr.path, scopes)
    if (expr.kind === 'star') this.#star(expr, scopes[0] ?? [])
    // `x IN stream`.
    if (expr.kind === 'in' && expr.list.kind === 'column' && expr.list.path.length <= 2) {
      const [first, second] = expr.list.path
      if (second === undefined && ctes.has(first!)) return
      const name = second === undefined ? { name: first! } : { database: first!, name: second }
      const read = this.#read(name)
      if (read) takeAll(read)
    }
  }

  #column(path: string[], scopes: Source[][]): void {
    for (const sources of scopes) {
      const [first, second, third] = path
      const qualified = path.length > 1 && sources.filter((source) => source.names.includes(first!))
      if (qualified && qualified.length > 0) {
        for (const { read } of qualified) if (read) take(read, second!)
        return
      }
      const database =
        third !== undefined && sources.filter((source) => source.names.includes(`${first}.${second}`))
      if (database && database.length > 0) {
        for (const { read } of database) if (read) take(read, third)
        return
      }
      const having = sources.filter(({ read }) => read && has(read.object, first!))
      for (const { read } of having) take(read!, first!)
      if (having.length > 0 || sources.some((source) => !source.read)) return
    }
  }

  #star({ qualifier, except = [] }: Extract<Expr, { kind: 'star' }>, sources: Source[]): void {
    const name = qualifier?.join('.')
    for (const { names, read } of sources) {
      if (read && (name === undefined || names.includes(name))) takeAll(read, except)
    }
  }

  #sources(table: TableExpr, ctes: ReadonlySet<string>, outer: Source[][]): Source[] {
    switch (table.kind) {
      case 'raw_table':
        return []
      case 'subquery_table':
        this.query(table.query, ctes, outer)
        return [{ names: table.alias === undefined ? [] : [table.alias] }]
      case 'table': {
        this.#walk(table.args ?? [], ctes, outer)
        const names = table.alias === undefined ? [table.name.name] : [table.alias]
        if (table.name.database === undefined && ctes.has(table.name.name)) return [{ names }]
        const read = this.#read(table.name)
        if (!read) return [{ names }]
        return [{ names: [...names, `${read.object.name.database}.${read.object.name.name}`], read }]
      }
      case 'table_function': {
        const [first, ...rest] = table.args
        const inner =
          first && 'kind' in first && first.kind === 'table_arg'
            ? this.#sources(first.table, ctes, outer)
            : []
        this.#walk(inner.length === 0 ? table.args : rest, ctes, [inner, ...outer])
        return table.alias === undefined
          ? inner
          : inner.map((source) => ({ ...source, names: [table.alias!] }))
      }
      case 'join': {
        const sources = [
          ...this.#sources(table.left, ctes, outer),
          ...this.#sources(table.right, ctes, outer),
        ]
        this.#walk([table.on, table.using], ctes, [sources, ...outer])
        return sources
      }
      case 'array_join': {
        const sources = this.#sources(table.left, ctes, outer)
        this.#walk(table.columns, ctes, [sources, ...outer])
        return sources
      }
    }
  }

  #read(name: { database?: string; name: string }): Read | undefined {
    const object = this.catalog.find(name, this.database)
    if (!object) return undefined
    const known = this.reads.get(object.id)
    if (known) return known
    const read: Read = { object, columns: new Set() }
    this.reads.set(object.id, read)
    return read
  }
}

function has(object: Named, column: string): boolean {
  return object.columns.some(({ name }) => name === column)
}

/** Columns that every stream has, and none declares, are free. */
function take(read: Read, column: string): void {
  if (has(read.object, column)) read.columns.add(column)
}

function takeAll(read: Read, except: string[] = []): void {
  for (const { name } of read.object.columns) if (!except.includes(name)) read.columns.add(name)
}
