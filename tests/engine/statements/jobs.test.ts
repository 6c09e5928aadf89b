import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

/** Bodies that the remote function was called with. */
const calls: { k: string[] }[] = []
let answer = 200
let hook: Server
let engine: TestEngine
beforeAll(async () => {
  hook = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const columns = JSON.parse(body) as { k: string[] }
      if (answer === 200) calls.push(columns)
      response.writeHead(answer, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ result: columns.k.map(() => 'ok') }))
    })
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  engine = await TestEngine.start()
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
  await engine.run(`CREATE REMOTE FUNCTION notify(k string) RETURNS string URL '${url}'`)
})
afterAll(async () => {
  await engine?.close()
  hook?.close()
})

const text = async (sql: string) => (await engine.sql(sql)).text
const task = async (name: string) =>
  (await engine.rows(`SELECT * FROM system.tasks WHERE name = '${name}'`))[0]!
const alert = async (name: string) =>
  (await engine.rows(`SELECT * FROM system.alerts WHERE name = '${name}'`))[0]!
const insert = (keys: string[]) =>
  engine.run(`INSERT INTO events (k) VALUES ${keys.map((k) => `('${k}')`).join(', ')}`)

/** The number of a row of `system.tasks` or `system.alerts` once it is at least so large. */
const reaches = (read: () => Promise<Record<string, unknown>>, column: string, least: number) =>
  until(async () => {
    const row = await read()
    return Number(row[column]) >= least ? row : undefined
  })

describe('tasks', () => {
  it('run each so often, tell how it went, pause and outlive a restart', async () => {
    await engine.run('CREATE STREAM source (a int)')
    await engine.run('INSERT INTO source (a) VALUES (1), (2)')
    await engine.run('CREATE STREAM counted (n uint64, s int64)')
    await engine.run(
      'CREATE TASK t SCHEDULE 200ms TIMEOUT 5s INTO counted AS SELECT count() AS n, sum(a) AS s, 1 AS other FROM table(source)',
    )
    const row = await reaches(() => task('t'), 'runs', 2)
    expect(row).toMatchObject({ failures: '0', last_rows: '1', last_error: '', target: 'default.counted' })
    expect((await engine.rows('SELECT n, s FROM table(counted)'))[0]).toEqual({ n: '2', s: '3' })
    await engine.run('SYSTEM PAUSE TASK t')
    const { runs } = await task('t')
    await engine.restart()
    expect(await task('t')).toMatchObject({ state: 'paused', runs })
    await engine.run('SYSTEM RESUME TASK t')
    await reaches(() => task('t'), 'runs', Number(runs) + 1)
    expect(await text('SHOW TASKS')).toBe('t\n')
    expect(await text('SHOW CREATE TASK t')).toContain(
      'CREATE TASK default.t SCHEDULE 200ms TIMEOUT 5s INTO default.counted AS',
    )
    expect(await text('DROP STREAM counted')).toMatch(/^Code: 630\./)
    await engine.run('CREATE OR REPLACE TASK t SCHEDULE 1h INTO counted AS SELECT 7 AS n')
    await reaches(() => task('t'), 'runs', 1)
    expect(await engine.rows('SELECT n FROM table(counted) WHERE n = 7')).toHaveLength(1)
    await engine.run('DROP TASK t')
    await engine.run('DROP STREAM counted')
  })

  it('a run that fails or takes too long is told, and the next one comes', async () => {
    await engine.run('CREATE STREAM out_f (n int)')
    await engine.run(
      "CREATE TASK f SCHEDULE 200ms INTO out_f AS SELECT throw_if(count() = 2, 'two') AS n FROM table(source)",
    )
    expect((await reaches(() => task('f'), 'failures', 2)).last_error).toMatch(/^Code: 395\..*two/)
    await engine.run('INSERT INTO source (a) VALUES (3)')
    await until(async () => ((await task('f')).last_error === '' ? true : undefined))
    await engine.run(
      'CREATE TASK slow SCHEDULE 1h TIMEOUT 300ms INTO out_f AS SELECT to_int(count()) AS n FROM numbers(100000000000)',
    )
    expect((await reaches(() => task('slow'), 'failures', 1)).last_error).toMatch(/^Code: 159\..*300 ms/)
    await engine.run('DROP TASK f')
    await engine.run('DROP TASK slow')
  })

  it('are refused with a reason', async () => {
    const cases: [string, RegExp][] = [
      ['CREATE TASK x SCHEDULE 5s INTO out_f AS SELECT a AS n FROM source', /^Code: 80\..*historical/],
      ['CREATE TASK x SCHEDULE 5s INTO gone AS SELECT 1 AS n', /^Code: 60\./],
      ['CREATE TASK x SCHEDULE 5s INTO out_f AS SELECT 1 AS other', /^Code: 51\./],
      ['CREATE TASK x SCHEDULE 0s INTO out_f AS SELECT 1 AS n', /^Code: 36\./],
      ["CREATE TASK x SCHEDULE '* * * * *' INTO out_f AS SELECT 1 AS n", /^Code: 48\./],
      ['DROP TASK x', /^Code: 60\./],
      ['DROP TASK IF EXISTS x', /^$/],
      ['SYSTEM PAUSE TASK x', /^Code: 60\./],
    ]
    for (const [sql, expected] of cases) expect(await text(sql), sql).toMatch(expected)
  })
})

describe('alerts', () => {
  it('gather events by number and by time, and call the function once for each batch', async () => {
    await engine.run('CREATE STREAM events (k string)')
    await engine.run(
      "CREATE ALERT al BATCH 3 EVENTS WITH TIMEOUT 400ms CALL notify AS SELECT k FROM events WHERE k != 'no'",
    )
    await insert(['a', 'no', 'b', 'c', 'd'])
    await until(async () => (calls.length >= 2 ? true : undefined))
    expect(calls.splice(0)).toEqual([{ k: ['a', 'b', 'c'] }, { k: ['d'] }])
    expect(await alert('al')).toMatchObject({
      fired: '2',
      processed: '4',
      suppressed: '0',
      state: 'running',
      function: 'notify',
    })
  })

  it('go on after a restart where they were, and call for nothing twice', async () => {
    await engine.restart()
    await insert(['e', 'f', 'g'])
    await reaches(() => alert('al'), 'fired', 3)
    await until(async () => (calls.length >= 1 ? true : undefined))
    expect(calls.splice(0)).toEqual([{ k: ['e', 'f', 'g'] }])
    expect(await text('SHOW ALERTS')).toBe('al\n')
    expect(await text('SHOW CREATE ALERT al')).toContain('BATCH 3 EVENTS WITH TIMEOUT 400ms CALL notify AS')
    expect(await text('SHOW STREAMS')).not.toContain('.alert')
    expect(await text('DROP STREAM events')).toMatch(/^Code: 630\./)
    expect(await text('DROP FUNCTION notify')).toMatch(/^Code: 630\./)
    await engine.run('DROP ALERT al')
  })

  it('are not raised more often than their limit, and a call that fails is tried again', async () => {
    await engine.run('CREATE ALERT li LIMIT 2 ALERTS PER 1h CALL notify AS SELECT k FROM events')
    await insert(['1', '2', '3', '4'])
    await reaches(() => alert('li'), 'processed', 4)
    expect(await alert('li')).toMatchObject({ fired: '2', suppressed: '2' })
    await until(async () => (calls.length >= 2 ? true : undefined))
    expect(calls.splice(0)).toEqual([{ k: ['1'] }, { k: ['2'] }])
    await engine.run('DROP ALERT li')
    await engine.run('CREATE ALERT fa CALL notify AS SELECT k FROM events')
    answer = 500
    await insert(['5'])
    await reaches(() => alert('fa'), 'fired', 1)
    answer = 200
    await until(async () => (calls.length >= 1 ? true : undefined))
    expect(calls.splice(0)).toEqual([{ k: ['5'] }])
    await engine.run('DROP ALERT fa')
  })

  it('are refused with a reason', async () => {
    await engine.run('CREATE FUNCTION one AS (x) -> x')
    const cases: [string, RegExp][] = [
      ['CREATE ALERT x CALL nothing AS SELECT k FROM events', /^Code: 46\./],
      ['CREATE ALERT x CALL one AS SELECT k FROM events', /^Code: 48\..*neither a JavaScript nor a remote/],
      ['CREATE ALERT x CALL notify AS SELECT k, 1 AS b FROM events', /^Code: 42\./],
      ['CREATE ALERT x CALL notify AS SELECT k FROM table(events)', /^Code: (?:48|80)\./],
      ['CREATE ALERT x CALL notify AS SELECT max(k) FROM events', /^Code: 48\..*simple SELECT/],
      [
        'CREATE ALERT x CALL notify AS SELECT e.k FROM events AS e INNER JOIN source ON e.k = to_string(source.a)',
        /^Code: 48\./,
      ],
      ['CREATE ALERT x BATCH 0 EVENTS CALL notify AS SELECT k FROM events', /^Code: 36\./],
      ['CREATE ALERT x CALL notify AS SELECT nope FROM events', /^Code: 47\./],
      ['DROP ALERT x', /^Code: 60\./],
    ]
    for (const [sql, expected] of cases) expect(await text(sql), sql).toMatch(expected)
    expect(await engine.rows("SELECT name FROM system.tables WHERE name LIKE '.alert%'")).toEqual([])
  })
})
