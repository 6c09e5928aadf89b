import { join } from 'node:path'
import { type FeedTokensSummary, writeSyntheticList } from '../../scripts/index.js'
import { type BenchCase, byHand, deployFlagship, inChild, withEngine } from '../harness.js'

/** A list of a million tokens: read, checked, compared, written. */
export const feedTokensCase: BenchCase = {
  name: 'feed-tokens',
  async run({ dir, scale }) {
    const rows = Math.max(1000, Math.round(1_000_000 * scale))
    const file = join(dir, 'tokens.ndjson')
    await writeSyntheticList(file, rows)
    const fed = await withEngine(dir, async (engine) => {
      await deployFlagship(engine)
      const { url, streamUrl } = engine.engine
      return inChild<FeedTokensSummary & { rss: number }>('feed_child.js', { url, streamUrl, file })
    })
    if (fed.written !== rows) throw new Error(`fed ${fed.written} of ${rows} tokens`)
    const hand = await byHand<{ seconds: number; rss: number }>('loadTokens', {
      dir: join(dir, 'hand'),
      file,
    })
    const baseline = 'chDB: INSERT … SELECT FROM file(…) into a ReplacingMergeTree'
    return [
      {
        what: `feed-tokens, ${rows} tokens`,
        unit: 'rows/s',
        engine: rows / fed.seconds,
        byHand: rows / hand.seconds,
        baseline,
        moreIsBetter: true,
      },
      {
        what: 'feed-tokens, peak memory',
        unit: 'MB',
        engine: fed.rss,
        byHand: hand.rss,
        baseline,
        moreIsBetter: false,
      },
    ]
  },
}
