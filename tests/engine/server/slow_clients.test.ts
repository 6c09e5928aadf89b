import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TestEngine, until } from './harness.js'

let engine: TestEngine
const sockets: Socket[] = []
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await engine?.close()
})

/** A client that asks for a large result and then reads nothing. */
function stuckClient(sql: string): void {
  const socket = connect(engine.engine.ports.http, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write(`POST / HTTP/1.1\r\nHost: engine\r\nContent-Length: ${sql.length}\r\n\r\n${sql}`)
  sockets.push(socket)
}

it('clients that do not read hold back their own queries and nothing else', async () => {
  for (let i = 0; i < 20; i++) stuckClient("SELECT number, repeat('x', 100) FROM numbers(2000000)")
  const running = async () => Number((await engine.rows('SELECT count() AS c FROM system.processes'))[0]!.c)
  await until(async () => ((await running()) === 21 ? true : undefined))
  expect((await engine.sql('SELECT 42')).text).toBe('42\n')
  await engine.run('CREATE STREAM s (i int)')
  await engine.run('INSERT INTO s (i) VALUES (1)')
  expect(await engine.rows('SELECT i FROM table(s)')).toEqual([{ i: 1 }])
  for (const socket of sockets) socket.destroy()
  await until(async () => ((await running()) === 1 ? true : undefined))
})
