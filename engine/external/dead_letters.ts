import type { Chdb, Relation } from '../contracts.js'

/** A message or row that could not be processed: kept with where it came from, why, and its text. */
export interface DeadLetter {
  /** External stream or view that refused it. */
  source: string
  topic: string
  partition: number
  offset: number
  error: string
  raw: string
}

/** Longest text kept of one message, in characters; the rest can still be read from the topic by its offset. */
const MAX_RAW = 1_000_000

const TABLE = 'tp.dead_letters'

/**
 * `system.dead_letters`: nothing that a pipeline refuses is lost. Keyed by source, topic, partition and offset, so
 * that a message met again after a restart is counted once.
 */
export class DeadLetters {
  readonly #chdb: Chdb
  readonly #counts = new Map<string, number>()

  private constructor(chdb: Chdb) {
    this.#chdb = chdb
  }

  static async open(chdb: Chdb): Promise<DeadLetters> {
    await chdb.run('CREATE DATABASE IF NOT EXISTS tp', { format: 'Null' })
    await chdb.run(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (source String, topic String, partition Int32, offset Int64, ` +
        "error String, raw String, time DateTime64(3, 'UTC')) " +
        'ENGINE = ReplacingMergeTree ORDER BY (source, topic, partition, offset)',
      { format: 'Null' },
    )
    const letters = new DeadLetters(chdb)
    await letters.#recount()
    return letters
  }

  async write(letters: DeadLetter[]): Promise<void> {
    if (letters.length === 0) return
    const rows = letters
      .map((letter) => JSON.stringify({ ...letter, raw: letter.raw.slice(0, MAX_RAW) }))
      .join('\n')
    let tag = '$dead$'
    while (rows.includes(tag)) tag = `$dead${Math.random().toString(36).slice(2)}$`
    await this.#chdb.insertSelect({
      table: TABLE,
      columns: ['source', 'topic', 'partition', 'offset', 'error', 'raw', 'time'],
      select:
        "SELECT source, topic, partition, offset, error, raw, now64(3, 'UTC') FROM format(JSONEachRow, " +
        `'source String, topic String, partition Int32, offset Int64, error String, raw String', ${tag}${rows}${tag})`,
      settings: { max_query_size: 1_000_000_000 },
    })
    await this.#recount()
  }

  /** Forgets letters; `where` is the store's SQL over the columns of the relation. */
  async remove(where: string): Promise<void> {
    await this.#chdb.run(`DELETE FROM ${TABLE} WHERE ${where}`, { format: 'Null' })
    await this.#recount()
  }

  /** Asked of the table, since a message may have been met before: by another query, or before a restart. */
  async #recount(): Promise<void> {
    const counted = await this.#chdb.rows<[string, string]>(
      `SELECT source, count() FROM ${TABLE} FINAL GROUP BY source`,
    )
    this.#counts.clear()
    for (const [source, count] of counted) this.#counts.set(source, Number(count))
  }

  /** Messages of this source that were refused and are still kept. */
  count(source: string): number {
    return this.#counts.get(source) ?? 0
  }

  relation(): Relation {
    const columns = ['time', 'source', 'topic', 'partition', 'offset', 'error', 'raw']
    return { sql: `(SELECT ${columns.join(', ')} FROM ${TABLE} FINAL)`, columns }
  }
}
