import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeReader } from '../../../engine/udf/worker/decode.js'
import { makeWriter } from '../../../engine/udf/worker/encode.js'
import { fromJsonValue, quoteLargeIntegers, toJsonValue } from '../../../engine/udf/worker/json.js'
import { BlockInput, BlockOutput } from '../../../engine/udf/worker/pipes.js'
import { decodeFailure, encodeFailure, type ValueType } from '../../../engine/udf/worker/spec.js'

function roundTrip(type: ValueType, value: unknown, exact = false): unknown {
  const output = new BlockOutput()
  makeWriter(type)(output, value)
  const input = new BlockInput()
  input.buffer = output.buffer
  input.view = output.view
  input.end = output.offset
  const result = makeReader(type, exact)(input)
  expect(input.offset).toBe(output.offset)
  return result
}

const int = (bits: 8 | 16 | 32 | 64, signed = true): ValueType => ({ kind: 'int', bits, signed })
const text: ValueType = { kind: 'string' }

/** Types with values of theirs that survive a round trip as they are. */
const CASES: [ValueType, fc.Arbitrary<unknown>][] = [
  [int(8), fc.integer({ min: -128, max: 127 })],
  [int(8, false), fc.integer({ min: 0, max: 255 })],
  [int(16), fc.integer({ min: -32768, max: 32767 })],
  [int(16, false), fc.integer({ min: 0, max: 65535 })],
  [int(32), fc.integer()],
  [int(32, false), fc.integer({ min: 0, max: 0xffffffff })],
  [int(64), fc.maxSafeInteger().map((n) => n + 0)],
  [int(64, false), fc.maxSafeNat()],
  [{ kind: 'float', bits: 64 }, fc.double()],
  [{ kind: 'float', bits: 32 }, fc.float()],
  [{ kind: 'bool' }, fc.boolean()],
  [text, fc.string({ unit: 'grapheme', maxLength: 300 })],
  [{ kind: 'array', of: int(32) }, fc.array(fc.integer(), { maxLength: 300 })],
  [{ kind: 'nullable', of: text }, fc.option(fc.string({ unit: 'grapheme' }))],
  [
    {
      kind: 'tuple',
      names: ['a', 'b'],
      of: [
        { kind: 'nullable', of: int(16) },
        { kind: 'array', of: text },
      ],
    },
    fc.record(
      { a: fc.option(fc.integer({ min: 0, max: 9 })), b: fc.array(fc.string()) },
      { noNullPrototype: true },
    ),
  ],
  [
    { kind: 'datetime64', scale: 3 },
    fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
  ],
  [
    { kind: 'datetime64', scale: 6 },
    fc.date({ min: new Date('1900-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
  ],
]

describe('values through RowBinary', () => {
  for (const [type, values] of CASES) {
    it(JSON.stringify(type), () => {
      fc.assert(
        fc.property(values, (value) => {
          expect(roundTrip(type, value)).toStrictEqual(value)
        }),
      )
    })
  }

  it('64-bit integers, exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        expect(roundTrip(int(64), value, true)).toBe(value)
      }),
    )
    expect(roundTrip(int(64, false), 2n ** 64n - 1n, true)).toBe(2n ** 64n - 1n)
  })

  it('numbers as 64-bit integers are cut off and clamped', () => {
    const cases: [number, bigint][] = [
      [-1.9, -1n],
      [1.9, 1n],
      [-4294967297, -4294967297n],
      [2 ** 53 + 2, 9007199254740994n],
      [-(2 ** 62), -(2n ** 62n)],
      [1e300, 2n ** 63n - 1n],
      [-1e300, -(2n ** 63n)],
      [Number.POSITIVE_INFINITY, 2n ** 63n - 1n],
      [Number.NaN, 0n],
    ]
    for (const [number, expected] of cases)
      expect(roundTrip(int(64), number, true), String(number)).toBe(expected)
  })

  it('dates of the day types', () => {
    const day = new Date('2024-02-29T00:00:00Z')
    expect(roundTrip({ kind: 'date' }, new Date('2024-02-29T23:59:59Z'))).toEqual(day)
    expect(roundTrip({ kind: 'date32' }, new Date('1950-02-28T12:00:00Z'))).toEqual(
      new Date('1950-02-28T00:00:00Z'),
    )
    expect(roundTrip({ kind: 'datetime' }, new Date('2024-02-29T01:02:03.999Z'))).toEqual(
      new Date('2024-02-29T01:02:03Z'),
    )
    expect(roundTrip({ kind: 'datetime64', scale: 0 }, '2024-02-29 01:02:03.9')).toEqual(
      new Date('2024-02-29T01:02:03Z'),
    )
    expect(roundTrip({ kind: 'date' }, '2024-02-29')).toEqual(day)
  })

  it('refuses what the type cannot hold', () => {
    const refused: [ValueType, unknown][] = [
      [int(32), 'x'],
      [int(32), null],
      [text, {}],
      [{ kind: 'bool' }, 'true'],
      [{ kind: 'datetime64', scale: 3 }, 'yesterday'],
      [{ kind: 'tuple', names: ['a'], of: [text] }, {}],
      [{ kind: 'array', of: text }, 'abc'],
    ]
    for (const [type, value] of refused) expect(() => roundTrip(type, value), JSON.stringify(type)).toThrow()
  })
})

describe('values as JSON', () => {
  it('are printed as Proton prints them, and read back', () => {
    const type: ValueType = {
      kind: 'tuple',
      names: ['id', 'at', 'values'],
      of: [
        int(64),
        { kind: 'datetime64', scale: 6, timezone: 'Asia/Tokyo' },
        { kind: 'array', of: { kind: 'float', bits: 64 } },
      ],
    }
    const value = {
      id: 9007199254740993n,
      at: new Date('2026-01-01T20:00:00.123Z'),
      values: [1.5, Number.NaN],
    }
    expect(toJsonValue(type, value)).toEqual({
      id: '9007199254740993',
      at: '2026-01-02 05:00:00.123000',
      values: [1.5, null],
    })
    expect(fromJsonValue(type, { id: '9007199254740993', at: 'x', values: ['1.5', 2] })).toEqual({
      id: 9007199254740993n,
      at: 'x',
      values: [1.5, 2],
    })
  })

  it('long integers are quoted, nothing else is touched', () => {
    const json =
      '{"a": 12345678901234567890, "b": "12345678901234567890 \\" 1", "c": [1, -9223372036854775808, 1.2345678901234567890, 1e21]}'
    expect(quoteLargeIntegers(json)).toBe(
      '{"a": "12345678901234567890", "b": "12345678901234567890 \\" 1", "c": [1, "-9223372036854775808", 1.2345678901234567890, 1e21]}',
    )
  })
})

it('a failure survives its way through the text of another error', () => {
  const failure = { code: 2533, message: 'call JavaScript UDF \'f\' failed:Error: "ü": \n line two' }
  expect(decodeFailure(`Code: 754. stderr: ${encodeFailure(failure)}. (UDF_EXECUTION_FAILED)`)).toEqual(
    failure,
  )
  expect(decodeFailure('Code: 60. nothing of ours')).toBeUndefined()
})
