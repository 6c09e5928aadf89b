import { setMaxListeners } from 'node:events'
import type { Provider } from '../define.js'
import { ProviderFailure } from '../provider.js'
import type { AnswerCache, CachedAnswer } from './cache.js'
import { type Clock, type RateLimiter, SYSTEM_CLOCK } from './limiter.js'
import type { GatewayMetrics } from './metrics.js'

export interface LookupOptions {
  name: string
  provider: Provider
  limiter: RateLimiter
  cache: AnswerCache
  metrics: GatewayMetrics
  /** Why a key is not worth a request. */
  refuse?: (key: string) => string | undefined
  /** Age after which an answer is fetched again; while that fails the old one is still given. */
  ttlMs: number
  /** How long the provider is left alone when its quota is used up. */
  parkMs: number
  /** How long one request may take. */
  requestTimeoutMs: number
  /** Attempts per key, the first included. */
  attempts: number
  /** First pause between attempts, doubled each time, spread at random. */
  backoffMs: number
  clock?: Clock
  random?: () => number
}

/** How long a key that the provider refused is not asked for again. */
const REFUSED_MS = 60_000
const MAX_BACKOFF_MS = 5000
const MAX_REFUSED = 10_000
const MAX_RATE_PAUSE_MS = 60_000
/** Keys in the queue; at 1 request/s they would last for hours. */
const MAX_WAITING = 10_000

/** An answer that is none, in the place of one: views go on. */
export function errorAnswer(message: string, provider: string): string {
  return JSON.stringify({ error: message, provider })
}

/**
 * Answers for keys: from the cache, from a request under way, or by a new one at the provider's rate. A request
 * outlives the call that caused it: who comes again finds the answer.
 */
export class Lookups {
  readonly #options: LookupOptions
  readonly #clock: Clock
  readonly #random: () => number
  readonly #running = new Map<string, Promise<string>>()
  readonly #refused = new Map<string, { message: string; until: number }>()
  readonly #stop = new AbortController()
  /** Ends the wait of everyone in the queue; a new one for each time the provider is parked. */
  #park = new AbortController()
  #parked: { until: number; reason: string } | undefined

  constructor(options: LookupOptions) {
    this.#options = options
    this.#clock = options.clock ?? SYSTEM_CLOCK
    this.#random = options.random ?? Math.random
    // Every key that waits listens to it.
    setMaxListeners(0, this.#stop.signal, this.#park.signal)
  }

  /** Milliseconds for which the provider is still left alone, 0 when it is in use. */
  get parkedMs(): number {
    return Math.max(0, (this.#parked?.until ?? 0) - this.#clock.now())
  }

  get parkedReason(): string | undefined {
    return this.parkedMs > 0 ? this.#parked?.reason : undefined
  }

  get waiting(): number {
    return this.#running.size
  }

  /** One answer per key, in order, within `deadlineMs`; never throws. */
  async answer(keys: readonly unknown[], deadlineMs: number): Promise<string[]> {
    const { provider, metrics, name } = this.#options
    const distinct = [...new Set(keys.filter((key) => typeof key === 'string'))]
    metrics.rows.inc({ function: name }, keys.length)
    const timeout = AbortSignal.timeout(deadlineMs)
    const late = new Promise<undefined>((resolve) =>
      timeout.addEventListener('abort', () => resolve(undefined), { once: true }),
    )
    const cached = (await Promise.race([this.#read(distinct), late])) ?? new Map<string, CachedAnswer>()

    const answers = new Map<string, string>()
    await Promise.all(
      distinct.map(async (key) => {
        const known = cached.get(key)
        const usable = known?.provider === provider.name ? known : undefined
        if (usable && Date.now() - usable.fetchedAt < this.#options.ttlMs) {
          metrics.cache.inc({ function: name, result: 'hit' })
          answers.set(key, usable.value)
          return
        }
        const refusal = this.#options.refuse?.(key)
        if (refusal !== undefined) {
          answers.set(key, errorAnswer(refusal, provider.name))
          return
        }
        metrics.cache.inc({ function: name, result: usable ? 'stale' : 'miss' })
        const fresh = await Promise.race([this.#fetch(key).catch((error: unknown) => error as Error), late])
        if (typeof fresh === 'string') answers.set(key, fresh)
        else if (usable) answers.set(key, usable.value)
        else {
          const why = fresh?.message ?? 'no answer in time; it is still being fetched, ask again'
          metrics.errors.inc({ function: name })
          answers.set(key, errorAnswer(why, provider.name))
        }
      }),
    )
    return keys.map((key) =>
      typeof key === 'string' ? answers.get(key)! : errorAnswer('the key is no text', provider.name),
    )
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await Promise.allSettled(this.#running.values())
    await this.#options.provider.close?.()
  }

  /** The one request for a key, whoever asks. */
  #fetch(key: string): Promise<string> {
    const running = this.#running.get(key)
    if (running) return running
    const refused = this.#refused.get(key)
    if (refused && refused.until > this.#clock.now()) return Promise.reject(new Error(refused.message))
    this.#refused.delete(key)
    if (this.#running.size >= MAX_WAITING) return Promise.reject(new Error('too many keys are waiting'))
    const request = this.#request(key).finally(() => this.#running.delete(key))
    request.catch(() => undefined)
    this.#running.set(key, request)
    return request
  }

  async #request(key: string): Promise<string> {
    const { limiter, attempts } = this.#options
    for (let attempt = 1; ; attempt++) {
      this.#throwIfParked()
      // Parked while waiting for the turn: those behind the one that met the limit send nothing.
      const sentHome = AbortSignal.any([this.#stop.signal, this.#park.signal])
      await limiter.take(sentHome).catch((error: unknown) => {
        this.#throwIfParked()
        throw error
      })
      this.#throwIfParked()
      try {
        const value = await this.#ask(key)
        await this.#keep(key, value)
        return value
      } catch (error) {
        const failure = error instanceof ProviderFailure ? error : undefined
        if (this.#stop.signal.aborted) throw new Error('the gateway is closing')
        if (!failure) throw error
        await this.#afterFailure(key, failure, attempt, attempts)
      }
    }
  }

  async #read(keys: readonly string[]): Promise<Map<string, CachedAnswer>> {
    return this.#options.cache.get(keys).catch(() => new Map())
  }

  async #keep(key: string, value: string): Promise<void> {
    const { cache, provider } = this.#options
    const held = (await this.#read([key])).get(key)
    if (provider.free && held && held.provider !== provider.name) return
    await cache.put([{ key, value, provider: provider.name, fetchedAt: Date.now() }]).catch(() => undefined)
  }

  async #ask(key: string): Promise<string> {
    const { provider, metrics, name, requestTimeoutMs } = this.#options
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(requestTimeoutMs)])
    const end = metrics.upstreamSeconds.startTimer({ function: name, provider: provider.name })
    try {
      const value = await provider.lookup(key, signal)
      metrics.upstream.inc({ function: name, provider: provider.name, outcome: 'ok' })
      return value
    } catch (error) {
      const failure =
        error instanceof ProviderFailure
          ? error
          : new ProviderFailure(
              'temporary',
              `${provider.name} did not answer within ${requestTimeoutMs} ms`,
              {
                cause: error,
              },
            )
      metrics.upstream.inc({ function: name, provider: provider.name, outcome: failure.kind })
      throw failure
    } finally {
      end()
    }
  }

  /** Waits where another attempt makes sense, throws where none does. */
  async #afterFailure(
    key: string,
    failure: ProviderFailure,
    attempt: number,
    attempts: number,
  ): Promise<void> {
    switch (failure.kind) {
      case 'quota':
      case 'unauthorized':
        this.#leaveAlone(failure.message)
        throw failure
      case 'refused':
        if (this.#refused.size >= MAX_REFUSED) this.#refused.clear()
        this.#refused.set(key, { message: failure.message, until: this.#clock.now() + REFUSED_MS })
        throw failure
      case 'rate_limited':
      case 'temporary': {
        if (attempt >= attempts) throw failure
        const step = Math.min(this.#options.backoffMs * 2 ** (attempt - 1), MAX_BACKOFF_MS)
        const pause = failure.retryAfterMs ?? step * (0.5 + this.#random())
        if (failure.kind === 'rate_limited') {
          // Everyone waits: the limit is the account's, not the key's.
          this.#options.limiter.pause(Math.min(pause, MAX_RATE_PAUSE_MS))
        } else {
          await this.#clock.sleep(pause, this.#stop.signal)
        }
      }
    }
  }

  #leaveAlone(reason: string): void {
    this.#parked = { until: this.#clock.now() + this.#options.parkMs, reason }
    const park = this.#park
    this.#park = new AbortController()
    setMaxListeners(0, this.#park.signal)
    park.abort()
    this.#options.limiter.clear()
  }

  #throwIfParked(): void {
    if (this.parkedMs > 0) throw new Error(this.#parked!.reason)
  }
}
