import { type Admin, Kafka } from 'kafkajs'
import type {
  Chdb,
  ExternalStreamObject,
  Inbox,
  Relation,
  StreamObject,
  StreamStore,
} from '../../contracts.js'
import { EngineError } from '../../errors.js'
import type { DeadLetters } from '../dead_letters.js'
import type { InboxRegistry } from '../inbox_registry.js'
import { inboxStream, kafkaSlice } from '../inbox_stream.js'
import { HIDDEN_COLUMNS } from './decode.js'
import { messageFormat, type Schemas } from './format.js'
import { loadMessages } from './loader.js'
import { partitionRanges, startOffsets } from './offsets.js'
import { KafkaReader } from './reader.js'
import { type KafkaSettings, kafkaSettings } from './settings.js'

export interface KafkaDeps {
  chdb: Chdb
  store: StreamStore
  nextId(): number
  registry: InboxRegistry
  deadLetters: DeadLetters
  schemas: Schemas
  /** Next offset of each partition, where the topic is at a broker of this process: as of now, not of the last fetch. */
  localEnds?(brokers: readonly string[], topic: string): number[] | undefined
}

/** Runs `body` with an admin client. A broker that does not answer becomes Proton's 1002. */
export async function withAdmin<T>(settings: KafkaSettings, body: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka(settings.client).admin()
  try {
    await admin.connect()
    return await body(admin)
  } catch (cause) {
    if (cause instanceof EngineError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new EngineError(
      'UNKNOWN_EXCEPTION',
      `Failed to reach topic '${settings.topic}' at ${settings.brokers.join(',')}: ${reason}`,
      { cause },
    )
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Broker and topic must be there, as Proton's CREATE demands, and the schema of the messages. */
export async function validateKafka(object: ExternalStreamObject, schemas: Schemas): Promise<void> {
  const settings = kafkaSettings(object.settings, object.columns)
  messageFormat(settings, schemas)
  await withAdmin(settings, async (admin) => {
    const topics = await admin.listTopics()
    if (!topics.includes(settings.topic)) {
      throw new EngineError(
        'UNKNOWN_EXCEPTION',
        `Topic '${settings.topic}' does not exist at ${settings.brokers.join(',')}`,
      )
    }
  })
}

export interface KafkaInboxOptions {
  /** Durable under this key; absent: the inbox is dropped when it is closed. */
  owner?: string
  queryId: string
  seekTo?: string
}

/**
 * A continuous query's copy of a topic. Exactly once: a batch is appended in one piece with its offsets in it, so
 * the next offset after a crash is the larger of what the rows and what the offset table say.
 */
export async function attachKafka(
  object: ExternalStreamObject,
  options: KafkaInboxOptions,
  deps: KafkaDeps,
): Promise<Inbox> {
  const settings = kafkaSettings(object.settings, object.columns)
  const format = messageFormat(settings, deps.schemas)
  const { stream, next, ends: known } = await openInbox(object, settings, options, deps)
  const source = `${object.name.database}.${object.name.name}`
  let error: string | undefined
  /** How far was read, with the inbox's last row then. Rows tell it too, until they are trimmed. */
  const read = { offsets: new Map<number, number>(), lastSn: 0 }
  /** Rows up to here are accounted for in the offset table: without it, only the rows tell how far was read. */
  let savedUpTo = 0
  const save = async () => {
    if (read.offsets.size === 0) return
    const { lastSn } = read
    const offsets = new Map(read.offsets)
    if (options.owner !== undefined) await deps.registry.saveOffsets(options.owner, offsets)
    savedUpTo = lastSn
    for (const [partition, offset] of offsets) {
      if (read.offsets.get(partition) === offset) read.offsets.delete(partition)
    }
  }
  const reader = new KafkaReader({
    settings,
    groupId: `tpctl-${stream.uuid}`,
    next,
    async onBatch({ messages, next: offsets }) {
      await loadMessages(messages, {
        chdb: deps.chdb,
        store: deps.store,
        inbox: stream,
        source,
        topic: settings.topic,
        format,
        columns: object.columns,
        reject: (letters) => deps.deadLetters.write(letters),
        // Should the rest fail, it comes again without these.
        stored(portion) {
          for (const { partition, offset } of portion) next.set(partition, offset + 1)
        },
      })
      for (const [partition, offset] of offsets) read.offsets.set(partition, offset)
      read.lastSn = deps.store.lastSn(stream)
    },
    onError(failure) {
      error = failure?.message
    },
  })
  reader.start()
  const declared = object.columns.map((column) => column.name)
  return {
    stream,
    slice: (from, to, only): Relation => kafkaSlice(deps.store, stream, declared, from, to, only),
    async trim(upTo) {
      await save()
      await deps.store.trim(stream, Math.min(upTo, savedUpTo))
    },
    lag() {
      const ends = reader.ends()
      const local = deps.localEnds?.(settings.brokers, settings.topic)
      return [...next].map(([partition, consumed]) => ({
        partition,
        consumed,
        end: Math.max(
          consumed,
          local?.[partition] ?? ends.get(partition) ?? known.get(partition) ?? consumed,
        ),
      }))
    },
    async seekTo(upTo) {
      // Taken before the rows are looked at: what arrives meanwhile is behind these offsets.
      const offsets = new Map(next)
      const rows = await deps.chdb.rows<[number, string, string, string]>(
        `SELECT __partition, toString(countIf(_tp_sn > ${upTo})), toString(minIf(__offset, _tp_sn > ${upTo})), toString(max(__offset)) FROM ${deps.store.slice(stream, 0, Number.MAX_SAFE_INTEGER).sql} GROUP BY __partition`,
      )
      for (const [partition, waiting, first, last] of rows) {
        const behind = Math.max(offsets.get(partition) ?? 0, Number(last) + 1)
        offsets.set(partition, Number(waiting) > 0 ? Number(first) : behind)
      }
      const partitions = Math.max(-1, ...offsets.keys()) + 1
      return Array.from({ length: partitions }, (_, partition) => offsets.get(partition) ?? 0).join(',')
    },
    lastError: () => error,
    async close() {
      await reader.close()
      await save()
      if (options.owner === undefined) await deps.store.drop(stream)
    },
  }
}

async function openInbox(
  object: ExternalStreamObject,
  settings: KafkaSettings,
  options: KafkaInboxOptions,
  deps: KafkaDeps,
): Promise<{ stream: StreamObject; next: Map<number, number>; ends: Map<number, number> }> {
  const known = options.owner === undefined ? undefined : deps.registry.find(options.owner)
  if (known) {
    await deps.store.open([known.stream])
    const stored = await deps.chdb.rows<[number, string]>(
      `SELECT __partition, max(__offset) FROM ${deps.store.slice(known.stream, 0, Number.MAX_SAFE_INTEGER).sql} GROUP BY __partition`,
    )
    const next = new Map(known.offsets)
    for (const [partition, offset] of stored) {
      next.set(partition, Math.max(next.get(partition) ?? 0, Number(offset) + 1))
    }
    // Written down before the rows that tell it may be trimmed.
    await deps.registry.saveOffsets(options.owner!, next)
    return { stream: known.stream, next, ends: new Map() }
  }
  const { next, ends } = await withAdmin(settings, async (admin) => ({
    next: await startOffsets(admin, settings.topic, options.seekTo ?? 'latest'),
    // Until the first fetch tells, this is how far there is to go.
    ends: await startOffsets(admin, settings.topic, 'latest'),
  }))
  const stream = inboxStream(deps.nextId(), options.owner ?? options.queryId, [
    ...object.columns,
    ...HIDDEN_COLUMNS.map((column) => ({ ...column })),
  ])
  await deps.store.create(stream)
  if (options.owner !== undefined) await deps.registry.save(options.owner, stream, next)
  return { stream, next, ends }
}

/** Everything from the first message to the end as it was when asked, in a stream that lives until `release`. */
export async function snapshotKafka(
  object: ExternalStreamObject,
  deps: KafkaDeps,
): Promise<{ relation: Relation; release(): Promise<void> }> {
  const settings = kafkaSettings(object.settings, object.columns)
  const ranges = await withAdmin(settings, (admin) => partitionRanges(admin, settings.topic))
  const inbox = await attachKafka(object, { queryId: 'snapshot', seekTo: 'earliest' }, deps)
  try {
    const isThere = () => {
      const lag = new Map(inbox.lag().map(({ partition, consumed }) => [partition, consumed]))
      return ranges.every(({ partition, low, high }) => low >= high || (lag.get(partition) ?? 0) >= high)
    }
    while (!isThere()) {
      const failure = inbox.lastError()
      if (failure !== undefined)
        throw new EngineError('UNKNOWN_EXCEPTION', `Reading ${settings.topic}: ${failure}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return { relation: inbox.slice(0, deps.store.lastSn(inbox.stream)), release: () => inbox.close() }
  } catch (error) {
    await inbox.close()
    throw error
  }
}
