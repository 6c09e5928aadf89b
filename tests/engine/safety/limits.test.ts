/** What one query may take, and that nothing one query does keeps the others from being answered. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM s (i uint64)')
  await engine.run('CREATE STREAM other (i uint64)')
})
afterAll(() => engine?.close())

/** Never ends by itself. */
const ENDLESS = 'SELECT sum(number * number % 7) AS i FROM numbers(1000000000000000)'
const code = async (sql: string, params?: Record<string, string>, stream = false) =>
  Number(/^Code: (\d+)/.exec((await engine.sql(sql, { params, stream })).text)?.[1])

describe('limits of a query', () => {
  it.each([
    ['in its settings', `${ENDLESS} SETTINGS max_execution_time = 1`, {}],
    ['in the request', ENDLESS, { max_execution_time: '1' }],
    ['of an INSERT', `INSERT INTO s (i) ${ENDLESS} SETTINGS max_execution_time = 1`, {}],
    ['in a format that is printed at once', `${ENDLESS} FORMAT Pretty`, { max_execution_time: '1' }],
  ])('time, %s', async (_, sql, params) => {
    expect(await code(sql, params)).toBe(159)
  })

  it('time of a streaming query', async () => {
    const { text } = await engine.sql('SELECT i FROM s', {
      params: { max_execution_time: '1' },
      stream: true,
    })
    expect(text).toMatch(/^Code: 159\. DB::Exception: Timeout exceeded: elapsed [\d.]+ seconds, maximum: 1\./)
  })

  it.each([
    ['SELECT', 'SELECT length(group_array(number)) FROM numbers(1000000000)'],
    ['ORDER BY', 'SELECT number FROM numbers(1000000000) ORDER BY rand() FORMAT Null'],
    ['INSERT', 'INSERT INTO s (i) SELECT length(group_array(number)) FROM numbers(1000000000)'],
    [
      'DISTINCT in a view of its own',
      'SELECT count() FROM (SELECT DISTINCT number FROM numbers(1000000000))',
    ],
  ])('memory: %s', async (_, sql) => {
    expect(await code(sql, { max_memory_usage: '100000000' })).toBe(241)
  })

  it('rows read, rows and bytes of a result', async () => {
    expect(await code('SELECT sum(number) FROM numbers(100000)', { max_rows_to_read: '1000' })).toBe(158)
    expect(await code('SELECT number FROM numbers(100000)', { max_result_rows: '1000' })).toBe(396)
    expect(await code('SELECT number FROM numbers(100000) FORMAT Pretty', { max_result_bytes: '1000' })).toBe(
      396,
    )
    await engine.run('INSERT INTO s (i) SELECT number FROM numbers(50)')
    const { text } = await engine.sql('SELECT i FROM s WHERE _tp_time > earliest_ts()', {
      params: { max_result_rows: '10' },
      stream: true,
    })
    expect(text).toMatch(/Code: 396\. DB::Exception: Limit for result exceeded/)
  })
})

describe('a runaway query', () => {
  it('stalls no other, and is killed', async () => {
    const ids = Array.from({ length: 6 }, (_, i) => `runaway-${i}`)
    const runaways = ids.map((query_id, i) => {
      const sql = [ENDLESS, `INSERT INTO s (i) ${ENDLESS}`, `${ENDLESS} FORMAT Pretty`][i % 3]!
      return engine.sql(sql, { params: { query_id, max_threads: '1' } })
    })
    const running = () => engine.rows("SELECT query_id FROM system.processes WHERE query_id LIKE 'runaway-%'")
    await until(async () => ((await running()).length === ids.length ? true : undefined))

    await engine.run('INSERT INTO other (i) VALUES (1)')
    expect(await engine.rows('SELECT i FROM table(other)')).toEqual([{ i: '1' }])
    await engine.run('CREATE MATERIALIZED VIEW copied AS SELECT i FROM other')
    await engine.run('INSERT INTO other (i) VALUES (2)')
    await until(async () =>
      (await engine.rows('SELECT i FROM table(copied)')).some(({ i }) => i === '2') ? true : undefined,
    )

    await engine.run("KILL QUERY WHERE query_id LIKE 'runaway-%'")
    for (const answer of await Promise.all(runaways)) expect(answer.text).toMatch(/^Code: 394\./)
    expect(await running()).toEqual([])
    await engine.run('INSERT INTO s (i) VALUES (1)')
  })

  it('ends with its client', async () => {
    const gone = new AbortController()
    const left = fetch(`${engine.engine.url}/?query_id=left`, {
      method: 'POST',
      body: ENDLESS,
      signal: gone.signal,
    }).catch(() => undefined)
    const running = () => engine.rows("SELECT query_id FROM system.processes WHERE query_id = 'left'")
    await until(async () => ((await running()).length === 1 ? true : undefined))
    gone.abort()
    await left
    await until(async () => ((await running()).length === 0 ? true : undefined))
  })
})
