import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

async function failure(sql: string): Promise<string> {
  const answer = await engine.sql(sql)
  expect(answer.status, sql).toBeGreaterThanOrEqual(400)
  return answer.text.replace(/^Code: (\d+)\. DB::Exception: /, '$1 ').trim()
}

const numbers = async (stream: string) =>
  (await engine.rows(`SELECT v FROM table(${stream}) ORDER BY v`)).map(({ v }) => Number(v))

const settled = (stream: string, expected: number[]) =>
  until(async () => ((await numbers(stream)).length >= expected.length ? true : undefined)).then(async () =>
    expect(await numbers(stream)).toEqual(expected),
  )

const insert = (values: number[]) =>
  engine.run(`INSERT INTO src (v) VALUES ${values.map((v) => `(${v})`).join(', ')}`)

interface Position {
  name: string
  processed: number
  seek?: string
}

async function positions(view: string): Promise<Position[]> {
  const [row] = await engine.rows(`SELECT sources FROM system.materialized_views WHERE name = '${view}'`)
  return JSON.parse(String(row!.sources)) as Position[]
}

describe('RENAME', () => {
  it('exchanges what stands behind names in one step, views and their targets together', async () => {
    await engine.run('CREATE STREAM src (v int64)')
    await engine.run('CREATE STREAM dst (v int64)')
    await engine.run('CREATE STREAM dst_next (v int64)')
    await engine.run('CREATE MATERIALIZED VIEW mv INTO dst AS SELECT v FROM src')
    await engine.run('CREATE VIEW seen AS SELECT v FROM table(dst)')
    await insert([1, 2])
    await settled('dst', [1, 2])
    await engine.run(
      "CREATE MATERIALIZED VIEW mv_next INTO dst_next AS SELECT src.v * 10 AS v FROM src SETTINGS seek_to = 'src=earliest'",
    )
    await settled('dst_next', [10, 20])
    const swap =
      'RENAME STREAM dst TO dst_was, dst_next TO dst, mv TO mv_was, mv_next TO mv SETTINGS enable_dependency_check = false'
    expect(await failure(swap.replace(' SETTINGS enable_dependency_check = false', ''))).toMatch(
      /^630 .*seen/,
    )
    await engine.run(swap)
    expect(await numbers('dst')).toEqual([10, 20])
    expect(await engine.rows('SELECT count() AS n FROM seen WHERE v >= 10')).toEqual([{ n: '2' }])
    await insert([3])
    await settled('dst', [10, 20, 30])
    await settled('dst_was', [1, 2, 3])
    await engine.restart()
    await insert([4])
    await settled('dst', [10, 20, 30, 40])
    await settled('dst_was', [1, 2, 3, 4])
    const [shown] = await engine.rows('SHOW CREATE mv')
    expect(String(shown!.statement)).toMatch(/mv INTO default\.dst\n/)
  })

  it('of a source is followed by the view that is renamed with it, its seek_to included', async () => {
    await engine.run('CREATE STREAM one (v int64)')
    await engine.run('INSERT INTO one (v) VALUES (1)')
    await engine.run('CREATE STREAM got (v int64)')
    await engine.run(
      "CREATE MATERIALIZED VIEW reader INTO got AS SELECT v FROM one SETTINGS seek_to = 'one=earliest'",
    )
    await engine.run('RENAME STREAM one TO two, reader TO reader_of_two')
    await engine.run('INSERT INTO two (v) VALUES (2)')
    await settled('got', [1, 2])
    const [shown] = await engine.rows('SHOW CREATE reader_of_two')
    expect(String(shown!.statement)).toMatch(/seek_to = 'two=earliest'/)
  })

  it('refuses names that are taken or twice there, and sources of views that stay behind', async () => {
    await engine.run('CREATE STREAM other (v int64)')
    expect(await failure('RENAME STREAM other TO dst')).toMatch(/^57 /)
    expect(await failure('RENAME STREAM other TO a, src TO a')).toMatch(/^80 /)
    expect(await failure('RENAME STREAM src TO elsewhere SETTINGS enable_dependency_check = false')).toMatch(
      /^630 .*row by row/,
    )
    await settled('dst', [10, 20, 30, 40])
  })
})

describe('a view that takes over from another one', () => {
  it('goes on exactly where a paused view stopped, also after a restart of the engine', async () => {
    await engine.run('CREATE STREAM out (v int64)')
    await engine.run('CREATE MATERIALIZED VIEW first INTO out AS SELECT v FROM src')
    await insert([5, 6])
    await settled('out', [5, 6])
    await engine.run('SYSTEM PAUSE MATERIALIZED VIEW first PERMANENT')
    await engine.restart()
    await insert([7])
    const stopped = await until(async () => {
      const found = await positions('first')
      return found[0]!.seek === undefined ? undefined : found
    })
    expect(stopped).toMatchObject([{ name: 'src', processed: 6, seek: '6' }])
    expect(await engine.rows("SELECT state FROM system.materialized_views WHERE name = 'first'")).toEqual([
      { state: 'paused' },
    ])
    await engine.run('DROP VIEW first')
    await engine.run(
      "CREATE MATERIALIZED VIEW second INTO out AS SELECT v FROM (SELECT v FROM src SETTINGS seek_to = 'earliest') SETTINGS seek_to = 'src=6'",
    )
    await settled('out', [5, 6, 7])
  })

  it('refuses a position for something that it does not read', async () => {
    const create = (seek: string) =>
      `CREATE MATERIALIZED VIEW wrong INTO out AS SELECT v FROM src SETTINGS seek_to = '${seek}'`
    expect(await failure(create('nope=1'))).toMatch(/^36 .*nope/)
    expect(await failure(create('src=1; src=2'))).toMatch(/^36 /)
    expect(await failure(create('src=1; 2'))).toMatch(/^36 /)
  })
})
