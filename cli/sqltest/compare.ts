import type { ColumnInfo } from '../../driver/index.js'
import type { Expectation } from './format.js'
import { type MatchOptions, matches } from './match.js'

export type TestRow = Record<string, unknown>
export type MatchMode = NonNullable<Expectation['match']>

/** One line of the difference between the rows expected and those that came. */
export type RowDifference =
  | { kind: 'missing'; expected: TestRow }
  | { kind: 'unexpected'; actual: TestRow }
  | { kind: 'different'; expected: TestRow; actual: TestRow; columns: string[] }

interface Compared {
  expected: readonly TestRow[]
  actual: readonly TestRow[]
  columns: readonly ColumnInfo[]
  mode: MatchMode
  tolerance: number
}

/** What is wrong with the rows; nothing where they are as expected. Columns that no row names do not matter. */
export function compareRows({ expected, actual, columns, mode, tolerance }: Compared): RowDifference[] {
  const types = new Map(columns.map(({ name, type }) => [name, type]))
  const differing = (want: TestRow, have: TestRow, options: MatchOptions) =>
    Object.keys(want).filter(
      (column) => !(column in have) || !matches(want[column], have[column], types.get(column), options),
    )
  const same = (want: TestRow, have: TestRow) => differing(want, have, { tolerance }).length === 0
  switch (mode) {
    case 'exact': {
      const all: RowDifference[] = []
      for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
        const [want, have] = [expected[i], actual[i]]
        if (want && have) {
          const wrong = differing(want, have, { tolerance })
          if (wrong.length > 0) all.push({ kind: 'different', expected: want, actual: have, columns: wrong })
        } else if (want) all.push({ kind: 'missing', expected: want })
        else all.push({ kind: 'unexpected', actual: have! })
      }
      return all
    }
    case 'any':
      return expected.some((want) => actual.some((have) => same(want, have)))
        ? []
        : expected.map((want) => ({ kind: 'missing', expected: want }))
    case 'none':
      return actual
        .filter((have) => expected.some((want) => same(want, have)))
        .map((have) => ({ kind: 'unexpected', actual: have }))
    default: {
      const { missing, unexpected } = pairedOff(expected, actual, same)
      const left = nearest(missing, unexpected, (want, have) => differing(want, have, { tolerance }))
      return mode === 'subset' ? left.filter(({ kind }) => kind !== 'unexpected') : left
    }
  }
}

/** Takes away the pairs that match: the most there can be, whatever patterns overlap. */
function pairedOff(
  expected: readonly TestRow[],
  actual: readonly TestRow[],
  same: (want: TestRow, have: TestRow) => boolean,
): { missing: TestRow[]; unexpected: TestRow[] } {
  /** By number of an actual row, the expected row that has it. */
  const taken = new Map<number, number>()
  const place = (want: number, tried: Set<number>): boolean => {
    for (let have = 0; have < actual.length; have++) {
      if (tried.has(have) || !same(expected[want]!, actual[have]!)) continue
      tried.add(have)
      const owner = taken.get(have)
      if (owner === undefined || place(owner, tried)) {
        taken.set(have, want)
        return true
      }
    }
    return false
  }
  const missing = expected.filter((_, want) => !place(want, new Set()))
  return { missing, unexpected: actual.filter((_, have) => !taken.has(have)) }
}

/** Shows a missing and an unexpected row as one that differs, where they have most of their columns in common. */
function nearest(
  missing: TestRow[],
  unexpected: TestRow[],
  differing: (want: TestRow, have: TestRow) => string[],
): RowDifference[] {
  const left = [...unexpected]
  const all: RowDifference[] = []
  for (const want of missing) {
    const half = Object.keys(want).length / 2
    let best: { at: number; columns: string[] } | undefined
    for (const [at, have] of left.entries()) {
      const columns = differing(want, have)
      if (columns.length <= half && (!best || columns.length < best.columns.length)) best = { at, columns }
    }
    if (best) {
      const [have] = left.splice(best.at, 1)
      all.push({ kind: 'different', expected: want, actual: have!, columns: best.columns })
    } else all.push({ kind: 'missing', expected: want })
  }
  return [...all, ...left.map((actual): RowDifference => ({ kind: 'unexpected', actual }))]
}

/** Lines shown of a difference; the rest is counted. */
const MAX_LINES = 12

/**
 * The difference as text: `-` is missing, `+` came and was not expected, `~` differs in some columns. Of a row only
 * those columns are shown that the expectation names.
 */
export function differenceText(differences: readonly RowDifference[], named: readonly string[]): string {
  const shown = (row: TestRow) =>
    (named.length === 0 ? Object.keys(row) : named)
      .filter((column) => column in row)
      .map((column) => `${column}: ${valueText(row[column])}`)
      .join(', ')
  const line = (difference: RowDifference): string => {
    switch (difference.kind) {
      case 'missing':
        return `- ${shown(difference.expected)}`
      case 'unexpected':
        return `+ ${shown(difference.actual)}`
      case 'different': {
        const { expected, actual, columns } = difference
        const alike = Object.keys(expected).filter((column) => !columns.includes(column))
        const where = alike.map((column) => `${column}: ${valueText(actual[column])}`).join(', ')
        const what = columns
          .map((column) =>
            column in actual
              ? `${column} is ${valueText(actual[column])} instead of ${valueText(expected[column])}`
              : `there is no column ${column}`,
          )
          .join(', ')
        return `~ ${where}${where ? ': ' : ''}${what}`
      }
    }
  }
  const lines = differences.slice(0, MAX_LINES).map(line)
  const more = differences.length - lines.length
  return more > 0 ? `${lines.join('\n')}\n… and ${more} more` : lines.join('\n')
}

function valueText(value: unknown): string {
  const text = typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? 'nothing')
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
