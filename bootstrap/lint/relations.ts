import {
  type ColumnDef,
  columnName,
  type Expr,
  isAggregateFunction,
  type Query,
  type Select,
  type Setting,
  type TableExpr,
  type TableFunction,
  type TypeNode,
} from '../../dialect/index.js'
import type { LintObject } from './rule.js'

/**
 * How the rows of a source are meant. `append`: each is a fact. `keyed`: the latest of a key. `changelog`: with +1 and
 * -1. `bounded`: what is stored now, and no more.
 */
export type Semantic = 'append' | 'keyed' | 'changelog' | 'bounded'

export interface RelationColumn {
  name: string
  /** Undefined where it is the result of an expression. */
  type?: TypeNode
}

/** What the project says about the sources of its queries. Answers `undefined` where only an engine could tell. */
export class Relations {
  readonly #objects: ReadonlyMap<string, LintObject>

  constructor(objects: readonly LintObject[]) {
    this.#objects = new Map(
      objects.filter(({ kind }) => kind !== 'function').map((object) => [object.name, object]),
    )
  }

  find(name: string): LintObject | undefined {
    return this.#objects.get(name)
  }

  /** The query behind a view, else undefined. */
  viewQuery(name: string): Query | undefined {
    const statement = this.#objects.get(name)?.statement
    return statement?.kind === 'create_view' ? statement.query : undefined
  }

  semanticOf(table: TableExpr, seen: ReadonlySet<string> = new Set()): Semantic | undefined {
    switch (table.kind) {
      case 'table':
        return this.#semanticOfName(table.name.name, seen)
      case 'table_function':
        return this.#semanticOfFunction(table, seen)
      case 'subquery_table':
        return this.#semanticOfQuery(table.query, seen)
      case 'array_join':
        return this.semanticOf(table.left, seen)
      case 'join': {
        const [left, right] = [this.semanticOf(table.left, seen), this.semanticOf(table.right, seen)]
        const tracks = (one: Semantic | undefined) => one === 'keyed' || one === 'changelog'
        return tracks(left) && tracks(right) ? 'changelog' : left === 'bounded' ? 'bounded' : 'append'
      }
      default:
        return undefined
    }
  }

  #semanticOfName(name: string, seen: ReadonlySet<string>): Semantic | undefined {
    const statement = this.#objects.get(name)?.statement
    if (!statement || seen.has(name)) return undefined
    const inside = new Set([...seen, name])
    switch (statement.kind) {
      case 'create_stream': {
        const mode =
          settingText(statement.settings, 'mode') ?? (statement.mutable ? 'versioned_kv' : 'append')
        if (mode === 'versioned_kv') return 'keyed'
        return mode.startsWith('changelog') ? 'changelog' : 'append'
      }
      case 'create_external_stream':
      case 'create_random_stream':
        return 'append'
      case 'create_view':
        return this.#semanticOfQuery(statement.query, inside)
      case 'create_materialized_view':
        return statement.into ? this.#semanticOfName(statement.into.name, inside) : 'append'
      default:
        return undefined
    }
  }

  #semanticOfFunction({ name, args }: TableFunction, seen: ReadonlySet<string>): Semantic | undefined {
    const lower = name.toLowerCase()
    if (lower === 'table') return 'bounded'
    if (lower === 'changelog') return 'changelog'
    const first = args[0]
    return first?.kind === 'table_arg' ? this.semanticOf(first.table, seen) : 'bounded'
  }

  #semanticOfQuery(query: Query, seen: ReadonlySet<string>): Semantic | undefined {
    if (query.kind === 'union') return this.#semanticOfQuery(query.arms[0]!, seen)
    if (!query.from) return 'bounded'
    const source = this.semanticOf(query.from, seen)
    if (source === 'bounded') return 'bounded'
    if (query.emit?.mode === 'changelog') return 'changelog'
    const aggregates = query.groupBy !== undefined || query.columns.some(callsAggregate)
    return aggregates ? 'append' : source
  }

  /** The columns of a source, reserved ones of streams included. */
  columnsOf(table: TableExpr, seen: ReadonlySet<string> = new Set()): RelationColumn[] | undefined {
    switch (table.kind) {
      case 'table':
        return this.columnsOfName(table.name.name, seen)
      case 'table_function': {
        const first = table.args[0]
        const inner = first?.kind === 'table_arg' ? this.columnsOf(first.table, seen) : undefined
        const windowed = /^(tumble|hop|session)$/i.test(table.name)
        return inner && windowed ? [...inner, { name: 'window_start' }, { name: 'window_end' }] : inner
      }
      case 'subquery_table':
        return this.outputOf(table.query, seen)
      default:
        return undefined
    }
  }

  columnsOfName(name: string, seen: ReadonlySet<string> = new Set()): RelationColumn[] | undefined {
    const statement = this.#objects.get(name)?.statement
    if (!statement || seen.has(name)) return undefined
    const inside = new Set([...seen, name])
    switch (statement.kind) {
      case 'create_stream':
        return statement.as ? undefined : [...statement.columns.map(columnOf), { name: '_tp_time' }]
      case 'create_external_stream':
      case 'create_random_stream':
        return statement.columns.map(columnOf)
      case 'create_view':
        return this.outputOf(statement.query, inside)
      case 'create_materialized_view':
        return statement.into
          ? this.columnsOfName(statement.into.name, inside)
          : this.outputOf(statement.query, inside)
      default:
        return undefined
    }
  }

  /** The columns of a query's answer; undefined where a `*` stands for what is not known. */
  outputOf(query: Query, seen: ReadonlySet<string> = new Set()): RelationColumn[] | undefined {
    if (query.kind === 'union') return this.outputOf(query.arms[0]!, seen)
    const columns: RelationColumn[] = []
    for (const column of query.columns) {
      if (column.kind !== 'star')
        columns.push({ name: outputName(column), type: this.#typeOf(column, query, seen) })
      else {
        const starred = column.pattern === undefined && !column.qualifier && query.from
        const all = starred ? this.columnsOf(query.from!, seen) : undefined
        if (!all) return undefined
        columns.push(...all.filter(({ name }) => !column.except?.includes(name)))
      }
    }
    return columns
  }

  #typeOf(expr: Expr, query: Select, seen: ReadonlySet<string>): TypeNode | undefined {
    if (expr.kind === 'alias') return this.#typeOf(expr.expr, query, seen)
    if (expr.kind === 'cast') return expr.type
    return expr.kind === 'column' && query.from ? this.typeOfColumn(expr.path, query.from, seen) : undefined
  }

  /** The type of a column as it is written where the source is the FROM. */
  typeOfColumn(
    path: readonly string[],
    from: TableExpr,
    seen: ReadonlySet<string> = new Set(),
  ): TypeNode | undefined {
    if (from.kind === 'join') {
      return this.typeOfColumn(path, from.left, seen) ?? this.typeOfColumn(path, from.right, seen)
    }
    if (path.length > 1) {
      const alias = 'alias' in from ? from.alias : undefined
      const own = from.kind === 'table' ? from.name.name : undefined
      if (path[0] !== alias && path[0] !== own) return undefined
    }
    return this.columnsOf(from, seen)?.find(({ name }) => name === path.at(-1))?.type
  }
}

function columnOf({ name, type }: ColumnDef): RelationColumn {
  return { name, type }
}

/** The name of a result column: Proton drops the qualifier of a plain one. */
function outputName(expr: Expr): string {
  return expr.kind === 'column' ? expr.path.at(-1)! : columnName(expr)
}

export function callsAggregate(expr: Expr): boolean {
  let found = false
  walkCalls(expr, (name, windowed) => {
    if (!windowed && isAggregateFunction(name)) found = true
  })
  return found
}

/** Calls in an expression, not those of its subqueries. */
function walkCalls(node: unknown, tell: (name: string, windowed: boolean) => void): void {
  if (Array.isArray(node)) {
    for (const item of node) walkCalls(item, tell)
    return
  }
  if (typeof node !== 'object' || node === null) return
  const expr = node as Expr
  if (expr.kind === 'subquery' || expr.kind === 'exists') return
  if (expr.kind === 'call') tell(expr.name, expr.over !== undefined)
  for (const [key, value] of Object.entries(expr)) if (key !== 'span') walkCalls(value, tell)
}

export function settingText(settings: readonly Setting[] | undefined, name: string): string | undefined {
  const value = settings?.find((setting) => setting.name === name)?.value
  if (value?.kind !== 'literal' || value.type === 'null') return undefined
  return value.type === 'number' ? value.text : String(value.value)
}
