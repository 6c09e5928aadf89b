import { type DirectoryLock, lockDirectory } from '../../directory_lock.js'
import { BrokerError } from '../errors.js'

/** One broker per directory. Throws BROKER_DIR_LOCKED while another living one has it. */
export function lockBroker(dir: string): DirectoryLock {
  return lockDirectory(
    dir,
    'broker.lock',
    (pid) =>
      new BrokerError(
        'BROKER_DIR_LOCKED',
        `The broker directory ${dir} is in use by process ${pid ?? 'unknown'}: stop that broker first, or give this one another directory`,
      ),
  )
}
