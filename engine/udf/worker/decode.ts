import type { ValueType } from './spec.js'

/**
 * RowBinary → JavaScript values. This file is also evaluated inside the sandbox, so that the
 * arrays and dates that a function gets are of its own realm: it may use no Node API but the methods
 * of the buffers it is handed.
 */

/** Bytes as they arrive. `fill` blocks until at least `needed` bytes stand at `offset`. */
export interface Input {
  buffer: Buffer
  view: DataView
  offset: number
  end: number
  fill(needed: number): void
}

const DAY_MS = 86_400_000
const TWO_32 = 4_294_967_296

export type Reader = (input: Input) => unknown

function need(input: Input, bytes: number): number {
  if (input.end - input.offset < bytes) input.fill(bytes)
  const at = input.offset
  input.offset = at + bytes
  return at
}

export function readVarUint(input: Input): number {
  let value = 0
  let factor = 1
  for (;;) {
    const at = need(input, 1)
    const byte = input.buffer[at]!
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value
    factor *= 128
  }
}

/** 64-bit integers become numbers, the nearest double: as they do in Proton. */
function readInt64(input: Input, signed: boolean): number {
  const at = need(input, 8)
  const high = signed ? input.view.getInt32(at + 4, true) : input.view.getUint32(at + 4, true)
  return high * TWO_32 + input.view.getUint32(at, true)
}

/** With `exact`, 64-bit integers are BigInts. */
export function makeReader(type: ValueType, exact = false): Reader {
  switch (type.kind) {
    case 'int':
      switch (type.bits) {
        case 8:
          return type.signed
            ? (input) => {
                const at = need(input, 1)
                return input.view.getInt8(at)
              }
            : (input) => {
                const at = need(input, 1)
                return input.view.getUint8(at)
              }
        case 16:
          return type.signed
            ? (input) => {
                const at = need(input, 2)
                return input.view.getInt16(at, true)
              }
            : (input) => {
                const at = need(input, 2)
                return input.view.getUint16(at, true)
              }
        case 32:
          return type.signed
            ? (input) => {
                const at = need(input, 4)
                return input.view.getInt32(at, true)
              }
            : (input) => {
                const at = need(input, 4)
                return input.view.getUint32(at, true)
              }
        default:
          if (!exact) return (input) => readInt64(input, type.signed)
          return type.signed
            ? (input) => {
                const at = need(input, 8)
                return input.view.getBigInt64(at, true)
              }
            : (input) => {
                const at = need(input, 8)
                return input.view.getBigUint64(at, true)
              }
      }
    case 'float':
      return type.bits === 32
        ? (input) => {
            const at = need(input, 4)
            return input.view.getFloat32(at, true)
          }
        : (input) => {
            const at = need(input, 8)
            return input.view.getFloat64(at, true)
          }
    case 'bool':
      return (input) => {
        const at = need(input, 1)
        return input.buffer[at] !== 0
      }
    case 'string':
      return (input) => {
        const size = readVarUint(input)
        const at = need(input, size)
        return input.buffer.toString('utf8', at, at + size)
      }
    case 'fixed_string':
      return (input) => {
        const at = need(input, type.size)
        return input.buffer.toString('utf8', at, at + type.size)
      }
    case 'date':
      return (input) => {
        const at = need(input, 2)
        return new Date(input.view.getUint16(at, true) * DAY_MS)
      }
    case 'date32':
      return (input) => {
        const at = need(input, 4)
        return new Date(input.view.getInt32(at, true) * DAY_MS)
      }
    case 'datetime':
      return (input) => {
        const at = need(input, 4)
        return new Date(input.view.getUint32(at, true) * 1000)
      }
    case 'datetime64': {
      if (type.scale < 3) {
        const msPerTick = 10 ** (3 - type.scale)
        return (input) => new Date(readInt64(input, true) * msPerTick)
      }
      const ticksPerMs = 10 ** (type.scale - 3)
      return (input) => new Date(Math.floor(readInt64(input, true) / ticksPerMs))
    }
    case 'array': {
      const element = makeReader(type.of, exact)
      return (input) => {
        const size = readVarUint(input)
        const values: unknown[] = []
        for (let i = 0; i < size; i++) values.push(element(input))
        return values
      }
    }
    case 'nullable': {
      const inner = makeReader(type.of, exact)
      return (input) => {
        const at = need(input, 1)
        return input.buffer[at] === 0 ? inner(input) : null
      }
    }
    case 'tuple': {
      const elements = type.of.map((element) => makeReader(element, exact))
      return (input) => {
        const value: Record<string, unknown> = {}
        for (let i = 0; i < elements.length; i++) value[type.names[i]!] = elements[i]!(input)
        return value
      }
    }
    case 'map': {
      const key = makeReader(type.key, exact)
      const value = makeReader(type.value, exact)
      return (input) => {
        const size = readVarUint(input)
        const result: Record<string, unknown> = {}
        for (let i = 0; i < size; i++) {
          const name = String(key(input))
          result[name] = value(input)
        }
        return result
      }
    }
  }
}
