import { exceptionStart, ProtonError, parseException } from './errors.js'

/** Bytes one row may take before the result is refused, so that memory stays bounded whatever the server sends. */
export const MAX_ROW_BYTES = 64 * 1024 * 1024

/**
 * Cuts a body into its lines, as arrays of the complete lines of each chunk. Holds no more than one chunk and
 * one unfinished line. The last line needs no newline.
 */
export async function* lineBatches(
  body: AsyncIterable<Uint8Array>,
  maxRowBytes = MAX_ROW_BYTES,
): AsyncGenerator<string[]> {
  let pending: Buffer[] = []
  let pendingBytes = 0
  for await (const bytes of body) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const end = chunk.lastIndexOf(0x0a)
    if (end < 0) {
      pending.push(chunk)
      pendingBytes += chunk.length
      if (pendingBytes > maxRowBytes) throw rowTooLong(maxRowBytes)
      continue
    }
    const whole =
      pending.length > 0 ? Buffer.concat([...pending, chunk.subarray(0, end)]) : chunk.subarray(0, end)
    pending = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : []
    pendingBytes = chunk.length - end - 1
    yield whole.toString('utf8').split('\n')
  }
  if (pendingBytes > 0) yield Buffer.concat(pending).toString('utf8').split('\n')
}

function rowTooLong(limit: number): ProtonError {
  return new ProtonError(`A row of the result is longer than ${limit} bytes.`, {
    code: 0,
    codeName: 'UNEXPECTED_ANSWER',
  })
}

/**
 * Parses each line as JSON. Once the server has begun to answer with status 200 it can only report a failure by
 * appending its text to the rows, in a line of its own or after half a row: such text is thrown as the error it is.
 */
export async function* jsonBatches(
  batches: AsyncIterable<string[]>,
  context: { queryId?: string; url?: string },
): AsyncGenerator<unknown[]> {
  let failure: string | undefined
  for await (const lines of batches) {
    const values: unknown[] = []
    for (const line of lines) {
      if (failure !== undefined) {
        // The rest of the exception's text, as far as anyone would read it.
        if (failure.length < 65_536) failure += `\n${line}`
        continue
      }
      if (line === '' || line === '\r') continue
      try {
        values.push(JSON.parse(line))
      } catch (cause) {
        const start = exceptionStart(line)
        if (start < 0) throw notJson(line, context, cause)
        failure = line.slice(start)
      }
    }
    if (values.length > 0) yield values
  }
  if (failure !== undefined) throw lateException(failure, context)
}

/** The error behind an exception's text that came after status 200. */
export function lateException(text: string, context: { queryId?: string; url?: string }): ProtonError {
  const parsed = parseException(text)!
  return new ProtonError(parsed.message, { ...parsed, ...context, httpStatus: 200 })
}

function notJson(line: string, context: { queryId?: string; url?: string }, cause: unknown): ProtonError {
  return new ProtonError(`The server sent a row that is not JSON: ${line.slice(0, 200)}`, {
    code: 0,
    codeName: 'UNEXPECTED_ANSWER',
    ...context,
    cause,
  })
}
