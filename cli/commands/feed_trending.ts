import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { clientOptions } from '../../bootstrap/brokers.js'
import { loadProject } from '../../bootstrap/project.js'
import { type FeedTrendingSummary, feedTrending, type TrendingSourceName } from '../../scripts/index.js'
import { action } from '../context.js'
import { stateFiles } from '../embedded/lifecycle.js'
import { feedMetrics } from '../feed_metrics.js'
import { type MetricsFlag, withMetricsPort } from '../metrics_server.js'
import { openTarget } from '../target.js'

interface FeedTrendingOptions extends MetricsFlag {
  source?: TrendingSourceName
  file?: string
  speed: number | 'max'
  once?: boolean
  topic?: string
  interval?: '1h' | '4h' | '24h'
  limit?: number
}

export function registerFeedTrending(program: Command): void {
  const command = program
    .command('feed-trending')
    .description('send scans of trending tokens to the topic: every five minutes, or recorded ones')
    .addOption(
      new Option('--source <source>', 'where from (default: replay with --file, else jupiter)').choices([
        'jupiter',
        'birdeye',
        'replay',
      ]),
    )
    .option('--file <path>', 'recorded scans to replay')
    .option(
      '--speed <factor>',
      'replay: so many times faster than recorded, or max',
      parseSpeed,
      'max' as const,
    )
    .option('--once', 'one scan, then leave')
    .option('--topic <name>', "default: the project's topic")
    .addOption(
      new Option('--interval <interval>', 'BirdEye: span of the ranking').choices(['1h', '4h', '24h']),
    )
  withMetricsPort(command).action(
    action<FeedTrendingOptions, []>(async (context, options) => {
      const { output, signal } = context
      const { target, client } = await openTarget(context, { start: true })
      await client.close()
      const { brokers, ...security } = clientOptions(target)
      const project = await loadProject(context.projectDir, { target: context.target })
      const topic = options.topic ?? project.topics[0]?.name ?? 'trending_5m'
      const partitions = project.topics.find(({ name }) => name === topic)?.partitions
      const metrics = await feedMetrics(options)
      const bar = output.progress('sending')
      let waiting = ''
      let summary: FeedTrendingSummary
      try {
        summary = await feedTrending({
          source: options.source ?? (options.file === undefined ? 'jupiter' : 'replay'),
          file: options.file,
          speed: options.speed,
          once: options.once,
          interval: options.interval,
          topic,
          partitions,
          brokers,
          security,
          rejectsFile: resolve(join(stateFiles(context.stateDir).rejects, 'trending.ndjson')),
          signal,
          progress: (progress) => {
            metrics.progress(topic, progress)
            bar.update(progress.written)
          },
          http: {
            onWait: (reason, ms) => output.note(`${reason} Waiting ${Math.ceil(ms / 1000)} s.`),
          },
          onError: (error) => {
            metrics.missed(topic)
            output.failure(error, context.debug)
          },
          onWait: (reason) => {
            if (reason !== waiting) output.note(reason)
            waiting = reason
          },
        })
      } finally {
        bar.stop()
        await metrics.close()
      }
      const { scans, fetched, rejected, duplicates, written } = summary
      output.line(
        `${summary.source} → ${topic}: ${scans} scans, ${fetched} fetched, ${rejected} rejected, ${duplicates} duplicates, ${written} written`,
      )
      for (const warning of summary.warnings) output.note(`warning: ${warning}`)
      if (summary.interrupted)
        output.note('Interrupted. The same command again goes on: what is in the topic already is skipped.')
      output.result(summary)
    }),
  )
}

function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return 'max'
  const speed = Number(text)
  if (!Number.isFinite(speed) || speed <= 0) throw new InvalidArgumentError('Give a number above 0, or max.')
  return speed
}
