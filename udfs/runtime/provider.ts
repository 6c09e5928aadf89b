/** How a provider says that it has no answer, and what may be done about it. */
export type FailureKind =
  /** Broken or slow for the moment: 5xx, no JSON, a cut answer, a stall. Tried again with back-off. */
  | 'temporary'
  /** 429: tried again when it says so. */
  | 'rate_limited'
  /** The plan is used up: nothing will be answered for hours. */
  | 'quota'
  /** The key itself is at fault (400, 404): asking again is no use. */
  | 'refused'
  /** The credentials are (401, 403): no key will be answered until someone acts. */
  | 'unauthorized'

export class ProviderFailure extends Error {
  readonly kind: FailureKind
  readonly retryAfterMs?: number

  /** `message` is given to users inside `{"error": …}`: never a secret. */
  constructor(kind: FailureKind, message: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ProviderFailure'
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs
  }
}
