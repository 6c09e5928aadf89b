import type { RawMessage } from './decode.js'

/** What one fetch brought of one partition, in offset order. */
export interface Fetched {
  partition: number
  messages: RawMessage[]
  /** The offset behind the last one that was looked at, also where that one was no message (control records). */
  after: number
  /** The partition's end at that time. */
  end: number
}

export interface Merged {
  /** In the order of their timestamps; those of one partition in the order of their offsets. */
  messages: RawMessage[]
  /** Where to go on in each partition. */
  next: Map<number, number>
}

/** So often a partition may have to wait for others before it is let through all the same. */
const MAX_ROUNDS_HELD = 50

/**
 * Puts the partitions of a topic into one order. Read one after another, a partition with a backlog would run ahead of
 * the others by hours of its messages' time, and windows downstream would take those for late. So messages newer than
 * what a partition with more to come has reached wait; the next fetch brings them again.
 */
export class PartitionMerge {
  readonly #held = new Map<number, number>()

  merge(fetched: Fetched[]): Merged {
    const streams = fetched.map((part) => ({ ...part, times: risingTimes(part.messages) }))
    const reached = streams
      .filter(({ after, end, times }) => after < end && times.length > 0)
      .map(({ times }) => times.at(-1)!)
    const bound = Math.min(...reached)
    const taken: { message: RawMessage; time: number }[] = []
    const next = new Map<number, number>()
    for (const { partition, messages, times, after } of streams) {
      const patient = (this.#held.get(partition) ?? 0) < MAX_ROUNDS_HELD
      const firstHeld = patient ? times.findIndex((time) => time > bound) : -1
      const count = firstHeld < 0 ? messages.length : firstHeld
      for (let i = 0; i < count; i++) taken.push({ message: messages[i]!, time: times[i]! })
      if (firstHeld < 0) next.set(partition, after)
      else if (count > 0) next.set(partition, messages[count]!.offset)
      this.#held.set(partition, count > 0 || messages.length === 0 ? 0 : (this.#held.get(partition) ?? 0) + 1)
    }
    // Stable, and times rise within a partition: its order stays.
    taken.sort((a, b) => a.time - b.time)
    return { messages: taken.map(({ message }) => message), next }
  }
}

/** Timestamps may go back within a partition; its order must not. */
function risingTimes(messages: RawMessage[]): number[] {
  let largest = Number.NEGATIVE_INFINITY
  return messages.map(({ timestamp }) => {
    largest = Math.max(largest, timestamp)
    return largest
  })
}

/** Without what was read before: a seek and a fetch may cross. */
export function unread(fetched: Fetched, wanted: number): Fetched {
  const messages = fetched.messages.filter((message) => message.offset >= wanted)
  return { ...fetched, messages, after: Math.max(wanted, fetched.after) }
}
