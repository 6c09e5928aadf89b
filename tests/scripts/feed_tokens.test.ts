import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UserError } from '../../dialect/user_error.js'
import { syntheticToken } from '../../scripts/generate-tokens.js'
import { type FeedTokensOptions, feedTokens } from '../../scripts/index.js'
import { decodeMint } from '../../scripts/tokens/mint.js'
import { type FakeTarget, fakeTarget } from './fake_target.js'

const FIXTURES = join(import.meta.dirname, '../fixtures/tokens')
const STREAMS = { strict: 'token_strict_raw', all: 'token_all_raw', banned: 'token_banned_raw' }

let target: FakeTarget
let dir: string

beforeEach(async () => {
  target = await fakeTarget(Object.values(STREAMS))
  dir = await mkdtemp(join(tmpdir(), 'tpctl-feed-'))
})
afterEach(async () => {
  await target.close()
  await rm(dir, { recursive: true, force: true })
})

async function file(content: string | Uint8Array, name = 'list'): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, content)
  return path
}

const rejectsFile = () => join(dir, 'rejects.jsonl')

async function rejects(): Promise<{ line: number; reason: string; raw: string }[]> {
  const text = await readFile(rejectsFile(), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function feed(options: Partial<FeedTokensOptions>) {
  return feedTokens({
    list: 'all',
    source: 'file',
    client: target.client,
    rejectsFile: rejectsFile(),
    ...options,
  })
}

async function failure(promise: Promise<unknown>): Promise<UserError> {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(UserError)
  return error as UserError
}

const token = (i: number, more: object = {}) => ({ ...syntheticToken(i), ...more })
const ndjson = (rows: unknown[]) => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`

/** Distinct valid mints of a fixture, counted without the feeder. */
async function mintsOf(name: string): Promise<Set<string>> {
  const text = await readFile(join(FIXTURES, name), 'utf8')
  const lines = text.split('\n').filter((line) => line !== '')
  const words = lines.flatMap((line) => {
    if (line.startsWith('{')) return [JSON.parse(line).address as string]
    const fields = line.split(',')
    const at = { 'banned.csv': 0, 'wormhole.csv': 3 }[name]
    // A name may hold a comma: the mint is then the field before the decimals.
    return at === undefined ? fields.filter((_, i) => /^\d+$/.test(fields[i + 1] ?? '')) : [fields[at]!]
  })
  return new Set(words.filter((word) => decodeMint(word)))
}

describe('the published lists', () => {
  it.each([
    ['strict', 'strict.csv', 781],
    ['all', 'all.jsonl', 1239],
    ['banned', 'banned.csv', 56],
    ['all', 'wormhole.csv', undefined],
    ['all', 'solana-fm.csv', 40],
  ] as const)(
    '%s from %s: as many rows as distinct valid mints, and nothing the second time',
    async (list, name, count) => {
      const mints = await mintsOf(name)
      if (count !== undefined) expect(mints.size).toBe(count)
      const options = { list, file: join(FIXTURES, name), batchRows: 100 }
      const first = await feed(options)
      expect(new Set(target.rows(STREAMS[list]).keys())).toEqual(mints)
      expect(first).toMatchObject({
        valid: mints.size,
        written: mints.size,
        unchanged: 0,
        removed: 0,
        interrupted: false,
      })
      expect(first.fetched).toBe(first.valid + first.rejected + first.duplicates)
      const before = target.inserted.length
      const second = await feed(options)
      expect(second).toMatchObject({
        valid: mints.size,
        written: 0,
        unchanged: mints.size,
        rejected: first.rejected,
      })
      expect(target.inserted.length).toBe(before)
    },
  )

  it('names in the rejects file what is on other chains', async () => {
    const summary = await feed({ file: join(FIXTURES, 'wormhole.csv') })
    expect(summary.rejected).toBe(12)
    const rows = await rejects()
    expect(rows[0]).toMatchObject({ line: 42, reason: 'address: not the base58 of 32 bytes' })
    expect(rows[0]!.raw).toContain('0x18084fbA')
  })
})

describe('shapes', () => {
  const expected = {
    symbol: 'T1',
    name: 'Synthetic token 1',
    decimals: 6,
    logo_uri: 'https://x/1.png',
    tags: ['a'],
    listed: true,
  }
  const address = token(1).address as string
  it.each([
    [
      'tokens v2',
      {
        id: address,
        name: 'Synthetic token 1',
        symbol: 'T1',
        icon: 'https://x/1.png',
        decimals: 6,
        tokenProgram: 'p',
        tags: ['a'],
        isVerified: true,
        audit: { topHoldersPercentage: 1 },
        stats5m: {},
      },
    ],
    [
      'tokens v1',
      {
        address,
        created_at: '2024',
        name: 'Synthetic token 1',
        symbol: 'T1',
        logoURI: 'https://x/1.png',
        decimals: 6,
        tags: ['a'],
        daily_volume: null,
        mint_authority: null,
      },
    ],
    [
      'legacy',
      {
        address,
        chainId: 101,
        name: 'Synthetic token 1',
        symbol: 'T1',
        logoURI: 'https://x/1.png',
        decimals: 6,
        tags: ['a'],
        extensions: {},
      },
    ],
  ])('%s, as an array and one a line', async (_, record) => {
    const summary = await feed({ file: await file(JSON.stringify([record], null, 2)) })
    expect(summary).toMatchObject({ valid: 1, written: 1 })
    expect(target.rows(STREAMS.all).get(address)).toMatchObject({ address, ...expected })
    expect(await feed({ file: await file(`\n${ndjson([record])}\n`) })).toMatchObject({
      valid: 1,
      unchanged: 1,
    })
  })

  it('CSV with quotes, commas and line breaks in fields', async () => {
    const csv = `Name,Symbol,Mint,Decimals,LogoURI,Community Validated\r\n"Good, ""old"" name",G,${token(1).address},9,,true\r\nstray "quote" here,S,${token(2).address},0,,false\r\n"broken\r\nname",B,${token(3).address},1,,\r\nlast,L,${token(4).address},1,,`
    const summary = await feed({ file: await file(csv) })
    expect(summary).toMatchObject({ fetched: 4, valid: 3, rejected: 1 })
    expect([...target.rows(STREAMS.all).values()].map((row) => [row.name, row.tags])).toEqual([
      ['Good, "old" name', ['community']],
      ['stray "quote" here', []],
      ['last', []],
    ])
    expect(await rejects()).toMatchObject([{ line: 4, reason: 'name: holds control characters' }])
  })

  it('a quote that is never closed costs its own line only', async () => {
    const rows = [2, 3, 4].map((i) => `ok${i},S,${token(i).address},0,,false`)
    const csv = `Name,Symbol,Mint,Decimals,LogoURI,Community Validated\n"open,X,${token(1).address},9,,true\n${rows.join('\n')}\n`
    expect(await feed({ file: await file(csv) })).toMatchObject({ fetched: 4, valid: 3, rejected: 1 })
    expect(await rejects()).toMatchObject([{ line: 2, reason: 'a quote is never closed' }])
  })
})

describe('bad records are refused one by one', () => {
  it.each([
    ['an address of another length', { address: 'abc' }, 'address: not the base58 of 32 bytes'],
    [
      'an address with letters base58 lacks',
      { address: '0OIl1111111111111111111111111111111111111111' },
      'address: not the base58',
    ],
    ['no address', { address: undefined }, 'address: '],
    ['decimals above 255', { decimals: 256 }, 'decimals: is not an integer from 0 to 255'],
    ['negative decimals', { decimals: -1 }, 'decimals: is not'],
    ['decimals that are text', { decimals: 'six' }, 'decimals: '],
    ['a control character', { name: 'a\u0007b' }, 'name: holds control characters'],
    ['a mark that turns the text', { symbol: 'US\u202eCD' }, 'symbol: holds control characters'],
    ['half a character', { name: 'a\ud83d' }, 'name: holds half a character'],
    ['another chain', { chainId: 1 }, 'chainId: 1'],
  ])('%s', async (_, change, reason) => {
    const rows = [token(1), token(2, change), token(3)]
    const summary = await feed({ file: await file(ndjson(rows)) })
    expect(summary).toMatchObject({ fetched: 3, valid: 2, rejected: 1, written: 2 })
    const [reject] = await rejects()
    expect(reject!.line).toBe(2)
    expect(reject!.reason).toContain(reason)
    expect(reject!.raw.length).toBeGreaterThan(10)
  })

  it('text that is not JSON, and values that are no records', async () => {
    const lines = [JSON.stringify(token(1)), '{"address": "cut', '[1]', 'null', '', JSON.stringify(token(2))]
    const summary = await feed({ file: await file(lines.join('\n')) })
    expect(summary).toMatchObject({ fetched: 5, valid: 2, rejected: 3 })
    expect((await rejects()).map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'not JSON'],
      [3, 'not an object'],
      [4, 'not an object'],
    ])
  })

  it('a token twice in a file: the first counts, another wording is noted', async () => {
    const rows = [token(1), token(1), token(1, { name: 'other' })]
    expect(await feed({ file: await file(ndjson(rows)) })).toMatchObject({
      fetched: 3,
      valid: 1,
      duplicates: 2,
      rejected: 0,
    })
    expect(await rejects()).toMatchObject([{ line: 3, reason: expect.stringContaining('line 1') }])
  })

  it('a name that would be SQL stays a name', async () => {
    const name = `'); DROP STREAM token_all_raw; -- \` " \\ {x:string} $$`
    await feed({ file: await file(ndjson([token(1, { name, symbol: "' OR 1=1" })])) })
    expect(target.rows(STREAMS.all).get(token(1).address as string)).toMatchObject({
      name,
      symbol: "' OR 1=1",
    })
    for (const { url, body } of target.server.requests) {
      const sql = url.searchParams.get('query') ?? body
      expect(sql).not.toContain('DROP')
    }
    expect(await feed({ file: await file(ndjson([token(1, { name, symbol: "' OR 1=1" })])) })).toMatchObject({
      written: 0,
    })
  })
})

describe('bad files', () => {
  it('a line of 50 MB is one reject, and what surrounds it is taken', async () => {
    const long = `{"address":"${'x'.repeat(50 * 1024 * 1024)}"}`
    const path = await file(`${ndjson([token(1)])}${long}\n${ndjson([token(2)])}`)
    const summary = await feed({ file: path })
    expect(summary).toMatchObject({ fetched: 3, valid: 2, rejected: 1, written: 2 })
    const [reject] = await rejects()
    expect(reject).toMatchObject({ line: 2, reason: expect.stringContaining('longer than the limit') })
    expect(reject!.raw.length).toBeLessThan(1000)
  })

  it('a record of 50 MB inside an array or CSV likewise', async () => {
    const long = 'x'.repeat(5 * 1024 * 1024)
    const array = JSON.stringify([token(1), { address: long }, token(2)])
    expect(await feed({ file: await file(array) })).toMatchObject({ fetched: 3, valid: 2, rejected: 1 })
    const csv = `Name,Symbol,Mint,Decimals\n"${long}\n${long}",S,x,1\nok,S,${token(3).address},1\n`
    const summary = await feed({ file: await file(csv) })
    expect(summary.valid).toBe(1)
    expect(summary.rejected).toBeGreaterThan(0)
  })

  it('a truncated array: all whole records are written, then an error says so', async () => {
    const text = JSON.stringify([token(1), token(2), token(3)])
    const error = await failure(feed({ file: await file(text.slice(0, -20)), full: true }))
    expect(error).toMatchObject({
      code: 'SOURCE_TRUNCATED',
      message: expect.stringContaining('after 2 whole records'),
    })
    expect(target.rows(STREAMS.all).size).toBe(2)
  })

  it('UTF-16 is refused as a whole, Latin-1 record by record, a UTF-8 byte order mark is skipped', async () => {
    const text = ndjson([token(1), token(2)])
    for (const bytes of [Buffer.from(`\ufeff${text}`, 'utf16le'), Buffer.from(text, 'utf16le')]) {
      const error = await failure(feed({ file: await file(bytes) }))
      expect(error.code).toBe('SOURCE_ENCODING')
      expect(error.suggestion).toContain('iconv')
    }
    const latin1 = Buffer.from(ndjson([token(1, { name: 'Grün' }), token(2)]), 'latin1')
    expect(await feed({ file: await file(latin1) })).toMatchObject({ valid: 1, rejected: 1 })
    expect((await rejects())[0]!.reason).toBe('not UTF-8')
    const csv = Buffer.from(
      `Mint,Reasons\n${token(5).address},gefälscht\n${token(6).address},fake\n`,
      'latin1',
    )
    expect(await feed({ list: 'banned', file: await file(csv) })).toMatchObject({ valid: 1, rejected: 1 })
    expect(await feed({ file: await file(`\ufeff${text}`) })).toMatchObject({ valid: 2, rejected: 0 })
    expect(
      await feed({ list: 'banned', file: await file(`\ufeffMint,Reasons\n${token(7).address},x\n`) }),
    ).toMatchObject({ valid: 1 })
  })

  it.each([
    ['a web page', '<!doctype html><html>', 'SOURCE_NOT_A_LIST'],
    ['prose', 'hello\nworld\n', 'SOURCE_NOT_A_LIST'],
    ['the list of bans given as tokens', `Mint,Reasons\n${token(1).address},x\n`, 'SOURCE_NOT_A_LIST'],
    ['text behind an array', '[] []', 'SOURCE_NOT_READABLE'],
  ])('%s is an error', async (_, text, code) => {
    expect((await failure(feed({ file: await file(text) }))).code).toBe(code)
  })

  it('a missing file, a folder, a missing option', async () => {
    expect(await failure(feed({ file: join(dir, 'nope') }))).toMatchObject({
      code: 'SOURCE_NOT_READABLE',
      message: expect.stringContaining('no such file'),
    })
    expect((await failure(feed({ file: dir }))).code).toBe('SOURCE_NOT_READABLE')
    expect((await failure(feed({}))).code).toBe('USAGE')
  })

  it('an empty file is an empty list', async () => {
    expect(await feed({ file: await file('') })).toMatchObject({ fetched: 0, written: 0 })
    expect(await feed({ file: await file(' \n[]\n') })).toMatchObject({ fetched: 0, written: 0 })
  })
})

describe('what the stream holds', () => {
  it('changed rows are written, unchanged are not', async () => {
    const rows = [token(1), token(2), token(3)]
    await feed({ file: await file(ndjson(rows)) })
    const changed = [token(1), token(2, { name: 'new' }), token(3, { tags: ['x'] }), token(4)]
    expect(await feed({ file: await file(ndjson(changed)) })).toMatchObject({
      valid: 4,
      unchanged: 1,
      written: 3,
      removed: 0,
    })
    expect(target.rows(STREAMS.all).get(token(2).address as string)).toMatchObject({ name: 'new' })
  })

  it('a change is newer than what is stored, also after the clock was set back', async () => {
    await feed({ file: await file(ndjson([token(1)])) })
    const row = target.rows(STREAMS.all).get(token(1).address as string)!
    row.updated_at = '2199-12-31 23:59:59.999Z'
    await feed({ file: await file(ndjson([token(1, { name: 'new' }), token(2)])) })
    const times = target.inserted.slice(-2).map((inserted) => inserted.updated_at)
    expect(times).toEqual(['2200-01-01 00:00:00.000', '2200-01-01 00:00:00.000'])
  })

  it('a token missing from a whole list is marked, keeps its data, and can come back', async () => {
    await feed({ list: 'strict', file: await file(ndjson([token(1), token(2), token(3)])) })
    const shorter = await file(ndjson([token(1), token(2)]))
    expect(await feed({ list: 'strict', file: shorter })).toMatchObject({ removed: 0 })
    expect(await feed({ list: 'strict', file: shorter, full: true })).toMatchObject({
      written: 0,
      removed: 1,
    })
    const gone = token(3)
    expect(target.rows(STREAMS.strict).get(gone.address as string)).toMatchObject({
      listed: false,
      name: gone.name,
    })
    expect(await feed({ list: 'strict', file: shorter, full: true })).toMatchObject({
      written: 0,
      removed: 0,
    })
    expect(await feed({ list: 'strict', file: await file(ndjson([gone])) })).toMatchObject({ written: 1 })
    expect(target.rows(STREAMS.strict).get(gone.address as string)).toMatchObject({ listed: true })
  })

  it('a lifted ban is written as one', async () => {
    const ban = (i: number) => ({ address: token(i).address, reason: `r${i}` })
    await feed({ list: 'banned', file: await file(ndjson([ban(1), ban(2), ban(3)])) })
    const path = await file(ndjson([ban(1), ban(3)]))
    expect(await feed({ list: 'banned', file: path, full: true })).toMatchObject({ removed: 1 })
    expect(target.rows(STREAMS.banned).get(ban(2).address as string)).toMatchObject({
      banned: false,
      reason: 'r2',
    })
  })

  it('a list that lost most of its tokens takes none off', async () => {
    await feed({ file: await file(ndjson([1, 2, 3, 4].map((i) => token(i)))) })
    const summary = await feed({ file: await file(ndjson([token(1)])), full: true })
    expect(summary.removed).toBe(0)
    expect(summary.warnings).toEqual([expect.stringContaining('3 of 4')])
    expect(
      await feed({ file: await file(ndjson([token(1)])), full: true, maxRemovedShare: 1 }),
    ).toMatchObject({ removed: 3 })
  })
})

describe('the target', () => {
  it('a batch whose answer is lost is sent again', async () => {
    target.breakInserts(1)
    const rows = [1, 2, 3, 4, 5].map((i) => token(i))
    expect(await feed({ file: await file(ndjson(rows)), batchRows: 2 })).toMatchObject({ written: 5 })
    expect(target.rows(STREAMS.all).size).toBe(5)
  })

  it('not deployed, or not there: an error with what to do', async () => {
    const path = await file(ndjson([token(1)]))
    const empty = await fakeTarget([])
    expect(await failure(feed({ file: path, client: empty.client }))).toMatchObject({
      code: 'TARGET_NOT_DEPLOYED',
      suggestion: expect.stringContaining('tpctl bootstrap'),
    })
    await empty.server.close()
    expect((await failure(feed({ file: path, client: empty.client }))).code).toBe('TARGET_UNREACHABLE')
    await empty.close()
  })

  it('rejects that cannot be written down are an error, not lost', async () => {
    const path = await file('not json at all: {\n')
    const list = await file(ndjson([token(1), token(2, { decimals: 999 })]), 'list2')
    const error = await failure(feed({ file: list, rejectsFile: join(path, 'rejects.jsonl') }))
    expect(error).toMatchObject({
      code: 'REJECTS_NOT_WRITABLE',
      message: expect.stringContaining('rejects.jsonl'),
    })
    expect(target.rows(STREAMS.all).size).toBe(1)
  })

  it('ends after the batch in flight when asked to, and goes on where it stopped', async () => {
    const rows = Array.from({ length: 2000 }, (_, i) => token(i))
    const path = await file(ndjson(rows))
    const controller = new AbortController()
    const first = await feed({
      file: path,
      batchRows: 10,
      signal: controller.signal,
      full: true,
      progress: ({ written }) => {
        if (written >= 30) controller.abort()
      },
    })
    expect(first.interrupted).toBe(true)
    expect(first.written).toBe(target.rows(STREAMS.all).size)
    expect(first.written).toBeLessThan(2000)
    const second = await feed({ file: path })
    expect(second).toMatchObject({ valid: 2000, unchanged: first.written, written: 2000 - first.written })
  })

  it('watches: feeds again after the pause, and survives a bad run', async () => {
    const path = await file(ndjson([token(1)]))
    const controller = new AbortController()
    const outcomes: string[] = []
    const last = await feed({
      file: path,
      watchMs: 10,
      signal: controller.signal,
      onRun: async (outcome) => {
        outcomes.push(
          'error' in outcome ? (outcome.error as UserError).code : `written ${outcome.summary.written}`,
        )
        if (outcomes.length === 1) await rm(path)
        if (outcomes.length === 2) await writeFile(path, ndjson([token(1), token(2)]))
        if (outcomes.length === 3) controller.abort()
      },
    })
    expect(outcomes).toEqual(['written 1', 'SOURCE_NOT_READABLE', 'written 1'])
    expect(last.unchanged).toBe(1)
  })
})
