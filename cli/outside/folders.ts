import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../dialect/user_error.js'
import { type DirectoryLock, lockDirectory, lockHolder } from '../../engine/directory_lock.js'
import { stateFiles } from '../embedded/lifecycle.js'

/** Where the runners of a target keep what they know. */
export function outsideFolders(stateDir: string, target: string) {
  const root = join(stateFiles(stateDir).outside, encodeURIComponent(target))
  return {
    task: join(root, 'tasks'),
    alert: join(root, 'alerts'),
    letters: join(root, 'dead_letters'),
    /** A folder that a function runs in, of this process alone. */
    call: (name: string) => join(root, 'calls', `${process.pid}-${encodeURIComponent(name)}`),
  }
}

const LOCK = 'runner.lock'

/** The process that runs the jobs of a folder, if one does. */
export function runnerOf(folder: string): number | undefined {
  return lockHolder(folder, LOCK)
}

/** One runner of a kind works for a target. @throws UserError RUNNER_RUNS */
export function lockRunner(folder: string, target: string, command: string): DirectoryLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return lockDirectory(
    folder,
    LOCK,
    (holder) =>
      new UserError('RUNNER_RUNS', `\`tpctl ${command}\` runs for target ${target} already.`, {
        ...(holder === undefined ? {} : { detail: `It is process ${holder}.` }),
        suggestion: 'Stop that one first; two would do everything twice.',
      }),
  )
}
