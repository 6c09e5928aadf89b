import type { Command } from 'commander'
import { applyPlan } from '../../bootstrap/apply.js'
import { compile } from '../../bootstrap/compile.js'
import { readLive } from '../../bootstrap/live.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { ensureTopics } from '../../bootstrap/topics.js'
import { action } from '../context.js'
import { applyReporter, planJson, showPlan } from '../deployment_view.js'
import { type InstallFlags, installTarget, withInstallFlags } from '../install/flags.js'
import { openProject } from '../target.js'

interface BootstrapOptions extends InstallFlags {
  allowDestructive?: boolean
  overwriteDrift?: boolean
}

export function registerBootstrap(program: Command): void {
  const command = program
    .command('bootstrap')
    .description(
      'deploy the project: create and change what differs, in order; starts the embedded engine if need be',
    )
    .option('--allow-destructive', 'go on where stored rows or the state of views are lost')
    .option('--overwrite-drift', 'go on where somebody else changed the target: undo that')
  withInstallFlags(command).action(
    action<BootstrapOptions, []>(async (context, options) => {
      const { output, signal } = context
      const installed = await installTarget(context, options)
      const { project, client } = await openProject(context, { start: true })
      try {
        const deployment = compile(project)
        const topics = await ensureTopics(project.target.brokers, deployment.topics)
        for (const topic of topics) output.line(`created topic ${topic}`)
        const live = await readLive(client, deployment.objects, signal)
        const plan = planDeployment(deployment, live)
        showPlan(output, plan, options)
        if (plan.empty) {
          output.result({ ...planJson(plan), topics, applied: false, installed })
          return
        }
        output.line()
        const summary = await applyPlan(plan, client, { ...options, signal }, applyReporter(output))
        output.line()
        output.line(
          `Deployed ${project.config.name} to ${project.target.name} in ${(summary.ms / 1000).toFixed(1)} s.`,
        )
        output.result({ ...planJson(plan), topics, applied: true, summary, installed })
      } finally {
        await client.close()
      }
    }),
  )
}
