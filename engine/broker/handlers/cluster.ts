import type {
  AlterConfigsRequest,
  AlterConfigsResponse,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeClusterResponse,
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  IncrementalAlterConfigsRequest,
  MetadataRequest,
  MetadataResponse,
} from '../protocol/apis/cluster.js'
import { KafkaCode, KafkaError } from '../protocol/errors.js'
import { LEADER_EPOCH } from '../storage/partition_log.js'
import { TOPIC_CONFIGS } from '../storage/topic_config.js'
import { checkTopicName, type Topic } from '../storage/topic_store.js'
import { type BrokerContext, codeOf, NODE_ID, OPERATIONS_NOT_ASKED, type RequestContext } from './context.js'

const TOPIC_RESOURCE = 2
const BROKER_RESOURCE = 4

type TopicMetadata = MetadataResponse['topics'][number]

export function handleMetadata(
  broker: BrokerContext,
  request: MetadataRequest,
  context: RequestContext,
): MetadataResponse {
  // Before version 1 an empty list asked for everything, since then null does.
  const all = request.topics === null || (context.version === 0 && request.topics.length === 0)
  const topics = all
    ? broker.topics.list().map(describeTopic)
    : request.topics!.map(({ name }) => findOrCreate(broker, name, request.allowAutoTopicCreation))
  return {
    throttleTimeMs: 0,
    brokers: [{ nodeId: NODE_ID, ...context.advertised, rack: null }],
    clusterId: broker.clusterId,
    controllerId: NODE_ID,
    topics,
    clusterAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

function findOrCreate(broker: BrokerContext, name: string, allowed: boolean): TopicMetadata {
  try {
    const known = broker.topics.find(name)
    if (known) return describeTopic(known)
    checkTopicName(name)
    if (!allowed || !broker.autoCreateTopics) return describeTopic(broker.topics.topic(name))
    const created = broker.topics.create(name, broker.defaultPartitions, {})
    broker.log.info(
      `topic ${name} created with ${created.partitions.length} partition(s), as a client asked for it`,
    )
    return describeTopic(created)
  } catch (error) {
    return { ...describeTopic({ name, partitions: [] }), errorCode: codeOf(error, broker.log).errorCode }
  }
}

function describeTopic(topic: Pick<Topic, 'name' | 'partitions'>): TopicMetadata {
  return {
    errorCode: KafkaCode.NONE,
    name: topic.name,
    isInternal: false,
    partitions: topic.partitions.map((_, index) => ({
      errorCode: KafkaCode.NONE,
      index,
      leaderId: NODE_ID,
      leaderEpoch: LEADER_EPOCH,
      replicas: [NODE_ID],
      inSyncReplicas: [NODE_ID],
      offlineReplicas: [],
    })),
    authorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

export function handleDescribeCluster(
  broker: BrokerContext,
  context: RequestContext,
): DescribeClusterResponse {
  return {
    throttleTimeMs: 0,
    errorCode: KafkaCode.NONE,
    errorMessage: null,
    clusterId: broker.clusterId,
    controllerId: NODE_ID,
    brokers: [{ nodeId: NODE_ID, ...context.advertised, rack: null }],
    authorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

/** Runs `body` for each item; its failure is that item's answer. */
function each<T extends { name: string }>(broker: BrokerContext, items: T[], body: (item: T) => void) {
  return items.map((item) => {
    try {
      body(item)
      return { name: item.name, errorCode: KafkaCode.NONE as number, errorMessage: null }
    } catch (error) {
      return { name: item.name, ...codeOf(error, broker.log) }
    }
  })
}

export function handleCreateTopics(
  broker: BrokerContext,
  request: CreateTopicsRequest,
): CreateTopicsResponse {
  const topics = each(broker, request.topics, (topic) => {
    const partitions = partitionsAsked(topic)
    const config = Object.fromEntries(topic.configs.map(({ name, value }) => [name, value]))
    if (request.validateOnly) broker.topics.checkNew(topic.name, partitions, config)
    else broker.topics.create(topic.name, partitions, config)
  })
  return { throttleTimeMs: 0, topics }
}

function partitionsAsked(topic: CreateTopicsRequest['topics'][number]): number {
  if (topic.assignments.length === 0) {
    if (topic.replicationFactor !== 1 && topic.replicationFactor !== -1) {
      throw new KafkaError(
        'INVALID_REPLICATION_FACTOR',
        `Replication factor: ${topic.replicationFactor} larger than available brokers: 1.`,
      )
    }
    return topic.partitions
  }
  for (const { brokers } of topic.assignments) {
    if (brokers.length !== 1 || brokers[0] !== NODE_ID) {
      throw new KafkaError('INVALID_REPLICA_ASSIGNMENT', `Node ${NODE_ID} is the only one.`)
    }
  }
  return topic.assignments.length
}

export function handleDeleteTopics(
  broker: BrokerContext,
  request: DeleteTopicsRequest,
): DeleteTopicsResponse {
  const topics = each(
    broker,
    request.names.map((name) => ({ name })),
    ({ name }) => {
      broker.topics.delete(name)
      broker.groups.offsets.deleteTopic(name)
    },
  )
  return { throttleTimeMs: 0, topics }
}

export function handleCreatePartitions(
  broker: BrokerContext,
  request: CreatePartitionsRequest,
): CreatePartitionsResponse {
  const topics = each(broker, request.topics, (topic) =>
    broker.topics.grow(topic.name, topic.count, request.validateOnly),
  )
  return { throttleTimeMs: 0, topics }
}

/** Sources of a value and types of it, as DescribeConfigs numbers them. */
const SOURCE = { topic: 1, broker: 4, default: 5 } as const
const TYPE = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const

type ShownConfig = DescribeConfigsResponse['results'][number]['configs'][number]

export function handleDescribeConfigs(
  broker: BrokerContext,
  request: DescribeConfigsRequest,
): DescribeConfigsResponse {
  const results = request.resources.map(({ type, name, keys }) => {
    try {
      const shown = type === BROKER_RESOURCE ? brokerConfig(broker, name) : topicConfig(broker, type, name)
      const configs = keys === null ? shown : shown.filter((config) => keys.includes(config.name))
      return { errorCode: KafkaCode.NONE, errorMessage: null, type, name, configs }
    } catch (error) {
      return { ...codeOf(error, broker.log), type, name, configs: [] }
    }
  })
  return { throttleTimeMs: 0, results }
}

function topicConfig(broker: BrokerContext, type: number, name: string): ShownConfig[] {
  const topic = configurable(broker, type, name)
  return Object.entries(TOPIC_CONFIGS).map(([key, config]) => {
    const own = topic.config[key]
    const ofBroker = broker.topics.defaults[key]
    const source = own !== undefined ? 'topic' : ofBroker !== undefined ? 'broker' : 'default'
    return {
      name: key,
      value: own ?? ofBroker ?? config.default,
      readOnly: false,
      isDefault: own === undefined,
      source: SOURCE[source],
      isSensitive: false,
      synonyms: [],
      configType: TYPE[config.kind],
      documentation: config.documentation,
    }
  })
}

function brokerConfig(broker: BrokerContext, name: string): ShownConfig[] {
  if (name !== String(NODE_ID) && name !== '') {
    throw new KafkaError('INVALID_REQUEST', `There is no broker ${name}, only ${NODE_ID}.`)
  }
  return Object.entries(broker.shownConfig).map(([key, value]) => ({
    name: key,
    value,
    readOnly: true,
    isDefault: false,
    source: SOURCE.broker,
    isSensitive: false,
    synonyms: [],
    configType: TYPE.string,
    documentation: null,
  }))
}

function configurable(broker: BrokerContext, type: number, name: string): Topic {
  if (type !== TOPIC_RESOURCE)
    throw new KafkaError('INVALID_REQUEST', `Resource type ${type} has no configuration here.`)
  return broker.topics.topic(name)
}

type Resource = { type: number; name: string }

/** Runs `change` for each resource: it gives the topic's new configuration. */
function alter<R extends Resource>(
  broker: BrokerContext,
  resources: R[],
  validateOnly: boolean,
  change: (resource: R, now: Readonly<Record<string, string>>) => Record<string, string | null>,
): AlterConfigsResponse {
  const outcomes = each(broker, resources, (resource) => {
    const topic = configurable(broker, resource.type, resource.name)
    broker.topics.configure(topic.name, change(resource, topic.config), validateOnly)
  })
  const results = outcomes.map((outcome, i) => ({ ...outcome, type: resources[i]!.type }))
  return { throttleTimeMs: 0, results }
}

export function handleAlterConfigs(
  broker: BrokerContext,
  request: AlterConfigsRequest,
): AlterConfigsResponse {
  return alter(broker, request.resources, request.validateOnly, ({ configs }) =>
    Object.fromEntries(configs.map(({ name, value }) => [name, value])),
  )
}

const SET = 0
const DELETE = 1
const APPEND = 2
const SUBTRACT = 3

export function handleIncrementalAlterConfigs(
  broker: BrokerContext,
  request: IncrementalAlterConfigsRequest,
): AlterConfigsResponse {
  return alter(broker, request.resources, request.validateOnly, ({ configs }, now) => {
    const changed: Record<string, string | null> = { ...now }
    for (const { name, operation, value } of configs) {
      if (operation === SET) changed[name] = value
      else if (operation === DELETE) delete changed[name]
      else changed[name] = changeList(name, changed[name] ?? TOPIC_CONFIGS[name]?.default, operation, value)
    }
    return changed
  })
}

function changeList(name: string, now: string | null | undefined, operation: number, value: string | null) {
  const isList = TOPIC_CONFIGS[name]?.kind === 'list'
  if (!isList || (operation !== APPEND && operation !== SUBTRACT)) {
    throw new KafkaError('INVALID_CONFIG', `Operation ${operation} does not go with ${name}.`)
  }
  const items = (now ?? '').split(',').filter((item) => item !== '')
  const given = (value ?? '').split(',')
  const rest = items.filter((item) => !given.includes(item))
  return (operation === APPEND ? [...rest, ...given] : rest).join(',')
}
