import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../server/harness.js'
import { compileEngine, Daemon, sql } from './process.js'

let compiled: Awaited<ReturnType<typeof compileEngine>>
const daemons: Daemon[] = []
const dirs: string[] = []

beforeAll(async () => {
  compiled = await compileEngine()
})
afterAll(async () => {
  for (const daemon of daemons) if (daemon.child.exitCode === null) await daemon.end('SIGKILL')
  for (const dir of dirs) await rm(dir, { recursive: true, force: true })
  await compiled.remove()
})

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'tpctl-daemon-'))
  dirs.push(dir)
  return dir
}
async function start(dir: string, ports = {}): Promise<Daemon> {
  const daemon = await Daemon.spawn(compiled.daemon, dir, ports)
  daemons.push(daemon)
  return daemon
}

describe('the engine as a process', () => {
  it('announces itself, serves, and ends in order on SIGTERM', async () => {
    const dir = await folder()
    const daemon = await start(dir)
    const { url, streamUrl, metricsUrl } = await daemon.ready()
    expect(await sql(url, 'SELECT 1')).toBe('[1]')
    expect(await (await fetch(`${streamUrl}/proton/ping`)).json()).toEqual({ status: 'UP' })
    await sql(url, 'CREATE STREAM m (i int)')
    await sql(url, 'INSERT INTO m (i) VALUES (1), (2)')
    const metrics = await (await fetch(metricsUrl)).text()
    expect(metrics).toContain('tpctl_stream_last_sn{stream="default.m"} 2')
    expect(metrics).toContain('tpctl_queries_finished_total 3')
    // A client that listens hears why its query ends.
    const tail = await fetch(streamUrl, { method: 'POST', body: 'SELECT i FROM m' })
    const heard = tail.text().catch(() => '')
    expect(await daemon.end('SIGTERM')).toBe(0)
    expect(await heard).toContain('Code: 394')
    expect(existsSync(daemon.readyFile)).toBe(false)
  })

  it('refuses a folder that another engine has, in words', async () => {
    const dir = await folder()
    const first = await start(dir)
    const { url, pid } = await first.ready()
    const second = await start(dir)
    expect(await second.ended).toBe(1)
    expect(second.output).toContain('ENGINE_FOLDER_IN_USE')
    expect(second.output).toContain(`process ${pid}`)
    expect(await sql(url, 'SELECT 1')).toBe('[1]')
    await first.end('SIGTERM')
  })

  it('names the port that is in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    const dir = await folder()
    const daemon = await start(dir, { stream: port })
    expect(await daemon.ended).toBe(1)
    expect(daemon.output).toMatch(new RegExp(`ENGINE_PORT_IN_USE: Port ${port} \\(stream\\) is in use`))
    other.close()
    // Nothing is left locked.
    const again = await start(dir)
    await again.ready()
    await again.end('SIGTERM')
  })

  it('after kill -9 keeps nothing of queries that died with it', async () => {
    const dir = await folder()
    const first = await start(dir)
    const { url, streamUrl } = await first.ready()
    await sql(url, "CREATE RANDOM STREAM r (i int, s string DEFAULT 'old') SETTINGS eps = 1000")
    const tail = await fetch(streamUrl, { method: 'POST', body: 'SELECT i, s FROM r' })
    await tail.body!.getReader().read()
    await first.end('SIGKILL')
    const second = await start(dir)
    const again = await second.ready()
    // Ids go on behind those of the catalog: the tables of these must be new ones.
    for (const name of ['a', 'b', 'c']) {
      await sql(again.url, `CREATE STREAM ${name} (x int64)`)
      await sql(again.url, `INSERT INTO ${name} (x) VALUES (1)`)
      expect(await sql(again.url, `SELECT count() FROM table(${name})`)).toBe('["1"]')
    }
    await second.end('SIGTERM')
  })

  it('after kill -9 has every acknowledged row once, and views go on', async () => {
    const dir = await folder()
    let acknowledged = 0
    let sent = 0
    for (let round = 0; round < 4; round++) {
      const daemon = await start(dir)
      const { url } = await daemon.ready()
      if (round === 0) {
        await sql(url, 'CREATE STREAM src (i int64, s string)')
        await sql(url, 'CREATE MUTABLE STREAM kv (k int64, last int64) PRIMARY KEY k')
        await sql(url, 'CREATE MATERIALIZED VIEW copy AS SELECT i, s FROM src')
        await sql(url, 'CREATE MATERIALIZED VIEW keyed INTO kv AS SELECT i % 10 AS k, i AS last FROM src')
      }
      const killAt = Date.now() + 250 + round * 170
      while (Date.now() < killAt) {
        const rows = Array.from({ length: 50 }, (_, i) => `(${sent + i}, 'r')`).join(',')
        // A client repeats what was not acknowledged, under the same id.
        const id = `batch-${sent}`
        const done = sql(url, `INSERT INTO src (i, s) VALUES ${rows}`, { idempotent_id: id })
        if (Date.now() + 5 >= killAt) {
          await Promise.all([daemon.end('SIGKILL'), done.catch(() => {})])
          break
        }
        await done
        sent += 50
        acknowledged = sent
      }
      if (daemon.child.exitCode === null && daemon.child.signalCode === null) await daemon.end('SIGKILL')
    }
    const daemon = await start(dir)
    const { url } = await daemon.ready()
    const rows = Array.from({ length: 50 }, (_, i) => `(${sent + i}, 'r')`).join(',')
    await sql(url, `INSERT INTO src (i, s) VALUES ${rows}`, { idempotent_id: `batch-${sent}` })
    sent += 50
    expect(acknowledged).toBeGreaterThan(100)
    const numbers = 'SELECT count() = unique_exact(i), count(), min(i), max(i)'
    const whole = `[true, "${sent}", "0", "${sent - 1}"]`
    expect(await sql(url, `${numbers} FROM table(src)`)).toBe(whole)
    await until(async () => ((await sql(url, `${numbers} FROM table(copy)`)) === whole ? true : undefined))
    await until(async () =>
      (await sql(url, 'SELECT count(), max(last) FROM table(kv)')) === `["10", "${sent - 1}"]`
        ? true
        : undefined,
    )
    await daemon.end('SIGTERM')
  })
})
