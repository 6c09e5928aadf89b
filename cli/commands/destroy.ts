import type { Command } from 'commander'
import { compile } from '../../bootstrap/compile.js'
import { destroy, planDestroy } from '../../bootstrap/destroy.js'
import { action } from '../context.js'
import { applyReporter, showPlan } from '../deployment_view.js'
import { openProject } from '../target.js'

export function registerDestroy(program: Command): void {
  program
    .command('destroy')
    .description('drop everything that tpctl made in the target, and nothing else')
    .option('--allow-destructive', 'really do it: rows are lost')
    .action(
      action<{ allowDestructive?: boolean }, []>(async (context, options) => {
        const { output, signal } = context
        const { project, client } = await openProject(context)
        try {
          const plan = await planDestroy(compile(project), client, signal)
          showPlan(output, plan, options)
          const summary = await destroy(
            plan,
            client,
            { allowDestructive: options.allowDestructive, signal },
            applyReporter(output),
          )
          output.result({ project: plan.project, edition: plan.edition, changes: plan.changes, summary })
        } finally {
          await client.close()
        }
      }),
    )
}
