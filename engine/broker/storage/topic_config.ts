import { KafkaError } from '../protocol/errors.js'

export type FsyncPolicy = 'always' | 'interval' | 'never'

/** What a partition obeys. Sizes in bytes, times in milliseconds, -1 is "no limit". */
export interface TopicSettings {
  segmentBytes: number
  retentionBytes: number
  retentionMs: number
  maxMessageBytes: number
  logAppendTime: boolean
  fsync: FsyncPolicy
}

type Kind = 'boolean' | 'string' | 'int' | 'long' | 'list' | 'double'

interface TopicConfig {
  kind: Kind
  default: string
  /** Smallest number, or the words allowed. */
  allowed?: number | readonly string[]
  documentation: string
}

const kept = (kind: Kind, value: string, documentation: string): TopicConfig => ({
  kind,
  default: value,
  documentation: `${documentation} Kept and shown; the development broker does not act on it.`,
})

/** 16 MiB: a laptop's disk is not filled by topics that hold little, and retention has something to delete. */
const SEGMENT_BYTES = 16 * 1024 * 1024
/** Kafka's default. */
export const MAX_MESSAGE_BYTES = 1_048_588
const WEEK_MS = 604_800_000

/** Names and defaults are Kafka's (https://kafka.apache.org/documentation/#topicconfigs), except segment.bytes. */
export const TOPIC_CONFIGS: Readonly<Record<string, TopicConfig>> = {
  'cleanup.policy': {
    kind: 'list',
    default: 'delete',
    allowed: ['delete', 'compact', 'compact,delete', 'delete,compact'],
    documentation: 'delete: by age and size. compact is kept and shown, but nothing is compacted.',
  },
  'max.message.bytes': {
    kind: 'int',
    default: String(MAX_MESSAGE_BYTES),
    allowed: 0,
    documentation: 'Largest record batch.',
  },
  'message.timestamp.type': {
    kind: 'string',
    default: 'CreateTime',
    allowed: ['CreateTime', 'LogAppendTime'],
    documentation: 'Whose clock stamps a message.',
  },
  'retention.bytes': {
    kind: 'long',
    default: '-1',
    allowed: -1,
    documentation: 'Size limit of a partition.',
  },
  'retention.ms': { kind: 'long', default: String(WEEK_MS), allowed: -1, documentation: 'Age limit.' },
  'segment.bytes': {
    kind: 'int',
    default: String(SEGMENT_BYTES),
    allowed: 1024,
    documentation: 'Size at which a new segment file begins.',
  },
  'compression.type': kept('string', 'producer', 'Batches stay as the producer made them.'),
  'delete.retention.ms': kept('long', '86400000', 'Of compacted topics.'),
  'file.delete.delay.ms': kept('long', '60000', 'Files are deleted at once.'),
  'flush.messages': kept('long', '9223372036854775807', 'The broker has one fsync policy.'),
  'flush.ms': kept('long', '9223372036854775807', 'The broker has one fsync policy.'),
  'index.interval.bytes': kept('int', '4096', 'Of the offset index.'),
  'max.compaction.lag.ms': kept('long', '9223372036854775807', 'Of compacted topics.'),
  'message.downconversion.enable': kept('boolean', 'true', 'Of old consumers.'),
  'message.format.version': kept('string', '2.3-IV1', 'Of stored batches.'),
  'message.timestamp.difference.max.ms': kept('long', '9223372036854775807', 'Of message times.'),
  'min.cleanable.dirty.ratio': kept('double', '0.5', 'Of compacted topics.'),
  'min.compaction.lag.ms': kept('long', '0', 'Of compacted topics.'),
  'min.insync.replicas': kept('int', '1', 'There is one replica.'),
  preallocate: kept('boolean', 'false', 'Of segment files.'),
  'segment.index.bytes': kept('int', '10485760', 'Of the offset index.'),
  'segment.jitter.ms': kept('long', '0', 'Of segment rolling.'),
  'segment.ms': kept('long', String(WEEK_MS), 'Of segment rolling.'),
  'unclean.leader.election.enable': kept('boolean', 'false', 'There is one replica.'),
}

/** Throws INVALID_CONFIG for a name that Kafka does not know or a value that does not fit it. */
export function checkConfig(name: string, value: string | null): string {
  const config = TOPIC_CONFIGS[name]
  if (!config) throw new KafkaError('INVALID_CONFIG', `Unknown topic config name: ${name}`)
  if (value === null) throw new KafkaError('INVALID_CONFIG', `${name} needs a value`)
  const bad = () => new KafkaError('INVALID_CONFIG', `Invalid value ${value} for configuration ${name}`)
  if (config.kind === 'int' || config.kind === 'long') {
    if (!/^-?\d{1,19}$/.test(value)) throw bad()
    if (typeof config.allowed === 'number' && Number(value) < config.allowed) throw bad()
  }
  if (config.kind === 'boolean' && value !== 'true' && value !== 'false') throw bad()
  if (config.kind === 'double' && !Number.isFinite(Number(value))) throw bad()
  if (Array.isArray(config.allowed) && !config.allowed.includes(value.replaceAll(' ', ''))) throw bad()
  return value
}

/** The settings of a topic whose own configuration is `config`. */
export function topicSettings(
  config: Readonly<Record<string, string>>,
  broker: { fsync: FsyncPolicy; defaults: Readonly<Record<string, string>> },
): TopicSettings {
  const value = (name: string) => config[name] ?? broker.defaults[name] ?? TOPIC_CONFIGS[name]!.default
  return {
    segmentBytes: Number(value('segment.bytes')),
    retentionBytes: Number(value('retention.bytes')),
    retentionMs: Number(value('retention.ms')),
    maxMessageBytes: Number(value('max.message.bytes')),
    logAppendTime: value('message.timestamp.type') === 'LogAppendTime',
    fsync: broker.fsync,
  }
}
