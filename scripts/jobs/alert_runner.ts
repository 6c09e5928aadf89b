/** Runs alerts from outside of an engine that has none: see `runAlerts`. */
import { createHash } from 'node:crypto'
import { type Edition, printQuery, type Select, UserError } from '../../dialect/index.js'
import { type AlertPolicy, admit, batchSize, deadlineOf } from '../../dialect/jobs/index.js'
import { type ProtonClient, ProtonError } from '../../driver/index.js'
import {
  type AlertEvent,
  alertEvents,
  endOf,
  identityOf,
  type Portion,
  type Position,
  type StreamEnd,
} from './alert_events.js'
import { Checkpoint } from './checkpoint.js'
import type { LetterFolder } from './letters.js'
import { isAway, pause, pauseBefore, pauseWhileAway } from './patience.js'

export interface RunnableAlert {
  name: string
  policy: AlertPolicy
  query: Select
  /** The stream whose sequence numbers the query's rows bear. */
  stream: string
  /** Names of what the function takes. */
  columns: string[]
  /** Hands a batch to the alert's function. */
  call(rows: unknown[][]): Promise<unknown[]>
}

/** What is remembered of an alert. Instants are in ms since 1970. */
export interface AlertState {
  /** Which stream it was: one that was made anew is read from its beginning. */
  stream: string
  /** Fingerprint of the query: another one counts the rows of a number otherwise. */
  query: string
  /** Everything before was dealt with. */
  position: Position
  /** When the first of the events behind it came, which wait for a full batch. */
  waitingSince?: number
  /** When the function was called lately, for the limit. */
  calls: number[]
  delivered: number
  suppressed: number
  deadLettered: number
  lastError: string
  lastDeliveredAt: number
}

export type AlertOutcome = 'delivered' | 'suppressed' | 'dead_lettered'

export type AlertNews =
  | {
      event: AlertOutcome
      alert: string
      events: number
      attempts: number
      results?: unknown[]
      error?: string
    }
  | { event: 'retry'; alert: string; error: string; inMs: number }
  | { event: 'away'; alert: string; error: string; inMs: number }

export interface RunAlertsOptions {
  client: ProtonClient
  edition: Edition
  /** Checkpoints lie here; of one target, and of one runner at a time. */
  folder: string
  letters: LetterFolder
  /** Deal with what is there, and leave. */
  once?: boolean
  /** Silence after which one subscribes anew: a connection may die without a word. Default 5 minutes. */
  idleMs?: number
  /** How often a call that fails is tried again before its events become a dead letter. */
  retries: number
  signal: AbortSignal
  onEvent: (news: AlertNews) => void
}

/** Looks at a target that is away, or refuses, before `once` gives up. */
const LOOKS_ONCE = 3
const IDLE_MS = 300_000
/** Silence of a stream that was to have more, after which no more is waited for. */
const SILENCE_MS = 10_000

/**
 * Subscribes to the query of each alert, gathers its events into batches, and gives these to its function. How far an
 * alert has come is written down after each batch was taken, suppressed, or kept as a dead letter: a runner that is
 * killed calls once more for the batch that it was at, and leaves none out. The first time it begins at the stream's
 * end, or where the query's `seek_to` says.
 */
export async function runAlerts(alerts: readonly RunnableAlert[], options: RunAlertsOptions): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const settled = await Promise.allSettled(
    alerts.map((alert) =>
      new AlertLoop(alert, { ...options, signal }).run().catch((error: unknown) => {
        failed.abort()
        throw error
      }),
    ),
  )
  const first = settled.find((one) => one.status === 'rejected')
  if (first) throw first.reason
}

class AlertLoop {
  readonly #checkpoint: Checkpoint<AlertState>
  #state!: AlertState
  #misses = 0

  constructor(
    readonly alert: RunnableAlert,
    readonly options: RunAlertsOptions,
  ) {
    this.#checkpoint = Checkpoint.of(options.folder, alert.name)
  }

  /** Whatever goes wrong with the target is tried again: it may be away, restarting, or about to be deployed. */
  async run(): Promise<void> {
    const { options } = this
    let wasIdle = false
    while (!options.signal.aborted) {
      let listening = false
      try {
        await this.#enter()
        if (options.once || wasIdle) await this.#catchUp()
        if (options.once) return
        wasIdle = false
        listening = true
        await this.#follow()
        if (options.signal.aborted) return
        throw new ProtonError('The target ended the subscription.', { code: 0, codeName: 'BROKEN' })
      } catch (cause) {
        if (options.signal.aborted) return
        if (!(cause instanceof ProtonError)) throw cause
        wasIdle = listening && cause.codeName === 'TIMEOUT'
        if (wasIdle) continue
        this.#misses++
        if (options.once && this.#misses >= LOOKS_ONCE) throw cause
        const inMs = pauseWhileAway(this.#misses)
        const event = isAway(cause) ? 'away' : 'retry'
        options.onEvent({ event, alert: this.alert.name, error: (cause as Error).message, inMs })
        await pause(inMs, options.signal)
      }
    }
  }

  /** Finds the place to begin at, and writes it down before anything else. */
  async #enter(): Promise<void> {
    const { alert, options } = this
    const { client, edition } = options
    const known = await this.#checkpoint.read()
    const stream = await identityOf(client, alert.stream)
    const query = fingerprint(printQuery(alert.query, { edition }))
    if (!known) {
      const end = seekOf(alert.query) === 'earliest' ? undefined : await endOf(client, alert.stream)
      const position = end ? { sn: end.sn + 1, taken: 0 } : { sn: 0, taken: 0 }
      return this.#note({ ...NEW, stream, query, position })
    }
    const { waitingSince: _, ...rest } = known
    if (known.stream !== stream) return this.#note({ ...rest, stream, query, position: { sn: 0, taken: 0 } })
    const taken = known.query === query ? known.position.taken : 0
    await this.#note({ ...known, query, position: { ...known.position, taken } })
  }

  /** Deals with what is there, and passes for good what is no event: the next subscription does not read it again. */
  async #catchUp(): Promise<void> {
    const end = await endOf(this.options.client, this.alert.stream)
    if (end) await this.#follow(end)
  }

  /** Deals with events as they come; `upTo`: with those that lie before, and no others. */
  async #follow(upTo?: StreamEnd): Promise<void> {
    const { alert, options } = this
    const { client, edition, idleMs = IDLE_MS } = options
    const stop = new AbortController()
    const signal = AbortSignal.any([options.signal, stop.signal])
    const from = this.#state.position
    const portions = alertEvents({ client, query: alert.query, edition, from, upTo, idleMs, signal })
    const waiting: AlertEvent[] = []
    let ended = false
    let next: Promise<IteratorResult<Portion>> | undefined
    try {
      while (!options.signal.aborted) {
        const size = this.#due(waiting.length)
        if (size > 0) {
          if (!(await this.#deal(waiting.slice(0, size), waiting.length - size))) return
          waiting.splice(0, size)
          continue
        }
        if (ended) return
        next ??= portions.next()
        const came = await first(next, this.#patience(waiting.length, upTo), options.signal)
        if (came === undefined) {
          if (upTo && this.#due(waiting.length) === 0) return
          continue
        }
        next = undefined
        this.#misses = 0
        if (came.done) ended = true
        else {
          waiting.push(...came.value.events)
          await this.#notePlace(waiting.length, came.value.passed)
        }
        if (ended && !upTo) return
      }
    } finally {
      stop.abort()
      next?.catch(() => {})
      await portions.return(undefined).catch(() => {})
    }
  }

  /** How long to wait for more events; undefined: as long as it takes. */
  #patience(waiting: number, upTo: StreamEnd | undefined): number | undefined {
    const deadline = waiting === 0 ? undefined : deadlineOf(this.alert.policy, this.#state.waitingSince)
    const left = deadline === undefined ? undefined : Math.max(0, deadline - Date.now())
    return upTo ? Math.min(left ?? SILENCE_MS, SILENCE_MS) : left
  }

  /** How many of the events that wait are to be given away now. */
  #due(waiting: number): number {
    const now = Date.now()
    return batchSize(this.alert.policy, waiting, this.#state.waitingSince ?? now, now)
  }

  /** An incomplete batch waits so long from its first event, also over a restart; where none waits, all was dealt with. */
  async #notePlace(waiting: number, passed: Position): Promise<void> {
    const state = this.#state
    if (waiting === 0) {
      const { sn, taken } = state.position
      if (passed.sn > sn || (passed.sn === sn && passed.taken > taken))
        await this.#note({ ...state, position: passed })
    } else if (this.alert.policy.timeoutMs !== undefined && state.waitingSince === undefined)
      await this.#note({ ...state, waitingSince: Date.now() })
  }

  async #note(state: AlertState): Promise<void> {
    await this.#checkpoint.write(state)
    this.#state = state
  }

  /** Deals with a batch; false when the runner is to end before the function took it. `left`: events that wait behind it. */
  async #deal(batch: AlertEvent[], left: number): Promise<boolean> {
    const { alert, options } = this
    const { waitingSince: _, ...before } = this.#state
    const state = {
      ...before,
      position: batch.at(-1)!.after,
      ...(left > 0 && alert.policy.timeoutMs !== undefined ? { waitingSince: Date.now() } : {}),
    }
    const news = { alert: alert.name, events: batch.length }
    const { suppressed, calls } = admit(alert.policy, state.calls, Date.now())
    if (suppressed) {
      await this.#note({ ...state, calls, suppressed: state.suppressed + 1 })
      options.onEvent({ event: 'suppressed', ...news, attempts: 0 })
      return true
    }
    const outcome = await this.#call(batch)
    if (!outcome) return false
    const { attempts, error, results } = outcome
    if (error === undefined) {
      const delivered = state.delivered + 1
      await this.#note({ ...state, calls, delivered, lastDeliveredAt: Date.now() })
      options.onEvent({ event: 'delivered', ...news, attempts, results })
    } else {
      await this.#bury(batch, error)
      await this.#note({ ...state, calls, deadLettered: state.deadLettered + 1, lastError: error })
      options.onEvent({ event: 'dead_lettered', ...news, attempts, error })
    }
    return true
  }

  /** Undefined when the runner is to end in between. */
  async #call(
    batch: AlertEvent[],
  ): Promise<{ attempts: number; results?: unknown[]; error?: string } | undefined> {
    const { alert, options } = this
    for (let attempts = 1; ; attempts++) {
      try {
        return { attempts, results: await alert.call(batch.map(({ values }) => values)) }
      } catch (cause) {
        // What the project itself has wrong does not get better by waiting.
        if (cause instanceof UserError) throw cause
        const error = (cause as Error).message
        if (attempts > options.retries) return { attempts, error }
        const inMs = pauseBefore(attempts)
        options.onEvent({ event: 'retry', alert: alert.name, error, inMs })
        await pause(inMs, options.signal)
        if (options.signal.aborted) return undefined
      }
    }
  }

  /** The same batch again after a crash overwrites its own letter. */
  async #bury(batch: AlertEvent[], error: string): Promise<void> {
    const { name: alert, stream, columns } = this.alert
    const { sn, taken } = batch[0]!.after
    const events = batch.map(({ values }) => values)
    const time = new Date().toISOString()
    await this.options.letters.add({ time, alert, stream, sn, error, columns, events }, taken)
  }
}

const NEW = { calls: [], delivered: 0, suppressed: 0, deadLettered: 0, lastError: '', lastDeliveredAt: 0 }

function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

function seekOf(query: Select): string | undefined {
  const value = query.settings?.find(({ name }) => name === 'seek_to')?.value
  return value?.kind === 'literal' && value.type === 'string' ? value.value : undefined
}

/** What a promise gives, or undefined when time is up or the signal fires before it does. */
async function first<T>(
  promise: Promise<T>,
  ms: number | undefined,
  signal: AbortSignal,
): Promise<T | undefined> {
  const over = new AbortController()
  const given = AbortSignal.any([signal, over.signal])
  const timeUp = pause(ms ?? Number.POSITIVE_INFINITY, given).then(() => undefined)
  try {
    return await Promise.race([promise, timeUp])
  } finally {
    over.abort()
  }
}
