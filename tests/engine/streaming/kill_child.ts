/**
 * A process that feeds views until it is killed, or (with `check`) lets them settle and prints what they made.
 * Arguments: directory, mode.
 */
import { Bench } from './harness.js'

const VIEWS: Record<string, string> = {
  plain: 'SELECT k, v FROM s',
  chained: 'SELECT k, v FROM plain',
  joined: 'SELECT a.k AS k, a.v AS v FROM s AS a JOIN (SELECT v FROM s) AS b ON a.v = b.v',
  enriched: 'SELECT t.k AS k, t.v AS v, kv.name AS name FROM s AS t LEFT LATEST JOIN kv ON t.k = kv.k',
}

/** Views whose results are changelogs: what is in force at the end is what counts. */
const CHANGELOGS: Record<string, string> = {
  pairs: 'SELECT s.k AS k, s.v AS v, _tp_delta FROM changelog(s, k) AS s JOIN kv ON s.k = kv.k',
  totals:
    'SELECT to_string(count()) AS k, to_int64(sum(v)) AS v, _tp_delta FROM changelog(s, k) EMIT CHANGELOG ON UPDATE',
}

async function setUp(bench: Bench): Promise<void> {
  await bench.stream('s', { k: 'string', v: 'int64', ts: "datetime64(3, 'UTC')" })
  await bench.stream('kv', { k: 'string', name: 'string' }, { mode: 'mutable', primaryKey: ['k'] })
  const keys = Array.from({ length: 50 }, (_, i) => ({ k: String(i), name: `n${i}` }))
  await bench.insert('kv', keys)
  for (const [name, query] of Object.entries(VIEWS)) {
    await bench.stream(`${name}_out`, { k: 'string', v: 'int64', name: 'string' })
    await bench.materialize(`CREATE MATERIALIZED VIEW ${name} INTO ${name}_out AS ${query}`)
  }
  for (const [name, query] of Object.entries(CHANGELOGS)) {
    const columns = { k: 'string', v: 'int64', _tp_delta: 'int8' }
    await bench.stream(`${name}_out`, columns, { mode: 'changelog' })
    await bench.materialize(`CREATE MATERIALIZED VIEW ${name} INTO ${name}_out AS ${query}`)
  }
  await bench.stream('windows_out', { total: 'int64' })
  await bench.materialize(
    'CREATE MATERIALIZED VIEW windows INTO windows_out AS SELECT count() AS total FROM tumble(s, ts, 1s) GROUP BY window_start',
  )
}

const rowAt = (v: number, ms: number) => ({
  k: String(v % 50),
  v,
  ts: new Date(ms).toISOString().slice(0, 23),
})

async function feed(bench: Bench): Promise<never> {
  let v = bench.store.lastSn(bench.streamNamed('s'))
  for (let i = 0; ; i++) {
    const rows = Array.from({ length: 1 + ((i * 37) % 120) }, () => rowAt(++v, Date.UTC(2024, 0, 1) + v * 20))
    await bench.insert('s', rows)
    // The same name again: the key's pairs are taken back and made anew.
    await bench.insert('kv', [{ k: String(i % 50), name: `n${i % 50}` }])
    if (i === 3) process.stdout.write('ready\n')
    if (i % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function check(bench: Bench): Promise<void> {
  const v = bench.store.lastSn(bench.streamNamed('s')) + 1
  // Closes all windows but its own.
  await bench.insert('s', [rowAt(v, Date.UTC(2030, 0, 1))])
  const names = [...Object.keys(VIEWS), ...Object.keys(CHANGELOGS), 'windows']
  for (const name of names) await bench.settled(name)
  const result: Record<string, unknown> = { source: v }
  for (const name of Object.keys(VIEWS)) {
    result[name] = (await bench.rows(`${name}_out`, 'count(), uniqExact(v), max(v)', ''))[0]
  }
  result.nameless = (await bench.rows('enriched_out', "countIf(name = '')", ''))[0]
  for (const name of Object.keys(CHANGELOGS)) {
    const inForce = `SELECT k, v, sum(_tp_delta) AS n FROM ${bench.store.current(bench.streamNamed(`${name}_out`)).sql} GROUP BY k, v HAVING n != 0`
    const [row] = await bench.chdb.rows(`SELECT count(), sum(v), min(n), max(n), max(k) FROM (${inForce})`)
    result[name] = row
  }
  result.windows = (await bench.rows('windows_out', 'sum(total)', ''))[0]
  process.stdout.write(JSON.stringify(result))
  await bench.close()
}

const [directory, mode] = process.argv.slice(2)
const bench = await Bench.open({}, directory)
if (!bench.catalog.find({ name: 's' })) {
  await setUp(bench)
}
if (mode === 'check') {
  await check(bench)
  process.exit(0)
}
await feed(bench)
