import bs58 from 'bs58'

/** Bytes of a Solana address. */
export const MINT_BYTES = 32

/** The 32 bytes of a mint address, or undefined where the text is not base58 or has another length. */
export function decodeMint(address: string): Uint8Array | undefined {
  // 32 bytes take 32 to 44 digits; looking at that first keeps long rubbish from being decoded.
  if (address.length < 32 || address.length > 44) return undefined
  const bytes = bs58.decodeUnsafe(address)
  return bytes?.length === MINT_BYTES ? bytes : undefined
}

export function encodeMint(bytes: Uint8Array): string {
  return bs58.encode(bytes)
}
