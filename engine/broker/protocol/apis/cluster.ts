import {
  api,
  array,
  boolean,
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
} from '../codec.js'

/** The response header of this one API is never flexible: an old client must be able to read the refusal. */
export const apiVersions = api({
  name: 'ApiVersions',
  key: 18,
  min: 0,
  max: 3,
  flexibleFrom: 3,
  request: struct({
    clientSoftwareName: since(3, string, ''),
    clientSoftwareVersion: since(3, string, ''),
  }),
  response: struct({
    errorCode: int16,
    apiKeys: array(struct({ key: int16, min: int16, max: int16 })),
    throttleTimeMs: since(1, int32, 0),
  }),
})
export type ApiVersionsResponse = Response<typeof apiVersions>

export const metadata = api({
  name: 'Metadata',
  key: 3,
  min: 0,
  max: 9,
  flexibleFrom: 9,
  request: struct({
    topics: nullableArray(struct({ name: string })),
    allowAutoTopicCreation: since(4, boolean, true),
    includeClusterAuthorizedOperations: since(8, boolean, false),
    includeTopicAuthorizedOperations: since(8, boolean, false),
  }),
  response: struct({
    throttleTimeMs: since(3, int32, 0),
    brokers: array(
      struct({ nodeId: int32, host: string, port: int32, rack: since(1, nullableString, null) }),
    ),
    clusterId: since(2, nullableString, null),
    controllerId: since(1, int32, 0),
    topics: array(
      struct({
        errorCode: int16,
        name: string,
        isInternal: since(1, boolean, false),
        partitions: array(
          struct({
            errorCode: int16,
            index: int32,
            leaderId: int32,
            leaderEpoch: since(7, int32, -1),
            replicas: array(int32),
            inSyncReplicas: array(int32),
            offlineReplicas: since(5, array(int32), []),
          }),
        ),
        authorizedOperations: since(8, int32, 0),
      }),
    ),
    clusterAuthorizedOperations: since(8, int32, 0),
  }),
})
export type MetadataRequest = Request<typeof metadata>
export type MetadataResponse = Response<typeof metadata>

export const describeCluster = api({
  name: 'DescribeCluster',
  key: 60,
  min: 0,
  max: 0,
  flexibleFrom: 0,
  request: struct({ includeAuthorizedOperations: boolean }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    clusterId: string,
    controllerId: int32,
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: nullableString })),
    authorizedOperations: int32,
  }),
})
export type DescribeClusterResponse = Response<typeof describeCluster>

/** After version 0 tokens come as they are, from version 1 on in SaslAuthenticate. */
export const saslHandshake = api({
  name: 'SaslHandshake',
  key: 17,
  min: 0,
  max: 1,
  flexibleFrom: Number.POSITIVE_INFINITY,
  request: struct({ mechanism: string }),
  response: struct({ errorCode: int16, mechanisms: array(string) }),
})
export type SaslHandshakeResponse = Response<typeof saslHandshake>

export const saslAuthenticate = api({
  name: 'SaslAuthenticate',
  key: 36,
  min: 0,
  max: 2,
  flexibleFrom: 2,
  request: struct({ authBytes: bytes }),
  response: struct({
    errorCode: int16,
    errorMessage: nullableString,
    authBytes: bytes,
    sessionLifetimeMs: since(1, int64, 0),
  }),
})

const configEntry = struct({ name: string, value: nullableString })

export const describeConfigs = api({
  name: 'DescribeConfigs',
  key: 32,
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({
    resources: array(struct({ type: int8, name: string, keys: nullableArray(string) })),
    includeSynonyms: since(1, boolean, false),
    includeDocumentation: since(3, boolean, false),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: nullableString,
        type: int8,
        name: string,
        configs: array(
          struct({
            name: string,
            value: nullableString,
            readOnly: boolean,
            isDefault: since(0, boolean, false, 0),
            source: since(1, int8, -1),
            isSensitive: boolean,
            synonyms: since(1, array(struct({ name: string, value: nullableString, source: int8 })), []),
            configType: since(3, int8, 0),
            documentation: since(3, nullableString, null),
          }),
        ),
      }),
    ),
  }),
})
export type DescribeConfigsRequest = Request<typeof describeConfigs>
export type DescribeConfigsResponse = Response<typeof describeConfigs>

const alterConfigsResponse = struct({
  throttleTimeMs: int32,
  results: array(struct({ errorCode: int16, errorMessage: nullableString, type: int8, name: string })),
})

export const alterConfigs = api({
  name: 'AlterConfigs',
  key: 33,
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({
    resources: array(struct({ type: int8, name: string, configs: array(configEntry) })),
    validateOnly: boolean,
  }),
  response: alterConfigsResponse,
})
export type AlterConfigsRequest = Request<typeof alterConfigs>
export type AlterConfigsResponse = Response<typeof alterConfigs>

export const incrementalAlterConfigs = api({
  name: 'IncrementalAlterConfigs',
  key: 44,
  min: 0,
  max: 1,
  flexibleFrom: 1,
  request: struct({
    resources: array(
      struct({
        type: int8,
        name: string,
        configs: array(struct({ name: string, operation: int8, value: nullableString })),
      }),
    ),
    validateOnly: boolean,
  }),
  response: alterConfigsResponse,
})
export type IncrementalAlterConfigsRequest = Request<typeof incrementalAlterConfigs>

export const createTopics = api({
  name: 'CreateTopics',
  key: 19,
  min: 0,
  max: 4,
  flexibleFrom: 5,
  request: struct({
    topics: array(
      struct({
        name: string,
        partitions: int32,
        replicationFactor: int16,
        assignments: array(struct({ partition: int32, brokers: array(int32) })),
        configs: array(configEntry),
      }),
    ),
    timeoutMs: int32,
    validateOnly: since(1, boolean, false),
  }),
  response: struct({
    throttleTimeMs: since(2, int32, 0),
    topics: array(struct({ name: string, errorCode: int16, errorMessage: since(1, nullableString, null) })),
  }),
})
export type CreateTopicsRequest = Request<typeof createTopics>
export type CreateTopicsResponse = Response<typeof createTopics>

export const deleteTopics = api({
  name: 'DeleteTopics',
  key: 20,
  min: 0,
  max: 3,
  flexibleFrom: 4,
  request: struct({ names: array(string), timeoutMs: int32 }),
  response: struct({
    throttleTimeMs: since(1, int32, 0),
    topics: array(struct({ name: string, errorCode: int16 })),
  }),
})
export type DeleteTopicsRequest = Request<typeof deleteTopics>
export type DeleteTopicsResponse = Response<typeof deleteTopics>

export const createPartitions = api({
  name: 'CreatePartitions',
  key: 37,
  min: 0,
  max: 1,
  flexibleFrom: 2,
  request: struct({
    topics: array(
      struct({
        name: string,
        count: int32,
        assignments: nullableArray(struct({ brokers: array(int32) })),
      }),
    ),
    timeoutMs: int32,
    validateOnly: boolean,
  }),
  response: struct({
    throttleTimeMs: int32,
    topics: array(struct({ name: string, errorCode: int16, errorMessage: nullableString })),
  }),
})
export type CreatePartitionsRequest = Request<typeof createPartitions>
export type CreatePartitionsResponse = Response<typeof createPartitions>
