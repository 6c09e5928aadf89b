import { access, constants, mkdtemp, readdir, rm, stat, statfs } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../dialect/index.js'
import { ProtonClient, quoteName, quoteString } from '../../driver/index.js'
import { ManualClock } from '../../engine/clock.js'
import { startEngine } from '../../engine/engine.js'
import type { Bench } from './bench.js'

/** How long views may take to work through the rows of a step. */
const SETTLE_MS = 60_000
/** A view that tries again for so long will not get through. */
const FAILING_MS = 2_500
const POLL_MS = 2

/** An engine of this process in a temporary folder. Its clock stands still unless a test moves it. */
export async function openEmbeddedBench(): Promise<Bench> {
  const folder = await roomyFolder()
  await removeLeftovers(folder)
  const dir = await mkdtemp(join(folder, `${FOLDER_PREFIX}${process.pid}-`))
  const clocks = new Map<string, ManualClock>()
  const clockOf = (database: string) => {
    const clock = clocks.get(database) ?? new ManualClock()
    clocks.set(database, clock)
    return clock
  }
  const engine = await startEngine({
    dir,
    ports: { http: 0, stream: 0, metrics: 0, kafka: 0 },
    clock: clockOf,
  }).catch(async (error: unknown) => {
    await rm(dir, { recursive: true, force: true })
    throw error
  })
  const { url, streamUrl, brokers, broker } = engine
  const client = new ProtonClient({ url, streamUrl })
  const pauses = new Set<Promise<unknown>>()
  const released = new Set<string>()
  const failing = (database: string) =>
    engine
      .views(database)
      .flatMap(({ name, state, lastError }) =>
        state === 'retrying' || state === 'failed' ? [{ view: name.name, error: lastError ?? state }] : [],
      )
  return {
    edition: 'embedded',
    client,
    brokers,
    plainBrokers: true,
    ownFunctions: 'remote',
    slots: Math.max(2, availableParallelism()),
    prefix: '',
    cannot: () => undefined,
    async createTopic(topic) {
      broker.createTopic(topic, { partitions: 1 })
    },
    async produce(topic, messages) {
      await broker.append(
        topic,
        0,
        messages.map(({ value, key, headers, at }) => ({ key, value, headers, timestamp: at })),
      )
    },
    async settle(database, { patient, signal }) {
      const started = performance.now()
      let failingSince: number | undefined
      while (!engine.quiet(database)) {
        signal.throwIfAborted()
        const now = performance.now()
        const problems = failing(database)
        failingSince = problems.length === 0 ? undefined : (failingSince ?? now)
        if (failingSince !== undefined && (!patient || now - failingSince > FAILING_MS)) return
        if (now - started > SETTLE_MS) throw unsettled(engine.views(database).map(({ name }) => name.name))
        await sleep(POLL_MS)
      }
    },
    async advance(database, ms) {
      clockOf(database).advance(ms)
    },
    problems: async (database) => failing(database),
    reached: async (database) =>
      new Set(engine.views(database).flatMap(({ name, rowsIn }) => (rowsIn > 0 ? [name.name] : []))),
    deadLetters: (database, source) =>
      client.rows(
        `SELECT topic, partition, offset, error, raw FROM system.dead_letters ` +
          `WHERE source = ${quoteString(`${database}.${source}`)} ORDER BY topic, partition, offset`,
      ),
    async release(database, objects) {
      released.add(database)
      const views = objects.filter(({ kind }) => kind === 'materialized_view')
      const restless = !engine.quiet(database)
      // Others cost nothing while nobody writes to them; these poll their topics.
      if (!restless && !objects.some(({ kind }) => kind === 'external_stream' || kind === 'random_stream'))
        return
      const pausing = Promise.all(
        views.map(({ name }) =>
          client
            .exec(`SYSTEM PAUSE MATERIALIZED VIEW ${quoteName(name)}`, { database })
            .catch(() => undefined),
        ),
      )
      pauses.add(pausing)
      void pausing.finally(() => pauses.delete(pausing))
      if (restless) await pausing
    },
    async sweep() {
      await Promise.all(pauses)
      for (const database of released) {
        await client.exec(`DROP DATABASE IF EXISTS ${database}`)
        for (const { name } of broker.topics()) if (name.startsWith(`${database}.`)) broker.deleteTopic(name)
        clocks.delete(database)
      }
      released.clear()
    },
    async close() {
      await Promise.all(pauses)
      await client.close()
      await engine.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

function unsettled(views: string[]): UserError {
  return new UserError('TEST_UNSETTLED', `The views still have work after ${SETTLE_MS / 1000} s.`, {
    detail: views.join(', '),
    suggestion: 'Give fewer rows, or look for a view that feeds itself.',
  })
}

const FOLDER_PREFIX = 'tpctl-test-'
/** A process of another container is not seen from here, but tests seldom run for a day. */
const LEFTOVER_MS = 24 * 3_600_000

/** What killed runs left behind: in memory it would stay until the machine restarts. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(FOLDER_PREFIX) || isAlive(Number.parseInt(name.slice(FOLDER_PREFIX.length), 10)))
      continue
    const path = join(folder, name)
    const changed = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => Number.POSITIVE_INFINITY,
    )
    // Another user's folder stays.
    if (Date.now() - changed > LEFTOVER_MS)
      await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Where Linux keeps files in memory. */
const MEMORY_FOLDER = '/dev/shm'
const ROOM_BYTES = 2 ** 30

/** A folder in memory where there is one with room: what tests write is thrown away, so no disk need see it. */
async function roomyFolder(): Promise<string> {
  try {
    await access(MEMORY_FOLDER, constants.W_OK)
    const { bavail, bsize } = await statfs(MEMORY_FOLDER)
    return bavail * bsize > ROOM_BYTES ? MEMORY_FOLDER : tmpdir()
  } catch {
    return tmpdir()
  }
}
