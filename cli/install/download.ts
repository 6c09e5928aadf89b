import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, interceptors, request } from 'undici'
import { UserError } from '../../dialect/user_error.js'

const ATTEMPTS = 5
const PAUSE_MS = 500
/** Silence that a server may keep within a download. */
const STALL_MS = 30_000

export interface DownloadOptions {
  /** Expected SHA-256 of the file, in hexadecimal. */
  sha256?: string
  signal?: AbortSignal
  onProgress?: (done: number, total: number | undefined) => void
}

export interface Fetched {
  file: string
  sha256: string
}

/**
 * A URL's or path's file, whole and verified, below `folder`. A download that was cut off goes on where it stopped,
 * within this run and in the next one; what is there already, with the wanted sum, is not fetched again.
 * @throws UserError INSTALL_SOURCE, INSTALL_CHECKSUM, UPSTREAM_UNREACHABLE
 */
export async function obtain(source: string, folder: string, options: DownloadOptions): Promise<Fetched> {
  if (!/^https?:/.test(source)) return verified(await localFile(source), options.sha256, false)
  await mkdir(folder, { recursive: true })
  const file = join(folder, basename(new URL(source).pathname) || 'download')
  if (options.sha256 && (await sizeOf(file)) > 0) {
    const sum = await sumOf(file)
    if (sum === options.sha256.toLowerCase()) return { file, sha256: sum }
  }
  const part = `${file}.part`
  await download(source, part, options)
  await rename(part, file)
  return verified(file, options.sha256, true)
}

async function localFile(source: string): Promise<string> {
  const path = source.startsWith('file:') ? new URL(source).pathname : source
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile()) return path
  throw new UserError('INSTALL_SOURCE', `There is no file ${path}.`, {
    suggestion: 'Give --from a URL or the path of a file.',
  })
}

async function download(url: string, part: string, options: DownloadOptions): Promise<void> {
  const agent = new Agent({ bodyTimeout: STALL_MS, headersTimeout: STALL_MS }).compose(
    interceptors.redirect({ maxRedirections: 5 }),
  )
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await continueDownload(url, part, agent, options)
      } catch (cause) {
        options.signal?.throwIfAborted()
        if (cause instanceof UserError) throw cause
        if (attempt === ATTEMPTS) {
          throw new UserError('UPSTREAM_UNREACHABLE', `${url} could not be fetched.`, {
            detail: cause instanceof Error ? cause.message : String(cause),
            suggestion:
              'The same command goes on where it stopped; or fetch it yourself and name the file with --from.',
            cause,
          })
        }
        await sleep(PAUSE_MS * 2 ** (attempt - 1), undefined, { signal: options.signal })
      }
    }
  } finally {
    await agent.close()
  }
}

async function continueDownload(
  url: string,
  part: string,
  dispatcher: ReturnType<Agent['compose']>,
  { signal, onProgress }: DownloadOptions,
): Promise<void> {
  const have = await sizeOf(part)
  const { statusCode, headers, body } = await request(url, {
    dispatcher,
    signal,
    headers: have > 0 ? { range: `bytes=${have}-` } : {},
  })
  const resumed = statusCode === 206
  if (statusCode === 416) {
    await body.dump()
    await rm(part, { force: true })
    throw new Error('the server has another file than the one that was begun')
  }
  if (statusCode >= 400) {
    await body.dump()
    if (statusCode >= 500 || statusCode === 429) throw new Error(`the server answered ${statusCode}`)
    throw new UserError('INSTALL_SOURCE', `${url} is not there: the server answered ${statusCode}.`, {
      suggestion: 'Look which versions exist, and give one with --version, or a file with --from.',
    })
  }
  let done = resumed ? have : 0
  const length = Number(headers['content-length'])
  const total = Number.isFinite(length) ? done + length : undefined
  body.on('data', (chunk: Buffer) => {
    done += chunk.length
    onProgress?.(done, total)
  })
  await pipeline(body, createWriteStream(part, { flags: resumed ? 'a' : 'w' }), { signal })
}

async function verified(file: string, wanted: string | undefined, ours: boolean): Promise<Fetched> {
  const sha256 = await sumOf(file)
  if (wanted === undefined || wanted.toLowerCase() === sha256) return { file, sha256 }
  if (ours) await rm(file, { force: true })
  throw new UserError('INSTALL_CHECKSUM', `${basename(file)} is not the file that was asked for.`, {
    detail: `SHA-256 expected ${wanted.toLowerCase()}\nSHA-256 found    ${sha256}`,
    suggestion: 'Nothing was installed. Compare the sum with the one the vendor publishes, then try again.',
  })
}

async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0
}

/** Where downloads are kept, below the state folder. */
export function downloadFolder(stateDir: string): string {
  return join(stateDir, 'downloads')
}
