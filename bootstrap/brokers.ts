import type { KafkaConfig as ClientConfig } from 'kafkajs'
import { type Expr, type Setting, type Statement, UserError } from '../dialect/index.js'
import { certificate, type NamedTarget, type Target } from './target.js'

type Security = NonNullable<Target['kafka']>

const usesSasl = ({ securityProtocol }: Security) => securityProtocol.startsWith('SASL_')
const usesTls = ({ securityProtocol }: Security) => securityProtocol.endsWith('SSL')

/**
 * What a Kafka client of ours needs to know of a target's brokers.
 * @throws UserError BROKER_PASSWORD, TLS_FILE
 */
export function clientOptions(
  target: Pick<NamedTarget, 'brokers' | 'kafka'>,
): { brokers: string[] } & Pick<ClientConfig, 'ssl' | 'sasl'> {
  const brokers = target.brokers.split(',').map((broker) => broker.trim())
  const { kafka } = target
  if (!kafka) return { brokers }
  return {
    brokers,
    ...(usesTls(kafka) ? { ssl: tlsOf(kafka) } : {}),
    ...(usesSasl(kafka) ? { sasl: saslOf(kafka) } : {}),
  }
}

function tlsOf({ ca, cert, key, insecure }: Security): NonNullable<ClientConfig['ssl']> {
  return {
    ...(ca ? { ca: certificate(ca, 'kafka.ca') } : {}),
    ...(cert ? { cert: certificate(cert, 'kafka.cert') } : {}),
    ...(key ? { key: certificate(key, 'kafka.key') } : {}),
    rejectUnauthorized: !insecure,
  }
}

function saslOf(kafka: Security): ClientConfig['sasl'] {
  const login = { username: kafka.username!, password: passwordOf(kafka) }
  switch (kafka.saslMechanism) {
    case 'PLAIN':
      return { mechanism: 'plain', ...login }
    case 'SCRAM-SHA-256':
      return { mechanism: 'scram-sha-256', ...login }
    case 'SCRAM-SHA-512':
      return { mechanism: 'scram-sha-512', ...login }
  }
}

/** @throws UserError BROKER_PASSWORD */
export function passwordOf({ username, password, passwordVariable }: Security): string {
  if (password) return password
  throw new UserError('BROKER_PASSWORD', `The password of ${username} at the Kafka brokers is not known.`, {
    suggestion: `Put it into ${passwordVariable}: in the environment, in .env, or by a command under secretCommands.`,
  })
}

/**
 * A statement as its engine needs it to get into the target's brokers: external streams on them, and collections
 * that name them, say how they are spoken to. What an author says about that himself holds.
 * @throws UserError BROKER_PASSWORD, BROKER_ENGINE_FILES, TLS_FILE
 */
export function withBrokerSecurity(statement: Statement, target: Target): Statement {
  const { kafka } = target
  if (!kafka || kafka.securityProtocol === 'PLAINTEXT') return statement
  if (statement.kind === 'create_external_stream') {
    const settings = secured(statement.settings, target)
    return settings === statement.settings ? statement : { ...statement, settings }
  }
  if (statement.kind === 'create_named_collection') {
    const entries = secured(statement.entries, target)
    return entries === statement.entries ? statement : { ...statement, entries }
  }
  return statement
}

function secured<S extends Pick<Setting, 'name' | 'value'>>(settings: S[], target: Target): S[] {
  const textOf = (name: string) => {
    const value = settings.find((setting) => setting.name === name)?.value
    return value?.kind === 'literal' && value.type === 'string' ? value.value : undefined
  }
  if (textOf('brokers') !== target.engineBrokers || textOf('security_protocol') !== undefined) return settings
  const added = engineSettings(target)
  const properties = [textOf('properties'), added.properties].filter(Boolean).join(';')
  if (properties !== '') added.properties = properties
  return [
    ...settings.filter(({ name }) => !(name in added)),
    ...Object.entries(added).map(([name, value]) => ({ name, value: literal(value) }) as S),
  ]
}

/** In Proton's words. */
function engineSettings(target: Target): Record<string, string | boolean> {
  const kafka = target.kafka!
  const { securityProtocol, saslMechanism, username, insecure } = kafka
  return {
    security_protocol: securityProtocol,
    ...(usesSasl(kafka)
      ? { sasl_mechanism: saslMechanism, username: username!, password: passwordOf(kafka) }
      : {}),
    ...(usesTls(kafka) ? { ...engineCa(target), ...engineCertificate(target) } : {}),
    ...(usesTls(kafka) && insecure ? { skip_ssl_cert_check: true } : {}),
  }
}

/** An engine on another machine is sent the certificate: it is no secret. */
function engineCa({ edition, kafka }: Target): Record<string, string> {
  const { ca, engineFiles } = kafka!
  if (engineFiles?.ca) return { ssl_ca_cert_file: engineFiles.ca }
  if (!ca) return {}
  return edition === 'embedded' ? { ssl_ca_cert_file: ca } : { ssl_ca_pem: certificate(ca, 'kafka.ca') }
}

/** A private key is not sent: the engine must find it where it runs. */
function engineCertificate({ name, edition, kafka }: Target): Record<string, string> {
  const { cert, key, engineFiles } = kafka!
  const files = engineFiles?.cert || edition !== 'embedded' ? engineFiles : { cert, key }
  if (files?.cert && files.key)
    return { properties: `ssl.certificate.location=${files.cert};ssl.key.location=${files.key}` }
  if (!cert) return {}
  throw new UserError('BROKER_ENGINE_FILES', `Where the engine of ${name} has its certificate is not said.`, {
    suggestion:
      'Put certificate and key on its machine, and name them under `kafka.engineFiles` of the target.',
  })
}

function literal(value: string | boolean): Expr {
  return typeof value === 'boolean'
    ? { kind: 'literal', type: 'bool', value }
    : { kind: 'literal', type: 'string', value }
}
