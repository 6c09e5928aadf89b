import type { Chdb } from '../contracts.js'

const CHECK_MS = 20_000

/** The store keeps freed memory; when clients are quiet it gives it back to the system. */
export function purgeWhenIdle(
  chdb: Chdb,
  queries: { counters: { finished: number; running: number } },
): { stop(): void } {
  let seen = queries.counters.finished
  let purged = seen
  const timer = setInterval(() => {
    const { finished, running } = queries.counters
    const quiet = running === 0 && finished === seen
    seen = finished
    if (!quiet || purged === finished) return
    purged = finished
    // Nothing depends on it: where the store was built without, memory stays as it is.
    chdb.run('SYSTEM JEMALLOC PURGE').catch(() => {})
  }, CHECK_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
