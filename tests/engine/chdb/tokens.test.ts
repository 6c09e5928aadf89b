import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { Chdb } from '../../../engine/contracts.js'

let dir: string
let chdb: Chdb
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tokens-'))
  chdb = await openChdb({ dir })
  await chdb.run('CREATE DATABASE t')
  await chdb.run('CREATE TABLE t.source (a UInt64) ENGINE = MergeTree ORDER BY a')
  await chdb.run('SYSTEM STOP MERGES t.source')
  for (let i = 0; i < 4; i++)
    await chdb.run(`INSERT INTO t.source SELECT number + ${i * 1000} FROM numbers(1000)`)
})
afterAll(async () => {
  await chdb.close()
  await rm(dir, { recursive: true, force: true })
})

const SELECTS = {
  plain: 'SELECT a FROM t.source',
  ordered: 'SELECT a FROM t.source ORDER BY a DESC',
  filtered: 'SELECT a FROM t.source WHERE a % 7 = 0',
  joined: 'SELECT l.a FROM t.source AS l LEFT JOIN (SELECT a FROM t.source WHERE a < 10) AS r ON l.a = r.a',
  grouped: 'SELECT a FROM t.source GROUP BY a',
  united: 'SELECT a FROM t.source WHERE a < 5 UNION ALL SELECT a FROM t.source WHERE a > 500',
}

describe('an insert with a token', () => {
  it('is repeated without effect, whatever parts its sources have become meanwhile', async () => {
    const insert = (name: string, select: string) =>
      chdb.insertSelect({ table: `t.${name}`, columns: ['a'], select, token: 'once' })
    const count = async (name: string) =>
      (await chdb.rows(`SELECT count(), uniqExact(_part) FROM t.${name}`))[0]
    const before = new Map<string, unknown>()
    for (const [name, select] of Object.entries(SELECTS)) {
      await chdb.run(
        `CREATE TABLE t.${name} (a UInt64) ENGINE = MergeTree ORDER BY tuple() SETTINGS non_replicated_deduplication_window = 100`,
      )
      await insert(name, select)
      before.set(name, await count(name))
    }
    await chdb.run('SYSTEM START MERGES t.source')
    await chdb.run('OPTIMIZE TABLE t.source FINAL')
    for (const [name, select] of Object.entries(SELECTS)) {
      await insert(name, select)
      expect(await count(name), name).toEqual(before.get(name))
    }
  })

  it('keeps the order of its rows', async () => {
    expect(await chdb.rows('SELECT a FROM t.ordered LIMIT 3')).toEqual([['3999'], ['3998'], ['3997']])
  })
})
