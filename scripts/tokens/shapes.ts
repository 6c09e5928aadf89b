import { z } from 'zod'
import { decodeMint } from './mint.js'

/** The lists a token can be on. */
export type TokenList = 'strict' | 'all' | 'banned'

/** A row of `token_strict_raw` and `token_all_raw`, without its times. */
export interface TokenRow {
  address: string
  symbol: string
  name: string
  decimals: number
  logo_uri: string
  tags: string[]
  listed: boolean
}

/** A row of `token_banned_raw`, without its times. */
export interface BanRow {
  address: string
  reason: string
  banned: boolean
}

export type ListRow = TokenRow | BanRow

export type Shaped = { row: ListRow; mint: Uint8Array } | { reject: string }

// C0, DEL, C1, line separators, and the marks that turn the direction of text: what a terminal or a reader can be fooled by.
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/

// Half of a pair that makes up a character: JSON can carry it, UTF-8 and the engine cannot.
const HALF_CHARACTER = /\p{Cs}/u

const text = z
  .string()
  .transform((s) => s.trim())
  .refine((s) => !CONTROL.test(s), 'holds control characters')
  .refine((s) => !HALF_CHARACTER.test(s), 'holds half a character')
/** CSV exports write `8.0`. */
const decimals = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,3}(\.0+)?$/, 'is not a number')
      .transform(Number),
  ])
  .refine((n) => Number.isInteger(n) && n >= 0 && n <= 255, 'is not an integer from 0 to 255')
const logo = text.nullish().transform((s) => s ?? '')
const tags = z
  .array(text)
  .nullish()
  .transform((list) => list ?? [])

/** Jupiter tokens v2: `id`, `icon`. `audit.isSus` stands only on flagged tokens. */
const v2 = z.object({
  id: z.string(),
  symbol: text,
  name: text,
  decimals,
  icon: logo,
  tags,
  audit: z.object({ isSus: z.boolean().nullish() }).nullish(),
})

/** Jupiter tokens v1 and the legacy list: `address`, `logoURI`, and in the legacy one `chainId` 101 for Solana. */
const v1 = z.object({
  address: z.string(),
  symbol: text,
  name: text,
  decimals,
  logoURI: logo,
  tags,
  chainId: z.number().nullish(),
})

const ban = z.object({ address: z.string(), reason: text.nullish().transform((s) => s ?? '') })

const SOLANA_CHAIN_ID = 101
const SUSPICIOUS = 'flagged as suspicious by Jupiter (audit.isSus)'

/** One record of any known shape as a row of a list, or why it cannot be one. */
export function shapeRecord(list: TokenList, record: unknown): Shaped {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return { reject: 'not an object' }
  return list === 'banned' ? shapeBan(record as Fields) : shapeToken(record as Fields)
}

/** Whether a v2 token is one to be banned; the API has no list of these. */
export function isSuspicious(record: unknown): boolean {
  return (record as { audit?: { isSus?: unknown } | null } | null)?.audit?.isSus === true
}

type Fields = Record<string, unknown>

function shapeToken(record: Fields): Shaped {
  if ('id' in record && !('address' in record)) {
    const parsed = v2.safeParse(record)
    if (!parsed.success) return { reject: describe(parsed.error) }
    const { id, icon, symbol, name } = parsed.data
    return checked(id, (address) => ({
      address,
      symbol,
      name,
      decimals: parsed.data.decimals,
      logo_uri: icon,
      tags: parsed.data.tags,
      listed: true,
    }))
  }
  const parsed = v1.safeParse(record)
  if (!parsed.success) return { reject: describe(parsed.error) }
  const { address: text, symbol, name, logoURI, chainId } = parsed.data
  if (chainId != null && chainId !== SOLANA_CHAIN_ID)
    return { reject: `chainId: ${chainId} is not Solana (101)` }
  return checked(text, (address) => ({
    address,
    symbol,
    name,
    decimals: parsed.data.decimals,
    logo_uri: logoURI,
    tags: parsed.data.tags,
    listed: true,
  }))
}

function shapeBan(record: Fields): Shaped {
  const parsed = ban.safeParse({
    address: record.address ?? record.mint ?? record.Mint ?? record.id,
    reason:
      record.reason ?? record.reasons ?? record.Reasons ?? (isSuspicious(record) ? SUSPICIOUS : undefined),
  })
  if (!parsed.success) return { reject: describe(parsed.error) }
  return checked(parsed.data.address, (address) => ({ address, reason: parsed.data.reason, banned: true }))
}

function checked(text: string, build: (address: string) => ListRow): Shaped {
  const address = text.trim()
  const mint = decodeMint(address)
  if (!mint) return { reject: 'address: not the base58 of 32 bytes' }
  return { row: build(address), mint }
}

function describe(error: z.ZodError): string {
  const [issue] = error.issues
  return `${issue!.path.join('.') || 'record'}: ${issue!.message}`
}

/** What a row says, without its times, as one text: rows that say the same are not written again. */
export function contentOf(row: ListRow): string {
  return 'reason' in row
    ? JSON.stringify([row.reason, row.banned])
    : JSON.stringify([row.symbol, row.name, row.decimals, row.logo_uri, row.tags, row.listed])
}
