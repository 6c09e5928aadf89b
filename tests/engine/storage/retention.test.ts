import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CreateStream } from '../../../dialect/ast.js'
import { parseStatement } from '../../../dialect/index.js'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { Chdb, StreamObject } from '../../../engine/contracts.js'
import { translateExpr } from '../../../engine/planner/index.js'
import { startRetention } from '../../../engine/storage/retention.js'
import { type OpenStreamStore, openStreamStore } from '../../../engine/storage/store.js'

let dir: string
let chdb: Chdb
let store: OpenStreamStore
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tpctl-retention-'))
  chdb = await openChdb({ dir })
  store = await openStreamStore(chdb)
})
afterAll(async () => {
  await chdb.close()
  await rm(dir, { recursive: true, force: true })
})

let id = 0
function stream(sql: string, part: Partial<StreamObject> = {}): StreamObject {
  id++
  return {
    kind: 'stream',
    id,
    uuid: String(id),
    name: { database: 'default', name: `r${id}` },
    sql,
    createdAt: 0,
    mode: 'append',
    columns: [
      { name: 'i', type: 'int32', chType: 'Int32' },
      { name: '_tp_time', type: "datetime64(3, 'UTC')", chType: "DateTime64(3, 'UTC')" },
    ],
    primaryKey: [],
    shards: 1,
    settings: {},
    statement: parseStatement(sql) as CreateStream,
    ...part,
  }
}

async function sweep(s: StreamObject, consumed = store.lastSn(s)): Promise<string[]> {
  const errors: string[] = []
  const retention = startRetention({
    chdb,
    store,
    streams: () => [s],
    expression: (expr) => translateExpr(expr, { lookup: () => undefined }),
    consumed: () => consumed,
    onError: (_, message) => errors.push(message),
  })
  await retention.sweep()
  await retention.stop()
  await chdb.run(`OPTIMIZE TABLE tp.s_${s.id} FINAL`)
  return errors
}
const rows = (table: string) => chdb.rows(`SELECT i FROM ${table} ORDER BY _tp_sn`)

describe('retention', () => {
  it('drops rows whose TTL is over, and never gives their numbers again', async () => {
    const s = stream('CREATE STREAM r (i int32) TTL to_datetime(_tp_time) + INTERVAL 1 DAY')
    await store.create(s)
    await store.append(s, {
      kind: 'select',
      select: 'SELECT number AS i, now64(3) - INTERVAL number DAY AS t FROM numbers(5)',
      columns: ['i', '_tp_time'],
    })
    expect(await sweep(s)).toEqual([])
    await expect.poll(() => rows(`tp.s_${s.id}`), { timeout: 20_000 }).toEqual([[0]])
    await chdb.run(`TRUNCATE TABLE tp.s_${s.id}`)
    const again = await openStreamStore(chdb)
    await again.open([s])
    expect(again.lastSn(s)).toBe(5)
  })

  it('drops history of a keyed stream that is old and that every view has passed', async () => {
    const s = stream('CREATE STREAM r (i int32)', {
      mode: 'versioned_kv',
      primaryKey: ['i'],
      settings: { logstore_retention_ms: '1' },
    })
    await store.create(s)
    for (let i = 0; i < 3; i++) {
      await store.append(s, { kind: 'select', select: `SELECT ${i}, now64(3)`, columns: ['i', '_tp_time'] })
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await sweep(s, 2)).toEqual([])
    await expect.poll(() => rows(`tp.s_${s.id}`), { timeout: 20_000 }).toEqual([[2]])
    expect(await rows(`tp.c_${s.id}`)).toEqual([[0], [1], [2]])
  })

  it('does not read again what has no row to go soon, until rows are added', async () => {
    const s = stream('CREATE STREAM r (i int32) TTL to_datetime(_tp_time) + INTERVAL 1 DAY')
    await store.create(s)
    const add = (hoursAgo: number) =>
      store.append(s, {
        kind: 'select',
        select: `SELECT ${hoursAgo}, now64(3) - INTERVAL ${hoursAgo} HOUR`,
        columns: ['i', '_tp_time'],
      })
    await add(1)
    let reads = 0
    const counting = Object.create(chdb, {
      rows: {
        value: (sql: string) => {
          reads++
          return chdb.rows(sql)
        },
      },
    }) as Chdb
    const retention = startRetention({
      chdb: counting,
      store,
      streams: () => [s],
      expression: (expr) => translateExpr(expr, { lookup: () => undefined }),
      consumed: () => 0,
      onError: (_, message) => expect.unreachable(message),
    })
    for (let i = 0; i < 3; i++) await retention.sweep()
    expect(reads).toBe(1)
    await add(30)
    await retention.sweep()
    expect(reads).toBe(2)
    await retention.stop()
    await expect.poll(() => rows(`tp.s_${s.id}`), { timeout: 20_000 }).toEqual([[1]])
  })

  it('leaves streams without a TTL alone', async () => {
    const s = stream('CREATE STREAM r (i int32)')
    await store.create(s)
    await store.append(s, {
      kind: 'select',
      select: 'SELECT 1, toDateTime64(0, 3)',
      columns: ['i', '_tp_time'],
    })
    expect(await sweep(s)).toEqual([])
    expect(await rows(`tp.s_${s.id}`)).toEqual([[1]])
  })
})
