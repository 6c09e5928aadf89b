/**
 * Continuous queries and materialized views: loops of micro-batches over the sequence numbers of their
 * sources, each step of a batch one statement of the store.
 */
import type { Query } from '../../dialect/ast.js'
import type {
  MaterializedViewObject,
  OutputColumn,
  QueryContext,
  StreamingQuery,
  StreamingRuntime,
  ViewStatus,
} from '../contracts.js'
import { EngineError } from '../errors.js'
import { expandViews } from '../planner/index.js'
import { type AdhocQuery, startQuery, takeLimit } from './adhoc.js'
import { build } from './build.js'
import { planLines } from './explain.js'
import { isUnbounded } from './is_streaming.js'
import type { Operator } from './operator.js'
import { Pipe, type StreamingDeps } from './pipe.js'
import { BatchRecords } from './records.js'
import { Subscriptions } from './subscriptions.js'
import { settingsOf } from './syntax.js'
import { ViewRunner } from './view_runner.js'

export type { DeadLetter, StreamingDeps } from './pipe.js'
export { sleep } from './pump.js'
export { intervalMs } from './syntax.js'

/** Opens the tables of batch records and removes what ad-hoc queries of an earlier process left. */
export async function createRuntime(deps: StreamingDeps): Promise<StreamingRuntime> {
  const records = new BatchRecords(deps.chdb, deps.dir)
  await records.open()
  await records.dropTables('q%')
  return new Runtime(deps, records, await Subscriptions.open(deps, records))
}

class Runtime implements StreamingRuntime {
  readonly #views = new Map<number, ViewRunner>()
  readonly #queries = new Set<AdhocQuery>()
  #count = 0

  constructor(
    readonly deps: StreamingDeps,
    readonly records: BatchRecords,
    readonly subscriptions: Subscriptions,
  ) {}

  isStreaming(query: Query, context: QueryContext): boolean {
    if (context.tableMode || context.settings.query_mode === 'table') return false
    return isUnbounded(this.#expand(query, context), this.deps.catalog, context.database)
  }

  async start(query: Query, context: QueryContext): Promise<StreamingQuery> {
    const started = await startQuery(this.deps, `q${++this.#count}`, this.#expand(query, context), context)
    this.#queries.add(started)
    started.pipe.onClose(async () => {
      this.#queries.delete(started)
    })
    return started
  }

  subscribe(query: Query, context: QueryContext): Promise<StreamingQuery> {
    return this.subscriptions.subscribe(query, context)
  }

  subscribed(queryId: string): Query {
    return this.subscriptions.find(queryId)
  }

  recoverQuery(queryId: string, context: QueryContext): Promise<StreamingQuery> {
    return this.subscriptions.recover(queryId, context)
  }

  unsubscribe(queryId: string): Promise<void> {
    return this.subscriptions.unsubscribe(queryId)
  }

  analyse(query: Query, context: QueryContext): Promise<OutputColumn[]> {
    return this.#dry(this.#expand(query, context), context, (root) => root.columns)
  }

  /** The query is built, looked at, and not run. */
  async #dry<T>(query: Query, context: QueryContext, look: (root: Operator) => T): Promise<T> {
    const id = `q${++this.#count}`
    const pipe = new Pipe(id, undefined, this.deps, context, id, true)
    try {
      return look((await build(pipe, query)).root)
    } finally {
      await pipe.close(true)
    }
  }

  async createView(view: MaterializedViewObject): Promise<void> {
    const runner = this.#runner(view)
    await runner.create()
    this.#views.set(view.id, runner)
  }

  async dropView(view: MaterializedViewObject): Promise<void> {
    const runner = this.#views.get(view.id) ?? this.#runner(view)
    this.#views.delete(view.id)
    await runner.close(true)
  }

  async pauseView(view: MaterializedViewObject): Promise<void> {
    await this.#require(view).pause()
  }

  async resumeView(view: MaterializedViewObject): Promise<void> {
    this.#require(view).resume()
  }

  async changeView(
    old: MaterializedViewObject,
    next: MaterializedViewObject,
    commit: () => Promise<void>,
  ): Promise<void> {
    const runner = this.#require(old)
    const successor = this.#runner(next)
    const { paused } = runner
    await runner.pause()
    try {
      await successor.takeOver(runner)
      await commit()
    } catch (cause) {
      await successor.forget()
      if (!paused) runner.resume()
      throw cause
    }
    this.#views.set(next.id, successor)
    successor.recover(paused)
    await runner.forget()
  }

  async rebind(
    views: { from: MaterializedViewObject; to: MaterializedViewObject }[],
    commit: () => Promise<void>,
  ): Promise<void> {
    const pairs = views.map(({ from, to }) => ({ runner: this.#require(from), to }))
    const states = pairs.map(({ runner, to }) => ({ runner, to, paused: runner.paused }))
    for (const { runner } of states) await runner.pause()
    try {
      await commit()
    } catch (cause) {
      for (const { runner, paused } of states) if (!paused) runner.resume()
      throw cause
    }
    for (const { to, paused } of states) {
      const successor = this.#runner(to)
      this.#views.set(to.id, successor)
      successor.recover(paused)
    }
  }

  async recover(views: MaterializedViewObject[]): Promise<void> {
    const pipelines = views.map((view) => view.pipeline ?? view.id)
    await this.records.keepOnly([...pipelines, ...this.subscriptions.ids()])
    for (const view of views) {
      const runner = this.#runner(view)
      this.#views.set(view.id, runner)
      runner.recover(view.paused ?? false)
    }
  }

  status(view: MaterializedViewObject): ViewStatus | undefined {
    return this.#views.get(view.id)?.status()
  }

  quiet(database: string): boolean {
    const views = [...this.#views.values()].filter(({ view }) => view.name.database === database)
    const queries = [...this.#queries].filter(({ pipe }) => pipe.context.database === database)
    return views.every((runner) => runner.quiet) && queries.every(({ pump }) => pump.quiet)
  }

  async explain(query: Query, context: QueryContext): Promise<string[]> {
    const { inner, limit, offset } = takeLimit(this.#expand(query, context))
    return this.#dry(inner, context, (root) => planLines(root, limit, offset))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queries].map((query) => query.cancel()))
    await this.subscriptions.close()
    await Promise.all([...this.#views.values()].map((runner) => runner.close(false)))
    this.#views.clear()
    this.records.close()
  }

  #expand(query: Query, context: QueryContext): Query {
    return expandViews(query, this.deps.catalog, context.database)
  }

  #require(view: MaterializedViewObject): ViewRunner {
    const runner = this.#views.get(view.id)
    if (!runner) throw new EngineError('UNKNOWN_STREAM', `Materialized view ${view.name.name} is not running`)
    return runner
  }

  #runner(view: MaterializedViewObject): ViewRunner {
    const context = viewContext(view)
    const query = takeLimit(view.statement.query)
    if (query.limit !== undefined || query.offset > 0) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        'LIMIT in a materialized view is not supported by the embedded engine',
      )
    }
    return new ViewRunner(this.deps, this.records, view, context, () =>
      this.#expand(view.statement.query, context),
    )
  }
}

/** Views run with their own settings, in their own database. */
function viewContext(view: MaterializedViewObject): QueryContext {
  return {
    queryId: view.uuid,
    user: '',
    database: view.name.database,
    settings: settingsOf(view.statement.storageSettings),
    params: {},
    tableMode: false,
    signal: new AbortController().signal,
  }
}
