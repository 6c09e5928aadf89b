import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import bs58 from 'bs58'
import { parse } from 'csv-parse/sync'
import { recordedProvider } from '../../udfs/providers/recorded.js'
import { tokenRiskScore } from '../../udfs/token_risk_score.js'
import { ROOT } from './support.js'

/** What the files say, read without the project's own readers: the numbers that a run has to come to. */
export const FIXTURES = join(ROOT, 'tests', 'fixtures')

type Fields = Record<string, unknown>

function records(path: string): Fields[] {
  const text = readFileSync(path, 'utf8')
  if (path.endsWith('.jsonl')) {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as Fields)
  }
  return parse(text, { columns: true, bom: true }) as Fields[]
}

/** The distinct Solana addresses in a list file of any of its shapes. */
export function distinctMints(path: string): Set<string> {
  const mints = new Set<string>()
  for (const record of records(path)) {
    const field = ['Mint', 'ADDRESS', 'address', 'mint', 'id'].find(
      (name) => typeof record[name] === 'string',
    )
    const mint = field === undefined ? '' : String(record[field])
    if (bs58.decodeUnsafe(mint)?.length === 32) mints.add(mint)
  }
  return mints
}

interface Message {
  ts: string
  rank: number
  address: string
  liquidity_usd: number | null
  volume_24h_usd: number | null
  holder_count: number | null
}

export interface Expected {
  tokens: { strict: number; all: number; banned: number }
  trending: number
  categorized: number
  enriched: number
  signals: number
  /** Messages by class. */
  classes: Record<string, number>
}

/** The flagship's rules, said a second time: classes, the cut at rank 20 and the screen with its default thresholds. */
export async function expectedOfDemo(): Promise<Expected> {
  const lists = {
    strict: distinctMints(join(FIXTURES, 'tokens', 'strict.csv')),
    all: distinctMints(join(FIXTURES, 'tokens', 'all.jsonl')),
    banned: distinctMints(join(FIXTURES, 'tokens', 'banned.csv')),
  }
  const classOf = (address: string) => {
    if (lists.strict.has(address)) return 'strict'
    if (lists.banned.has(address)) return 'banned'
    return lists.all.has(address) ? 'all' : 'unknown'
  }
  const seen = new Map<string, Message>()
  for (const record of records(join(FIXTURES, 'trending', 'demo_mix_5m.jsonl'))) {
    const message = record as unknown as Message
    seen.set(`${message.ts} ${message.address}`, message)
  }
  const messages = [...seen.values()]
  const classes: Record<string, number> = {}
  for (const { address } of messages) classes[classOf(address)] = (classes[classOf(address)] ?? 0) + 1
  const enriched = messages.filter(({ rank }) => rank < 20)
  const passes = await Promise.all(
    enriched.map(
      async (message) =>
        ['strict', 'all'].includes(classOf(message.address)) &&
        !lists.banned.has(message.address) &&
        (message.liquidity_usd ?? 0) >= 10_000 &&
        (message.volume_24h_usd ?? 0) >= 5_000 &&
        (message.holder_count ?? 100) >= 100 &&
        (await riskScore(message.address)) <= 50,
    ),
  )
  return {
    tokens: { strict: lists.strict.size, all: lists.all.size, banned: lists.banned.size },
    trending: messages.length,
    categorized: messages.length,
    enriched: enriched.length,
    signals: passes.filter(Boolean).length,
    classes,
  }
}

const provider = recordedProvider()

/** Of the security data that is recorded for an address, by the function itself, called in Node. */
async function riskScore(address: string): Promise<number> {
  const security = await provider.lookup(address, new AbortController().signal)
  return (JSON.parse(tokenRiskScore.call({ security_json: security })) as { score: number }).score
}
