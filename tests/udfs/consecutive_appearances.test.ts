import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { consecutiveAppearances } from '../../udfs/consecutive_appearances.js'
import { callAggregate } from '../../udfs/runtime/index.js'

const START = Date.UTC(2026, 3, 30, 13, 50)
const scan = (index: number, jitterMs = 0) => ({ scan_time: new Date(START + index * 300_000 + jitterMs) })

describe('consecutive_appearances', () => {
  it('counts the latest run', () => {
    expect(callAggregate(consecutiveAppearances, [])).toBe(0)
    expect(callAggregate(consecutiveAppearances, [scan(0)])).toBe(1)
    expect(
      callAggregate(
        consecutiveAppearances,
        [0, 1, 2].map((i) => scan(i)),
      ),
    ).toBe(3)
    expect(
      callAggregate(
        consecutiveAppearances,
        [0, 1, 2, 4, 5].map((i) => scan(i)),
      ),
    ).toBe(2)
  })

  it('takes scans late, twice and a little off', () => {
    expect(callAggregate(consecutiveAppearances, [scan(0), scan(2), scan(2), scan(1)])).toBe(3)
    expect(callAggregate(consecutiveAppearances, [scan(0, 2000), scan(1, -2000), scan(2, 90_000)])).toBe(3)
  })

  it('is the same in any order and cut in any parts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 3 }),
        (indices, cuts) => {
          const seen = new Set(indices)
          let expected = 0
          for (let i = Math.max(...indices, -1); i >= 0 && seen.has(i); i--) expected++
          const parts = cuts.map((cut) => cut % (indices.length + 1)).sort((a, b) => a - b)
          const rows = indices.map((index) => scan(index))
          expect(callAggregate(consecutiveAppearances, rows, parts)).toBe(expected)
        },
      ),
    )
  })
})
