import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distinctMints, FIXTURES } from './fixtures.js'
import { eventually, isAlive, onState, ROOT, temporaryFolder } from './support.js'

/** The flagship as a user's own copy, whose SQL may be changed. */
function copyOfFlagship(): string {
  const dir = temporaryFolder()
  cpSync(join(ROOT, 'sql'), join(dir, 'sql'), { recursive: true })
  cpSync(join(ROOT, 'tests', 'smoke.yaml'), join(dir, 'tests', 'smoke.yaml'), { recursive: true })
  const config = readFileSync(join(ROOT, 'tpctl.config.ts'), 'utf8')
    .replace("'./bootstrap/config.js'", "'tpctl'")
    .replace("'udfs/index.ts'", JSON.stringify(join(ROOT, 'udfs', 'index.ts')))
  writeFileSync(join(dir, 'tpctl.config.ts'), config)
  return dir
}

const SECRET = 'e2e-gateway-key-never-to-be-seen'
const env = { UDF_GATEWAY_KEY: SECRET, TIMEPLUS_PASSWORD: `${SECRET}-password` }

const project = copyOfFlagship()
const { state, ...flagship } = onState(project)
const tpctl = (args: string[]) => flagship.tpctl(args, { env })
const json = <T>(args: string[]) => flagship.json<T>(args, { env })
const output: string[] = []
const remember = async (args: string[]) => {
  const result = await tpctl(args)
  output.push(result.stdout, result.stderr)
  return result
}

interface FeedSummary {
  fetched: number
  valid: number
  rejected: number
  duplicates: number
  unchanged: number
  written: number
}

const count = async (from: string) =>
  Number((await flagship.rows<{ n: string | number }>(`SELECT count() AS n FROM table(${from})`))[0]!.n)

beforeAll(() => flagship.up({ env }))
afterAll(() => flagship.down())

describe('deploying', () => {
  it('does everything once and nothing the second time', async () => {
    expect(await remember(['plan', '--detailed-exitcode'])).toMatchObject({ code: 3 })
    const first = await remember(['bootstrap'])
    expect(first).toMatchObject({ code: 0 })
    expect(first.stdout).toContain('Deployed jupiter-trending to embedded')
    const second = await remember(['bootstrap'])
    expect(second).toMatchObject({ code: 0 })
    expect(second.stdout).toMatch(/^Nothing to do: \d+ objects are as they should be\.\n*$/)
    expect(await remember(['plan', '--detailed-exitcode'])).toMatchObject({ code: 0 })
    expect(await json(['plan'])).toMatchObject({ empty: true, destructive: false })
  })

  it('sees an edited view, asks before state is lost, and ignores comments and layout', async () => {
    const view = join(project, 'sql', 'views', 'trending_screened.sql')
    const before = readFileSync(view, 'utf8')
    appendFileSync(view, '\n-- a remark changes nothing\n')
    expect(await remember(['plan', '--detailed-exitcode'])).toMatchObject({ code: 0 })

    writeFileSync(view, before.replace('AND NOT banned', "AND NOT banned AND symbol != ''"))
    const plan = await remember(['plan', '--detailed-exitcode'])
    expect(plan.code).toBe(3)
    expect(plan.stdout).toContain('± replace view trending_screened')
    expect(plan.stdout).toContain('~ alter   materialized view mv_trending_signals')
    expect(plan.stdout).not.toContain('--allow-destructive')

    // Its source forgets rows after a while: what is computed anew may know less.
    const windows = join(project, 'sql', 'views', 'mv_signals_5m.sql')
    writeFileSync(windows, readFileSync(windows, 'utf8').replace('avg(risk_score)', 'avg(risk_score + 0)'))
    expect((await remember(['plan'])).stdout).toContain(
      '± replace materialized view mv_signals_5m [rebuilds]',
    )
    const refused = await tpctl(['bootstrap', '--json'])
    expect(refused.code).toBe(1)
    expect(JSON.parse(refused.stdout)).toMatchObject({
      error: { code: 'PLAN_NEEDS_CONSENT', suggestion: expect.stringContaining('--allow-destructive') },
    })
    expect(await remember(['plan', '--detailed-exitcode'])).toMatchObject({ code: 3 })

    expect(await remember(['bootstrap', '--allow-destructive'])).toMatchObject({ code: 0 })
    expect(await remember(['plan', '--detailed-exitcode'])).toMatchObject({ code: 0 })
  })
})

describe('feeding token lists', () => {
  const listOf = (file: string) => (file.includes('banned') ? 'banned' : 'strict')
  const feed = (list: string, file: string) =>
    json<FeedSummary>(['feed-tokens', '--list', list, '--file', file])

  it('brings every valid mint of a list into its stream, once', async () => {
    const files = { strict: 'strict.csv', all: 'all.jsonl', banned: 'banned.csv' }
    for (const [list, name] of Object.entries(files)) {
      const file = join(FIXTURES, 'tokens', name)
      const mints = distinctMints(file)
      expect(await feed(list, file)).toMatchObject({ valid: mints.size, written: mints.size, unchanged: 0 })
      expect(await count(`token_${list}_raw`)).toBe(mints.size)
      expect(await feed(list, file)).toMatchObject({ valid: mints.size, written: 0, unchanged: mints.size })
    }
  })

  it('takes the other shapes too: union of the lists, nothing lost, nothing twice', async () => {
    const archive = join(ROOT, '..', 'shared', 'data', 'jupiter')
    const archived = existsSync(archive)
      ? readdirSync(archive)
          .filter((name) => name.endsWith('.csv'))
          .map((name) => join(archive, name))
      : []
    const files = [
      join(FIXTURES, 'tokens', 'solana-fm.csv'),
      join(FIXTURES, 'tokens', 'wormhole.csv'),
      ...archived,
    ]
    const fed = {
      strict: distinctMints(join(FIXTURES, 'tokens', 'strict.csv')),
      banned: distinctMints(join(FIXTURES, 'tokens', 'banned.csv')),
    }
    for (const file of files) {
      const list = listOf(file)
      const mints = distinctMints(file)
      const { valid, fetched, rejected, duplicates } = await feed(list, file)
      expect({ file, valid }).toEqual({ file, valid: mints.size })
      expect(valid + rejected + duplicates).toBe(fetched)
      for (const mint of mints) fed[list].add(mint)
      expect(await count(`token_${list}_raw`)).toBe(fed[list].size)
      expect(await feed(list, file)).toMatchObject({ written: 0, unchanged: mints.size })
    }
    expect(await json(['plan'])).toMatchObject({ empty: true })
  })
})

describe('a token once strict', () => {
  /** Real mints of none of the lists above: addresses of programs and accounts of Solana itself. */
  const STRICT = 'Vote111111111111111111111111111111111111111'
  const PLAIN = 'Stake11111111111111111111111111111111111111'
  const token = (id: string, symbol: string) => ({ id, name: symbol, symbol, decimals: 6, icon: null })
  const MESSAGE = {
    ...{ source: 'test', window: '5m', rank: 50, symbol: 'T', name: 'T', decimals: 6, price_usd: 1 },
    ...{ liquidity_usd: null, mcap: null, fdv: null, volume_5m_usd: null, volume_24h_usd: null },
    ...{ price_change_5m_pct: null, buys_5m: null, sells_5m: null, traders_5m: null },
    ...{ holder_count: null, organic_score: null },
  }
  let scan = 0

  const feed = async (list: string, tokens: unknown[]) => {
    const file = join(temporaryFolder(), `${list}.json`)
    writeFileSync(file, JSON.stringify(tokens))
    return json<FeedSummary>(['feed-tokens', '--list', list, '--file', file])
  }
  const classInView = async (address: string) =>
    (
      await flagship.rows<{ jup_token_type: string; banned: boolean }>(
        `SELECT jup_token_type, banned FROM token_classes WHERE address = '${address}'`,
      )
    )[0]
  /** Sends one message for each token and gives what the pipeline's join made of it. */
  const classesInJoin = async (addresses: string[]) => {
    const ts = `2026-06-01 00:${String(scan++).padStart(2, '0')}:00.000`
    const file = join(temporaryFolder(), 'scan.jsonl')
    const messages = addresses.map((address) => ({
      ...MESSAGE,
      ts,
      address,
    }))
    writeFileSync(file, messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
    expect(await json(['feed-trending', '--file', file])).toMatchObject({ written: addresses.length })
    const rows = await eventually(
      () =>
        flagship.rows<{ address: string; jup_token_type: string; banned: boolean }>(
          `SELECT address, jup_token_type, banned FROM table(trending_categorized) WHERE ts = '${ts}'`,
        ),
      (found) => found.length === addresses.length,
    )
    return Object.fromEntries(
      rows.map(({ address, jup_token_type, banned }) => [address, [jup_token_type, banned]]),
    )
  }
  /** The list's rows have reached the stream that is joined. */
  const arrived = (where: string) =>
    eventually(
      () =>
        count(`jupiter_tokens`).then(() =>
          flagship.rows(`SELECT ver FROM table(jupiter_tokens) WHERE ${where}`),
        ),
      (rows) => rows.length > 0,
    )

  it('stays strict through a later row of all, a restart and an older row of all', async () => {
    expect(await feed('strict', [token(STRICT, 'KEEP')])).toMatchObject({ written: 1 })
    await arrived(`address = '${STRICT}' AND jup_token_type = 'strict'`)
    expect(await feed('all', [token(STRICT, 'LATER'), token(PLAIN, 'PLAIN')])).toMatchObject({ written: 2 })
    await arrived(`address = '${STRICT}' AND jup_token_type = 'all' AND symbol = 'LATER'`)
    expect(await classInView(STRICT)).toMatchObject({ jup_token_type: 'strict' })
    expect(await classesInJoin([STRICT, PLAIN])).toEqual({
      [STRICT]: ['strict', false],
      [PLAIN]: ['all', false],
    })

    const before = flagship.pids()
    expect(before).toHaveLength(2)
    expect(await tpctl(['down'])).toMatchObject({ code: 0 })
    expect(before.filter(isAlive)).toEqual([])
    await flagship.up({ env })

    // A row from before the strict one, as a feeder that was held up would write it.
    await flagship.rows(
      `INSERT INTO token_all_raw (address, symbol, name, decimals, logo_uri, tags, listed, updated_at)
       VALUES ('${STRICT}', 'OLDER', 'OLDER', 6, '', [], true, '2020-01-01 00:00:00.000')`,
    )
    expect(await feed('all', [token(PLAIN, 'CHANGED')])).toMatchObject({ written: 1 })
    await arrived(`address = '${PLAIN}' AND symbol = 'CHANGED'`)
    expect(await classInView(STRICT)).toMatchObject({ jup_token_type: 'strict' })
    expect(await classesInJoin([STRICT])).toEqual({ [STRICT]: ['strict', false] })
    expect(await json(['plan'])).toMatchObject({ empty: true })
  })

  it('is flagged by a ban but keeps its class; another is banned, and free again when the ban is lifted', async () => {
    const keeper = { Mint: 'SysvarC1ock11111111111111111111111111111111', Reasons: 'stays banned' }
    const bans = [{ Mint: STRICT, Reasons: 'x' }, { Mint: PLAIN, Reasons: 'y' }, keeper]
    expect(await feed('banned', bans)).toMatchObject({ written: 3 })
    await arrived(`address = '${PLAIN}' AND is_banned`)
    expect(await classInView(STRICT)).toMatchObject({ jup_token_type: 'strict', banned: true })
    expect(await classesInJoin([STRICT, PLAIN])).toEqual({
      [STRICT]: ['strict', true],
      [PLAIN]: ['banned', true],
    })

    const known = [...distinctMints(join(FIXTURES, 'tokens', 'banned.csv'))]
    const file = join(temporaryFolder(), 'bans.json')
    writeFileSync(file, JSON.stringify([...known.map((Mint) => ({ Mint, Reasons: '' })), keeper]))
    expect(await json(['feed-tokens', '--list', 'banned', '--full', '--file', file])).toMatchObject({
      removed: expect.any(Number),
    })
    await arrived(`address = '${PLAIN}' AND jup_token_type = 'banned' AND NOT is_banned`)
    expect(await classInView(PLAIN)).toMatchObject({ jup_token_type: 'all', banned: false })
    expect(await classesInJoin([PLAIN])).toEqual({ [PLAIN]: ['all', false] })
  })
})

describe('looking', () => {
  it('status tells rows, lag and the way data takes, as text and as JSON', async () => {
    expect(
      (await tpctl(['feed-trending', '--file', join(FIXTURES, 'trending', 'demo_mix_5m.jsonl')])).code,
    ).toBe(0)
    await eventually(
      () => count('trending_signals'),
      (signals) => signals > 0,
    )
    const text = await remember(['status'])
    expect(text.code).toBe(0)
    expect(text.stdout).toMatch(
      /^trending, jupiter_tokens +── mv_trending_categorized ─+▶ trending_categorized/m,
    )
    const status = await json<{
      streams: { name: string; rows: number }[]
      views: { name: string; state: string }[]
    }>(['status'])
    expect(status.views.map(({ state: now }) => now)).toEqual(status.views.map(() => 'running'))
    expect(status.streams.find(({ name }) => name === 'token_all_raw')!.rows).toBe(
      await count('token_all_raw'),
    )
  })

  it('smoke passes on the fed flagship, writes JUnit, and fails with what is missing', async () => {
    const junit = join(temporaryFolder(), 'smoke.xml')
    expect(await remember(['smoke', '--junit', junit])).toMatchObject({ code: 0 })
    expect(readFileSync(junit, 'utf8')).toMatch(
      /<testsuite name="tpctl smoke" tests="\d+" failures="0"[^>]*>/,
    )

    const checks = join(temporaryFolder(), 'smoke.yaml')
    writeFileSync(checks, 'deadline: 500ms\nchecks:\n  - view: trending_signals\n    rows: ">= 1000000"\n')
    const failed = await tpctl(['smoke', '--file', checks, '--junit', junit])
    expect(failed.code).toBe(1)
    expect(failed.stdout).toMatch(/FAIL trending_signals: rows >= 1000000: has \d+ rows, \d+ missing/)
    expect(readFileSync(junit, 'utf8')).toContain('failures="1"')
  })

  it('tail shows what a view holds and follows it', async () => {
    const tail = await tpctl([
      'tail',
      'trending_signals',
      '--since',
      '1h',
      '--limit',
      '2',
      '--format',
      'json',
    ])
    expect(tail.code).toBe(0)
    expect(
      tail.stdout.split('\n').map((line) => (JSON.parse(line) as { address: string }).address.length),
    ).toHaveLength(2)
  })

  it('doctor finds nothing that fails', async () => {
    const { checks } = await json<{ checks: { id: string; status: string }[] }>(['doctor'])
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([])
    expect(checks.map(({ id }) => id)).toContain('target')
  })
})

describe('secrets', () => {
  it('are in no output, log, ledger, catalog or argument list', async () => {
    for (const args of [
      ['render', '--edition', 'oss-1.6'],
      ['render', '--edition', 'enterprise'],
      ['udf', 'render'],
      ['udf', 'render', '--json'],
      ['udf', 'list'],
      ['doctor'],
      ['--target', 'enterprise', '--debug', 'plan'],
      ['sql', '-e', 'SELECT * FROM table(tpctl_ledger) FORMAT TabSeparated'],
      ['sql', '-e', "SELECT * FROM system.functions WHERE origin != 'System' FORMAT TabSeparated"],
      ['sql', '-e', 'SELECT * FROM system.tables FORMAT TabSeparated'],
    ]) {
      await remember(args)
    }
    for (const name of readdirSync(join(state, 'logs'))) {
      output.push(readFileSync(join(state, 'logs', name), 'utf8'))
    }
    for (const pid of flagship.pids()) output.push(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    // The functions are really called with the key: enriched rows prove that it reached the gateway.
    expect(await count('trending_enriched')).toBeGreaterThan(0)
    expect(output.join('\n')).toContain('birdeye_token_security')
    expect(output.filter((text) => text.includes(SECRET))).toEqual([])
  })
})

describe('taking down', () => {
  it('destroy asks first, then drops what tpctl made and nothing else', async () => {
    expect(await tpctl(['sql', '-e', 'CREATE STREAM mine (a int)'])).toMatchObject({ code: 0 })
    const refused = await tpctl(['destroy'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('--allow-destructive')
    expect(await count('trending_signals')).toBeGreaterThan(0)
    expect(await tpctl(['destroy', '--allow-destructive'])).toMatchObject({ code: 0 })
    expect(await flagship.rows('SHOW STREAMS')).toEqual([{ name: 'mine' }])
    expect(await tpctl(['plan', '--detailed-exitcode'])).toMatchObject({ code: 3 })
  })

  it('down --purge deletes the data, and only then', async () => {
    expect(await tpctl(['down'])).toMatchObject({ code: 0 })
    expect(existsSync(join(state, 'engine'))).toBe(true)
    const unreachable = await tpctl(['status', '--json'])
    expect(unreachable.code).toBe(4)
    expect(JSON.parse(unreachable.stdout)).toMatchObject({ error: { code: 'TARGET_UNREACHABLE' } })
    expect(await json(['down', '--purge'])).toEqual({ stopped: false, purged: true })
    expect(existsSync(join(state, 'engine'))).toBe(false)
  })
})
