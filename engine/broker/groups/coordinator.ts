import { KafkaError } from '../protocol/errors.js'
import { Group, type JoinRequest, type JoinResult } from './group.js'
import type { OffsetStore } from './offsets.js'

/** Kafka's `group.max.session.timeout.ms`; the lower bound is left to the client, tests want short ones. */
const MAX_SESSION_TIMEOUT_MS = 1_800_000
const INITIAL_REBALANCE_DELAY_MS = 50

export interface GroupDescription {
  groupId: string
  state: string
  protocolType: string
  protocol: string
  members: {
    memberId: string
    groupInstanceId: string | null
    clientId: string
    clientHost: string
    metadata: Buffer
    assignment: Buffer
  }[]
}

/** All groups. Members live in memory, and join again after a restart; committed offsets are on the disk. */
export class GroupCoordinator {
  readonly #groups = new Map<string, Group>()

  constructor(readonly offsets: OffsetStore) {}

  #existing(groupId: string): Group {
    const group = this.#groups.get(groupId)
    if (!group) throw new KafkaError('UNKNOWN_MEMBER_ID', `group ${groupId} has no members`)
    return group
  }

  async join(groupId: string, request: JoinRequest): Promise<JoinResult> {
    if (groupId === '') throw new KafkaError('INVALID_GROUP_ID', 'a group has a name')
    if (request.sessionTimeoutMs <= 0 || request.sessionTimeoutMs > MAX_SESSION_TIMEOUT_MS) {
      throw new KafkaError('INVALID_SESSION_TIMEOUT', `session timeout ${request.sessionTimeoutMs} ms`)
    }
    let group = this.#groups.get(groupId)
    if (!group) {
      if (request.memberId !== '') {
        throw new KafkaError('UNKNOWN_MEMBER_ID', `group ${groupId} does not know ${request.memberId}`)
      }
      group = new Group(groupId, INITIAL_REBALANCE_DELAY_MS)
      this.#groups.set(groupId, group)
    }
    return group.join(request)
  }

  sync(
    groupId: string,
    memberId: string,
    instanceId: string | null,
    generation: number,
    assignments: { memberId: string; assignment: Buffer }[],
  ): Promise<Buffer> | Buffer {
    return this.#existing(groupId).sync(memberId, instanceId, generation, assignments)
  }

  heartbeat(groupId: string, memberId: string, instanceId: string | null, generation: number): void {
    this.#existing(groupId).heartbeat(memberId, instanceId, generation)
  }

  leave(groupId: string, memberId: string, instanceId: string | null): void {
    this.#existing(groupId).leave(memberId, instanceId)
  }

  checkCommit(groupId: string, memberId: string, instanceId: string | null, generation: number): void {
    const group = this.#groups.get(groupId)
    if (group) group.checkCommit(memberId, instanceId, generation)
    else if (generation >= 0) throw new KafkaError('ILLEGAL_GENERATION', `group ${groupId} has no members`)
  }

  describe(groupId: string): GroupDescription {
    const group = this.#groups.get(groupId)
    if (!group || group.idle) {
      const state = this.offsets.has(groupId) || group ? 'Empty' : 'Dead'
      return { groupId, state, protocolType: group?.protocolType ?? '', protocol: '', members: [] }
    }
    const members = [...group.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: member.protocols.find(({ name }) => name === group.protocol)?.metadata ?? Buffer.alloc(0),
      assignment: member.assignment,
    }))
    const { state, protocolType, protocol } = group
    return { groupId, state, protocolType, protocol, members }
  }

  list(): { groupId: string; protocolType: string }[] {
    const names = new Set([...this.#groups.keys(), ...this.offsets.groups()])
    return [...names].map((groupId) => ({
      groupId,
      protocolType: this.#groups.get(groupId)?.protocolType ?? 'consumer',
    }))
  }

  /** Throws NON_EMPTY_GROUP or GROUP_ID_NOT_FOUND. */
  delete(groupId: string): void {
    const group = this.#groups.get(groupId)
    if (group && !group.idle) throw new KafkaError('NON_EMPTY_GROUP', `group ${groupId} has members`)
    if (!group && !this.offsets.has(groupId)) {
      throw new KafkaError('GROUP_ID_NOT_FOUND', `there is no group ${groupId}`)
    }
    group?.close()
    this.#groups.delete(groupId)
    this.offsets.deleteGroup(groupId)
  }

  close(): void {
    for (const group of this.#groups.values()) group.close()
    this.#groups.clear()
  }
}
