import { describe, expect, it } from 'vitest'
import { recordedProvider } from '../../udfs/providers/recorded.js'
import { callScalar } from '../../udfs/runtime/index.js'
import { tokenRiskScore } from '../../udfs/token_risk_score.js'

interface Risk {
  score: number
  level: string
  reasons: string[]
  provider?: string
}

function risk(security: unknown): Risk {
  const json = typeof security === 'string' ? security : JSON.stringify(security)
  return JSON.parse(callScalar(tokenRiskScore, [{ security_json: json }])[0]!) as Risk
}

/** A harmless token as BirdEye describes it. */
const CLEAN = {
  ownerAddress: null,
  creatorPercentage: 0.001,
  ownerPercentage: null,
  top10HolderPercent: 0.12,
  mutableMetadata: false,
  freezeable: null,
  freezeAuthority: null,
  transferFeeEnable: null,
  transferFeeData: null,
  nonTransferable: null,
  fakeToken: null,
  isTrueToken: null,
}

describe('token_risk_score', () => {
  it('finds nothing in a harmless token', () => {
    expect(risk({ success: true, data: CLEAN })).toEqual({ score: 0, level: 'low', reasons: [] })
    expect(risk(CLEAN)).toEqual({ score: 0, level: 'low', reasons: [] })
  })

  const rules: [string, object, number][] = [
    ['more tokens can be minted', { ownerAddress: 'Mint' }, 30],
    ['holders can be frozen', { freezeable: true }, 25],
    ['holders can be frozen', { freezeAuthority: 'Freeze' }, 25],
    ['name and image can be changed', { mutableMetadata: true }, 5],
    ['top 10 hold more than 30 %', { top10HolderPercent: 0.31 }, 10],
    ['top 10 hold more than 50 %', { top10HolderPercent: 0.6 }, 20],
    ['top 10 hold more than 60 %', { top10HolderPercent: 0.61 }, 30],
    ['the creator holds more than 10 %', { creatorPercentage: 0.11 }, 15],
    ['the owner holds more than 10 %', { ownerPercentage: 0.5 }, 15],
    ['transfers cost a fee', { transferFeeEnable: true }, 5],
    [
      'transfers cost more than 5 %',
      {
        transferFeeEnable: true,
        transferFeeData: { newer_transfer_fee: { transfer_fee_basis_points: 501 } },
      },
      25,
    ],
    ['it cannot be transferred', { nonTransferable: true }, 60],
    ['it imitates another token', { fakeToken: { address: 'x' } }, 60],
  ]
  for (const [reason, fields, score] of rules) {
    it(`${JSON.stringify(fields)} → ${reason}`, () => {
      expect(risk({ success: true, data: { ...CLEAN, ...fields } })).toMatchObject({
        score,
        reasons: [reason],
      })
    })
  }

  it('takes percentages as fractions: 30 is far above, 0.3 is at the limit', () => {
    expect(risk({ ...CLEAN, top10HolderPercent: 0.3 }).reasons).toEqual([])
    expect(risk({ ...CLEAN, top10HolderPercent: 30 }).reasons).toEqual(['top 10 hold more than 60 %'])
  })

  it('adds up to levels, between 0 and 100', () => {
    expect(risk({ ...CLEAN, ownerAddress: 'x' })).toMatchObject({ score: 30, level: 'medium' })
    expect(risk({ ...CLEAN, ownerAddress: 'x', freezeable: true, mutableMetadata: true })).toMatchObject({
      score: 60,
      level: 'high',
    })
    expect(risk({ ...CLEAN, ownerAddress: 'x', freezeable: true, nonTransferable: true }).score).toBe(100)
    expect(risk({ ...CLEAN, jupStrictList: true })).toEqual({
      score: 0,
      level: 'low',
      reasons: ['it is on the verified list'],
    })
  })

  it('takes missing and unknown keys, and the 2024 envelope', () => {
    expect(risk({ statusCode: 200, success: true, data: { isToken2022: true, somethingNew: [1] } })).toEqual({
      score: 0,
      level: 'low',
      reasons: [],
    })
    expect(risk({ data: { top10HolderPercent: 'much', creatorPercentage: null } }).score).toBe(0)
  })

  it('knows that it knows nothing', () => {
    const unknown: [string, string][] = [
      ['', 'no security data'],
      [
        '{"error":"BirdEye quota exhausted","provider":"birdeye"}',
        'no security data: BirdEye quota exhausted',
      ],
      ['{"success":false,"message":"Not found"}', 'no security data: Not found'],
      ['<html>', 'security data is no JSON'],
      ['[1]', 'security data is no JSON object'],
      ['null', 'security data is no JSON object'],
      ['{"success":true,"data":null}', 'security data is empty'],
      ['{"success":true,"data":{}}', 'security data is empty'],
    ]
    for (const [json, reason] of unknown) {
      expect(risk(json), json).toMatchObject({ score: 100, level: 'unknown', reasons: [reason] })
    }
  })

  it('says where the data came from', async () => {
    const provider = recordedProvider()
    const answer = await provider.lookup(
      'So11111111111111111111111111111111111111112',
      AbortSignal.timeout(1000),
    )
    expect(JSON.parse(answer)).toMatchObject({ provider: 'recorded', synthetic: true, success: true })
    expect(risk(answer).provider).toBe('recorded')
  })
})

describe('the recorded provider', () => {
  it('is deterministic and has tokens of every level', async () => {
    const signal = AbortSignal.timeout(5000)
    const levels = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const first = await recordedProvider().lookup(`token${i}`, signal)
      expect(await recordedProvider().lookup(`token${i}`, signal)).toBe(first)
      levels.add(risk(first).level)
    }
    expect([...levels].sort()).toEqual(['high', 'low', 'medium'])
  })
})
