import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Dispatcher, request } from 'undici'
import { UserError } from '../dialect/user_error.js'

export interface UpstreamOptions {
  /** `Jupiter`, as errors call it. */
  name: string
  headers?: Record<string, string>
  /** Silence an upstream may keep, before and within an answer. Default 5,000 ms. */
  timeoutMs?: number
  /** Attempts after the first. Default 4. */
  retries?: number
  /** First pause between attempts, doubled each time and spread at random. Default 500 ms. */
  backoffMs?: number
  /** Longest pause an upstream may ask for with `Retry-After` or its rate-limit headers. Default 60,000 ms. */
  maxWaitMs?: number
  /** Own limit. Default: none. */
  requestsPerSecond?: number
  /** The environment variable that holds the key, for the advice on 401 and 403. */
  keyVariable?: string
  /** Largest answer taken, default 256 MiB. */
  maxBytes?: number
  /** Told before each pause, so that a person knows why nothing happens. */
  onWait?: (reason: string, ms: number) => void
}

interface Failure {
  error: UserError
  /** Whether another attempt may succeed. */
  again: boolean
  /** How long the upstream asks to wait first. */
  waitMs?: number
}

const AGAIN = new Set(['UPSTREAM_STALLED', 'UPSTREAM_UNREACHABLE', 'UPSTREAM_NOT_JSON'])
const RETRYABLE = new Set([408, 425, 429, 500, 502, 503, 504])
const OUT_OF_QUOTA = /compute units usage limit exceeded/i

/**
 * Until when requests to an origin have to wait. Shared by all that talk to it: its limits count a process, not a list that
 * is fed.
 */
const notBefore = new Map<string, number>()

/** A JSON API: one request at a time, at its rate, with patience where patience helps and a clear error where not. */
export class Upstream {
  readonly #options: UpstreamOptions
  readonly #agent: Agent

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#agent = new Agent({ connect: { timeout: options.timeoutMs ?? 5_000 } })
  }

  /** The parsed answer of a GET. Errors: `UPSTREAM_*`, `RATE_LIMITED`, `QUOTA_EXHAUSTED`, `ABORTED`. */
  async json(url: string, signal?: AbortSignal): Promise<unknown> {
    const body = await this.bytes(url, signal, (bytes, contentType) =>
      this.#refuseHtml(bytes, contentType, url),
    )
    try {
      return JSON.parse(body.toString('utf8'))
    } catch (cause) {
      throw new UserError('UPSTREAM_NOT_JSON', `${this.#options.name} sent broken JSON.`, {
        where: urlOf(url),
        detail: (cause as Error).message.slice(0, 200),
        suggestion: 'Try again later.',
        cause,
      })
    }
  }

  /** The body of a GET as bytes; `check` may refuse an answer, which then counts as a failed attempt. */
  async bytes(
    url: string,
    signal?: AbortSignal,
    check: (bytes: Buffer, contentType: string) => void = () => {},
  ): Promise<Buffer> {
    return this.#persist(url, signal, async (answer) => {
      const bytes = await this.#read(answer)
      check(bytes, String(answer.headers['content-type'] ?? ''))
      return bytes
    })
  }

  /** The body of a GET as it comes, of any size. Once it has begun it is not asked for again. */
  async *stream(url: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#persist(url, signal, async (begun) => begun)
    try {
      for await (const part of answer.body) yield part as Buffer
    } catch (error) {
      throw this.#brokenOff(error, url, signal)
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  /** Repeats a request, paced and with growing pauses, until `use` has made something of its answer. */
  async #persist<T>(
    url: string,
    signal: AbortSignal | undefined,
    use: (answer: Dispatcher.ResponseData) => Promise<T>,
  ): Promise<T> {
    const retries = this.#options.retries ?? 4
    for (let attempt = 0; ; attempt++) {
      await this.#pace(url, signal)
      const outcome = await this.#attempt(url, signal, use)
      if ('value' in outcome) return outcome.value
      if (!outcome.again || attempt >= retries) throw outcome.error
      const backoff = (this.#options.backoffMs ?? 500) * 2 ** attempt * (0.5 + Math.random())
      const wait = Math.max(backoff, outcome.waitMs ?? 0)
      if (wait > (this.#options.maxWaitMs ?? 60_000)) throw outcome.error
      this.#options.onWait?.(outcome.error.message, wait)
      await this.#sleep(wait, signal)
    }
  }

  async #attempt<T>(
    url: string,
    signal: AbortSignal | undefined,
    use: (answer: Dispatcher.ResponseData) => Promise<T>,
  ): Promise<{ value: T } | Failure> {
    const timeoutMs = this.#options.timeoutMs ?? 5_000
    try {
      const answer = await request(url, {
        dispatcher: this.#agent,
        headers: { accept: 'application/json', ...this.#options.headers },
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal,
      })
      this.#heedRate(answer, url)
      if (answer.statusCode !== 200) return this.#refused(answer, await this.#read(answer), url)
      return { value: await use(answer) }
    } catch (error) {
      const failure = this.#brokenOff(error, url, signal)
      if (failure.code === 'ABORTED') throw failure
      return { error: failure, again: AGAIN.has(failure.code) }
    }
  }

  /** What a failed connection means. */
  #brokenOff(error: unknown, url: string, signal: AbortSignal | undefined): UserError {
    if (signal?.aborted) return aborted()
    if (error instanceof UserError) return error
    const { name, timeoutMs = 5_000 } = this.#options
    const stalled = /TIMEOUT/.test((error as { code?: string }).code ?? '')
    const message = stalled ? `${name} was silent for ${timeoutMs} ms.` : `${name} cannot be reached.`
    return new UserError(stalled ? 'UPSTREAM_STALLED' : 'UPSTREAM_UNREACHABLE', message, {
      where: urlOf(url),
      detail: (error as Error).message,
      suggestion: 'Check the network, or feed a file instead: --file <path>.',
      cause: error,
    })
  }

  async #read(answer: Dispatcher.ResponseData): Promise<Buffer> {
    const limit = this.#options.maxBytes ?? 256 * 1024 * 1024
    const parts: Buffer[] = []
    let bytes = 0
    for await (const part of answer.body) {
      bytes += (part as Buffer).length
      if (bytes > limit) {
        throw new UserError('UPSTREAM_TOO_LARGE', `${this.#options.name} sent more than ${limit} bytes.`)
      }
      parts.push(part as Buffer)
    }
    return Buffer.concat(parts)
  }

  #refused(answer: Dispatcher.ResponseData, bytes: Buffer, url: string): Failure {
    const { name, keyVariable } = this.#options
    const status = answer.statusCode
    const detail = messageOf(bytes)
    const where = urlOf(url)
    if (OUT_OF_QUOTA.test(detail)) {
      const error = new UserError('QUOTA_EXHAUSTED', `The quota of the ${name} account is used up.`, {
        where,
        detail,
        suggestion: 'It takes hours to come back: wait, or use another plan.',
      })
      return { error, again: false }
    }
    if (status === 401 || status === 403) {
      const error = new UserError('UPSTREAM_DENIED', `${name} refuses access (HTTP ${status}).`, {
        where,
        detail,
        suggestion: keyVariable ? `Put a valid key into the environment variable ${keyVariable}.` : undefined,
      })
      return { error, again: false }
    }
    const waitMs = waitOf(answer, Date.now())
    if (status === 429) {
      const until = waitMs ? ` for ${Math.ceil(waitMs / 1000)} s` : ''
      const error = new UserError('RATE_LIMITED', `${name} asks to slow down${until} (HTTP 429).`, {
        where,
        detail,
        suggestion: 'Feed less often (--watch), or use a key with a higher rate.',
      })
      return { error, again: true, waitMs }
    }
    const error = new UserError('UPSTREAM_FAILED', `${name} answered with HTTP ${status}.`, {
      where,
      detail,
      suggestion: 'Try again later, or feed a file instead: --file <path>.',
    })
    return { error, again: RETRYABLE.has(status), waitMs }
  }

  #refuseHtml(bytes: Buffer, contentType: string, url: string): void {
    const head = bytes.subarray(0, 200).toString('utf8').trimStart()
    if (!head.startsWith('<') && !contentType.includes('text/html')) return
    throw new UserError('UPSTREAM_NOT_JSON', `${this.#options.name} sent a web page instead of JSON.`, {
      where: urlOf(url),
      detail: head.replace(/\s+/g, ' ').slice(0, 120),
      suggestion: 'A proxy or a maintenance page may stand in between: try again later.',
    })
  }

  /** `x-ratelimit-remaining` may be negative; the window ends at `x-ratelimit-reset`, in unix seconds. */
  #heedRate(answer: Dispatcher.ResponseData, url: string): void {
    const remaining = Number(answer.headers['x-ratelimit-remaining'] ?? Number.NaN)
    const reset = Number(answer.headers['x-ratelimit-reset'] ?? Number.NaN)
    if (!(remaining <= 0) || !Number.isFinite(reset)) return
    const { origin } = new URL(url)
    notBefore.set(origin, Math.max(notBefore.get(origin) ?? 0, reset * 1000))
  }

  async #pace(url: string, signal?: AbortSignal): Promise<void> {
    const { origin } = new URL(url)
    const now = Date.now()
    const { maxWaitMs = 60_000, requestsPerSecond, name } = this.#options
    const start = Math.min(Math.max(now, notBefore.get(origin) ?? 0), now + maxWaitMs)
    notBefore.set(origin, start + (requestsPerSecond ? 1000 / requestsPerSecond : 0))
    if (start <= now) return
    if (start - now > 3_000) this.#options.onWait?.(`${name}'s rate limit is reached.`, start - now)
    await this.#sleep(start - now, signal)
  }

  async #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    try {
      await sleep(ms, undefined, { signal })
    } catch {
      throw aborted()
    }
  }
}

export function aborted(): UserError {
  return new UserError('ABORTED', 'Stopped on request.')
}

/** Without its query, which may hold a key. */
function urlOf(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

function messageOf(bytes: Buffer): string {
  const text = bytes.subarray(0, 2000).toString('utf8').trim()
  try {
    const value = JSON.parse(text) as { error?: unknown; message?: unknown }
    const message = value.message ?? value.error
    if (typeof message === 'string') return message.slice(0, 300)
  } catch {
    // Not JSON: the text itself is the message.
  }
  return text.replace(/\s+/g, ' ').slice(0, 300)
}

/** Milliseconds an answer asks to wait: `Retry-After` in seconds or as a date, or the end of its rate window. */
export function waitOf(answer: Pick<Dispatcher.ResponseData, 'headers'>, now: number): number | undefined {
  const header = answer.headers['retry-after']
  const after = Array.isArray(header) ? header[0] : header
  if (after !== undefined) {
    const seconds = Number(after)
    const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(after) - now
    if (Number.isFinite(ms)) return Math.max(0, ms)
  }
  const reset = Number(answer.headers['x-ratelimit-reset'] ?? Number.NaN)
  return Number.isFinite(reset) && reset * 1000 > now ? reset * 1000 - now : undefined
}
