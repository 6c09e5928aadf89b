/** Whether a value that came is the one that was expected. */

export interface MatchOptions {
  /** How far numbers may be off. */
  tolerance: number
}

type Pattern = Record<string, unknown>

/** `{$near: 1.5, $within: 0.1}` and its like: what stands for a value that is not written out. */
const PATTERNS: Record<string, (argument: unknown, actual: unknown, pattern: Pattern) => boolean> = {
  $any: () => true,
  $near: (argument, actual, { $within = 1e-9 }) =>
    Math.abs(Number(actual) - Number(argument)) <= Number($within),
  $within: () => true,
  $match: (argument, actual) => typeof actual === 'string' && new RegExp(String(argument)).test(actual),
  $gt: (argument, actual) => compare(actual, argument) > 0,
  $gte: (argument, actual) => compare(actual, argument) >= 0,
  $lt: (argument, actual) => compare(actual, argument) < 0,
  $lte: (argument, actual) => compare(actual, argument) <= 0,
  $not: (argument, actual) => !matches(argument, actual, undefined, { tolerance: 0 }),
  $json: (argument, actual) => {
    try {
      return contains(argument, JSON.parse(String(actual)))
    } catch {
      return false
    }
  },
}

export const PATTERN_NAMES = Object.keys(PATTERNS)

function isPattern(value: unknown): value is Pattern {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const keys = Object.keys(value)
  return keys.length > 0 && keys.every((key) => key in PATTERNS)
}

const INTEGER = /^-?\d+$/
const TIME = /^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/

/** `type`: of the column, in Proton's spelling, where it is known. */
export function matches(
  expected: unknown,
  actual: unknown,
  type: string | undefined,
  options: MatchOptions,
): boolean {
  if (isPattern(expected))
    return Object.entries(expected).every(([name, argument]) => PATTERNS[name]!(argument, actual, expected))
  if (expected === null || actual === null || actual === undefined) return expected === (actual ?? null)
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, i) => matches(item, actual[i], undefined, options))
    )
  if (typeof expected === 'object') return sameObject(expected as Pattern, actual, options)
  if (typeof expected === 'boolean' || typeof actual === 'boolean') return expected === actual
  if (type === undefined || isNumeric(type)) {
    const number = numbersMatch(expected, actual, options)
    if (number !== undefined) return number
  }
  if ((type === undefined || /date/.test(type)) && TIME.test(String(expected)) && TIME.test(String(actual)))
    return timeOf(String(expected)) === timeOf(String(actual))
  return String(expected) === String(actual)
}

function isNumeric(type: string): boolean {
  return /^(nullable\(|low_cardinality\()*(u?int|float|decimal)/.test(type)
}

function numbersMatch(expected: unknown, actual: unknown, { tolerance }: MatchOptions): boolean | undefined {
  const [left, right] = [String(expected), String(actual)]
  if (INTEGER.test(left) && INTEGER.test(right) && tolerance === 0) return BigInt(left) === BigInt(right)
  const [a, b] = [Number(left), Number(right)]
  if (left.trim() === '' || right.trim() === '' || Number.isNaN(a) || Number.isNaN(b)) return undefined
  return a === b || Math.abs(a - b) <= tolerance
}

function sameObject(expected: Pattern, actual: unknown, options: MatchOptions): boolean {
  if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return false
  const given = actual as Pattern
  const keys = Object.keys(expected)
  return (
    keys.length === Object.keys(given).length &&
    keys.every((key) => key in given && matches(expected[key], given[key], undefined, options))
  )
}

/** All that is expected is there; what else there is does not matter. */
function contains(expected: unknown, actual: unknown): boolean {
  if (isPattern(expected)) return matches(expected, actual, undefined, { tolerance: 0 })
  if (Array.isArray(expected))
    return (
      Array.isArray(actual) &&
      expected.length === actual.length &&
      expected.every((item, i) => contains(item, actual[i]))
    )
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return false
    return Object.entries(expected).every(
      ([key, value]) => key in actual && contains(value, (actual as Pattern)[key]),
    )
  }
  return expected === actual
}

/** Datetimes are UTC unless they say otherwise. */
function timeOf(text: string): number {
  const iso = text.replace(' ', 'T')
  const dated = iso.includes('T') ? iso : `${iso}T00:00:00`
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(dated) ? dated : `${dated}Z`)
}

function compare(actual: unknown, limit: unknown): number {
  const [left, right] = [String(actual), String(limit)]
  if (INTEGER.test(left) && INTEGER.test(right)) {
    const difference = BigInt(left) - BigInt(right)
    return difference > 0n ? 1 : difference < 0n ? -1 : 0
  }
  if (TIME.test(left) && TIME.test(right)) return timeOf(left) - timeOf(right)
  return Number(left) - Number(right)
}
