import { afterAll, beforeAll, expect, it } from 'vitest'
import { Bench } from './harness.js'

let bench: Bench
beforeAll(async () => {
  bench = await Bench.open()
})
afterAll(() => bench.close())

/** First and last sequence number of what a view wrote, how many there are, and its values in their order. */
async function numbered(name: string): Promise<unknown[]> {
  await bench.settled(`mv_${name}`)
  const { sql } = bench.store.slice(bench.streamNamed(name), 0, Number.MAX_SAFE_INTEGER)
  const [row] = await bench.chdb.rows(
    `SELECT toUInt32(min(_tp_sn)), toUInt32(max(_tp_sn)), toUInt32(uniqExact(_tp_sn)), groupArray(v) FROM (SELECT * FROM ${sql} ORDER BY _tp_sn)`,
  )
  return row!
}

it('rows of views are numbered from 1 without gaps, behind filters, array joins and joins, in the order of arrival', async () => {
  await bench.stream('n', { v: 'int32' })
  await bench.stream('names', { v: 'int32', name: 'string' }, { mode: 'versioned_kv', primaryKey: ['v'] })
  for (const name of ['odd', 'twice', 'joined']) await bench.stream(name, { v: 'int32' })
  await bench.materialize('CREATE MATERIALIZED VIEW mv_odd INTO odd AS SELECT v FROM n WHERE v % 2 = 1')
  await bench.materialize(
    'CREATE MATERIALIZED VIEW mv_twice INTO twice AS SELECT array_join([v, v + 100]) AS v FROM n',
  )
  await bench.materialize(
    'CREATE MATERIALIZED VIEW mv_joined INTO joined AS SELECT n.v AS v FROM n INNER JOIN names ON n.v = names.v',
  )
  await bench.insert(
    'names',
    [2, 3, 3, 5].map((v) => ({ v, name: `name ${v}` })),
  )
  await bench.insert(
    'n',
    [5, 4, 3].map((v) => ({ v })),
  )
  await bench.insert(
    'n',
    [2, 1].map((v) => ({ v })),
  )
  expect(await numbered('odd')).toEqual([1, 3, 3, [5, 3, 1]])
  expect(await numbered('twice')).toEqual([1, 10, 10, [5, 105, 4, 104, 3, 103, 2, 102, 1, 101]])
  expect(await numbered('joined')).toEqual([1, 3, 3, [5, 3, 2]])
})

it('a backlog is run in pieces, and its rows keep their order, also when it is run again', async () => {
  const rows = 70_000
  const source = await bench.stream('backlog', { v: 'int32' })
  await bench.store.append(source, {
    kind: 'select',
    select: `SELECT toInt32(number) AS v FROM numbers(${rows})`,
    columns: ['v'],
  })
  await bench.stream('copied', { v: 'int32' })
  let faults = 0
  bench.fault = (point) => {
    if (point.endsWith('mv_copied:written') && faults++ === 0) throw new Error('stopped behind the write')
  }
  await bench.materialize(
    "CREATE MATERIALIZED VIEW mv_copied INTO copied AS SELECT v FROM backlog SETTINGS seek_to = 'earliest'",
  )
  await bench.settled('mv_copied')
  bench.fault = undefined
  expect(faults).toBeGreaterThan(1)
  const { sql } = bench.store.slice(bench.streamNamed('copied'), 0, Number.MAX_SAFE_INTEGER)
  const [row] = await bench.chdb.rows(
    `SELECT toUInt32(max(_tp_sn)), toUInt32(count()), toUInt32(countIf(_tp_sn = v + 1)) FROM ${sql}`,
  )
  expect(row).toEqual([rows, rows, rows])
})
