import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface LockContent {
  pid: number
  /** Start time of the process in clock ticks (Linux), so that a reused pid is not taken for the owner. */
  started: string | null
  token: string
}

export interface DirectoryLock {
  release(): void
}

/**
 * Takes the directory for this process by a file of the given name. Throws what `refuse` makes of the holder's pid
 * while another living process has it; a lock left by a process that is gone (kill -9, power cut) is cleared.
 */
export function lockDirectory(
  dir: string,
  file: string,
  refuse: (holder: number | undefined) => Error,
): DirectoryLock {
  const path = join(dir, file)
  const mine: LockContent = { pid: process.pid, started: startOf(process.pid), token: randomUUID() }
  const draft = join(dir, `.${file}.${mine.token}`)
  writeFileSync(draft, JSON.stringify(mine))
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (linkIfAbsent(draft, path)) return { release: () => releaseIfMine(path, mine.token) }
      const holder = readLock(path)
      if (holder && isAlive(holder)) throw refuse(holder.pid)
      clearStale(path, holder?.token)
    }
    throw refuse(readLock(path)?.pid)
  } finally {
    rmSync(draft, { force: true })
  }
}

/** The process that holds the directory by that file, if one does. */
export function lockHolder(dir: string, file: string): number | undefined {
  const holder = readLock(join(dir, file))
  return holder && isAlive(holder) ? holder.pid : undefined
}

/** A link is atomic and never shows a half-written lock. */
function linkIfAbsent(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Moves the stale lock aside; if another process has replaced it meanwhile, puts that one back. */
function clearStale(path: string, staleToken: string | undefined): void {
  const aside = `${path}.stale.${randomUUID()}`
  try {
    renameSync(path, aside)
  } catch {
    return // Someone else cleared it.
  }
  const moved = readLock(aside)
  if (moved && moved.token !== staleToken) linkIfAbsent(aside, path)
  rmSync(aside, { force: true })
}

function releaseIfMine(path: string, token: string): void {
  if (readLock(path)?.token === token) rmSync(path, { force: true })
}

function readLock(path: string): LockContent | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockContent
  } catch {
    return undefined
  }
}

function isAlive(holder: LockContent): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return holder.started === null || startOf(holder.pid) === holder.started
}

/**
 * Field 22 of /proc/<pid>/stat; null where there is no /proc. The command in field 2 may hold spaces.
 * A killed process that nobody has waited for yet (state Z) holds nothing any more.
 */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? 'gone' : (fields[19] ?? null)
  } catch {
    return null
  }
}
