import { createHash } from 'node:crypto'
import type { Query } from '../../dialect/ast.js'
import { parseQuery, printQuery } from '../../dialect/index.js'
import type { QueryContext } from '../contracts.js'
import { EngineError } from '../errors.js'
import { expandViews } from '../planner/index.js'
import { type AdhocQuery, startQuery } from './adhoc.js'
import type { StreamingDeps } from './pipe.js'
import { Progress } from './progress.js'
import type { BatchRecords } from './records.js'
import { type Subscription, SubscriptionTable } from './subscription_table.js'

/** For so long a query that was unsubscribed is told apart from one that never was, as in Proton. */
const REMEMBERED_MS = 60_000

/**
 * `SUBSCRIBE TO`, `RECOVER FROM`, `UNSUBSCRIBE TO`: a client's query that goes on where it was, whatever ended it.
 * Every batch is a checkpoint, so no interval is too short; what the client may not have got is sent again.
 */
export class Subscriptions {
  readonly #running = new Map<string, AdhocQuery>()
  /** Query ids that were unsubscribed, and when. */
  readonly #gone = new Map<string, number>()

  private constructor(
    readonly deps: StreamingDeps,
    readonly records: BatchRecords,
    readonly table: SubscriptionTable,
  ) {}

  /** Removes what a process that ended in between left. */
  static async open(deps: StreamingDeps, records: BatchRecords): Promise<Subscriptions> {
    const subscriptions = new Subscriptions(deps, records, await SubscriptionTable.open(deps.chdb))
    for (const left of subscriptions.table.list()) {
      if (left.shape === undefined) await subscriptions.#remove(left)
    }
    return subscriptions
  }

  /** An older query of the same id is forgotten. */
  async subscribe(query: Query, context: QueryContext): Promise<AdhocQuery> {
    const { queryId, database, settings, params } = context
    await this.unsubscribe(queryId)
    this.#gone.delete(queryId)
    const { catalog } = this.deps
    const id = catalog.nextId()
    await catalog.reserve(id)
    const sql = printQuery(query)
    const subscription: Subscription = { queryId, id, sql, database, settings, params }
    await this.table.put(subscription)
    try {
      const expanded = expandViews(query, catalog, database)
      const started = await this.#start(subscription, expanded, context)
      try {
        await started.progress!.start()
        await this.table.put({ ...subscription, shape: shapeOf(expanded, started) })
      } catch (cause) {
        await started.cancel()
        throw cause
      }
      return started
    } catch (cause) {
      await this.#remove(subscription)
      throw cause
    }
  }

  /** The query of a subscription. Throws 2003, and 394 for one that was just unsubscribed. */
  find(queryId: string): Query {
    return parseQuery(this.#require(queryId).sql)
  }

  async recover(queryId: string, context: QueryContext): Promise<AdhocQuery> {
    const subscription = this.#require(queryId)
    if (this.#running.has(queryId)) {
      throw new EngineError(
        'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING',
        `Query with id = ${queryId} is already running.`,
      )
    }
    const { sql, database, settings, params } = subscription
    const inForce = { ...context, queryId, database, settings, params, tableMode: false }
    const expanded = expandViews(parseQuery(sql), this.deps.catalog, database)
    const started = await this.#start(subscription, expanded, inForce)
    try {
      if (shapeOf(expanded, started) !== subscription.shape) {
        throw new EngineError(
          'RECOVER_CHECKPOINT_FAILED',
          `Failed to recover query=${queryId}: a view or stream that it reads is not the one that it was subscribed to. ` +
            `Send UNSUBSCRIBE TO '${queryId}', and subscribe anew`,
        )
      }
      await started.resume()
      return started
    } catch (cause) {
      await started.cancel()
      throw cause
    }
  }

  /** Ends it and removes everything that it kept. Nothing happens where there is no such query. */
  async unsubscribe(queryId: string): Promise<void> {
    const running = this.#running.get(queryId)
    await running?.cancel()
    await running?.ended
    const subscription = this.table.find(queryId)
    if (!subscription) return
    await this.#remove(subscription)
    this.#remember(queryId)
  }

  ids(): number[] {
    return this.table.list().map(({ id }) => id)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map((query) => query.cancel()))
    await Promise.all([...this.#running.values()].map((query) => query.ended))
  }

  async #start(subscription: Subscription, query: Query, context: QueryContext): Promise<AdhocQuery> {
    const { queryId, id } = subscription
    const progress = new Progress(this.records, id)
    const started = await startQuery(this.deps, nameOf(subscription), query, context, progress)
    this.#running.set(queryId, started)
    void started.ended.then(() => this.#running.delete(queryId))
    return started
  }

  #require(queryId: string): Subscription {
    const subscription = this.table.find(queryId)
    if (subscription?.shape !== undefined) return subscription
    if (Date.now() - (this.#gone.get(queryId) ?? 0) < REMEMBERED_MS) {
      throw new EngineError(
        'QUERY_WAS_CANCELLED',
        `Failed to recover query=${queryId} because it was unsubscribed`,
      )
    }
    throw new EngineError('RESOURCE_NOT_FOUND', `Can't find query=${queryId}`)
  }

  /** In an order in which a process that ends in between leaves nothing that could be recovered by half. */
  async #remove({ shape, ...subscription }: Subscription): Promise<void> {
    const { queryId, id } = subscription
    if (shape !== undefined) await this.table.put(subscription)
    this.records.remove(id)
    await this.records.dropTables(nameOf(subscription))
    await this.deps.external.discard(nameOf(subscription))
    await this.table.remove(queryId)
  }

  #remember(queryId: string): void {
    const now = Date.now()
    for (const [id, at] of this.#gone) if (now - at >= REMEMBERED_MS) this.#gone.delete(id)
    this.#gone.set(queryId, now)
  }
}

function nameOf({ id }: Pick<Subscription, 'id'>): string {
  return `s${id}`
}

function shapeOf(query: Query, { pump }: AdhocQuery): string {
  const sources = pump.scans.map(({ stream, label, options }) => (options.inbox ? label : stream.uuid))
  const columns = pump.operators.map((operator) => operator.columns.map(({ name, type }) => [name, type]))
  const parts = [printQuery(query), sources, columns]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
