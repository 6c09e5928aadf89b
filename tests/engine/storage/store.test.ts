import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openChdb } from '../../../engine/chdb/pool.js'
import type { Chdb, Column, StreamObject, StreamStore } from '../../../engine/contracts.js'
import { dropOrphans } from '../../../engine/storage/orphans.js'
import { openStreamStore } from '../../../engine/storage/store.js'

const TIME: Column = {
  name: '_tp_time',
  type: "datetime64(3, 'UTC')",
  chType: "DateTime64(3, 'UTC')",
  default: { kind: 'default', sql: "now64(3, 'UTC')", chSql: "now64(3, 'UTC')" },
}
let nextId = 1
function stream(part: Partial<StreamObject>): StreamObject {
  const id = nextId++
  return {
    kind: 'stream',
    id,
    uuid: `00000000-0000-0000-0000-${String(id).padStart(12, '0')}`,
    name: { database: 'default', name: `s${id}` },
    sql: '',
    createdAt: 0,
    mode: 'append',
    columns: [
      { name: 'i', type: 'int32', chType: 'Int32' },
      { name: 's', type: 'string', chType: 'String' },
      {
        name: 'd',
        type: 'string',
        chType: 'String',
        default: { kind: 'default', sql: "concat(s, '!')", chSql: "concat(`s`, '!')" },
      },
      TIME,
    ],
    primaryKey: [],
    shards: 1,
    settings: {},
    ...part,
  }
}
const json = (rows: unknown[]) => new TextEncoder().encode(rows.map((r) => JSON.stringify(r)).join('\n'))

describe('stream store', () => {
  let dir: string
  let chdb: Chdb
  let store: StreamStore
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tpctl-store-'))
    chdb = await openChdb({ dir })
    store = await openStreamStore(chdb)
  })
  afterAll(async () => {
    await chdb.close()
    await rm(dir, { recursive: true, force: true })
  })
  const all = (s: StreamObject, columns = 'i, s, d, toString(_tp_sn)') =>
    chdb.rows(`SELECT ${columns} FROM ${store.current(s).sql} ORDER BY _tp_sn`)

  it('numbers rows without a gap, in their order, and fills defaults', async () => {
    const s = stream({})
    await store.create(s)
    const first = await store.append(s, {
      kind: 'data',
      format: 'JSONEachRow',
      data: json([
        { i: 1, s: 'a' },
        { i: 2, s: 'b', d: 'given' },
      ]),
      columns: ['i', 's', 'd', '_tp_time'],
    })
    expect(first).toEqual({ rows: 2, first: 1, last: 2 })
    const second = await store.append(s, {
      kind: 'select',
      select: "SELECT 3 AS i, 'c' AS s",
      columns: ['i', 's'],
    })
    expect(second).toEqual({ rows: 1, first: 3, last: 3 })
    expect(await all(s)).toEqual([
      [1, 'a', 'a!', '1'],
      [2, 'b', 'given', '2'],
      [3, 'c', 'c!', '3'],
    ])
    expect(store.lastSn(s)).toBe(3)
    expect(await chdb.rows(`SELECT i FROM ${store.slice(s, 1, 2).sql}`)).toEqual([[2]])
  })

  it('keeps the order of 100,000 rows in one part', async () => {
    const s = stream({})
    await store.create(s)
    const rows = Array.from({ length: 100_000 }, (_, i) => ({ i, s: `token ${i}` }))
    await store.append(s, { kind: 'data', format: 'JSONEachRow', data: json(rows), columns: ['i', 's'] })
    expect(
      await chdb.rows(
        `SELECT toString(count()), toString(countIf(i + 1 != _tp_sn)), toString(uniqExact(_part)) FROM tp.s_${s.id}`,
      ),
    ).toEqual([['100000', '0', '1']])
  })

  it('takes data that is no text', async () => {
    const s = stream({})
    await store.create(s)
    await store.append(s, {
      kind: 'data',
      format: 'CSV',
      data: Buffer.from([0x31, 0x2c, 0xff, 0x00, 0x0a]),
      columns: ['i', 's'],
    })
    await store.append(s, {
      kind: 'data',
      format: 'JSONEachRow',
      data: json([{ i: 2, s: "$tp$ ' \\ ` $$" }]),
      columns: ['i', 's'],
    })
    expect(await all(s, 'hex(s)')).toEqual([
      ['FF00'],
      [Buffer.from("$tp$ ' \\ ` $$").toString('hex').toUpperCase()],
    ])
  })

  it('drops a repeated append with the same token, also after reopening', async () => {
    const s = stream({})
    await store.create(s)
    const append = (to: StreamStore) =>
      to.append(
        s,
        { kind: 'select', select: "SELECT 1 AS i, 'a' AS s", columns: ['i', 's'] },
        { token: 'q:1' },
      )
    expect((await append(store)).rows).toBe(1)
    expect(await append(store)).toEqual({ rows: 0, first: 2, last: 1 })
    const again = await openStreamStore(chdb)
    await again.open([s])
    expect(again.lastSn(s)).toBe(1)
    expect((await append(again)).rows).toBe(0)
    expect((await all(s)).length).toBe(1)
  })

  it('serialises appends and lets the lock holder append', async () => {
    const s = stream({})
    await store.create(s)
    const one = (i: number) =>
      store.append(s, { kind: 'select', select: `SELECT ${i} AS i, '' AS s`, columns: ['i', 's'] })
    const held = store.withWriter(s, async (nextSn) => {
      const result = await one(100)
      expect(result.first).toBe(nextSn)
      return one(101)
    })
    await Promise.all([held, ...Array.from({ length: 10 }, (_, i) => one(i))])
    expect(
      await chdb.rows(
        `SELECT toString(count()), toString(max(_tp_sn)), toString(uniqExact(_tp_sn)) FROM tp.s_${s.id}`,
      ),
    ).toEqual([['12', '12', '12']])
    expect((await all(s, 'i')).slice(0, 2)).toEqual([[100], [101]])
  })

  it('calls watchers after a commit, not before', async () => {
    const s = stream({})
    await store.create(s)
    const seen: number[] = []
    const stop = store.watch(s, () => seen.push(store.lastSn(s)))
    await store.append(s, { kind: 'select', select: "SELECT 1 AS i, '' AS s", columns: ['i', 's'] })
    await Promise.resolve()
    stop()
    await store.append(s, { kind: 'select', select: "SELECT 1 AS i, '' AS s", columns: ['i', 's'] })
    await Promise.resolve()
    expect(seen).toEqual([1])
  })

  it('never gives a sequence number twice, also after truncating and reopening', async () => {
    const s = stream({})
    await store.create(s)
    const one = (to: StreamStore) =>
      to.append(s, { kind: 'select', select: "SELECT 1 AS i, '' AS s", columns: ['i', 's'] })
    await one(store)
    await one(store)
    await store.truncate(s)
    const again = await openStreamStore(chdb)
    await again.open([s])
    expect((await one(again)).first).toBe(3)
  })

  it('gives no number twice where a write is committed but reported as failed', async () => {
    const s = stream({})
    let fail = false
    const failing: Chdb = {
      run: (sql, options) => chdb.run(sql, options),
      rows: (sql, options) => chdb.rows(sql, options),
      stream: (sql, options) => chdb.stream(sql, options),
      describe: (sql) => chdb.describe(sql),
      kill: (tag) => chdb.kill(tag),
      close: () => chdb.close(),
      async insertSelect(insert) {
        await chdb.insertSelect(insert)
        if (fail) throw new Error('killed at its end')
      },
    }
    const shaky = await openStreamStore(failing)
    await shaky.create(s)
    const one = () =>
      shaky.append(s, { kind: 'select', select: "SELECT 1 AS i, '' AS s", columns: ['i', 's'] })
    fail = true
    await expect(one()).rejects.toThrow('killed at its end')
    fail = false
    expect((await one()).first).toBe(2)
    expect(shaky.lastSn(s)).toBe(2)
  })

  it('forgets tables and numbers of streams that nobody knows', async () => {
    const kept = stream({})
    const lost = stream({})
    for (const s of [kept, lost]) {
      await store.create(s)
      await store.append(s, { kind: 'select', select: "SELECT 1 AS i, '' AS s", columns: ['i', 's'] })
      await store.truncate(s)
    }
    const known = new Set(Array.from({ length: lost.id - 1 }, (_, i) => i + 1))
    expect(await dropOrphans(chdb, known)).toBe(1)
    const again = await openStreamStore(chdb)
    await again.create(lost)
    await again.open([kept, lost])
    expect([again.lastSn(kept), again.lastSn(lost)]).toEqual([1, 0])
  })

  describe('keyed', () => {
    const keyed = (part: Partial<StreamObject> = {}) =>
      stream({
        mode: 'versioned_kv',
        primaryKey: ['s'],
        versionColumn: 'i',
        columns: [
          { name: 'i', type: 'int32', chType: 'Int32' },
          { name: 's', type: 'string', chType: 'String' },
          { name: 'v', type: 'string', chType: 'String' },
          TIME,
        ],
        ...part,
      })
    const put = (s: StreamObject, rows: [number, string, string][], to = store) =>
      to.append(s, {
        kind: 'data',
        format: 'JSONCompactEachRow',
        data: new TextEncoder().encode(rows.map((r) => JSON.stringify(r)).join('\n')),
        columns: ['i', 's', 'v'],
      })
    const rows = (s: StreamObject) => chdb.rows(`SELECT s, i, v FROM ${store.current(s).sql} ORDER BY s`)

    it('the larger version wins whatever the order of arrival, a tie goes to the later row', async () => {
      const s = keyed()
      await store.create(s)
      await put(s, [
        [5, 'a', 'five'],
        [3, 'b', 'three'],
        [3, 'b', 'three again'],
      ])
      await put(s, [
        [4, 'a', 'four'],
        [3, 'b', 'three at last'],
      ])
      expect(await rows(s)).toEqual([
        ['a', 5, 'five'],
        ['b', 3, 'three at last'],
      ])
      expect(await chdb.rows(`SELECT toString(count()) FROM ${store.slice(s, 0, 99).sql}`)).toEqual([['5']])
    })

    it('without a version column the last row wins in a mutable stream', async () => {
      const s = keyed({ mode: 'mutable', versionColumn: undefined })
      await store.create(s)
      await put(s, [
        [5, 'a', 'x'],
        [4, 'a', 'y'],
      ])
      expect(await rows(s)).toEqual([['a', 4, 'y']])
    })

    it('deletes by tombstones that readers of the history see', async () => {
      const s = keyed({ mode: 'mutable', versionColumn: undefined })
      await store.create(s)
      await put(s, [
        [1, 'a', 'x'],
        [2, 'b', 'y'],
      ])
      await store.delete(s, '`i` = 1')
      expect(await rows(s)).toEqual([['b', 2, 'y']])
      expect(await chdb.rows(`SELECT s, _tp_delta FROM ${store.slice(s, 2, 99).sql}`)).toEqual([['a', -1]])
      await put(s, [[0, 'a', 'back']])
      expect(await rows(s)).toEqual([
        ['a', 0, 'back'],
        ['b', 2, 'y'],
      ])
    })

    it('writes current rows later where that failed, also for a repeated append', async () => {
      const s = keyed({ mode: 'mutable', versionColumn: undefined })
      let full = false
      const failing: Chdb = {
        run: (sql, options) => chdb.run(sql, options),
        rows: (sql, options) => chdb.rows(sql, options),
        stream: (sql, options) => chdb.stream(sql, options),
        describe: (sql) => chdb.describe(sql),
        kill: (tag) => chdb.kill(tag),
        close: () => chdb.close(),
        async insertSelect(insert) {
          if (full && insert.table.includes('.c_')) throw new Error('disk full')
          await chdb.insertSelect(insert)
        },
      }
      const shaky = await openStreamStore(failing)
      await shaky.create(s)
      const one = () =>
        shaky.append(
          s,
          { kind: 'select', select: "SELECT 1 AS i, 'k' AS s, 'v' AS v", columns: ['i', 's', 'v'] },
          { token: 'once' },
        )
      full = true
      await expect(one()).rejects.toThrow('disk full')
      expect(await rows(s)).toEqual([])
      full = false
      await one()
      expect(await rows(s)).toEqual([['k', 1, 'v']])
      expect(shaky.lastSn(s)).toBe(1)
    })

    it('repairs what a crash left between history and current rows', async () => {
      const s = keyed()
      await store.create(s)
      await put(s, [[1, 'a', 'x']])
      await chdb.run(`INSERT INTO tp.s_${s.id} (i, s, v, _tp_sn) VALUES (2, 'a', 'lost?', 2)`)
      const again = await openStreamStore(chdb)
      await again.open([s])
      expect(again.lastSn(s)).toBe(2)
      expect(await rows(s)).toEqual([['a', 2, 'lost?']])
    })

    it('a changelog_kv stream stacks the rows of a key: -1 takes the last one away, or waits for one', async () => {
      const delta = { kind: 'default' as const, sql: '1', chSql: '1' }
      const s = keyed({
        mode: 'changelog_kv',
        versionColumn: undefined,
        columns: [
          { name: 'i', type: 'int32', chType: 'Int32' },
          { name: 's', type: 'string', chType: 'String' },
          { name: '_tp_delta', type: 'int8', chType: 'Int8', default: delta },
          TIME,
        ],
      })
      await store.create(s)
      const changes = (given: [number, string, number][], to = store) =>
        to.append(s, {
          kind: 'data',
          format: 'JSONCompactEachRow',
          data: new TextEncoder().encode(given.map((r) => JSON.stringify(r)).join('\n')),
          columns: ['i', 's', '_tp_delta'],
        })
      const current = () => chdb.rows(`SELECT s, i, _tp_delta FROM ${store.current(s).sql} ORDER BY s, i`)
      await changes([
        [1, 'a', 1],
        [2, 'a', 1],
        [1, 'b', 1],
        [9, 'c', -1],
      ])
      expect(await current()).toEqual([
        ['a', 1, 1],
        ['a', 2, 1],
        ['b', 1, 1],
      ])
      await changes([
        [2, 'a', -1],
        [1, 'b', -1],
        [2, 'b', 1],
        [3, 'c', 1],
      ])
      expect(await current()).toEqual([
        ['a', 1, 1],
        ['b', 2, 1],
      ])
      await changes([[4, 'c', 1]])
      // A crash before the current rows were written; what was written is not taken twice.
      await chdb.run(
        `INSERT INTO tp.s_${s.id} (i, s, _tp_delta, _tp_sn) VALUES (5, 'a', 1, 10), (4, 'c', -1, 11)`,
      )
      await (await openStreamStore(chdb)).open([s])
      await (await openStreamStore(chdb)).open([s])
      expect(await current()).toEqual([
        ['a', 1, 1],
        ['a', 5, 1],
        ['b', 2, 1],
      ])
    })

    it('keeps 64-bit versions exact', async () => {
      const s = keyed({
        columns: [
          { name: 'i', type: 'uint64', chType: 'UInt64' },
          { name: 's', type: 'string', chType: 'String' },
          { name: 'v', type: 'string', chType: 'String' },
          TIME,
        ],
      })
      await store.create(s)
      for (const [version, v] of [
        ['18446744073709551615', 'max'],
        ['18446744073709551614', 'less'],
      ]) {
        await store.append(s, {
          kind: 'data',
          format: 'CSV',
          data: Buffer.from(`${version},k,${v}\n`),
          columns: ['i', 's', 'v'],
        })
      }
      expect(await chdb.rows(`SELECT v, toString(i) FROM ${store.current(s).sql}`)).toEqual([
        ['max', '18446744073709551615'],
      ])
    })
  })
})
