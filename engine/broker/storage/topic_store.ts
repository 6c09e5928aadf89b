import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { KafkaError } from '../protocol/errors.js'
import { replaceFile } from './files.js'
import { PartitionLog } from './partition_log.js'
import { checkConfig, type FsyncPolicy, topicSettings } from './topic_config.js'

const TOPIC_FILE = 'topic.json'
const DELETED_PREFIX = 'deleted-'
const FLUSH_INTERVAL_MS = 1000
const RETENTION_INTERVAL_MS = 10_000
/** Each partition keeps a file open. */
const MAX_PARTITIONS = 1000

export interface TopicStoreOptions {
  dir: string
  fsync: FsyncPolicy
  defaultPartitions: number
  /** Topic configuration for topics that do not set it themselves. */
  defaults: Readonly<Record<string, string>>
  warn: (message: string) => void
}

export interface Topic {
  id: string
  name: string
  config: Record<string, string>
  partitions: PartitionLog[]
}

/** All topics of a broker: `topics/<id>/topic.json` and `topics/<id>/<partition>/<offset>.log`. */
export class TopicStore {
  readonly #options: TopicStoreOptions
  readonly #root: string
  readonly #topics = new Map<string, Topic>()
  readonly #timers: NodeJS.Timeout[] = []

  constructor(options: TopicStoreOptions) {
    this.#options = options
    this.#root = join(options.dir, 'topics')
    mkdirSync(this.#root, { recursive: true })
    for (const id of readdirSync(this.#root)) this.#load(id)
    this.#timers.push(setInterval(() => this.applyRetention(), RETENTION_INTERVAL_MS))
    if (options.fsync === 'interval') {
      this.#timers.push(setInterval(() => void this.#flushAll(), FLUSH_INTERVAL_MS))
    }
    for (const timer of this.#timers) timer.unref()
  }

  get fsync(): FsyncPolicy {
    return this.#options.fsync
  }

  get defaults(): Readonly<Record<string, string>> {
    return this.#options.defaults
  }

  #load(id: string): void {
    const path = join(this.#root, id)
    // Without its description a folder is a creation or a deletion that a crash interrupted.
    if (id.startsWith(DELETED_PREFIX) || !existsSync(join(path, TOPIC_FILE))) {
      rmSync(path, { recursive: true, force: true })
      return
    }
    const stored = JSON.parse(readFileSync(join(path, TOPIC_FILE), 'utf8')) as {
      name: string
      partitions: number
      config: Record<string, string>
    }
    const topic: Topic = { id, name: stored.name, config: stored.config, partitions: [] }
    this.#addPartitions(topic, stored.partitions)
    this.#topics.set(topic.name, topic)
  }

  #addPartitions(topic: Topic, count: number): void {
    const settings = () => topicSettings(topic.config, this.#options)
    for (let index = topic.partitions.length; index < count; index++) {
      const dir = join(this.#root, topic.id, String(index))
      topic.partitions.push(PartitionLog.open(dir, settings, this.#options.warn))
    }
  }

  #save(topic: Pick<Topic, 'id' | 'name' | 'config'>, partitions: number): void {
    const { id, name, config } = topic
    replaceFile(
      join(this.#root, id, TOPIC_FILE),
      `${JSON.stringify({ name, partitions, config }, null, 2)}\n`,
    )
  }

  list(): Topic[] {
    return [...this.#topics.values()]
  }

  find(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  /** Throws UNKNOWN_TOPIC_OR_PARTITION. */
  topic(name: string): Topic {
    const topic = this.#topics.get(name)
    if (!topic) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic ${name}`)
    return topic
  }

  /** Throws UNKNOWN_TOPIC_OR_PARTITION. */
  partition(name: string, index: number): PartitionLog {
    const partition = this.topic(name).partitions[index]
    if (!partition) {
      throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `Topic ${name} has no partition ${index}`)
    }
    return partition
  }

  /** All that creating would refuse, without creating. `partitions` -1 is the broker's default. Returns the count. */
  checkNew(name: string, partitions: number, config: Readonly<Record<string, string | null>>): number {
    checkTopicName(name)
    if (this.#topics.has(name)) {
      throw new KafkaError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`)
    }
    const count = partitions === -1 ? this.#options.defaultPartitions : partitions
    checkPartitionCount(count)
    for (const [key, value] of Object.entries(config)) checkConfig(key, value)
    return count
  }

  create(name: string, partitions: number, config: Readonly<Record<string, string | null>>): Topic {
    const count = this.checkNew(name, partitions, config)
    const topic: Topic = {
      id: randomUUID(),
      name,
      config: { ...(config as Record<string, string>) },
      partitions: [],
    }
    this.#storing(() => {
      this.#addPartitions(topic, count)
      this.#save(topic, count)
    })
    this.#topics.set(name, topic)
    return topic
  }

  delete(name: string): void {
    const topic = this.topic(name)
    this.#topics.delete(name)
    for (const partition of topic.partitions) partition.close()
    const path = join(this.#root, topic.id)
    const aside = join(this.#root, `${DELETED_PREFIX}${topic.id}`)
    this.#storing(() => {
      renameSync(path, aside)
      rmSync(aside, { recursive: true, force: true })
    })
  }

  /** Throws INVALID_PARTITIONS: a topic only ever grows. */
  grow(name: string, count: number, validateOnly = false): void {
    const topic = this.topic(name)
    checkPartitionCount(count)
    if (count <= topic.partitions.length) {
      throw new KafkaError(
        'INVALID_PARTITIONS',
        `Topic currently has ${topic.partitions.length} partitions, which is not fewer than the requested ${count}.`,
      )
    }
    if (validateOnly) return
    this.#storing(() => {
      this.#addPartitions(topic, count)
      this.#save(topic, count)
    })
  }

  /** Replaces the configuration of a topic. Throws INVALID_CONFIG. */
  configure(name: string, config: Readonly<Record<string, string | null>>, validateOnly = false): void {
    const topic = this.topic(name)
    for (const [key, value] of Object.entries(config)) checkConfig(key, value)
    if (validateOnly) return
    const replaced = { ...(config as Record<string, string>) }
    this.#storing(() => this.#save({ ...topic, config: replaced }, topic.partitions.length))
    topic.config = replaced
  }

  #storing(body: () => void): void {
    try {
      body()
    } catch (cause) {
      throw new KafkaError('KAFKA_STORAGE_ERROR', `Cannot store the topic: ${String(cause)}`, { cause })
    }
  }

  applyRetention(now = Date.now()): void {
    for (const partition of this.#partitions()) {
      try {
        partition.applyRetention(now)
      } catch (error) {
        this.#options.warn(`retention: ${String(error)}`)
      }
    }
  }

  async #flushAll(): Promise<void> {
    for (const partition of this.#partitions()) {
      await partition.flush().catch((error: unknown) => this.#options.warn(`fsync: ${String(error)}`))
    }
  }

  #partitions(): PartitionLog[] {
    return this.list().flatMap((topic) => topic.partitions)
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    if (this.#options.fsync !== 'never') await this.#flushAll()
    for (const partition of this.#partitions()) partition.close()
  }
}

function checkPartitionCount(count: number): void {
  if (count < 1 || count > MAX_PARTITIONS) {
    throw new KafkaError(
      'INVALID_PARTITIONS',
      `Number of partitions must be 1 to ${MAX_PARTITIONS}, not ${count}`,
    )
  }
}

/** Throws INVALID_TOPIC_EXCEPTION. */
export function checkTopicName(name: string): void {
  if (/^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== '.' && name !== '..') return
  throw new KafkaError(
    'INVALID_TOPIC_EXCEPTION',
    `Topic name ${JSON.stringify(name.slice(0, 260))} is not 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'`,
  )
}
