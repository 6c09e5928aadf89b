import { randomUUID } from 'node:crypto'
import { KafkaError } from '../protocol/errors.js'

/** Kafka's states of a classic group (KIP-62); a group that is gone is simply not in the coordinator's map. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

export interface Protocol {
  name: string
  metadata: Buffer
}

export interface JoinRequest {
  memberId: string
  instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocolType: string
  protocols: Protocol[]
  /** From JoinGroup v4 on a new member is first given its id, and joins with it. */
  requireKnownMemberId: boolean
}

export interface JoinResult {
  generation: number
  protocol: string
  leader: string
  memberId: string
  /** For the leader only. */
  members: { memberId: string; groupInstanceId: string | null; metadata: Buffer }[]
}

interface Waiter<T> {
  resolve(value: T): void
  reject(error: KafkaError): void
}

export interface Member {
  id: string
  instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: Protocol[]
  assignment: Buffer
  join?: Waiter<JoinResult>
  sync?: Waiter<Buffer>
  session?: NodeJS.Timeout
}

const NO_BYTES = Buffer.alloc(0)
const rebalancing = () => new KafkaError('REBALANCE_IN_PROGRESS', 'the group is rebalancing')

/** One consumer group: its members, and the rebalance that deals the work out among them. */
export class Group {
  state: GroupState = 'Empty'
  generation = 0
  protocolType = ''
  protocol = ''
  leader = ''
  readonly members = new Map<string, Member>()
  /** Members that were given an id and have not joined with it yet. */
  readonly #pending = new Map<string, NodeJS.Timeout>()
  #rebalance: NodeJS.Timeout | undefined
  #notBefore = 0

  constructor(
    readonly id: string,
    /** A first rebalance waits this long for more members, in milliseconds. */
    readonly initialDelayMs: number,
  ) {}

  async join(request: JoinRequest): Promise<JoinResult> {
    this.#checkProtocols(request)
    const replaced = request.instanceId === null ? undefined : this.#staticMember(request.instanceId)
    if (request.memberId === '' && replaced) return this.#replaceStatic(replaced, request)
    if (request.memberId === '') {
      const memberId = `${request.instanceId ?? request.clientId}-${randomUUID()}`
      if (request.requireKnownMemberId && request.instanceId === null) {
        this.#expectJoin(memberId, request.sessionTimeoutMs)
        throw new MemberIdRequired(memberId)
      }
      return this.#addAndRebalance(memberId, request)
    }
    if (replaced && replaced.id !== request.memberId) throw fenced(request.instanceId!)
    if (this.#pending.has(request.memberId)) {
      this.#forgetPending(request.memberId)
      return this.#addAndRebalance(request.memberId, request)
    }
    const member = this.#member(request.memberId)
    const changed = !sameProtocols(member.protocols, request.protocols)
    this.#update(member, request)
    const mustRebalance =
      this.state === 'PreparingRebalance' || changed || (this.state === 'Stable' && member.id === this.leader)
    return mustRebalance ? this.#rejoin(member) : this.#currentGeneration(member)
  }

  #checkProtocols(request: JoinRequest): void {
    if (request.protocolType === '' || request.protocols.length === 0) {
      throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', 'a member names a protocol type and protocols')
    }
    if (this.members.size === 0) return
    const others = [...this.members.values()].filter((member) => member.id !== request.memberId)
    const shared = request.protocols.some(({ name }) =>
      others.every((member) => member.protocols.some((protocol) => protocol.name === name)),
    )
    if (request.protocolType !== this.protocolType || !shared) {
      throw new KafkaError('INCONSISTENT_GROUP_PROTOCOL', 'no protocol that all members of the group know')
    }
  }

  #staticMember(instanceId: string): Member | undefined {
    return [...this.members.values()].find((member) => member.instanceId === instanceId)
  }

  /** A static member that restarted takes its old place under a new id; a stable group goes on undisturbed. */
  #replaceStatic(old: Member, request: JoinRequest): Promise<JoinResult> | JoinResult {
    const member: Member = {
      ...old,
      id: `${old.instanceId}-${randomUUID()}`,
      join: undefined,
      sync: undefined,
    }
    old.join?.reject(fenced(old.instanceId!))
    old.sync?.reject(fenced(old.instanceId!))
    clearTimeout(old.session)
    this.members.delete(old.id)
    this.members.set(member.id, member)
    if (this.leader === old.id) this.leader = member.id
    const changed = !sameProtocols(old.protocols, request.protocols)
    this.#update(member, request)
    if (this.state === 'Stable' && !changed) {
      // Not told that it leads, it computes no new assignment and fetches the one it has.
      return { ...this.#currentGeneration(member), leader: '', members: [] }
    }
    return this.#rejoin(member)
  }

  #addAndRebalance(memberId: string, request: JoinRequest): Promise<JoinResult> {
    const member: Member = {
      id: memberId,
      instanceId: request.instanceId,
      clientId: request.clientId,
      clientHost: request.clientHost,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      protocols: request.protocols,
      assignment: NO_BYTES,
    }
    this.members.set(memberId, member)
    this.protocolType = request.protocolType
    return this.#rejoin(member)
  }

  #update(member: Member, request: JoinRequest): void {
    const { sessionTimeoutMs, rebalanceTimeoutMs, protocols, clientId, clientHost } = request
    Object.assign(member, { sessionTimeoutMs, rebalanceTimeoutMs, protocols, clientId, clientHost })
    this.#touch(member)
  }

  #rejoin(member: Member): Promise<JoinResult> {
    member.join?.reject(rebalancing())
    const joined = new Promise<JoinResult>((resolve, reject) => {
      member.join = { resolve, reject }
    })
    clearTimeout(member.session)
    this.#prepareRebalance()
    this.#tryComplete()
    return joined
  }

  #currentGeneration(member: Member): JoinResult {
    return {
      generation: this.generation,
      protocol: this.protocol,
      leader: this.leader,
      memberId: member.id,
      members: member.id === this.leader ? this.#memberList() : [],
    }
  }

  #memberList(): JoinResult['members'] {
    return [...this.members.values()].map((member) => ({
      memberId: member.id,
      groupInstanceId: member.instanceId,
      metadata: member.protocols.find(({ name }) => name === this.protocol)?.metadata ?? NO_BYTES,
    }))
  }

  #prepareRebalance(): void {
    if (this.state === 'PreparingRebalance') return
    for (const member of this.members.values()) {
      member.sync?.reject(rebalancing())
      member.sync = undefined
    }
    const wasEmpty = this.state === 'Empty'
    this.state = 'PreparingRebalance'
    this.#notBefore = Date.now() + (wasEmpty ? this.initialDelayMs : 0)
    if (wasEmpty) {
      later(this.initialDelayMs, () => {
        // A timer may fire a millisecond before the clock says so; nobody would look again.
        this.#notBefore = 0
        this.#tryComplete()
      })
    }
    const patience = Math.max(...[...this.members.values()].map((member) => member.rebalanceTimeoutMs), 0)
    clearTimeout(this.#rebalance)
    this.#rebalance = later(Math.max(patience, this.initialDelayMs), () => this.#completeJoin())
  }

  #tryComplete(): void {
    if (this.state !== 'PreparingRebalance' || Date.now() < this.#notBefore) return
    const waiting = [...this.members.values()].filter((member) => member.join)
    if (this.#pending.size === 0 && waiting.length === this.members.size) this.#completeJoin()
  }

  /** All have joined again, or those who have not are out of time. */
  #completeJoin(): void {
    if (this.state !== 'PreparingRebalance') return
    clearTimeout(this.#rebalance)
    for (const member of [...this.members.values()]) {
      if (!member.join && member.instanceId === null) this.#remove(member)
    }
    this.generation += 1
    if (this.members.size === 0) {
      this.#becomeEmpty()
      return
    }
    this.state = 'CompletingRebalance'
    this.protocol = this.#electProtocol()
    if (!this.members.get(this.leader)?.join) {
      this.leader = [...this.members.values()].find((member) => member.join)?.id ?? ''
    }
    for (const member of this.members.values()) {
      const join = member.join
      member.join = undefined
      this.#touch(member)
      join?.resolve(this.#currentGeneration(member))
    }
  }

  #becomeEmpty(): void {
    this.state = 'Empty'
    this.leader = ''
    this.protocol = ''
    clearTimeout(this.#rebalance)
  }

  /** Each member votes for the first of its protocols that all know. */
  #electProtocol(): string {
    const members = [...this.members.values()]
    const known = (name: string) => members.every((m) => m.protocols.some((p) => p.name === name))
    const votes = new Map<string, number>()
    for (const member of members) {
      const vote = member.protocols.find(({ name }) => known(name))?.name
      if (vote !== undefined) votes.set(vote, (votes.get(vote) ?? 0) + 1)
    }
    return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best), ['', 0] as [
      string,
      number,
    ])[0]
  }

  sync(
    memberId: string,
    instanceId: string | null,
    generation: number,
    assignments: { memberId: string; assignment: Buffer }[],
  ): Promise<Buffer> | Buffer {
    const member = this.#current(memberId, instanceId, generation)
    if (this.state === 'PreparingRebalance') throw rebalancing()
    this.#touch(member)
    if (this.state === 'Stable') return member.assignment
    member.sync?.reject(rebalancing())
    const synced = new Promise<Buffer>((resolve, reject) => {
      member.sync = { resolve, reject }
    })
    if (memberId === this.leader) this.#assign(assignments)
    return synced
  }

  #assign(assignments: { memberId: string; assignment: Buffer }[]): void {
    const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
    this.state = 'Stable'
    for (const member of this.members.values()) {
      member.assignment = byMember.get(member.id) ?? NO_BYTES
      member.sync?.resolve(member.assignment)
      member.sync = undefined
    }
  }

  heartbeat(memberId: string, instanceId: string | null, generation: number): void {
    const member = this.#current(memberId, instanceId, generation)
    this.#touch(member)
    if (this.state === 'PreparingRebalance') throw rebalancing()
  }

  /** Throws where a member may not commit now. A generation below 0 is a client that manages its partitions itself. */
  checkCommit(memberId: string, instanceId: string | null, generation: number): void {
    if (generation < 0 && this.members.size === 0) return
    const member = this.#current(memberId, instanceId, generation)
    this.#touch(member)
    if (this.state === 'CompletingRebalance') throw rebalancing()
  }

  leave(memberId: string, instanceId: string | null): void {
    if (this.#pending.has(memberId)) {
      this.#forgetPending(memberId)
      this.#tryComplete()
      return
    }
    const byInstance = instanceId === null ? undefined : this.#staticMember(instanceId)
    if (byInstance && memberId !== '' && byInstance.id !== memberId) throw fenced(instanceId!)
    this.#drop(byInstance ?? this.#member(memberId))
  }

  #drop(member: Member): void {
    this.#remove(member)
    if (this.state === 'Stable' || this.state === 'CompletingRebalance') this.#prepareRebalance()
    this.#tryComplete()
  }

  #remove(member: Member): void {
    clearTimeout(member.session)
    const gone = new KafkaError('UNKNOWN_MEMBER_ID', `member ${member.id} left the group`)
    member.join?.reject(gone)
    member.sync?.reject(gone)
    this.members.delete(member.id)
  }

  #member(memberId: string): Member {
    const member = this.members.get(memberId)
    if (!member) throw new KafkaError('UNKNOWN_MEMBER_ID', `group ${this.id} has no member ${memberId}`)
    return member
  }

  #current(memberId: string, instanceId: string | null, generation: number): Member {
    const owner = instanceId === null ? undefined : this.#staticMember(instanceId)
    if (owner && owner.id !== memberId) throw fenced(instanceId!)
    const member = this.#member(memberId)
    if (generation !== this.generation) {
      throw new KafkaError(
        'ILLEGAL_GENERATION',
        `generation ${generation}, the group is at ${this.generation}`,
      )
    }
    return member
  }

  /** The member is alive: its session starts anew. Who waits for others to join or sync does not expire. */
  #touch(member: Member): void {
    clearTimeout(member.session)
    member.session = later(member.sessionTimeoutMs, () => {
      if (member.join || member.sync) return this.#touch(member)
      this.#drop(member)
    })
  }

  #expectJoin(memberId: string, timeoutMs: number): void {
    const expire = () => {
      this.#pending.delete(memberId)
      this.#tryComplete()
    }
    this.#pending.set(memberId, later(timeoutMs, expire))
  }

  #forgetPending(memberId: string): void {
    clearTimeout(this.#pending.get(memberId))
    this.#pending.delete(memberId)
  }

  /** True when nobody is in the group or about to be. */
  get idle(): boolean {
    return this.members.size === 0 && this.#pending.size === 0
  }

  close(): void {
    clearTimeout(this.#rebalance)
    for (const timer of this.#pending.values()) clearTimeout(timer)
    for (const member of [...this.members.values()]) this.#remove(member)
    this.state = 'Empty'
  }
}

/** Not a failure but the first half of joining: carries the id to join with. */
export class MemberIdRequired extends KafkaError {
  constructor(readonly memberId: string) {
    super('MEMBER_ID_REQUIRED', 'join again with this member id')
  }
}

const fenced = (instanceId: string) =>
  new KafkaError('FENCED_INSTANCE_ID', `another member has the instance id ${instanceId}`)

function sameProtocols(a: Protocol[], b: Protocol[]): boolean {
  return (
    a.length === b.length && a.every((p, i) => p.name === b[i]!.name && p.metadata.equals(b[i]!.metadata))
  )
}

function later(ms: number, body: () => void): NodeJS.Timeout {
  return setTimeout(body, ms).unref()
}
