import type { Chdb } from '../contracts.js'
import { FLOORS, STORE_DATABASE } from './tables.js'

/**
 * Drops tables of streams that nobody knows: what a crash left between a table and its name in the catalog, and
 * inboxes of queries that died with the process. Their ids may be given again, so they must not be found then.
 */
export async function dropOrphans(chdb: Chdb, known: ReadonlySet<number>): Promise<number> {
  const tables = await chdb.rows<[string]>(
    `SELECT name FROM system.tables WHERE database = '${STORE_DATABASE}' AND match(name, '^[sc]_[0-9]+$')`,
  )
  let dropped = 0
  for (const [name] of tables) {
    if (known.has(Number(name.slice(2)))) continue
    await chdb.run(`DROP TABLE IF EXISTS ${STORE_DATABASE}.${name} SYNC`)
    dropped++
  }
  const forgotten = known.size === 0 ? '1' : `stream NOT IN (${[...known].join(', ')})`
  const [floors] = await chdb.rows<[string]>(`SELECT toString(count()) FROM ${FLOORS} WHERE ${forgotten}`)
  if (Number(floors?.[0] ?? 0) > 0) {
    await chdb.run(`ALTER TABLE ${FLOORS} DELETE WHERE ${forgotten} SETTINGS mutations_sync = 1`)
  }
  return dropped
}
