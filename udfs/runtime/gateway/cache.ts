import { LRUCache } from 'lru-cache'

/** What a provider answered once. */
export interface CachedAnswer {
  key: string
  value: string
  provider: string
  /** Milliseconds since 1970. */
  fetchedAt: number
}

/** Keeps answers. A cache that fails answers as if it had nothing: it never fails a call. */
export interface AnswerCache {
  /** The answers it has, whatever their age and provider. */
  get(keys: readonly string[]): Promise<Map<string, CachedAnswer>>
  put(answers: readonly CachedAnswer[]): Promise<void>
  close(): Promise<void>
}

const DEFAULT_ENTRIES = 100_000

/** The most recently used answers, in this process. */
export function memoryCache(options: { maxEntries?: number } = {}): AnswerCache {
  const entries = new LRUCache<string, CachedAnswer>({ max: options.maxEntries ?? DEFAULT_ENTRIES })
  return {
    async get(keys) {
      const found = new Map<string, CachedAnswer>()
      for (const key of keys) {
        const answer = entries.get(key)
        if (answer) found.set(key, answer)
      }
      return found
    },
    async put(answers) {
      for (const answer of answers) {
        const known = entries.get(answer.key)
        if (!known || known.fetchedAt <= answer.fetchedAt) entries.set(answer.key, answer)
      }
    },
    async close() {
      entries.clear()
    },
  }
}
