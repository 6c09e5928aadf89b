import type { Command } from 'commander'
import { deploymentBefore } from '../../bootstrap/rollback.js'
import { type ApplyFlags, withApplyFlags } from '../apply_options.js'
import { action } from '../context.js'
import { withPlan } from '../deployment.js'
import { showPlan } from '../deployment_view.js'
import { carryOut } from './apply.js'

export function registerRollback(program: Command): void {
  const command = program
    .command('rollback')
    .description(
      'undo the last bootstrap or apply in the target, interrupted ones too; a second time does it again',
    )
    .option('--dry-run', 'only show what would be done')
  withApplyFlags(command).action(
    action<ApplyFlags & { dryRun?: boolean }, []>(async (context, options) => {
      await withPlan(context, { instead: deploymentBefore }, async (planned) => {
        showPlan(context.output, planned.plan, options)
        const summary = options.dryRun ? undefined : await carryOut(context, planned, options)
        context.output.result({ ...planned.document, applied: summary !== undefined, summary })
      })
    }),
  )
}
