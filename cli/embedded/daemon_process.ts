import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
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
  makeFolder(dirname(files.ready))
  makeFolder(dirname(files.log))
  rmSync(files.ready, { force: true })
  const log = openSync(files.log, 'a')
  const logStart = statSync(files.log).size
  let exit: string | undefined
  let abandon = () => {}
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
    // Ended while it starts (a second Ctrl-C), this process leaves none behind that nobody knows of.
    abandon = () => child.kill('SIGKILL')
    process.once('exit', abandon)
    const deadline = Date.now() + START_TIMEOUT_MS
    while (Date.now() < deadline && exit === undefined) {
      const announced = readReady<T>(files)
      if (announced?.pid === child.pid) return announced!
      await sleep(POLL_MS)
    }
    if (exit === undefined) child.kill('SIGKILL')
  } finally {
    process.off('exit', abandon)
    closeSync(log)
  }
  const written = readFileSync(files.log).subarray(logStart).toString('utf8').trim().split('\n')
  if (exit === undefined) {
    throw new UserError('DAEMON_STALLED', `The ${name} did not get ready in ${START_TIMEOUT_MS / 1000} s.`, {
      detail: written.slice(-8).join('\n'),
      where: files.log,
      suggestion: 'The machine may be too busy: try again, and look into the log.',
    })
  }
  throw startFailure(name, exit, written, files.log)
}

/** The process's own last word, where it had one: a fatal line of the engine's log, or an error of the command line. */
function startFailure(name: string, exit: string, written: string[], log: string): UserError {
  const word = lastWord(written)
  if (word === undefined) {
    return new UserError('DAEMON_START_FAILED', `The ${name} did not start (${exit}).`, {
      detail: written.slice(-8).join('\n'),
      where: log,
      suggestion: 'Look into the log.',
    })
  }
  return new UserError(word.code, `The ${name} did not start: ${word.message}`, {
    where: word.where ?? log,
    suggestion: ADVICE[word.code] ?? word.suggestion ?? 'Look into the log.',
  })
}

const OTHER_PORT =
  'Stop what listens there (npx tpctl down, where it is an engine of yours), or take free ports: ' +
  'npx tpctl up --http-port 0 --stream-port 0 --kafka-port 0 --metrics-port 0 --gateway-port 0'

/** What the process itself cannot know: how the command line mends it. */
const ADVICE: Record<string, string> = {
  PORT_IN_USE: OTHER_PORT,
  ENGINE_PORT_IN_USE: OTHER_PORT,
  ENGINE_FOLDER_IN_USE: 'Use that engine, or end its process; or name another folder with --state.',
}

interface LastWord {
  code: string
  message: string
  where?: string
  suggestion?: string
}

function lastWord(written: string[]): LastWord | undefined {
  for (const [i, line] of written.entries()) {
    const printed = /^error \[([A-Z_]+)\] (.*)$/.exec(line)
    if (printed) {
      const after = (start: string) =>
        written
          .slice(i)
          .find((next) => next.startsWith(start))
          ?.slice(start.length)
      return { code: printed[1]!, message: printed[2]!, where: after('  at '), suggestion: after('  try: ') }
    }
    const fatal = fatalMessage(line)
    if (fatal !== undefined) {
      const known = /^([A-Z_]+): (.*)$/s.exec(fatal)
      const [message, ...advice] = (known?.[2] ?? fatal).split(/(?<=\.) /)
      const suggestion = advice.length > 0 ? advice.join(' ') : undefined
      return { code: known?.[1] ?? 'DAEMON_START_FAILED', message: message!, suggestion }
    }
  }
  return undefined
}

const FATAL_LEVEL = 60

function fatalMessage(line: string): string | undefined {
  try {
    const entry = JSON.parse(line) as { level?: unknown; msg?: unknown }
    return entry.level === FATAL_LEVEL && typeof entry.msg === 'string' ? entry.msg : undefined
  } catch {
    return undefined
  }
}

/** @throws UserError STATE_FOLDER */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (cause) {
    throw new UserError('STATE_FOLDER', `The state folder ${path} cannot be made.`, {
      detail: (cause as Error).message,
      suggestion: 'Name another one with --state, or correct its rights.',
      cause,
    })
  }
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

/** Whether nothing listens on a port of this machine. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** At once and without a word; for a process that is itself ending. */
export function killDaemon(files: DaemonFiles): void {
  const announced = readReady<{ pid: number }>(files)
  if (announced) process.kill(announced.pid, 'SIGKILL')
  rmSync(files.ready, { force: true })
}

/** Whether a process of this number exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
