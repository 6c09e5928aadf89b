import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Target } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/user_error.js'
import { isAlive, isFree } from '../embedded/daemon_process.js'
import type { InstallFiles, InstallRecord } from './record.js'

const START_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 60_000
const POLL_MS = 200

/** Whether the target answers, whoever runs it. */
export async function answers(target: Target, signal?: AbortSignal): Promise<boolean> {
  const client = connect({ ...target, username: undefined, password: undefined })
  try {
    return await client.ping({ timeoutMs: 2_000, signal })
  } finally {
    await client.close()
  }
}

/**
 * Starts what is installed, in the background, and waits until it answers at the target's address.
 * @throws UserError PORT_IN_USE, INSTALL_START_FAILED
 */
export async function startServer(
  target: Target,
  record: InstallRecord,
  files: InstallFiles,
  signal?: AbortSignal,
): Promise<InstallRecord> {
  for (const url of [target.url, target.streamUrl]) {
    const port = Number(new URL(url).port || 80)
    if (await isFree(port)) continue
    throw new UserError('PORT_IN_USE', `Port ${port} of this machine is in use by something else.`, {
      suggestion: 'Stop what listens there, or give the target another url and streamUrl.',
    })
  }
  mkdirSync(files.data, { recursive: true })
  const log = openSync(files.log, 'a')
  const isSuite = record.edition === 'enterprise'
  const args = isSuite ? ['start', '--telemetry', 'false'] : ['server']
  try {
    const child = spawn(record.program, args, {
      cwd: files.data,
      detached: true,
      stdio: ['ignore', log, log],
    })
    let exit: string | undefined
    child.once('error', (error) => {
      exit = error.message
    })
    child.once('exit', (code, by) => {
      // The suite's command ends once its services are started.
      if (!isSuite || code !== 0) exit = by ?? `exit code ${code}`
    })
    child.unref()
    const deadline = Date.now() + START_TIMEOUT_MS
    while (!(await answers(target, signal))) {
      if (exit !== undefined || Date.now() > deadline) {
        if (!isSuite && exit === undefined) child.kill('SIGKILL')
        throw startFailed(exit ?? `no answer within ${START_TIMEOUT_MS / 1000} s`, files)
      }
      await sleep(POLL_MS, undefined, { signal })
    }
    return { ...record, pid: isSuite ? undefined : child.pid }
  } finally {
    closeSync(log)
  }
}

function startFailed(why: string, files: InstallFiles): UserError {
  return new UserError('INSTALL_START_FAILED', `The server did not start (${why}).`, {
    where: files.log,
    detail: readFileSync(files.log, 'utf8').trim().split('\n').slice(-8).join('\n'),
    suggestion: 'Look into the log. The same command tries again.',
  })
}

/** Ends the server. True if it ran. */
export async function stopServer(record: InstallRecord): Promise<boolean> {
  if (record.edition === 'enterprise') {
    const child = spawn(record.program, ['stop'], { stdio: 'ignore' })
    const [code] = (await once(child, 'exit')) as [number | null]
    return code === 0
  }
  const { pid } = record
  if (pid === undefined || !isAlive(pid)) return false
  process.kill(pid, 'SIGTERM')
  const deadline = Date.now() + STOP_TIMEOUT_MS
  while (isAlive(pid)) {
    if (Date.now() > deadline) process.kill(pid, 'SIGKILL')
    await sleep(POLL_MS)
  }
  return true
}
