import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitCodeOf } from '../../../cli/exit.js'
import { type CreateAlert, parseStatement, type Select } from '../../../dialect/index.js'
import { alertPolicy } from '../../../dialect/jobs/index.js'
import { ProtonClient, ProtonError } from '../../../driver/index.js'
import { type AlertNews, type AlertState, runAlerts } from '../../../scripts/jobs/alert_runner.js'
import { Checkpoint } from '../../../scripts/jobs/checkpoint.js'
import { LetterFolder } from '../../../scripts/jobs/letters.js'
import {
  type RunnableTask,
  runTasks,
  type TaskEvent,
  type TaskState,
} from '../../../scripts/jobs/task_runner.js'
import { TestEngine, until } from '../../engine/server/harness.js'

let engine: TestEngine
let client: ProtonClient
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tpctl-jobs-'))
  engine = await TestEngine.start({ edition: 'oss-1.6' })
  client = new ProtonClient({ url: engine.engine.url, streamUrl: engine.engine.streamUrl })
  await engine.run('CREATE STREAM events (k string, n int64)')
  await engine.run('CREATE STREAM counts (n uint64, text string, f float64)')
})
afterAll(async () => {
  await client.close()
  await engine.close()
  await rm(folder, { recursive: true, force: true })
})

const HOUR: RunnableTask['schedule'] = { kind: 'every', ms: 3_600_000 }

/** Runs a task once; what it told. */
async function runOnce(
  task: Partial<RunnableTask> & { name: string },
  by: ProtonClient = client,
): Promise<TaskEvent[]> {
  const told: TaskEvent[] = []
  await runTasks([{ schedule: HOUR, sql: 'SELECT 1 AS n', into: 'counts', ...task }], {
    client: by,
    folder,
    project: 'p',
    once: true,
    retries: 0,
    signal: new AbortController().signal,
    onEvent: (event) => told.push(event),
  })
  return told
}
const stateOf = (task: string) => new Checkpoint<TaskState>(join(folder, `${task}.json`)).read()
const counted = (text: string) =>
  engine.rows(`SELECT n, f FROM table(counts) WHERE text = '${text}' ORDER BY n`)

describe('runTasks', () => {
  it('runs what is due, gives columns by name and values as they are, and remembers it', async () => {
    const sql = "SELECT number AS n, 'a\u2028b' AS text, n / 0 AS f, 7 AS other FROM numbers(3)"
    expect(await runOnce({ name: 'plain', sql })).toMatchObject([
      { event: 'run', outcome: 'ok', rows: 3, attempts: 1 },
    ])
    expect(await runOnce({ name: 'plain', sql })).toEqual([])
    expect((await counted('a\u2028b')).map(({ n }) => n)).toEqual(['0', '1', '2'])
    expect(await engine.rows('SELECT count() AS c FROM table(counts) WHERE is_nan(f)')).toEqual([{ c: '1' }])
    expect(await stateOf('plain')).toMatchObject({ runs: 1, failures: 0, lastRun: { rows: 3, error: '' } })
    expect(existsSync(join(folder, 'plain.answer'))).toBe(false)
  })

  it('inserts the same rows under the same id where it does not know whether they arrived', async () => {
    let broken = 0
    const flaky = new Proxy(client, {
      get(target, name) {
        if (name !== 'insert') return Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)
        return async (...args: Parameters<ProtonClient['insert']>) => {
          const summary = await target.insert(...args)
          if (broken++ === 0) throw new ProtonError('cut', { code: 0, codeName: 'BROKEN' })
          return summary
        }
      },
    })
    const sql = "SELECT to_uint64(rand64()) AS n, 'broken' AS text"
    const told = await runOnce({ name: 'broken', sql }, flaky)
    expect(told).toMatchObject([{ event: 'away' }, { event: 'run', outcome: 'ok', rows: 1, attempts: 1 }])
    expect(broken).toBe(2)
    expect(await counted('broken')).toHaveLength(1)
  })

  it('goes on with the run that a runner was killed in, and with no other', async () => {
    const name = 'killed'
    const scheduledAt = Date.now() - 10_000
    const running = { id: 'p-killed-1', scheduledAt, startedAt: scheduledAt }
    const file = new Checkpoint<TaskState>(join(folder, `${name}.json`))
    await file.write({ last: scheduledAt, running, runs: 4, failures: 1 })
    const told = await runOnce({ name, sql: "SELECT 1 AS n, 'killed' AS text" })
    expect(told).toMatchObject([{ scheduledAt: new Date(scheduledAt).toISOString(), outcome: 'ok' }])
    expect(await file.read()).toMatchObject({ last: scheduledAt, runs: 5, failures: 1 })
    // Killed once more, after its rows were in and before that was written down.
    await file.write({ last: scheduledAt, running, runs: 4, failures: 1 })
    await runOnce({ name, sql: "SELECT 1 AS n, 'killed' AS text" })
    expect(await counted('killed')).toHaveLength(1)
  })

  it('makes up once for all that was missed, and keeps to the rhythm', async () => {
    const now = Date.now()
    await new Checkpoint<TaskState>(join(folder, 'missed.json')).write({
      last: now - 10.5 * HOUR.ms,
      runs: 1,
      failures: 0,
    })
    const told = await runOnce({ name: 'missed' })
    expect(told).toHaveLength(1)
    expect((await stateOf('missed'))!.last).toBe(now - 0.5 * HOUR.ms)
  })

  it('counts what fails, exceeds its timeout or fits into nothing, and goes on', async () => {
    const cases: [string, Partial<RunnableTask>, RegExp][] = [
      ['nothing', { sql: 'SELECT 1 AS other' }, /No column of the query/],
      ['gone', { into: 'not_there' }, /not_there/],
      [
        'slow',
        { sql: 'SELECT count() AS n FROM numbers(100000000000)', timeoutMs: 100 },
        /longer than its timeout of 100 ms/,
      ],
    ]
    for (const [name, task, error] of cases) {
      expect(await runOnce({ name, ...task }), name).toMatchObject([
        { outcome: 'failed', attempts: 1, error: expect.stringMatching(error) },
      ])
      expect(await stateOf(name)).toMatchObject({
        runs: 1,
        failures: 1,
        lastRun: { error: expect.stringMatching(error) },
      })
      expect((await stateOf(name))!.running).toBeUndefined()
    }
  })

  it('gives up a target that is away only with `once`, and keeps the run for later', async () => {
    const away = new ProtonClient({ url: 'http://127.0.0.1:9', retries: 0 })
    const error: unknown = await runOnce({ name: 'away' }, away).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ codeName: 'UNREACHABLE' })
    expect(exitCodeOf(error)).toBe(4)
    await away.close()
    const { last } = (await stateOf('away'))!
    expect(await runOnce({ name: 'away' })).toMatchObject([
      { scheduledAt: new Date(last).toISOString(), outcome: 'ok' },
    ])
  })
})

/** An alert over `events`, with the batches that its function was given. */
function alertOf(name: string, clauses: string, query: string) {
  const batches: unknown[][][] = []
  const statement = parseStatement(`CREATE ALERT ${name} ${clauses} CALL f AS ${query}`) as CreateAlert
  let refuse = 0
  const alert = {
    name,
    policy: alertPolicy(statement),
    query: statement.query as Select,
    stream: 'events',
    columns: ['k', 'n'],
    async call(rows: unknown[][]) {
      if (refuse-- > 0) throw new Error('not now')
      batches.push(rows)
      return rows.map(() => 'ok')
    },
  }
  const listen = async (once: boolean, signal = new AbortController().signal, retries = 0) => {
    const news: AlertNews[] = []
    await runAlerts([alert], {
      client,
      edition: 'oss-1.6',
      folder: join(folder, 'alerts'),
      letters: new LetterFolder(join(folder, 'letters')),
      once,
      idleMs: 150,
      retries,
      signal,
      onEvent: (event) => news.push(event),
    })
    return news
  }
  const state = () => new Checkpoint<AlertState>(join(folder, 'alerts', `${name}.json`)).read()
  return {
    batches,
    alert,
    listen,
    state,
    refuse: (times: number) => {
      refuse = times
    },
  }
}
const insert = (...keys: string[]) =>
  engine.run(`INSERT INTO events (k, n) VALUES ${keys.map((k, i) => `('${k}', ${i})`).join(', ')}`)
const keysOf = (batches: unknown[][][]) => batches.map((batch) => batch.map(([k]) => k))

describe('runAlerts', () => {
  it('begins at the end, cuts batches, and goes on behind the last one', async () => {
    await insert('before')
    const a = alertOf('plain', 'BATCH 2 EVENTS', "SELECT k, n FROM events WHERE k != 'no'")
    await a.listen(true)
    expect(await a.state()).toMatchObject({ delivered: 0 })
    await insert('a', 'no', 'b', 'c', 'no')
    await a.listen(true)
    expect(keysOf(a.batches)).toEqual([['a', 'b']])
    // What waits for a full batch is not lost, however often one asks.
    await a.listen(true)
    await insert('d')
    await a.listen(true)
    expect(keysOf(a.batches)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    expect(await a.state()).toMatchObject({ delivered: 2, suppressed: 0, deadLettered: 0 })
  })

  it('reads from the beginning where the query says so, and again when the query is another', async () => {
    const query = "SELECT k, n FROM events SETTINGS seek_to = 'earliest'"
    const a = alertOf('earliest', 'BATCH 100 EVENTS WITH TIMEOUT 1ms', query)
    await a.listen(true)
    expect(a.batches.flat().length).toBeGreaterThan(5)
    const b = alertOf('earliest', '', "SELECT k, n FROM events WHERE n >= 0 SETTINGS seek_to = 'earliest'")
    await b.listen(true)
    // Rows of the last number may have been counted otherwise by the query before: they come again.
    expect(b.batches.flat()).toHaveLength(1)
  })

  it('gives an incomplete batch away when its time is over, counted over restarts', async () => {
    const a = alertOf('slow', 'BATCH 10 EVENTS WITH TIMEOUT 1h', 'SELECT k, n FROM events')
    await a.listen(true)
    await insert('x')
    await a.listen(true)
    const { waitingSince, ...state } = (await a.state())!
    expect(a.batches).toEqual([])
    expect(waitingSince).toBeGreaterThan(0)
    await new Checkpoint(join(folder, 'alerts', 'slow.json')).write({
      ...state,
      waitingSince: waitingSince! - 3_600_000,
    })
    await a.listen(true)
    expect(keysOf(a.batches)).toEqual([['x']])
    expect((await a.state())!.waitingSince).toBeUndefined()
  })

  it('keeps to its limit', async () => {
    const a = alertOf('limited', 'LIMIT 2 ALERTS PER 1h', 'SELECT k, n FROM events')
    await a.listen(true)
    await insert('1', '2', '3', '4')
    const news = await a.listen(true)
    expect(news.map(({ event }) => event)).toEqual(['delivered', 'delivered', 'suppressed', 'suppressed'])
    expect(await a.state()).toMatchObject({ delivered: 2, suppressed: 2 })
    await insert('5')
    expect(await a.listen(true)).toMatchObject([{ event: 'suppressed' }])
  })

  it('tries a call again, and keeps what its function never takes as a letter', async () => {
    const a = alertOf('letters', '', 'SELECT k, n FROM events')
    await a.listen(true)
    await insert('once')
    a.refuse(1)
    expect(await a.listen(true, undefined, 1)).toMatchObject([
      { event: 'retry' },
      { event: 'delivered', attempts: 2 },
    ])
    await insert('never', 'fine')
    a.refuse(1)
    expect(await a.listen(true)).toMatchObject([
      { event: 'dead_lettered', error: 'not now' },
      { event: 'delivered' },
    ])
    expect(keysOf(a.batches)).toEqual([['once'], ['fine']])
    const letters = await new LetterFolder(join(folder, 'letters')).list({ source: 'letters' })
    expect(letters.map(({ letter }) => letter)).toMatchObject([
      { stream: 'events', columns: ['k', 'n'], events: [['never', '0']] },
    ])
    expect(await a.state()).toMatchObject({ delivered: 2, deadLettered: 1, lastError: 'not now' })
  })

  it('follows the stream, lives through a target that is away, and reads one made anew from its beginning', async () => {
    const a = alertOf('follow', '', "SELECT k, n FROM events WHERE k != 'no'")
    await a.listen(true)
    const { position } = (await a.state())!
    const stop = new AbortController()
    const listening = a.listen(false, stop.signal)
    listening.catch(() => {})
    const seen = (key: string) =>
      until(async () => (keysOf(a.batches).flat().includes(key) ? true : undefined))
    await insert('first')
    await seen('first')
    // In a silence it subscribes anew, and does not look again at what is no event.
    await insert('no', 'no')
    const passed = async () => ((await a.state())!.position.sn >= position.sn + 2 ? true : undefined)
    await until(passed)
    await client.exec("KILL QUERY WHERE query LIKE '%__tpctl_sn%'")
    await insert('second')
    await seen('second')
    stop.abort()
    await listening
    await engine.run('DROP STREAM events')
    await engine.run('CREATE STREAM events (k string, n int64)')
    await insert('new 1', 'new 2')
    await a.listen(true)
    expect(keysOf(a.batches).flat()).toEqual(['first', 'second', 'new 1', 'new 2'])
  })
})
