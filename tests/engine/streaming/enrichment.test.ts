import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Bench, until } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
  await bench.stream(
    'tokens',
    { type: 'string', address: 'string', symbol: 'string', ver: 'uint64' },
    { mode: 'mutable', primaryKey: ['type', 'address'], versionColumn: 'ver' },
  )
  await bench.stream(
    'banned',
    { address: 'string', reason: 'string' },
    { mode: 'versioned_kv', primaryKey: ['address'] },
  )
  await bench.stream('feed', { address: 'string', rank: 'uint32' })
})
afterAll(() => bench.close())

describe('enrichment of an append stream', () => {
  it("LATEST over other keys than the stream's takes what arrived last under them, from what stood at the start on", async () => {
    await bench.stream(
      'grade',
      { g: 'int32', name: 'string' },
      { mode: 'versioned_kv', primaryKey: ['name'] },
    )
    await bench.stream('pupil', { g: 'int32', who: 'string' })
    await bench.insert('grade', [{ g: 1, name: 'gone' }])
    await bench.insert('grade', [
      { g: 9, name: 'gone' },
      { g: 1, name: 'first' },
    ])
    const tail = await bench.query('SELECT who, name FROM pupil LEFT LATEST JOIN grade ON pupil.g = grade.g')
    await bench.insert('pupil', [{ g: 1, who: 'a' }])
    expect(await tail.take(1)).toEqual([['a', 'first']])
    await bench.insert('grade', [{ g: 1, name: 'second' }])
    // The row's own key moves on; the grade's last row stays.
    await bench.insert('grade', [{ g: 2, name: 'second' }])
    await bench.insert('pupil', [{ g: 1, who: 'b' }])
    await bench.insert('pupil', [{ g: 2, who: 'c' }])
    expect((await tail.take(3)).slice(1)).toEqual([
      ['b', 'second'],
      ['c', 'second'],
    ])
    await tail.stop()
  })

  it('ASOF on the version keeps strict strict, LATEST nests on it, defaults for the unknown', async () => {
    await bench.view(
      `CREATE VIEW v_tokens AS
       SELECT t.address AS address, t.rank AS rank, j.type AS type, j.symbol AS symbol
       FROM (SELECT address, rank, to_uint64(to_unix_timestamp64_milli(_tp_time)) + to_uint64(4611686018427387904) AS asof_key FROM feed) AS t
       LEFT ASOF JOIN tokens AS j ON t.address = j.address AND t.asof_key >= j.ver
       SETTINGS keep_versions = 1`,
    )
    const strict = 2n ** 60n
    await bench.insert('tokens', [
      { type: 'strict', address: 'a', symbol: 'AAA', ver: String(strict + 5n) },
      { type: 'all', address: 'b', symbol: 'BBB', ver: '7' },
    ])
    await bench.insert('banned', [{ address: 'b', reason: 'scam' }])
    const tail = await bench.query(
      `SELECT x.address AS address, x.type AS type, x.symbol AS symbol, b.address != '' AS banned
       FROM (SELECT * FROM v_tokens WHERE rank < 20) AS x
       LEFT LATEST JOIN banned AS b ON x.address = b.address`,
    )
    expect(tail.query.columns.map((c) => c.type)).toEqual(['string', 'string', 'string', 'bool'])
    await bench.insert('feed', [
      { address: 'a', rank: 1 },
      { address: 'b', rank: 2 },
      { address: 'u', rank: 3 },
      { address: 'a', rank: 30 },
    ])
    expect(await tail.take(3)).toEqual([
      ['a', 'strict', 'AAA', false],
      ['b', 'all', 'BBB', true],
      ['u', '', '', false],
    ])
    // A later row of the weaker list has the smaller version; what changed on the right counts from now on.
    await bench.insert('tokens', [{ type: 'all', address: 'a', symbol: 'weak', ver: '99' }])
    await bench.insert('tokens', [{ type: 'all', address: 'u', symbol: 'UUU', ver: '1' }])
    await bench.insert('feed', [
      { address: 'a', rank: 1 },
      { address: 'u', rank: 1 },
    ])
    expect((await tail.take(5)).slice(3)).toEqual([
      ['a', 'strict', 'AAA', false],
      ['u', 'all', 'UUU', false],
    ])
    await tail.stop()
  })

  it('INNER ALL gives every match and drops the unmatched; right rows trigger nothing', async () => {
    const tail = await bench.query(
      'SELECT f.address AS a, j.type AS t FROM feed AS f JOIN tokens AS j ON f.address = j.address',
    )
    await bench.insert('tokens', [{ type: 'strict', address: 'c', symbol: 'C', ver: '1' }])
    await bench.insert('tokens', [{ type: 'all', address: 'c', symbol: 'C', ver: '2' }])
    await bench.insert('feed', [
      { address: 'c', rank: 1 },
      { address: 'none', rank: 1 },
    ])
    const rows = await tail.take(2)
    expect(rows.sort()).toEqual([
      ['c', 'all'],
      ['c', 'strict'],
    ])
    await tail.stop()
  })

  it('ASOF keeps the keep_versions largest values of the history, ties newest first', async () => {
    await bench.stream(
      'rates',
      { currency: 'string', at: 'int32', rate: 'int32' },
      { mode: 'versioned_kv', primaryKey: ['currency'] },
    )
    await bench.stream('trades', { currency: 'string', at: 'int32' })
    for (const [at, rate] of [
      [10, 1],
      [20, 2],
      [30, 3],
      [40, 4],
      [40, 5],
    ]) {
      await bench.insert('rates', [{ currency: 'EUR', at, rate }])
    }
    const ask = async (keep: number, op: string) => {
      const tail = await bench.query(
        `SELECT t.at, r.rate FROM trades AS t LEFT ASOF JOIN rates AS r ON t.currency = r.currency AND t.at ${op} r.at SETTINGS keep_versions = ${keep}`,
      )
      await bench.insert('trades', [
        { currency: 'EUR', at: 15 },
        { currency: 'EUR', at: 25 },
        { currency: 'EUR', at: 45 },
      ])
      const rows = await tail.take(3)
      await tail.stop()
      return rows
    }
    // Kept: 40, 40, 30.
    expect(await ask(3, '>=')).toEqual([
      [15, 0],
      [25, 0],
      [45, 5],
    ])
    expect(await ask(4, '>=')).toEqual([
      [15, 0],
      [25, 2],
      [45, 5],
    ])
    expect(await ask(4, '<=')).toEqual([
      [15, 2],
      [25, 3],
      [45, 0],
    ])
  })

  it('a side of a LATEST join keeps the newest row of each key', async () => {
    await bench.stream('prices', { currency: 'string', rate: 'int32' })
    await bench.stream('orders', { currency: 'string' })
    const tail = await bench.query(
      'SELECT o.currency, p.rate FROM orders AS o LATEST JOIN prices AS p ON o.currency = p.currency',
    )
    for (const rate of [1, 2, 3]) {
      await bench.insert('prices', [
        { currency: 'EUR', rate },
        { currency: 'USD', rate: 10 * rate },
      ])
    }
    await until(() => bench.runtime.quiet('default'))
    const tables = await bench.chdb.rows<[string]>(
      "SELECT name FROM system.tables WHERE database = 'tp_state' AND name LIKE '%\\_side%'",
    )
    const side = `tp_state.\`${tables.at(-1)![0]}\``
    await bench.chdb.run(`OPTIMIZE TABLE ${side} FINAL`)
    expect(await bench.chdb.rows(`SELECT count() FROM ${side}`)).toEqual([['2']])
    await bench.insert('orders', [{ currency: 'EUR' }, { currency: 'USD' }])
    expect(await tail.take(2)).toEqual([
      ['EUR', 3],
      ['USD', 30],
    ])
    await tail.stop()
  })

  it('table() is read when the query starts', async () => {
    await bench.stream('names', { k: 'string', n: 'string' })
    await bench.insert('names', [{ k: 'a', n: 'Anna' }])
    const tail = await bench.query(
      'SELECT f.address, n.n FROM feed AS f LEFT JOIN table(names) AS n ON f.address = n.k',
    )
    await bench.insert('names', [{ k: 'b', n: 'late' }])
    await bench.insert('feed', [
      { address: 'a', rank: 1 },
      { address: 'b', rank: 1 },
    ])
    expect(await tail.take(2)).toEqual([
      ['a', 'Anna'],
      ['b', ''],
    ])
    await tail.stop()
  })

  it('a right subquery shows the current rows that pass its filter', async () => {
    const tail = await bench.query(
      `SELECT f.address, j.s FROM feed AS f LEFT LATEST JOIN (SELECT address, lower(symbol) AS s FROM tokens WHERE type = 'strict') AS j ON f.address = j.address`,
    )
    await bench.insert('feed', [
      { address: 'a', rank: 1 },
      { address: 'b', rank: 1 },
    ])
    expect(await tail.take(2)).toEqual([
      ['a', 'aaa'],
      ['b', ''],
    ])
    await tail.stop()
  })

  it('an aliased stream answers to its own name as well', async () => {
    const tail = await bench.query(
      'SELECT feed.rank, t.symbol FROM feed AS f JOIN tokens AS t ON feed.address = tokens.address WHERE feed.rank = 70',
    )
    await bench.insert('feed', [{ address: 'a', rank: 70 }])
    expect((await tail.take(2)).map(String).sort()).toEqual(['70,AAA', '70,weak'])
    await tail.stop()
  })

  it('each stream of a join begins where WHERE says of it, by its own name and database too', async () => {
    await bench.stream('one', { v: 'int32' })
    await bench.stream('two', { v: 'int32' })
    for (const name of ['one', 'two']) for (const v of [1, 2, 3, 2]) await bench.insert(name, [{ v }])
    const tail = await bench.query(
      'SELECT a.v, a._tp_sn, b._tp_sn FROM one AS a JOIN two AS b ON a.v = b.v WHERE one._tp_sn >= 1 AND default.two._tp_sn > 1',
    )
    // The number is the right side's, whichever side it is asked of.
    expect((await tail.take(3)).map(String).sort()).toEqual(['2,3,3', '2,3,3', '3,2,2'])
    await tail.stop()
  })

  it('refuses joins outside the matrix', async () => {
    const fails = (sql: string, code: number) => expect(bench.query(sql)).rejects.toMatchObject({ code })
    await fails('SELECT * FROM feed AS f RIGHT JOIN tokens AS t ON f.address = t.address', 48)
    await fails('SELECT * FROM tokens AS t JOIN feed AS f ON t.address = f.address', 48)
    await fails('SELECT t.address FROM tokens AS t JOIN banned AS b ON t.address = b.address', 80)
    await fails('SELECT * FROM feed AS f ASOF JOIN tokens AS t ON f.address = t.address', 403)
    await fails('SELECT * FROM feed AS f JOIN tokens AS t ON f.rank > t.ver', 403)
  })
})
