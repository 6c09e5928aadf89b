import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Dispatcher, request } from 'undici'
import { errorOfAnswer, ProtonError, type TransportFailure } from './errors.js'

/** Certificates as PEM text. A server's certificate is checked unless `rejectUnauthorized` is false. */
export interface TlsOptions {
  ca?: string
  cert?: string
  key?: string
  servername?: string
  rejectUnauthorized?: boolean
}

export interface Call {
  url: URL
  method: 'GET' | 'POST' | 'DELETE'
  headers: Record<string, string>
  body?: string | Uint8Array
  signal?: AbortSignal
  /** Milliseconds until the answer begins, and between two parts of it. 0: no limit. */
  timeoutMs: number
  /** Whether sending it twice does no harm. */
  repeatable: boolean
  queryId?: string
}

export interface Answer {
  status: number
  header(name: string): string | undefined
  body: Dispatcher.ResponseData['body']
}

const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])
const TRY_LATER = new Set([429, 502, 503, 504])
/** QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING */
const QUERY_ALREADY_RUNNING = 216
const MAX_ERROR_BODY = 64 * 1024

/** Sends requests and turns what can go wrong into ProtonErrors. Knows nothing of SQL. */
export class Transport {
  readonly #agent: Agent
  readonly #retries: number

  constructor(options: { tls?: TlsOptions; connectTimeoutMs: number; retries: number }) {
    this.#retries = options.retries
    this.#agent = new Agent({ connect: { timeout: options.connectTimeoutMs, ...options.tls } })
  }

  /**
   * The answer of a call whose status is 2xx; any other is thrown. A call that never reached the server is tried
   * again, one that may have reached it only where it is `repeatable`; nothing is repeated once an answer began.
   */
  async send(call: Call): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#sendOnce(call)
      } catch (error) {
        if (attempt >= this.#retries || !(error instanceof ProtonError) || !mayRepeat(error, call, attempt))
          throw error
        await pause(100 * 2 ** attempt * (0.5 + Math.random()), call)
      }
    }
  }

  async #sendOnce(call: Call): Promise<Answer> {
    let data: Dispatcher.ResponseData
    try {
      data = await request(call.url, {
        dispatcher: this.#agent,
        method: call.method,
        headers: call.headers,
        body: call.body,
        signal: call.signal,
        headersTimeout: call.timeoutMs,
        bodyTimeout: call.timeoutMs,
      })
    } catch (error) {
      throw transportError(error, call)
    }
    const header = (name: string) => {
      const value = data.headers[name]
      return Array.isArray(value) ? value[0] : value
    }
    if (data.statusCode >= 200 && data.statusCode < 300) {
      return { status: data.statusCode, header, body: data.body }
    }
    const text = await readBounded(data.body, call)
    throw errorOfAnswer(
      data.statusCode,
      text,
      { exceptionCode: header('x-timeplus-exception-code') },
      { queryId: call.queryId, url: call.url.origin },
    )
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}

async function readBounded(body: AsyncIterable<Uint8Array>, call: Call): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const part of body) {
      parts.push(part)
      bytes += part.length
      if (bytes > MAX_ERROR_BODY) break
    }
  } catch (error) {
    if (bytes === 0) throw transportError(error, call)
  }
  return Buffer.concat(parts).toString('utf8')
}

function mayRepeat(error: ProtonError, call: Call, attempt: number): boolean {
  if (call.signal?.aborted) return false
  if (error.unreachable) return true
  if (!call.repeatable) return false
  // The first attempt, whose connection broke, is still at work on the server.
  if (error.code === QUERY_ALREADY_RUNNING) return attempt > 0
  return error.codeName === 'BROKEN' || (error.code === 0 && TRY_LATER.has(error.httpStatus ?? 0))
}

async function pause(ms: number, call: Call): Promise<void> {
  try {
    await sleep(ms, undefined, { signal: call.signal })
  } catch (error) {
    throw transportError(error, call)
  }
}

/** Names what went wrong on the wire. */
export function transportError(
  error: unknown,
  call: Pick<Call, 'url' | 'signal' | 'queryId' | 'timeoutMs'>,
): ProtonError {
  if (error instanceof ProtonError) return error
  const code = (error as { code?: string }).code ?? ''
  const at = call.url.origin
  const fail = (codeName: TransportFailure, message: string) =>
    new ProtonError(message, { code: 0, codeName, url: at, queryId: call.queryId, cause: error })
  if (call.signal?.aborted) return fail('ABORTED', 'The request was aborted.')
  if (NEVER_SENT.has(code)) return fail('UNREACHABLE', `Nothing answers at ${at} (${code}).`)
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return fail('TIMEOUT', `${at} was silent for ${call.timeoutMs} ms.`)
  if (/CERT|TLS|SSL/.test(code)) return fail('UNREACHABLE', `No secure connection to ${at}: ${code}.`)
  return fail('BROKEN', `The connection to ${at} broke: ${(error as Error).message || code}`)
}
