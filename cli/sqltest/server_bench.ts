import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { clientOptions } from '../../bootstrap/brokers.js'
import { connect, type Target } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/index.js'
import { type ProtonClient, quoteName, quoteString } from '../../driver/index.js'
import type { Bench } from './bench.js'
import type { TestCase, TestFile } from './format.js'

const POLL_MS = 100
const SETTLE_MS = 60_000
/** Rows of Proton are seen by `table()` after up to two seconds; nothing new for longer means that all is through. */
const QUIET_MS = 3_500
/** The embedded engine shows rows at once, and is read over the wire here like any other. */
const EMBEDDED_QUIET_MS = 800
/** The clock of a server cannot be moved, so its time is waited for; not for ever. */
const LONGEST_WAIT_MS = 10_000

/**
 * A server that others may use as well: everything that is made there bears a name of this run, and goes away with
 * it. Nobody tells when views are through, so a test waits until no row has come for a while.
 */
export async function openServerBench(target: Target): Promise<Bench> {
  const client = connect(target)
  const prefix = `tpctl_test_${randomBytes(4).toString('hex')}_`
  const embedded = target.edition === 'embedded'
  const quietMs = embedded ? EMBEDDED_QUIET_MS : QUIET_MS
  const kafka = new Kafka({
    clientId: 'tpctl-test',
    ...clientOptions(target),
    logLevel: logLevel.NOTHING,
    retry: { retries: 2 },
  })
  let producer: Promise<Producer> | undefined
  const topics = new Set<string>()
  const databases = new Set<string>()
  const connected = async () => {
    producer ??= (async () => {
      const made = kafka.producer({ allowAutoTopicCreation: false })
      await made.connect()
      return made
    })()
    return producer
  }
  const withAdmin = async (use: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>) => {
    const admin = kafka.admin()
    try {
      await admin.connect()
      await use(admin)
    } finally {
      await admin.disconnect().catch(() => {})
    }
  }
  return {
    edition: target.edition,
    client,
    brokers: target.engineBrokers,
    plainBrokers: embedded && !target.kafka,
    kafka: target.kafka,
    ownFunctions: 'all',
    slots: 2,
    prefix,
    cannot: (file, test) => cannotOnServer(file, test, embedded),
    createTopic: (topic) => {
      topics.add(topic)
      return withAdmin((admin) =>
        admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true }),
      )
    },
    async produce(topic, messages) {
      const sent = messages.map(({ value, key, headers, at }) => ({
        value,
        key,
        headers,
        timestamp: at === undefined ? undefined : String(at),
      }))
      await (await connected()).send({ topic, messages: sent })
    },
    async settle(database, { signal }) {
      databases.add(database)
      const deadline = performance.now() + SETTLE_MS
      let last = ''
      for (let since = performance.now(); performance.now() - since < quietMs; await sleep(POLL_MS)) {
        signal.throwIfAborted()
        if (performance.now() > deadline)
          throw new UserError('TEST_UNSETTLED', `Rows still come after ${SETTLE_MS / 1000} s.`, {
            suggestion: 'Give fewer rows, or look for a view that feeds itself.',
          })
        const now = await rowCounts(client, database)
        if (now !== last) since = performance.now()
        last = now
      }
    },
    async advance(_database, ms) {
      await sleep(Math.min(ms, LONGEST_WAIT_MS))
    },
    problems: async (database) => (embedded ? viewProblems(client, database) : []),
    reached: async () => undefined,
    deadLetters: (database, source) =>
      embedded
        ? client.rows(
            'SELECT topic, partition, offset, error, raw FROM system.dead_letters ' +
              `WHERE source = ${quoteString(`${database}.${source}`)} ORDER BY topic, partition, offset`,
          )
        : Promise.resolve(undefined),
    async release(database) {
      databases.add(database)
    },
    async sweep() {
      for (const database of databases) await dropAll(client, database)
      databases.clear()
    },
    async close() {
      try {
        for (const database of databases) await dropAll(client, database)
        await dropFunctions(client, prefix)
        if (topics.size > 0) await withAdmin((admin) => admin.deleteTopics({ topics: [...topics] }))
      } finally {
        await (await producer?.catch(() => undefined))?.disconnect()
        await client.close()
      }
    },
  }
}

function cannotOnServer(file: TestFile, test: TestCase, embedded: boolean): string | undefined {
  const steps = [...file.given, ...test.given]
  if (steps.some(({ advance }) => advance !== undefined && advance > LONGEST_WAIT_MS))
    return `moves the clock by more than ${LONGEST_WAIT_MS / 1000} s, which a server's cannot be`
  if (embedded) return undefined
  if (test.expect.some(({ dead_letters }) => dead_letters !== undefined))
    return 'asks for dead letters, which only the embedded engine lists'
  if (test.expect.some(({ error }) => error?.view !== undefined))
    return 'asks for the error of a view, which only the embedded engine tells'
  return undefined
}

/** How many rows each stream of a database has, as one text. */
async function rowCounts(client: ProtonClient, database: string): Promise<string> {
  const streams = await client.rows<{ name: string; engine: string }>(
    `SELECT name, engine FROM system.tables WHERE database = ${quoteString(database)} ORDER BY name`,
  )
  const counts: string[] = []
  for (const { name, engine } of streams) {
    if (/view|external|random/i.test(engine)) continue
    const [row] = await client.rows<{ n: string }>(`SELECT count() AS n FROM table(${quoteName(name)})`, {
      database,
    })
    counts.push(`${name} ${row?.n}`)
  }
  return counts.join('\n')
}

async function viewProblems(
  client: ProtonClient,
  database: string,
): Promise<{ view: string; error: string }[]> {
  const rows = await client.rows<{ name: string; state: string; last_error: string }>(
    `SELECT name, state, last_error FROM system.materialized_views WHERE database = ${quoteString(database)}`,
  )
  return rows
    .filter(({ state }) => state === 'retrying' || state === 'failed')
    .map(({ name, last_error }) => ({ view: name, error: last_error }))
}

/** Views before what they stand on; a server may refuse to drop a database that is not empty. */
async function dropAll(client: ProtonClient, database: string): Promise<void> {
  for (let left = -1; ; ) {
    const rows = await client.rows<{ name: string; engine: string }>(
      `SELECT name, engine FROM system.tables WHERE database = ${quoteString(database)}`,
    )
    if (rows.length === 0 || rows.length === left) break
    left = rows.length
    for (const { name, engine } of rows) {
      const kind = /view/i.test(engine) ? 'VIEW' : 'STREAM'
      await client.exec(`DROP ${kind} IF EXISTS ${quoteName(name)}`, { database }).catch(() => undefined)
    }
  }
  await client.exec(`DROP DATABASE IF EXISTS ${database}`).catch(() => undefined)
}

async function dropFunctions(client: ProtonClient, prefix: string): Promise<void> {
  const rows = await client.rows<{ name: string }>(
    `SELECT name FROM system.functions WHERE origin != 'System' AND starts_with(name, ${quoteString(prefix)})`,
  )
  for (const { name } of rows) await client.exec(`DROP FUNCTION IF EXISTS ${name}`).catch(() => undefined)
}
