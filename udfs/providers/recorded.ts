import { createHash } from 'node:crypto'
import type { Provider } from '../runtime/define.js'

/**
 * Security data in BirdEye's shape for any address, made from the address alone: the same address always gets
 * the same. It says nothing about the real token, and each answer says so (`"provider": "recorded"`,
 * `"synthetic": true`). Fields, types and units are those of recorded BirdEye answers; about two thirds of the
 * addresses come out harmless, so that a demo has something to show on either side of the screen.
 */
export function recordedProvider(): Provider {
  return {
    name: 'recorded',
    free: true,
    lookup: async (address) => JSON.stringify(syntheticSecurity(address)),
  }
}

function syntheticSecurity(address: string): Record<string, unknown> {
  const digest = createHash('sha256').update(address).digest()
  /** A fraction 0 … 1 from two bytes of the digest. */
  const fraction = (index: number) => digest.readUInt16LE(index * 2) / 0xffff
  const chance = (index: number, probability: number) => fraction(index) < probability
  const round = (value: number) => Math.round(value * 1e6) / 1e6

  const mintable = chance(0, 0.12)
  const freezable = chance(1, 0.1)
  const token2022 = chance(2, 0.15)
  const feeEnabled = token2022 && chance(3, 0.3)
  const totalSupply = 10 ** (6 + Math.floor(fraction(4) * 6))
  // Squared: most tokens are spread, a few are held by ten wallets.
  const top10 = round(0.05 + 0.85 * fraction(5) ** 2)
  const creator = round(0.2 * fraction(6) ** 3)
  const authority = mintable ? fakeAddress(digest, 'owner') : null
  const createdAt = 1_700_000_000 + Math.floor(fraction(7) * 60_000_000)
  return {
    provider: 'recorded',
    synthetic: true,
    success: true,
    data: {
      creatorAddress: fakeAddress(digest, 'creator'),
      creatorOwnerAddress: null,
      ownerAddress: authority,
      ownerOfOwnerAddress: null,
      creationTx: null,
      creationTime: createdAt,
      creationSlot: null,
      mintTx: null,
      mintTime: createdAt,
      mintSlot: null,
      creatorBalance: round(totalSupply * creator),
      creatorPercentage: creator,
      ownerBalance: mintable ? 0 : null,
      ownerPercentage: mintable ? 0 : null,
      metaplexUpdateAuthority: fakeAddress(digest, 'metadata'),
      metaplexOwnerUpdateAuthority: null,
      metaplexUpdateAuthorityBalance: 0,
      metaplexUpdateAuthorityPercent: 0,
      mutableMetadata: chance(8, 0.35),
      top10HolderBalance: round(totalSupply * top10),
      top10HolderPercent: top10,
      top10UserBalance: round(totalSupply * top10 * 0.9),
      top10UserPercent: round(top10 * 0.9),
      totalSupply,
      isTrueToken: null,
      fakeToken: null,
      preMarketHolder: [],
      lockInfo: null,
      freezeable: freezable ? true : null,
      freezeAuthority: freezable ? fakeAddress(digest, 'freeze') : null,
      transferFeeEnable: token2022 ? feeEnabled : null,
      transferFeeData: feeEnabled
        ? { newerTransferFee: { transferFeeBasisPoints: Math.floor(fraction(9) * 1000) } }
        : null,
      isToken2022: token2022,
      nonTransferable: null,
      jupStrictList: chance(10, 0.2),
    },
  }
}

/** Not an address of the chain, and readable as such. */
function fakeAddress(digest: Buffer, role: string): string {
  return `synthetic-${role}-${digest.toString('hex').slice(0, 8)}`
}
