import type { QualifiedName } from '../../dialect/ast.js'
import type {
  Chdb,
  ExternalSources,
  ExternalStreamObject,
  Inbox,
  RandomStreamObject,
  StreamStore,
} from '../contracts.js'
import { EngineError } from '../errors.js'
import type { DeadLetters } from './dead_letters.js'
import type { InboxRegistry } from './inbox_registry.js'
import { registerCodecs } from './kafka/codecs.js'
import type { Schemas } from './kafka/format.js'
import { attachKafka, type KafkaDeps, snapshotKafka, validateKafka } from './kafka/inbox.js'
import { quietRequestQueues } from './kafka/request_queues.js'
import { KafkaSinks } from './kafka/sink.js'
import { attachRandom, snapshotRandom } from './random.js'

export { DeadLetters } from './dead_letters.js'
export { InboxRegistry } from './inbox_registry.js'

export interface ExternalDeps {
  chdb: Chdb
  store: StreamStore
  /** Ids shared with the catalog: tables are named by them. */
  nextId(): number
  registry: InboxRegistry
  deadLetters: DeadLetters
  /** Of messages in binary formats. */
  schemas: Schemas
  /** The settings of an external stream with those of its named collection; absent: its own. */
  settingsOf?(object: ExternalStreamObject): Record<string, string>
  /** Next offset of each partition, where the topic is at a broker of this process. */
  localEnds?(brokers: readonly string[], topic: string): number[] | undefined
}

/** What the engine reads from and writes to outside of itself. */
export function createExternalSources(deps: ExternalDeps): ExternalSources {
  registerCodecs()
  quietRequestQueues()
  return new Sources(deps)
}

class Sources implements ExternalSources {
  readonly #deps: KafkaDeps & Pick<ExternalDeps, 'settingsOf'>
  readonly #sinks: KafkaSinks
  /** Open inboxes: a view that reads a stream twice shares one. */
  readonly #shared = new Map<string, { inbox: Promise<Inbox>; users: number }>()
  readonly #open = new Set<Inbox>()

  constructor(deps: ExternalDeps) {
    this.#deps = deps
    this.#sinks = new KafkaSinks(deps.chdb, deps.schemas)
  }

  async validate(written: ExternalStreamObject): Promise<void> {
    await validateKafka(this.#kafka(written), this.#deps.schemas)
  }

  /** The stream as it is to be opened. */
  #kafka(object: ExternalStreamObject): ExternalStreamObject {
    requireKafka(object)
    return { ...object, settings: this.#deps.settingsOf?.(object) ?? object.settings }
  }

  async attach(
    written: ExternalStreamObject | RandomStreamObject,
    options: { owner?: string; queryId: string; seekTo?: string; settings: Record<string, string> },
  ): Promise<Inbox> {
    if (written.kind === 'random_stream') return this.#track(await attachRandom(written, options, this.#deps))
    const object = this.#kafka(written)
    if (options.owner === undefined) return this.#track(await attachKafka(object, options, this.#deps))
    const key = `${options.owner}/${object.uuid}`
    let shared = this.#shared.get(key)
    if (!shared) {
      shared = { inbox: attachKafka(object, { ...options, owner: key }, this.#deps), users: 0 }
      this.#shared.set(key, shared)
      shared.inbox.then(
        (inbox) => this.#open.add(inbox),
        () => this.#shared.delete(key),
      )
    }
    shared.users++
    const inbox = await shared.inbox
    const closeShared = async () => {
      if (--shared.users > 0) return
      this.#shared.delete(key)
      this.#open.delete(inbox)
      await inbox.close()
    }
    let closed = false
    return {
      stream: inbox.stream,
      slice: (from, to, only) => inbox.slice(from, to, only),
      trim: (upTo) => inbox.trim(upTo),
      lag: () => inbox.lag(),
      seekTo: (upTo) => inbox.seekTo(upTo),
      lastError: () => inbox.lastError(),
      async close() {
        if (closed) return
        closed = true
        await closeShared()
      },
    }
  }

  async discard(owner: string): Promise<void> {
    for (const [key, { stream }] of this.#deps.registry.ownedBy(owner)) {
      await this.#deps.store.drop(stream)
      await this.#deps.registry.remove(key)
    }
  }

  async snapshot(
    object: ExternalStreamObject | RandomStreamObject,
    options: { settings?: Record<string, string> } = {},
  ) {
    if (object.kind === 'random_stream') return snapshotRandom(object, options.settings ?? {})
    return snapshotKafka(this.#kafka(object), this.#deps)
  }

  async write(
    object: ExternalStreamObject,
    rows: Parameters<ExternalSources['write']>[1],
  ): Promise<{ rows: number }> {
    return this.#sinks.write(this.#kafka(object), rows)
  }

  rejected(name: QualifiedName): number {
    return this.#deps.deadLetters.count(`${name.database ?? 'default'}.${name.name}`)
  }

  async forgetRejected(where: string): Promise<void> {
    await this.#deps.deadLetters.remove(where)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((inbox) => inbox.close()))
    await this.#sinks.close()
  }

  #track(inbox: Inbox): Inbox {
    this.#open.add(inbox)
    const close = inbox.close.bind(inbox)
    inbox.close = async () => {
      this.#open.delete(inbox)
      await close()
    }
    return inbox
  }
}

function requireKafka(object: ExternalStreamObject): void {
  const type = object.settings.type ?? 'kafka'
  if (type !== 'kafka' && type !== 'redpanda') {
    throw new EngineError(
      'NOT_IMPLEMENTED',
      `External streams of type '${type}' are not supported by the embedded engine; it knows 'kafka'`,
    )
  }
}
