import { closeSync, existsSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile, writeFully } from '../storage/files.js'

export interface CommittedOffset {
  offset: number
  leaderEpoch: number
  metadata: string
}

interface Line extends Partial<CommittedOffset> {
  group: string
  topic?: string
  partition?: number
}

const FILE = 'group-offsets.ndjson'
/** The file is rewritten when it has this many lines, and ten times as many as there are offsets. */
const COMPACT_LINES = 10_000

/**
 * Committed offsets of all groups: a map in memory, an append-only file beneath. A line without offset
 * takes its partition, its topic or its whole group away. The last line may be torn by a crash.
 */
export class OffsetStore {
  readonly #path: string
  readonly #groups = new Map<string, Map<string, Map<number, CommittedOffset>>>()
  #fd: number
  #lines = 0
  #size = 0

  constructor(dir: string) {
    this.#path = join(dir, FILE)
    if (existsSync(this.#path)) {
      for (const text of readFileSync(this.#path, 'utf8').split('\n')) {
        const line = parseLine(text)
        if (line) this.#apply(line)
      }
    }
    this.#rewrite()
    this.#fd = openSync(this.#path, 'r+')
  }

  #apply(line: Line): void {
    const { group, topic, partition } = line
    if (topic === undefined) return void this.#groups.delete(group)
    const topics = getOrAdd(this.#groups, group, () => new Map<string, Map<number, CommittedOffset>>())
    if (partition === undefined) return void topics.delete(topic)
    const partitions = getOrAdd(topics, topic, () => new Map<number, CommittedOffset>())
    if (line.offset === undefined) return void partitions.delete(partition)
    partitions.set(partition, {
      offset: line.offset,
      leaderEpoch: line.leaderEpoch ?? -1,
      metadata: line.metadata ?? '',
    })
  }

  #rewrite(): void {
    const lines: string[] = []
    for (const [group, topics] of this.#groups) {
      for (const [topic, partitions] of topics) {
        for (const [partition, committed] of partitions) {
          lines.push(`${JSON.stringify({ group, topic, partition, ...committed })}\n`)
        }
      }
    }
    const content = lines.join('')
    replaceFile(this.#path, content)
    this.#size = Buffer.byteLength(content)
    this.#lines = lines.length
  }

  #append(lines: Line[]): void {
    if (lines.length === 0) return
    const data = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    try {
      writeFully(this.#fd, data, this.#size)
    } catch (error) {
      ftruncateSync(this.#fd, this.#size)
      throw error
    }
    this.#size += data.length
    for (const line of lines) this.#apply(line)
    this.#lines += lines.length
    if (this.#lines < COMPACT_LINES) return
    const live = [...this.#groups.values()].flatMap((topics) => [...topics.values()].map((p) => p.size))
    if (this.#lines < 10 * live.reduce((sum, size) => sum + size, 0)) return
    this.#rewrite()
    closeSync(this.#fd)
    this.#fd = openSync(this.#path, 'r+')
  }

  /** The commit is in the page cache when this returns. */
  commit(group: string, offsets: (CommittedOffset & { topic: string; partition: number })[]): void {
    this.#append(offsets.map((offset) => ({ group, ...offset })))
  }

  find(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(group)?.get(topic)?.get(partition)
  }

  /** Topics and partitions that the group has offsets for. */
  all(group: string): { topic: string; partitions: number[] }[] {
    const topics = [...(this.#groups.get(group) ?? [])]
    return topics.map(([topic, partitions]) => ({ topic, partitions: [...partitions.keys()] }))
  }

  groups(): string[] {
    return [...this.#groups.keys()]
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  deleteGroup(group: string): void {
    if (this.has(group)) this.#append([{ group }])
  }

  /** A topic created anew under the same name starts without commits. */
  deleteTopic(topic: string): void {
    const owners = [...this.#groups].filter(([, topics]) => topics.has(topic))
    this.#append(owners.map(([group]) => ({ group, topic })))
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function parseLine(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line
  } catch {
    return undefined
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
