import { loadConfig } from '../bootstrap/config_loader.js'
import { settled } from '../bootstrap/edition.js'
import { loadProject, type Project } from '../bootstrap/project.js'
import {
  connect,
  type LoginRole,
  type NamedTarget,
  resolveTarget,
  type Target,
  type TargetOverrides,
} from '../bootstrap/target.js'
import { UserError } from '../dialect/user_error.js'
import type { ProtonClient } from '../driver/index.js'
import type { Context } from './context.js'
import { bringUp, DEFAULT_PORTS, type Embedded, gatewayKey, running } from './embedded/lifecycle.js'
import { ownBroker } from './embedded/own_broker.js'

export interface TargetOptions {
  /** Start the embedded engine if it is not running, instead of failing. */
  start?: boolean
  /** Whose work it is. */
  role?: LoginRole
}

export interface OpenTarget {
  target: Target
  client: ProtonClient
}

/**
 * The target that a command works on, with the addresses of the embedded engine that runs, and a client for it.
 * @throws UserError TARGET_UNKNOWN, TARGET_UNREACHABLE, EDITION_UNKNOWN and what loading the config throws
 */
export async function openTarget(context: Context, options: TargetOptions = {}): Promise<OpenTarget> {
  const { config } = await loadConfig(context.projectDir)
  const overrides = await addresses(context, resolveTarget(config, context.target, process.env), options)
  const target = await settled(resolveTarget(config, context.target, process.env, overrides))
  return { target, client: connect(target, options.role) }
}

/** The same, with the whole project read for it. */
export async function openProject(
  context: Context,
  options: TargetOptions = {},
): Promise<{ project: Project; client: ProtonClient }> {
  const { target, client } = await openTarget(context, options)
  const { edition, url, streamUrl, brokers, gatewayUrl } = target
  const key = target.edition === 'embedded' ? gatewayKey(context.stateDir) : undefined
  const project = await loadProject(context.projectDir, {
    target: context.target,
    overrides: {
      edition,
      url,
      streamUrl,
      brokers,
      gatewayUrl,
      variables: key === undefined || process.env.UDF_GATEWAY_KEY ? {} : { UDF_GATEWAY_KEY: key },
    },
  })
  return { project, client }
}

async function addresses(
  context: Context,
  target: NamedTarget,
  options: TargetOptions,
): Promise<TargetOverrides> {
  if (!isHere(target)) return {}
  let embedded: Partial<Embedded> = running(context.stateDir)
  if (options.start && !(embedded.engine && embedded.gateway)) {
    embedded = await bringUp({
      projectDir: context.projectDir,
      stateDir: context.stateDir,
      ports: DEFAULT_PORTS,
      broker: ownBroker(target),
      onStep: (text) => context.output.note(text),
    })
  }
  if (!embedded.engine) {
    throw new UserError('TARGET_UNREACHABLE', 'The embedded engine is not running.', {
      suggestion: 'Start it: npx tpctl up',
    })
  }
  return addressesOf(embedded, target)
}

/** Whether the engine of the state folder is meant: an address given from outside means another one. */
function isHere(target: NamedTarget): boolean {
  return target.edition === 'embedded' && !process.env.TPCTL_URL
}

/** Where the engine and gateway that run on the state folder are, as far as they do and the target means them. */
export function runningAddresses(stateDir: string, target: NamedTarget): TargetOverrides {
  return isHere(target) ? addressesOf(running(stateDir), target) : {}
}

function addressesOf({ engine, gateway }: Partial<Embedded>, target: NamedTarget): TargetOverrides {
  return {
    ...(engine ? { url: engine.url, streamUrl: engine.streamUrl } : {}),
    ...(engine && !target.brokersNamed ? { brokers: engine.brokers } : {}),
    ...(engine && gateway ? { gatewayUrl: gateway.url } : {}),
  }
}
