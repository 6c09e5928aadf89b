import type { GroupCoordinator } from '../groups/coordinator.js'
import type { Reader, Writer } from '../protocol/bytes.js'
import type { Api } from '../protocol/codec.js'
import { KafkaCode, KafkaError } from '../protocol/errors.js'
import type { Login } from '../security/login.js'
import type { ProducerIds } from '../storage/producer_ids.js'
import type { TopicStore } from '../storage/topic_store.js'

/** There is one node in this cluster. */
export const NODE_ID = 1
/** Kafka's "not asked for" in fields of authorized operations. */
export const OPERATIONS_NOT_ASKED = -2147483648

export interface BrokerLog {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
}

/** What all handlers share. */
export interface BrokerContext {
  topics: TopicStore
  groups: GroupCoordinator
  producerIds: ProducerIds
  clusterId: string
  autoCreateTopics: boolean
  defaultPartitions: number
  /** Broker settings to show in DescribeConfigs. */
  shownConfig: Readonly<Record<string, string>>
  log: BrokerLog
}

/** What a handler knows of the request besides its content. */
export interface RequestContext {
  version: number
  clientId: string
  clientHost: string
  login: Login
  /** Where this client is to reach the broker. */
  advertised: { host: string; port: number }
  /** Aborted when the connection or the broker closes. */
  signal: AbortSignal
}

/** `undefined` sends no answer (Produce with acks 0). */
export type Handler<Req, Res> = (
  request: Req,
  context: RequestContext,
) => Res | undefined | Promise<Res | undefined>

export interface Route {
  name: string
  key: number
  min: number
  max: number
  flexibleFrom: number
  /** Reads the request, and gives back what writes the answer. */
  run(reader: Reader, context: RequestContext): Promise<((writer: Writer) => void) | undefined>
}

export function route<Req, Res>(api: Api<Req, Res>, handler: Handler<Req, Res>): Route {
  const { name, key, min, max, flexibleFrom, request, response } = api
  return {
    name,
    key,
    min,
    max,
    flexibleFrom,
    async run(reader, context) {
      const answer = await handler(request.read(reader), context)
      return answer === undefined ? undefined : (writer) => response.write(writer, answer)
    },
  }
}

/** The code that an answer carries for what a body threw; what is no KafkaError is a bug and is logged. */
export function codeOf(error: unknown, log: BrokerLog): { errorCode: number; errorMessage: string } {
  if (error instanceof KafkaError) return { errorCode: error.code, errorMessage: error.message }
  log.warn(`unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return { errorCode: KafkaCode.UNKNOWN_SERVER_ERROR, errorMessage: 'internal error of the broker' }
}
