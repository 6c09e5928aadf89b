import { UserError } from '../../dialect/user_error.js'
import { aborted } from '../http.js'
import { RejectsFile } from '../tokens/rejects.js'
import { openScans, type TrendingSourceOptions } from './sources.js'
import { type TopicOptions, TrendingTopic } from './topic.js'

export interface FeedTrendingOptions extends TrendingSourceOptions, Omit<TopicOptions, 'topic' | 'signal'> {
  /** Default `trending_5m`. */
  topic?: string
  rejectsFile?: string
  progress?: (summary: FeedTrendingSummary) => void
}

export interface FeedTrendingSummary {
  source: string
  topic: string
  /** Looks at the market. */
  scans: number
  /** Entries in them; `rejected + duplicates + written` of them. */
  fetched: number
  rejected: number
  /** Tokens whose record of the same scan is in the topic already. */
  duplicates: number
  written: number
  /** Time of the newest scan that was sent. */
  lastScan?: string
  warnings: string[]
  interrupted: boolean
  seconds: number
}

/**
 * Sends scans of trending tokens to a topic, one message a token, and resolves when the source ends, or after the batch in
 * flight once `signal` is aborted. Errors: `BROKER_*`, `UPSTREAM_*` and the other codes of the sources.
 */
export async function feedTrending(options: FeedTrendingOptions): Promise<FeedTrendingSummary> {
  const started = Date.now()
  const { label, scans } = openScans(options)
  const topic = new TrendingTopic({ ...options, topic: options.topic ?? 'trending_5m' })
  const rejects = new RejectsFile(options.rejectsFile)
  const summary: FeedTrendingSummary = {
    source: label,
    topic: options.topic ?? 'trending_5m',
    scans: 0,
    fetched: 0,
    rejected: 0,
    duplicates: 0,
    written: 0,
    warnings: [],
    interrupted: false,
    seconds: 0,
  }
  const update = () => {
    summary.rejected = rejects.count
    summary.duplicates = topic.duplicates
    summary.written = topic.written
    summary.seconds = (Date.now() - started) / 1000
  }
  try {
    if (options.signal?.aborted) throw aborted()
    await topic.open()
    for await (const portion of scans) {
      for (const scan of portion) {
        summary.fetched += scan.records.length + scan.rejected.length
        for (const { reason, raw } of scan.rejected) {
          const line = /^line (\d+): (.*)$/s.exec(reason)
          await rejects.add({ line: Number(line?.[1] ?? 0), reason: line?.[2] ?? reason, raw })
        }
      }
      const records = portion.flatMap((scan) => scan.records)
      await topic.send(records)
      summary.scans += portion.filter((scan) => scan.records.length > 0).length
      summary.lastScan = records.at(-1)?.ts ?? summary.lastScan
      update()
      options.progress?.({ ...summary })
    }
  } catch (error) {
    if (!options.signal?.aborted) throw error
    if (error instanceof UserError && error.code !== 'ABORTED')
      summary.warnings.push(`Stopped before the last scan was written: ${error.message}`)
  } finally {
    await topic.close()
    await rejects.close()
  }
  summary.interrupted = options.signal?.aborted ?? false
  update()
  return summary
}
