import type { TargetConfig } from '../bootstrap/config.js'
import { loadConfig } from '../bootstrap/config_loader.js'
import { UserError } from '../dialect/user_error.js'
import { ProtonClient } from '../driver/index.js'
import type { Context } from './context.js'
import { bringUp, DEFAULT_PORTS, type Embedded, running } from './embedded/lifecycle.js'

/** Where a command works: the target of the config, with the addresses of the embedded engine that runs. */
export interface Target {
  name: string
  config: TargetConfig
  client: ProtonClient
}

export interface TargetOptions {
  /** Start the embedded engine if it is not running, instead of failing later. */
  start?: boolean
}

/** @throws UserError TARGET_UNKNOWN, EMBEDDED_NOT_RUNNING and what loading the config throws. */
export async function openTarget(context: Context, options: TargetOptions = {}): Promise<Target> {
  const { config } = await loadConfig(context.projectDir)
  const name = context.target ?? process.env.TPCTL_TARGET ?? config.target
  const configured = config.targets[name]
  if (!configured) {
    throw new UserError('TARGET_UNKNOWN', `There is no target '${name}' in tpctl.config.ts.`, {
      suggestion: `use one of: ${Object.keys(config.targets).join(', ')}`,
    })
  }
  const target =
    configured.edition === 'embedded' ? await embeddedTarget(context, configured, options) : configured
  const client = new ProtonClient({
    url: target.url,
    streamUrl: target.streamUrl,
    database: target.database,
    username: target.username,
    password: target.username === undefined ? undefined : (process.env[target.passwordVariable] ?? ''),
  })
  return { name, config: target, client }
}

async function embeddedTarget(
  context: Context,
  configured: TargetConfig,
  options: TargetOptions,
): Promise<TargetConfig> {
  let embedded: Partial<Embedded> = running(context.stateDir)
  if (options.start && !(embedded.engine && embedded.gateway)) {
    embedded = await bringUp({
      projectDir: context.projectDir,
      stateDir: context.stateDir,
      ports: DEFAULT_PORTS,
      onStep: (text) => context.output.note(text),
    })
  }
  if (!embedded.engine) {
    throw new UserError('TARGET_UNREACHABLE', 'The embedded engine is not running.', {
      suggestion: 'start it: npx tpctl up',
    })
  }
  return {
    ...configured,
    url: embedded.engine.url,
    streamUrl: embedded.engine.streamUrl,
    brokers: embedded.engine.brokers,
    engineBrokers: embedded.engine.brokers,
    gatewayUrl: embedded.gateway?.url ?? configured.gatewayUrl,
  }
}
