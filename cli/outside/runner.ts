import type { Command } from 'commander'
import { Registry } from 'prom-client'
import { compile } from '../../bootstrap/compile.js'
import type { Deployment } from '../../bootstrap/model.js'
import { type OutsideJob, RUNNERS } from '../../bootstrap/outside.js'
import type { Project } from '../../bootstrap/project.js'
import { UserError } from '../../dialect/user_error.js'
import type { ProtonClient } from '../../driver/index.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit.js'
import { type MetricsFlag, serveMetrics, withMetricsPort } from '../metrics_server.js'
import { parseCount } from '../options.js'
import { openProject } from '../target.js'
import { lockRunner, outsideFolders } from './folders.js'

export interface RunnerOptions extends MetricsFlag {
  once?: boolean
  only?: string[]
  retries: number
}

export function withRunnerFlags(command: Command, what: string): Command {
  const flagged = command
    .option('--once', `do what is due, and leave: for cron`)
    .option('--only <names...>', `these ${what} alone`)
    .option('--retries <times>', 'how often one that fails is tried again', parseCount, 3)
  return withMetricsPort(flagged)
}

export interface RunnerBench<Job> {
  jobs: Job[]
  project: Project
  client: ProtonClient
  deployment: Deployment
  folders: ReturnType<typeof outsideFolders>
  registry: Registry
}

type JobOf<Kind extends OutsideJob['kind']> = Extract<OutsideJob, { kind: Kind }>

/**
 * Opens all that a runner needs, and closes it when `body` is through: the jobs of its kind, the target, the lock, the
 * metrics. `body` says whether something failed.
 * @throws UserError RUNNER_NOT_NEEDED, RUNNER_RUNS, JOB_UNKNOWN, PORT_IN_USE
 */
export async function withRunner<Kind extends OutsideJob['kind']>(
  context: Context,
  kind: Kind,
  options: RunnerOptions,
  body: (bench: RunnerBench<JobOf<Kind>>) => Promise<{ failed: boolean }>,
): Promise<ExitCode> {
  const { output, stateDir } = context
  const { project, client } = await openProject(context)
  try {
    const deployment = compile(project)
    requireOutside(kind, deployment, project)
    const all = deployment.outside.filter((job): job is JobOf<Kind> => job.kind === kind)
    const jobs = chosen(all, options.only, kind)
    if (jobs.length === 0) {
      output.line(`The project has no ${kind}s.`)
      return EXIT.ok
    }
    const folders = outsideFolders(stateDir, project.target.name)
    const lock = lockRunner(folders[kind], project.target.name, RUNNERS[kind])
    try {
      const registry = new Registry()
      const server =
        options.metricsPort === undefined ? undefined : await serveMetrics(registry, options.metricsPort)
      try {
        if (server) output.note(`metrics: http://127.0.0.1:${server.port}/metrics`)
        const { failed } = await body({ jobs, project, client, deployment, folders, registry })
        if (context.signal.aborted) output.note('Stopped. The same command again goes on where it was.')
        return failed ? EXIT.failed : EXIT.ok
      } finally {
        await server?.close()
      }
    } finally {
      lock.release()
    }
  } finally {
    await client.close()
  }
}

function requireOutside(kind: OutsideJob['kind'], { edition }: Deployment, { target }: Project): void {
  if (edition === 'oss-1.6') return
  throw new UserError('RUNNER_NOT_NEEDED', `Target ${target.name} (${edition}) runs ${kind}s by itself.`, {
    suggestion: `\`tpctl bootstrap\` deploys them there; \`tpctl ${RUNNERS[kind]}\` is for Proton 1.6: choose its target with --target.`,
  })
}

function chosen<Job extends OutsideJob>(jobs: Job[], only: string[] | undefined, kind: string): Job[] {
  if (only === undefined) return jobs
  const unknown = only.find((name) => !jobs.some((job) => job.name === name))
  if (unknown !== undefined)
    throw new UserError('JOB_UNKNOWN', `The project has no ${kind} '${unknown}'.`, {
      detail: `It has: ${jobs.map(({ name }) => name).join(', ') || 'none'}`,
    })
  return jobs.filter(({ name }) => only.includes(name))
}
