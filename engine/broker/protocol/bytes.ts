/** A frame that cannot be what it says it is. The connection that sent it is dropped, nothing else. */
export class MalformedFrame extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MalformedFrame'
  }
}

/**
 * Reads Kafka's primitive types. `version` and `flexible` travel with the reader, so that a codec
 * written once reads every version of its API. Integers of 64 bits are JS numbers: offsets and
 * timestamps stay far below 2^53.
 */
export class Reader {
  position = 0

  constructor(
    readonly buffer: Buffer,
    readonly version = 0,
    readonly flexible = false,
  ) {}

  get remaining(): number {
    return this.buffer.length - this.position
  }

  #take(length: number): number {
    const start = this.position
    if (length < 0 || length > this.remaining) {
      throw new MalformedFrame(`${length} bytes wanted at ${start}, ${this.remaining} left`)
    }
    this.position += length
    return start
  }

  int8(): number {
    return this.buffer.readInt8(this.#take(1))
  }
  int16(): number {
    return this.buffer.readInt16BE(this.#take(2))
  }
  int32(): number {
    return this.buffer.readInt32BE(this.#take(4))
  }
  uint32(): number {
    return this.buffer.readUInt32BE(this.#take(4))
  }
  int64(): number {
    return Number(this.buffer.readBigInt64BE(this.#take(8)))
  }
  bytes(length: number): Buffer {
    const start = this.#take(length)
    return this.buffer.subarray(start, start + length)
  }

  /** Unsigned, at most 32 bits. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer[this.#take(1)]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        if (value > 0xffffffff) break
        return value
      }
    }
    throw new MalformedFrame(`varint longer than 32 bits at ${this.position}`)
  }

  /** Zigzag, at most 32 bits. */
  varint(): number {
    const raw = this.uvarint()
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** Zigzag, at most 64 bits. */
  varlong(): number {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.buffer[this.#take(1)]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n)))
    }
    throw new MalformedFrame(`varlong longer than 64 bits at ${this.position}`)
  }
}

const MAX_INT64 = 2n ** 63n - 1n
/** Byte strings at least this long are put into the frame by reference, not copied. */
const BY_REFERENCE = 4096

/** Writes Kafka's primitive types; the result is a list of chunks, for a gathering write. */
export class Writer {
  readonly #chunks: Buffer[] = []
  #chunk: Buffer = Buffer.allocUnsafe(256)
  #used = 0
  #length = 0

  constructor(
    readonly version = 0,
    readonly flexible = false,
  ) {}

  get length(): number {
    return this.#length
  }

  #room(size: number): number {
    if (this.#used + size > this.#chunk.length) {
      this.#seal()
      this.#chunk = Buffer.allocUnsafe(Math.max(1024, size))
    }
    const at = this.#used
    this.#used += size
    this.#length += size
    return at
  }

  #seal(): void {
    if (this.#used > 0) this.#chunks.push(this.#chunk.subarray(0, this.#used))
    this.#chunk = this.#chunk.subarray(this.#used)
    this.#used = 0
  }

  int8(value: number): void {
    const at = this.#room(1)
    this.#chunk.writeInt8(value, at)
  }
  int16(value: number): void {
    const at = this.#room(2)
    this.#chunk.writeInt16BE(value, at)
  }
  int32(value: number): void {
    const at = this.#room(4)
    this.#chunk.writeInt32BE(value, at)
  }
  uint32(value: number): void {
    const at = this.#room(4)
    this.#chunk.writeUInt32BE(value, at)
  }
  int64(value: number): void {
    const at = this.#room(8)
    // The largest 64-bit integer became 2^63 when it was read as a number.
    this.#chunk.writeBigInt64BE(value >= 2 ** 63 ? MAX_INT64 : BigInt(value), at)
  }
  bytes(value: Buffer): void {
    if (value.length >= BY_REFERENCE) {
      this.#seal()
      this.#chunks.push(value)
      this.#length += value.length
      return
    }
    const at = this.#room(value.length)
    value.copy(this.#chunk, at)
  }

  uvarint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.int8(((rest & 0x7f) | 0x80) - 0x100)
      rest = Math.floor(rest / 128)
    }
    this.int8(rest)
  }

  varint(value: number): void {
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  varlong(value: number): void {
    const wide = BigInt(value)
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n))
    while (rest >= 0x80n) {
      this.int8(Number(rest & 0x7fn) - 0x80)
      rest >>= 7n
    }
    this.int8(Number(rest))
  }

  chunks(): Buffer[] {
    this.#seal()
    return this.#chunks
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.chunks())
  }
}
