import {
  api,
  array,
  bytes,
  int8,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  type Request,
  type Response,
  since,
  string,
  struct,
  until,
} from '../codec.js'

const topicPartitions = <P>(partition: import('../codec.js').Codec<P>) =>
  array(struct({ name: string, partitions: array(partition) }))

export const offsetCommit = api({
  name: 'OffsetCommit',
  key: 8,
  min: 0,
  max: 7,
  flexibleFrom: 8,
  request: struct({
    groupId: string,
    generation: since(1, int32, -1),
    memberId: since(1, string, ''),
    groupInstanceId: since(7, nullableString, null),
    retentionMs: since(2, int64, -1, 4),
    topics: topicPartitions(
      struct({
        index: int32,
        offset: int64,
        leaderEpoch: since(6, int32, -1),
        commitTimestamp: since(1, int64, -1, 1),
        metadata: nullableString,
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    topics: topicPartitions(struct({ index: int32, errorCode: int16 })),
  }),
})
export type OffsetCommitRequest = Request<typeof offsetCommit>
export type OffsetCommitResponse = Response<typeof offsetCommit>

/** `topics: null` (from version 2) asks for all that the group has. */
export const offsetFetch = api({
  name: 'OffsetFetch',
  key: 9,
  min: 0,
  max: 5,
  flexibleFrom: 6,
  request: struct({
    groupId: string,
    topics: nullableArray(struct({ name: string, partitions: array(int32) })),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    topics: topicPartitions(
      struct({
        index: int32,
        offset: int64,
        leaderEpoch: since(5, int32, -1),
        metadata: nullableString,
        errorCode: int16,
      }),
    ),
    errorCode: since(2, int16, 0),
  }),
})
export type OffsetFetchRequest = Request<typeof offsetFetch>
export type OffsetFetchResponse = Response<typeof offsetFetch>

/** `keyType` 0 is a group, 1 a transaction. */
export const findCoordinator = api({
  name: 'FindCoordinator',
  key: 10,
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({ key: string, keyType: since(1, int8, 0) }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    errorMessage: since(1, nullableString, null),
    nodeId: int32,
    host: string,
    port: int32,
  }),
})
export type FindCoordinatorRequest = Request<typeof findCoordinator>
export type FindCoordinatorResponse = Response<typeof findCoordinator>

export const joinGroup = api({
  name: 'JoinGroup',
  key: 11,
  min: 0,
  max: 5,
  flexibleFrom: 6,
  request: struct({
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: since(1, int32, -1),
    memberId: string,
    groupInstanceId: since(5, nullableString, null),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
  }),
  response: struct({
    throttleTimeMs: since(2, int32, 0),
    errorCode: int16,
    generation: int32,
    protocol: string,
    leader: string,
    memberId: string,
    members: array(
      struct({ memberId: string, groupInstanceId: since(5, nullableString, null), metadata: bytes }),
    ),
  }),
})
export type JoinGroupRequest = Request<typeof joinGroup>
export type JoinGroupResponse = Response<typeof joinGroup>

export const heartbeat = api({
  name: 'Heartbeat',
  key: 12,
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generation: int32,
    memberId: string,
    groupInstanceId: since(3, nullableString, null),
  }),
  response: struct({ throttleTimeMs: since(1, int32, 0), errorCode: int16 }),
})
export type HeartbeatRequest = Request<typeof heartbeat>
export type HeartbeatResponse = Response<typeof heartbeat>

/** Up to version 2 one member leaves, from 3 on several may. */
export const leaveGroup = api({
  name: 'LeaveGroup',
  key: 13,
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    memberId: until(2, string, ''),
    members: since(3, array(struct({ memberId: string, groupInstanceId: nullableString })), []),
  }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    members: since(
      3,
      array(struct({ memberId: string, groupInstanceId: nullableString, errorCode: int16 })),
      [],
    ),
  }),
})
export type LeaveGroupRequest = Request<typeof leaveGroup>
export type LeaveGroupResponse = Response<typeof leaveGroup>

export const syncGroup = api({
  name: 'SyncGroup',
  key: 14,
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({
    groupId: string,
    generation: int32,
    memberId: string,
    groupInstanceId: since(3, nullableString, null),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  }),
  response: struct({ throttleTimeMs: since(1, int32, 0), errorCode: int16, assignment: bytes }),
})
export type SyncGroupRequest = Request<typeof syncGroup>
export type SyncGroupResponse = Response<typeof syncGroup>

export const describeGroups = api({
  name: 'DescribeGroups',
  key: 15,
  min: 0,
  max: 4,
  flexibleFrom: 5,
  request: struct({
    groups: array(string),
    includeAuthorizedOperations: since(3, int8, 0),
  }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    groups: array(
      struct({
        errorCode: int16,
        groupId: string,
        state: string,
        protocolType: string,
        protocol: string,
        members: array(
          struct({
            memberId: string,
            groupInstanceId: since(4, nullableString, null),
            clientId: string,
            clientHost: string,
            metadata: bytes,
            assignment: bytes,
          }),
        ),
        authorizedOperations: since(3, int32, 0),
      }),
    ),
  }),
})
export type DescribeGroupsRequest = Request<typeof describeGroups>
export type DescribeGroupsResponse = Response<typeof describeGroups>

export const listGroups = api({
  name: 'ListGroups',
  key: 16,
  min: 0,
  max: 2,
  flexibleFrom: 3,
  request: struct({}),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    errorCode: int16,
    groups: array(struct({ groupId: string, protocolType: string })),
  }),
})
export type ListGroupsResponse = Response<typeof listGroups>

export const deleteGroups = api({
  name: 'DeleteGroups',
  key: 42,
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({ groups: array(string) }),
  response: struct({
    throttleTimeMs: int32,
    results: array(struct({ groupId: string, errorCode: int16 })),
  }),
})
export type DeleteGroupsRequest = Request<typeof deleteGroups>
export type DeleteGroupsResponse = Response<typeof deleteGroups>
