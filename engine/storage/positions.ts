/** Idempotent ids that a stream remembers. */
const MAX_IDEMPOTENT_IDS = 1000

/** Appends per stream whose bounds are remembered. */
const KNOWN_APPENDS = 64

interface Position {
  /** The last number that is given. */
  last: number
  /** The latest appends: the number before the first, then the last number of each. Empty: none is known. */
  appends: number[]
  /** Rows up to this number may have been removed, or were never there. */
  removed: number
  tokens: Set<string>
  listeners: Set<() => void>
}

/** What is known of each stream's sequence numbers, and who wants to know of new ones. */
export class Positions {
  readonly #streams = new Map<number, Position>()

  /** `last`: of a stream that stands; its rows up to `removed` are not to be counted on. */
  open(stream: number, last = 0, removed = 0): void {
    const position = this.#of(stream)
    position.last = last
    position.removed = removed
  }

  forget(stream: number): void {
    this.#streams.delete(stream)
  }

  last(stream: number): number {
    return this.#streams.get(stream)?.last ?? 0
  }

  /** Rows `before … ` are there, in appends of these sizes. */
  advance(stream: number, before: number, sizes: number[]): void {
    const position = this.#of(stream)
    const appends = position.appends.length > 0 ? position.appends : [before]
    let end = before
    for (const size of sizes) {
      end += size
      appends.push(end)
    }
    position.appends = appends.slice(-KNOWN_APPENDS - 1)
    position.last = end
  }

  announce(stream: number): void {
    for (const listener of this.#of(stream).listeners) queueMicrotask(listener)
  }

  watch(stream: number, listener: () => void): () => void {
    const { listeners } = this.#of(stream)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  appendsAfter(stream: number, sn: number): number[] | undefined {
    const { appends } = this.#of(stream)
    if (appends.length === 0 || appends[0]! > sn) return undefined
    return appends.filter((last) => last > sn)
  }

  /** Nobody may count on the rows that are there now. */
  removing(stream: number): void {
    const position = this.#of(stream)
    position.removed = position.last
  }

  isWhole(stream: number, after: number): boolean {
    return after >= this.#of(stream).removed
  }

  knows(stream: number, token: string): boolean {
    return this.#of(stream).tokens.has(token)
  }

  remember(stream: number, token: string): void {
    const { tokens } = this.#of(stream)
    tokens.add(token)
    if (tokens.size > MAX_IDEMPOTENT_IDS) tokens.delete(tokens.values().next().value!)
  }

  #of(stream: number): Position {
    let position = this.#streams.get(stream)
    if (!position) {
      position = { last: 0, appends: [], removed: 0, tokens: new Set(), listeners: new Set() }
      this.#streams.set(stream, position)
    }
    return position
  }
}
