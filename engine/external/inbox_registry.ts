import { quoteString } from '../chdb/pool.js'
import type { Chdb, StreamObject } from '../contracts.js'

export interface DurableInbox {
  stream: StreamObject
  /** Next offset to read per partition. */
  offsets: Map<number, number>
}

/** Which views have which inboxes, and how far these have read: kept in the store, loaded at start. */
export class InboxRegistry {
  readonly #chdb: Chdb
  readonly #inboxes = new Map<string, DurableInbox>()

  private constructor(chdb: Chdb) {
    this.#chdb = chdb
  }

  static async open(chdb: Chdb): Promise<InboxRegistry> {
    const run = (sql: string) => chdb.run(sql, { format: 'Null' })
    await run('CREATE DATABASE IF NOT EXISTS tp')
    await run(
      'CREATE TABLE IF NOT EXISTS tp.inboxes (owner String, stream String) ENGINE = MergeTree ORDER BY owner',
    )
    await run(
      'CREATE TABLE IF NOT EXISTS tp.inbox_offsets (owner String, `partition` Int32, next UInt64) ' +
        'ENGINE = ReplacingMergeTree(next) ORDER BY (owner, `partition`)',
    )
    const registry = new InboxRegistry(chdb)
    for (const [owner, stream] of await chdb.rows<[string, string]>('SELECT owner, stream FROM tp.inboxes')) {
      registry.#inboxes.set(owner, { stream: JSON.parse(stream) as StreamObject, offsets: new Map() })
    }
    for (const [owner, partition, next] of await chdb.rows<[string, number, string]>(
      'SELECT owner, `partition`, max(next) FROM tp.inbox_offsets GROUP BY owner, `partition`',
    )) {
      registry.#inboxes.get(owner)?.offsets.set(partition, Number(next))
    }
    return registry
  }

  find(owner: string): DurableInbox | undefined {
    return this.#inboxes.get(owner)
  }

  /** Ids of the streams behind durable inboxes. */
  ids(): number[] {
    return [...this.#inboxes.values()].map(({ stream }) => stream.id)
  }

  /** The largest id that an inbox uses, so that ids are never given twice. */
  maxId(): number {
    return Math.max(0, ...this.ids())
  }

  /** Inboxes of a view: its own name, and one key per source below it. */
  ownedBy(owner: string): [string, DurableInbox][] {
    return [...this.#inboxes].filter(([key]) => key === owner || key.startsWith(`${owner}/`))
  }

  async save(owner: string, stream: StreamObject, offsets: Map<number, number>): Promise<void> {
    // Offsets first: an inbox is known only once its start is.
    await this.#writeOffsets(owner, offsets)
    await this.#chdb.insertSelect({
      table: 'tp.inboxes',
      columns: ['owner', 'stream'],
      select: `SELECT ${quoteString(owner)}, ${quoteString(JSON.stringify(stream))}`,
    })
    this.#inboxes.set(owner, { stream, offsets })
  }

  async saveOffsets(owner: string, offsets: Map<number, number>): Promise<void> {
    await this.#writeOffsets(owner, offsets)
    const known = this.#inboxes.get(owner)
    for (const [partition, next] of offsets) known?.offsets.set(partition, next)
  }

  async remove(owner: string): Promise<void> {
    const where = `WHERE owner = ${quoteString(owner)}`
    await this.#chdb.run(`DELETE FROM tp.inboxes ${where}`, { format: 'Null' })
    await this.#chdb.run(`DELETE FROM tp.inbox_offsets ${where}`, { format: 'Null' })
    this.#inboxes.delete(owner)
  }

  async #writeOffsets(owner: string, offsets: Map<number, number>): Promise<void> {
    if (offsets.size === 0) return
    const rows = [...offsets].map(([partition, next]) => `(${partition}, ${next})`).join(', ')
    await this.#chdb.insertSelect({
      table: 'tp.inbox_offsets',
      columns: ['owner', 'partition', 'next'],
      select: `SELECT ${quoteString(owner)}, partition, next FROM values('partition Int32, next UInt64', ${rows})`,
    })
  }
}
