import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestEngine, until } from './harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM t (v int)')
})
afterAll(() => engine?.close())

const insert = (v: number) => engine.run(`INSERT INTO t (v) VALUES (${v})`)
const process = async (id: string) =>
  (
    await engine.rows(`SELECT query_id, query, is_streaming FROM system.processes WHERE query_id = '${id}'`)
  )[0]
const killed = (id: string) =>
  engine.rows(`KILL QUERY WHERE query_id = '${id}' SYNC`).then((rows) => rows.map((row) => row.kill_status))

it('a subscription is recovered under its own id, after a kill, a lost client and a restart', async () => {
  const sql =
    'SUBSCRIBE TO SELECT count() AS n, sum(v) AS total FROM t EMIT ON UPDATE SETTINGS checkpoint_interval = 1'
  const first = await engine.tail(sql, { query_id: 'mine', default_format: 'CSV' })
  await insert(1)
  await until(async () => first.state.text === '1,1\n' || undefined)
  expect(await killed('mine')).toEqual(['finished'])
  await first.ended
  expect(first.state.text).toContain('Code: 394.')

  await insert(2)
  const second = await engine.tail("RECOVER FROM 'mine'", { query_id: 'another', default_format: 'CSV' })
  expect(second.headers.get('x-timeplus-query-id')).toBe('mine')
  await until(async () => second.state.text === '2,3\n' || undefined)
  expect(await process('another')).toBeUndefined()
  expect(await process('mine')).toMatchObject({
    query:
      'SUBSCRIBE TO SELECT count() AS n, sum(v) AS total FROM t EMIT ON UPDATE SETTINGS checkpoint_interval = 1',
    is_streaming: true,
  })
  const twice = await engine.sql("RECOVER FROM 'mine'", { stream: true })
  expect(twice.headers.get('x-timeplus-exception-code')).toBe('216')
  await second.leave()
  await until(async () => ((await process('mine')) === undefined ? true : undefined))

  await insert(3)
  await engine.restart()
  // The recovered query streams on the snapshot port too: it is read as it was subscribed.
  const third = await engine.tail("RECOVER FROM 'mine' FORMAT JSONCompactEachRow")
  await until(async () => third.state.text === '["3", "6"]\n' || undefined)
  await engine.run("UNSUBSCRIBE TO 'mine'")
  await third.ended
  expect(third.state.text).toBe('["3", "6"]\n')
  const gone = await engine.sql("RECOVER FROM 'mine'")
  expect(gone.headers.get('x-timeplus-exception-code')).toBe('394')
})

it('the setting exec_mode subscribes as well', async () => {
  const tail = await engine.tail("SELECT v FROM t SETTINGS exec_mode = 'subscribe'", {
    query_id: 'by-setting',
  })
  await insert(4)
  await until(async () => tail.state.text === '4\n' || undefined)
  await killed('by-setting')
  await insert(5)
  const again = await engine.tail("RECOVER FROM 'by-setting'")
  await until(async () => again.state.text === '5\n' || undefined)
  await again.leave()
})

it('what is no subscription is refused', async () => {
  const code = async (sql: string, stream = true) =>
    (await engine.sql(sql, { stream })).headers.get('x-timeplus-exception-code')
  expect(await code('SUBSCRIBE TO SELECT v FROM table(t)')).toBe('48')
  expect(await code('SUBSCRIBE TO SELECT v FROM t', false)).toBe('48')
  expect(await code("RECOVER FROM 'never'")).toBe('2003')
  expect(await code("UNSUBSCRIBE TO 'never'")).toBeNull()
  expect(await code('RECOVER FROM never')).toBe('62')
})
