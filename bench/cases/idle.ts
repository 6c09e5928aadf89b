import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { packageRoot } from '../../cli/package_root.js'
import { feedTokens } from '../../scripts/index.js'
import { cpuSeconds, residentMegabytes } from '../engine_process.js'
import { type BenchCase, Child, deployFlagship, untilRows, withEngine } from '../harness.js'
import { produceFile } from '../produce.js'

/** Until the store has given back what it does not need, and how long is watched then. */
const SETTLE_MS = 45_000
const WATCHED_MS = 30_000

/** The engine with the flagship deployed, after the recorded scans went through it, with nothing to do. */
export const idle: BenchCase = {
  name: 'idle',
  async run({ dir }) {
    const measure = async (pid: number) => {
      await sleep(SETTLE_MS)
      const before = await cpuSeconds(pid)
      await sleep(WATCHED_MS)
      return {
        core: (100 * ((await cpuSeconds(pid)) - before)) / (WATCHED_MS / 1000),
        rss: await residentMegabytes(pid),
      }
    }
    const engine = await withEngine(dir, async (bench) => {
      await deployFlagship(bench)
      const fixtures = join(packageRoot(), 'tests/fixtures')
      for (const [list, file] of [
        ['strict', 'strict.csv'],
        ['all', 'all.jsonl'],
        ['banned', 'banned.csv'],
      ] as const) {
        await feedTokens({ client: bench.client, list, source: 'file', file: join(fixtures, 'tokens', file) })
      }
      await produceFile(bench.engine.brokers, 'trending_5m', join(fixtures, 'trending/demo_mix_5m.jsonl'))
      await untilRows(bench.client, 'SELECT count() AS value FROM trending_categorized', 769)
      return measure(bench.engine.pid)
    })
    const hand = new Child('by_hand_views.js')
    const rows = 1_000_000
    await hand.ask({ prepare: { view: 'stateless', dir: join(dir, 'hand'), rows, tokens: 0 } })
    await hand.ask('round')
    const idle = await measure(hand.pid)
    await hand.end()
    const baseline = 'chDB in a Node process that has written a million rows'
    return [
      {
        what: 'idle engine with the flagship, processor',
        unit: '% of a core',
        engine: engine.core,
        byHand: idle.core,
        baseline,
        moreIsBetter: false,
        limit: { of: 'engine', bound: 2 },
      },
      {
        what: 'idle engine with the flagship, memory',
        unit: 'MB',
        engine: engine.rss,
        byHand: idle.rss,
        baseline,
        moreIsBetter: false,
        limit: { of: 'engine', bound: 600 },
      },
    ]
  },
}
