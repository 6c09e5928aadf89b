import { defineScalar } from './runtime/define.js'

/** The fields of BirdEye's answer that the rules read. Any may be missing, and more may be there. */
interface Security {
  ownerAddress?: string | null
  ownerPercentage?: number | null
  creatorPercentage?: number | null
  top10HolderPercent?: number | null
  freezeable?: boolean | null
  freezeAuthority?: string | null
  mutableMetadata?: boolean | null
  transferFeeEnable?: boolean | null
  transferFeeData?: unknown
  nonTransferable?: boolean | null
  fakeToken?: unknown
  isTrueToken?: boolean | null
  jupStrictList?: boolean | null
}

interface Rule {
  reason: string
  /** Points of 100; negative speaks for the token. */
  weight: number
  applies(security: Security): boolean
}

/** Percent fields are fractions 0..1; what is no number says nothing. */
const above = (value: number | null | undefined, limit: number) => typeof value === 'number' && value > limit
const within = (value: number | null | undefined, low: number, high: number) =>
  above(value, low) && !above(value, high)

/**
 * All rules and weights. The limits are those that screeners commonly use: authorities revoked, top ten holders
 * at most 30 % (50 %, 60 %), a single holder and the creator at most 10 %, a transfer fee at most 5 %.
 */
const RULES: readonly Rule[] = [
  // An owner is who may mint; null means renounced.
  { reason: 'more tokens can be minted', weight: 30, applies: (s) => isSet(s.ownerAddress) },
  {
    reason: 'holders can be frozen',
    weight: 25,
    applies: (s) => s.freezeable === true || isSet(s.freezeAuthority),
  },
  { reason: 'name and image can be changed', weight: 5, applies: (s) => s.mutableMetadata === true },
  { reason: 'top 10 hold more than 60 %', weight: 30, applies: (s) => above(s.top10HolderPercent, 0.6) },
  {
    reason: 'top 10 hold more than 50 %',
    weight: 20,
    applies: (s) => within(s.top10HolderPercent, 0.5, 0.6),
  },
  {
    reason: 'top 10 hold more than 30 %',
    weight: 10,
    applies: (s) => within(s.top10HolderPercent, 0.3, 0.5),
  },
  { reason: 'the creator holds more than 10 %', weight: 15, applies: (s) => above(s.creatorPercentage, 0.1) },
  { reason: 'the owner holds more than 10 %', weight: 15, applies: (s) => above(s.ownerPercentage, 0.1) },
  { reason: 'transfers cost more than 5 %', weight: 25, applies: (s) => (feeBasisPoints(s) ?? 0) > 500 },
  {
    reason: 'transfers cost a fee',
    weight: 5,
    applies: (s) => s.transferFeeEnable === true && (feeBasisPoints(s) ?? 0) <= 500,
  },
  { reason: 'it cannot be transferred', weight: 60, applies: (s) => s.nonTransferable === true },
  {
    reason: 'it imitates another token',
    weight: 60,
    applies: (s) => isSet(s.fakeToken) || s.isTrueToken === false,
  },
  { reason: 'it is on the verified list', weight: -15, applies: (s) => s.jupStrictList === true },
]

const LEVELS: readonly { level: string; from: number }[] = [
  { level: 'high', from: 60 },
  { level: 'medium', from: 30 },
  { level: 'low', from: 0 },
]

/** Nothing known is no good news: it counts as the worst, and its level says why. */
const UNKNOWN_SCORE = 100

function isSet(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '' && value !== false
}

/** Wherever it stands in `transferFeeData`, under either spelling; of several the highest, since it may apply. */
function feeBasisPoints(security: Security): number | undefined {
  if (security.transferFeeEnable !== true) return undefined
  const found = [
    ...JSON.stringify(security.transferFeeData ?? null).matchAll(
      /"(?:transfer_?fee_?)?basis_?points":"?(\d+)/gi,
    ),
  ]
  return found.length === 0 ? undefined : Math.max(...found.map((match) => Number(match[1])))
}

interface Parsed {
  provider?: string
  security?: Security
  error?: string
}

/** BirdEye's envelope or its `data` alone; anything else is an error in words. */
function parse(json: string): Parsed {
  if (json === '') return { error: 'no security data' }
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return { error: 'security data is no JSON' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { error: 'security data is no JSON object' }
  }
  const object = value as Record<string, unknown>
  const provider = typeof object.provider === 'string' ? object.provider : undefined
  if ('error' in object) return { provider, error: `no security data: ${String(object.error)}` }
  if (object.success === false) {
    return { provider, error: `no security data: ${String(object.message ?? 'refused')}` }
  }
  const data = 'data' in object ? object.data : object
  if (typeof data !== 'object' || data === null || Object.keys(data).length === 0) {
    return { provider, error: 'security data is empty' }
  }
  return { provider, security: data as Security }
}

/**
 * How dangerous a token looks, as JSON: `{"score": 0..100, "level": "low|medium|high|unknown", "reasons": […]}`
 * and the `provider` of the data. JSON rather than a tuple, so that it can be stored and read alike on every
 * edition: `risk:level`, `json_extract_float(risk, 'score')`.
 */
export const tokenRiskScore = defineScalar({
  module: import.meta.url,
  name: 'token_risk_score',
  description: 'Risk of a token, 0 … 100, from its security data',
  args: { security_json: 'string' },
  returns: 'string',
  call({ security_json }) {
    const { security, provider, error } = parse(security_json)
    if (!security) {
      return JSON.stringify({ score: UNKNOWN_SCORE, level: 'unknown', reasons: [error], provider })
    }
    const applied = RULES.filter((rule) => rule.applies(security))
    const sum = applied.reduce((total, rule) => total + rule.weight, 0)
    const score = Math.min(100, Math.max(0, sum))
    const level = LEVELS.find(({ from }) => score >= from)!.level
    return JSON.stringify({ score, level, reasons: applied.map((rule) => rule.reason), provider })
  },
})
