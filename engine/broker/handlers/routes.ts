import * as cluster from '../protocol/apis/cluster.js'
import * as data from '../protocol/apis/data.js'
import * as groups from '../protocol/apis/groups.js'
import { KafkaCode } from '../protocol/errors.js'
import {
  handleAlterConfigs,
  handleCreatePartitions,
  handleCreateTopics,
  handleDeleteTopics,
  handleDescribeCluster,
  handleDescribeConfigs,
  handleIncrementalAlterConfigs,
  handleMetadata,
} from './cluster.js'
import { type BrokerContext, type Route, route } from './context.js'
import {
  handleDeleteRecords,
  handleInitProducerId,
  handleListOffsets,
  handleOffsetForLeaderEpoch,
  handleProduce,
} from './data.js'
import { handleFetch } from './fetch.js'
import {
  handleDeleteGroups,
  handleDescribeGroups,
  handleFindCoordinator,
  handleHeartbeat,
  handleJoinGroup,
  handleLeaveGroup,
  handleListGroups,
  handleOffsetCommit,
  handleOffsetFetch,
  handleSyncGroup,
} from './groups.js'

/** Every API that the broker answers, by its key. */
export function routesOf(broker: BrokerContext): ReadonlyMap<number, Route> {
  const routes: Route[] = [
    route(data.produce, (request, context) => handleProduce(broker, request, context)),
    route(data.fetch, (request, context) => handleFetch(broker, request, context)),
    route(data.listOffsets, (request) => handleListOffsets(broker, request)),
    route(data.deleteRecords, (request) => handleDeleteRecords(broker, request)),
    route(data.initProducerId, (request) => handleInitProducerId(broker, request)),
    route(data.offsetForLeaderEpoch, (request) => handleOffsetForLeaderEpoch(broker, request)),
    route(cluster.metadata, (request, context) => handleMetadata(broker, request, context)),
    route(cluster.describeCluster, (_, context) => handleDescribeCluster(broker, context)),
    route(cluster.createTopics, (request) => handleCreateTopics(broker, request)),
    route(cluster.deleteTopics, (request) => handleDeleteTopics(broker, request)),
    route(cluster.createPartitions, (request) => handleCreatePartitions(broker, request)),
    route(cluster.describeConfigs, (request) => handleDescribeConfigs(broker, request)),
    route(cluster.alterConfigs, (request) => handleAlterConfigs(broker, request)),
    route(cluster.incrementalAlterConfigs, (request) => handleIncrementalAlterConfigs(broker, request)),
    route(cluster.saslHandshake, ({ mechanism }, { login, version }) => login.handshake(mechanism, version)),
    route(cluster.saslAuthenticate, ({ authBytes }, { login }) => ({
      ...login.authenticate(authBytes),
      sessionLifetimeMs: 0,
    })),
    route(cluster.apiVersions, () => apiVersionsAnswer(routes, KafkaCode.NONE)),
    route(groups.findCoordinator, (request, context) => handleFindCoordinator(request, context)),
    route(groups.joinGroup, (request, context) => handleJoinGroup(broker, request, context)),
    route(groups.syncGroup, (request) => handleSyncGroup(broker, request)),
    route(groups.heartbeat, (request) => handleHeartbeat(broker, request)),
    route(groups.leaveGroup, (request, context) => handleLeaveGroup(broker, request, context)),
    route(groups.offsetCommit, (request) => handleOffsetCommit(broker, request)),
    route(groups.offsetFetch, (request) => handleOffsetFetch(broker, request)),
    route(groups.describeGroups, (request) => handleDescribeGroups(broker, request)),
    route(groups.listGroups, () => handleListGroups(broker)),
    route(groups.deleteGroups, (request) => handleDeleteGroups(broker, request)),
  ]
  return new Map(routes.map((one) => [one.key, one]))
}

/** The list of APIs and versions; with an error code, the answer to an ApiVersions that is too new. */
export function apiVersionsAnswer(routes: Iterable<Route>, errorCode: number): cluster.ApiVersionsResponse {
  const apiKeys = [...routes].map(({ key, min, max }) => ({ key, min, max })).sort((a, b) => a.key - b.key)
  return { errorCode, apiKeys, throttleTimeMs: 0 }
}
