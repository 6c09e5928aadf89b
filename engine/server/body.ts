import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createGzip,
  createInflate,
  type Gzip,
} from 'node:zlib'
import { EngineError } from '../errors.js'

/** The largest request, decompressed. A statement with its data is held in memory until it is one committed part. */
const MAX_BODY_BYTES = 1 << 30

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase()
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of decoded(request, encoding)) {
      size += (chunk as Buffer).length
      if (size > MAX_BODY_BYTES) {
        throw new EngineError(
          'MEMORY_LIMIT_EXCEEDED',
          `The request is larger than ${MAX_BODY_BYTES} bytes. Send the rows in smaller batches`,
        )
      }
      chunks.push(chunk as Buffer)
    }
  } catch (cause) {
    if (cause instanceof EngineError || request.destroyed) throw cause
    throw new EngineError('INCORRECT_DATA', `Cannot read the ${encoding} request body`, { cause })
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
}

function decoded(request: IncomingMessage, encoding: string): Readable {
  switch (encoding) {
    case '':
    case 'identity':
      return request
    case 'gzip':
    case 'x-gzip':
      return forwarded(request, createGunzip())
    case 'deflate':
      return forwarded(request, createInflate())
    case 'br':
      return forwarded(request, createBrotliDecompress())
    default:
      throw new EngineError(
        'NOT_IMPLEMENTED',
        `Content-Encoding ${encoding} is not supported by the embedded engine`,
      )
  }
}

function forwarded<T extends Readable & Writable>(request: IncomingMessage, decoder: T): T {
  request.on('error', (error) => decoder.destroy(error))
  request.pipe(decoder)
  return decoder
}

/** A response body that holds its writer back when the client is slow, gzipped where asked. */
export class ResponseBody {
  readonly #response: ServerResponse
  readonly #gzip: Gzip | undefined
  #written = false

  constructor(response: ServerResponse, gzip: boolean) {
    this.#response = response
    if (gzip) {
      this.#gzip = createGzip()
      this.#gzip.pipe(response)
    }
  }

  /** Whether any data of the result has gone out. */
  get written(): boolean {
    return this.#written
  }

  /** Resolves when the client can take more. Rejects when it is gone. */
  async write(chunk: Uint8Array | string): Promise<void> {
    if (chunk.length === 0) return
    if (this.#response.destroyed)
      throw new EngineError('QUERY_WAS_CANCELLED', 'The client closed the connection')
    this.#written = true
    const target: Writable = this.#gzip ?? this.#response
    if (target.write(chunk)) return
    const gone = new AbortController()
    const closed = () => gone.abort()
    this.#response.once('close', closed)
    try {
      await once(target, 'drain', { signal: gone.signal })
    } catch (cause) {
      throw new EngineError('QUERY_WAS_CANCELLED', 'The client closed the connection', { cause })
    } finally {
      this.#response.off('close', closed)
    }
  }

  /** Pushes out what a compressor holds: a streaming result must arrive row by row. */
  async flush(): Promise<void> {
    if (!this.#gzip) return
    await new Promise<void>((resolve) => this.#gzip!.flush(constants.Z_SYNC_FLUSH, () => resolve()))
  }

  end(): void {
    if (this.#gzip) this.#gzip.end()
    else this.#response.end()
  }
}
