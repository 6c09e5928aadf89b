import { join } from 'node:path'
import { packageRoot } from '../../cli/package_root.js'
import { feedTokens, writeSyntheticScans } from '../../scripts/index.js'
import { type BenchCase, byHand, deployFlagship, untilRows, withEngine } from '../harness.js'
import { produceFile } from '../produce.js'

/** A burst of messages into the topic: how many per second get through to each stage, the burst's sending included. */
export const flagship: BenchCase = {
  name: 'flagship',
  async run({ dir, scale }) {
    const messages = Math.max(1000, Math.round(50_000 * scale))
    const file = join(dir, 'scans.ndjson')
    await writeSyntheticScans(file, { messages })
    const took = { categorized: 0, enriched: 0 }
    await withEngine(dir, async (engine) => {
      await deployFlagship(engine)
      const { client } = engine
      const list = join(packageRoot(), 'tests/fixtures/tokens/strict.csv')
      await feedTokens({ client, list: 'strict', source: 'file', file: list })
      const started = performance.now()
      await produceFile(engine.engine.brokers, 'trending_5m', file)
      await untilRows(client, 'SELECT count() AS value FROM trending_categorized', messages)
      took.categorized = (performance.now() - started) / 1000
      const [row] = await client.rows<{ value: string }>(
        'SELECT count() AS value FROM trending_categorized WHERE rank < 20',
      )
      await untilRows(client, 'SELECT count() AS value FROM trending_enriched', Number(row!.value))
      took.enriched = (performance.now() - started) / 1000
    })
    const hand = await byHand<{ seconds: number }>('classify', {
      dir: join(dir, 'hand'),
      file,
      batch: 10_000,
    })
    const baseline =
      'chDB: ASOF JOIN, filter and screen in three INSERT … SELECTs per 10,000 rows, without Kafka and functions'
    const line = (what: string, seconds: number) => ({
      what,
      unit: 'events/s',
      engine: messages / seconds,
      byHand: messages / hand.seconds,
      baseline,
      moreIsBetter: true,
    })
    return [
      line(`flagship, ${messages} messages to categorized`, took.categorized),
      line('flagship, the same to enriched (two functions)', took.enriched),
    ]
  },
}
