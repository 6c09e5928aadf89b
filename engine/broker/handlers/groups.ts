import { MemberIdRequired } from '../groups/group.js'
import type {
  DeleteGroupsRequest,
  DeleteGroupsResponse,
  DescribeGroupsRequest,
  DescribeGroupsResponse,
  FindCoordinatorRequest,
  FindCoordinatorResponse,
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  LeaveGroupRequest,
  LeaveGroupResponse,
  ListGroupsResponse,
  OffsetCommitRequest,
  OffsetCommitResponse,
  OffsetFetchRequest,
  OffsetFetchResponse,
  SyncGroupRequest,
  SyncGroupResponse,
} from '../protocol/apis/groups.js'
import { KafkaCode, KafkaError } from '../protocol/errors.js'
import { type BrokerContext, codeOf, NODE_ID, OPERATIONS_NOT_ASKED, type RequestContext } from './context.js'

const GROUP_KEY = 0
/** Kafka's `offset.metadata.max.bytes`. */
const MAX_METADATA_BYTES = 4096
/** From this version on a new member first gets an id (KIP-394). */
const MEMBER_ID_FIRST = 4

export function handleFindCoordinator(
  request: FindCoordinatorRequest,
  context: RequestContext,
): FindCoordinatorResponse {
  if (request.keyType !== GROUP_KEY) {
    const errorMessage = 'transactions are not supported by the development broker'
    const nobody = { nodeId: -1, host: '', port: -1 }
    return { throttleTimeMs: 0, errorCode: KafkaCode.INVALID_REQUEST, errorMessage, ...nobody }
  }
  const here = { nodeId: NODE_ID, ...context.advertised }
  return { throttleTimeMs: 0, errorCode: KafkaCode.NONE, errorMessage: null, ...here }
}

export async function handleJoinGroup(
  broker: BrokerContext,
  request: JoinGroupRequest,
  context: RequestContext,
): Promise<JoinGroupResponse> {
  try {
    const { rebalanceTimeoutMs, sessionTimeoutMs } = request
    const joined = await broker.groups.join(request.groupId, {
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      clientId: context.clientId,
      clientHost: context.clientHost,
      sessionTimeoutMs,
      // Version 0 has one timeout for both.
      rebalanceTimeoutMs: rebalanceTimeoutMs > 0 ? rebalanceTimeoutMs : sessionTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
      requireKnownMemberId: context.version >= MEMBER_ID_FIRST,
    })
    return { throttleTimeMs: 0, errorCode: KafkaCode.NONE, ...joined }
  } catch (error) {
    const { errorCode } = codeOf(error, broker.log)
    const memberId = error instanceof MemberIdRequired ? error.memberId : request.memberId
    const nothing = { generation: -1, protocol: '', leader: '', members: [] }
    return { throttleTimeMs: 0, errorCode, ...nothing, memberId }
  }
}

export async function handleSyncGroup(
  broker: BrokerContext,
  request: SyncGroupRequest,
): Promise<SyncGroupResponse> {
  try {
    const { groupId, memberId, groupInstanceId, generation } = request
    const assignments = request.assignments.map((one) => ({
      memberId: one.memberId,
      assignment: Buffer.from(one.assignment),
    }))
    const assignment = await broker.groups.sync(groupId, memberId, groupInstanceId, generation, assignments)
    return { throttleTimeMs: 0, errorCode: KafkaCode.NONE, assignment }
  } catch (error) {
    const { errorCode } = codeOf(error, broker.log)
    return { throttleTimeMs: 0, errorCode, assignment: Buffer.alloc(0) }
  }
}

/** The code of what `body` throws, or NONE. */
function outcome(broker: BrokerContext, body: () => void): number {
  try {
    body()
    return KafkaCode.NONE
  } catch (error) {
    return codeOf(error, broker.log).errorCode
  }
}

export function handleHeartbeat(broker: BrokerContext, request: HeartbeatRequest): HeartbeatResponse {
  const { groupId, memberId, groupInstanceId, generation } = request
  const errorCode = outcome(broker, () =>
    broker.groups.heartbeat(groupId, memberId, groupInstanceId, generation),
  )
  return { throttleTimeMs: 0, errorCode }
}

export function handleLeaveGroup(
  broker: BrokerContext,
  request: LeaveGroupRequest,
  context: RequestContext,
): LeaveGroupResponse {
  const leave = (memberId: string, instanceId: string | null) =>
    outcome(broker, () => broker.groups.leave(request.groupId, memberId, instanceId))
  if (context.version < 3) {
    return { throttleTimeMs: 0, errorCode: leave(request.memberId, null), members: [] }
  }
  const members = request.members.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    errorCode: leave(memberId, groupInstanceId),
  }))
  return { throttleTimeMs: 0, errorCode: KafkaCode.NONE, members }
}

export function handleOffsetCommit(
  broker: BrokerContext,
  request: OffsetCommitRequest,
): OffsetCommitResponse {
  const { groupId, memberId, groupInstanceId, generation } = request
  const refused = outcome(broker, () => {
    if (groupId === '') throw new KafkaError('INVALID_GROUP_ID', 'a group has a name')
    broker.groups.checkCommit(groupId, memberId, groupInstanceId, generation)
  })
  const accepted: {
    topic: string
    partition: number
    offset: number
    leaderEpoch: number
    metadata: string
  }[] = []
  const topics = request.topics.map((topic) => ({
    name: topic.name,
    partitions: topic.partitions.map(({ index, offset, leaderEpoch, metadata }) => {
      const errorCode =
        refused ||
        outcome(broker, () => {
          broker.topics.partition(topic.name, index)
          if (Buffer.byteLength(metadata ?? '') > MAX_METADATA_BYTES) {
            throw new KafkaError('OFFSET_METADATA_TOO_LARGE', `metadata over ${MAX_METADATA_BYTES} bytes`)
          }
          accepted.push({
            topic: topic.name,
            partition: index,
            offset,
            leaderEpoch,
            metadata: metadata ?? '',
          })
        })
      return { index, errorCode }
    }),
  }))
  const stored = outcome(broker, () => commit(broker, groupId, accepted))
  if (stored !== KafkaCode.NONE) {
    for (const { partitions } of topics) for (const partition of partitions) partition.errorCode ||= stored
  }
  return { throttleTimeMs: 0, topics }
}

function commit(
  broker: BrokerContext,
  groupId: string,
  offsets: Parameters<BrokerContext['groups']['offsets']['commit']>[1],
): void {
  try {
    broker.groups.offsets.commit(groupId, offsets)
  } catch (cause) {
    throw new KafkaError('KAFKA_STORAGE_ERROR', `cannot store the commit: ${String(cause)}`, { cause })
  }
}

export function handleOffsetFetch(broker: BrokerContext, request: OffsetFetchRequest): OffsetFetchResponse {
  const { offsets } = broker.groups
  const asked =
    request.topics?.map(({ name, partitions }) => ({ topic: name, partitions })) ??
    offsets.all(request.groupId)
  const topics = asked.map(({ topic, partitions }) => ({
    name: topic,
    partitions: partitions.map((index) => {
      const committed = offsets.find(request.groupId, topic, index)
      const { offset, leaderEpoch, metadata } = committed ?? { offset: -1, leaderEpoch: -1, metadata: '' }
      return { index, offset, leaderEpoch, metadata, errorCode: KafkaCode.NONE }
    }),
  }))
  return { throttleTimeMs: 0, topics, errorCode: KafkaCode.NONE }
}

export function handleDescribeGroups(
  broker: BrokerContext,
  request: DescribeGroupsRequest,
): DescribeGroupsResponse {
  const groups = request.groups.map((groupId) => ({
    errorCode: KafkaCode.NONE,
    ...broker.groups.describe(groupId),
    authorizedOperations: OPERATIONS_NOT_ASKED,
  }))
  return { throttleTimeMs: 0, groups }
}

export function handleListGroups(broker: BrokerContext): ListGroupsResponse {
  return { throttleTimeMs: 0, errorCode: KafkaCode.NONE, groups: broker.groups.list() }
}

export function handleDeleteGroups(
  broker: BrokerContext,
  request: DeleteGroupsRequest,
): DeleteGroupsResponse {
  const results = request.groups.map((groupId) => ({
    groupId,
    errorCode: outcome(broker, () => broker.groups.delete(groupId)),
  }))
  return { throttleTimeMs: 0, results }
}
