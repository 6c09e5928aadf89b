import { type FSWatcher, watch } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Folders in which nothing that is tested lies. */
const IGNORED = /(^|[/\\])(node_modules|dist|\.git|\.tpctl)([/\\]|$)/
const RELEVANT = /\.(sql|ts|mts|js|mjs|json|yaml|yml|csv|ndjson|jsonl)$/
/** Editors write a file in several steps. */
const SETTLE_MS = 120

/** Files of a folder that change from now on, in groups, until the signal fires. */
export function changedFiles(dir: string, signal: AbortSignal): AsyncIterable<Set<string>> {
  let changed = new Set<string>()
  let wake: (() => void) | undefined
  const watcher: FSWatcher = watch(dir, { recursive: true, signal }, (_event, name) => {
    if (name === null || IGNORED.test(name) || !RELEVANT.test(name)) return
    changed.add(resolve(dir, name))
    wake?.()
  })
  // Ending is what the signal is for.
  watcher.on('error', () => {})
  const stop = () => wake?.()
  signal.addEventListener('abort', stop, { once: true })
  async function* groups(): AsyncGenerator<Set<string>> {
    try {
      while (!signal.aborted) {
        if (changed.size === 0) {
          await new Promise<void>((done) => {
            wake = done
          })
          await sleep(SETTLE_MS)
          continue
        }
        const group = changed
        changed = new Set()
        yield group
      }
    } finally {
      signal.removeEventListener('abort', stop)
      watcher.close()
    }
  }
  return groups()
}
