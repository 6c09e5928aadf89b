/** The Kafka-protocol broker for development: topics in segment files, spoken to by any Kafka client. */
export { type Broker, type BrokerOptions, startBroker, type TopicInfo } from './broker.js'
export { BrokerError, type BrokerErrorReason } from './errors.js'
export type { BrokerLog } from './handlers/context.js'
export { KafkaCode, type KafkaCodeName, KafkaError } from './protocol/errors.js'
export type { BrokerRecord, NewRecord } from './protocol/record_batch.js'
export type { BrokerTls } from './server.js'
export type { FsyncPolicy } from './storage/topic_config.js'
