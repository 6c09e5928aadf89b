import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestEngine, until } from '../server/harness.js'

let engine: TestEngine
beforeAll(async () => {
  engine = await TestEngine.start()
})
afterAll(() => engine?.close())

const text = async (sql: string) => (await engine.sql(sql)).text

describe('named collections', () => {
  it('give external streams their settings; the statement overrides what it may', async () => {
    const { brokers } = engine.engine
    const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'one' }, { topic: 'two' }] })
    await admin.disconnect()
    await engine.run(
      `CREATE NAMED COLLECTION kafka AS brokers = '${brokers}' NOT OVERRIDABLE, topic = 'one', data_format = 'JSONEachRow', password = 'hush' OVERRIDABLE`,
    )
    await engine.run("CREATE EXTERNAL STREAM one (a int) SETTINGS type = 'kafka', named_collection = 'kafka'")
    await engine.run(
      "CREATE EXTERNAL STREAM two (a int) SETTINGS type = 'kafka', named_collection = 'kafka', topic = 'two'",
    )
    await engine.run('INSERT INTO one (a) VALUES (1)')
    await engine.run('INSERT INTO two (a) VALUES (2)')
    expect(await engine.rows('SELECT a FROM table(one)')).toEqual([{ a: 1 }])
    expect(await text('SHOW CREATE one')).not.toContain('hush')
    expect(
      await text(
        "CREATE EXTERNAL STREAM no (a int) SETTINGS type = 'kafka', named_collection = 'kafka', brokers = 'x:1'",
      ),
    ).toMatch(/^Code: 36\..*Override not allowed for 'brokers'/)
    expect(
      await text("CREATE EXTERNAL STREAM no (a int) SETTINGS type = 'kafka', named_collection = 'none'"),
    ).toMatch(/^Code: 669\./)
    await engine.restart()
    // The broker listens on another port now.
    await engine.run(`ALTER NAMED COLLECTION kafka SET brokers = '${engine.engine.brokers}' DELETE password`)
    const found = await until(async () => {
      const rows = await engine.rows('SELECT a FROM table(two)').catch(() => [])
      return rows.length > 0 ? rows : undefined
    })
    expect(found).toEqual([{ a: 2 }])
    await engine.run('DROP STREAM one')
    await engine.run('DROP STREAM two')
  })

  it('are shown without their secrets', async () => {
    await engine.run(
      "CREATE NAMED COLLECTION c AS username = 'u', password = 'hush', properties = 'sasl.password=hush'",
    )
    expect(await text('SHOW NAMED COLLECTIONS')).toBe('c\nkafka\n')
    expect(await text('SHOW CREATE NAMED COLLECTION c')).toContain(
      "CREATE NAMED COLLECTION c AS username = \\'u\\', password = \\'[HIDDEN]\\', properties = \\'[HIDDEN]\\'",
    )
    const [row] = await engine.rows("SELECT * FROM system.named_collections WHERE name = 'c'")
    expect(row!.collection).toEqual({ username: 'u', password: '[HIDDEN]', properties: '[HIDDEN]' })
    expect(JSON.stringify(row)).not.toContain('hush')
  })

  it('errors have their codes', async () => {
    const cases: [string, RegExp][] = [
      ["CREATE NAMED COLLECTION c AS a = '1'", /^Code: 670\./],
      ["CREATE NAMED COLLECTION IF NOT EXISTS c AS a = '1'", /^$/],
      ["ALTER NAMED COLLECTION nope SET a = '1'", /^Code: 669\./],
      ['DROP NAMED COLLECTION nope', /^Code: 669\./],
      ['DROP NAMED COLLECTION IF EXISTS nope', /^$/],
      ['DROP NAMED COLLECTION c', /^$/],
      ['SHOW CREATE NAMED COLLECTION c', /^Code: 669\./],
    ]
    for (const [sql, answer] of cases) expect(await text(sql), sql).toMatch(answer)
  })
})

describe('ALTER STREAM … DROP PARTITION', () => {
  it('drops the rows of one partition', async () => {
    await engine.run('CREATE STREAM p (a int, day date) PARTITION BY day')
    await engine.run("INSERT INTO p (a, day) VALUES (1, '2024-01-01'), (2, '2024-01-02')")
    await engine.run("ALTER STREAM p DROP PARTITION '2024-01-01'")
    expect(await engine.rows('SELECT a FROM table(p)')).toEqual([{ a: 2 }])
    await engine.run('CREATE STREAM q (a int)')
    await engine.run(
      "INSERT INTO q (a, _tp_time) VALUES (1, '2024-01-01 10:00:00'), (2, '2024-01-02 10:00:00')",
    )
    await engine.run('ALTER STREAM q DROP PARTITION 20240102')
    expect(await engine.rows('SELECT a FROM table(q)')).toEqual([{ a: 1 }])
    await engine.run('CREATE MUTABLE STREAM m (a int) PRIMARY KEY a')
    expect(await text('ALTER STREAM m DROP PARTITION 1')).toMatch(/^Code: 48\./)
  })
})
