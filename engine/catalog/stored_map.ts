import { quoteString } from '../chdb/pool.js'
import type { Chdb } from '../contracts.js'
import { STORE_DATABASE } from '../storage/tables.js'

const TABLE = `${STORE_DATABASE}.definitions`

/** Definitions of one kind by name, each change written to the store before it is seen. */
export class StoredMap<T extends object> {
  readonly #entries = new Map<string, T>()
  #version = 0

  private constructor(
    readonly chdb: Chdb,
    readonly kind: string,
  ) {}

  /** Creates the table where it is missing, loads what it holds of the kind. */
  static async open<T extends object>(chdb: Chdb, kind: string): Promise<StoredMap<T>> {
    await chdb.run(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (kind String, name String, version UInt64, gone UInt8, definition String) ENGINE = ReplacingMergeTree(version) ORDER BY (kind, name)`,
    )
    const map = new StoredMap<T>(chdb, kind)
    const rows = await chdb.rows<[string, string, number, string]>(
      `SELECT name, toString(version), gone, definition FROM ${TABLE} FINAL WHERE kind = ${quoteString(kind)} ORDER BY version`,
    )
    for (const [name, version, gone, text] of rows) {
      map.#version = Math.max(map.#version, Number(version))
      if (!gone) map.#entries.set(name, JSON.parse(text) as T)
    }
    return map
  }

  get(name: string): T | undefined {
    return this.#entries.get(name)
  }

  /** By name. */
  list(): [name: string, definition: T][] {
    return [...this.#entries].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  async put(name: string, definition: T): Promise<void> {
    await this.#write([[name, JSON.stringify(definition)]])
    this.#entries.set(name, definition)
  }

  async remove(name: string): Promise<void> {
    await this.#write([[name, undefined]])
    this.#entries.delete(name)
  }

  async #write(entries: [name: string, text: string | undefined][]): Promise<void> {
    const rows = entries.map(([name, text]) => {
      const version = ++this.#version
      return `SELECT ${quoteString(this.kind)}, ${quoteString(name)}, ${version}, ${text === undefined ? 1 : 0}, ${quoteString(text ?? '')}`
    })
    await this.chdb.insertSelect({
      table: TABLE,
      columns: ['kind', 'name', 'version', 'gone', 'definition'],
      select: rows.join(' UNION ALL '),
    })
  }
}
