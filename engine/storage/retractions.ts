/**
 * The current rows of a changelog_kv stream. Its writer says which rows come and which go: per key that is a stack. A
 * row with `_tp_delta` 1 lies on top of the others, one with -1 takes the top away, whatever its other columns say;
 * one that finds nothing waits for the next row that comes, and goes with it (Proton's VersionedCollapsing). So several
 * rows of a key may be current, each at a level of its own.
 */
import { quoteIdentifier as id } from '../chdb/pool.js'
import type { StreamObject } from '../contracts.js'
import { currentTable, historyTable, physicalColumns } from './tables.js'

/** Where in its key's stack a row lies: from 1 up; below 0 those that wait for a row to take away. */
export const LEVEL = '_tp_level'

export function isStack(stream: StreamObject): boolean {
  return stream.mode === 'changelog_kv'
}

/** The history's rows behind `after` as rows of the current table. */
export function stackedRows(stream: StreamObject, after: number): { columns: string[]; select: string } {
  const keys = stream.primaryKey.map(id).join(', ')
  const columns = physicalColumns(stream)
  const list = columns.map(id).join(', ')
  const fresh = `SELECT ${list}, if(\`_tp_delta\` < 0, -1, 1) AS __d FROM ${historyTable(stream)} WHERE _tp_sn > ${after}`
  const tops =
    `SELECT ${keys}, toInt64(if(max(${LEVEL}) > 0, max(${LEVEL}), min(${LEVEL}))) AS __top FROM ${currentTable(stream)} FINAL ` +
    `WHERE (${keys}) IN (SELECT ${keys} FROM ${historyTable(stream)} WHERE _tp_sn > ${after}) GROUP BY ${keys}`
  const moved = `SELECT *, __top + sum(__d) OVER (PARTITION BY ${keys} ORDER BY _tp_sn) AS __after FROM (${fresh}) AS f LEFT JOIN (${tops}) AS t USING (${keys})`
  const level = 'if(__d > 0, if(__after > 0, __after, __after - 1), if(__after >= 0, __after + 1, __after))'
  const gone = '(__d > 0 AND __after <= 0) OR (__d < 0 AND __after >= 0)'
  return {
    columns: [...columns, LEVEL, '_tp_gone'],
    select: `SELECT ${list}, toInt32(${level}), ${gone} FROM (${moved}) ORDER BY _tp_sn`,
  }
}
