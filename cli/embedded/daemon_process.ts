import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../../dialect/user_error.js'

/** A background process that announces itself in a file: `{"pid": …, …}` once it is ready. */
export interface DaemonFiles {
  /** Written by the process when it answers, removed when it ends in order. */
  ready: string
  log: string
}

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 15_000
const POLL_MS = 25

/** What the process announced, or undefined where none is alive. A stale file of a killed process does not count. */
export function readReady<T extends { pid: number }>(files: DaemonFiles): T | undefined {
  let announced: T
  try {
    announced = JSON.parse(readFileSync(files.ready, 'utf8')) as T
  } catch {
    return undefined
  }
  return isAlive(announced.pid) ? announced : undefined
}

/**
 * Starts `script` in the background, detached from the terminal, with its output in the log file, and waits
 * until it announces itself. Throws a UserError with the end of the log when it ends or stalls before that.
 */
export async function startDaemon<T extends { pid: number }>(
  name: string,
  files: DaemonFiles,
  script: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<T> {
  mkdirSync(dirname(files.ready), { recursive: true })
  mkdirSync(dirname(files.log), { recursive: true })
  rmSync(files.ready, { force: true })
  const log = openSync(files.log, 'a')
  const logStart = statSync(files.log).size
  let exit: string | undefined
  try {
    const child = spawn(process.execPath, [script, ...args], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    })
    child.once('exit', (code, signal) => {
      exit = signal ?? `exit code ${code}`
    })
    child.once('error', (error) => {
      exit = error.message
    })
    child.unref()
    const deadline = Date.now() + START_TIMEOUT_MS
    while (Date.now() < deadline && exit === undefined) {
      const announced = readReady<T>(files)
      if (announced?.pid === child.pid) return announced!
      await sleep(POLL_MS)
    }
    if (exit === undefined) child.kill('SIGKILL')
  } finally {
    closeSync(log)
  }
  const tail = readFileSync(files.log).subarray(logStart).toString('utf8').trim().split('\n').slice(-8)
  throw new UserError(
    'DAEMON_START_FAILED',
    exit === undefined
      ? `The ${name} did not get ready in ${START_TIMEOUT_MS / 1000} s`
      : `The ${name} did not start (${exit})`,
    { detail: tail.join('\n'), where: files.log },
  )
}

/** SIGTERM, then SIGKILL when it does not end in time. True if a process was there. */
export async function stopDaemon(files: DaemonFiles): Promise<boolean> {
  const announced = readReady<{ pid: number }>(files)
  if (!announced) {
    rmSync(files.ready, { force: true })
    return false
  }
  process.kill(announced.pid, 'SIGTERM')
  const deadline = Date.now() + STOP_TIMEOUT_MS
  while (isAlive(announced.pid)) {
    if (Date.now() > deadline) process.kill(announced.pid, 'SIGKILL')
    await sleep(POLL_MS)
  }
  rmSync(files.ready, { force: true })
  return true
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
