import type { ValueType } from './spec.js'

/**
 * JavaScript values → RowBinary. Evaluated inside the sandbox too (see decode.ts): no Node API but the methods of
 * the buffers it is handed.
 */

/** Bytes on their way out. `grow` makes room for at least `needed` bytes at `offset`. */
export interface Output {
  buffer: Buffer
  view: DataView
  offset: number
  grow(needed: number): void
}

/** A value that the declared type cannot hold: Proton's code and words. */
export class ValueError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

const TYPE_MISMATCH = 53
const ILLEGAL_TYPE_OF_ARGUMENT = 43
const DAY_MS = 86_400_000
const TWO_32 = 4_294_967_296

export type Writer = (output: Output, value: unknown) => void

function room(output: Output, bytes: number): number {
  if (output.buffer.length - output.offset < bytes) output.grow(bytes)
  const at = output.offset
  output.offset = at + bytes
  return at
}

function writeVarUint(output: Output, value: number): void {
  let rest = value
  while (rest >= 128) {
    const at = room(output, 1)
    output.buffer[at] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  const at = room(output, 1)
  output.buffer[at] = rest
}

function writeText(output: Output, text: string): void {
  // A UTF-16 unit takes at most 3 bytes of UTF-8; below 128 bytes the length needs one byte.
  const most = text.length * 3
  if (most < 128) {
    const at = room(output, 1 + most)
    const size = output.buffer.write(text, at + 1, most, 'utf8')
    output.buffer[at] = size
    output.offset = at + 1 + size
    return
  }
  const at = room(output, most + 10)
  const size = output.buffer.write(text, at + 10, most, 'utf8')
  output.offset = at
  writeVarUint(output, size)
  output.buffer.copyWithin(output.offset, at + 10, at + 10 + size)
  output.offset += size
}

function mismatch(expected: string, value: unknown): ValueError {
  return new ValueError(TYPE_MISMATCH, `Expected ${expected}, typeof=${typeof value}`)
}

function asNumber(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw mismatch('Number', value)
}

/** Both halves are written modulo 2^64, so a BigInt keeps every digit. Numbers are cut off towards zero and clamped, as V8 does. */
function writeInt64(output: Output, value: unknown, signed: boolean): void {
  const at = room(output, 8)
  if (typeof value === 'bigint') {
    output.view.setBigUint64(at, BigInt.asUintN(64, value), true)
    return
  }
  let number = Math.trunc(asNumber(value))
  if (Number.isNaN(number)) number = 0
  const most = signed ? 2 ** 63 : 2 ** 64
  if (number >= most) {
    output.view.setUint32(at, 0xffffffff, true)
    output.view.setUint32(at + 4, signed ? 0x7fffffff : 0xffffffff, true)
    return
  }
  if (number < -(2 ** 63)) number = -(2 ** 63)
  const low = ((number % TWO_32) + TWO_32) % TWO_32
  output.view.setUint32(at, low, true)
  output.view.setInt32(at + 4, ((number - low) / TWO_32) | 0, true)
}

/** Milliseconds since 1970: of a Date (of whichever realm), a number, or a date text. */
function asInstant(value: unknown): number {
  let ms = Number.NaN
  if (typeof value === 'number') ms = value
  else if (typeof value === 'string') ms = Date.parse(toIsoText(value))
  else if (Object.prototype.toString.call(value) === '[object Date]') ms = (value as Date).getTime()
  if (Number.isNaN(ms)) throw mismatch('Date', value)
  return ms
}

/** `2026-01-02 03:04:05.678`: without a zone it is UTC. */
function toIsoText(text: string): string {
  const plain = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?$/.exec(text)
  if (!plain) return text
  return `${plain[1]}T${plain[2] ?? '00:00:00'}.${(plain[3] ?? '0').padEnd(3, '0').slice(0, 3)}Z`
}

export function makeWriter(type: ValueType): Writer {
  switch (type.kind) {
    case 'int':
      switch (type.bits) {
        case 8:
          return (output, value) => {
            const at = room(output, 1)
            output.view.setInt8(at, asNumber(value))
          }
        case 16:
          return (output, value) => {
            const at = room(output, 2)
            output.view.setInt16(at, asNumber(value), true)
          }
        case 32:
          return (output, value) => {
            const at = room(output, 4)
            output.view.setInt32(at, asNumber(value), true)
          }
        default:
          return (output, value) => writeInt64(output, value, type.signed)
      }
    case 'float':
      return type.bits === 32
        ? (output, value) => {
            const at = room(output, 4)
            output.view.setFloat32(at, asNumber(value), true)
          }
        : (output, value) => {
            const at = room(output, 8)
            output.view.setFloat64(at, asNumber(value), true)
          }
    case 'bool':
      return (output, value) => {
        if (typeof value !== 'boolean' && typeof value !== 'number') throw mismatch('Boolean', value)
        const at = room(output, 1)
        output.buffer[at] = value ? 1 : 0
      }
    case 'string':
      return (output, value) => {
        if (typeof value === 'string') writeText(output, value)
        else if (typeof value === 'number' || typeof value === 'bigint') writeText(output, String(value))
        else throw mismatch('String', value)
      }
    case 'fixed_string':
      return (output, value) => {
        if (typeof value !== 'string') throw mismatch('String', value)
        const at = room(output, type.size)
        output.buffer.fill(0, at, at + type.size)
        output.buffer.write(value, at, type.size, 'utf8')
      }
    case 'date':
      return (output, value) => {
        const at = room(output, 2)
        output.view.setUint16(at, Math.floor(asInstant(value) / DAY_MS), true)
      }
    case 'date32':
      return (output, value) => {
        const at = room(output, 4)
        output.view.setInt32(at, Math.floor(asInstant(value) / DAY_MS), true)
      }
    case 'datetime':
      return (output, value) => {
        const at = room(output, 4)
        output.view.setUint32(at, Math.floor(asInstant(value) / 1000), true)
      }
    case 'datetime64': {
      const ticksPerMs = 10n ** BigInt(Math.max(type.scale - 3, 0))
      const msPerTick = 10 ** Math.max(3 - type.scale, 0)
      return (output, value) =>
        writeInt64(output, BigInt(Math.floor(Math.floor(asInstant(value)) / msPerTick)) * ticksPerMs, true)
    }
    case 'array': {
      const element = makeWriter(type.of)
      return (output, value) => {
        if (!Array.isArray(value)) {
          throw new ValueError(ILLEGAL_TYPE_OF_ARGUMENT, `UDF expect return Array but got ${typeof value}`)
        }
        writeVarUint(output, value.length)
        for (let i = 0; i < value.length; i++) element(output, value[i])
      }
    }
    case 'nullable': {
      const inner = makeWriter(type.of)
      return (output, value) => {
        const missing = value === null || value === undefined
        const at = room(output, 1)
        output.buffer[at] = missing ? 1 : 0
        if (!missing) inner(output, value)
      }
    }
    case 'tuple': {
      const elements = type.of.map(makeWriter)
      return (output, value) => {
        if (typeof value !== 'object' || value === null) {
          throw new ValueError(
            TYPE_MISMATCH,
            'the result result is Tuple type, but the UDF does not return Object',
          )
        }
        for (let i = 0; i < elements.length; i++) {
          const name = type.names[i]!
          // An array serves a tuple whose elements have no names (they are called 1, 2, …).
          const element = Array.isArray(value) ? value[i] : (value as Record<string, unknown>)[name]
          if (element === undefined) {
            throw new ValueError(
              TYPE_MISMATCH,
              `invalid result, the UDF does not return object with ${name} property`,
            )
          }
          elements[i]!(output, element)
        }
      }
    }
    case 'map': {
      const key = makeWriter(type.key)
      const inner = makeWriter(type.value)
      return (output, value) => {
        if (typeof value !== 'object' || value === null) throw mismatch('Object', value)
        const entries = Object.entries(value)
        writeVarUint(output, entries.length)
        for (const [name, element] of entries) {
          key(output, type.key.kind === 'string' ? name : Number(name))
          inner(output, element)
        }
      }
    }
  }
}
