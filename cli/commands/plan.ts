import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { action } from '../context.js'
import { withPlan } from '../deployment.js'
import { showPlan } from '../deployment_view.js'
import { EXIT } from '../exit.js'
import { findingLines, findingsOf } from '../lint_view.js'

interface PlanOptions {
  detailedExitcode?: boolean
  out?: string
}

export function registerPlan(program: Command): void {
  program
    .command('plan')
    .description('show what bootstrap would do, how and why, with the differences in SQL; changes nothing')
    .option('--detailed-exitcode', 'exit code 3 when there is something to do')
    .option('--out <file>', 'write the plan to a file, for `tpctl apply`')
    .action(
      action<PlanOptions, []>(async (context, options) =>
        withPlan(context, {}, async ({ plan, document, project }) => {
          const { output } = context
          showPlan(output, plan, { diff: true })
          const findings = findingLines(output, await findingsOf(context, project))
          if (findings.length > 0) output.line()
          for (const line of findings) output.line(line)
          if (options.out !== undefined) {
            await writeFile(options.out, `${JSON.stringify(document, null, 2)}\n`)
            output.line(`Written to ${options.out}; carry it out with: tpctl apply ${options.out}`)
          }
          output.result(document)
          return options.detailedExitcode && !plan.empty ? EXIT.changes : EXIT.ok
        }),
      ),
    )
}
