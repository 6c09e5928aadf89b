import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { UserError } from '../../dialect/user_error.js'
import { type FeedTokensSummary, feedTokens, type TokenList, type TokenSource } from '../../scripts/index.js'
import { action, type Context } from '../context.js'
import { stateFiles } from '../embedded/lifecycle.js'
import { type FeedMetrics, feedMetrics } from '../feed_metrics.js'
import { type MetricsFlag, withMetricsPort } from '../metrics_server.js'
import { parseDuration } from '../options.js'
import { openTarget } from '../target.js'

const LISTS = ['strict', 'all', 'banned'] as const

interface FeedTokensOptions extends MetricsFlag {
  list: TokenList | 'every'
  source?: TokenSource
  file?: string
  url?: string
  watch?: number
  full?: boolean
  rejects?: string
}

export function registerFeedTokens(program: Command): void {
  const command = program
    .command('feed-tokens')
    .description('bring token lists into the pipeline; unchanged tokens are not written again')
    .addOption(new Option('--list <list>', 'which list').choices([...LISTS, 'every']).default('every'))
    .addOption(
      new Option(
        '--source <source>',
        'where from (default: file with --file, url with --url, else jupiter)',
      ).choices(['jupiter', 'file', 'url']),
    )
    .option('--file <path>', 'JSON, NDJSON or CSV, in any of the shapes that Jupiter ever used')
    .option('--url <url>', 'the same over HTTP')
    .option('--watch <pause>', 'again and again, with this pause: 10m', parseDuration)
    .option('--full', 'the source is the whole list: what is missing from it has left it')
    .option(
      '--rejects <path>',
      'where refused records go (default: rejects/<list>.ndjson in the state folder)',
    )
  withMetricsPort(command).action(
    action<FeedTokensOptions, []>(async (context, options) => {
      if (options.list === 'every' && (options.file !== undefined || options.url !== undefined)) {
        throw new UserError('USAGE', 'A file or URL holds one list: say which.', {
          suggestion: 'Add --list strict, --list all or --list banned.',
        })
      }
      const { client } = await openTarget(context, { start: true, role: 'feeder' })
      const metrics = await feedMetrics(options).catch(async (error: unknown) => {
        await client.close()
        throw error
      })
      try {
        const lists = options.list === 'every' ? LISTS : [options.list]
        const runs = lists.map((list) => () => feedList(context, client, list, options, metrics))
        // A watch never ends by itself: the lists are watched side by side, and fed one after the other otherwise.
        const summaries =
          options.watch === undefined ? await inOrder(runs) : await Promise.all(runs.map((run) => run()))
        context.output.result(options.list === 'every' ? { lists: summaries } : summaries[0])
      } finally {
        await metrics.close()
        await client.close()
      }
    }),
  )
}

async function inOrder<T>(runs: (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = []
  for (const run of runs) results.push(await run())
  return results
}

async function feedList(
  context: Context,
  client: Parameters<typeof feedTokens>[0]['client'],
  list: TokenList,
  options: FeedTokensOptions,
  metrics: FeedMetrics,
): Promise<FeedTokensSummary> {
  const { output } = context
  const source =
    options.source ?? (options.file !== undefined ? 'file' : options.url !== undefined ? 'url' : 'jupiter')
  const rejectsFile = resolve(options.rejects ?? join(stateFiles(context.stateDir).rejects, `${list}.ndjson`))
  const bar = output.progress(`feeding ${list}`)
  let waiting = ''
  try {
    const summary = await feedTokens({
      client,
      list,
      source,
      file: options.file,
      url: options.url,
      full: options.full,
      watchMs: options.watch,
      rejectsFile,
      signal: context.signal,
      progress: (progress) => {
        metrics.progress(list, progress)
        bar.update(progress.fetched)
      },
      http: {
        onWait: (reason, ms) => {
          if (reason !== waiting) output.note(`${reason} Waiting ${Math.ceil(ms / 1000)} s.`)
          waiting = reason
        },
      },
      onRun: (outcome) => {
        if ('summary' in outcome) {
          metrics.progress(list, outcome.summary)
          showSummary(context, outcome.summary, rejectsFile)
        } else output.failure(outcome.error, context.debug)
        metrics.finished(list, 'summary' in outcome ? 'ok' : 'failed')
      },
    })
    if (options.watch === undefined) {
      metrics.progress(list, summary)
      metrics.finished(list, 'ok')
      showSummary(context, summary, rejectsFile)
    }
    return summary
  } finally {
    bar.stop()
  }
}

function showSummary({ output }: Context, summary: FeedTokensSummary, rejectsFile: string): void {
  const { list, source, fetched, valid, rejected, duplicates, unchanged, written, removed } = summary
  output.line(
    `${list} from ${source}: ${fetched} fetched, ${valid} valid, ${rejected} rejected, ${duplicates} duplicates, ` +
      `${unchanged} unchanged, ${written} written, ${removed} removed (${summary.seconds.toFixed(1)} s)`,
  )
  for (const warning of summary.warnings) output.note(`warning: ${warning}`)
  if (rejected > 0) output.note(`refused records are in ${rejectsFile}`)
  if (summary.interrupted)
    output.note('Interrupted. The same command again goes on: what is written already is skipped.')
}
