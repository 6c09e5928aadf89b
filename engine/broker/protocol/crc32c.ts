/** CRC-32C (Castagnoli), eight bytes a step: record batches are checked on every produce and on recovery. */
const POLYNOMIAL = 0x82f63b78
const TABLES: Int32Array[] = Array.from({ length: 8 }, () => new Int32Array(256))
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  TABLES[0]![byte] = crc
}
for (let byte = 0; byte < 256; byte++) {
  let crc = TABLES[0]![byte]!
  for (let table = 1; table < 8; table++) {
    crc = TABLES[0]![crc & 0xff]! ^ (crc >>> 8)
    TABLES[table]![byte] = crc
  }
}
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

/** The checksum of `data`, unsigned. */
export function crc32c(data: Uint8Array): number {
  let crc = -1
  let i = 0
  const wide = data.length - 7
  while (i < wide) {
    crc ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24)
    crc =
      T7[crc & 0xff]! ^
      T6[(crc >>> 8) & 0xff]! ^
      T5[(crc >>> 16) & 0xff]! ^
      T4[crc >>> 24]! ^
      T3[data[i + 4]!]! ^
      T2[data[i + 5]!]! ^
      T1[data[i + 6]!]! ^
      T0[data[i + 7]!]!
    i += 8
  }
  while (i < data.length) crc = T0[(crc ^ data[i++]!) & 0xff]! ^ (crc >>> 8)
  return (crc ^ -1) >>> 0
}
