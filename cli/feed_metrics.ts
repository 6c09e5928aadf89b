import { Counter, Gauge, Registry } from 'prom-client'
import { type MetricsFlag, serveMetrics } from './metrics_server.js'

/** What became of records, as the summaries of the feeders name it. */
const OUTCOMES = ['fetched', 'rejected', 'duplicates', 'unchanged', 'written', 'removed'] as const

export type Totals = Partial<Record<(typeof OUTCOMES)[number] | 'scans', number>>

/** Numbers of one feeder. `feed`: which list, or the topic. */
export interface FeedMetrics {
  /** Where it listens; undefined where it does not. */
  port?: number
  /** Numbers since the run began: each call replaces the last one's. */
  progress(feed: string, totals: Totals): void
  /** A run has ended; the numbers of the next one count from 0. */
  finished(feed: string, outcome: 'ok' | 'failed'): void
  /** One look at the source failed within a run that goes on. */
  missed(feed: string): void
  close(): Promise<void>
}

/**
 * Serves a feeder's metrics on loopback, where a port is given.
 * @throws UserError PORT_IN_USE
 */
export async function feedMetrics({ metricsPort }: MetricsFlag): Promise<FeedMetrics> {
  if (metricsPort === undefined) {
    return { progress() {}, finished() {}, missed() {}, async close() {} }
  }
  const { registry, ...recorder } = feedRecorder()
  const server = await serveMetrics(registry, metricsPort)
  return {
    ...recorder,
    ...server,
  }
}

/** The numbers themselves, without a port. */
export function feedRecorder(): Omit<FeedMetrics, 'close'> & { registry: Registry } {
  const registry = new Registry()
  const registers = [registry]
  const records = new Counter({
    name: 'tpctl_feed_records_total',
    help: 'Records of a feeder by what became of them',
    labelNames: ['feed', 'outcome'],
    registers,
  })
  const runs = new Counter({
    name: 'tpctl_feed_runs_total',
    help: 'Runs of a feeder that have ended, and looks at its source that failed',
    labelNames: ['feed', 'outcome'],
    registers,
  })
  const lastSuccess = new Gauge({
    name: 'tpctl_feed_last_success_timestamp_seconds',
    help: 'When a feeder last read its source to an end, in seconds since 1970',
    labelNames: ['feed'],
    registers,
  })
  const counted = new Map<string, Totals>()
  return {
    registry,
    progress(feed, totals) {
      const before = counted.get(feed) ?? {}
      for (const outcome of OUTCOMES) {
        const more = (totals[outcome] ?? 0) - (before[outcome] ?? 0)
        if (more > 0) records.inc({ feed, outcome }, more)
      }
      counted.set(feed, { ...before, ...totals })
      if ((totals.scans ?? 0) > (before.scans ?? 0)) lastSuccess.set({ feed }, Date.now() / 1000)
    },
    finished(feed, outcome) {
      counted.delete(feed)
      runs.inc({ feed, outcome })
      if (outcome === 'ok') lastSuccess.set({ feed }, Date.now() / 1000)
    },
    missed: (feed) => runs.inc({ feed, outcome: 'failed' }),
  }
}
