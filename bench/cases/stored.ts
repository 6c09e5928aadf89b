import { join } from 'node:path'
import { cpuSeconds, EngineProcess } from '../engine_process.js'
import { type BenchCase, byHand, type Measurement, percentile, seconds, untilRows } from '../harness.js'
import { ROW } from '../view_data.js'
import { proton } from './views.js'

const FEW = 10_000
const STARTS = 3

/** What stored rows cost: an event with many behind it against one with few, and starting over them. */
export const stored: BenchCase = {
  name: 'stored',
  async run({ dir, scale }) {
    const many = Math.max(FEW * 10, Math.round(10_000_000 * scale))
    const events = Math.max(50, Math.round(300 * scale))
    const [empty, few, full] = ['empty', 'few', 'full'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ]
    const costs = { few: await eventCost(few, FEW, events), many: await eventCost(full, many, events) }
    const cost = (kind: 'cpu' | 'wall', unit: string, what: string): Measurement => ({
      what: `${what} of an event, ${many} rows stored (by hand: ${FEW})`,
      unit,
      engine: costs.many[kind],
      byHand: costs.few[kind],
      baseline: `tpctl itself with ${FEW} rows stored`,
      moreIsBetter: false,
      limit: { of: 'ratio', bound: 1.3 },
    })
    return [
      cost('cpu', 'ms', 'processor time'),
      cost('wall', 'ms', 'time (median)'),
      await startUp('an empty folder', empty, 'SELECT 1', dir, 0, 1.5),
      await startUp(`a folder of ${many} rows`, full, 'SELECT count() FROM table(src)', dir, many, 3),
    ]
  },
}

/** Milliseconds for one row through a filter, a sum and a window, with so many rows stored already. */
async function eventCost(dir: string, rows: number, events: number): Promise<{ cpu: number; wall: number }> {
  const engine = await EngineProcess.start(dir)
  const { client } = engine
  await client.exec("CREATE STREAM src (v uint64, k string, ts datetime64(3, 'UTC'), x float64)")
  for (let from = 0; from < rows; from += 1_000_000) {
    const count = Math.min(1_000_000, rows - from)
    await client.exec(
      `INSERT INTO src (v, k, ts, x) SELECT ${proton(ROW)} FROM (SELECT number + ${from} AS number FROM numbers(${count}))`,
    )
  }
  await client.exec('CREATE STREAM kept (v uint64, y float64)')
  await client.exec('CREATE MATERIALIZED VIEW keeps INTO kept AS SELECT v, x * 2 + 1 AS y FROM src')
  await client.exec("CREATE STREAM windows (w datetime64(3, 'UTC'), c uint64)")
  await client.exec(
    'CREATE MATERIALIZED VIEW counts INTO windows AS SELECT window_start AS w, count() AS c FROM tumble(src, ts, 1s) GROUP BY window_start',
  )
  await client.exec('CREATE STREAM sums (s float64)')
  await client.exec('CREATE MATERIALIZED VIEW adds INTO sums AS SELECT sum(x) AS s FROM src EMIT PERIODIC 1s')
  const wall: number[] = []
  const event = async (n: number) => {
    const started = performance.now()
    const ts = new Date(Date.UTC(2026, 5, 1) + n * 100).toISOString().slice(0, 23).replace('T', ' ')
    await client.exec(`INSERT INTO src (v, k, ts, x) VALUES (${n}, 'key', '${ts}', 1.5)`)
    await untilRows(client, 'SELECT count() AS value FROM table(kept)', n + 1)
    wall.push(performance.now() - started)
  }
  const warm = 20
  for (let n = 0; n < warm; n++) await event(n)
  const before = await cpuSeconds(engine.child.pid!)
  for (let n = warm; n < warm + events; n++) await event(n)
  const cpu = ((await cpuSeconds(engine.child.pid!)) - before) / events
  await engine.stop()
  return { cpu: cpu * 1000, wall: percentile(wall.slice(warm), 0.5) }
}

/** From the start of the process to its first answer, the best of some. */
async function startUp(
  what: string,
  folder: string,
  query: string,
  dir: string,
  rows: number,
  bound: number,
): Promise<Measurement> {
  const taken: number[] = []
  for (let i = 0; i < STARTS; i++) {
    let engine: EngineProcess | undefined
    taken.push(
      await seconds(async () => {
        engine = await EngineProcess.start(folder)
        await engine.client.rows(query)
      }),
    )
    await engine!.stop()
  }
  const hand: number[] = []
  const input = { dir: join(dir, `hand-${rows}`), rows }
  if (rows > 0) await byHand('fill', input)
  for (let i = 0; i < STARTS; i++) hand.push(await seconds(() => byHand('first', input)))
  return {
    what: `start to first answer, ${what}`,
    unit: 's',
    engine: Math.min(...taken),
    byHand: Math.min(...hand),
    baseline: 'chDB in a Node process: opened, one count()',
    moreIsBetter: false,
    limit: { of: 'engine', bound },
  }
}
