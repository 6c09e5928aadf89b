import { EngineError } from '../errors.js'

export type BrokerErrorReason =
  | 'BROKER_DIR_LOCKED'
  | 'BROKER_DIR_UNUSABLE'
  | 'BROKER_PORT_IN_USE'
  | 'BROKER_CANNOT_LISTEN'
  | 'BROKER_CLOSED'

/** What starting or stopping the dev broker may meet. What clients meet are Kafka's own codes (protocol/errors.ts). */
export class BrokerError extends EngineError {
  constructor(
    readonly reason: BrokerErrorReason,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super('RESOURCE_NOT_INITED', message, options)
    this.name = 'BrokerError'
  }
}
