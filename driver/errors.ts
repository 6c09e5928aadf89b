/** Why a request failed before, or without, an answer from Proton. */
export type TransportFailure = 'UNREACHABLE' | 'TIMEOUT' | 'ABORTED' | 'BROKEN' | 'UNEXPECTED_ANSWER'

export interface ProtonErrorFields {
  /** Proton's number: 60 is UNKNOWN_STREAM. 0 when the failure is not Proton's. */
  code: number
  /** Proton's name for it (`UNKNOWN_STREAM`), or a `TransportFailure`. */
  codeName: string
  httpStatus?: number
  queryId?: string
  /** `http://host:port`, never with credentials. */
  url?: string
  cause?: unknown
}

/**
 * Everything the driver throws. An exception of the server has its `code`, `codeName` and text without the
 * `Code: N. DB::Exception:` frame; a failure of the transport has code 0 and a `TransportFailure` as `codeName`.
 */
export class ProtonError extends Error {
  readonly code: number
  readonly codeName: string
  readonly httpStatus?: number
  readonly queryId?: string
  readonly url?: string

  constructor(message: string, fields: ProtonErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.name = 'ProtonError'
    this.code = fields.code
    this.codeName = fields.codeName
    this.httpStatus = fields.httpStatus
    this.queryId = fields.queryId
    this.url = fields.url
  }

  /** True when no server answered: nothing listens, the name is unknown, or the connection timed out. */
  get unreachable(): boolean {
    return this.codeName === 'UNREACHABLE'
  }

  get aborted(): boolean {
    return this.codeName === 'ABORTED'
  }
}

const EXCEPTION = /Code: (\d+)\. DB::(?:NetException|Exception): /

/** Position at which an exception's text starts, or -1. */
export function exceptionStart(text: string): number {
  return EXCEPTION.exec(text)?.index ?? -1
}

/** Reads `Code: 60. DB::Exception: Stream … doesn't exist. (UNKNOWN_STREAM) (version 1.6.1)`. */
export function parseException(
  text: string,
): { code: number; codeName: string; message: string } | undefined {
  const frame = EXCEPTION.exec(text)
  if (!frame) return undefined
  let message = text.slice(frame.index + frame[0].length).trimEnd()
  message = message.replace(/\s*\(version [^()]*(?:\([^()]*\))?[^()]*\)$/, '')
  const name = /\s*\(([A-Z][A-Z0-9_]+)\)$/.exec(message)
  if (name) message = message.slice(0, name.index)
  return { code: Number(frame[1]), codeName: name?.[1] ?? 'UNKNOWN', message }
}

/** Builds the error of an answer whose status is not 2xx, from SQL (`Code: …`) or REST (`{"code", "error_msg"}`). */
export function errorOfAnswer(
  status: number,
  body: string,
  headers: { exceptionCode?: string },
  context: { queryId?: string; url?: string },
): ProtonError {
  const rest = restError(body)
  const parsed = parseException(rest?.message ?? body)
  if (parsed) return new ProtonError(parsed.message, { ...parsed, ...context, httpStatus: status })
  const code = rest?.code ?? Number(headers.exceptionCode ?? 0)
  if (code > 0) {
    const message = (rest?.message ?? body).trim()
    return new ProtonError(message, { code, codeName: 'UNKNOWN', ...context, httpStatus: status })
  }
  const excerpt = body.trim().slice(0, 300)
  return new ProtonError(`HTTP ${status}${excerpt ? `: ${excerpt}` : ' without a message'}`, {
    code: 0,
    codeName: 'UNEXPECTED_ANSWER',
    ...context,
    httpStatus: status,
  })
}

function restError(body: string): { code: number; message: string } | undefined {
  if (!body.startsWith('{')) return undefined
  try {
    const value = JSON.parse(body) as { code?: unknown; error_msg?: unknown }
    if (typeof value.code !== 'number' || typeof value.error_msg !== 'string') return undefined
    return { code: value.code, message: value.error_msg }
  } catch {
    return undefined
  }
}
