/**
 * The same work by hand: chDB alone, by somebody who knows it. Each function is one baseline; a process runs one.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open, run, type Seconds, timed, value } from './chdb.js'
import { ROW } from './view_data.js'

/** Batches of NDJSON into a MergeTree. */
async function insert({
  dir,
  batch,
  batches,
}: {
  dir: string
  batch: string
  batches: number
}): Promise<Seconds> {
  const session = open(dir)
  await run(session, 'CREATE TABLE t (i Int32, s String, v Float64) ENGINE = MergeTree ORDER BY tuple()')
  const values = readFileSync(batch)
  return timed(async () => {
    for (let i = 0; i < batches; i++) await session.insert({ table: 't', values, format: 'JSONEachRow' })
  })
}

/** A list of tokens in NDJSON, typed and keyed, in one statement. */
async function loadTokens({ dir, file }: { dir: string; file: string }): Promise<Seconds & { rss: number }> {
  const session = open(dir)
  await run(
    session,
    'CREATE TABLE t (address String, symbol String, name String, decimals UInt8, updated_at DateTime64(3)) ENGINE = ReplacingMergeTree(updated_at) ORDER BY address',
  )
  const result = await timed(() =>
    run(
      session,
      `INSERT INTO t SELECT address, symbol, name, decimals, now64(3) FROM file('${file}', JSONEachRow, 'address String, symbol String, name String, decimals UInt8') WHERE length(base58Decode(address)) = 32`,
    ),
  )
  return { ...result, rss: process.resourceUsage().maxRSS / 1024 }
}

const MESSAGE =
  'ts DateTime64(3), source String, rank UInt32, address String, symbol String, price_usd Nullable(Float64), liquidity_usd Nullable(Float64), volume_24h_usd Nullable(Float64)'

const CARRIED =
  'm.ts, m.source, m.rank, m.address, m.symbol, m.price_usd, m.liquidity_usd, m.volume_24h_usd, m.n'

/** Messages classified by an ASOF join, the top of each scan filtered, then screened: three statements per batch. */
async function classify({
  dir,
  file,
  batch,
}: {
  dir: string
  file: string
  batch: number
}): Promise<Seconds> {
  const session = open(dir)
  await run(
    session,
    'CREATE TABLE tokens (type String, address String, ver UInt64) ENGINE = MergeTree ORDER BY address',
  )
  await run(session, `CREATE TABLE messages (${MESSAGE}, n UInt64) ENGINE = MergeTree ORDER BY n`)
  for (const name of ['categorized', 'enriched', 'signals']) {
    await run(
      session,
      `CREATE TABLE ${name} (${MESSAGE}, n UInt64, type String) ENGINE = MergeTree ORDER BY n`,
    )
  }
  await run(
    session,
    `INSERT INTO messages SELECT *, rowNumberInAllBlocks() FROM file('${file}', JSONEachRow, '${MESSAGE}') SETTINGS max_threads = 1`,
  )
  await run(
    session,
    `INSERT INTO tokens SELECT if(cityHash64(address) % 2 = 0, 'strict', 'all'), address, 1 FROM (SELECT DISTINCT address FROM messages)`,
  )
  const total = Number((await session.queryAsync('SELECT count() FROM messages', { format: 'TSV' })).text())
  return timed(async () => {
    for (let from = 0; from < total; from += batch) {
      const range = `n >= ${from} AND n < ${from + batch}`
      await run(
        session,
        `INSERT INTO categorized SELECT ${CARRIED}, j.type FROM (SELECT *, toUInt64(100) AS key FROM messages WHERE ${range}) AS m ASOF LEFT JOIN tokens AS j ON m.address = j.address AND m.key >= j.ver`,
      )
      await run(session, `INSERT INTO enriched SELECT * FROM categorized WHERE rank < 20 AND ${range}`)
      await run(
        session,
        `INSERT INTO signals SELECT * FROM enriched WHERE liquidity_usd >= 10000 AND ${range}`,
      )
    }
  })
}

/** One row through a chain of four INSERT … SELECTs, again and again: milliseconds of each. */
async function chain({ dir, events }: { dir: string; events: number }): Promise<{ ms: number[] }> {
  const session = open(dir)
  for (let i = 0; i <= 4; i++)
    await run(session, `CREATE TABLE s${i} (n UInt64, v Float64) ENGINE = MergeTree ORDER BY n`)
  const ms: number[] = []
  for (let n = 0; n < events; n++) {
    const started = performance.now()
    await run(session, `INSERT INTO s0 VALUES (${n}, 1.5)`)
    for (let i = 1; i <= 4; i++)
      await run(session, `INSERT INTO s${i} SELECT n, v + 1 FROM s${i - 1} WHERE n = ${n}`)
    ms.push(performance.now() - started)
  }
  return { ms }
}

interface Executable {
  dir: string
  rows: number
  /** The best of so many counts. */
  rounds: number
}

/** A function over RowBinary in a pool of Node processes, as the manual of ClickHouse has it. */
async function executable({ dir, rows, rounds }: Executable): Promise<Seconds> {
  const scripts = join(dir, 'scripts')
  mkdirSync(scripts, { recursive: true })
  writeFileSync(
    join(scripts, 'plus_by_hand.cjs'),
    `#!${process.execPath}
let rest = Buffer.alloc(0), want = -1
process.stdin.on('data', (chunk) => {
  rest = rest.length ? Buffer.concat([rest, chunk]) : chunk
  for (;;) {
    if (want < 0) {
      const end = rest.indexOf(10)
      if (end < 0) return
      want = Number(rest.toString('latin1', 0, end)) * 4
      rest = rest.subarray(end + 1)
    }
    if (rest.length < want) return
    const values = new Int32Array(want / 4)
    const bytes = Buffer.from(values.buffer)
    rest.copy(bytes, 0, 0, want)
    for (let i = 0; i < values.length; i++) values[i] = (values[i] * 2 + 1) | 0
    process.stdout.write(bytes)
    rest = rest.subarray(want)
    want = -1
  }
})
`,
    { mode: 0o755 },
  )
  writeFileSync(
    join(dir, 'functions.xml'),
    `<functions><function><type>executable_pool</type><name>plus_by_hand</name><return_type>Int32</return_type><argument><type>Int32</type><name>x</name></argument><format>RowBinary</format><command>plus_by_hand.cjs</command><send_chunk_header>true</send_chunk_header><pool_size>2</pool_size></function></functions>`,
  )
  writeFileSync(
    join(dir, 'config.xml'),
    `<clickhouse><user_scripts_path>${scripts}</user_scripts_path><user_defined_executable_functions_config>${join(dir, 'functions.xml')}</user_defined_executable_functions_config></clickhouse>`,
  )
  const session = open(dir, [`--config-file=${join(dir, 'config.xml')}`])
  await run(session, 'SELECT sum(plus_by_hand(toInt32(number))) FROM numbers(1000)')
  const call = () => run(session, `SELECT sum(plus_by_hand(toInt32(number))) FROM numbers(${rows})`)
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < rounds; i++) best = Math.min(best, (await timed(call)).seconds)
  return { seconds: best }
}

/** Rows that a start is measured on. */
async function fill({ dir, rows }: { dir: string; rows: number }): Promise<object> {
  const session = open(dir)
  await run(
    session,
    'CREATE TABLE src (v UInt64, k String, ts DateTime64(3), x Float64) ENGINE = MergeTree ORDER BY v',
  )
  await run(session, `INSERT INTO src SELECT ${ROW} FROM numbers(${rows})`)
  return {}
}

/** One answer from a folder, an empty one or a filled one. */
async function first({ dir, rows }: { dir: string; rows: number }): Promise<object> {
  return { count: await value(open(dir), rows > 0 ? 'SELECT count() FROM src' : 'SELECT 1') }
}

const BASELINES: Record<string, (input: never) => Promise<object>> = {
  insert,
  loadTokens,
  classify,
  chain,
  executable,
  fill,
  first,
}

process.once('message', async ({ name, input }: { name: string; input: never }) => {
  const result = await BASELINES[name]!(input)
  process.send!(result, () => process.exit(0))
})
