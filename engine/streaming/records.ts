import { quoteString } from '../chdb/pool.js'
import type { Chdb } from '../contracts.js'
import type { Batch, SavedState } from './operator.js'
import { STATE_DATABASE } from './pipe.js'

const TABLE = `${STATE_DATABASE}.batches`

/**
 * The last batch of a view: the whole of its recovery. `begun` is written before the batch runs, with the
 * operators' states as they were then; running it again with the same tokens repeats nothing that was
 * committed. `done` is written when a view falls idle, so that an old batch is not run again after its
 * tokens are forgotten.
 */
export interface BatchRecord {
  phase: 'begun' | 'done'
  batch: Batch
  states: SavedState
  /** Totals since the view was created. */
  rowsOut: number
  rowsIn: number
}

/** One row per view, in a key-value table: an update costs half a millisecond and survives a kill. */
export class BatchRecords {
  constructor(readonly chdb: Chdb) {}

  async open(): Promise<void> {
    await this.chdb.run(`CREATE DATABASE IF NOT EXISTS ${STATE_DATABASE} ENGINE = Atomic`, { format: 'Null' })
    await this.chdb.run(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (view UInt64, record String) ENGINE = EmbeddedRocksDB PRIMARY KEY view SETTINGS optimize_for_bulk_insert = 0`,
      { format: 'Null' },
    )
  }

  async read(view: number): Promise<BatchRecord | undefined> {
    const rows = await this.chdb.rows<[string]>(`SELECT record FROM ${TABLE} WHERE view = ${view}`)
    return rows[0] && (JSON.parse(rows[0][0]) as BatchRecord)
  }

  async write(view: number, record: BatchRecord): Promise<void> {
    const text = quoteString(JSON.stringify(record))
    await this.chdb.run(`INSERT INTO ${TABLE} SELECT ${view}, ${text}`, { format: 'Null' })
  }

  async remove(view: number): Promise<void> {
    await this.chdb.run(`DELETE FROM ${TABLE} WHERE view = ${view}`, { format: 'Null' })
  }

  /** State tables that a view or a query left behind; `prefix` is its id. */
  async dropTables(prefix: string): Promise<void> {
    const like = quoteString(`${prefix.replace(/_/g, '\\_')}\\_%`)
    const rows = await this.chdb.rows<[string]>(
      `SELECT name FROM system.tables WHERE database = '${STATE_DATABASE}' AND name LIKE ${like}`,
    )
    for (const [name] of rows) {
      await this.chdb.run(`DROP TABLE IF EXISTS ${STATE_DATABASE}.\`${name}\` SYNC`, { format: 'Null' })
    }
  }
}
