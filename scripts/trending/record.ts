import { z } from 'zod'
import { parseTs } from '../time.js'

/** A message of the topic `trending_5m`, one per token and scan, as JSON; its key is the address. */
export interface TrendingRecord {
  /** Time of the scan, UTC: `2026-04-30 13:49:02.000`. */
  ts: string
  source: string
  window: string
  /** From 1. */
  rank: number
  address: string
  symbol: string
  name: string
  /** 0 where the source does not say. */
  decimals: number
  price_usd: number | null
  liquidity_usd: number | null
  mcap: number | null
  fdv: number | null
  volume_5m_usd: number | null
  volume_24h_usd: number | null
  price_change_5m_pct: number | null
  buys_5m: number | null
  sells_5m: number | null
  traders_5m: number | null
  holder_count: number | null
  organic_score: number | null
}

/** One look at the market: records of one `ts`. */
export interface Scan {
  /** Milliseconds since 1970. */
  at: number
  records: TrendingRecord[]
  /** Entries that could not be used, with the reason. */
  rejected: { reason: string; raw: string }[]
}

/** Half of a pair of characters would make the message unreadable for UTF-8. */
const text = z.string().transform((s) => s.replace(/\p{Cs}/gu, '\ufffd'))
const number = z
  .number()
  .nullish()
  .transform((n) => n ?? null)
const count = z
  .number()
  .int()
  .nonnegative()
  .nullish()
  .transform((n) => n ?? null)
const stats = z
  .object({
    priceChange: number,
    buyVolume: number,
    sellVolume: number,
    numBuys: count,
    numSells: count,
    numTraders: count,
  })
  .partial()
  .nullish()

/** A token of Jupiter's `toptrending` answer, as far as it is used. */
export const jupiterTrending = z.object({
  id: z.string(),
  symbol: text,
  name: text,
  decimals: z.number().int().min(0).max(255),
  usdPrice: number,
  liquidity: number,
  mcap: number,
  fdv: number,
  holderCount: count,
  organicScore: number,
  stats5m: stats,
  stats24h: stats,
})

/** A token of BirdEye's `token_trending` answer. */
export const birdeyeTrending = z.object({
  address: z.string(),
  symbol: text.nullish().transform((s) => s ?? ''),
  name: text.nullish().transform((s) => s ?? ''),
  decimals: z.number().int().min(0).max(255),
  rank: z.number().int().positive(),
  price: number,
  liquidity: number,
  marketcap: number,
  fdv: number,
  volume24hUSD: number,
})

export function fromJupiter(
  token: z.infer<typeof jupiterTrending>,
  position: number,
  ts: string,
): TrendingRecord {
  return {
    ts,
    source: 'jupiter',
    window: '5m',
    rank: position + 1,
    address: token.id,
    symbol: token.symbol,
    name: token.name,
    decimals: token.decimals,
    price_usd: token.usdPrice,
    liquidity_usd: token.liquidity,
    mcap: token.mcap,
    fdv: token.fdv,
    volume_5m_usd: volume(token.stats5m),
    volume_24h_usd: volume(token.stats24h),
    price_change_5m_pct: token.stats5m?.priceChange ?? null,
    buys_5m: token.stats5m?.numBuys ?? null,
    sells_5m: token.stats5m?.numSells ?? null,
    traders_5m: token.stats5m?.numTraders ?? null,
    holder_count: token.holderCount,
    organic_score: token.organicScore,
  }
}

/** BirdEye's trending list has no five-minute figures; they would cost a further call a token. */
export function fromBirdeye(
  token: z.infer<typeof birdeyeTrending>,
  interval: string,
  ts: string,
): TrendingRecord {
  return {
    ts,
    source: 'birdeye',
    window: interval,
    rank: token.rank,
    address: token.address,
    symbol: token.symbol,
    name: token.name,
    decimals: token.decimals,
    price_usd: token.price,
    liquidity_usd: token.liquidity,
    mcap: token.marketcap,
    fdv: token.fdv,
    volume_5m_usd: null,
    volume_24h_usd: token.volume24hUSD,
    price_change_5m_pct: null,
    buys_5m: null,
    sells_5m: null,
    traders_5m: null,
    holder_count: null,
    organic_score: null,
  }
}

function volume(
  stats: { buyVolume?: number | null; sellVolume?: number | null } | null | undefined,
): number | null {
  if (stats?.buyVolume == null && stats?.sellVolume == null) return null
  return (stats.buyVolume ?? 0) + (stats.sellVolume ?? 0)
}

/** A line of a recorded file: a `trending_5m` message. */
export const recordedTrending = z.object({
  ts: z.string().refine((ts) => Number.isFinite(parseTs(ts)), 'is not a time'),
  source: z.string(),
  window: z.string(),
  rank: z.number().int().nonnegative(),
  address: z.string().min(1),
  symbol: text,
  name: text,
  decimals: z.number().int().min(0).max(255),
  price_usd: number,
  liquidity_usd: number,
  mcap: number,
  fdv: number,
  volume_5m_usd: number,
  volume_24h_usd: number,
  price_change_5m_pct: number,
  buys_5m: count,
  sells_5m: count,
  traders_5m: count,
  holder_count: count,
  organic_score: number,
})
