import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DirectoryLock } from '../directory_lock.js'
import { BrokerError } from './errors.js'
import { GroupCoordinator } from './groups/coordinator.js'
import { OffsetStore } from './groups/offsets.js'
import type { BrokerContext, BrokerLog } from './handlers/context.js'
import { routesOf } from './handlers/routes.js'
import { decompress } from './protocol/compression.js'
import {
  BATCH_HEADER,
  type BrokerRecord,
  buildBatch,
  type NewRecord,
  readBatchHeader,
  readRecords,
} from './protocol/record_batch.js'
import type { Users } from './security/sasl.js'
import { BrokerServer, type BrokerTls } from './server.js'
import { replaceFile } from './storage/files.js'
import { lockBroker } from './storage/lock.js'
import { ProducerIds } from './storage/producer_ids.js'
import { type FsyncPolicy, MAX_MESSAGE_BYTES } from './storage/topic_config.js'
import { TopicStore } from './storage/topic_store.js'

/** As Kafka's `socket.request.max.bytes`. */
const MAX_FRAME_BYTES = 100 * 1024 * 1024

export interface BrokerOptions {
  /** Holds everything the broker keeps; made if missing. One process at a time. */
  dir: string
  /** Default 127.0.0.1. */
  host?: string
  /** 0 takes a free port. */
  port: number
  /** Host name that clients are told to connect to; default `host`, or with 0.0.0.0 the address they came in by. */
  advertisedHost?: string
  /** When messages are forced to the disk: before each ack, every second (default), or when the system likes. */
  fsync?: FsyncPolicy
  /** Of topics created without a count, or by a client's first use; default 1. */
  defaultPartitions?: number
  /** Create topics that clients ask for; default true, as Kafka does. */
  autoCreateTopics?: boolean
  /** Largest record batch in bytes, where a topic does not say otherwise; default 1 MiB + 12, as Kafka. */
  maxMessageBytes?: number
  /** Largest request in bytes; default 100 MiB, as Kafka. */
  maxFrameBytes?: number
  /** Topic configuration for topics that do not set it: `{ 'retention.ms': '3600000' }`. */
  topicDefaults?: Readonly<Record<string, string>>
  /** Speak TLS, as this certificate. */
  tls?: BrokerTls
  /** Who may log in, by SASL with PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; absent: nobody has to. */
  users?: Users
  log?: BrokerLog
}

export interface TopicInfo {
  name: string
  partitions: number
  config: Record<string, string>
}

export interface Broker {
  readonly port: number
  /** `host:port`, for clients' bootstrap list. */
  readonly brokers: string
  /** Ends connections, writes everything to the disk and frees the directory. */
  close(): Promise<void>
  /** Throws KafkaError (TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG). */
  createTopic(name: string, options?: { partitions?: number; config?: Record<string, string> }): TopicInfo
  /** Throws UNKNOWN_TOPIC_OR_PARTITION. */
  deleteTopic(name: string): void
  topics(): TopicInfo[]
  /** Per partition, the offset that the next message will get. */
  endOffsets(topic: string): number[]
  /** Per partition, the first offset that can be read. */
  startOffsets(topic: string): number[]
  /** Produces without a connection; all records are stored, or none. Answers the first record's offset. */
  append(topic: string, partition: number, records: readonly NewRecord[]): Promise<{ baseOffset: number }>
  /**
   * Records from `offset` on, from batches of at most `maxBytes` together (one batch at least). `nextOffset` is
   * where to go on. Throws OFFSET_OUT_OF_RANGE; UNSUPPORTED_FOR_MESSAGE_FORMAT for a batch it cannot unpack.
   */
  read(
    topic: string,
    partition: number,
    offset: number,
    maxBytes?: number,
  ): { records: BrokerRecord[]; nextOffset: number; endOffset: number }
}

const SILENT: BrokerLog = { debug() {}, info() {}, warn() {} }

/**
 * Starts a Kafka-protocol broker for development on `options.dir`. Throws BrokerError: BROKER_DIR_LOCKED,
 * BROKER_DIR_UNUSABLE, BROKER_PORT_IN_USE, BROKER_CANNOT_LISTEN.
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const lock = openDirectory(options.dir)
  let parts: Parts | undefined
  try {
    parts = openParts(options)
    const port = await parts.server.listen()
    return new RunningBroker(options, parts, lock, port)
  } catch (error) {
    await parts?.topics.close()
    parts?.offsets.close()
    lock.release()
    throw error
  }
}

interface Parts {
  topics: TopicStore
  offsets: OffsetStore
  context: BrokerContext
  server: BrokerServer
}

function openDirectory(dir: string): DirectoryLock {
  try {
    mkdirSync(dir, { recursive: true })
    return lockBroker(dir)
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause
    const message = `The broker cannot use the directory ${dir}: ${String(cause)}`
    throw new BrokerError('BROKER_DIR_UNUSABLE', message, { cause })
  }
}

function openParts(options: BrokerOptions): Parts {
  const { dir, host = '127.0.0.1', port, advertisedHost, fsync = 'interval', log = SILENT } = options
  const { defaultPartitions = 1, autoCreateTopics = true, maxFrameBytes = MAX_FRAME_BYTES } = options
  const { maxMessageBytes = MAX_MESSAGE_BYTES } = options
  const defaults = { 'max.message.bytes': String(maxMessageBytes), ...options.topicDefaults }
  const warn = (message: string) => log.warn(message)
  const topics = new TopicStore({ dir, fsync, defaultPartitions, defaults, warn })
  const offsets = new OffsetStore(dir)
  const context: BrokerContext = {
    topics,
    groups: new GroupCoordinator(offsets),
    producerIds: new ProducerIds(dir),
    clusterId: clusterIdOf(dir),
    autoCreateTopics,
    defaultPartitions,
    shownConfig: {
      'auto.create.topics.enable': String(autoCreateTopics),
      'default.replication.factor': '1',
      'message.max.bytes': String(maxMessageBytes),
      'num.partitions': String(defaultPartitions),
      'socket.request.max.bytes': String(maxFrameBytes),
    },
    log,
  }
  const routes = routesOf(context)
  const { tls, users } = options
  const server = new BrokerServer({ host, port, advertisedHost, maxFrameBytes, tls, users, routes, log })
  return { topics, offsets, context, server }
}

function clusterIdOf(dir: string): string {
  const path = join(dir, 'cluster-id')
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    const id = randomUUID().replaceAll('-', '').slice(0, 22)
    replaceFile(path, `${id}\n`)
    return id
  }
}

class RunningBroker implements Broker {
  readonly port: number
  readonly brokers: string
  readonly #parts: Parts
  readonly #lock: DirectoryLock
  readonly #fsync: FsyncPolicy
  readonly #log: BrokerLog
  #closing: Promise<void> | undefined

  constructor(options: BrokerOptions, parts: Parts, lock: DirectoryLock, port: number) {
    const { host = '127.0.0.1', advertisedHost = host === '0.0.0.0' ? '127.0.0.1' : host } = options
    this.port = port
    this.brokers = `${advertisedHost}:${port}`
    this.#parts = parts
    this.#lock = lock
    this.#fsync = options.fsync ?? 'interval'
    this.#log = options.log ?? SILENT
    this.#log.info(
      `Kafka-protocol broker for development on ${this.brokers}: one node, no replication, no transactions, ${securityOf(options)}. ` +
        `Use Redpanda or Apache Kafka for anything else. Data in ${options.dir}, ${parts.topics.list().length} topic(s), fsync ${this.#fsync}.`,
    )
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { server, context, topics, offsets } = this.#parts
    await server.close()
    context.groups.close()
    await topics.close()
    offsets.close()
    this.#lock.release()
    this.#log.info(`Kafka-protocol broker on ${this.brokers} closed`)
  }

  createTopic(
    name: string,
    options: { partitions?: number; config?: Record<string, string> } = {},
  ): TopicInfo {
    const topic = this.#parts.topics.create(name, options.partitions ?? -1, options.config ?? {})
    return { name, partitions: topic.partitions.length, config: topic.config }
  }

  deleteTopic(name: string): void {
    this.#parts.topics.delete(name)
    this.#parts.offsets.deleteTopic(name)
  }

  topics(): TopicInfo[] {
    return this.#parts.topics
      .list()
      .map(({ name, partitions, config }) => ({ name, partitions: partitions.length, config: { ...config } }))
  }

  endOffsets(topic: string): number[] {
    return this.#parts.topics.topic(topic).partitions.map((partition) => partition.endOffset)
  }

  startOffsets(topic: string): number[] {
    return this.#parts.topics.topic(topic).partitions.map((partition) => partition.startOffset)
  }

  async append(topic: string, partition: number, records: readonly NewRecord[]) {
    const log = this.#parts.topics.partition(topic, partition)
    if (records.length === 0) return { baseOffset: log.endOffset }
    const { baseOffset } = log.append(Buffer.concat(batchesOf(records)))
    if (this.#fsync === 'always') await log.flush()
    return { baseOffset }
  }

  read(topic: string, partition: number, offset: number, maxBytes = 1024 * 1024) {
    const log = this.#parts.topics.partition(topic, partition)
    const data = log.read(offset, maxBytes, true)
    const records: BrokerRecord[] = []
    let nextOffset = offset
    for (let at = 0; at < data.length; ) {
      const header = readBatchHeader(data, at)
      const payload = decompress(header, data.subarray(at + BATCH_HEADER, at + header.size))
      for (const record of readRecords(header, payload)) if (record.offset >= offset) records.push(record)
      nextOffset = header.baseOffset + header.lastOffsetDelta + 1
      at += header.size
    }
    return { records, nextOffset, endOffset: log.endOffset }
  }
}

function securityOf({ tls, users }: BrokerOptions): string {
  const login = users ? `login as ${Object.keys(users).join(', ')}` : 'no authentication'
  return tls ? `TLS, ${login}` : login
}

/** Batches of a size that consumers with default limits take in one fetch; a large record gets its own. */
function batchesOf(records: readonly NewRecord[]): Buffer[] {
  const target = MAX_MESSAGE_BYTES / 2
  const batches: Buffer[] = []
  let from = 0
  let bytes = 0
  for (const [i, record] of records.entries()) {
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0) + 64
    if (i > from && bytes + size > target) {
      batches.push(buildBatch(records.slice(from, i)))
      from = i
      bytes = 0
    }
    bytes += size
  }
  batches.push(buildBatch(records.slice(from)))
  return batches
}
