import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import { dirname, resolve } from 'node:path'
import { UserError } from '../dialect/index.js'
import type { ProtonClient } from '../driver/index.js'
import type { TopicConfig, TpctlConfig } from './config.js'
import { askServer, contradiction, mismatch, type Server } from './edition.js'
import type { Environment, NamedTarget } from './target.js'
import { listTopics } from './topics.js'

export type CheckStatus = 'ok' | 'warn' | 'fail'

export interface Check {
  /** Stable: `disk`, `node`, `target`, `version`, `stream-port`, `clock`, `broker`, `topic:<name>`, `key:<name>`, `port:<n>`. */
  id: string
  status: CheckStatus
  /** What was found, in one sentence. */
  message: string
  /** What to do, where something is to be done. */
  suggestion?: string
}

/** Timeplus refuses reads on a disk fuller than this. */
const DISK_LIMIT = 0.9
const DISK_WARNING = 0.8
const MIN_NODE = [20, 19] as const
/** Clocks further apart than this make event times and TTLs surprising. */
const CLOCK_TOLERANCE_MS = 2_000

export interface DoctorOptions {
  config: TpctlConfig
  target: NamedTarget
  /** Topics with their names expanded. */
  topics: readonly TopicConfig[]
  env: Environment
  client: ProtonClient
  /** Folders whose disks must have room. */
  dataDirs: readonly string[]
  /** Ports that a start of the embedded engine needs; checked only where the engine is not up. */
  ports?: readonly number[]
  signal?: AbortSignal
}

/** Looks at everything a deployment needs, and changes nothing. Never throws for what it finds. */
export async function doctor(options: DoctorOptions): Promise<Check[]> {
  const { config, target, topics, env, client, signal } = options
  const checks: Check[] = [checkNode(process.versions.node)]
  for (const dir of options.dataDirs) checks.push(await checkDisk(dir))
  const up = await client.ping({ timeoutMs: 3_000, signal }).catch(() => false)
  const remote = await checkTarget(client, target, signal)
  checks.push(...remote)
  if (!up && remote[0]!.status !== 'ok' && target.edition === 'embedded')
    for (const port of options.ports ?? []) checks.push(await checkPortFree(port))
  checks.push(...(await checkBroker(target, topics)))
  for (const key of config.keys) checks.push(checkKey(key, env))
  return checks
}

/** Only what a target and its broker answer. Never throws for what it finds. */
export async function checkReach(
  target: NamedTarget,
  client: ProtonClient,
  signal?: AbortSignal,
): Promise<Check[]> {
  return [...(await checkTarget(client, target, signal)), ...(await checkBroker(target, []))]
}

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const ok = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])
  return {
    id: 'node',
    status: ok ? 'ok' : 'fail',
    message: `Node.js ${version}${ok ? '' : ` is too old: ${MIN_NODE.join('.')} or newer is needed`}.`,
    ...(ok ? {} : { suggestion: 'Install a current Node.js.' }),
  }
}

/** How full the disk of `dir` is; for a folder that does not exist yet, that of the nearest one above. */
export async function checkDisk(dir: string): Promise<Check> {
  let existing = resolve(dir)
  while (!existsSync(existing) && dirname(existing) !== existing) existing = dirname(existing)
  const { blocks, bavail, bfree, bsize } = await statfs(existing)
  const usable = blocks - bfree + bavail
  const used = usable === 0 ? 1 : 1 - bavail / usable
  return diskCheck(existing, used, bavail * bsize)
}

export function diskCheck(dir: string, used: number, freeBytes: number): Check {
  const status = used >= DISK_LIMIT ? 'fail' : used >= DISK_WARNING ? 'warn' : 'ok'
  const percent = Math.floor(used * 100)
  const free = `${(freeBytes / 2 ** 30).toFixed(1)} GiB free`
  return {
    id: 'disk',
    status,
    message: `The disk of ${dir} is ${percent} % full, ${free}${status === 'fail' ? '; above 90 % Timeplus refuses to read' : ''}.`,
    ...(status === 'ok' ? {} : { suggestion: 'Free some space or move the data to another disk.' }),
  }
}

async function checkTarget(
  client: ProtonClient,
  target: NamedTarget,
  signal?: AbortSignal,
): Promise<Check[]> {
  const checks: Check[] = []
  const before = Date.now()
  try {
    const [row] = await client.rows<{ ms: string }>(
      'SELECT to_string(to_unix_timestamp64_milli(now64(3))) AS ms',
      { signal, timeoutMs: 5_000 },
    )
    const after = Date.now()
    checks.push({ id: 'target', status: 'ok', message: `The target answers at ${target.url}.` })
    checks.push(checkVersion(target.edition, await askServer(client, signal)))
    checks.push(clockCheck(Number(row?.ms), before, after))
  } catch (error) {
    checks.push({
      id: 'target',
      status: 'fail',
      message: `The target at ${target.url} does not answer: ${error instanceof Error ? error.message : error}`,
      suggestion:
        target.edition === 'embedded'
          ? 'Start it with `tpctl up`.'
          : 'Start it, or check url, user and password.',
    })
    return checks
  }
  const { hostname, port, protocol } = new URL(target.streamUrl)
  const open = await canConnect(hostname, Number(port || (protocol === 'https:' ? 443 : 80)))
  checks.push({
    id: 'stream-port',
    status: open ? 'ok' : 'fail',
    message: `The streaming endpoint ${target.streamUrl} ${open ? 'is open' : 'cannot be reached'}.`,
    ...(open ? {} : { suggestion: 'Publish the port, or correct `streamUrl`.' }),
  })
  return checks
}

/** What the server is, and whether that is what the project is compiled for. */
export function checkVersion(edition: NamedTarget['edition'], server: Server): Check {
  const id = 'version'
  const { version } = server
  if (edition === 'auto') {
    if (server.edition)
      return { id, status: 'ok', message: `The server is ${server.edition}, version ${version}.` }
    return {
      id,
      status: 'fail',
      message: `The server (version ${version || 'unknown'}) does not tell its edition.`,
      suggestion: 'Set `edition` of the target in tpctl.config.ts.',
    }
  }
  const found = contradiction(edition, server)
  if (!found) return { id, status: 'ok', message: `The server is ${edition}, version ${version}.` }
  return { id, status: found === 'certain' ? 'fail' : 'warn', ...mismatch(edition, server) }
}

/** The engine's time must lie between asking and answering, give or take. All in milliseconds since 1970. */
export function clockCheck(engine: number, asked: number, answered: number): Check {
  const offset = engine < asked ? engine - asked : engine > answered ? engine - answered : 0
  const ok = Math.abs(offset) <= CLOCK_TOLERANCE_MS
  return {
    id: 'clock',
    status: ok ? 'ok' : 'warn',
    message: ok
      ? 'The clocks of this machine and of the engine agree.'
      : `The engine's clock is ${(offset / 1000).toFixed(1)} s ${offset > 0 ? 'ahead' : 'behind'}.`,
    ...(ok ? {} : { suggestion: 'Synchronise the clocks (NTP).' }),
  }
}

async function checkBroker(target: NamedTarget, topics: readonly TopicConfig[]): Promise<Check[]> {
  let existing: Set<string>
  try {
    existing = new Set(await listTopics(target))
  } catch (error) {
    const { code, message, suggestion } = error as UserError
    const known = error instanceof UserError && code !== 'BROKER_UNREACHABLE'
    return [
      {
        id: 'broker',
        status: 'fail',
        message: error instanceof UserError ? message : String(error),
        suggestion: known && suggestion ? suggestion : 'Start the broker, or correct `brokers`.',
      },
    ]
  }
  return [
    { id: 'broker', status: 'ok', message: `The broker answers at ${target.brokers}.` },
    ...topics.map(
      ({ name }): Check =>
        existing.has(name)
          ? { id: `topic:${name}`, status: 'ok', message: `The topic ${name} is there.` }
          : {
              id: `topic:${name}`,
              status: 'warn',
              message: `The topic ${name} is missing.`,
              suggestion: '`tpctl bootstrap` creates it.',
            },
    ),
  ]
}

function checkKey(key: TpctlConfig['keys'][number], env: Environment): Check {
  const present = Boolean(env[key.name])
  return {
    id: `key:${key.name}`,
    status: present ? 'ok' : key.required ? 'fail' : 'warn',
    message: `${key.name} is ${present ? 'set' : 'not set'}: ${key.purpose}.`,
    ...(present ? {} : { suggestion: `Set ${key.name} in the environment.` }),
  }
}

/** Whether nobody listens on a loopback port. */
export async function checkPortFree(port: number): Promise<Check> {
  const taken = await canConnect('127.0.0.1', port)
  return {
    id: `port:${port}`,
    status: taken ? 'fail' : 'ok',
    message: `Port ${port} is ${taken ? 'taken by another program' : 'free'}.`,
    ...(taken ? { suggestion: 'Stop that program, or choose another port.' } : {}),
  }
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connectSocket({ host: host.replace(/^\[|\]$/g, ''), port, timeout: 2_000 })
    const end = (open: boolean) => {
      socket.destroy()
      settle(open)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}
