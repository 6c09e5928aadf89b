import { Agent, type Dispatcher, request } from 'undici'
import { UserError } from '../../dialect/user_error.js'
import type { Environment, Provider } from '../runtime/define.js'
import { ProviderFailure } from '../runtime/provider.js'

/** Requests per second and account of BirdEye's plans. */
const PLAN_RATES: Record<string, number> = {
  standard: 1,
  lite: 15,
  starter: 15,
  premium: 50,
  business: 100,
}
const DEFAULT_URL = 'https://public-api.birdeye.so'
const DEFAULT_PLAN = 'standard'
const OUT_OF_QUOTA = /compute units usage limit exceeded/i
/** An answer is some 2 kB; more than this is none. */
const MAX_ANSWER_BYTES = 1024 * 1024
const STALL_MS = 5000

export interface BirdeyeOptions {
  apiKey: string
  baseUrl?: string
  requestsPerSecond?: number
  /** Silence before and within an answer. Default 5 000 ms. */
  stallMs?: number
}

/**
 * `BIRDEYE_API_KEY`, `BIRDEYE_PLAN` (standard, lite, starter, premium, business), `BIRDEYE_URL`;
 * `BIRDEYE_REQUESTS_PER_SECOND` where the plan's rate is shared with others.
 */
export function birdeyeFromEnvironment(environment: Environment): Provider {
  const apiKey = environment.BIRDEYE_API_KEY
  if (!apiKey) {
    throw new UserError('BIRDEYE_NO_KEY', 'The BirdEye provider needs a key.', {
      suggestion: 'Set BIRDEYE_API_KEY, or use the provider `recorded`.',
    })
  }
  return birdeyeProvider({
    apiKey,
    baseUrl: environment.BIRDEYE_URL || undefined,
    requestsPerSecond: rateOf(environment),
  })
}

function rateOf(environment: Environment): number {
  const own = environment.BIRDEYE_REQUESTS_PER_SECOND
  if (own) {
    const rate = Number(own)
    if (rate > 0) return rate
    throw new UserError('BIRDEYE_RATE', `BIRDEYE_REQUESTS_PER_SECOND is '${own}', not a number above 0.`)
  }
  const plan = (environment.BIRDEYE_PLAN || DEFAULT_PLAN).toLowerCase()
  const rate = PLAN_RATES[plan]
  if (rate === undefined) {
    throw new UserError('BIRDEYE_PLAN', `BirdEye has no plan '${plan}'.`, {
      suggestion: `Set BIRDEYE_PLAN to one of: ${Object.keys(PLAN_RATES).join(', ')}.`,
    })
  }
  return rate
}

/** BirdEye's `GET /defi/token_security`: one address a request, 50 compute units each. */
export function birdeyeProvider(options: BirdeyeOptions): Provider {
  const stallMs = options.stallMs ?? STALL_MS
  const baseUrl = (options.baseUrl ?? DEFAULT_URL).replace(/\/+$/, '')
  const agent = new Agent({ connect: { timeout: stallMs } })
  return {
    name: 'birdeye',
    requestsPerSecond: options.requestsPerSecond ?? PLAN_RATES[DEFAULT_PLAN],
    close: () => agent.close(),
    async lookup(address, signal) {
      const answer = await get(`${baseUrl}/defi/token_security?address=${encodeURIComponent(address)}`)
      const body = parse(answer)
      if (answer.status !== 200 || body?.success !== true) throw failureOf(answer, body)
      return JSON.stringify({ provider: 'birdeye', ...body })

      async function get(url: string): Promise<Answer> {
        try {
          const response = await request(url, {
            dispatcher: agent,
            headers: { 'X-API-KEY': options.apiKey, 'x-chain': 'solana', accept: 'application/json' },
            headersTimeout: stallMs,
            bodyTimeout: stallMs,
            signal,
          })
          return {
            status: response.statusCode,
            headers: response.headers,
            text: await readText(response.body),
          }
        } catch (cause) {
          if (cause instanceof ProviderFailure) throw cause
          throw new ProviderFailure('temporary', `BirdEye did not answer (${shortReason(cause)})`, { cause })
        }
      }
    },
  }
}

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
}

async function readText(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new ProviderFailure('temporary', 'BirdEye sent more than an answer')
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Undefined where the answer is no JSON object: an error page, or cut off. */
function parse(answer: Answer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(answer.text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function failureOf(answer: Answer, body: Record<string, unknown> | undefined): ProviderFailure {
  const said = typeof body?.message === 'string' ? body.message.slice(0, 200) : undefined
  const because = said === undefined ? '' : `: ${said}`
  if (said !== undefined && OUT_OF_QUOTA.test(said)) {
    return new ProviderFailure('quota', `BirdEye quota exhausted${because}`)
  }
  switch (answer.status) {
    case 429:
      return new ProviderFailure('rate_limited', 'BirdEye answered 429: too many requests', {
        retryAfterMs: retryAfterMs(answer.headers['retry-after']),
      })
    case 401:
    case 403:
      return new ProviderFailure('unauthorized', `BirdEye refused the key (${answer.status})${because}`)
    case 400:
    case 404:
    case 422:
      return new ProviderFailure('refused', `BirdEye refused the address (${answer.status})${because}`)
    case 200:
      return body === undefined
        ? new ProviderFailure('temporary', 'BirdEye sent no valid JSON')
        : new ProviderFailure('refused', `BirdEye has no data${because}`)
    default:
      return new ProviderFailure('temporary', `BirdEye answered ${answer.status}${because}`, {
        retryAfterMs: retryAfterMs(answer.headers['retry-after']),
      })
  }
}

/** Seconds or a date, as HTTP has it. */
function retryAfterMs(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header
  if (text === undefined) return undefined
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** The code alone: messages of network errors may hold URLs. */
function shortReason(cause: unknown): string {
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.name
  return 'unknown'
}
