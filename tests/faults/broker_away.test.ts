/** A broker outside that is killed under a view, and comes back where it was. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../engine/server/harness.js'
import { BrokerProcess } from './broker_process.js'
import { range, row, rows, Topics } from './topics.js'

const dir = mkdtempSync(join(tmpdir(), 'tpctl-broker-away-'))
let engine: TestEngine
let broker: BrokerProcess
let topics: Topics

beforeAll(async () => {
  broker = await BrokerProcess.start(dir)
  engine = await TestEngine.start()
  topics = await Topics.open(engine, broker.brokers)
})
afterAll(async () => {
  await topics?.close()
  await engine?.close()
  await broker?.kill()
  rmSync(dir, { recursive: true, force: true })
})

describe('a broker that is away', () => {
  it('killed during a feed, three times, loses and doubles nothing', async () => {
    await topics.create('fed', 3)
    await engine.run('CREATE STREAM received (id uint32, s string)')
    await engine.run(
      "CREATE MATERIALIZED VIEW mv_received INTO received AS SELECT id, s FROM fed SETTINGS seek_to = 'earliest'",
    )
    const total = 6_000
    let sent = 0
    const feed = (async () => {
      for (; sent < total; sent += 100) await topics.send('fed', rows(sent, sent + 100))
    })()
    for (const moment of [1_000, 2_500, 4_500]) {
      await until(async () => (sent >= moment ? true : undefined), 60_000)
      await broker.kill()
      await broker.start()
    }
    await feed
    expect(await topics.ids('received', total, 60_000)).toEqual(range(0, total))
  })

  it('shows in the view that waits for it', async () => {
    await broker.kill()
    const error = await until(async () => (await topics.viewError('mv_received')) || undefined, 60_000)
    expect(error).toMatch(/^Reading fed: /)
    await broker.start()
    await topics.send('fed', [row(6_000)])
    await topics.ids('received', 6_001, 60_000)
    await until(async () => ((await topics.viewError('mv_received')) === '' ? true : undefined))
  })
})
