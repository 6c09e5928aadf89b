/**
 * The embedded engine: Proton's dialect and wire over an in-process store, with a Kafka-protocol broker.
 * This file puts the rooms together; what they do is theirs.
 */

import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../dialect/user_error.js'
import { AccessControl } from './access/control.js'
import { Guard } from './access/guard.js'
import { type Broker, type BrokerOptions, startBroker } from './broker/index.js'
import { StoredCatalog } from './catalog/catalog.js'
import { openFormatSchemas } from './catalog/format_schemas.js'
import { openNamedCollections, withCollection } from './catalog/named_collections.js'
import { StoredMap } from './catalog/stored_map.js'
import { writeGrants } from './chdb/grants.js'
import { purgeWhenIdle } from './chdb/idle.js'
import { openChdb } from './chdb/pool.js'
import { forgetUnfinishedInserts } from './chdb/unfinished_inserts.js'
import type { Clock } from './clock.js'
import type { Chdb, StreamObject, ViewStatus } from './contracts.js'
import type { EngineEdition } from './edition.js'
import { EngineError } from './errors.js'
import { createExternalSources, DeadLetters, InboxRegistry } from './external/index.js'
import { AlertRunner } from './jobs/alerts.js'
import { TaskScheduler } from './jobs/tasks.js'
import { lockFolder } from './lock.js'
import { createPlanner, exactCountFull } from './planner/index.js'
import { type Listener, listenSql } from './server/http.js'
import { listenMetrics } from './server/metrics.js'
import { Sessions } from './server/sessions.js'
import { shardSql } from './sharding.js'
import { type StatementDeps, storeExpr } from './statements/deps.js'
import { dropOrphanDictionaries } from './statements/dictionaries.js'
import { startDictionaryRefresh } from './statements/dictionary_refresh.js'
import { createExecutor } from './statements/executor.js'
import { namedByJobs } from './statements/jobs.js'
import { QueryRegistry } from './statements/registry.js'
import { systemRelation } from './statements/system_relations.js'
import { dropOrphans } from './storage/orphans.js'
import { startRetention } from './storage/retention.js'
import { openStreamStore } from './storage/store.js'
import { createRuntime } from './streaming/index.js'
import { openUdfRegistry, udfError } from './udf/index.js'

export interface EnginePorts {
  /** SQL with bounded results; ClickHouse's and Proton's 8123. */
  http: number
  /** SQL with streaming results, and REST; Proton's 3218. */
  stream: number
  /** Prometheus. */
  metrics: number
  /** The Kafka-protocol broker. */
  kafka: number
}

export interface EngineLog {
  info(text: string): void
  warn(text: string): void
}

export interface EngineOptions {
  /** Holds everything: data, catalog, topics. Made if missing; one engine at a time. */
  dir: string
  /** 0 takes a free port. */
  ports: EnginePorts
  /** Default 127.0.0.1. */
  host?: string
  /** How the broker is spoken to: by default in plain text, by anybody on this machine. */
  kafka?: Pick<BrokerOptions, 'tls' | 'users'>
  log?: EngineLog
  /** How long one block of a user-defined function may take. Default 10 000 ms. */
  udfTimeLimitMs?: number
  /** Whose language it speaks. Default: its own. */
  edition?: EngineEdition
  /** The time of the continuous queries of a database. Default: the system's. */
  clock?: (database: string) => Clock
}

export interface ObjectStatus {
  name: string
  kind: string
  rows: number
  lastSn: number
  view?: ViewStatus
}

export interface Engine {
  readonly edition: EngineEdition
  /** `http://127.0.0.1:8123` */
  readonly url: string
  readonly streamUrl: string
  readonly metricsUrl: string
  /** `host:port` of the broker, for clients' bootstrap list. */
  readonly brokers: string
  readonly ports: EnginePorts
  /** The broker itself, for whoever lives in the same process. */
  readonly broker: Broker
  status(): Promise<ObjectStatus[]>
  /** The materialized views of a database as they are now. */
  views(database: string): ViewStatus[]
  /** Whether all continuous queries of a database have worked through what came in, also from topics of this broker. */
  quiet(database: string): boolean
  /** Ends queries, views and connections in order; state stays for the next start. */
  close(): Promise<void>
}

const SILENT: EngineLog = { info() {}, warn() {} }

/** Steps to undo, last first. */
class Closers {
  readonly #steps: (() => unknown)[] = []
  add(step: () => unknown): void {
    this.#steps.unshift(step)
  }
  async run(log: EngineLog): Promise<void> {
    for (const step of this.#steps.splice(0)) {
      try {
        await step()
      } catch (cause) {
        log.warn(`while closing: ${cause instanceof Error ? cause.message : String(cause)}`)
      }
    }
  }
}

/**
 * Starts an engine on `options.dir` and brings its views up again. Throws UserError ENGINE_FOLDER_IN_USE,
 * ENGINE_PORT_IN_USE, ENGINE_CANNOT_LISTEN, ENGINE_DISK_FULL, BROKER_…; EngineError where the store fails.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const log = options.log ?? SILENT
  const closers = new Closers()
  try {
    return await compose(options, log, closers)
  } catch (cause) {
    await closers.run(log)
    throw startError(cause, options.dir)
  }
}

function startError(cause: unknown, dir: string): unknown {
  const full =
    (cause instanceof EngineError && cause.code === 243) ||
    (cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')
  if (!full) return cause
  return new UserError('ENGINE_DISK_FULL', `The disk that holds ${dir} is full`, {
    suggestion: 'Free space, or move the folder to a larger disk',
    where: dir,
    cause,
  })
}

async function compose(options: EngineOptions, log: EngineLog, closers: Closers): Promise<Engine> {
  const { dir, edition = 'embedded' } = options
  const host = options.host ?? '127.0.0.1'
  await mkdir(dir, { recursive: true })
  const lock = lockFolder(dir)
  closers.add(() => lock.release())
  const serverId = await folderId(dir)

  const udfs = await openUdfRegistry({
    dir: join(dir, 'udf'),
    timeLimitMs: options.udfTimeLimitMs,
    configElements: writeGrants(dir),
  })
  closers.add(() => udfs.close())
  await forgetUnfinishedInserts(join(dir, 'store'))
  const chdb = await openChdb({
    dir: join(dir, 'store'),
    connectionArgs: udfs.connectionArgs,
    explainError: (message, cause, sql) => udfError(message, cause) ?? exactCountFull(message, sql),
  })
  closers.add(() => chdb.close())
  udfs.attach(chdb)

  const inboxes = await InboxRegistry.open(chdb)
  const deadLetters = await DeadLetters.open(chdb)
  const catalog = await StoredCatalog.open(chdb, inboxes.maxId())
  for (const fn of catalog.functions()) await udfs.define(fn)
  const store = await openStreamStore(chdb, {
    shardSql: (stream) => shardSql(stream, udfs),
    hotLog: join(dir, 'hot.log'),
  })
  closers.add(async () => store.close())
  const streams = catalog.list().filter((object) => object.kind === 'stream')
  const orphans = await dropOrphans(chdb, new Set([...streams.map((stream) => stream.id), ...inboxes.ids()]))
  if (orphans > 0) log.info(`dropped ${orphans} tables that an unfinished process left`)
  await store.open(streams)

  const broker = await startKafka(options, host, log)
  closers.add(() => broker.close())

  const collections = await openNamedCollections(chdb)
  const schemas = await openFormatSchemas(chdb)
  const external = createExternalSources({
    chdb,
    store,
    nextId: () => catalog.nextId(),
    registry: inboxes,
    deadLetters,
    schemas,
    settingsOf: ({ settings }) => withCollection(settings, collections),
    localEnds: (brokers, topic) =>
      brokers.includes(broker.brokers) && broker.topics().some(({ name }) => name === topic)
        ? broker.endOffsets(topic)
        : undefined,
  })
  closers.add(() => external.close())
  const runtime = await createRuntime({
    catalog,
    store,
    external,
    udfs,
    chdb,
    dir,
    clock: options.clock,
    deadLetter: ({ view, source, sn, error, rowJson }) =>
      deadLetters.write([{ source: view, topic: source, partition: 0, offset: sn, error, raw: rowJson }]),
  })
  closers.add(() => runtime.close())
  const queries = new QueryRegistry()
  const parts = {
    edition,
    chdb,
    catalog,
    store,
    udfs,
    external,
    runtime,
    queries,
    collections,
    schemas,
    guard: new Guard(await AccessControl.open(chdb, edition), catalog),
    planner: createPlanner({
      catalog,
      store,
      external,
      udfs,
      chdb,
      systemRelation: (name, context) =>
        systemRelation(name, context, statements, { deadLetters: () => deadLetters.relation() }),
    }),
  }
  const tasks = new TaskScheduler(parts, await StoredMap.open(chdb, 'task'))
  closers.add(() => tasks.close())
  const alerts = new AlertRunner(parts, await StoredMap.open(chdb, 'alert'))
  closers.add(() => alerts.close())
  const statements: StatementDeps = { ...parts, tasks, alerts }
  catalog.namedElsewhere = () => namedByJobs(statements)
  await dropOrphanDictionaries(statements)
  const executor = createExecutor(statements)
  const views = catalog.list().filter((object) => object.kind === 'materialized_view')
  await runtime.recover([...views, ...alerts.views()])
  alerts.recover()
  tasks.recover()
  const idle = purgeWhenIdle(chdb, queries)
  closers.add(() => idle.stop())
  const refresh = startDictionaryRefresh(statements, (name, message) =>
    log.warn(`dictionary ${name}: ${message}`),
  )
  closers.add(() => refresh.stop())
  const retention = startRetention({
    chdb,
    store,
    streams: () => catalog.list().filter((object) => object.kind === 'stream'),
    expression: (expr) => storeExpr(expr, statements),
    consumed: (stream) => consumedUpTo(stream, statements),
    onError: (stream, message) => log.warn(`retention of ${stream}: ${message}`),
  })
  closers.add(() => retention.stop())

  const server = {
    chdb,
    catalog,
    executor,
    queries,
    statements,
    serverId,
    sessions: new Sessions(),
    onError: (error: EngineError, queryId: string) => log.info(`query ${queryId}: ${error.text()}`),
  }
  // Running queries end before their connections are cut, so that their clients read why.
  const listenOn = async (setting: 'http' | 'stream', tableMode: boolean) => {
    const listener = await listenSql({ host, port: options.ports[setting], tableMode, setting }, server)
    closers.add(() => listener.close())
    return listener
  }
  const http = await listenOn('http', true)
  const stream = await listenOn('stream', false)
  const metrics: Listener = await listenMetrics({ host, port: options.ports.metrics }, statements)
  closers.add(() => metrics.close())
  closers.add(() => endQueries(queries))
  const address = host.includes(':') ? `[${host}]` : host
  log.info(
    `listening on ${address}: http ${http.port}, stream ${stream.port}, metrics ${metrics.port}, kafka ${broker.port}`,
  )
  let closing: Promise<void> | undefined
  return {
    edition,
    url: `http://${address}:${http.port}`,
    streamUrl: `http://${address}:${stream.port}`,
    metricsUrl: `http://${address}:${metrics.port}/metrics`,
    brokers: broker.brokers,
    broker,
    ports: { http: http.port, stream: stream.port, metrics: metrics.port, kafka: broker.port },
    status: () => objectStatus(statements),
    views: (database) =>
      catalog.list(database).flatMap((object) => {
        const view = object.kind === 'materialized_view' ? runtime.status(object) : undefined
        return view ? [view] : []
      }),
    quiet: (database) => runtime.quiet(database),
    close() {
      closing ??= closers.run(log)
      return closing
    },
  }
}

/** How long clients have to take the news that their queries end. */
const FAREWELL_MS = 1000

async function endQueries(queries: QueryRegistry): Promise<void> {
  for (const query of queries.list()) void queries.kill(query.id)
  const deadline = Date.now() + FAREWELL_MS
  while (queries.list().length > 0 && Date.now() < deadline) await sleep(10)
}

async function startKafka(options: EngineOptions, host: string, log: EngineLog): Promise<Broker> {
  return startBroker({
    ...options.kafka,
    dir: join(options.dir, 'kafka'),
    host,
    port: options.ports.kafka,
    log: {
      debug() {},
      info: (text: string) => log.info(`broker: ${text}`),
      warn: (text: string) => log.warn(`broker: ${text}`),
    },
  })
}

/**
 * The last row of a stream that every view over it has processed. Views name their sources as they were
 * written; a name that cannot be told keeps everything.
 */
function consumedUpTo(stream: StreamObject, { alerts, catalog, runtime, store }: StatementDeps): number {
  let upTo = store.lastSn(stream)
  for (const view of [...catalog.list(), ...alerts.views()]) {
    if (view.kind !== 'materialized_view') continue
    for (const source of runtime.status(view)?.sources ?? [{ name: '', processed: 0 }]) {
      let object = catalog.find({ name: source.name }, view.name.database)
      if (object?.kind === 'materialized_view') object = catalog.find(object.target)
      const same = object?.id === stream.id || source.name === stream.name.name
      if (same || !object) upTo = Math.min(upTo, source.processed)
    }
  }
  return upTo
}

/** Made once per folder, so that clients can tell a restarted engine from another one. */
async function folderId(dir: string): Promise<string> {
  const file = join(dir, 'engine.uuid')
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch {
    const id = randomUUID()
    await writeFile(file, `${id}\n`)
    return id
  }
}

async function objectStatus(deps: StatementDeps & { chdb: Chdb }): Promise<ObjectStatus[]> {
  const relation = await systemRelation(
    { database: 'system', name: 'stream_metrics' },
    {
      queryId: '',
      user: '',
      database: 'default',
      settings: {},
      params: {},
      tableMode: true,
      signal: new AbortController().signal,
    },
    deps,
    { deadLetters: () => ({ sql: '', columns: [] }) },
  )
  const rows = await deps.chdb.rows<[string, string, string, string, string]>(
    `SELECT database, name, kind, rows, last_sn FROM ${relation!.sql}`,
  )
  return rows.map(([database, name, kind, count, lastSn]) => {
    const object = deps.catalog.find({ database, name })
    const view = object?.kind === 'materialized_view' ? deps.runtime.status(object) : undefined
    return {
      name: `${database}.${name}`,
      kind,
      rows: Number(count),
      lastSn: Number(lastSn),
      ...(view ? { view } : {}),
    }
  })
}
