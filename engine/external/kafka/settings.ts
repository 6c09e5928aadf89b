import { readFileSync } from 'node:fs'
import { type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs'
import { EngineError } from '../../errors.js'

/** The settings of a Kafka external stream that the embedded engine honours, checked. */
export interface KafkaSettings {
  brokers: string[]
  topic: string
  dataFormat: string
  /** `name:Message`, or the name alone for Avro. */
  formatSchema: string | undefined
  oneMessagePerRow: boolean
  /** Upper bound of one produced message in bytes. */
  maxMessageBytes: number
  client: KafkaConfig
}

/** Tunings of Proton's own client, accepted without effect; and the settings that are read below. */
const KNOWN = new Set([
  'poll_waittime_ms',
  'consumer_stall_timeout_ms',
  'log_stats',
  'client_id',
  'skip_ssl_cert_check',
  'ssl_ca_cert_file',
  'ssl_ca_pem',
  'security_protocol',
  'sasl_mechanism',
  'username',
  'password',
  'type',
  'brokers',
  'topic',
  'data_format',
  'format_schema',
  'one_message_per_row',
  'kafka_max_message_size',
  'properties',
  // Messages that do not parse never stop a query here: they become dead letters.
  'input_format_ignore_parsing_errors',
])

/** Settings that would change what is read or written: refused rather than passed over. */
const UNSUPPORTED = new Map([
  ['sharding_expr', 'give messages a _tp_message_key, which decides the partition'],
  ['kafka_schema_registry_url', 'make a FORMAT SCHEMA of it, and name that by format_schema'],
  ['config_file', 'write its settings into the statement'],
])

/** librdkafka properties that would fight with the engine's own bookkeeping (as Proton refuses them). */
const REFUSED_PROPERTIES = /^(group\.|auto\.offset\.reset|enable\.auto)/
/** Properties without which a connection would not be what its author asked for; the others are tunings. */
const CONNECTION_PROPERTIES = /^(security|sasl|ssl)\./
/** Those of them that are honoured: where this client's own certificate is. */
const CERTIFICATE = 'ssl.certificate.location'
const KEY = 'ssl.key.location'

const BROKER = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/

/**
 * @param columns names of the declared columns: one string column alone means RawBLOB by default.
 * @throws EngineError 36/115 naming the setting.
 */
export function kafkaSettings(settings: Record<string, string>, columns: { type: string }[]): KafkaSettings {
  for (const name of Object.keys(settings)) {
    const instead = UNSUPPORTED.get(name)
    if (instead !== undefined) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        `Setting ${name} of Kafka external streams is not supported by the embedded engine: ${instead}`,
      )
    }
    if (!KNOWN.has(name))
      throw new EngineError('UNKNOWN_SETTING', `Unknown setting ${name}: for storage ExternalStream`)
  }
  const brokers = required(settings, 'brokers')
    .split(',')
    .map((broker) => broker.trim())
  for (const broker of brokers) {
    if (!BROKER.test(broker)) {
      throw new EngineError('BAD_ARGUMENTS', `Setting brokers: '${broker}' is not host:port`)
    }
  }
  const topic = required(settings, 'topic')
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic)) {
    throw new EngineError('BAD_ARGUMENTS', `Setting topic: '${topic}' is not a legal Kafka topic name`)
  }
  const properties = propertiesOf(settings.properties)
  for (const name of properties.keys()) {
    if (REFUSED_PROPERTIES.test(name)) {
      throw new EngineError('BAD_ARGUMENTS', `Unsupported property ${name}: the engine keeps offsets itself`)
    }
    if (CONNECTION_PROPERTIES.test(name) && name !== CERTIFICATE && name !== KEY) {
      throw new EngineError(
        'NOT_IMPLEMENTED',
        `Property ${name} is not supported by the embedded engine: use security_protocol, sasl_mechanism, username, password, ssl_ca_pem, ${CERTIFICATE} and ${KEY}`,
      )
    }
  }
  const onlyString = columns.length === 1 && columns[0]!.type === 'string'
  const dataFormat = settings.data_format || (onlyString ? 'RawBLOB' : 'JSONEachRow')
  return {
    brokers,
    topic,
    dataFormat,
    formatSchema: settings.format_schema || undefined,
    oneMessagePerRow:
      flag(settings.one_message_per_row) ??
      (dataFormat === 'RawBLOB' || /^protobufsingle$/i.test(dataFormat)),
    maxMessageBytes: Number(settings.kafka_max_message_size ?? 1_048_576),
    client: clientConfig(settings, properties, brokers),
  }
}

/** `k=v;k=v`, as Proton hands them to librdkafka. */
function propertiesOf(text = ''): Map<string, string> {
  const parts = text.split(';').filter((part) => part.trim() !== '')
  return new Map(
    parts.map((part) => {
      const [name = '', ...value] = part.split('=')
      return [name.trim(), value.join('=').trim()]
    }),
  )
}

function clientConfig(
  settings: Record<string, string>,
  properties: Map<string, string>,
  brokers: string[],
): KafkaConfig {
  const protocol = (settings.security_protocol || 'PLAINTEXT').toUpperCase()
  const ssl = protocol === 'SSL' || protocol === 'SASL_SSL'
  return {
    clientId: 'tpctl-engine',
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 30_000,
    retry: { initialRetryTime: 100, maxRetryTime: 5_000, retries: 4 },
    ssl: ssl
      ? {
          rejectUnauthorized: !(flag(settings.skip_ssl_cert_check) ?? false),
          ca: settings.ssl_ca_pem || readPem('ssl_ca_cert_file', settings.ssl_ca_cert_file),
          cert: readPem(CERTIFICATE, properties.get(CERTIFICATE)),
          key: readPem(KEY, properties.get(KEY)),
        }
      : undefined,
    sasl: protocol.startsWith('SASL_') ? saslOptions(settings) : undefined,
  }
}

function saslOptions(settings: Record<string, string>): SASLOptions {
  const username = settings.username ?? ''
  const password = settings.password ?? ''
  const mechanism = (settings.sasl_mechanism || 'PLAIN').toUpperCase()
  switch (mechanism) {
    case 'PLAIN':
      return { mechanism: 'plain', username, password }
    case 'SCRAM-SHA-256':
      return { mechanism: 'scram-sha-256', username, password }
    case 'SCRAM-SHA-512':
      return { mechanism: 'scram-sha-512', username, password }
    default:
      throw new EngineError(
        'NOT_IMPLEMENTED',
        `SASL mechanism ${mechanism} is not supported by the embedded engine`,
      )
  }
}

/** Read when the stream is used, so that a renewed certificate is taken. */
function readPem(setting: string, path: string | undefined): string | undefined {
  if (!path) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new EngineError('BAD_ARGUMENTS', `Setting ${setting}: cannot read '${path}'`, { cause })
  }
}

function required(settings: Record<string, string>, name: string): string {
  const value = settings[name]
  if (!value) throw new EngineError('BAD_ARGUMENTS', `Empty \`${name}\` setting for kafka external stream`)
  return value
}

function flag(value: string | undefined): boolean | undefined {
  return value === undefined || value === '' ? undefined : value === 'true' || value === '1'
}
