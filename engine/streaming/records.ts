import { join } from 'node:path'
import { quoteIdentifier, quoteString } from '../chdb/pool.js'
import type { Chdb } from '../contracts.js'
import type { Batch, SavedState } from './operator.js'
import { STATE_DATABASE, stateTableName } from './pipe.js'
import { RecordLog } from './record_log.js'
import type { TableCopy } from './succession.js'

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

/** The records of all durable queries: one file, and the tables of their states. */
export class BatchRecords {
  readonly #log: RecordLog

  /** `dir`: the folder of the file. */
  constructor(
    readonly chdb: Chdb,
    dir: string,
  ) {
    this.#log = new RecordLog(join(dir, 'batches.log'))
  }

  async open(): Promise<void> {
    await this.chdb.run(`CREATE DATABASE IF NOT EXISTS ${STATE_DATABASE} ENGINE = Atomic`, { format: 'Null' })
  }

  read(id: number): BatchRecord | undefined {
    const text = this.#log.get(id)
    return text === undefined ? undefined : (JSON.parse(text) as BatchRecord)
  }

  /** Written when it returns. */
  write(id: number, record: BatchRecord): void {
    this.#log.set(id, JSON.stringify(record))
  }

  remove(id: number): void {
    this.#log.delete(id)
  }

  close(): void {
    this.#log.close()
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

  /** Drops the records and state tables of pipelines that are not there: what an unfinished process left. */
  async keepOnly(pipelines: number[]): Promise<void> {
    const tables = await this.chdb.rows<[string, string]>(
      `SELECT name, extract(name, '^v(\\d+)_') AS id FROM system.tables WHERE database = '${STATE_DATABASE}' AND id != ''`,
    )
    for (const [name, id] of tables) {
      if (pipelines.includes(Number(id))) continue
      await this.chdb.run(`DROP TABLE IF EXISTS ${STATE_DATABASE}.\`${name}\` SYNC`, { format: 'Null' })
    }
    for (const id of this.#log.ids()) {
      if (!pipelines.includes(id)) this.remove(id)
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
