import { readFileSync } from 'node:fs'
import { UserError } from '../dialect/index.js'
import { ProtonClient, type ProtonClientOptions } from '../driver/index.js'
import type { Edition, TargetConfig, TpctlConfig } from './config.js'
import { withSecretCommands } from './environment.js'
import { nearestName } from './graph.js'

/** A target with everything that overrides it taken into account. */
export interface Target {
  name: string
  edition: Edition
  url: string
  streamUrl: string
  database: string
  username?: string
  password?: string
  /** Brokers as this machine reaches them. */
  brokers: string
  /** Brokers as the engine reaches them. */
  engineBrokers: string
  gatewayUrl: string
  variables: TargetConfig['variables']
  /** With absolute paths. */
  tls?: TargetConfig['tls']
}

/** What flags and callers set over the config: ports chosen at run time, for example. */
export type TargetOverrides = Partial<
  Pick<
    Target,
    'url' | 'streamUrl' | 'database' | 'username' | 'password' | 'brokers' | 'gatewayUrl' | 'edition'
  >
>

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
): Target {
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
  const brokers = overrides.brokers ?? (env.TPCTL_BROKERS || target.brokers)
  const moved = overrides.brokers ?? env.TPCTL_BROKERS
  return {
    name: chosen,
    edition: overrides.edition ?? target.edition,
    url: overrides.url ?? (env.TPCTL_URL || target.url),
    streamUrl: overrides.streamUrl ?? (env.TPCTL_STREAM_URL || target.streamUrl),
    database: overrides.database ?? (env.TPCTL_DATABASE || target.database),
    username: overrides.username ?? (env.TPCTL_USERNAME || target.username),
    password: overrides.password ?? env[target.passwordVariable],
    brokers,
    engineBrokers: target.engineBrokers ?? (moved || target.brokers),
    gatewayUrl: overrides.gatewayUrl ?? (env.TPCTL_GATEWAY_URL || target.gatewayUrl),
    variables: target.variables,
    tls: target.tls,
  }
}

/** A client for the target. Close it when done. */
export function connect(target: Target): ProtonClient {
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

function certificate(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new UserError('TLS_FILE', `${path} cannot be read.`, {
      detail: cause instanceof Error ? cause.message : undefined,
      suggestion: 'Correct `tls` of the target in tpctl.config.ts.',
      cause,
    })
  }
}
