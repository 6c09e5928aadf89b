import type { Command } from 'commander'
import { adopt } from '../../bootstrap/adopt.js'
import { ensureTopics } from '../../bootstrap/topics.js'
import { type ApplyFlags, withApplyFlags } from '../apply_options.js'
import { action } from '../context.js'
import { type Planned, withPlan } from '../deployment.js'
import { showPlan } from '../deployment_view.js'
import { type InstallFlags, installTarget, withInstallFlags } from '../install/flags.js'
import { showAdopted } from './adopt.js'
import { carryOut } from './apply.js'

interface BootstrapOptions extends InstallFlags, ApplyFlags {
  adopt?: boolean
}

export function registerBootstrap(program: Command): void {
  const command = program
    .command('bootstrap')
    .description(
      'deploy the project: create and change what differs, in order; starts the embedded engine if need be',
    )
    .option('--adopt', 'keep what somebody else changed in the target, and go on from there')
  withInstallFlags(withApplyFlags(command)).action(
    action<BootstrapOptions, []>(async (context, options) => {
      const { output, signal } = context
      const installed = await installTarget(context, options)
      const topics: string[] = []
      const prepare = async (project: Planned['project'], { topics: wanted }: Planned['deployment']) => {
        topics.push(...(await ensureTopics(project.target, wanted)))
        for (const topic of topics) output.line(`created topic ${topic}`)
      }
      await withPlan(context, { start: true, prepare }, async (found) => {
        let planned = found
        if (options.adopt && found.plan.drifted) {
          const { plan, deployment, live, client } = found
          showAdopted(output, await adopt(plan, deployment, live, client, [], signal))
          planned = await found.again()
        }
        showPlan(output, planned.plan, options)
        const summary = await carryOut(context, planned, options)
        output.result({ ...planned.document, topics, applied: summary !== undefined, summary, installed })
      })
    }),
  )
}
