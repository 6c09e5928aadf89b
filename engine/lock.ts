import { UserError } from '../dialect/user_error.js'
import { type DirectoryLock, lockDirectory } from './directory_lock.js'

/**
 * One engine per folder. The store would refuse a second one too, but deep inside and in other words.
 * Throws ENGINE_FOLDER_IN_USE.
 */
export function lockFolder(dir: string): DirectoryLock {
  return lockDirectory(
    dir,
    'engine.lock',
    (pid) =>
      new UserError(
        'ENGINE_FOLDER_IN_USE',
        `Another engine${pid === undefined ? '' : ` (process ${pid})`} runs on ${dir}`,
        { suggestion: 'Use that one, stop it first, or give this one another folder', where: dir },
      ),
  )
}
