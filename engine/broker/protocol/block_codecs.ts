import { MalformedFrame, Reader } from './bytes.js'

/**
 * Unpacking of the two block formats that Node has no codec for. Formats:
 * https://github.com/google/snappy/blob/main/format_description.txt (with the framing of snappy-java, which
 * Kafka uses), https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and …/lz4_Block_format.md
 */

/** Unpacked bytes so far; copies may reach back into them. */
class Output {
  #buffer: Buffer
  #length = 0

  constructor(
    expected: number,
    readonly limit: number,
  ) {
    this.#buffer = Buffer.allocUnsafe(Math.max(64, Math.min(expected, limit)))
  }

  get length(): number {
    return this.#length
  }

  #room(size: number): number {
    const end = this.#length + size
    if (end > this.limit) throw new MalformedFrame(`unpacks to more than ${this.limit} bytes`)
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.limit, Math.max(end, this.#buffer.length * 2)))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    const at = this.#length
    this.#length = end
    return at
  }

  literal(source: Buffer, from: number, size: number): void {
    if (size > source.length - from) throw new MalformedFrame('a literal runs past the end of its block')
    source.copy(this.#buffer, this.#room(size), from, from + size)
  }

  /** Repeats `size` bytes from `distance` back; they may overlap with what is being written. */
  back(distance: number, size: number): void {
    if (distance <= 0 || distance > this.#length) throw new MalformedFrame('a copy from before the start')
    const at = this.#room(size)
    if (distance >= size) {
      this.#buffer.copyWithin(at, at - distance, at - distance + size)
      return
    }
    for (let i = 0; i < size; i++) this.#buffer[at + i] = this.#buffer[at + i - distance]!
  }

  result(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const XERIAL_HEADER = 16

/** Snappy, bare or in snappy-java's frame. Throws MalformedFrame; never gives more than `limit` bytes. */
export function unpackSnappy(data: Buffer, limit: number): Buffer {
  const output = new Output(data.length * 4, limit)
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) {
    snappyBlock(data, output)
    return output.result()
  }
  for (let at = XERIAL_HEADER; at < data.length; ) {
    const size = uint(data, at, 4, 'BE')
    if (size > data.length - at - 4) throw new MalformedFrame('a snappy block runs past the end')
    snappyBlock(data.subarray(at + 4, at + 4 + size), output)
    at += 4 + size
  }
  return output.result()
}

function snappyBlock(block: Buffer, output: Output): void {
  const start = output.length
  const reader = new Reader(block)
  const unpackedSize = reader.uvarint()
  let at = reader.position
  while (at < block.length) {
    const tag = byte(block, at++)
    const high = tag >>> 2
    switch (tag & 3) {
      case 0: {
        // Up to 60 bytes the tag holds the length, above it the number of bytes that do.
        const extra = Math.max(0, high - 59)
        const size = (extra === 0 ? high : uint(block, at, extra, 'LE')) + 1
        at += extra
        output.literal(block, at, size)
        at += size
        break
      }
      case 1:
        output.back(((high >>> 3) << 8) | byte(block, at), (high & 7) + 4)
        at += 1
        break
      case 2:
        output.back(uint(block, at, 2, 'LE'), high + 1)
        at += 2
        break
      default:
        output.back(uint(block, at, 4, 'LE'), high + 1)
        at += 4
    }
  }
  if (output.length - start !== unpackedSize)
    throw new MalformedFrame('a snappy block has another size than it says')
}

const LZ4_MAGIC = 0x184d2204

/** One LZ4 frame. Its checksums are not looked at: the batch around it has its own. */
export function unpackLz4(data: Buffer, limit: number): Buffer {
  if (uint(data, 0, 4, 'LE') !== LZ4_MAGIC) throw new MalformedFrame('no LZ4 frame')
  const flags = byte(data, 4)
  const blockChecksum = (flags & 0x10) !== 0
  let at = 7 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0)
  const output = new Output(data.length * 4, limit)
  for (;;) {
    const word = uint(data, at, 4, 'LE')
    at += 4
    if (word === 0) return output.result()
    const size = word % 2 ** 31
    if (size > data.length - at) throw new MalformedFrame('an LZ4 block runs past the end')
    if (word >= 2 ** 31) output.literal(data, at, size)
    else lz4Block(data.subarray(at, at + size), output)
    at += size + (blockChecksum ? 4 : 0)
  }
}

function lz4Block(block: Buffer, output: Output): void {
  let at = 0
  const length = (nibble: number): number => {
    let total = nibble
    if (nibble === 15) {
      let more: number
      do {
        more = byte(block, at++)
        total += more
      } while (more === 255)
    }
    return total
  }
  while (at < block.length) {
    const token = byte(block, at++)
    const literals = length(token >>> 4)
    output.literal(block, at, literals)
    at += literals
    if (at >= block.length) return // The last sequence has literals only.
    const distance = uint(block, at, 2, 'LE')
    at += 2
    output.back(distance, length(token & 0x0f) + 4)
  }
}

function byte(data: Buffer, at: number): number {
  const value = data[at]
  if (value === undefined) throw new MalformedFrame('compressed data ends too early')
  return value
}

function uint(data: Buffer, at: number, size: number, order: 'LE' | 'BE'): number {
  if (at + size > data.length) throw new MalformedFrame('compressed data ends too early')
  return order === 'LE' ? data.readUIntLE(at, size) : data.readUIntBE(at, size)
}
