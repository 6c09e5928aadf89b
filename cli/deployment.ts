import { compile } from '../bootstrap/compile.js'
import { withCosts } from '../bootstrap/costs.js'
import { checkEdition } from '../bootstrap/edition.js'
import { readLive } from '../bootstrap/live.js'
import type { Deployment, Live, Plan } from '../bootstrap/model.js'
import { planDeployment } from '../bootstrap/plan.js'
import { type PlanDocument, planDocument } from '../bootstrap/plan_document.js'
import type { Project } from '../bootstrap/project.js'
import type { ProtonClient } from '../driver/index.js'
import type { Context } from './context.js'
import { openProject, type TargetOptions } from './target.js'

/** A project compiled for its target, what the target holds, and what follows from both. */
export interface Planned {
  project: Project
  client: ProtonClient
  deployment: Deployment
  live: Live
  plan: Plan
  document: PlanDocument
  /** The same after something was changed in the target. */
  again(): Promise<Planned>
}

export interface PlanningOptions extends TargetOptions {
  /** Before the target is looked at. */
  prepare?(project: Project, deployment: Deployment): Promise<void>
  /** What is to be deployed instead of the project. */
  instead?(project: Deployment, live: Live): Deployment
}

/** Opens the project, plans, hands both to `body`, and closes the connection. */
export async function withPlan<T>(
  context: Context,
  options: PlanningOptions,
  body: (planned: Planned) => Promise<T>,
): Promise<T> {
  const { project, client } = await openProject(context, options)
  try {
    const compiled = compile(project)
    noteLeftOut(context, project)
    const warning = await checkEdition(project.target, client, context.signal)
    if (warning !== undefined) context.output.note(`warning: ${warning}`)
    await options.prepare?.(project, compiled)
    const planned = async (): Promise<Planned> => {
      const live = await readLive(client, compiled.objects, context.signal)
      const deployment = options.instead?.(compiled, live) ?? compiled
      const bare = planDeployment(deployment, live)
      const plan = await withCosts(bare, deployment, live, client, context.signal)
      const document = planDocument(plan, deployment, live, project.target.name)
      return { project, client, deployment, live, plan, document, again: planned }
    }
    return await body(await planned())
  } finally {
    await client.close()
  }
}

function noteLeftOut(context: Context, { leftOut }: Project): void {
  if (leftOut.length === 0) return
  const files = leftOut.map(({ file, variable }) => `${file.path} (${variable})`)
  context.output.note(`left out, for want of a variable: ${files.join(', ')}`)
}
