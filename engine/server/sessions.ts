import { EngineError } from '../errors.js'

/** What `SET`, `SET ROLE` and `USE` change for the requests of one `session_id`. */
export interface Session {
  settings: Record<string, string>
  database: string
  /** Of `SET ROLE`. */
  roles?: readonly string[]
}

const DEFAULT_TIMEOUT_S = 60
const MAX_TIMEOUT_S = 3600

export class Sessions {
  readonly #sessions = new Map<string, Session & { user: string; expiresAt: number }>()

  /** The session of an id; one that was not used for its timeout (seconds) is forgotten. */
  get(id: string, user: string, options: { timeout?: string; check?: string }): Session {
    const now = Date.now()
    for (const [key, session] of this.#sessions) if (session.expiresAt < now) this.#sessions.delete(key)
    const key = `${user}\0${id}`
    let session = this.#sessions.get(key)
    if (!session) {
      if (options.check === '1') throw new EngineError('BAD_ARGUMENTS', `Session ${id} not found`)
      session = { settings: {}, database: 'default', user, expiresAt: 0 }
      this.#sessions.set(key, session)
    }
    const seconds = Number(options.timeout ?? DEFAULT_TIMEOUT_S)
    if (!(seconds >= 0 && seconds <= MAX_TIMEOUT_S)) {
      throw new EngineError(
        'BAD_ARGUMENTS',
        `Session timeout '${options.timeout}' must be 0…${MAX_TIMEOUT_S} seconds`,
      )
    }
    session.expiresAt = now + seconds * 1000
    return session
  }
}
