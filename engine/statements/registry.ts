import { EngineError } from '../errors.js'

/** A statement of a client while it runs. */
export interface RunningQuery {
  id: string
  user: string
  /** As sent. */
  text: string
  database: string
  startedAt: number
  /** Rows sent so far. */
  resultRows: number
  kind: 'statement' | 'streaming'

  abort: AbortController
  /** Resolves when it runs no more. */
  ended: Promise<void>
}

export class QueryRegistry {
  readonly #running = new Map<string, RunningQuery>()
  readonly #ends = new WeakMap<RunningQuery, () => void>()
  #finished = 0
  #failed = 0

  /** Throws 216 where a query of that id runs. */
  start(query: Omit<RunningQuery, 'startedAt' | 'resultRows' | 'abort' | 'kind' | 'ended'>): RunningQuery {
    this.#checkFree(query.id)
    let end = () => {}
    const running: RunningQuery = {
      ...query,
      kind: 'statement',
      startedAt: Date.now(),
      resultRows: 0,
      abort: new AbortController(),
      ended: new Promise((resolve) => {
        end = resolve
      }),
    }
    this.#ends.set(running, end)
    this.#running.set(query.id, running)
    return running
  }

  /** A statement becomes another query: it is listed and killed by that one's id. Throws 216 where it runs already. */
  become(id: string, as: Pick<RunningQuery, 'id' | 'text'>): void {
    const running = this.#running.get(id)
    if (!running || id === as.id) return
    this.#checkFree(as.id)
    this.#running.delete(id)
    this.#running.set(as.id, Object.assign(running, as))
  }

  finish(query: RunningQuery, failed: boolean): void {
    if (this.#running.get(query.id) === query) this.#running.delete(query.id)
    this.#finished++
    if (failed) this.#failed++
    this.#ends.get(query)?.()
  }

  list(): RunningQuery[] {
    return [...this.#running.values()]
  }

  /** The client of a killed query sees 394. Resolves when it has ended. */
  async kill(id: string): Promise<void> {
    const running = this.#running.get(id)
    running?.abort.abort(new EngineError('QUERY_WAS_CANCELLED', 'Query was cancelled'))
    await running?.ended
  }

  #checkFree(id: string): void {
    if (!this.#running.has(id)) return
    throw new EngineError(
      'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING',
      `Query with id = ${id} is already running.`,
    )
  }

  get counters(): { finished: number; failed: number; running: number } {
    return { finished: this.#finished, failed: this.#failed, running: this.#running.size }
  }
}
