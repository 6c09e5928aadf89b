import { createReadStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { z } from 'zod'
import { UserError } from '../../dialect/user_error.js'
import { Upstream, type UpstreamOptions } from '../http.js'
import { formatTs, parseTs } from '../time.js'
import { readRecords } from '../tokens/reader.js'
import {
  birdeyeTrending,
  fromBirdeye,
  fromJupiter,
  jupiterTrending,
  recordedTrending,
  type Scan,
  type TrendingRecord,
} from './record.js'

export type TrendingSourceName = 'jupiter' | 'birdeye' | 'replay'

export interface TrendingSourceOptions {
  source: TrendingSourceName
  /** Recorded scans, one message a line, for `replay`. */
  file?: string
  /** Replay: how many times faster than recorded, or as fast as the broker takes them. Default `max`. */
  speed?: number | 'max'
  /** Poll once and end. */
  once?: boolean
  /** Default: JUPITER_API_KEY or BIRDEYE_API_KEY of the environment. */
  apiKey?: string
  /** Base of the API. Default: JUPITER_URL or BIRDEYE_URL of the environment, else the provider's own. */
  url?: string
  /** Rows of a scan, default 100 for Jupiter (its most) and 40 for BirdEye (20 a request). */
  limit?: number
  /** BirdEye has 1h, 4h and 24h. */
  interval?: '1h' | '4h' | '24h'
  /** Milliseconds between two polls, aligned to the clock. Default five minutes. */
  pollMs?: number
  http?: Partial<Omit<UpstreamOptions, 'name' | 'headers' | 'keyVariable'>>
  signal?: AbortSignal
  /** Told of a poll that failed; the next one is tried all the same. */
  onError?: (error: unknown) => void
}

export const FIVE_MINUTES = 300_000
/** Messages that a replay without pauses hands over at once. */
const REPLAY_BATCH = 1000
const QUOTA_PAUSE = 3_600_000
const BIRDEYE_PAGE = 20

/** Scans as they come, in portions that are sent together. */
export function openScans(options: TrendingSourceOptions): { label: string; scans: AsyncIterable<Scan[]> } {
  if (options.source === 'replay') {
    if (!options.file) throw new UserError('USAGE', 'Source replay needs --file <path>.')
    return { label: options.file, scans: replay(options.file, options.speed ?? 'max', options.signal) }
  }
  const poll = options.source === 'jupiter' ? jupiterPoll(options) : birdeyePoll(options)
  return { label: poll.label, scans: pollScans(poll.fetch, poll.close, options) }
}

type Fetch = (slot: number) => Promise<Scan>

function jupiterPoll(options: TrendingSourceOptions): {
  label: string
  fetch: Fetch
  close: () => Promise<void>
} {
  const base = (options.url ?? process.env.JUPITER_URL) || 'https://api.jup.ag'
  const apiKey = options.apiKey ?? process.env.JUPITER_API_KEY
  const upstream = new Upstream({
    ...options.http,
    name: 'Jupiter',
    headers: apiKey ? { 'x-api-key': apiKey } : {},
    keyVariable: 'JUPITER_API_KEY',
  })
  const fetch: Fetch = async (slot) => {
    const url = `${base}/tokens/v2/toptrending/5m?limit=${options.limit ?? 100}`
    const answer = await upstream.json(url, options.signal)
    return scanOf(slot, listOf(answer, 'Jupiter', url), jupiterTrending, (token, i, ts) =>
      fromJupiter(token, i, ts),
    )
  }
  return { label: `Jupiter ${base}`, fetch, close: () => upstream.close() }
}

function birdeyePoll(options: TrendingSourceOptions): {
  label: string
  fetch: Fetch
  close: () => Promise<void>
} {
  const base = (options.url ?? process.env.BIRDEYE_URL) || 'https://public-api.birdeye.so'
  const interval = options.interval ?? '1h'
  const apiKey = options.apiKey ?? process.env.BIRDEYE_API_KEY
  if (!apiKey) {
    throw new UserError('API_KEY_MISSING', 'BirdEye answers nobody without a key.', {
      suggestion: 'Put it into the environment variable BIRDEYE_API_KEY, or use --source jupiter or replay.',
    })
  }
  const upstream = new Upstream({
    requestsPerSecond: 1,
    ...options.http,
    name: 'BirdEye',
    headers: { 'x-api-key': apiKey, 'x-chain': 'solana' },
    keyVariable: 'BIRDEYE_API_KEY',
  })
  const fetch: Fetch = async (slot) => {
    const wanted = options.limit ?? 2 * BIRDEYE_PAGE
    const tokens: unknown[] = []
    let updatedMs = Number.NaN
    for (let offset = 0; offset < wanted; offset += BIRDEYE_PAGE) {
      const limit = Math.min(BIRDEYE_PAGE, wanted - offset)
      const url = `${base}/defi/token_trending?sort_by=rank&sort_type=asc&interval=${interval}&offset=${offset}&limit=${limit}`
      const answer = (await upstream.json(url, options.signal)) as BirdeyeAnswer | null
      const page = listOf(answer?.data?.tokens, 'BirdEye', url)
      tokens.push(...page)
      if (offset === 0) updatedMs = Number(answer?.data?.updateUnixTime) * 1000
      if (page.length < limit) break
    }
    // A scan is BirdEye's, not ours: asked again before its next one, it is the same and is not written twice.
    const at = Number.isFinite(updatedMs) ? Math.min(updatedMs, Date.now()) : slot
    return scanOf(at, tokens, birdeyeTrending, (token, _, ts) => fromBirdeye(token, interval, ts))
  }
  return { label: `BirdEye ${base}`, fetch, close: () => upstream.close() }
}

interface BirdeyeAnswer {
  data?: { tokens?: unknown; updateUnixTime?: unknown } | null
}

function listOf(value: unknown, name: string, url: string): unknown[] {
  if (Array.isArray(value)) return value
  throw new UserError('UPSTREAM_NOT_JSON', `${name} sent JSON that is not a list of tokens.`, {
    where: url.split('?')[0],
    suggestion: 'Its interface may have changed. Recorded scans still work: --source replay --file <scans>.',
  })
}

function scanOf<S extends z.ZodType>(
  at: number,
  tokens: unknown[],
  schema: S,
  build: (token: z.infer<S>, position: number, ts: string) => TrendingRecord,
): Scan {
  const scan: Scan = { at, records: [], rejected: [] }
  const ts = formatTs(at)
  tokens.forEach((token, position) => {
    const parsed = schema.safeParse(token)
    if (parsed.success) scan.records.push(build(parsed.data, position, ts))
    else scan.rejected.push({ reason: reasonOf(parsed.error), raw: JSON.stringify(token).slice(0, 500) })
  })
  return scan
}

function reasonOf(error: z.ZodError): string {
  const [issue] = error.issues
  return `${issue!.path.join('.') || 'record'}: ${issue!.message}`
}

/**
 * Polls now and then at every multiple of `pollMs` on the clock. A scan bears the time of the multiple it falls into, not of
 * the request: asked twice within five minutes, also by a restarted feeder, it is the same scan.
 */
async function* pollScans(
  fetch: Fetch,
  close: () => Promise<void>,
  options: TrendingSourceOptions,
): AsyncGenerator<Scan[]> {
  const pollMs = options.pollMs ?? FIVE_MINUTES
  const { signal } = options
  try {
    while (!signal?.aborted) {
      const slot = Math.floor(Date.now() / pollMs) * pollMs
      let pause = slot + pollMs - Date.now()
      try {
        yield [await fetch(slot)]
        pause = slot + pollMs - Date.now()
      } catch (error) {
        if (signal?.aborted) return
        if (options.once) throw error
        options.onError?.(error)
        if (error instanceof UserError && error.code === 'QUOTA_EXHAUSTED') pause = QUOTA_PAUSE
      }
      if (options.once) return
      // Past the slot already: a poll that took longer than its slot leaves out the ones it slept through.
      await sleep(Math.max(pause, 0), undefined, { signal }).catch(() => {})
    }
  } finally {
    await close()
  }
}

/** Scans of a file, as recorded, with the pauses between them shortened by `speed`. */
async function* replay(file: string, speed: number | 'max', signal?: AbortSignal): AsyncGenerator<Scan[]> {
  if (speed !== 'max' && !(speed > 0))
    throw new UserError('USAGE', `--speed takes a number above 0, or max: ${speed}`)
  let portion: Scan[] = []
  let held = 0
  let previous: number | undefined
  for await (const scan of recordedScans(file)) {
    if (signal?.aborted) return
    if (speed !== 'max') {
      const pause = previous === undefined ? 0 : Math.max(0, scan.at - previous) / speed
      previous = scan.at
      await sleep(pause, undefined, { signal }).catch(() => {})
      if (signal?.aborted) return
      yield [scan]
      continue
    }
    portion.push(scan)
    held += scan.records.length
    if (held >= REPLAY_BATCH) {
      yield portion
      portion = []
      held = 0
    }
  }
  if (portion.length > 0) yield portion
}

/** Groups the lines of a file into scans: neighbours with the same `ts` belong together. */
async function* recordedScans(file: string): AsyncGenerator<Scan> {
  let scan: Scan | undefined
  for await (const records of readRecords(fileBytes(file))) {
    for (const record of records) {
      const parsed = 'reject' in record ? undefined : recordedTrending.safeParse(record.value)
      if (!parsed?.success) {
        scan ??= { at: Number.NaN, records: [], rejected: [] }
        const reason = 'reject' in record ? record.reject : reasonOf(parsed!.error!)
        const raw = 'reject' in record ? record.excerpt : record.raw.subarray(0, 500).toString('utf8')
        scan.rejected.push({ reason: `line ${record.line}: ${reason}`, raw })
        continue
      }
      const at = parseTs(parsed.data.ts)
      if (scan && scan.at !== at && scan.records.length > 0) {
        yield scan
        scan = undefined
      }
      scan ??= { at, records: [], rejected: [] }
      scan.at = at
      scan.records.push({ ...parsed.data, ts: formatTs(at) })
    }
  }
  if (scan) yield scan
}

async function* fileBytes(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer
  } catch (cause) {
    const missing = (cause as { code?: string }).code === 'ENOENT'
    throw new UserError(
      'SOURCE_NOT_READABLE',
      `The recorded scans cannot be read: ${missing ? 'there is no such file' : (cause as Error).message}.`,
      { where: file, cause },
    )
  }
}
