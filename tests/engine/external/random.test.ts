import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseStatement } from '../../../dialect/index.js'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { Chdb, RandomStreamObject } from '../../../engine/contracts.js'
import { attachRandom, snapshotRandom } from '../../../engine/external/random.js'
import { checkRandomSettings } from '../../../engine/statements/stream_settings.js'
import { type OpenStreamStore, openStreamStore } from '../../../engine/storage/store.js'

let dir: string
let chdb: Chdb
let store: OpenStreamStore
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'random-'))
  chdb = await openChdb({ dir })
  store = await openStreamStore(chdb)
})
afterAll(async () => {
  await chdb.close()
  await rm(dir, { recursive: true, force: true })
})

function counting(): RandomStreamObject {
  const sql = 'monotonic(2)'
  const statement = parseStatement('CREATE RANDOM STREAM r (id int32 DEFAULT monotonic(2), v int32)')
  if (statement.kind !== 'create_random_stream') throw new Error(statement.kind)
  return {
    kind: 'random_stream',
    id: 1,
    uuid: '00000000-0000-0000-0000-000000000001',
    name: { database: 'default', name: 'r' },
    sql: '',
    statement,
    createdAt: 0,
    columns: [
      {
        name: 'id',
        type: 'int32',
        chType: 'Int32',
        default: { kind: 'default', sql, chSql: 'toInt64(2 + rowNumberInAllBlocks())' },
      },
      { name: 'v', type: 'int32', chType: 'Int32' },
    ],
    settings: { eps: '0' },
  }
}

describe('random streams', () => {
  it('table() gives one block, or max_events rows', async () => {
    const rows = async (settings: Record<string, string>) => {
      const { relation } = snapshotRandom(counting(), settings)
      return chdb.rows(`SELECT count(), min(id), max(id) FROM ${relation.sql}`)
    }
    expect(await rows({ max_events: '1000' })).toEqual([['1000', 2, 1001]])
    expect(await rows({})).toEqual([['65409', 2, 65410]])
    await expect(rows({ max_events: '-1' })).rejects.toMatchObject({ code: 36 })
  })

  it('monotonic goes on from block to block, and max_events ends it', async () => {
    const inbox = await attachRandom(
      counting(),
      { queryId: 'q', settings: { max_events: '150000' } },
      { store, nextId: () => 7 },
    )
    try {
      while (store.lastSn(inbox.stream) < 150_000) await new Promise((resolve) => setTimeout(resolve, 5))
      const { sql } = inbox.slice(0, 150_000)
      expect(await chdb.rows(`SELECT count(), uniqExact(id), min(id), max(id) FROM ${sql}`)).toEqual([
        ['150000', '150000', 2, 150_001],
      ])
    } finally {
      await inbox.close()
    }
  })

  it('of several shards get their rows from them in turn; fewer events than shards come from the first', async () => {
    const shards = async (settings: Record<string, string>) => {
      const object = { ...counting(), settings: { shards: '3', ...settings } }
      const inbox = await attachRandom(object, { queryId: 'q', settings: {} }, { store, nextId: () => 8 })
      try {
        while (store.lastSn(inbox.stream) < 1) await new Promise((resolve) => setTimeout(resolve, 5))
        await store.append(inbox.stream, {
          kind: 'select',
          select: 'SELECT 1 FROM numbers(9)',
          columns: ['v'],
        })
        const { sql } = inbox.slice(0, 9)
        return (
          await chdb.rows(`SELECT groupArray(_tp_shard) FROM (SELECT * FROM ${sql} ORDER BY _tp_sn)`)
        )[0]![0]
      } finally {
        await inbox.close()
      }
    }
    expect(await shards({ eps: '0' })).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2])
    expect(await shards({ eps: '2' })).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0])
    const { relation } = snapshotRandom({ ...counting(), settings: { eps: '0', shards: '3' } }, {})
    expect(await chdb.rows(`SELECT count(), uniqExact(_tp_shard) FROM ${relation.sql}`)).toEqual([
      [String(3 * 65_409), '3'],
    ])
  })

  it('need an interval_time within a second', () => {
    expect(() => checkRandomSettings({ interval_time: '15000' })).toThrow(
      expect.objectContaining({ code: 471 }),
    )
    expect(() => checkRandomSettings({ interval_time: '5' })).not.toThrow()
  })
})
