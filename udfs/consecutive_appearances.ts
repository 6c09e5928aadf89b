import { defineAggregate } from './runtime/define.js'

const SCAN_MS = 5 * 60 * 1000
/** A token that came and went this often has a history, but only its last runs matter. */
const MAX_RUNS = 288

/** A run of scans without a gap: first and last scan, counted in five minutes since 1970. */
type Run = [first: number, last: number]

/** Adds runs to sorted, disjoint ones; neighbours grow together. */
function join(runs: readonly Run[], more: readonly Run[]): Run[] {
  const sorted = [...runs, ...more].sort((a, b) => a[0] - b[0])
  const joined: Run[] = []
  for (const [first, last] of sorted) {
    const previous = joined[joined.length - 1]
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else joined.push([first, last])
  }
  return joined.slice(-MAX_RUNS)
}

/**
 * In how many five-minute scans in a row, up to its latest, a token appeared: 1 for a newcomer. A token that
 * keeps trending is another thing than one that flashes up, and no built-in aggregate tells them apart.
 * Scans may come late, twice and in any order; a scan belongs to the nearest full five minutes.
 */
export const consecutiveAppearances = defineAggregate({
  module: import.meta.url,
  name: 'consecutive_appearances',
  description: 'Length of the latest run of five-minute scans without a gap',
  args: { scan_time: "datetime64(3, 'UTC')" },
  returns: 'uint32',
  initialize: () => [] as Run[],
  step(runs, { scan_time }) {
    const scan = Math.round(scan_time.getTime() / SCAN_MS)
    const latest = runs[runs.length - 1]
    // The common case first: the scan after the last one, or the last one again.
    if (latest && (scan === latest[1] || scan === latest[1] + 1)) {
      latest[1] = scan
      return runs
    }
    return join(runs, [[scan, scan]])
  },
  merge: join,
  finalize(runs) {
    const latest = runs[runs.length - 1]
    return latest ? latest[1] - latest[0] + 1 : 0
  },
})
