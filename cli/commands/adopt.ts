import type { Command } from 'commander'
import { type Adopted, adopt } from '../../bootstrap/adopt.js'
import { action } from '../context.js'
import { withPlan } from '../deployment.js'
import { showPlan } from '../deployment_view.js'
import type { Output } from '../output.js'

export function registerAdopt(program: Command): void {
  program
    .command('adopt')
    .argument('[names...]', 'objects; without any, all that differ')
    .description(
      'let what somebody else changed or made in the target count as known; changes only the ledger',
    )
    .action(
      action<object, [string[]]>(async (context, _options, names) =>
        withPlan(context, {}, async ({ plan, deployment, live, client, again }) => {
          const { output, signal } = context
          const adopted = await adopt(plan, deployment, live, client, names, signal)
          showAdopted(output, adopted)
          const after = await again()
          output.line()
          showPlan(output, after.plan)
          output.result({ adopted, plan: after.document })
        }),
      ),
    )
}

export function showAdopted(output: Output, adopted: Adopted[]): void {
  if (adopted.length === 0) output.line('Nothing to adopt: nobody else changed the target.')
  for (const { name, kind, found } of adopted) {
    output.line(`adopted ${kind.replaceAll('_', ' ')} ${name}, as it is in the target:`)
    for (const line of found.split('\n')) output.line(`    ${output.color('dim', line)}`)
  }
}
