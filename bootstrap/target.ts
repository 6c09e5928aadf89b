import { readFileSync } from 'node:fs'
import { UserError } from '../dialect/index.js'
import { ProtonClient, type ProtonClientOptions } from '../driver/index.js'
import type { Edition, KafkaConfig, TargetConfig, TpctlConfig } from './config.js'
import { withSecretCommands } from './environment.js'
import { nearestName } from './graph.js'

export type LoginRole = 'feeder' | 'reader'

/** A target with everything that overrides it taken into account. */
export interface Target {
  name: string
  edition: Edition
  url: string
  streamUrl: string
  database: string
  username?: string
  password?: string
  /** Users of their own for some commands, where their passwords are known. */
  logins: Partial<Record<LoginRole, { username: string; password: string }>>
  /** Brokers as this machine reaches them. */
  brokers: string
  /** Whether somebody named them: otherwise those of the embedded engine are meant, wherever it runs. */
  brokersNamed: boolean
  /** How they are spoken to, with the password; absent: in plain text. */
  kafka?: KafkaConfig & { password?: string }
  /** Brokers as the engine reaches them. */
  engineBrokers: string
  gatewayUrl: string
  variables: TargetConfig['variables']
  /** With absolute paths. */
  tls?: TargetConfig['tls']
}

/** A target as it is configured: what it is may be for its server to say. */
export type NamedTarget = Omit<Target, 'edition'> & { edition: TargetConfig['edition'] }

/** What flags and callers set over the config: ports chosen at run time, for example. */
export type TargetOverrides = Partial<
  Pick<Target, 'url' | 'streamUrl' | 'database' | 'username' | 'password' | 'brokers' | 'gatewayUrl'>
> & {
  edition?: NamedTarget['edition']
  /** `null`: in plain text, whatever the config says. */
  kafka?: Target['kafka'] | null
}

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The target called `name` (default: the config's). Strongest first: overrides, the environment
 * (`TPCTL_URL`, `TPCTL_STREAM_URL`, `TPCTL_DATABASE`, `TPCTL_USERNAME`, `TPCTL_BROKERS`, `TPCTL_GATEWAY_URL`, and
 * the target's password variable), the config.
 * @throws UserError TARGET_UNKNOWN
 */
export function resolveTarget(
  config: TpctlConfig,
  name: string | undefined,
  given: Environment,
  overrides: TargetOverrides = {},
): NamedTarget {
  const env = withSecretCommands(config, given)
  const chosen = name ?? (env.TPCTL_TARGET || config.target)
  const target = Object.hasOwn(config.targets, chosen) ? config.targets[chosen] : undefined
  if (!target) {
    const nearest = nearestName(chosen, Object.keys(config.targets))
    throw new UserError('TARGET_UNKNOWN', `The config has no target '${chosen}'.`, {
      detail: `Targets: ${Object.keys(config.targets).join(', ')}`,
      suggestion: nearest ? `Did you mean '${nearest}'?` : 'Add it under `targets` in tpctl.config.ts.',
    })
  }
  const named = env.TPCTL_BROKERS || target.brokers
  const brokers = overrides.brokers ?? named ?? DEFAULT_BROKERS
  const moved = overrides.brokers ?? env.TPCTL_BROKERS
  return {
    name: chosen,
    edition: overrides.edition ?? target.edition,
    url: overrides.url ?? (env.TPCTL_URL || target.url),
    streamUrl: overrides.streamUrl ?? (env.TPCTL_STREAM_URL || target.streamUrl),
    database: overrides.database ?? (env.TPCTL_DATABASE || target.database),
    username: overrides.username ?? (env.TPCTL_USERNAME || target.username),
    password: overrides.password ?? env[target.passwordVariable],
    logins: loginsOf(target, env),
    brokers,
    brokersNamed: named !== undefined,
    engineBrokers: target.engineBrokers ?? (moved || brokers),
    gatewayUrl: overrides.gatewayUrl ?? (env.TPCTL_GATEWAY_URL || target.gatewayUrl),
    variables: target.variables,
    tls: target.tls,
    ...kafkaOf(target, env, overrides),
  }
}

function kafkaOf(
  { kafka }: TargetConfig,
  env: Environment,
  overrides: TargetOverrides,
): Pick<Target, 'kafka'> {
  if (overrides.kafka !== undefined) return overrides.kafka ? { kafka: overrides.kafka } : {}
  return kafka ? { kafka: { ...kafka, password: env[kafka.passwordVariable] } } : {}
}

const DEFAULT_BROKERS = '127.0.0.1:9092'

function loginsOf(target: TargetConfig, env: Environment): Target['logins'] {
  const logins: Target['logins'] = {}
  for (const role of ['feeder', 'reader'] as const) {
    const login = target[role]
    const password = login && env[login.passwordVariable]
    if (password) logins[role] = { username: login.username, password }
  }
  return logins
}

/** A client for the target, as the user that a role has of its own if there is one. Close it when done. */
export function connect(given: NamedTarget, role?: LoginRole): ProtonClient {
  const target = { ...given, ...(role ? given.logins[role] : {}) }
  return new ProtonClient({
    url: target.url,
    streamUrl: target.streamUrl,
    username: target.username ?? (target.password === undefined ? undefined : 'default'),
    password: target.password,
    database: target.database,
    ...(target.tls ? { tls: tlsOf(target.tls) } : {}),
  })
}

function tlsOf({ ca, cert, key, insecure }: NonNullable<Target['tls']>): ProtonClientOptions['tls'] {
  return {
    ...(ca ? { ca: certificate(ca) } : {}),
    ...(cert ? { cert: certificate(cert) } : {}),
    ...(key ? { key: certificate(key) } : {}),
    ...(insecure ? { rejectUnauthorized: false } : {}),
  }
}

/** @throws UserError TLS_FILE */
export function certificate(path: string, setting = 'tls'): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UserError('TLS_FILE', `${path} cannot be read.`, {
      detail: cause instanceof Error ? cause.message : undefined,
      suggestion: `Correct \`${setting}\` of the target in tpctl.config.ts.`,
      cause,
    })
  }
}
