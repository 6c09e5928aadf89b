import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { syntheticList, syntheticToken } from '../../scripts/generate-tokens.js'
import { syntheticScans } from '../../scripts/generate-trending.js'
import { decodeMint, encodeMint } from '../../scripts/tokens/mint.js'
import { MintTable, SEEN, STORED } from '../../scripts/tokens/mint_table.js'
import { readRecords, type SourceRecord } from '../../scripts/tokens/reader.js'
import { recordedTrending } from '../../scripts/trending/record.js'

async function* chunks(bytes: Buffer, cuts: number[]): AsyncGenerator<Uint8Array> {
  let from = 0
  for (const cut of [...cuts].map((c) => c % (bytes.length + 1)).sort((a, b) => a - b)) {
    yield bytes.subarray(from, cut)
    from = cut
  }
  yield bytes.subarray(from)
}

async function read(text: string, cuts: number[] = [], maxRecordBytes?: number): Promise<SourceRecord[]> {
  const all: SourceRecord[] = []
  for await (const batch of readRecords(chunks(Buffer.from(text), cuts), { maxRecordBytes }))
    all.push(...batch)
  return all
}

const values = (records: SourceRecord[]) =>
  records.map((record) => ('value' in record ? record.value : record.reject))
const cuts = fc.array(fc.nat(), { maxLength: 12 })
const objects = fc.array(
  fc.record({ id: fc.string(), deep: fc.array(fc.dictionary(fc.string(), fc.string())) }),
  { minLength: 1 },
)

describe('reading records', () => {
  it('an array gives its elements, however it is laid out and cut', async () => {
    await fc.assert(
      fc.asyncProperty(objects, cuts, fc.nat(4), async (list, at, indent) => {
        const copy = JSON.parse(JSON.stringify(list))
        expect(values(await read(JSON.stringify(list, null, indent), at))).toEqual(copy)
      }),
    )
  })

  it('lines give their objects, with their numbers', async () => {
    await fc.assert(
      fc.asyncProperty(objects, cuts, async (list, at) => {
        const text = list.map((value) => JSON.stringify(value)).join('\r\n')
        const records = await read(text, at)
        expect(values(records)).toEqual(JSON.parse(JSON.stringify(list)))
        expect(records.map((record) => record.line)).toEqual(list.map((_, i) => i + 1))
      }),
    )
  })

  it('CSV gives its fields, whatever stands in them', async () => {
    const field = fc.string().filter((s) => !/\r/.test(s))
    const quote = (s: string) => `"${s.replaceAll('"', '""')}"`
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(field, field), { minLength: 1 }), cuts, async (rows, at) => {
        const text = `Mint,Reasons\n${rows.map((row) => row.map(quote).join(',')).join('\n')}\n`
        expect(values(await read(text, at))).toEqual(rows.map(([address, reason]) => ({ address, reason })))
      }),
    )
  })

  it('any bytes end in records or an error meant for people', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('', '[', '{', 'Mint,Reasons\n'),
        async (bytes, head) => {
          async function* body() {
            yield Buffer.concat([Buffer.from(head), bytes])
          }
          try {
            for await (const _ of readRecords(body(), { maxRecordBytes: 50 }));
          } catch (error) {
            expect((error as Error).name).toBe('UserError')
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('drops what is too long, and knows where it is again', async () => {
    const long = JSON.stringify({ id: 'x'.repeat(500) })
    const dropped = expect.stringMatching(/^record of \d+ bytes/)
    expect(values(await read(`{"id":1}\n${long}\n{"id":2}`, [30, 90], 100))).toEqual([
      { id: 1 },
      dropped,
      { id: 2 },
    ])
    expect(values(await read(`[{"id":1},${long},{"id":2}]`, [30, 90], 100))).toEqual([
      { id: 1 },
      dropped,
      { id: 2 },
    ])
  })
})

describe('the table of mints', () => {
  it('knows each mint, through all its growth', () => {
    const table = new MintTable()
    const mints = Array.from({ length: 20_000 }, (_, i) => decodeMint(syntheticToken(i).address as string)!)
    mints.forEach((mint, i) => {
      const id = table.entry(mint)
      expect(id).toBe(i)
      table.setHash(id, mint.subarray(0, 8))
      table.setLine(id, i)
      table.addFlags(id, i % 2 ? STORED : SEEN)
    })
    expect(table.size).toBe(20_000)
    mints.forEach((mint, i) => {
      const id = table.entry(mint)
      if (
        id !== i ||
        table.line(id) !== i ||
        !table.sameHash(id, mint.subarray(0, 8)) ||
        table.sameHash(id, mint.subarray(8, 16))
      )
        throw new Error(`entry ${i}`)
      expect(table.flags(id)).toBe(i % 2 ? STORED : SEEN)
    })
    expect(table.size).toBe(20_000)
  })
})

describe('generated scans', () => {
  it('are the same for the same seed, with no token twice in one', () => {
    const scans = [...syntheticScans({ messages: 100, perScan: 30 })]
    expect(scans.map((scan) => scan.length)).toEqual([30, 30, 30, 10])
    expect([...syntheticScans({ messages: 100, perScan: 30 })]).toEqual(scans)
    for (const scan of scans) {
      expect(new Set(scan.map((record) => record.address)).size).toBe(scan.length)
      for (const record of scan) expect(recordedTrending.parse(record)).toEqual(record)
    }
  })
})

describe('generated lists', () => {
  it('are the same for the same seed, with distinct valid mints', () => {
    const list = [...syntheticList(2500)].join('')
    expect([...syntheticList(2500)].join('')).toBe(list)
    expect([...syntheticList(2500, 'other')].join('')).not.toBe(list)
    const mints = list
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).address as string)
    expect(new Set(mints).size).toBe(2500)
    for (const mint of mints) expect(encodeMint(decodeMint(mint)!)).toBe(mint)
  })
})
