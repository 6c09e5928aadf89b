import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareRows, differenceText, type MatchMode, type TestRow } from '../../../cli/sqltest/compare.js'

const compare = (mode: MatchMode, expected: TestRow[], actual: TestRow[], tolerance = 0) =>
  compareRows({ expected, actual, columns: [], mode, tolerance })
const kinds = (mode: MatchMode, expected: TestRow[], actual: TestRow[]) =>
  compare(mode, expected, actual).map(({ kind }) => kind)

const [a, b, c] = [{ k: 'a' }, { k: 'b' }, { k: 'c' }]

describe('modes', () => {
  it('exact: these rows in this order', () => {
    expect(kinds('exact', [a, b], [a, b])).toEqual([])
    expect(kinds('exact', [a, b], [b, a])).toEqual(['different', 'different'])
    expect(kinds('exact', [a], [a, b])).toEqual(['unexpected'])
    expect(kinds('exact', [a, b], [a])).toEqual(['missing'])
  })

  it('unordered: these rows, each as often', () => {
    expect(kinds('unordered', [a, b], [b, a])).toEqual([])
    expect(kinds('unordered', [a, a], [a])).toEqual(['missing'])
    expect(kinds('unordered', [a], [a, a])).toEqual(['unexpected'])
  })

  it('subset, any, none', () => {
    expect(kinds('subset', [a], [c, a])).toEqual([])
    expect(kinds('subset', [a, b], [a])).toEqual(['missing'])
    expect(kinds('any', [a, b], [b])).toEqual([])
    expect(kinds('any', [a, b], [c])).toEqual(['missing', 'missing'])
    expect(kinds('none', [a], [b])).toEqual([])
    expect(kinds('none', [a], [a, b])).toEqual(['unexpected'])
  })

  it('columns that nobody names do not matter; ones that are not there do', () => {
    expect(kinds('exact', [a], [{ k: 'a', other: 1 }])).toEqual([])
    expect(kinds('exact', [{ k: 'a', gone: null }], [a])).toEqual(['different'])
  })

  it('patterns that overlap find their rows, whichever comes first', () => {
    const loose = { k: { $any: true } }
    expect(kinds('unordered', [loose, a], [a, b])).toEqual([])
    expect(kinds('unordered', [loose, a], [b, a])).toEqual([])
  })

  it('any shuffle of the rows is the same to unordered', () => {
    const row = fc.record({ k: fc.constantFrom('a', 'b', 'c'), n: fc.integer({ min: 0, max: 2 }) })
    const rows = fc.array(row, { maxLength: 8 })
    fc.assert(
      fc.property(
        rows.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([expected, shuffled]) => {
          expect(compare('unordered', expected, shuffled)).toEqual([])
          expect(compare('unordered', expected, [...shuffled, { k: 'z', n: 9 }])).toHaveLength(1)
        },
      ),
      { numRuns: 100 },
    )
  })
})

it('a difference names the columns that differ, and only those that were asked for', () => {
  const differences = compare(
    'unordered',
    [
      { k: 'a', n: 1, s: 'x' },
      { k: 'b', n: 2, s: 'x' },
    ],
    [
      { k: 'a', n: 5, s: 'x', other: 1 },
      { k: 'z', n: 9, s: 'y', other: 1 },
    ],
  )
  expect(differenceText(differences, ['k', 'n', 's'])).toBe(
    ["~ k: 'a', s: 'x': n is 5 instead of 1", "- k: 'b', n: 2, s: 'x'", "+ k: 'z', n: 9, s: 'y'"].join('\n'),
  )
})

it('a long difference is cut', () => {
  const text = differenceText(
    Array.from({ length: 30 }, (_, n) => ({ kind: 'unexpected' as const, actual: { n } })),
    [],
  )
  expect(text.split('\n')).toHaveLength(13)
  expect(text).toContain('… and 18 more')
})
