import { passwordOf } from '../../bootstrap/brokers.js'
import { loadConfig } from '../../bootstrap/config_loader.js'
import { type NamedTarget, resolveTarget } from '../../bootstrap/target.js'
import { UserError } from '../../dialect/user_error.js'

/** What the engine's process is told of its broker: in its config, and in its environment. */
export interface OwnBroker {
  config: { cert?: string; key?: string; ca?: string; username?: string }
  env: Record<string, string>
}

/**
 * How the broker that comes with the embedded engine is spoken to: as the target says of its brokers. Undefined where
 * that is in plain text, or others are meant.
 * @throws UserError BROKER_CERTIFICATE, BROKER_PASSWORD
 */
export function ownBroker(target: NamedTarget): OwnBroker | undefined {
  const { edition, brokersNamed, kafka } = target
  if (edition !== 'embedded' || brokersNamed || !kafka || kafka.securityProtocol === 'PLAINTEXT')
    return undefined
  const { securityProtocol, broker, username } = kafka
  const config: OwnBroker['config'] = {}
  const env: OwnBroker['env'] = {}
  if (securityProtocol.endsWith('SSL')) {
    if (!broker)
      throw new UserError('BROKER_CERTIFICATE', 'The broker of the embedded engine has no certificate.', {
        suggestion: `Name its files: \`kafka.broker\` of the target '${target.name}' in tpctl.config.ts.`,
      })
    Object.assign(config, { cert: broker.cert, key: broker.key, ca: broker.clientCa })
  }
  if (securityProtocol.startsWith('SASL_')) {
    config.username = username
    env.TPCTL_ENGINE_KAFKA_PASSWORD = passwordOf(kafka)
  }
  return { config, env }
}

/** The same for the target that is named, or else the embedded one: only that is started here. */
export async function brokerToStart(projectDir: string, name?: string): Promise<OwnBroker | undefined> {
  const { config } = await loadConfig(projectDir)
  const chosen = resolveTarget(config, name, process.env)
  return ownBroker(chosen.edition === 'embedded' ? chosen : resolveTarget(config, 'embedded', process.env))
}
