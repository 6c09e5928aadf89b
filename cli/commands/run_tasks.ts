import type { Command } from 'commander'
import type { Edition } from '../../bootstrap/config.js'
import type { OutsideTask } from '../../bootstrap/outside.js'
import { intervalLength, printQuery } from '../../dialect/index.js'
import { scheduleOf } from '../../dialect/jobs/index.js'
import { type RunnableTask, runTasks, type TaskEvent } from '../../scripts/index.js'
import { action, type Context } from '../context.js'
import { taskMetrics } from '../outside/metrics.js'
import { type RunnerOptions, withRunner, withRunnerFlags } from '../outside/runner.js'

export function registerRunTasks(program: Command): void {
  const command = program
    .command('run-tasks')
    .description('run the tasks of the project from outside, where the target has none: Proton 1.6')
  withRunnerFlags(command, 'tasks').action(
    action<RunnerOptions, []>((context, options) =>
      withRunner(
        context,
        'task',
        options,
        async ({ jobs, project, client, deployment, folders, registry }) => {
          const { signal, output } = context
          const count = taskMetrics(registry)
          let failed = false
          if (!options.once) output.line(`${jobs.map(({ name }) => name).join(', ')}: running until Ctrl-C`)
          await runTasks(
            jobs.map((job) => runnable(job, deployment.edition)),
            {
              client,
              folder: folders.task,
              project: project.config.name,
              once: options.once,
              retries: options.retries,
              signal,
              onEvent: (event) => {
                count(event)
                show(context, event)
                if (event.event === 'run' && event.outcome === 'failed') failed = true
              },
            },
          )
          // Who leaves a runner running looks at its metrics; what counts for its exit is that it ended in order.
          return { failed: failed && options.once === true }
        },
      ),
    ),
  )
}

function runnable({ name, statement }: OutsideTask, edition: Edition): RunnableTask {
  const { timeout, into, schedule, query } = statement
  const timeoutMs = timeout && intervalLength(timeout)
  return {
    name,
    // The compiler refuses any other.
    schedule: scheduleOf(schedule)!,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    sql: printQuery(query, { edition }),
    into: into.database === undefined ? into.name : { database: into.database, name: into.name },
  }
}

function show({ output }: Context, event: TaskEvent): void {
  output.result(event)
  if (event.event !== 'run') {
    const what = event.event === 'away' ? 'the target is away' : 'failed'
    output.note(`${event.task}: ${what}, again in ${(event.inMs / 1000).toFixed(1)} s: ${event.error}`)
    return
  }
  const { task, scheduledAt, outcome, rows, tookMs, error } = event
  if (outcome === 'ok') output.line(`${scheduledAt} ${task}: ${rows} rows, ${tookMs} ms`)
  else output.note(`${scheduledAt} ${task} ${output.color('red', 'failed')}: ${error}`)
}
