import type { Command } from 'commander'
import { alertPolicy } from '../../dialect/jobs/index.js'
import { type AlertNews, LetterFolder, runAlerts } from '../../scripts/index.js'
import { action, type Context } from '../context.js'
import { openCalls } from '../outside/calls.js'
import { alertMetrics } from '../outside/metrics.js'
import { type RunnerOptions, withRunner, withRunnerFlags } from '../outside/runner.js'

export function registerRunAlerts(program: Command): void {
  const command = program
    .command('run-alerts')
    .description('run the alerts of the project from outside, where the target has none: Proton 1.6')
  withRunnerFlags(command, 'alerts').action(
    action<RunnerOptions, []>((context, options) =>
      withRunner(context, 'alert', options, async ({ jobs, client, deployment, folders, registry }) => {
        const { signal, output } = context
        const count = alertMetrics(registry)
        let failed = false
        const calls = await openCalls(jobs, folders)
        try {
          if (!options.once) output.line(`${jobs.map(({ name }) => name).join(', ')}: listening until Ctrl-C`)
          await runAlerts(
            jobs.map((job) => ({
              name: job.name,
              policy: alertPolicy(job.statement),
              query: job.query,
              stream: job.stream,
              ...calls.of(job),
            })),
            {
              client,
              edition: deployment.edition,
              folder: folders.alert,
              letters: new LetterFolder(folders.letters),
              once: options.once,
              retries: options.retries,
              signal,
              onEvent: (news) => {
                count(news)
                show(context, news)
                if (news.event === 'dead_lettered') failed = true
              },
            },
          )
        } finally {
          await calls.close()
        }
        return { failed: failed && options.once === true }
      }),
    ),
  )
}

function show({ output }: Context, news: AlertNews): void {
  output.result(news)
  const { alert } = news
  switch (news.event) {
    case 'delivered':
      output.line(`${alert}: ${news.events} events delivered`)
      return
    case 'suppressed':
      output.line(`${alert}: ${news.events} events suppressed by its limit`)
      return
    case 'dead_lettered':
      output.note(
        `${alert}: ${news.events} events ${output.color('red', 'kept as a dead letter')}: ${news.error}`,
      )
      return
    default: {
      const what = news.event === 'away' ? 'the target is away' : 'failed'
      output.note(`${alert}: ${what}, again in ${(news.inMs / 1000).toFixed(1)} s: ${news.error}`)
    }
  }
}
