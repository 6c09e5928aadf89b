import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decoderOf, type RawMessage, splitObjects } from '../../../../engine/external/kafka/decode.js'

function message(value: string | null): RawMessage {
  return {
    partition: 2,
    offset: 41,
    timestamp: 0,
    key: Buffer.from('k'),
    value: value === null ? null : Buffer.from(value),
    headers: { h: 'v' },
  }
}
const json = decoderOf({ dataFormat: 'JSONEachRow', binary: false }, [{ name: 'a' }])
const hidden = {
  __time: '1970-01-01T00:00:00.000Z',
  __offset: 41,
  __partition: 2,
  __key: 'k',
  __headers: { h: 'v' },
}

describe('messages in JSONEachRow', () => {
  it.each([
    ['{"a":1}', [{ a: 1 }]],
    ['{}', [{}]],
    ['{"a":1}\n{"a":2}', [{ a: 1 }, { a: 2 }]],
    ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ['{\n  "a": "x}{\\"y"\n}', [{ a: 'x}{"y' }]],
  ])('%j', (text, rows) => {
    const decoded = json(message(text))
    expect('rows' in decoded && decoded.rows.map((row) => JSON.parse(row))).toEqual(
      rows.map((row) => ({ ...hidden, ...row })),
    )
    expect('rows' in decoded && decoded.rows.every((row) => !row.includes('\n'))).toBe(true)
  })

  it('keeps every digit', () => {
    const decoded = json(message('{"a":18446744073709551615}'))
    expect('rows' in decoded && decoded.rows[0]).toContain('"a":18446744073709551615')
  })

  it.each([
    ['{"a":', /not closed/],
    ['[{"a":1}', /array is not closed/],
    ['hello', /Expected a JSON object at position 0/],
    ['{"a":nope}', /Not valid JSON/],
    ['', /empty/],
    ['42', /Expected a JSON object/],
  ])('refuses %j', (text, reason) => {
    expect(json(message(text))).toEqual({ error: expect.stringMatching(reason) })
  })

  it('a tombstone is refused, not skipped in silence', () => {
    expect(json(message(null))).toEqual({ error: expect.stringMatching(/empty/) })
  })

  it('cuts what it joined, whatever the objects hold', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        fc.constantFrom('\n', ' ', '', ',\n'),
        (objects, gap) => {
          const texts = objects.map((object) => JSON.stringify(object))
          expect(splitObjects(texts.join(gap))).toEqual(texts)
          expect(splitObjects(`[${texts.join(',')}]`)).toEqual(texts)
        },
      ),
    )
  })
})

it('RawBLOB keeps the text as it is', () => {
  const decoded = decoderOf({ dataFormat: 'RawBLOB', binary: true }, [{ name: 'raw' }])(
    message('a "quoted"\nline'),
  )
  expect('rows' in decoded && JSON.parse(decoded.rows[0]!)).toEqual({ ...hidden, raw: 'a "quoted"\nline' })
})
