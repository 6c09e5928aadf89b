import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestEngine } from '../engine/server/harness.js'
import { queriesRunning, run, start } from './programs.js'

const SCRIPT = join(import.meta.dirname, 'proton_client.mjs')

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
  await engine.run('CREATE STREAM events (id uint32, tags array(string))')
  await engine.run("INSERT INTO events (id, tags) VALUES (1, ['a']), (2, ['b', 'ö'])")
})
afterAll(() => engine.close())

const query = (port: number, sql: string, ...more: string[]) => [SCRIPT, String(port), sql, ...more]

it('a script in the shape of Proton’s driver reads stored rows', async () => {
  const { ports } = engine.engine
  const sql = 'SELECT id, tags FROM table(events) ORDER BY id'
  for (const port of [ports.stream, ports.http]) {
    const { out, status } = await run(process.execPath, query(port, sql))
    expect(status).toBe(0)
    expect(out).toBe('{"id":1,"tags":["a"]}\n{"id":2,"tags":["b","ö"]}\n')
  }
})

it('it gets live rows until it aborts, and then its query is gone', async () => {
  const { ports, url } = engine.engine
  const script = start(process.execPath, query(ports.stream, 'SELECT id FROM events WHERE id > 0', '2'))
  await queriesRunning(url, 'FROM events WHERE id', 1)
  await engine.run('INSERT INTO events (id) VALUES (7)')
  expect(await script.hasLines(1)).toEqual(['{"id":7}'])
  await engine.run('INSERT INTO events (id) VALUES (8)')
  expect(await script.ended).toBe(0)
  expect(script.lines).toEqual(['{"id":7}', '{"id":8}'])
  await queriesRunning(url, 'FROM events WHERE id', 0)
})

it('it gets the server’s error', async () => {
  const { err, status } = await run(
    process.execPath,
    query(engine.engine.ports.stream, 'SELECT nope FROM events'),
  )
  expect(status).toBe(1)
  expect(err).toContain('Code: 47. DB::Exception')
})
