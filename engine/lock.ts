import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../dialect/user_error.js'

const LOCK_FILE = 'engine.lock'

interface Holder {
  pid: number
  /** Start time of the process (Linux), so that a reused pid is not taken for the holder. */
  started: string | null
  token: string
}

/**
 * One process per folder. The store would refuse a second one too, but deep inside and in other words.
 * A lock left by a process that is gone is taken over. Throws ENGINE_FOLDER_IN_USE.
 */
export function lockFolder(dir: string): { release(): void } {
  const path = join(dir, LOCK_FILE)
  const mine: Holder = { pid: process.pid, started: startOf(process.pid), token: randomUUID() }
  const draft = join(dir, `.${LOCK_FILE}.${mine.token}`)
  writeFileSync(draft, JSON.stringify(mine))
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        // A link appears at once and whole, and only where there is none.
        linkSync(draft, path)
        return {
          release() {
            if (read(path)?.token === mine.token) rmSync(path, { force: true })
          },
        }
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
      }
      const holder = read(path)
      if (holder && isAlive(holder)) throw inUse(dir, holder.pid)
      rmSync(path, { force: true })
    }
    throw inUse(dir, read(path)?.pid)
  } finally {
    rmSync(draft, { force: true })
  }
}

function inUse(dir: string, pid: number | undefined): UserError {
  return new UserError(
    'ENGINE_FOLDER_IN_USE',
    `Another engine${pid === undefined ? '' : ` (process ${pid})`} runs on ${dir}`,
    {
      suggestion: 'Use that one, stop it first, or give this one another folder',
      where: dir,
    },
  )
}

function read(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return holder.started === null || startOf(holder.pid) === holder.started
}

/** Field 22 of /proc/<pid>/stat; null where there is no /proc; 'gone' for a zombie. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'gone' : (fields[19] ?? null)
  } catch {
    return null
  }
}
