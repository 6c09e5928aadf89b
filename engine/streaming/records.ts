import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { Chdb } from '../contracts.js'
import type { Batch, SavedState } from './operator.js'
import { STATE_DATABASE, stateTableName } from './pipe.js'
import type { TableCopy } from './succession.js'

const TABLE = `${STATE_DATABASE}.batches`

/**
 * The last batch of a durable query, a view's or a subscription's: the whole of its recovery. `begun` is written
 * before the batch runs, with the operators' states as they were then; running it again with the same tokens
 * repeats nothing that was committed. `done` is written when a query falls idle, so that an old batch is not
 * run again after its tokens are forgotten.
 */
export interface BatchRecord {
  phase: 'begun' | 'done'
  /** Begun by another pipeline, whose tokens tell whether its rows were written. */
  begunAs?: string
  batch: Batch
  states: SavedState
  /** Totals since the query was created. */
  rowsOut: number
  rowsIn: number
}

/** One row per durable query, in a key-value table: an update costs half a millisecond and survives a kill. */
export class BatchRecords {
  constructor(readonly chdb: Chdb) {}

  async open(): Promise<void> {
    await this.chdb.run(`CREATE DATABASE IF NOT EXISTS ${STATE_DATABASE} ENGINE = Atomic`, { format: 'Null' })
    await this.chdb.run(
      `CREATE TABLE IF NOT EXISTS ${TABLE} (view UInt64, record String) ENGINE = EmbeddedRocksDB PRIMARY KEY view SETTINGS optimize_for_bulk_insert = 0`,
      { format: 'Null' },
    )
  }

  async read(id: number): Promise<BatchRecord | undefined> {
    const rows = await this.chdb.rows<[string]>(`SELECT record FROM ${TABLE} WHERE view = ${id}`)
    return rows[0] && (JSON.parse(rows[0][0]) as BatchRecord)
  }

  async write(id: number, record: BatchRecord): Promise<void> {
    const text = quoteString(JSON.stringify(record))
    await this.chdb.run(`INSERT INTO ${TABLE} VALUES (${id}, ${text})`, { format: 'Null' })
  }

  /** Gives a query's state to another one. */
  async copyTable(from: string, to: string, copy: TableCopy): Promise<void> {
    const target = stateTableName(to, copy.to)
    await this.chdb.run(`CREATE TABLE IF NOT EXISTS ${target} ${copy.definition}`, { format: 'Null' })
    const columns = await this.chdb.describe(`SELECT * FROM ${target}`)
    const pairs = columns.flatMap(({ name }) => {
      const source = copy.renamed.has(name) ? copy.renamed.get(name) : name
      return source === undefined ? [] : [{ name, source }]
    })
    const list = pairs.map(({ source }) => quoteIdentifier(source)).join(', ')
    await this.chdb.insertSelect({
      table: target,
      columns: pairs.map(({ name }) => name),
      select: `SELECT ${list} FROM ${stateTableName(from, copy.from)}`,
    })
  }

  async remove(id: number): Promise<void> {
    await this.chdb.run(`DELETE FROM ${TABLE} WHERE view = ${id}`, { format: 'Null' })
  }

  /** Drops the records and state tables of pipelines that are not there: what an unfinished process left. */
  async keepOnly(pipelines: number[]): Promise<void> {
    const tables = await this.chdb.rows<[string, string]>(
      `SELECT name, extract(name, '^v(\\d+)_') AS id FROM system.tables WHERE database = '${STATE_DATABASE}' AND id != ''`,
    )
    for (const [name, id] of tables) {
      if (pipelines.includes(Number(id))) continue
      await this.chdb.run(`DROP TABLE IF EXISTS ${STATE_DATABASE}.\`${name}\` SYNC`, { format: 'Null' })
    }
    for (const [view] of await this.chdb.rows<[string]>(`SELECT toString(view) FROM ${TABLE}`)) {
      if (!pipelines.includes(Number(view))) await this.remove(Number(view))
    }
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
