import {
  type CreateStream,
  type Expr,
  isAggregateFunction,
  type QualifiedName,
  type Query,
  type Select,
  type Statement,
  type TableExpr,
  type TableFunction,
  visit,
} from '../../dialect/index.js'

/** What a query reads and keeps, its views looked through. */
export interface QueryState {
  /** Sources that it reads row by row and has a position in. */
  scans: Scan[]
  /** Relations that it looks things up in. */
  lookups: string[]
  /** What it remembers of rows that have passed: empty where each row is answered by itself. */
  state: string[]
  /** Rows are joined with what is looked up. */
  enriches: boolean
}

export interface Scan {
  name: string
  /** The source holds current rows by key: a new reader begins with those. */
  keyed: boolean
  /** Where the query itself says that a new reader begins. */
  seekTo?: string
}

/** What stands behind the names of a query. */
export interface Relations {
  statement(name: string): Statement | undefined
  /** Functions of the project that aggregate. */
  isAggregate(name: string): boolean
}

/** Functions that answer by rows before or after. */
const LOOK_BACK = new Set(['lag', 'lags', 'neighbor', 'row_number', 'earliest', 'latest', 'emit_version'])
const WINDOWS = new Set(['tumble', 'hop', 'session'])

type Role = 'scan' | 'lookup'
interface Place {
  role: Role
  ctes: ReadonlyMap<string, Query>
  seekTo?: string
}

export function queryState(query: Query, relations: Relations): QueryState {
  const reader = new Reader(relations)
  reader.query(query, { role: 'scan', ctes: new Map() })
  return {
    scans: reader.scans,
    lookups: [...reader.lookups],
    state: [...reader.state],
    enriches: reader.enriches,
  }
}

class Reader {
  readonly scans: Scan[] = []
  readonly lookups = new Set<string>()
  readonly state = new Set<string>()
  enriches = false

  constructor(readonly relations: Relations) {}

  query(query: Query, outer: Place): void {
    const place = { ...outer, seekTo: seekOf(query) ?? outer.seekTo }
    if (query.kind === 'union') {
      for (const arm of query.arms) this.query(arm, place)
      return
    }
    const ctes = new Map(place.ctes)
    for (const item of query.with) if (item.kind === 'cte') ctes.set(item.name, item.query)
    if (place.role === 'scan') this.#keeps(query)
    if (query.from) this.#table(query.from, { ...place, ctes })
  }

  #keeps(select: Select): void {
    if (select.groupBy || select.groupingSets) this.state.add('it aggregates')
    if (select.distinct) this.state.add('it remembers what it has seen (DISTINCT)')
    if (select.limit || select.offset || select.limitBy) this.state.add('it counts rows (LIMIT)')
    visit([...select.columns, ...[select.where, select.having].filter((expr) => expr !== undefined)], {
      query: () => false,
      expr: (expr) => {
        if (expr.kind !== 'call') return
        const name = expr.name.toLowerCase()
        if (expr.over || LOOK_BACK.has(name)) this.state.add('it looks back at earlier rows')
        else if (isAggregateFunction(name) || this.relations.isAggregate(expr.name))
          this.state.add('it aggregates')
      },
    })
  }

  #table(table: TableExpr, place: Place): void {
    if (table.kind === 'table') this.#named(table.name, place)
    else if (table.kind === 'subquery_table') this.query(table.query, place)
    else if (table.kind === 'array_join') this.#table(table.left, place)
    else if (table.kind === 'table_function') this.#function(table, place)
    else if (table.kind === 'join') {
      this.#table(table.left, place)
      const older = this.#needsOlder(table, place)
      const looksUp = place.role === 'lookup' || (!older && this.#isLookup(table.right, place))
      if (looksUp) this.enriches = true
      else if (older) this.state.add('its join keeps older rows of its right side')
      else this.state.add('it joins two streams and keeps rows of both')
      this.#table(table.right, looksUp ? { ...place, role: 'lookup' } : place)
    }
  }

  #named(name: QualifiedName, place: Place): void {
    const cte = name.database === undefined ? place.ctes.get(name.name) : undefined
    const statement = this.relations.statement(name.name)
    if (cte) this.query(cte, { ...place, ctes: without(place.ctes, name.name) })
    else if (statement?.kind === 'create_view') {
      this.lookups.add(name.name)
      this.query(statement.query, { ...place, ctes: new Map() })
    } else if (place.role === 'lookup') this.lookups.add(name.name)
    else {
      const seek = place.seekTo === undefined ? {} : { seekTo: place.seekTo }
      this.scans.push({ name: name.name, keyed: this.#isKeyed(name.name), ...seek })
    }
  }

  #function(table: TableFunction, place: Place): void {
    const name = table.name.toLowerCase()
    const [argument] = table.args
    if (argument?.kind !== 'table_arg') return
    const isBounded = name === 'table'
    if (!isBounded && place.role === 'scan')
      this.state.add(WINDOWS.has(name) ? 'it has windows that are open' : `it remembers rows (${name})`)
    this.#table(argument.table, isBounded ? { ...place, role: 'lookup' } : place)
  }

  /** Whether a row that is replaced stays of use: where the newer one may not pass the condition that stands before the join. */
  #needsOlder({ strictness, right }: Extract<TableExpr, { kind: 'join' }>, place: Place): boolean {
    if (strictness !== 'asof' && strictness !== 'latest' && strictness !== 'any') return false
    if (right.kind !== 'subquery_table' || right.query.kind === 'union') return false
    const { from, where } = right.query
    const stream = from?.kind === 'table' ? this.relations.statement(from.name.name) : undefined
    if (!where || stream?.kind !== 'create_stream' || !this.#isLookup(right, place)) return false
    const key = keyColumns(stream)
    let older = false
    visit([where], {
      expr: (expr) => {
        if (expr.kind === 'column' && !key.includes(expr.path.at(-1)!)) older = true
      },
    })
    return older
  }

  /** Whether a right side is looked up as it is now, instead of being read row by row. */
  #isLookup(table: TableExpr, place: Place): boolean {
    if (table.kind === 'table_function') return table.name.toLowerCase() === 'table'
    if (table.kind === 'subquery_table') return this.#isLookupQuery(table.query, place)
    if (table.kind !== 'table') return false
    const cte = table.name.database === undefined ? place.ctes.get(table.name.name) : undefined
    if (cte) return this.#isLookupQuery(cte, { ...place, ctes: without(place.ctes, table.name.name) })
    const statement = this.relations.statement(table.name.name)
    if (statement?.kind === 'create_view') return this.#isLookupQuery(statement.query, place)
    return this.#isKeyed(table.name.name)
  }

  #isLookupQuery(query: Query, place: Place): boolean {
    if (query.kind === 'union') return query.arms.every((arm) => this.#isLookupQuery(arm, place))
    return query.from !== undefined && this.#isLookup(query.from, place)
  }

  #isKeyed(name: string): boolean {
    const statement = this.relations.statement(name)
    if (statement?.kind === 'create_materialized_view')
      return statement.into !== undefined && this.#isKeyed(statement.into.name)
    return statement?.kind === 'create_stream' && isKeyedStream(statement)
  }
}

export function isKeyedStream(stream: CreateStream): boolean {
  if (stream.mutable) return true
  const mode = stream.settings.find(({ name }) => name === 'mode')?.value
  return mode?.kind === 'literal' && mode.type === 'string' && /_kv$/.test(mode.value)
}

function seekOf(query: Query): string | undefined {
  const value: Expr | undefined = query.settings?.find(({ name }) => name === 'seek_to')?.value
  return value?.kind === 'literal' && value.type === 'string' ? value.value : undefined
}

function without(ctes: ReadonlyMap<string, Query>, name: string): ReadonlyMap<string, Query> {
  return new Map([...ctes].filter(([known]) => known !== name))
}

function keyColumns({ primaryKey }: CreateStream): string[] {
  const parts = primaryKey?.kind === 'tuple' ? primaryKey.items : primaryKey ? [primaryKey] : []
  return parts.flatMap((part) => (part.kind === 'column' ? [part.path.at(-1)!] : []))
}
