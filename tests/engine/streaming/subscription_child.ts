/**
 * A process that feeds a stream and prints what subscriptions to it send until it is killed, or (with `check`) lets
 * them come to the end. Arguments: directory, mode.
 */
import { Bench, type Tail, until } from './harness.js'

const QUERIES: Record<string, string> = {
  plain: 'SELECT v FROM s',
  tumble: 'SELECT to_string(window_start), count() AS n FROM tumble(s, ts, 1s) GROUP BY window_start',
  total: 'SELECT count() AS n, sum(v) AS total FROM s EMIT ON UPDATE',
  join: 'SELECT a.v AS v, b.v AS w FROM s AS a JOIN (SELECT v FROM s) AS b ON a.v = b.v',
}

const rowAt = (v: number, ms: number) => ({ v, ts: new Date(ms).toISOString().slice(0, 23) })

const [directory, mode] = process.argv.slice(2)
const bench = await Bench.open({}, directory)
const isNew = !bench.catalog.find({ name: 's' })
if (isNew) await bench.stream('s', { v: 'int32', ts: "datetime64(3, 'UTC')" })
const tails: Record<string, Tail> = {}
for (const [id, sql] of Object.entries(QUERIES)) {
  const tail = await (isNew ? bench.subscribe(id, sql) : bench.recover(id))
  tail.onRows = (rows) => process.stdout.write(`${JSON.stringify({ id, rows })}\n`)
  tails[id] = tail
}
let v = bench.store.lastSn(bench.streamNamed('s'))

async function feed(): Promise<never> {
  for (let i = 0; ; i++) {
    const rows = Array.from({ length: 1 + ((i * 37) % 60) }, () => rowAt(++v, Date.UTC(2024, 0, 1) + v * 20))
    await bench.insert('s', rows)
    if (i === 3) process.stdout.write('ready\n')
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
}

async function check(): Promise<void> {
  // Closes all windows but its own.
  await bench.insert('s', [rowAt(++v, Date.UTC(2030, 0, 1))])
  const has = (id: string, value: number) => tails[id]!.rows.some((row) => Number(row[0]) === value)
  await until(() => has('plain', v) && has('join', v) && has('total', v))
  await until(() => tails.tumble!.rows.length > 0)
  process.stdout.write(`source ${v}\n`)
  await bench.close()
}

if (mode === 'check') {
  await check()
  process.exit(0)
}
await feed()
