import { describe, expect, it } from 'vitest'
import { matches } from '../../../cli/sqltest/match.js'

const same = (expected: unknown, actual: unknown, type?: string, tolerance = 0) =>
  matches(expected, actual, type, { tolerance })

describe('values', () => {
  it.each([
    [5, '5', 'uint64'],
    ['2305843009213693952', '2305843009213693952', 'uint64'],
    [1, 1.0, 'float64'],
    ['1.50', '1.5', 'decimal(9, 2)'],
    ['2026-01-02 12:00:00', '2026-01-02 12:00:00.000', "datetime64(3, 'UTC')"],
    ['2026-01-02T14:00:00+02:00', '2026-01-02 12:00:00', 'datetime'],
    [null, null, 'nullable(string)'],
    [[1, { a: 'x' }], [1, { a: 'x' }], undefined],
    [true, true, 'bool'],
  ])('%j is %j in a column of %s', (expected, actual, type) => {
    expect(same(expected, actual, type)).toBe(true)
  })

  it.each([
    [5, '5.0', 'string'],
    ['2305843009213693952', '2305843009213693953', 'uint64'],
    [null, '', 'string'],
    ['', null, 'nullable(string)'],
    [1, true, 'bool'],
    [[1], [1, 2], undefined],
    [{ a: 1 }, { a: 1, b: 2 }, undefined],
    ['01', '1', 'string'],
    ['2026-01-02', '2026-01-02 00:00:00', 'string'],
  ])('%j is not %j in a column of %s', (expected, actual, type) => {
    expect(same(expected, actual, type)).toBe(false)
  })

  it('numbers may be off by the tolerance', () => {
    expect(same(1, 1.05, 'float64', 0.1)).toBe(true)
    expect(same(1, 1.2, 'float64', 0.1)).toBe(false)
    expect(same([1, 2], [1.05, 2], undefined, 0.1)).toBe(true)
  })
})

describe('patterns', () => {
  it.each([
    [{ $any: true }, null],
    [{ $near: 1.5, $within: 0.01 }, 1.505],
    [{ $match: '^a.c$' }, 'abc'],
    [{ $gt: 1, $lte: 3 }, '3'],
    [{ $gte: '2026-01-01' }, '2026-01-01 00:00:00'],
    [{ $not: 'x' }, 'y'],
    [{ $json: { a: [1], b: { $match: 'z' } } }, '{"a":[1],"b":"xyz","c":0}'],
  ])('%j takes %j', (pattern, actual) => {
    expect(same(pattern, actual)).toBe(true)
  })

  it.each([
    [{ $near: 1.5, $within: 0.01 }, 1.52],
    [{ $match: '^b' }, 'abc'],
    [{ $gt: 3 }, '3'],
    [{ $not: 'x' }, 'x'],
    [{ $json: { a: 1 } }, '{"a":2}'],
    [{ $json: {} }, 'no json'],
  ])('%j refuses %j', (pattern, actual) => {
    expect(same(pattern, actual)).toBe(false)
  })
})
