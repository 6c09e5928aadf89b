import { KafkaCode } from '../protocol/errors.js'
import { type Exchange, exchangeOf, MECHANISMS, type Mechanism, SaslFailure, type Users } from './sasl.js'

/** Where a connection stands: who it is, once that is known. */
export class Login {
  #exchange: Exchange | undefined
  #user: string | undefined
  #failed = false
  #bareTokens = false

  /** Without users nobody has to say who they are. */
  constructor(readonly users: Users | undefined) {}

  get done(): boolean {
    return this.users === undefined || this.#user !== undefined
  }

  /** The connection is of no use any more: it ends behind its last answer. */
  get failed(): boolean {
    return this.#failed
  }

  /** The next frame is a token and nothing else: so it was before SaslAuthenticate. */
  get awaitsBareToken(): boolean {
    return this.#bareTokens && this.#user === undefined && !this.#failed
  }

  handshake(mechanism: string, version: number): { errorCode: number; mechanisms: string[] } {
    const mechanisms = this.users ? [...MECHANISMS] : []
    if (!this.users || !MECHANISMS.includes(mechanism as Mechanism))
      return { errorCode: KafkaCode.UNSUPPORTED_SASL_MECHANISM, mechanisms }
    this.#exchange = exchangeOf(mechanism as Mechanism, this.users)
    this.#bareTokens = version === 0
    return { errorCode: KafkaCode.NONE, mechanisms }
  }

  /** The answer to a token. */
  authenticate(token: Buffer): { errorCode: number; errorMessage: string | null; authBytes: Buffer } {
    const refused = (errorCode: number, errorMessage: string) => {
      this.#failed = true
      return { errorCode, errorMessage, authBytes: Buffer.alloc(0) }
    }
    if (!this.#exchange || this.#user !== undefined)
      return refused(KafkaCode.ILLEGAL_SASL_STATE, 'A SaslHandshake comes first')
    try {
      const { answer, user } = this.#exchange.next(token)
      this.#user = user
      return { errorCode: KafkaCode.NONE, errorMessage: null, authBytes: answer }
    } catch (error) {
      if (!(error instanceof SaslFailure)) throw error
      return refused(KafkaCode.SASL_AUTHENTICATION_FAILED, error.message)
    }
  }
}
