/** What readers of topics leave behind in the store: nothing that grows, and nothing at all once they have ended. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect, it, onTestFinished } from 'vitest'
import { openChdb } from '../../engine/chdb/pool.js'
import { type Engine, startEngine } from '../../engine/engine.js'
import { queriesRunning, start } from '../clients/programs.js'
import { ANY_PORTS, until } from '../engine/server/harness.js'

const MESSAGES = 150_000

it('inboxes are trimmed as they are read, and dropped with their query', { timeout: 120_000 }, async () => {
  const dir = mkdtempSync(join(tmpdir(), 'tpctl-leftovers-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const engine = await startEngine({ dir, ports: ANY_PORTS })
  await produce(engine)
  await sql(
    engine,
    `CREATE EXTERNAL STREAM many (id uint32) SETTINGS type = 'kafka', brokers = '${engine.brokers}', topic = 'many'`,
  )
  await sql(engine, 'CREATE STREAM copies (id uint32)')
  await sql(
    engine,
    "CREATE MATERIALIZED VIEW mv_copies INTO copies AS SELECT id FROM many SETTINGS seek_to = 'earliest'",
  )
  const live = start('curl', [
    '-sSN',
    engine.streamUrl,
    '-d',
    "SELECT id FROM many WHERE id < 10 SETTINGS seek_to = 'earliest'",
  ])
  await live.hasLines(10)
  await live.kill()
  await queriesRunning(engine.url, 'FROM many WHERE id', 0)
  expect(await sql(engine, 'SELECT max(id) FROM table(many)')).toBe(String(MESSAGES - 1))
  const copied = 'SELECT count(), unique_exact(id) FROM table(copies)'
  await until(
    async () => ((await sql(engine, copied)) === `${MESSAGES}\t${MESSAGES}` ? true : undefined),
    60_000,
  )
  await engine.close()

  const chdb = await openChdb({ dir: join(dir, 'store') })
  try {
    const tables = await chdb.rows<[string]>(
      "SELECT name FROM system.tables WHERE database = 'tp' AND match(name, '^s_[0-9]+$')",
    )
    // The stream and the view's inbox.
    expect(tables).toHaveLength(2)
    const counts = async () =>
      (
        await Promise.all(
          tables.map(async ([name]) => Number((await chdb.rows(`SELECT count() FROM tp.${name}`))[0]![0])),
        )
      ).sort((a, b) => a - b)
    // Deleting goes on in the background, also after a restart.
    await until(async () => ((await counts())[0]! < MESSAGES / 2 ? true : undefined))
    expect((await counts())[1]).toBe(MESSAGES)
  } finally {
    await chdb.close()
  }
})

async function produce(engine: Engine): Promise<void> {
  const kafka = new Kafka({ brokers: [engine.brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  for (let from = 0; from < MESSAGES; from += 10_000) {
    const messages = Array.from({ length: 10_000 }, (_, i) => ({ value: `{"id":${from + i}}` }))
    await producer.send({ topic: 'many', messages })
  }
  await producer.disconnect()
}

async function sql(engine: Engine, text: string): Promise<string> {
  const answer = await fetch(engine.url, { method: 'POST', body: text })
  const body = (await answer.text()).trim()
  expect(body).not.toContain('DB::Exception')
  return body
}
