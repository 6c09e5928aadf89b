import { quoteString } from '../chdb/pool.js'
import type { Chdb } from '../contracts.js'
import { STATE_DATABASE } from './pipe.js'

const TABLE = `${STATE_DATABASE}.subscriptions`

/** A client's query whose progress outlives the client: what it takes to build it again. */
export interface Subscription {
  queryId: string
  /** Names its tables and its records. Never reused. */
  id: number
  /** The query as Proton SQL. */
  sql: string
  database: string
  /** Of its request. */
  settings: Record<string, string>
  params: Record<string, string>
  /**
   * What its state was made by: the query with its views expanded, the columns, the streams. Undefined as long as it is
   * not built, and again from when it is being removed: of such a one nothing is to be kept.
   */
  shape?: string
}

/** Subscriptions by their query ids, kept in the store. */
export class SubscriptionTable {
  readonly #all = new Map<string, Subscription>()

  private constructor(readonly chdb: Chdb) {}

  static async open(chdb: Chdb): Promise<SubscriptionTable> {
    await chdb.run(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (query_id String, subscription String) ENGINE = EmbeddedRocksDB PRIMARY KEY query_id SETTINGS optimize_for_bulk_insert = 0`,
      { format: 'Null' },
    )
    const table = new SubscriptionTable(chdb)
    for (const [text] of await chdb.rows<[string]>(`SELECT subscription FROM ${TABLE}`)) {
      const subscription = JSON.parse(text) as Subscription
      table.#all.set(subscription.queryId, subscription)
    }
    return table
  }

  find(queryId: string): Subscription | undefined {
    return this.#all.get(queryId)
  }

  list(): Subscription[] {
    return [...this.#all.values()]
  }

  async put(subscription: Subscription): Promise<void> {
    const { queryId } = subscription
    const values = [queryId, JSON.stringify(subscription)].map(quoteString).join(', ')
    await this.chdb.run(`INSERT INTO ${TABLE} SELECT ${values}`, { format: 'Null' })
    this.#all.set(queryId, subscription)
  }

  async remove(queryId: string): Promise<void> {
    await this.chdb.run(`DELETE FROM ${TABLE} WHERE query_id = ${quoteString(queryId)}`, { format: 'Null' })
    this.#all.delete(queryId)
  }
}
