import { AsyncLocalStorage } from 'node:async_hooks'

/** One lock per key, first come first served; who holds it may take it again further down the same call. */
export class KeyedLocks {
  readonly #tails = new Map<number, Promise<void>>()
  readonly #held = new AsyncLocalStorage<ReadonlySet<number>>()

  /** Whether this call runs under the lock. */
  holds(key: number): boolean {
    return this.#held.getStore()?.has(key) ?? false
  }

  async run<T>(key: number, body: () => Promise<T>): Promise<T> {
    const held = this.#held.getStore()
    if (held?.has(key)) return body()
    const before = this.#tails.get(key) ?? Promise.resolve()
    let release!: () => void
    const tail = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#tails.set(key, tail)
    await before
    try {
      return await this.#held.run(new Set([...(held ?? []), key]), body)
    } finally {
      release()
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}
