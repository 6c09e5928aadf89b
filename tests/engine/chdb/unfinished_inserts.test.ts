import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openChdb } from '../../../engine/chdb/pool.js'
import { forgetUnfinishedInserts } from '../../../engine/chdb/unfinished_inserts.js'

let root: string
let dir: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tpctl-unfinished-'))
  dir = join(root, 'store')
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** Opens the store, inserts the numbers with their tokens, and gives what the table holds then. */
async function insert(...numbers: number[]): Promise<number[]> {
  const chdb = await openChdb({ dir })
  try {
    await chdb.run('CREATE DATABASE IF NOT EXISTS tp ENGINE = Atomic')
    await chdb.run(
      'CREATE TABLE IF NOT EXISTS tp.t (v UInt64) ENGINE = MergeTree ORDER BY v SETTINGS non_replicated_deduplication_window = 100',
    )
    for (const v of numbers) {
      await chdb.insertSelect({
        table: 'tp.t',
        columns: ['v'],
        select: `SELECT toUInt64(${v})`,
        token: `token-${v}`,
      })
    }
    return (await chdb.rows<[string]>('SELECT v FROM tp.t ORDER BY v')).map(([v]) => Number(v))
  } finally {
    await chdb.close()
  }
}

/** The folder of the table's newest part: without it, the insert has got as far as its token. */
async function newestPart(): Promise<string> {
  const tables: string[] = []
  for (const entry of await readdir(dir, { recursive: true })) {
    if (/^store.*deduplication_logs$/.test(entry)) tables.push(join(dir, entry, '..'))
  }
  expect(tables).toHaveLength(1)
  const parts = (await readdir(tables[0]!)).filter((name) => name.startsWith('all_'))
  const last = (name: string) => Number(name.split('_')[2])
  return join(tables[0]!, parts.sort((a, b) => last(b) - last(a))[0]!)
}

it('an insert that was killed between its token and its rows can be repeated', async () => {
  expect(await insert(1, 2, 3)).toEqual([1, 2, 3])
  await rm(await newestPart(), { recursive: true })
  // What the store does of itself: it takes the repetition for a double.
  expect(await insert(3)).toEqual([1, 2])
  expect(await forgetUnfinishedInserts(dir)).toBe(1)
  expect(await insert(3)).toEqual([1, 2, 3])
})

it('finished inserts keep their tokens', async () => {
  expect(await forgetUnfinishedInserts(dir)).toBe(0)
  expect(await insert(1, 2, 3)).toEqual([1, 2, 3])
})

it('a folder that does not exist yet is left alone', async () => {
  expect(await forgetUnfinishedInserts(join(root, 'nothing'))).toBe(0)
})
