import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { buildFixtures } from '../../scripts/build-fixtures.js'
import type { TrendingRecord } from '../../scripts/index.js'

const FIXTURES = join(import.meta.dirname, '../fixtures')
/** The recordings themselves are no part of the repository; a clone is tested with what was made of them. */
const RECORDINGS = join(import.meta.dirname, '../../../shared/data')
const FILES = [
  'NOTICE.md',
  'tokens/all.jsonl',
  'tokens/banned.csv',
  'tokens/solana-fm.csv',
  'tokens/strict.csv',
  'tokens/wormhole.csv',
  'trending/demo_mix_5m.jsonl',
  'trending/recorded_5m.jsonl',
]

const text = (path: string) => readFile(join(FIXTURES, path), 'utf8')
const jsonl = async <T>(path: string) =>
  (await text(path))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

async function classes() {
  const strict = new Set(
    [...(await text('tokens/strict.csv')).matchAll(/,(\w{32,44}),\d+,/g)].map((match) => match[1]!),
  )
  const all = new Set((await jsonl<{ address: string }>('tokens/all.jsonl')).map((token) => token.address))
  const banned = new Set(
    (await text('tokens/banned.csv'))
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',')[0]!),
  )
  return (address: string) => {
    const list = strict.has(address) ? 'strict' : all.has(address) ? 'all' : undefined
    return banned.has(address) ? 'banned' : (list ?? 'unknown')
  }
}

describe('fixtures', () => {
  it('are small', async () => {
    let bytes = 0
    for (const file of FILES) bytes += (await stat(join(FIXTURES, file))).size
    expect(bytes).toBeLessThan(1_500_000)
  })

  it.skipIf(!existsSync(RECORDINGS))('are what the script makes of the recordings', async () => {
    const out = await mkdtemp(join(tmpdir(), 'tpctl-fixtures-'))
    try {
      await buildFixtures(RECORDINGS, out)
      const made = (await readdir(out, { recursive: true })).filter((name) => /\.\w+$/.test(name))
      expect(made.sort()).toEqual(FILES)
      for (const file of FILES) expect(await readFile(join(out, file), 'utf8'), file).toBe(await text(file))
    } finally {
      await rm(out, { recursive: true, force: true })
    }
  })

  it('rank each scan by its 5-minute volume, from 1, without a gap', async () => {
    for (const name of ['recorded_5m', 'demo_mix_5m']) {
      const scans = new Map<string, TrendingRecord[]>()
      for (const record of await jsonl<TrendingRecord>(`trending/${name}.jsonl`))
        scans.set(record.ts, [...(scans.get(record.ts) ?? []), record])
      expect(scans.size).toBe(27)
      for (const scan of scans.values()) {
        expect(scan.map((record) => record.rank)).toEqual(scan.map((_, i) => i + 1))
        expect(new Set(scan.map((record) => record.address)).size).toBe(scan.length)
        const volumes = scan.map((record) => record.volume_5m_usd!)
        expect(volumes).toEqual([...volumes].sort((a, b) => b - a))
      }
    }
  })

  it('of the demo show every class above and below rank 20, and mark what was not recorded', async () => {
    const classOf = await classes()
    const recorded = await jsonl<TrendingRecord>('trending/recorded_5m.jsonl')
    const mixed = await jsonl<TrendingRecord>('trending/demo_mix_5m.jsonl')
    const seen = new Set(
      mixed.map((record) => `${classOf(record.address)} ${record.rank < 20 ? 'top' : 'rest'}`),
    )
    expect(seen.size).toBe(8)
    const facts = ({ rank, ...rest }: TrendingRecord) => JSON.stringify(rest)
    expect(new Set(mixed.filter((record) => record.source === 'recorded').map(facts))).toEqual(
      new Set(recorded.map(facts)),
    )
    const invented = mixed.filter((record) => record.source !== 'recorded')
    expect(new Set(invented.map((record) => record.source))).toEqual(new Set(['demo-mix']))
    // Every figure of a mixed-in row is one that was recorded in the same scan.
    const figures = (r: TrendingRecord) =>
      JSON.stringify([r.ts, r.price_usd, r.liquidity_usd, r.mcap, r.fdv, r.volume_5m_usd, r.volume_24h_usd])
    const known = new Set(recorded.map(figures))
    expect(invented.filter((record) => !known.has(figures(record)))).toEqual([])
    expect(invented.filter((record) => classOf(record.address) === 'unknown')).toEqual([])
  })
})
