import { relationsOf } from '../catalog/dependencies.js'
import type { DictionaryObject } from '../contracts.js'
import type { StatementDeps } from './deps.js'
import { reloadDictionary } from './dictionaries.js'

const CHECK_MS = 500
/** Without news of its source a dictionary is loaded again after so long: rows may have been deleted. */
const ANYHOW_MS = 60_000

interface Loaded {
  at: number
  source: string
}

/** Loads dictionaries again as their LIFETIME says: the store's own timer does not run inside of a process. */
export function startDictionaryRefresh(
  deps: StatementDeps,
  onError: (dictionary: string, message: string) => void,
): { stop(): void } {
  const loaded = new Map<number, Loaded>()
  let busy = false
  const check = async () => {
    for (const dictionary of deps.catalog.list()) {
      if (dictionary.kind !== 'dictionary') continue
      const every = lifetimeMs(dictionary)
      if (every === 0) continue
      const now = Date.now()
      const source = newsOf(dictionary, deps)
      const last = loaded.get(dictionary.id)
      // What it was loaded from is not known: once more, then.
      if (!last) loaded.set(dictionary.id, { at: now, source: '' })
      else if (now - last.at >= (last.source === source ? Math.max(every, ANYHOW_MS) : every)) {
        loaded.set(dictionary.id, { at: now, source })
        await reloadDictionary(dictionary, deps).catch((cause) =>
          onError(dictionary.name.name, (cause as Error).message),
        )
      }
    }
  }
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    void check().finally(() => {
      busy = false
    })
  }, CHECK_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}

/** `LIFETIME(10)`, `LIFETIME(MIN 1 MAX 10)`: at the latest. 0: never. */
function lifetimeMs({ statement }: DictionaryObject): number {
  const text = statement.clauses.find(({ name }) => name === 'LIFETIME')?.text ?? '0'
  const numbers = (text.match(/\d+/g) ?? ['0']).map(Number)
  return Math.max(...numbers) * 1000
}

/** Changes when a stream that the dictionary reads, through whatever views, has new rows. */
function newsOf(dictionary: DictionaryObject, { catalog, store }: StatementDeps): string {
  const seen = new Set<string>()
  const visit = (name: { database: string; name: string }): string[] => {
    const object = catalog.find(name)
    const key = `${name.database}.${name.name}`
    if (!object || seen.has(key)) return []
    seen.add(key)
    if (object.kind === 'stream') return [`${object.id}:${store.lastSn(object)}`]
    return relationsOf(object).flatMap(visit)
  }
  return relationsOf(dictionary).flatMap(visit).sort().join()
}
