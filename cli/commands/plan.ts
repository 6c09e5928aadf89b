import type { Command } from 'commander'
import { compile } from '../../bootstrap/compile.js'
import { readLive } from '../../bootstrap/live.js'
import { planDeployment } from '../../bootstrap/plan.js'
import { action } from '../context.js'
import { planJson, showPlan } from '../deployment_view.js'
import { EXIT } from '../exit.js'
import { openProject } from '../target.js'

export function registerPlan(program: Command): void {
  program
    .command('plan')
    .description('show what bootstrap would do, and why; changes nothing')
    .option('--detailed-exitcode', 'exit code 3 when there is something to do')
    .action(
      action<{ detailedExitcode?: boolean }, []>(async (context, options) => {
        const { project, client } = await openProject(context)
        try {
          const deployment = compile(project)
          const live = await readLive(client, deployment.objects, context.signal)
          const plan = planDeployment(deployment, live)
          showPlan(context.output, plan)
          context.output.result(planJson(plan))
          return options.detailedExitcode && !plan.empty ? EXIT.changes : EXIT.ok
        } finally {
          await client.close()
        }
      }),
    )
}
