/**
 * The engine as a process of its own: `node daemon.js <config.json>`.
 * Config: `{"dir", "ports": {"http", "stream", "metrics", "kafka"}, "host"?, "edition"?, "readyFile"?, "kafka"?}`; the file's
 * path may also come in TPCTL_ENGINE_CONFIG. `kafka` says how the broker is spoken to: `{"cert", "key", "ca"?}`, files for
 * TLS, and `"username"`, whose password is in TPCTL_ENGINE_KAFKA_PASSWORD. Once everything answers, `readyFile` (default
 * `<dir>/engine.json`) holds pid,
 * URLs and ports; it is removed when the process ends in order.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { destination, pino } from 'pino'
import { z } from 'zod'
import { UserError } from '../dialect/user_error.js'
import { ENGINE_EDITIONS } from './edition.js'
import { type Engine, startEngine } from './engine.js'

const port = z.number().int().min(0).max(65535)
const Config = z.object({
  dir: z.string().min(1),
  ports: z.object({ http: port, stream: port, metrics: port, kafka: port }),
  host: z.string().optional(),
  edition: z.enum(ENGINE_EDITIONS).optional(),
  readyFile: z.string().optional(),
  kafka: z
    .object({
      cert: z.string().optional(),
      key: z.string().optional(),
      ca: z.string().optional(),
      username: z.string().optional(),
    })
    .optional(),
})

/** What waits to be written while the disk is full; the rest is dropped. */
const LOG_BUFFER_BYTES = 1024 * 1024
const logFile = destination({ dest: 1, sync: true, maxLength: LOG_BUFFER_BYTES })
// A log that cannot be written is no reason to log: on a full disk that would go round for ever.
logFile.on('error', () => {})
const log = pino({ base: { name: 'engine' }, timestamp: pino.stdTimeFunctions.isoTime }, logFile)

function readConfig() {
  const path = process.argv[2] ?? process.env.TPCTL_ENGINE_CONFIG
  if (path === undefined) {
    throw new UserError('ENGINE_CONFIG_MISSING', 'The path of the engine’s config file is missing', {
      suggestion: 'node daemon.js <config.json>, or set TPCTL_ENGINE_CONFIG',
    })
  }
  const parsed = Config.safeParse(JSON.parse(readFileSync(path, 'utf8')))
  if (!parsed.success) {
    throw new UserError('ENGINE_CONFIG_INVALID', z.prettifyError(parsed.error), { where: path })
  }
  return parsed.data
}

function kafkaOptions({ cert, key, ca, username }: NonNullable<z.output<typeof Config>['kafka']>) {
  const password = process.env.TPCTL_ENGINE_KAFKA_PASSWORD
  delete process.env.TPCTL_ENGINE_KAFKA_PASSWORD
  if (username !== undefined && !password)
    throw new UserError('BROKER_PASSWORD', `The password of ${username} is missing`, {
      suggestion: 'Set TPCTL_ENGINE_KAFKA_PASSWORD',
    })
  return {
    ...(cert && key ? { tls: { cert: pem(cert), key: pem(key), ...(ca ? { ca: pem(ca) } : {}) } } : {}),
    ...(username !== undefined && password ? { users: { [username]: password } } : {}),
  }
}

function pem(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UserError('TLS_FILE', `${path} cannot be read`, {
      suggestion: 'Correct `kafka.broker` of the target',
      cause,
    })
  }
}

/** Appears at once and whole. */
function announce(file: string, engine: Engine): void {
  const { edition, url, streamUrl, metricsUrl, brokers, ports } = engine
  const draft = `${file}.${process.pid}`
  writeFileSync(
    draft,
    JSON.stringify({ pid: process.pid, edition, url, streamUrl, metricsUrl, brokers, ports }, null, 2),
  )
  renameSync(draft, file)
}

async function main(): Promise<void> {
  const config = readConfig()
  const readyFile = config.readyFile ?? join(config.dir, 'engine.json')
  // A failure that belongs to no request must not take the others down with it.
  process.on('uncaughtException', (error) => log.error({ err: error }, 'uncaught exception'))
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'))
  const engine = await startEngine({
    dir: config.dir,
    ports: config.ports,
    host: config.host,
    edition: config.edition,
    ...(config.kafka ? { kafka: kafkaOptions(config.kafka) } : {}),
    log: { info: (text) => log.info(text), warn: (text) => log.warn(text) },
  })
  announce(readyFile, engine)
  let stopping = false
  const stop = (signal: string) => {
    if (stopping) return
    stopping = true
    log.info(`${signal}: stopping`)
    rmSync(readyFile, { force: true })
    void engine.close().finally(() => process.exit(0))
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
}

main().catch((error: unknown) => {
  const text =
    error instanceof UserError
      ? [error.message, error.suggestion].filter(Boolean).join('. ')
      : error instanceof Error
        ? error.message
        : String(error)
  log.fatal(error instanceof UserError ? `${error.code}: ${text}` : text)
  process.exit(1)
})
