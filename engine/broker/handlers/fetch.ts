import type { FetchRequest, FetchResponse } from '../protocol/apis/data.js'
import { KafkaCode } from '../protocol/errors.js'
import type { PartitionLog } from '../storage/partition_log.js'
import { type BrokerContext, codeOf, type RequestContext } from './context.js'
import { checkEpoch } from './data.js'

/** An answer is at most this large (one batch excepted), whatever the client allows: bounds memory per connection. */
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024
const NO_RECORDS = Buffer.alloc(0)

type TopicAnswer = FetchResponse['topics'][number]
type PartitionRequest = FetchRequest['topics'][number]['partitions'][number]

interface Collected {
  topics: TopicAnswer[]
  bytes: number
  failed: boolean
}

/** Answers when `minBytes` are there, when something is wrong, or after `maxWaitMs` with what there is. */
export async function handleFetch(
  broker: BrokerContext,
  request: FetchRequest,
  context: RequestContext,
): Promise<FetchResponse> {
  if (request.sessionId !== 0) {
    // Sessions are optional for a broker: without them a client names all its partitions each time.
    const errorCode = KafkaCode.FETCH_SESSION_ID_NOT_FOUND
    return { throttleTimeMs: 0, errorCode, sessionId: 0, topics: [] }
  }
  const deadline = Date.now() + Math.max(0, request.maxWaitMs)
  for (;;) {
    const collected = collect(broker, request)
    const left = deadline - Date.now()
    const enough = collected.bytes >= request.minBytes || collected.failed
    if (enough || left <= 0 || context.signal.aborted) {
      return { throttleTimeMs: 0, errorCode: KafkaCode.NONE, sessionId: 0, topics: collected.topics }
    }
    await nextAppend(watched(broker, request), left, context.signal)
  }
}

function collect(broker: BrokerContext, request: FetchRequest): Collected {
  const collected: Collected = { topics: [], bytes: 0, failed: false }
  const budget = Math.min(request.maxBytes, MAX_RESPONSE_BYTES)
  for (const topic of request.topics) {
    const partitions = topic.partitions.map((partition) =>
      fetchPartition(broker, topic.name, partition, budget, collected),
    )
    collected.topics.push({ name: topic.name, partitions })
  }
  return collected
}

function fetchPartition(
  broker: BrokerContext,
  name: string,
  partition: PartitionRequest,
  budget: number,
  collected: Collected,
): TopicAnswer['partitions'][number] {
  const { index } = partition
  let log: PartitionLog | undefined
  try {
    checkEpoch(partition.currentLeaderEpoch)
    log = broker.topics.partition(name, index)
    // The first batch of an answer is sent whatever its size (KIP-74): a consumer must not get stuck on it.
    const room = Math.min(partition.maxBytes, budget - collected.bytes)
    const records = log.read(partition.fetchOffset, Math.max(0, room), collected.bytes === 0)
    collected.bytes += records.length
    return answer(index, KafkaCode.NONE, log, records)
  } catch (error) {
    collected.failed = true
    return answer(index, codeOf(error, broker.log).errorCode, log, NO_RECORDS)
  }
}

function answer(
  index: number,
  errorCode: number,
  log: PartitionLog | undefined,
  records: Buffer,
): TopicAnswer['partitions'][number] {
  return {
    index,
    errorCode,
    highWatermark: log?.endOffset ?? -1,
    // Without transactions everything is stable, so read_committed sees what read_uncommitted does.
    lastStableOffset: log?.endOffset ?? -1,
    logStartOffset: log?.startOffset ?? -1,
    abortedTransactions: null,
    preferredReadReplica: -1,
    records,
  }
}

function watched(broker: BrokerContext, request: FetchRequest): PartitionLog[] {
  return request.topics.flatMap((topic) => {
    const logs = broker.topics.find(topic.name)?.partitions ?? []
    return topic.partitions.flatMap(({ index }) => logs[index] ?? [])
  })
}

/** Waits for an append to one of the logs, for the time to pass, or for the connection to end. */
function nextAppend(logs: PartitionLog[], timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      for (const stop of stops) stop()
      resolve()
    }
    const stops = logs.map((log) => log.watch(wake))
    const timer = setTimeout(wake, timeoutMs)
    signal.addEventListener('abort', wake, { once: true })
  })
}
