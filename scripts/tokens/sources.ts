import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { UserError } from '../../dialect/user_error.js'
import { aborted, Upstream, type UpstreamOptions } from '../http.js'
import { readRecords, type SourceRecord } from './reader.js'
import { isSuspicious, type TokenList } from './shapes.js'

export type TokenSource = 'jupiter' | 'file' | 'url'

export interface SourceOptions {
  list: TokenList
  source: TokenSource
  file?: string
  url?: string
  /** Default: the environment variable JUPITER_API_KEY. */
  apiKey?: string
  /** Default: the environment variable JUPITER_URL, else https://api.jup.ag */
  jupiterUrl?: string
  http?: Partial<Omit<UpstreamOptions, 'name' | 'headers' | 'keyVariable'>>
  maxRecordBytes?: number
  signal?: AbortSignal
}

export interface OpenSource {
  /** What errors and summaries call it. */
  label: string
  records: AsyncIterable<SourceRecord[]>
  /** Whether a token that is missing has left the list. */
  full: boolean
  /** Bytes in all, where they are known, for progress. */
  totalBytes?: number
  /** Bytes read so far. */
  readBytes(): number
  /** Whether one token may come several times, as from a union of lists. */
  overlapping: boolean
}

const JUPITER = 'https://api.jup.ag'
const WINDOWS = ['5m', '1h', '6h', '24h']

/** Jupiter has no list of all tokens any more: this union is the nearest to it. */
const ALL_PATHS = [
  ...['verified', 'lst', 'stocks'].map((tag) => `/tokens/v2/tag?query=${tag}`),
  '/tokens/v2/recent',
  ...['toptraded', 'toptrending'].flatMap((top) => WINDOWS.map((w) => `/tokens/v2/${top}/${w}?limit=100`)),
]
const PATHS: Record<TokenList, string[]> = {
  strict: ['/tokens/v2/tag?query=verified'],
  all: ALL_PATHS,
  // No endpoint lists banned tokens; those that Jupiter flags stand among the others.
  banned: ALL_PATHS,
}

/** Requests a second Jupiter grants: without a key, and with one of the free plan. */
const KEYLESS_RATE = 0.5
const FREE_RATE = 1

const REQUIRED: Record<TokenList, string[]> = {
  strict: ['symbol', 'name', 'decimals'],
  all: ['symbol', 'name', 'decimals'],
  banned: [],
}

export async function openSource(options: SourceOptions): Promise<OpenSource> {
  if (options.source === 'jupiter') return openJupiter(options)
  if (options.source === 'url') return openUrl(options)
  return openFile(options)
}

async function openFile(options: SourceOptions): Promise<OpenSource> {
  if (!options.file) throw usage('file', '--file <path>')
  const { file } = options
  let totalBytes: number
  try {
    const info = await stat(file)
    if (info.isDirectory()) throw Object.assign(new Error('it is a folder'), { code: 'EISDIR' })
    totalBytes = info.size
  } catch (cause) {
    throw notReadable(file, cause)
  }
  let read = 0
  async function* bytes(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of createReadStream(file, { highWaterMark: 256 * 1024 })) {
        read += (chunk as Buffer).length
        yield chunk as Buffer
      }
    } catch (cause) {
      throw notReadable(file, cause)
    }
  }
  return {
    label: file,
    records: readRecords(bytes(), {
      maxRecordBytes: options.maxRecordBytes,
      requiredColumns: REQUIRED[options.list],
    }),
    full: false,
    totalBytes,
    readBytes: () => read,
    overlapping: false,
  }
}

function openUrl(options: SourceOptions): OpenSource {
  if (!options.url) throw usage('url', '--url <address>')
  const { url } = options
  if (!URL.canParse(url)) throw new UserError('USAGE', `This is not a URL: ${url}`)
  const upstream = new Upstream({ ...options.http, name: new URL(url).host })
  let read = 0
  async function* bytes(): AsyncGenerator<Uint8Array> {
    try {
      for await (const part of upstream.stream(url, options.signal)) {
        read += part.length
        yield part
      }
    } finally {
      await upstream.close()
    }
  }
  return {
    label: url,
    records: readRecords(bytes(), {
      maxRecordBytes: options.maxRecordBytes,
      requiredColumns: REQUIRED[options.list],
    }),
    full: false,
    readBytes: () => read,
    overlapping: false,
  }
}

function openJupiter(options: SourceOptions): OpenSource {
  const apiKey = options.apiKey ?? process.env.JUPITER_API_KEY
  const base = (options.jupiterUrl ?? process.env.JUPITER_URL) || JUPITER
  const upstream = new Upstream({
    requestsPerSecond: apiKey ? FREE_RATE : KEYLESS_RATE,
    ...options.http,
    name: 'Jupiter',
    headers: apiKey ? { 'x-api-key': apiKey } : {},
    keyVariable: 'JUPITER_API_KEY',
  })
  let read = 0
  async function* records(): AsyncGenerator<SourceRecord[]> {
    let line = 1
    try {
      for (const path of PATHS[options.list]) {
        if (options.signal?.aborted) throw aborted()
        const tokens = await upstream.json(base + path, options.signal)
        if (!Array.isArray(tokens)) throw notAnArray(base + path)
        const wanted = options.list === 'banned' ? tokens.filter(isSuspicious) : tokens
        read += wanted.length
        yield wanted.map((value) => ({
          line: line++,
          value,
          raw: Buffer.from(JSON.stringify(value).slice(0, 500)),
        }))
      }
    } finally {
      await upstream.close()
    }
  }
  return {
    label: `Jupiter ${base}`,
    records: records(),
    full: options.list === 'strict',
    readBytes: () => read,
    overlapping: true,
  }
}

function notAnArray(url: string): UserError {
  return new UserError('UPSTREAM_NOT_JSON', 'Jupiter sent JSON that is not a list of tokens.', {
    where: url,
    suggestion: 'Its interface may have changed: feed a file meanwhile with --source file --file <list>.',
  })
}

function usage(source: string, flag: string): UserError {
  return new UserError('USAGE', `Source ${source} needs ${flag}.`)
}

function notReadable(file: string, cause: unknown): UserError {
  const code = (cause as { code?: string }).code
  const why =
    code === 'ENOENT'
      ? 'there is no such file'
      : code === 'EACCES'
        ? 'no permission'
        : (cause as Error).message
  return new UserError('SOURCE_NOT_READABLE', `The list cannot be read: ${why}.`, { where: file, cause })
}
