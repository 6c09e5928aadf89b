/** CRC-32C of 64-bit words as the processor counts it: what Proton hashes numbers with. */
const POLYNOMIAL = 0x82f63b78

/** `TABLES[i]`: the sum that a byte leaves when `i` more bytes follow it. */
const TABLES: number[][] = []
for (let behind = 0; behind < 8; behind++) {
  TABLES.push(
    Array.from({ length: 256 }, (_, byte) => {
      let crc = byte
      for (let bit = 0; bit < 8 * (behind + 1); bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
      return crc >>> 0
    }),
  )
}

const ALL_ONES = 0xffffffff

/** SQL of the sum of a UInt64 expression, from all ones or from an earlier sum (a UInt32 expression). */
export function crc32cText(word: string, before = `toUInt32(${ALL_ONES})`): string {
  const mixed = `bitXor(toUInt64(${word}), toUInt64(${before}))`
  const parts = TABLES.map((_, i) => {
    const byte = `bitAnd(bitShiftRight(${mixed}, ${8 * i}), 255)`
    return `CAST([${TABLES[7 - i]!.join(',')}], 'Array(UInt32)')[${byte} + 1]`
  })
  return parts.reduce((sum, part) => `bitXor(${sum}, ${part})`)
}
