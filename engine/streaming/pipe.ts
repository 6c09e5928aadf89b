import type { Query, TableExpr } from '../../dialect/ast.js'
import { quoteIdentifier } from '../chdb/pool.js'
import { type Clock, SYSTEM_CLOCK } from '../clock.js'
import type {
  Catalog,
  Chdb,
  ExternalSources,
  OutputColumn,
  QueryContext,
  Relation,
  StreamStore,
  UdfRegistry,
} from '../contracts.js'
import type { Translated, TranslateEnv } from '../planner/index.js'
import { bindLeaves, describeQuery, storedDictionary, translateQuery } from '../planner/index.js'
import { boundedLeaf } from './bounded.js'
import type { Delta } from './operator.js'

/** What a row was that a view had to skip. */
export interface DeadLetter {
  view: string
  source: string
  sn: number
  error: string
  rowJson: string
}

export interface StreamingDeps {
  catalog: Catalog
  store: StreamStore
  external: ExternalSources
  udfs: Pick<UdfRegistry, 'lookup'>
  chdb: Chdb
  /** The folder of its own files. */
  dir: string
  /** The time of the queries of a database. Default: the system's. */
  clock?: (database: string) => Clock
  /** Told of each row that a `best_effort` view skips. */
  deadLetter?(letter: DeadLetter): Promise<void>
  /** From so many rows in force on the groups of a changelog are kept, and not computed anew each time. For tests. */
  manyRows?: number
  /** Tests throw here to simulate a crash: the point's name is `<view>:<step>`. */
  fault?(point: string): void
}

/** Database of the tables that hold the state of continuous queries. */
export const STATE_DATABASE = 'tp_state'

/** A table that belongs to one continuous query. */
export interface StateTable {
  /** Its name behind the query's id. */
  suffix: string
  definition: string
  /** It can be made again from what the query reads. */
  derived: boolean
  /** What its columns hold, where the definition alone does not tell. */
  meaning?: Record<string, string>
}

export function stateTableName(id: string, suffix: string): string {
  return `${STATE_DATABASE}.${quoteIdentifier(`${id}_${suffix}`)}`
}

/**
 * What the operators of one continuous query share: the store, translation, and tables of its own.
 * `id` names the tables and the deduplication tokens: `v<view id>` or `q<number>`.
 */
export class Pipe {
  readonly env: TranslateEnv
  /** When the query was built, in ms: its periods count from here. */
  startedAt: number
  /** State inserts that the current batch has committed. */
  committed = 0
  /** Texts of the current batch's relations whose rows have `_tp_sn`. */
  readonly ordered = new Set<string>()
  #operators = 0
  /** Of the aggregation whose answer is being written. */
  emitVersion = 0
  /** In the order of their making. */
  readonly tables: StateTable[] = []
  readonly #releases: (() => Promise<void>)[] = []
  readonly #closers: (() => Promise<void>)[] = []

  constructor(
    readonly id: string,
    /** A view, by which its inboxes are known; its tables outlive the process. */
    readonly owner: string | undefined,
    readonly deps: StreamingDeps,
    readonly context: QueryContext,
    /** The view's name, for messages. */
    readonly label: string = id,
    /** Only to be typed: nothing outside is opened, nothing is read. */
    readonly dry = false,
  ) {
    this.startedAt = this.clock.now()
    this.env = {
      lookup: (name) => deps.udfs.lookup(name),
      params: context.params,
      emitVersion: () => this.emitVersion,
      dictionary: (name) => storedDictionary(name, deps.catalog, context.database),
      database: context.database,
      user: context.user,
      arrival: (table) => (this.ordered.has(table.sql) ? '_tp_sn' : undefined),
    }
  }

  get clock(): Clock {
    return this.deps.clock?.(this.context.database) ?? SYSTEM_CLOCK
  }

  /** Numbers follow the order in which the tree is built, hence are the same after a restart. */
  nextOperator(): number {
    return ++this.#operators
  }

  /** Binds what is still unbound as bounded reads, and translates. */
  async translate(query: Query): Promise<Translated> {
    return translateQuery(await bindLeaves(query, (leaf) => boundedLeaf(leaf, this)), this.env)
  }

  async describe(query: Query): Promise<{ translated: Translated; columns: OutputColumn[] }> {
    const translated = await this.translate(query)
    return { translated, columns: await describeQuery(this.deps.chdb, translated) }
  }

  /** The table's full name. Created empty unless a durable one stands already. */
  async table(
    suffix: string,
    definition: string,
    { derived = false, meaning }: { derived?: boolean; meaning?: Record<string, string> } = {},
  ): Promise<string> {
    const name = stateTableName(this.id, suffix)
    await this.deps.chdb.run(`CREATE TABLE IF NOT EXISTS ${name} ${definition}`, { format: 'Null' })
    this.tables.push({ suffix, definition, derived, ...(meaning ? { meaning } : {}) })
    return name
  }

  /** A place to keep the rows of a costly delta, so that they can be read twice. */
  async scratch(suffix: string, sample: Delta): Promise<Scratch> {
    const types = await this.deps.chdb.describe(unwrap(sample.sql))
    const list = types.map((c) => `${quoteIdentifier(c.name)} ${c.type}`).join(', ')
    const table = await this.table(suffix, `(${list}) ENGINE = Memory`, { derived: true })
    return new Scratch(
      this.deps.chdb,
      table,
      types.map((c) => c.name),
    )
  }

  /** One insert into a state table, done once however often the batch is run. */
  async insertState(table: string, columns: string[], select: string, token: string): Promise<void> {
    this.fault(`before ${token.slice(token.lastIndexOf(':') + 1)}`)
    await this.deps.chdb.insertSelect({ table, columns, select, token: `${this.id}:${token}` })
    this.committed++
    this.fault(`after ${token.slice(token.lastIndexOf(':') + 1)}`)
  }

  fault(point: string): void {
    this.deps.fault?.(`${this.label}:${point}`)
  }

  onBatchEnd(release: () => Promise<void>): void {
    this.#releases.push(release)
  }

  onClose(closer: () => Promise<void>): void {
    this.#closers.push(closer)
  }

  async endBatch(): Promise<void> {
    this.committed = 0
    this.ordered.clear()
    for (const release of this.#releases.splice(0)) await release()
  }

  /** Ends it; `drop` takes the tables along. */
  async close(drop: boolean): Promise<void> {
    await this.endBatch()
    for (const closer of this.#closers.splice(0)) await closer()
    if (!drop) return
    for (const { suffix } of this.tables.splice(0)) {
      const name = stateTableName(this.id, suffix)
      await this.deps.chdb.run(`DROP TABLE IF EXISTS ${name} SYNC`, { format: 'Null' })
    }
  }
}

/** Rows of one delta in memory. */
export class Scratch {
  constructor(
    readonly chdb: Chdb,
    readonly table: string,
    readonly columns: string[],
  ) {}

  /** Replaces what it held by the rows of `delta`, evaluated once and in order. */
  async keep(delta: Delta): Promise<Delta> {
    await this.chdb.run(`TRUNCATE TABLE ${this.table}`, { format: 'Null' })
    await this.chdb.insertSelect({
      table: this.table,
      columns: this.columns,
      select: `SELECT * FROM ${delta.sql}`,
    })
    return { sql: this.table, columns: delta.columns }
  }
}

/** `(SELECT …)` without its parentheses; the name of a table as a SELECT. */
export function unwrap(sql: string): string {
  return sql.startsWith('(') ? sql.slice(1, -1) : `SELECT * FROM ${sql}`
}

/** A relation as a FROM item. */
export function rawTable({ sql, columns, strings }: Relation, alias?: string): TableExpr {
  return { kind: 'raw_table', sql, columns, ...(strings ? { strings } : {}), ...(alias ? { alias } : {}) }
}
