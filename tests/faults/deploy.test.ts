/**
 * The flagship's views are changed five times while messages arrive: a column more, another filter, another join,
 * another aggregate, other keys. tpctl is killed (SIGKILL) in one of these changes and the engine in the next, and
 * repeating the command is all that is done about it. Every message has to be in the final targets exactly once, and who
 * reads them by their names never meets an error or nothing.
 *
 * `npm run faults:deploy` is the long form: 2,000 messages a second for 60 seconds, or until all changes are through if
 * that takes longer. The changes begin in the first half of them, so that both kills fall while messages arrive.
 */
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse as parseCsv } from 'csv-parse/sync'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { ProtonError } from '../../driver/index.js'
import { feedTokens } from '../../scripts/index.js'
import { Deployment, eventually } from './deployment.js'

// Processes of their own on a busy machine: patience costs nothing where all goes well.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const ROOT = resolve(import.meta.dirname, '../..')
const RATE = Number(process.env.FAULT_RATE ?? 200)
const SECONDS = Number(process.env.FAULT_SECONDS ?? 0)
const SHORT = SECONDS === 0
/** Time of a scan between two messages: windows of five minutes close while they arrive. */
const STEP_MS = 10
const WINDOW_MS = 300_000
const FIRST_MS = Date.UTC(2026, 4, 1)
const STABLE = ['trending_signals', 'signals_5m', 'trending_categorized']

let project: string
let deployment: Deployment
let producer: Producer
let addresses: string[]
let sent = 0
let feeding = true
/** When the first message was sent, by the clock of `performance`. */
let started = 0
/** What happened, and when. */
const diary: string[] = []
let feed: Promise<void>
const complaints: string[] = []
let readings = 0
let readers: Promise<void>[] = []

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist/engine/daemon.js'))) throw new Error('run `npm run build` first')
  project = await mkdtemp(join(tmpdir(), 'tpctl-flagship-'))
  await cp(join(ROOT, 'sql'), join(project, 'sql'), { recursive: true })
  // Every message passes the screen: a message that is missing was lost, and not left out.
  await writeFile(
    join(project, 'tpctl.config.ts'),
    `import flagship from '${join(ROOT, 'tpctl.config.ts')}'
export default {
  ...flagship,
  udfs: '${join(ROOT, 'udfs/index.ts')}',
  variables: { ...flagship.variables, SCREEN_MAX_RISK_SCORE: 100 },
}
`,
  )
  deployment = await Deployment.start(project)
  await deployment.tpctl('bootstrap')
  const file = join(ROOT, 'tests/fixtures/tokens/strict.csv')
  await feedTokens({ client: deployment.client, list: 'strict', source: 'file', file })
  const rows: Record<string, string>[] = parseCsv(await readFile(file, 'utf8'), { columns: true })
  addresses = rows.map((row) => row.Mint!).slice(0, 200)
  await eventually('the tokens', 60_000, async () => (await deployment.count('jupiter_tokens')) >= 200)
  producer = new Kafka({ brokers: [deployment.brokers], logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  feed = produce()
  await eventually('the first signals', 60_000, async () => (await deployment.count('trending_signals')) > 0)
  readers = STABLE.map((name) => read(name))
})
afterAll(async () => {
  feeding = false
  await Promise.allSettled([feed, ...readers])
  await producer?.disconnect()
  await deployment?.stop()
  await rm(project, { recursive: true, force: true })
})

/** The n-th message: its time tells it from all others. */
function message(n: number, ts = FIRST_MS + n * STEP_MS) {
  const address = addresses[n % addresses.length]!
  const value = {
    ts: new Date(ts).toISOString().replace('T', ' ').replace('Z', ''),
    source: 'replay',
    window: '5m',
    rank: 1 + (n % 19),
    address,
    symbol: `S${n}`,
    name: 'x',
    decimals: 6,
    price_usd: 1,
    liquidity_usd: 50_000,
    mcap: n,
    volume_24h_usd: 1_000_000,
    holder_count: 1_000,
  }
  // One partition keeps their order, so that none is late for its window.
  return { partition: 0, key: address, value: JSON.stringify(value) }
}

/** At the rate that is asked for; a message is sent again, with its number, until the broker has it. */
async function produce(): Promise<void> {
  started = performance.now()
  while (feeding) {
    const due = Math.floor(elapsed() * RATE)
    const count = Math.min(due - sent, 2_000)
    if (count > 0) {
      const first = sent
      await deliver(Array.from({ length: count }, (_, i) => message(first + i)))
      sent += count
    }
    await sleep(20)
  }
}

async function deliver(messages: ReturnType<typeof message>[]): Promise<void> {
  for (;;) {
    try {
      await producer.send({ topic: 'trending_5m', messages, acks: -1 })
      return
    } catch {
      await sleep(200)
    }
  }
}

/** Who reads a stable name may find the engine away, but nothing else wrong. */
async function read(name: string): Promise<void> {
  let seen = 0
  while (feeding) {
    try {
      const rows = await deployment.count(`table(${name})`)
      readings++
      if (rows === 0 && seen > 0) complaints.push(`${name} was empty`)
      seen = Math.max(seen, rows)
    } catch (error) {
      if (!(error instanceof ProtonError && error.unreachable)) complaints.push(`${name}: ${error}`)
    }
    await sleep(100)
  }
}

async function edit(path: string, change: (sql: string) => string): Promise<void> {
  const file = join(project, 'sql', path)
  const before = await readFile(file, 'utf8')
  const after = change(before)
  expect(after, path).not.toBe(before)
  await writeFile(file, after)
}

interface Document {
  empty: boolean
  notices: string[]
  changes: { key: string; action: string; strategy?: { name: string } }[]
}

const bootstrap = () =>
  deployment.tpctl('bootstrap', '--allow-destructive', '--keep', '1h') as Promise<Document>
const ways = ({ changes }: Document) =>
  Object.fromEntries(
    changes
      .filter(({ action }) => action !== 'unchanged')
      .map(({ key, action, strategy }) => [key, strategy?.name ?? action]),
  )

/** Begins a deployment, and calls `fault` as soon as the ledger says that a rebuild is under way. */
async function interrupted(
  fault: (child: ReturnType<Deployment['command']>) => Promise<void>,
): Promise<void> {
  const child = deployment.command('bootstrap', '--allow-destructive', '--keep', '1h')
  const end = child.then(
    () => 'through',
    () => 'killed',
  )
  await eventually('a rebuild to begin', 60_000, async () => {
    const [row] = await deployment.client.rows<{ action: string }>(
      "SELECT action FROM table(tpctl_ledger) WHERE object = '@rebuild'",
    )
    return row?.action === 'building'
  })
  await fault(child)
  expect(await end).toBe('killed')
}

/** The n-th of the changes begins here, if those before it are through. */
const turnOf = (n: number) => reach((SECONDS / 10) * (n - 1))
const reach = (seconds: number) => sleep(Math.max(0, seconds - elapsed()) * 1000)

/** Seconds since the first message. */
function elapsed(): number {
  return (performance.now() - started) / 1000
}

function note(what: string): void {
  diary.push(`${elapsed().toFixed(1)} s, ${sent} messages: ${what}`)
}

/** Messages go on arriving after a kill. */
async function whileFed(kill: () => unknown, what: string): Promise<void> {
  const before = sent
  await kill()
  note(`${what} killed`)
  await eventually('messages to arrive', 60_000, async () => sent > before)
}

describe('changes under load', () => {
  const column = async () => {
    await edit('streams/trending_signals.sql', (sql) =>
      sql.replace('  risk string\n', '  risk string,\n  mcap nullable(float64)\n'),
    )
    await edit('views/mv_trending_signals.sql', (sql) =>
      sql.replace('risk_level, risk\n', 'risk_level, risk, mcap\n'),
    )
  }
  const filter = () =>
    edit('views/trending_screened.sql', (sql) => sql.replace('${SCREEN_MIN_LIQUIDITY_USD:-10000}', '20000'))
  const join = () =>
    edit('views/trending_listed.sql', (sql) =>
      sql.replace(
        "WHERE jup_token_type != 'banned'",
        "WHERE jup_token_type != 'banned' AND address != 'none'",
      ),
    )

  it.skipIf(SHORT)('a column more, another filter, another join, one after the other', async () => {
    await turnOf(1)
    await column()
    expect(ways(await bootstrap())).toEqual({ trending_signals: 'alter', mv_trending_signals: 'modify' })
    note('a column more')
    await turnOf(2)
    await filter()
    expect(ways(await bootstrap())).toEqual({ trending_screened: 'replace', mv_trending_signals: 'modify' })
    note('another filter')
    await turnOf(3)
    await join()
    expect(ways(await bootstrap())).toEqual({
      trending_listed: 'replace',
      mv_trending_categorized: 'handover',
    })
    note('another join')
  })

  it.runIf(SHORT)('a column more, another filter, another join, all at once', async () => {
    await Promise.all([column(), filter(), join()])
    expect(ways(await bootstrap())).toEqual({
      trending_signals: 'alter',
      trending_screened: 'replace',
      mv_trending_signals: 'modify',
      trending_listed: 'replace',
      mv_trending_categorized: 'handover',
    })
  })

  it('another aggregate, and tpctl is killed', async () => {
    await turnOf(4)
    await edit('streams/signals_5m.sql', (sql) =>
      sql.replace('avg_risk_score float64', 'avg_risk_score float64,\n  max_risk_score float64'),
    )
    await edit('views/mv_signals_5m.sql', (sql) =>
      sql.replace('AS avg_risk_score', 'AS avg_risk_score,\n  max(risk_score) AS max_risk_score'),
    )
    await interrupted((child) => whileFed(() => child.kill('SIGKILL'), 'tpctl'))
    const plan = (await deployment.tpctl('plan')) as Document
    expect(plan.notices).toHaveLength(1)
    await bootstrap()
    note('another aggregate')
    expect(await deployment.tpctl('plan')).toMatchObject({ empty: true, notices: [] })
  })

  it('other keys, and the engine is killed', async () => {
    await turnOf(5)
    await edit('streams/signals_5m.sql', (sql) =>
      sql.replace('jup_token_type string,', 'jup_token_type string,\n  risk_level string,'),
    )
    await edit('views/mv_signals_5m.sql', (sql) =>
      sql
        .replace('  jup_token_type,\n', '  jup_token_type,\n  risk_level,\n')
        .replace('window_end, jup_token_type\n', 'window_end, jup_token_type, risk_level\n'),
    )
    await edit('streams/jupiter_tokens.sql', (sql) =>
      sql.replace('PRIMARY KEY (jup_token_type, address)', 'PRIMARY KEY (address, jup_token_type)'),
    )
    await interrupted(() =>
      whileFed(async () => {
        await deployment.killEngine()
        await deployment.restartEngine()
      }, 'the engine'),
    )
    const found = await bootstrap()
    note('other keys')
    expect(ways(found)).toMatchObject({ jupiter_tokens: 'copy', mv_signals_5m: 'rebuild' })
    expect(await deployment.tpctl('plan')).toMatchObject({ empty: true, notices: [] })
  })

  it('every message is in the final targets exactly once', async () => {
    await reach(SECONDS)
    note('the last message but one')
    feeding = false
    await Promise.all([feed, ...readers])
    // Closes the last windows; not counted in them.
    const last = FIRST_MS + sent * STEP_MS + 3 * WINDOW_MS
    await deliver([message(sent, last)])
    const { client } = deployment
    await eventually(
      'the last message',
      240_000,
      async () => (await deployment.count(`table(trending_signals) WHERE ts >= '${day(last)}'`)) > 0,
      async () => `${await deployment.count('table(trending_signals)')} of ${sent + 1}`,
    )
    for (const name of ['trending_categorized', 'trending_signals']) {
      const [row] = await client.rows<{ rows: string; different: string }>(
        `SELECT count() AS rows, unique_exact(ts) AS different FROM table(${name})`,
      )
      expect([name, Number(row!.rows), Number(row!.different)]).toEqual([name, sent + 1, sent + 1])
    }
    const due = new Map<number, number>()
    for (let n = 0; n < sent; n++) {
      const window = Math.floor((FIRST_MS + n * STEP_MS) / WINDOW_MS)
      due.set(window, (due.get(window) ?? 0) + 1)
    }
    const windows = () =>
      client.rows<{ at: string; signals: string; doubled: string }>(
        'SELECT to_unix_timestamp64_milli(window_start) AS at, sum(signals) AS signals, ' +
          'count() - unique_exact(jup_token_type, risk_level) AS doubled FROM table(signals_5m) GROUP BY window_start',
      )
    await eventually('the last window', 120_000, async () => (await windows()).length >= due.size)
    const found = (await windows()).map(({ at, signals, doubled }) => [
      Number(at) / WINDOW_MS,
      Number(signals),
      Number(doubled),
    ])
    expect(found.sort((a, b) => a[0]! - b[0]!)).toEqual([...due].map(([window, n]) => [window, n, 0]))
    expect(complaints).toEqual([])
    expect(await deployment.count('table(jupiter_tokens)')).toBeGreaterThanOrEqual(200)
    console.log(diary.join('\n'))
    console.log(`${sent} messages, ${due.size} windows, ${readings} readings of ${STABLE.join(', ')}`)
  }, 600_000)
})

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}
