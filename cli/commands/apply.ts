import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { type ApplySummary, applyPlan } from '../../bootstrap/apply.js'
import { assertCurrent, type PlanDocument, parsePlanDocument } from '../../bootstrap/plan_document.js'
import { ensureTopics } from '../../bootstrap/topics.js'
import { UserError } from '../../dialect/user_error.js'
import { type ApplyFlags, applyOptions, withApplyFlags } from '../apply_options.js'
import { action, type Context } from '../context.js'
import { type Planned, withPlan } from '../deployment.js'
import { applyReporter, showPlan } from '../deployment_view.js'

export function registerApply(program: Command): void {
  const command = program
    .command('apply')
    .argument('<plan>', 'a file that `tpctl plan --out` wrote')
    .description('carry out a saved plan; refused if the target or the project changed since')
  withApplyFlags(command).action(
    action<ApplyFlags, [string]>(async (context, options, path) => {
      const saved = await readPlan(path)
      await withPlan({ ...context, target: context.target ?? saved.target }, {}, async (planned) => {
        assertCurrent(saved, planned.document)
        showPlan(context.output, planned.plan, options)
        const { target } = planned.project
        const topics = planned.plan.empty ? [] : await ensureTopics(target, planned.deployment.topics)
        const summary = await carryOut(context, planned, options)
        context.output.result({ ...planned.document, topics, applied: summary !== undefined, summary })
      })
    }),
  )
}

async function readPlan(path: string): Promise<PlanDocument> {
  let content: string
  try {
    content = await readFile(path, 'utf8')
  } catch (cause) {
    throw new UserError('PLAN_FILE', `The plan ${path} cannot be read.`, {
      detail: cause instanceof Error ? cause.message : undefined,
      suggestion: 'Make one with `tpctl plan --out <file>`.',
      cause,
    })
  }
  return parsePlanDocument(content, path)
}

/** Applies a plan and tells of every step; nothing where there is nothing to do. */
export async function carryOut(
  context: Context,
  { plan, client, project }: Planned,
  flags: ApplyFlags,
): Promise<ApplySummary | undefined> {
  const { output, signal } = context
  if (plan.empty) return undefined
  output.line()
  const summary = await applyPlan(plan, client, { ...applyOptions(flags), signal }, applyReporter(output))
  output.line()
  output.line(
    `Deployed ${project.config.name} to ${project.target.name} in ${(summary.ms / 1000).toFixed(1)} s.`,
  )
  return summary
}
