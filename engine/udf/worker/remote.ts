import { randomUUID } from 'node:crypto'
import http from 'node:http'
import https from 'node:https'
import { type Input, makeReader } from './decode.js'
import { makeWriter, type Output, ValueError } from './encode.js'
import { fromJsonValue, quoteLargeIntegers, toJsonValue } from './json.js'
import type { Failure, FunctionSpec } from './spec.js'

const REMOTE_CALL_FAILED = 2526
const INVALID_DATA = 2504
const CANNOT_PARSE = 27
const CONNECT_TIMEOUT_MS = 2000
/** An answer larger than this is no answer to a block of at most 65409 rows. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024

interface Answer {
  status: number
  text: string
}

/** Calls the URL once a block, with the arguments as JSONColumns; the answer is `{"result": [...]}`. */
export function createRemoteCaller(spec: FunctionSpec) {
  if (spec.body.kind !== 'remote') throw new Error('not a remote function')
  const { url, headers, timeoutMs } = spec.body
  const readers = spec.args.map((arg) => makeReader(arg.type, true))
  const write = makeWriter(spec.returns)
  const post = createClient(new URL(url), headers, timeoutMs)
  const failed = (why: string, status: number): Failure => ({
    code: REMOTE_CALL_FAILED,
    message: `Call remote uri ${url} failed, message: ${why}, http_status: ${status}`,
  })

  return async (rows: number, input: Input, output: Output): Promise<Failure | undefined> => {
    const columns: unknown[][] = readers.map(() => [])
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < readers.length; i++) columns[i]!.push(readers[i]!(input))
    }
    const body = Object.fromEntries(
      spec.args.map((arg, i) => [arg.name, columns[i]!.map((value) => toJsonValue(arg.type, value))]),
    )

    let answer: Answer
    try {
      answer = await post(JSON.stringify(body))
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error), 0)
    }
    if (answer.status !== 200) return failed(answer.text.slice(0, 500), answer.status)

    let results: unknown
    try {
      results = (JSON.parse(quoteLargeIntegers(answer.text)) as { result?: unknown }).result
    } catch {
      results = undefined
    }
    if (!Array.isArray(results)) {
      return {
        code: CANNOT_PARSE,
        message: `The result format is invalid, which should be 'JSONColumns': remote uri ${url} answered ${answer.text.slice(0, 200)}`,
      }
    }
    if (results.length !== rows) {
      return {
        code: INVALID_DATA,
        message: `Function '${spec.name}': wrong result, expected ${rows} row(s), actual ${results.length}`,
      }
    }
    try {
      for (const result of results) write(output, fromJsonValue(spec.returns, result))
    } catch (error) {
      if (error instanceof ValueError) return { code: error.code, message: error.message }
      throw error
    }
    return undefined
  }
}

function createClient(url: URL, headers: Record<string, string>, timeoutMs: number) {
  const secure = url.protocol === 'https:'
  const agent = secure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
  const request = secure ? https.request : http.request

  const once = (body: string, deadline: number) =>
    new Promise<{ answer?: Answer; stale?: boolean }>((resolve, reject) => {
      const req = request(url, {
        method: 'POST',
        agent,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(body),
          'x-timeplus-query-id': `from-${randomUUID()}`,
          ...headers,
        },
      })
      const timer = setTimeout(
        () => req.destroy(new Error(`no answer within ${timeoutMs} ms`)),
        Math.max(deadline - Date.now(), 1),
      )
      const connectTimer = setTimeout(() => {
        if (!req.socket || req.socket.connecting) {
          req.destroy(new Error(`not connected within ${CONNECT_TIMEOUT_MS} ms`))
        }
      }, CONNECT_TIMEOUT_MS)
      const settle = () => {
        clearTimeout(timer)
        clearTimeout(connectTimer)
      }
      req.on('response', (response) => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          chunks.push(chunk)
          if (bytes > MAX_ANSWER_BYTES)
            req.destroy(new Error(`answer of more than ${MAX_ANSWER_BYTES} bytes`))
        })
        response.on('end', () => {
          settle()
          resolve({
            answer: { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') },
          })
        })
        response.on('error', (error) => {
          settle()
          reject(error)
        })
      })
      req.on('error', (error: NodeJS.ErrnoException) => {
        settle()
        // The peer closed an idle connection while we waited for a block: that is no failed call.
        if (req.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE'))
          resolve({ stale: true })
        else reject(error)
      })
      req.end(body)
    })

  return async (body: string): Promise<Answer> => {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const { answer } = await once(body, deadline)
      if (answer) return answer
    }
  }
}
