import type {
  NamedTable,
  QualifiedName,
  Query,
  RawTable,
  Setting,
  SubqueryTable,
  TableExpr,
  TableFunction,
} from '../../dialect/ast.js'
import { printQuery } from '../../dialect/index.js'
import type {
  BoundedPlan,
  Catalog,
  Chdb,
  ExternalSources,
  Planner,
  QueryContext,
  Relation,
  StreamStore,
  UdfRegistry,
} from '../contracts.js'
import { EngineError } from '../errors.js'
import { textColumns } from '../text_columns.js'
import { describeQuery } from './describe.js'
import { dictionaryRelation, storedDictionary } from './dictionaries.js'
import { bindLeaves, expandViews, type Leaf, viewBody } from './sources.js'
import type { TranslateEnv } from './translate/env.js'
import { translateExpr, translateQuery } from './translate/index.js'
import { checkWindowTime, dedupRelation, tumbleRelation, windowArguments } from './windows.js'

export interface PlannerParts {
  catalog: Catalog
  store: StreamStore
  external: ExternalSources
  udfs: UdfRegistry
  chdb: Chdb
  /** `system.x`, `information_schema.x` as seen by this query; undefined for names that do not exist. */
  systemRelation(name: QualifiedName, context: QueryContext): Promise<Relation | undefined>
}

/** Databases whose relations the engine makes up. */
const SYSTEM_DATABASES = new Set(['system', 'information_schema'])

/** The planner of bounded queries: `table()`, the snapshot port, queries without FROM, `INSERT … SELECT`. */
export function createPlanner(parts: PlannerParts): Planner {
  return { plan: (query, context) => new BoundedPlanner(parts, context).plan(query) }
}

class BoundedPlanner {
  readonly #parts: PlannerParts
  readonly #context: QueryContext
  readonly #env: TranslateEnv
  /** Of the request and of the query itself. */
  readonly #settings: Record<string, string>
  readonly #releases: (() => Promise<void>)[] = []
  /** Texts of relations whose rows have `_tp_sn`. */
  readonly #ordered = new Set<string>()

  constructor(parts: PlannerParts, context: QueryContext) {
    this.#parts = parts
    this.#context = context
    this.#settings = { ...context.settings }
    this.#env = {
      lookup: (name) => parts.udfs.lookup(name),
      params: context.params,
      bounded: true,
      dictionary: (name) => storedDictionary(name, parts.catalog, context.database),
      database: context.database,
      user: context.user,
      arrival: (table: RawTable) => (this.#ordered.has(table.sql) ? '_tp_sn' : undefined),
    }
  }

  async plan(query: Query): Promise<BoundedPlan> {
    try {
      for (const { name, value } of query.settings ?? []) {
        if (value.kind === 'literal' && value.type === 'number') this.#settings[name] = value.text
      }
      const bound = await this.#bind(query)
      const translated = translateQuery(this.#withRequestSettings(bound), this.#env)
      const columns = await describeQuery(this.#parts.chdb, translated, printQuery(query, { pretty: true }))
      return { sql: translated.sql, columns, release: () => this.#release() }
    } catch (error) {
      await this.#release()
      throw error
    }
  }

  /** Settings of the request hold where the query says nothing else. */
  #withRequestSettings(query: Query): Query {
    const own = new Set((query.settings ?? []).map((setting) => setting.name))
    const requested = Object.entries(this.#context.settings)
      .filter(([name]) => !own.has(name))
      .map(([name, value]): Setting => ({ name, value: { kind: 'literal', type: 'string', value } }))
    return requested.length === 0 ? query : { ...query, settings: [...(query.settings ?? []), ...requested] }
  }

  async #release(): Promise<void> {
    await Promise.all(this.#releases.splice(0).map((release) => release()))
  }

  #bind(query: Query): Promise<Query> {
    const expanded = expandViews(query, this.#parts.catalog, this.#context.database)
    return bindLeaves(expanded, (leaf) => this.#resolve(leaf))
  }

  async #resolve(leaf: Leaf): Promise<TableExpr | undefined> {
    if (leaf.kind === 'table') return this.#namedTable(leaf)
    switch (leaf.name.toLowerCase()) {
      case 'table':
      case 'tumble':
      case 'dedup':
      case 'changelog': {
        const relation = await this.#functionRelation(leaf)
        return { kind: 'raw_table', ...relation }
      }
      case 'hop':
      case 'session':
        throw new EngineError(
          'NOT_IMPLEMENTED',
          `${leaf.name.toLowerCase()} window over table is not supported, only tumble is`,
        )
      default:
        return undefined
    }
  }

  async #namedTable(leaf: NamedTable): Promise<TableExpr> {
    const view = viewBody(leaf, this.#parts.catalog, this.#context.database)
    if (view) return { ...view, query: await this.#bind(view.query) }
    return { kind: 'raw_table', ...(await this.#relation(leaf)) }
  }

  /** What a table function over a relation gives. */
  async #functionRelation(leaf: TableFunction): Promise<Relation> {
    const [source] = leaf.args
    if (source?.kind !== 'table_arg') {
      throw new EngineError(
        'BAD_ARGUMENTS',
        `Table function ${leaf.name} needs a stream as its first argument`,
      )
    }
    const relation = await this.#argument(source.table)
    if (leaf.name.toLowerCase() === 'tumble') await this.#checkTime(leaf, relation)
    const ordered = this.#ordered.has(relation.sql)
    const result = this.#applied(leaf, relation, ordered)
    if (ordered) this.#ordered.add(result.sql)
    return result
  }

  async #checkTime(leaf: TableFunction, relation: Relation): Promise<void> {
    const window = windowArguments(leaf)
    const time = translateExpr(window.time, this.#env)
    const [column] = await this.#parts.chdb.describe(`SELECT ${time} FROM ${relation.sql}`)
    checkWindowTime(leaf.name, column!.type, window)
  }

  #applied(leaf: TableFunction, relation: Relation, ordered: boolean): Relation {
    switch (leaf.name.toLowerCase()) {
      case 'tumble':
        return tumbleRelation(relation, windowArguments(leaf), this.#env)
      case 'dedup':
        return dedupRelation(relation, leaf, this.#env, ordered ? '_tp_sn' : undefined)
      case 'changelog':
        // Every row of a bounded source is current: nothing to retract.
        if (relation.columns.includes('_tp_delta')) return relation
        return {
          sql: `(SELECT *, toInt8(1) AS _tp_delta FROM ${relation.sql})`,
          columns: [...relation.columns, '_tp_delta'],
        }
      default:
        return relation
    }
  }

  async #argument(table: NamedTable | TableFunction | SubqueryTable): Promise<Relation> {
    if (table.kind === 'subquery_table') return this.#subquery(table)
    if (table.kind === 'table') {
      const bound = await this.#namedTable(table)
      return bound.kind === 'subquery_table' ? this.#translated(bound.query) : (bound as RawTable)
    }
    const inner = await this.#resolve(table)
    if (inner?.kind === 'raw_table') {
      const { sql, columns, strings } = inner
      return { sql, columns, strings }
    }
    return this.#translated({ kind: 'select', with: [], columns: [{ kind: 'star' }], from: inner ?? table })
  }

  async #subquery(table: SubqueryTable): Promise<Relation> {
    return this.#translated(await this.#bind(table.query))
  }

  #translated(query: Query): Relation {
    const { sql, ...shown } = translateQuery(query, this.#env)
    return { sql: `(${sql})`, ...shown }
  }

  async #relation(leaf: NamedTable): Promise<Relation> {
    const { catalog, store, external } = this.#parts
    if (leaf.name.database !== undefined && SYSTEM_DATABASES.has(leaf.name.database))
      return this.#system(leaf.name)
    const object = catalog.require(leaf.name, this.#context.database)
    switch (object.kind) {
      case 'stream': {
        await store.settle(object)
        const relation = store.shown(object)
        this.#ordered.add(relation.sql)
        return relation
      }
      case 'materialized_view':
        return this.#relation({ kind: 'table', name: object.target })
      case 'external_stream':
      case 'random_stream': {
        const { relation, release } = await external.snapshot(object, { settings: this.#settings })
        this.#releases.push(release)
        return { ...relation, strings: textColumns(object.columns) }
      }
      case 'dictionary':
        return dictionaryRelation(object)
      case 'view':
        throw new EngineError('LOGICAL_ERROR', `View ${object.name.name} was not expanded`)
    }
  }

  async #system(name: QualifiedName): Promise<Relation> {
    const relation = await this.#parts.systemRelation(name, this.#context)
    if (!relation)
      throw new EngineError('UNKNOWN_STREAM', `Stream ${name.database}.${name.name} doesn't exist`)
    return relation
  }
}
