/**
 * Synthetic scans for benchmarks and tests of size, the same for the same seed:
 *
 *     node dist/scripts/generate-trending.js <messages> <file> [<tokens of a scan>] [<seed>]
 */
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { syntheticToken } from './generate-tokens.js'
import { formatTs } from './time.js'
import type { TrendingRecord } from './trending/record.js'

export interface SyntheticScansOptions {
  messages: number
  /** Tokens of a scan, default 30. */
  perScan?: number
  /** Tokens the scans choose from, default 1000 synthetic ones. */
  addresses?: readonly string[]
  /** Time of the first scan; the others follow every five minutes. */
  startMs?: number
  seed?: string
}

const FIVE_MINUTES = 300_000
const START = Date.UTC(2026, 0, 1)

/** Scan after scan, with no token twice in one. `source` is `synthetic`. */
export function* syntheticScans(options: SyntheticScansOptions): Generator<TrendingRecord[]> {
  const { messages, perScan = 30, startMs = START, seed = 'tpctl' } = options
  const addresses =
    options.addresses ?? Array.from({ length: 1000 }, (_, i) => syntheticToken(i, seed).address as string)
  const size = Math.min(perScan, addresses.length)
  for (let scan = 0, sent = 0; sent < messages; scan++) {
    const from = digest(`${seed}:${scan}`).readUInt32BE(0) % addresses.length
    const count = Math.min(size, messages - sent)
    const ts = formatTs(startMs + scan * FIVE_MINUTES)
    yield Array.from({ length: count }, (_, i) =>
      message(ts, i + 1, addresses[(from + i) % addresses.length]!),
    )
    sent += count
  }
}

function message(ts: string, rank: number, address: string): TrendingRecord {
  const random = digest(`${ts}:${address}`)
  const volume = random.readUInt16BE(0) + 1000 / rank
  return {
    ts,
    source: 'synthetic',
    window: '5m',
    rank,
    address,
    symbol: `S${address.slice(0, 4)}`,
    name: `Synthetic ${address.slice(0, 8)}`,
    decimals: 6,
    price_usd: random.readUInt16BE(2) / 1000,
    liquidity_usd: random.readUInt32BE(4) % 1_000_000,
    mcap: random.readUInt32BE(8) % 10_000_000,
    fdv: random.readUInt32BE(8) % 10_000_000,
    volume_5m_usd: volume,
    volume_24h_usd: volume * 100,
    price_change_5m_pct: random.readInt8(12) / 10,
    buys_5m: random[13]!,
    sells_5m: random[14]!,
    traders_5m: random[15]!,
    holder_count: random.readUInt16BE(16),
    organic_score: random[18]! % 101,
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Writes scans to a file that `feed-trending --source replay` reads. */
export async function writeSyntheticScans(file: string, options: SyntheticScansOptions): Promise<void> {
  function* lines() {
    for (const scan of syntheticScans(options))
      yield scan.map((record) => `${JSON.stringify(record)}\n`).join('')
  }
  await pipeline(Readable.from(lines()), createWriteStream(file))
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [messages, file, perScan, seed] = process.argv.slice(2)
  if (!(Number(messages) > 0) || !file) {
    console.error('usage: generate-trending <messages> <file> [<tokens of a scan>] [<seed>]')
    process.exitCode = 2
  } else
    await writeSyntheticScans(file, {
      messages: Number(messages),
      perScan: perScan ? Number(perScan) : undefined,
      seed,
    })
}
