import { z } from 'zod'

/** Engines that a project can be compiled for. */
export const EDITIONS = ['embedded', 'oss-1.6', 'oss-3', 'enterprise'] as const

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and _ only')
const variables = z.record(variableName, z.union([z.string(), z.number(), z.boolean()]))
const httpUrl = z.url({ protocol: /^https?$/, error: 'expected http://host:port or https://host:port' })
const brokers = z.string().min(1)
const file = z.string().min(1)

/** A user whose password is in an environment variable; where that has no value, the target's own user stands in. */
const login = z.strictObject({ username: z.string().min(1), passwordVariable: variableName })

const usesSasl = (protocol: string) => protocol.startsWith('SASL_')

/** How brokers are spoken to: as librdkafka and Proton call it. Files are relative to the config. */
const kafka = z
  .strictObject({
    securityProtocol: z.enum(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']),
    saslMechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']).default('PLAIN'),
    username: z.string().min(1).optional(),
    /** Name of the variable that holds the password. */
    passwordVariable: variableName.default('KAFKA_PASSWORD'),
    /** Who signed the brokers' certificate, where this machine does not know it. */
    ca: file.optional(),
    /** This client's certificate, where brokers ask for one. */
    cert: file.optional(),
    key: file.optional(),
    /** Takes any certificate: for trying things out. */
    insecure: z.boolean().default(false),
    /** The same files where the engine runs, if that is not here: it opens them itself. Without `ca` it is sent that. */
    engineFiles: z
      .strictObject({ ca: file.optional(), cert: file.optional(), key: file.optional() })
      .optional(),
    /** The certificate of the broker that `tpctl up` starts; with `clientCa` it asks clients for theirs. */
    broker: z.strictObject({ cert: file, key: file, clientCa: file.optional() }).optional(),
  })
  .refine(({ securityProtocol, username }) => !usesSasl(securityProtocol) || username !== undefined, {
    error: 'a securityProtocol with SASL needs a username',
    path: ['username'],
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    error: 'cert and key go together',
    path: ['cert'],
  })

const target = z.strictObject({
  /** What the server is. `auto` asks it, whenever that is needed. */
  edition: z.enum([...EDITIONS, 'auto']).default('auto'),
  /** Endpoint that answers with what is stored: Proton's port 8123. */
  url: httpUrl.default('http://127.0.0.1:8123'),
  /** Endpoint of streaming queries and of the REST API: Proton's port 3218. */
  streamUrl: httpUrl.default('http://127.0.0.1:3218'),
  database: z.string().min(1).default('default'),
  username: z.string().min(1).optional(),
  /** Name of the environment variable that holds the password. The password itself never stands in the config. */
  passwordVariable: variableName.default('TPCTL_PASSWORD'),
  /** Of https URLs: files of certificates, relative to the config, where the machine's own do not do. */
  tls: z
    .strictObject({
      ca: file.optional(),
      cert: file.optional(),
      key: file.optional(),
      /** Takes any certificate: for trying things out. */
      insecure: z.boolean().optional(),
    })
    .optional(),
  /** Who brings data in: `feed-tokens`, and the gateway's cache. */
  feeder: login.optional(),
  /** Who looks: `sql` and `tail`. */
  reader: login.optional(),
  /** Kafka brokers as this machine reaches them. Default: 127.0.0.1:9092, or what the embedded engine brings along. */
  brokers: brokers.optional(),
  /** How they are spoken to; absent: in plain text, without a login. */
  kafka: kafka.optional(),
  /** The same as the engine reaches them, where that differs (inside a compose network). Becomes KAFKA_BROKERS. */
  engineBrokers: brokers.optional(),
  /** The UDF gateway as the engine reaches it. Becomes UDF_GATEWAY_URL. */
  gatewayUrl: httpUrl.default('http://127.0.0.1:9100'),
  /** Values that hold for this target only. */
  variables: variables.default({}),
})

const topic = z.strictObject({
  name: z.string().min(1),
  partitions: z.int().min(1).max(1000).default(3),
  replicationFactor: z.int().min(1).max(9).default(1),
})

export const configSchema = z.strictObject({
  name: z.string().min(1),
  /** Folder of the SQL files, relative to the config. */
  sql: z.string().min(1).default('sql'),
  /** Module that exports the project's functions, relative to the config. */
  udfs: z.string().min(1).optional(),
  /** Target that commands work on unless told otherwise. */
  target: z.string().min(1).default('embedded'),
  targets: z.record(z.string().min(1), target).default({}),
  /** Values of the `${NAME}`s in the SQL. The environment overrides them. */
  variables: variables.default({}),
  /** Names of variables whose values are never shown. */
  secrets: z.array(variableName).default([]),
  /**
   * Commands that tell secrets which neither the environment nor `.env` has, such as
   * `{ TIMEPLUS_PASSWORD: ['pass', 'timeplus'] }`. Each is run when its value is needed; what it prints is the value.
   */
  secretCommands: z.record(variableName, z.array(z.string().min(1)).min(1)).default({}),
  /** Topics that must exist before the streams on them can be created. Names may contain `${NAME}`s. */
  topics: z.array(topic).default([]),
  /** Environment variables that make the project do more; `doctor` says which are missing. */
  keys: z
    .array(z.strictObject({ name: variableName, purpose: z.string(), required: z.boolean().default(false) }))
    .default([]),
})

export type Edition = (typeof EDITIONS)[number]
/** What a user writes. */
export type TpctlConfigInput = z.input<typeof configSchema>
/** The same with all defaults filled in. */
export type TpctlConfig = z.output<typeof configSchema>
export type TargetConfig = z.output<typeof target>
export type TopicConfig = z.output<typeof topic>
export type KafkaConfig = z.output<typeof kafka>

/** Gives a config file its types. Checked when the project is loaded. */
export function defineConfig(config: TpctlConfigInput): TpctlConfigInput {
  return config
}

/** Where the config is wrong, in the words of the schema, or the config with all defaults. */
export function validateConfig(value: unknown): { config: TpctlConfig } | { problems: string[] } {
  const parsed = configSchema.safeParse(value)
  if (!parsed.success)
    return {
      problems: parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`),
    }
  const config = parsed.data
  config.targets.embedded ??= target.parse({ edition: 'embedded' })
  if (!(config.target in config.targets))
    return {
      problems: [
        `target: '${config.target}' is not among the targets (${Object.keys(config.targets).join(', ')})`,
      ],
    }
  return { config }
}
