import { AsyncLocalStorage } from 'node:async_hooks'

/** Whoever has waited so long goes first, whatever its rank: nobody waits for ever. In ms. */
const PATIENCE_MS = 200

const rank = new AsyncLocalStorage<number>()

/**
 * Statements under `body` go before waiting ones of lower rank. Views rank by how far they are from the first stream:
 * what has come a long way reaches its reader soon, and what waits at the beginning is taken together meanwhile.
 * Without it each of n views in a row would wait for all the others, n times.
 */
export function atRank<T>(number: number, body: () => T): T {
  return rank.run(number, body)
}

interface Waiting<P> {
  rank: number
  since: number
  go(place: P): void
}

/** Places that are taken in turns: the highest rank first, then whoever has waited longest. */
export class Turns<P> {
  readonly #free: P[]
  readonly #waiting: Waiting<P>[] = []

  constructor(places: readonly P[]) {
    this.#free = [...places]
  }

  async run<T>(body: (place: P) => Promise<T>): Promise<T> {
    const place = this.#free.pop() ?? (await this.#turn())
    try {
      return await body(place)
    } finally {
      const next = this.#next()
      if (next) next.go(place)
      else this.#free.push(place)
    }
  }

  #turn(): Promise<P> {
    return new Promise((go) =>
      this.#waiting.push({ rank: rank.getStore() ?? 0, since: performance.now(), go }),
    )
  }

  #next(): Waiting<P> | undefined {
    const [oldest] = this.#waiting
    if (!oldest) return undefined
    const impatient = performance.now() - oldest.since > PATIENCE_MS
    const next = impatient ? oldest : this.#waiting.reduce((best, w) => (w.rank > best.rank ? w : best))
    this.#waiting.splice(this.#waiting.indexOf(next), 1)
    return next
  }
}
