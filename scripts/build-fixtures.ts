/**
 * Makes tests/fixtures from a folder of recorded data:
 *
 *     npx tsc -p tsconfig.build.json && node dist/scripts/build-fixtures.js <data folder> tests/fixtures
 *
 * What is copied and what is derived, and by which rule, stands in tests/fixtures/NOTICE.md, which it writes too.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { formatTs, parseTs } from './time.js'
import { decodeMint } from './tokens/mint.js'
import type { TrendingRecord } from './trending/record.js'

/** Tokens of each class that are mixed into a scan for the demo. */
export const MIX_PER_SCAN = { strict: 4, all: 3, banned: 2 } as const
/** Scans in a row that get the same mixed-in tokens, so that there is something like a trend. */
export const MIX_RUN = 3

interface Listed {
  address: string
  symbol: string
  name: string
  decimals: number
}

/** A row of the recorded scans, as far as it is used. */
interface Snapshot {
  ts: string
  address: string
  symbol: string
  name: string
  price: number
  liquidity_usd: number
  market_cap: number
  fdv: number
  volume_5m_usd: number
  volume_24h_usd: number
  price_change_5m_pct: number
  holder_count: number
}

/**
 * A recorded row as a message. Its trade and wallet counts cover an unnamed span, and 0 holders mean unknown: neither
 * becomes a figure of five minutes. Decimals are not in the recording.
 */
function toRecord(row: Snapshot): TrendingRecord {
  return {
    ts: formatTs(parseTs(row.ts)),
    source: 'recorded',
    window: '5m',
    rank: 0,
    address: row.address,
    symbol: row.symbol,
    name: row.name,
    decimals: 0,
    price_usd: row.price,
    liquidity_usd: row.liquidity_usd,
    mcap: row.market_cap,
    fdv: row.fdv,
    volume_5m_usd: row.volume_5m_usd,
    volume_24h_usd: row.volume_24h_usd,
    price_change_5m_pct: row.price_change_5m_pct,
    buys_5m: null,
    sells_5m: null,
    traders_5m: null,
    holder_count: row.holder_count > 0 ? row.holder_count : null,
    organic_score: null,
  }
}

/** Rank by 5-minute volume; ties by 24-hour volume, then by address. */
export function ranked(records: TrendingRecord[]): TrendingRecord[] {
  const sorted = [...records].sort(
    (a, b) =>
      (b.volume_5m_usd ?? 0) - (a.volume_5m_usd ?? 0) ||
      (b.volume_24h_usd ?? 0) - (a.volume_24h_usd ?? 0) ||
      (a.address < b.address ? -1 : 1),
  )
  return sorted.map((record, i) => ({ ...record, rank: i + 1 }))
}

export function scansOf(records: TrendingRecord[]): TrendingRecord[][] {
  const scans = new Map<string, TrendingRecord[]>()
  for (const record of records) {
    const scan = scans.get(record.ts)
    if (scan) scan.push(record)
    else scans.set(record.ts, [record])
  }
  return [...scans.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, scan]) => ranked(scan))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * Puts tokens of the lists into each scan. Which ones: those with the smallest sha256 of `<run>|<class>|<address>`, where
 * a run is three scans. With which figures: those of the recorded row of the same scan that the token's own digest
 * points to. Only address, symbol, name and decimals are the listed token's. The scan is then ranked anew.
 */
export function mixScans(
  scans: TrendingRecord[][],
  lists: Record<keyof typeof MIX_PER_SCAN, Listed[]>,
): TrendingRecord[][] {
  return scans.map((scan, k) => {
    const present = new Set(scan.map((record) => record.address))
    const mixed: TrendingRecord[] = []
    for (const [cls, count] of Object.entries(MIX_PER_SCAN)) {
      const chosen = lists[cls as keyof typeof MIX_PER_SCAN]
        .filter((token) => !present.has(token.address))
        .map((token) => ({ token, key: digest(`${Math.floor(k / MIX_RUN)}|${cls}|${token.address}`) }))
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .slice(0, count)
      for (const { token } of chosen) {
        const donor = scan[Number.parseInt(digest(token.address).slice(0, 8), 16) % scan.length]!
        const { address, symbol, name, decimals } = token
        mixed.push({ ...donor, source: 'demo-mix', address, symbol, name, decimals })
      }
    }
    return ranked([...scan, ...mixed])
  })
}

function jsonl(rows: unknown[]): string {
  return `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`
}

function parseJsonl<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

export async function buildFixtures(data: string, out: string): Promise<void> {
  const read = (path: string) => readFile(join(data, path), 'utf8')
  const write = async (path: string, text: string) => {
    await mkdir(join(out, path, '..'), { recursive: true })
    await writeFile(join(out, path), text)
  }
  const strictCsv = await read('jupiter/validated-tokens.csv')
  const allJsonl = await read('jupiter/seed_all.derived.jsonl')
  const bannedCsv = await read('jupiter/banned-tokens.csv')
  await write('tokens/strict.csv', strictCsv)
  await write('tokens/all.jsonl', allJsonl)
  await write('tokens/banned.csv', bannedCsv)
  await write(
    'tokens/wormhole.csv',
    cut(await read('jupiter/wormhole.csv'), 40, { like: /^(?!sol,)/, rows: 12 }),
  )
  await write('tokens/solana-fm.csv', cut(await read('jupiter/solana-fm.csv'), 40))

  const scans = scansOf(parseJsonl<Snapshot>(await read('trending/solana_snapshots_5m.jsonl')).map(toRecord))
  await write('trending/recorded_5m.jsonl', jsonl(scans.flat()))
  const strictMints = new Set(
    [...strictCsv.matchAll(/[1-9A-HJ-NP-Za-km-z]{32,44}(?=,\d+,)/g)].map(([mint]) => mint),
  )
  const bans = parseJsonl<{ address: string; reason: string }>(
    await read('jupiter/seed_banned.derived.jsonl'),
  )
  const banned = new Set(bans.map((ban) => ban.address))
  // Four entries of the union bear addresses of another chain, which no feeder takes.
  const all = parseJsonl<Listed>(allJsonl).filter((token) => decodeMint(token.address))
  const mixed = mixScans(scans, {
    strict: all.filter((token) => strictMints.has(token.address) && !banned.has(token.address)),
    all: all.filter((token) => !strictMints.has(token.address) && !banned.has(token.address)),
    banned: bans.map(({ address, reason }) => ({ address, symbol: '', name: reason, decimals: 0 })),
  })
  await write('trending/demo_mix_5m.jsonl', jsonl(mixed.flat()))
  await write('NOTICE.md', NOTICE)
}

/** Head line, the first rows, and some of the odd ones further down. Rows with quoted line breaks do not occur. */
function cut(csv: string, rows: number, odd?: { like: RegExp; rows: number }): string {
  const [head, ...lines] = csv.split('\n').filter((line) => line !== '')
  const more = odd
    ? lines
        .slice(rows)
        .filter((line) => odd.like.test(line))
        .slice(0, odd.rows)
    : []
  return `${[head, ...lines.slice(0, rows), ...more].join('\n')}\n`
}

const NOTICE = `# Where these files come from

Written by scripts/build-fixtures.ts. Third-party data, kept here for tests and the demo.

| file | origin @ commit : path | what was done to it | licence |
|---|---|---|---|
| tokens/strict.csv | jup-ag/token-list @ 9e0ce9714f : validated-tokens.csv | nothing | MIT (package.json) |
| tokens/banned.csv | same : banned-tokens.csv | nothing; 61 rows, 56 distinct mints | MIT (package.json) |
| tokens/all.jsonl | same, all lists | union of the lists minus the banned tokens, in the shape of the old token.jup.ag list, plus \`strict\`; 1243 rows, 4 of them with addresses of another chain | MIT (package.json) |
| tokens/wormhole.csv, tokens/solana-fm.csv | same : src/partners/data/ | the first 40 rows, and of the former 12 rows with addresses on other chains | MIT (package.json) |
| trending/recorded_5m.jsonl | Azalyst/birdeye.so @ c875756, Azalyst/Azalyst-Birdeye-Scanner @ eaac535 | 27 recorded scans of Solana tokens as messages of the topic \`trending_5m\` | MIT (badge) |
| trending/demo_mix_5m.jsonl | the files above | the same scans with tokens of the lists mixed in: **not a recording** | as above |

## Rules

**Recorded scans** (\`source: "recorded"\`). Rank = order by 5-minute volume within the scan; ties by 24-hour volume, then by
address. The recording has no decimals (0 here), and 0 holders in it mean unknown (null here). Its counts of trades and
wallets cover an unnamed span, so the five-minute counts are null.

**Demo mix** (\`source: "demo-mix"\` on every row that was not recorded). The recorded tokens and the lists share one token
only, so that a demo on the recording alone would know nearly every token as \`unknown\`. Into each scan go ${MIX_PER_SCAN.strict} tokens of the
strict list, ${MIX_PER_SCAN.all} that are only on the list of all tokens, and ${MIX_PER_SCAN.banned} banned ones: those with the smallest
sha256 of \`<scan number / ${MIX_RUN}, rounded down>|<class>|<address>\`, so that each stays for ${MIX_RUN} scans. Address, symbol, name and
decimals are the listed token's (a banned one has no symbol, and the reason of its ban as name). **All figures are copied
from a recorded row of the same scan**, chosen by the token's own sha256: they say nothing about the token that bears
them. Each scan is ranked anew over all its rows.
`

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [data, out = 'tests/fixtures'] = process.argv.slice(2)
  if (!data) {
    console.error('usage: build-fixtures <data folder> [<output folder>]')
    process.exitCode = 2
  } else await buildFixtures(data, out)
}
