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
}

export class QueryRegistry {
  readonly #running = new Map<string, RunningQuery>()
  #finished = 0
  #failed = 0

  /** Throws 216 where a query of that id runs. */
  start(query: Omit<RunningQuery, 'startedAt' | 'resultRows' | 'abort' | 'kind'>): RunningQuery {
    if (this.#running.has(query.id)) {
      throw new EngineError(
        'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING',
        `Query with id = ${query.id} is already running.`,
      )
    }
    const running: RunningQuery = {
      ...query,
      kind: 'statement',
      startedAt: Date.now(),
      resultRows: 0,
      abort: new AbortController(),
    }
    this.#running.set(query.id, running)
    return running
  }

  finish(query: RunningQuery, failed: boolean): void {
    if (this.#running.get(query.id) === query) this.#running.delete(query.id)
    this.#finished++
    if (failed) this.#failed++
  }

  list(): RunningQuery[] {
    return [...this.#running.values()]
  }

  /** The client of a killed query sees 394. */
  kill(id: string): void {
    this.#running.get(id)?.abort.abort(new EngineError('QUERY_WAS_CANCELLED', 'Query was cancelled'))
  }

  get counters(): { finished: number; failed: number; running: number } {
    return { finished: this.#finished, failed: this.#failed, running: this.#running.size }
  }
}
