import type { TypeNode } from '../../dialect/index.js'
import type { Generate } from './format.js'

export interface GeneratedColumn {
  name: string
  type: TypeNode
}

export type GeneratedRow = Record<string, unknown>

/** Rows for a stream of these columns; the same seed gives the same rows, on every machine. */
export function generateRows(spec: Generate, columns: readonly GeneratedColumn[]): GeneratedRow[] {
  const random = randomNumbers(spec.seed)
  const known = new Set(columns.map((column) => column.name))
  const extra = Object.keys(spec.columns).filter((column) => !known.has(column))
  return Array.from({ length: spec.rows }, (_, index) => {
    const row: GeneratedRow = {}
    for (const { name, type } of columns) {
      const given = spec.columns[name]
      row[name] = given ? givenValue(given, index, random) : randomValue(type, random)
    }
    for (const name of extra) row[name] = givenValue(spec.columns[name]!, index, random)
    return row
  })
}

type Random = () => number

/** mulberry32: small, fast, and good enough for test data. Gives numbers 0 ≤ n < 1. */
function randomNumbers(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function givenValue(given: Generate['columns'][string], index: number, random: Random): unknown {
  if ('pick' in given) return given.pick[Math.floor(random() * given.pick.length)]
  if ('cycle' in given) return given.cycle[index % given.cycle.length]
  if ('sequence' in given) return given.sequence + index * given.step
  if ('between' in given) {
    const [low, high] = given.between
    const whole = Number.isInteger(low) && Number.isInteger(high)
    return whole ? low + Math.floor(random() * (high - low + 1)) : low + random() * (high - low)
  }
  return given.value
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
/** Generated times lie in the year from here on. */
const YEAR_BEGIN = Date.UTC(2026, 0, 1)
const YEAR_MS = 365 * 86_400_000
/** A third of the values that may be missing are. */
const NULL_CHANCE = 1 / 3

/** A random value of a type, as JSON. */
function randomValue(type: TypeNode, random: Random): unknown {
  const whole = (limit: number) => Math.floor(random() * limit)
  const inner = (position: number) => {
    const arg = type.args[position]
    return arg && 'type' in arg ? arg.type : undefined
  }
  const integer = /^(u?)int(\d+)?$/.exec(type.name)
  if (integer) {
    // Wider ones stay where JSON keeps every digit.
    const bits = Math.min(Number(integer[2] ?? 32), 48)
    return integer[1] === 'u' ? whole(2 ** bits) : whole(2 ** bits) - 2 ** (bits - 1)
  }
  switch (type.name) {
    case 'bool':
    case 'boolean':
      return random() < 0.5
    case 'float32':
    case 'float64':
    case 'float':
    case 'double':
      return Math.round(random() * 1e6) / 1e3
    case 'decimal':
    case 'decimal32':
    case 'decimal64':
    case 'decimal128':
    case 'decimal256':
      return whole(1_000)
    case 'date':
    case 'date32':
      return new Date(YEAR_BEGIN + whole(YEAR_MS)).toISOString().slice(0, 10)
    case 'datetime':
      return new Date(YEAR_BEGIN + whole(YEAR_MS)).toISOString().slice(0, 19).replace('T', ' ')
    case 'datetime64':
      return new Date(YEAR_BEGIN + whole(YEAR_MS)).toISOString().slice(0, 23).replace('T', ' ')
    case 'nullable':
      return random() < NULL_CHANCE ? null : randomValue(inner(0)!, random)
    case 'low_cardinality':
      return randomValue(inner(0)!, random)
    case 'array':
      return Array.from({ length: whole(4) }, () => randomValue(inner(0)!, random))
    case 'map': {
      const entries = Array.from({ length: whole(3) }, () => [
        String(randomValue(inner(0)!, random)),
        randomValue(inner(1)!, random),
      ])
      return Object.fromEntries(entries)
    }
    case 'tuple': {
      const elements = type.args.map((arg) => randomValue((arg as { type: TypeNode }).type, random))
      const names = type.args.map((arg) => (arg.kind === 'named' ? arg.name : undefined))
      return names.every((element) => element !== undefined)
        ? Object.fromEntries(names.map((element, i) => [element, elements[i]]))
        : elements
    }
    case 'enum':
    case 'enum8':
    case 'enum16': {
      const values = type.args.flatMap((arg) =>
        arg.kind === 'enum' || arg.kind === 'string' ? [arg.value] : [],
      )
      return values[whole(values.length)]
    }
    case 'uuid': {
      const hex = Array.from({ length: 32 }, () => whole(16).toString(16)).join('')
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    }
    case 'ipv4':
      return [10, whole(256), whole(256), whole(256)].join('.')
    case 'fixed_string': {
      const length = type.args[0]?.kind === 'number' ? Number(type.args[0].text) : 1
      return Array.from({ length }, () => LETTERS[whole(26)]).join('')
    }
    default:
      return Array.from({ length: 4 + whole(8) }, () => LETTERS[whole(26)]).join('')
  }
}
