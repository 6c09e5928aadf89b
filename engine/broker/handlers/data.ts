import type {
  DeleteRecordsRequest,
  DeleteRecordsResponse,
  InitProducerIdRequest,
  InitProducerIdResponse,
  ListOffsetsRequest,
  ListOffsetsResponse,
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
  ProduceRequest,
  ProduceResponse,
} from '../protocol/apis/data.js'
import { KafkaCode, KafkaError } from '../protocol/errors.js'
import { convertMessageSet } from '../protocol/message_set.js'
import { LEADER_EPOCH, type PartitionLog } from '../storage/partition_log.js'
import { type BrokerContext, codeOf, type RequestContext } from './context.js'

const LATEST = -1
const EARLIEST = -2

/** From Produce v3 on the records are batches of magic 2. */
const FIRST_BATCH_VERSION = 3

export async function handleProduce(
  broker: BrokerContext,
  request: ProduceRequest,
  context: RequestContext,
): Promise<ProduceResponse | undefined> {
  const topics: ProduceResponse['topics'] = []
  for (const topic of request.topics) {
    const partitions: ProduceResponse['topics'][number]['partitions'] = []
    for (const { index, records } of topic.partitions) {
      partitions.push(await produceTo(broker, topic.name, index, records, request.acks, context))
    }
    topics.push({ name: topic.name, partitions })
  }
  return request.acks === 0 ? undefined : { topics, throttleTimeMs: 0 }
}

async function produceTo(
  broker: BrokerContext,
  name: string,
  index: number,
  records: Buffer | null,
  acks: number,
  context: RequestContext,
): Promise<ProduceResponse['topics'][number]['partitions'][number]> {
  try {
    if (acks < -1 || acks > 1) throw new KafkaError('INVALID_REQUIRED_ACKS', `acks ${acks}`)
    const log = broker.topics.partition(name, index)
    const data = records ?? Buffer.alloc(0)
    const { baseOffset, logAppendTime } = log.append(
      context.version < FIRST_BATCH_VERSION ? convertMessageSet(data) : data,
    )
    if (broker.topics.fsync === 'always' && acks !== 0) await flush(log)
    return {
      index,
      errorCode: KafkaCode.NONE,
      baseOffset,
      logAppendTimeMs: logAppendTime,
      logStartOffset: log.startOffset,
      recordErrors: [],
      errorMessage: null,
    }
  } catch (error) {
    const { errorCode, errorMessage } = codeOf(error, broker.log)
    broker.log.debug(`produce to ${name}/${index} refused: ${errorMessage}`)
    const nowhere = { baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 }
    return { index, errorCode, ...nowhere, recordErrors: [], errorMessage }
  }
}

async function flush(log: PartitionLog): Promise<void> {
  try {
    await log.flush()
  } catch (cause) {
    throw new KafkaError('KAFKA_STORAGE_ERROR', `fsync failed: ${String(cause)}`, { cause })
  }
}

/** A client that believes in a later epoch than ours has talked to another cluster. */
export function checkEpoch(epoch: number): void {
  if (epoch > LEADER_EPOCH) throw new KafkaError('UNKNOWN_LEADER_EPOCH', `leader epoch ${epoch}`)
}

export function handleListOffsets(broker: BrokerContext, request: ListOffsetsRequest): ListOffsetsResponse {
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map(({ index, currentLeaderEpoch, timestamp }) => {
      try {
        checkEpoch(currentLeaderEpoch)
        const found = findOffset(broker.topics.partition(topic.name, index), timestamp)
        const oldStyleOffsets = found.offset < 0 ? [] : [found.offset]
        const leaderEpoch = found.offset < 0 ? -1 : LEADER_EPOCH
        return { index, errorCode: KafkaCode.NONE, oldStyleOffsets, ...found, leaderEpoch }
      } catch (error) {
        const { errorCode } = codeOf(error, broker.log)
        return { index, errorCode, oldStyleOffsets: [], timestamp: -1, offset: -1, leaderEpoch: -1 }
      }
    }),
  }))
  return { throttleTimeMs: 0, topics }
}

function findOffset(log: PartitionLog, timestamp: number): { offset: number; timestamp: number } {
  if (timestamp === LATEST) return { offset: log.endOffset, timestamp: -1 }
  if (timestamp === EARLIEST) return { offset: log.startOffset, timestamp: -1 }
  return log.offsetByTime(timestamp) ?? { offset: -1, timestamp: -1 }
}

export function handleOffsetForLeaderEpoch(
  broker: BrokerContext,
  request: OffsetForLeaderEpochRequest,
): OffsetForLeaderEpochResponse {
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map(({ index, currentLeaderEpoch, leaderEpoch }) => {
      try {
        checkEpoch(currentLeaderEpoch)
        const log = broker.topics.partition(topic.name, index)
        const known = leaderEpoch === LEADER_EPOCH
        return {
          errorCode: KafkaCode.NONE,
          index,
          leaderEpoch: known ? LEADER_EPOCH : -1,
          endOffset: known ? log.endOffset : -1,
        }
      } catch (error) {
        return { errorCode: codeOf(error, broker.log).errorCode, index, leaderEpoch: -1, endOffset: -1 }
      }
    }),
  }))
  return { throttleTimeMs: 0, topics }
}

export function handleDeleteRecords(
  broker: BrokerContext,
  request: DeleteRecordsRequest,
): DeleteRecordsResponse {
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map(({ index, offset }) => {
      try {
        const lowWatermark = broker.topics.partition(topic.name, index).deleteRecords(offset)
        return { index, lowWatermark, errorCode: KafkaCode.NONE }
      } catch (error) {
        return { index, lowWatermark: -1, errorCode: codeOf(error, broker.log).errorCode }
      }
    }),
  }))
  return { throttleTimeMs: 0, topics }
}

export function handleInitProducerId(
  broker: BrokerContext,
  request: InitProducerIdRequest,
): InitProducerIdResponse {
  if (request.transactionalId !== null) {
    broker.log.warn('a client asked for transactions, which the development broker does not have')
    return { throttleTimeMs: 0, errorCode: KafkaCode.INVALID_REQUEST, producerId: -1, producerEpoch: -1 }
  }
  // A producer that lost track of its sequences comes with its id: it goes on as a new one, which is as good.
  return {
    throttleTimeMs: 0,
    errorCode: KafkaCode.NONE,
    producerId: broker.producerIds.next(),
    producerEpoch: 0,
  }
}
