import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../../dialect/user_error.js'
import type { EngineEdition } from '../../engine/edition.js'
import {
  type DaemonFiles,
  isFree,
  killDaemon,
  makeFolder,
  readReady,
  startDaemon,
  stopDaemon,
} from './daemon_process.js'
import type { OwnBroker } from './own_broker.js'

/** What the engine's process announces. */
export interface EngineReady {
  pid: number
  edition: EngineEdition
  url: string
  streamUrl: string
  brokers: string
  metricsUrl: string
}

/** What the gateway's process announces. */
export interface GatewayReady {
  pid: number
  url: string
}

export interface Embedded {
  engine: EngineReady
  gateway: GatewayReady
}

export interface Ports {
  http: number
  stream: number
  metrics: number
  kafka: number
  gateway: number
}

/** The ports that Proton, Kafka and the gateway are known by. */
export const DEFAULT_PORTS: Ports = { http: 8123, stream: 3218, metrics: 9363, kafka: 9092, gateway: 9100 }

/** Ports that are free, whichever they are. */
export const ANY_PORTS: Ports = { http: 0, stream: 0, metrics: 0, kafka: 0, gateway: 0 }

/** The state folder's layout; everything of the embedded engine is below it. */
export function stateFiles(stateDir: string) {
  return {
    engineDir: join(stateDir, 'engine'),
    engineConfig: join(stateDir, 'engine.config.json'),
    ports: join(stateDir, 'ports.json'),
    gatewayKey: join(stateDir, 'gateway.key'),
    history: join(stateDir, 'history'),
    rejects: join(stateDir, 'rejects'),
    /** What runs outside of a target, in a folder for each. */
    outside: join(stateDir, 'outside'),
    engine: {
      ready: join(stateDir, 'engine.json'),
      log: join(stateDir, 'logs', 'engine.log'),
    } satisfies DaemonFiles,
    gateway: {
      ready: join(stateDir, 'gateway.json'),
      log: join(stateDir, 'logs', 'gateway.log'),
    } satisfies DaemonFiles,
  }
}

/** The engine and gateway that run on this state folder, as far as they do. */
export function running(stateDir: string): Partial<Embedded> {
  const files = stateFiles(stateDir)
  return { engine: readReady<EngineReady>(files.engine), gateway: readReady<GatewayReady>(files.gateway) }
}

/** The secret between the local engine and gateway, made when first asked for; readable by its owner only. */
export function gatewayKey(stateDir: string): string {
  const { gatewayKey: file } = stateFiles(stateDir)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    const key = randomBytes(24).toString('hex')
    mkdirSync(stateDir, { recursive: true })
    writeFileSync(file, key, { mode: 0o600 })
    return key
  }
}

export interface UpOptions {
  projectDir: string
  stateDir: string
  ports: Ports
  /** How the broker is spoken to; absent: in plain text, by anybody. */
  broker?: OwnBroker
  /** Whose language the engine speaks; default: its own, or whichever it speaks already. */
  edition?: EngineEdition
  onStep?: (text: string) => void
}

/**
 * Free ports that a folder was given once, it is given again, as long as they are free: external streams and remote
 * functions hold the addresses of the broker and the gateway.
 */
async function settlePorts(stateDir: string, asked: Ports): Promise<Ports> {
  let last: Partial<Ports> = {}
  try {
    last = JSON.parse(readFileSync(stateFiles(stateDir).ports, 'utf8')) as Partial<Ports>
  } catch {
    // Nothing ran here before.
  }
  const settled = { ...asked }
  for (const name of Object.keys(asked) as (keyof Ports)[]) {
    const port = last[name]
    if (asked[name] === 0 && port !== undefined && (await isFree(port))) settled[name] = port
  }
  return settled
}

function rememberPorts(stateDir: string, { engine, gateway }: Embedded): void {
  const portOf = (url: string) => Number(new URL(url.includes('://') ? url : `kafka://${url}`).port)
  const ports: Ports = {
    http: portOf(engine.url),
    stream: portOf(engine.streamUrl),
    metrics: portOf(engine.metricsUrl),
    kafka: portOf(engine.brokers),
    gateway: portOf(gateway.url),
  }
  writeFileSync(stateFiles(stateDir).ports, JSON.stringify(ports))
}

/** Starts what is not running yet: the engine first, then the gateway, which keeps its cache in the engine. */
export async function bringUp(options: UpOptions): Promise<Embedded & { started: boolean }> {
  const files = stateFiles(options.stateDir)
  let { engine, gateway } = running(options.stateDir)
  if (engine && options.edition !== undefined && engine.edition !== options.edition) {
    throw new UserError('ENGINE_OTHER_EDITION', `The embedded engine runs here as ${engine.edition}.`, {
      suggestion: `Stop it first: npx tpctl down, then npx tpctl up --edition ${options.edition}`,
    })
  }
  const started = engine === undefined || gateway === undefined
  const startsEngine = engine === undefined
  const settled = started ? await settlePorts(options.stateDir, options.ports) : options.ports
  if (!engine) {
    options.onStep?.('starting the embedded engine')
    makeFolder(options.stateDir)
    const { gateway: _, ...ports } = settled
    const { edition } = options
    await writeFile(
      files.engineConfig,
      JSON.stringify(
        {
          dir: files.engineDir,
          ports,
          edition,
          readyFile: files.engine.ready,
          kafka: options.broker?.config,
        },
        null,
        2,
      ),
    )
    engine = await startDaemon<EngineReady>(
      'embedded engine',
      files.engine,
      compiled('engine/daemon.js'),
      [files.engineConfig],
      // Each session of the store may hold a thread; Node reads this once, before its first line of code runs.
      { UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? '32', ...options.broker?.env },
    )
  }
  if (!gateway) {
    options.onStep?.('starting the UDF gateway')
    gateway = await startDaemon<GatewayReady>(
      'UDF gateway',
      files.gateway,
      compiled('cli/main.js'),
      [
        ...['--project', options.projectDir, '--state', options.stateDir],
        ...['udf', 'serve', '--port', String(settled.gateway), '--ready-file', files.gateway.ready],
      ],
      { UDF_GATEWAY_KEY: process.env.UDF_GATEWAY_KEY || gatewayKey(options.stateDir) },
    ).catch(async (error: unknown) => {
      // Half of it is of no use: views would wait for functions that nobody answers.
      if (startsEngine) await stopDaemon(files.engine)
      throw error
    })
  }
  if (started) rememberPorts(options.stateDir, { engine, gateway })
  return { engine, gateway, started }
}

/** Both at once, for a process that is itself ending. What the engine stored is safe; a next start recovers it. */
export function killNow(stateDir: string): void {
  const files = stateFiles(stateDir)
  killDaemon(files.gateway)
  killDaemon(files.engine)
}

/** Stops both; the gateway first, so that it can still save its cache. True if anything ran. */
export async function takeDown(stateDir: string): Promise<boolean> {
  const files = stateFiles(stateDir)
  const gateway = await stopDaemon(files.gateway)
  const engine = await stopDaemon(files.engine)
  return gateway || engine
}

/** A compiled file of this package; from the sources (tests) it is looked for in dist. */
function compiled(path: string): string {
  const beside = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../dist/${path}`, import.meta.url))
}
