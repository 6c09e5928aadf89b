/** Tasks and alerts run from outside of a target that has none: the embedded engine, as Proton 1.6. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AlertState } from '../../scripts/jobs/alert_runner.js'
import type { TaskState } from '../../scripts/jobs/task_runner.js'
import { type Gate, gateTo } from './gate.js'
import { eventually, FREE_PORTS, onState, writeProject } from './support.js'

/** What the remote function was called with, and what it answers. */
const heard: number[][] = []
let answer = 200
let hook: Server
/** In front of the engine's two ports. */
let gates: Gate[] = []
const env: Record<string, string> = {}

const project = writeProject({
  'tpctl.config.ts': `import { defineConfig } from 'tpctl'
export default defineConfig({ name: 'outside', sql: 'sql', target: 'old', secrets: ['HOOK_KEY'],
  targets: { embedded: { edition: 'embedded' }, old: { edition: 'oss-1.6' } } })`,
  'sql/orders.sql': 'CREATE STREAM orders (id uint64, total float64) TTL to_datetime(_tp_time) + 7d',
  'sql/counts.sql': 'CREATE STREAM counts (n uint64) TTL to_datetime(_tp_time) + 7d',
  'sql/spare.sql': 'CREATE STREAM spare (id uint64) TTL to_datetime(_tp_time) + 7d',
  'sql/count_orders.sql':
    'CREATE TASK count_orders SCHEDULE 100ms TIMEOUT 20s INTO counts AS SELECT count() AS n FROM table(orders)',
  'sql/daily.sql': "CREATE TASK daily SCHEDULE '0 6 * * *' INTO counts AS SELECT 0 AS n FROM table(orders)",
  'sql/notify.sql':
    "CREATE REMOTE FUNCTION notify(id uint64) RETURNS string URL '${HOOK_URL}' AUTH_METHOD 'auth_header' AUTH_HEADER 'x-key' AUTH_KEY '${HOOK_KEY}'",
  'sql/tell.sql':
    "CREATE FUNCTION tell(id uint64, total float64) RETURNS string LANGUAGE JAVASCRIPT AS $$ function tell(ids, totals) { return ids.map((id, i) => id + ' for ' + totals[i]) } $$",
  'sql/big.sql':
    'CREATE ALERT big BATCH 3 EVENTS WITH TIMEOUT 200ms CALL notify AS SELECT id FROM orders WHERE total > 10',
  'sql/huge.sql': 'CREATE ALERT huge CALL tell AS SELECT id, total FROM orders WHERE total > 1000',
})
const engine = onState(project)
const tpctl = (...args: string[]) => engine.tpctl(args, { env })
const json = <T>(...args: string[]) => engine.json<T>(args, { env })
const lines = (stdout: string) =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

beforeAll(async () => {
  hook = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const { id } = JSON.parse(Buffer.concat(parts).toString()) as { id: string[] }
      const status = request.headers['x-key'] === 'hook secret' ? answer : 401
      if (status === 200) heard.push(id.map(Number))
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ result: id.map(() => 'ok') }))
    })
  })
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve))
  env.HOOK_URL = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
  env.HOOK_KEY = 'hook secret'
  const up = await engine.tpctl(['up', '--edition', 'oss-1.6', ...FREE_PORTS], {
    env: { TPCTL_TARGET: 'embedded', ...env },
  })
  expect(up, up.stderr).toMatchObject({ code: 0 })
  const { url, streamUrl } = JSON.parse(readFileSync(join(engine.state, 'engine.json'), 'utf8')) as {
    url: string
    streamUrl: string
  }
  gates = [await gateTo(url), await gateTo(streamUrl)]
  Object.assign(env, { TPCTL_URL: gates[0]!.url, TPCTL_STREAM_URL: gates[1]!.url })
  const { outside } = await json<{ outside: { name: string; command: string }[] }>('bootstrap')
  expect(outside.map(({ name }) => name).sort()).toEqual(['big', 'count_orders', 'daily', 'huge'])
})
afterAll(async () => {
  for (const gate of gates) await gate.shut()
  await engine.down()
  hook.closeAllConnections()
  hook.close()
})

const remembered = <T>(kind: 'tasks' | 'alerts', name: string) =>
  JSON.parse(readFileSync(join(engine.state, 'outside', 'old', kind, `${name}.json`), 'utf8')) as T
const insert = (ids: number[], total = 11) =>
  engine.rows(`INSERT INTO orders (id, total) VALUES ${ids.map((id) => `(${id}, ${total})`).join(', ')}`)
const rowsIn = async (stream: string) =>
  Number((await engine.rows<{ n: string }>(`SELECT count() AS n FROM table(${stream})`))[0]!.n)

describe('with --once', () => {
  it('does what is due and leaves', async () => {
    const { code, stdout } = await tpctl('run-tasks', '--once', '--json')
    expect(code).toBe(0)
    // Cron waits for its time; an interval begins at once.
    expect(lines(stdout)).toMatchObject([{ event: 'run', task: 'count_orders', outcome: 'ok', rows: 1 }])
    expect(await rowsIn('counts')).toBe(1)
  })

  it('calls functions here and over HTTP, keeps what they do not take, and gives it back', async () => {
    expect(await tpctl('run-alerts', '--once')).toMatchObject({ code: 0 })
    await insert([1, 2])
    await insert([3], 5000)
    answer = 500
    const refused = await tpctl('run-alerts', '--once', '--json', '--retries', '0')
    expect(refused.code).toBe(1)
    expect(lines(refused.stdout)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ event: 'dead_lettered', alert: 'big', events: 3 }),
        expect.objectContaining({ event: 'delivered', alert: 'huge', results: ['3 for 5000'] }),
      ]),
    )
    expect(refused.stdout + refused.stderr).not.toContain('hook secret')
    answer = 200
    const replayed = await tpctl('dlq', 'replay', '--source', 'big', '--json')
    expect(JSON.parse(replayed.stdout)).toEqual({ replayed: 1, kept: [] })
    expect(replayed.stderr).toContain('Proton 1.6')
    expect(heard.splice(0)).toEqual([[1, 2, 3]])
  })
})

describe('running', () => {
  const begun: ReturnType<typeof engine.start>[] = []
  const begin = (command: 'run-tasks' | 'run-alerts', ...args: string[]) => {
    const child = engine.start([command, '--json', ...args], { env })
    child.catch(() => {})
    begun.push(child)
    return child
  }
  afterAll(() => {
    for (const child of begun) child.kill('SIGKILL')
  })

  const isDelivered = (id: number) =>
    eventually(
      async () => heard.flat().includes(id),
      (came) => came,
    )

  /** The address of the metrics of a runner that was just started. */
  const metricsOf = (child: ReturnType<typeof begin>) =>
    new Promise<string>((resolve) => {
      let said = ''
      child.stderr!.on('data', (part: Buffer) => {
        said += part.toString()
        const [url] = /http:\S+\/metrics/.exec(said) ?? []
        if (url !== undefined) resolve(url)
      })
    })

  it('loses and doubles no run and loses no event, though it and its target are killed in between', async () => {
    let last = 100
    const sent: number[] = []
    const send = async (events: number) => {
      const ids = Array.from({ length: events }, () => last++)
      await insert(ids)
      sent.push(...ids)
    }
    heard.length = 0
    const kills = 2
    for (let kill = 0; kill < kills; kill++) {
      const both = [begin('run-tasks', '--metrics-port', '0'), begin('run-alerts')]
      const metrics = metricsOf(both[0]!)
      const { runs } = remembered<TaskState>('tasks', 'count_orders')
      await send(4)
      await eventually(
        async () => remembered<TaskState>('tasks', 'count_orders').runs,
        (now) => now >= runs + 2,
      )
      const text = await (await fetch(await metrics)).text()
      expect(text).toMatch(/tpctl_task_runs_total\{task="count_orders",outcome="ok"\} [1-9]/)
      expect(text).toContain('tpctl_task_last_success_timestamp_seconds{task="count_orders"}')
      await isDelivered(sent.at(-4)!)
      await send(5)
      await sleep(40 * kill)
      for (const child of both) child.kill('SIGKILL')
      await Promise.all(both)
    }
    const both = [begin('run-tasks'), begin('run-alerts')]
    await isDelivered(sent.at(-1)!)
    for (const gate of gates) await gate.shut()
    await insert([last])
    await sleep(300)
    for (const gate of gates) await gate.open()
    await isDelivered(last)
    sent.push(last)
    const { runs } = remembered<TaskState>('tasks', 'count_orders')
    await eventually(
      async () => remembered<TaskState>('tasks', 'count_orders').runs,
      (now) => now > runs,
    )
    for (const child of both) child.kill('SIGINT')
    const ended = await Promise.all(both)
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0])
    expect(ended[0]!.stderr).toContain('goes on where it was')

    const state = remembered<TaskState>('tasks', 'count_orders')
    expect(state.failures).toBe(0)
    expect(state.running).toBeUndefined()
    expect(await rowsIn('counts')).toBe(state.runs)
    const times = new Map<number, number>()
    for (const id of heard.flat()) times.set(id, (times.get(id) ?? 0) + 1)
    expect([...times.keys()].sort((a, b) => a - b)).toEqual(sent)
    // The batch that a runner was killed at may come twice, and no other.
    const twice = [...times.values()].reduce((sum, count) => sum + count - 1, 0)
    expect(twice).toBeLessThanOrEqual(kills * 3)
    expect(remembered<AlertState>('alerts', 'big')).toMatchObject({ deadLettered: 1 })
  })
})
